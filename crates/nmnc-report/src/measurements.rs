//! One long table of measurements: what was measured, of which condition and seed, where, and the value.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, Serializer};

use super::csv::{Number, csv, text};
use nmnc_core::error::{Error, Result};
use nmnc_core::statistics::{Interval, interval, mean_sem};

/// One number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// What is compared: a rule, an optimizer, a kind of noise.
    #[serde(deserialize_with = "text")]
    pub condition: String,
    /// Which repetition; none for what no seed has a part in.
    pub seed: Option<u64>,
    /// What is shown apart, such as a stage or a task.
    #[serde(deserialize_with = "text")]
    pub facet: String,
    /// What it is drawn against, such as a step or a number of units; none for what stands by itself.
    #[serde(serialize_with = "short")]
    pub x: Option<f64>,
    /// Name of the quantity.
    #[serde(deserialize_with = "text")]
    pub metric: String,
    /// The number.
    #[serde(serialize_with = "short")]
    pub value: f64,
}

fn short<S: Serializer, V: Copy + Into<Number>>(
    value: &V,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    Number::serialize(&(*value).into(), serializer)
}

/// All that repetitions have in common: what is averaged over seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The condition.
    pub condition: String,
    /// The facet.
    pub facet: String,
    /// The abscissa.
    pub x: Option<f64>,
}

impl Place {
    /// A condition in a facet at an abscissa.
    pub fn new(condition: impl Into<String>, facet: impl Into<String>, x: impl Into<Option<f64>>) -> Self {
        Self { condition: condition.into(), facet: facet.into(), x: x.into() }
    }

    /// The same for another condition.
    pub fn with(&self, condition: &str) -> Self {
        Self { condition: condition.to_owned(), ..self.clone() }
    }
}

/// Which abscissas make a point of a curve, if seeds lack a value at some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// All at which any seed has one: means may be over other seeds from point to point.
    Any,
    /// Those at which no seed lacks one that was measured there at all, in whichever metric.
    Measured,
    /// Those at which every seed of the condition in the facet has one: means are over the same seeds everywhere.
    All,
}

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Abscissa, or its mean over seeds.
    pub x: f64,
    /// Value, or its mean over seeds.
    pub y: f64,
    /// Standard error of the mean over seeds.
    pub sem: Option<f64>,
}

/// Measurements in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurements {
    rows: Vec<Measurement>,
}

impl Measurements {
    /// Adds what one seed shows at a place; metrics without a value are left out.
    pub fn add<'m>(
        &mut self,
        place: &Place,
        seed: impl Into<Option<u64>>,
        metrics: impl IntoIterator<Item = (&'m str, Option<f64>)>,
    ) {
        let (Place { condition, facet, x }, seed) = (place, seed.into());
        self.rows.extend(metrics.into_iter().filter_map(|(metric, value)| {
            let (condition, facet, metric) = (condition.clone(), facet.clone(), metric.to_owned());
            Some(Measurement { condition, seed, facet, x: *x, metric, value: value? })
        }));
    }

    /// Every row.
    pub fn rows(&self) -> &[Measurement] {
        &self.rows
    }

    /// The rows of a metric in a facet.
    pub fn select<'m>(&'m self, metric: &'m str, facet: &'m str) -> impl Iterator<Item = &'m Measurement> {
        self.rows.iter().filter(move |row| row.metric == metric && row.facet == facet)
    }

    /// The conditions in order of first appearance.
    pub fn conditions(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        self.rows.iter().map(|row| row.condition.as_str()).filter(|name| seen.insert(*name)).collect()
    }

    /// Number of seeds of a condition.
    pub fn seeds(&self, condition: &str) -> usize {
        let own = self.rows.iter().filter(|row| row.condition == condition);
        own.map(|row| row.seed).collect::<BTreeSet<_>>().len()
    }

    /// The seeds of a metric at a place, each with its value.
    pub fn by_seed<'m>(
        &'m self,
        place: &'m Place,
        metric: &'m str,
    ) -> impl Iterator<Item = (Option<u64>, f64)> + 'm {
        self.select(metric, &place.facet)
            .filter(|row| row.condition == place.condition && row.x == place.x)
            .map(|row| (row.seed, row.value))
    }

    /// Mean and interval over seeds of a metric at a place; none where it was not measured.
    pub fn over_seeds(&self, place: &Place, metric: &str) -> Option<Interval> {
        interval(self.by_seed(place, metric).map(|(_, value)| value))
    }

    /// Values at two places of the seeds that both have.
    pub fn pairs(&self, place: &Place, other: &Place, metric: &str) -> Vec<(Option<u64>, [f64; 2])> {
        let others: Vec<(Option<u64>, f64)> = self.by_seed(other, metric).collect();
        let twin = |seed| others.iter().find(|(other, _)| *other == seed).map(|(_, value)| *value);
        self.by_seed(place, metric).filter_map(|(seed, value)| Some((seed, [value, twin(seed)?]))).collect()
    }

    /// The metric at `place` less that at `other`, seed by seed.
    pub fn less(&self, place: &Place, other: &Place, metric: &str) -> Option<Interval> {
        interval(self.pairs(place, other, metric).into_iter().map(|(_, [a, b])| a - b))
    }

    /// What another metric is at the place and seed of a row.
    pub fn beside(&self, row: &Measurement, metric: &str) -> Option<f64> {
        let same = |other: &&Measurement| {
            other.condition == row.condition && other.seed == row.seed && other.x == row.x
        };
        self.select(metric, &row.facet).find(same).map(|other| other.value)
    }

    /// The abscissas of a condition in a facet, rising.
    pub fn abscissas(&self, condition: &str, facet: &str) -> Vec<f64> {
        let own = self.rows.iter().filter(|row| row.condition == condition && row.facet == facet);
        let found: BTreeSet<Ordered> = own.filter_map(|row| row.x.map(Ordered)).collect();
        found.into_iter().map(|Ordered(x)| x).collect()
    }

    /// The metric of every seed against the abscissa, in the order of measurement.
    pub fn series(
        &self,
        condition: &str,
        facet: &str,
        metric: &str,
    ) -> BTreeMap<Option<u64>, Vec<(f64, f64)>> {
        let mut out: BTreeMap<Option<u64>, Vec<(f64, f64)>> = BTreeMap::new();
        for row in self.select(metric, facet).filter(|row| row.condition == condition) {
            if let Some(x) = row.x {
                out.entry(row.seed).or_default().push((x, row.value));
            }
        }
        out
    }

    /// The curve of a metric for one condition in a facet, by rising abscissa. With `across`, points lie at the mean of that metric
    /// instead of at the abscissa that they are grouped by. Values that are not finite are none.
    pub fn curve(
        &self,
        condition: &str,
        facet: &str,
        across: Option<&str>,
        metric: &str,
        seeds: Seeds,
    ) -> Vec<Point> {
        #[derive(Default)]
        struct At {
            measured: BTreeSet<Option<u64>>,
            across: Vec<f64>,
            values: Vec<f64>,
        }
        let mut all = BTreeSet::new();
        let mut found: BTreeMap<Ordered, At> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.condition == condition && row.facet == facet) {
            all.insert(row.seed);
            let Some(x) = row.x else { continue };
            let at = found.entry(Ordered(x)).or_default();
            at.measured.insert(row.seed);
            if row.metric == metric && row.value.is_finite() {
                at.values.push(row.value);
            }
            if Some(row.metric.as_str()) == across {
                at.across.push(row.value);
            }
        }
        let whole = |at: &At| match seeds {
            Seeds::Any => true,
            Seeds::Measured => at.values.len() == at.measured.len(),
            Seeds::All => at.values.len() == all.len(),
        };
        let point = |(Ordered(x), at): (Ordered, At)| {
            let y = mean_sem(at.values)?;
            let x = if across.is_some() { mean_sem(at.across)?.mean } else { x };
            Some(Point { x, y: y.mean, sem: y.sem })
        };
        found.into_iter().filter(|(_, at)| whole(at)).filter_map(point).collect()
    }

    /// [`Measurements::curve`] for every condition that has points, in order of first appearance.
    pub fn curves(&self, metric: &str, facet: &str, seeds: Seeds) -> Vec<(&str, Vec<Point>)> {
        let curve = |condition| (condition, self.curve(condition, facet, None, metric, seeds));
        self.conditions().into_iter().map(curve).filter(|(_, points)| !points.is_empty()).collect()
    }

    /// As a CSV file: one line a number.
    pub fn csv(&self) -> String {
        csv(self.rows.iter().cloned())
    }

    /// Reads a file back that [`Measurements::csv`] made.
    ///
    /// # Errors
    /// The first line that is no measurement.
    pub fn parse(text: &str) -> Result<Self> {
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let rows = reader.deserialize().collect::<std::result::Result<_, ::csv::Error>>();
        Ok(Self { rows: rows.map_err(|e| Error::data("measurements", e).mend("make the file again"))? })
    }
}

impl Extend<Measurement> for Measurements {
    fn extend<I: IntoIterator<Item = Measurement>>(&mut self, rows: I) {
        self.rows.extend(rows);
    }
}

/// A number that is ordered as such.
struct Ordered(f64);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Measurements {
        let mut out = Measurements::default();
        for (condition, seed, values) in
            [("a", 0, [1.0, 2.0, 3.0]), ("a", 1, [3.0, 4.0, f64::NAN]), ("b", 1, [0.5, 0.25, 0.125])]
        {
            for (x, value) in [2.0, 4.0, 8.0].into_iter().zip(values) {
                let place = Place::new(condition, "stage 1", x);
                let spent = 10.0 * x + seed as f64;
                out.add(
                    &place,
                    seed,
                    [("cosine", Some(value).filter(|v| !v.is_nan())), ("spent", Some(spent))],
                );
            }
        }
        out.add(&Place::new("a", "stage 1", 16.0), 0, [("cosine", Some(9.0))]);
        out
    }

    #[test]
    fn curves_are_means_over_seeds_with_their_error() {
        let found = found();
        let point = |x, y, sem| Point { x, y, sem };
        // sd of two numbers 2 apart: sqrt(2); over sqrt(2): 1.
        let both = [point(2.0, 2.0, Some(1.0)), point(4.0, 3.0, Some(1.0))];
        let curve = |across, seeds| found.curve("a", "stage 1", across, "cosine", seeds);
        assert_eq!(curve(None, Seeds::All), both);
        // Seed 1 was measured at 8 but has no cosine there, and was not at 16.
        assert_eq!(curve(None, Seeds::Measured), [&both[..], &[point(16.0, 9.0, None)]].concat());
        assert_eq!(curve(None, Seeds::Any).len(), 4);
        assert_eq!(curve(Some("spent"), Seeds::All)[0].x, 20.5);
        let curves = found.curves("cosine", "stage 1", Seeds::All);
        assert_eq!((curves.len(), curves[1].0, curves[1].1[2].y), (2, "b", 0.125));
        assert!(found.curves("cosine", "stage 2", Seeds::All).is_empty());
    }

    #[test]
    fn differences_are_between_values_of_one_seed() {
        let found = found();
        let place = Place::new("a", "stage 1", 2.0);
        let less = found.less(&place, &place.with("b"), "cosine").unwrap();
        assert_eq!((less.mean, less.n), (2.5, 1));
        assert_eq!(found.over_seeds(&place, "cosine").unwrap().mean, 2.0);
        assert!(found.over_seeds(&place.with("c"), "cosine").is_none());
        let row = found.select("cosine", "stage 1").nth(1).unwrap();
        assert_eq!(
            (row.x, found.beside(row, "spent"), found.beside(row, "time")),
            (Some(4.0), Some(40.0), None)
        );
        assert_eq!(found.abscissas("a", "stage 1"), [2.0, 4.0, 8.0, 16.0]);
        assert_eq!(found.series("b", "stage 1", "cosine")[&Some(1)], [(2.0, 0.5), (4.0, 0.25), (8.0, 0.125)]);
    }

    #[test]
    fn a_file_reads_back_as_what_it_was_made_from() {
        let mut found = found();
        found.add(&Place::new("c, \"d\"", "", None), None, [("chance", Some(0.1))]);
        let text = found.csv();
        assert!(text.starts_with("condition,seed,facet,x,metric,value\na,0,stage 1,2,cosine,1\n"), "{text}");
        assert!(text.ends_with("\n\"c, \"\"d\"\"\",,,,chance,0.1\n"), "{text}");
        assert_eq!(Measurements::parse(&text).unwrap(), found);
        assert!(Measurements::parse("condition,seed\na,1\n").is_err());
    }
}
