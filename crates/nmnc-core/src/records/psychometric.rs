//! How answers of an evaluation went with the strength of the evidence, as records tell it, and as a table.

use serde::{Deserialize, Serialize};

use super::columns::Column;
use super::csv::Origin;
use crate::spreadsheet;
use crate::statistics::psychometric::{Fit, Level, fit};
use crate::statistics::wilson95;

/// Share of choice 1 by the signed strength of the evidence for it, over the trials that were answered, and the psychometric curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Psychometric {
    /// What the strength is, with its unit.
    pub strength: String,
    /// Answers by strength, in rising order.
    pub levels: Vec<Level>,
    /// The curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_fit: Option<String>,
}

impl Psychometric {
    /// Answers at these levels, with the curve fitted to them.
    pub fn new(strength: String, levels: Vec<Level>) -> Self {
        let (fit, no_fit) = match fit(&levels) {
            Ok(fit) => (Some(fit), None),
            Err(why) => (None, Some(why.to_string())),
        };
        Self { strength, levels, fit, no_fit }
    }

    /// The rows of its table.
    pub fn points(&self) -> Vec<PsychometricPoint> {
        let point = |level: &Level| PsychometricPoint {
            level: *level,
            share: (level.trials > 0).then(|| level.chosen as f64 / level.trials as f64),
            interval: wilson95(level.chosen, level.trials),
            fitted: self.fit.map(|fit| fit.at(level.strength)),
        };
        self.levels.iter().map(point).collect()
    }

    /// `psychometric.csv` of a run: `rule`, `seed`, `task`, and [`PSYCHOMETRIC_COLUMNS`], a strength a row.
    pub fn csv(&self, origin: &Origin) -> String {
        let names = PSYCHOMETRIC_COLUMNS.map(|column| column.name);
        let cells = spreadsheet::row(&[origin.rule.clone(), origin.seed.to_string(), origin.task.clone()]);
        let row = |point: PsychometricPoint| {
            let values = PSYCHOMETRIC_COLUMNS
                .map(|column| (column.value)(&point).map_or_else(String::new, |value| value.to_string()));
            format!("{cells},{}\n", values.join(","))
        };
        let rows: String = self.points().into_iter().map(row).collect();
        format!("rule,seed,task,{}\n{rows}", names.join(","))
    }
}

/// Answers at one strength, as they are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PsychometricPoint {
    /// Counts.
    pub level: Level,
    /// Share of choice 1; none without answers.
    pub share: Option<f64>,
    /// Its 95 % interval.
    pub interval: [f64; 2],
    /// The curve there.
    pub fitted: Option<f64>,
}

/// Columns of a row of `psychometric.csv` behind rule, seed and task.
pub const PSYCHOMETRIC_COLUMNS: [Column<PsychometricPoint>; 7] = [
    Column::new(
        "strength",
        "of the task",
        |p| Some(p.level.strength),
        "signed strength of the evidence, positive for choice 1; of more than 64 different ones neighbours are pooled, at their mean",
    ),
    Column::new(
        "trials",
        "count",
        |p| Some(p.level.trials as f64),
        "evaluation trials of that strength with an answer in the response period",
    ),
    Column::new(
        "chosen",
        "count",
        |p| Some(p.level.chosen as f64),
        "how many of them were answered with choice 1",
    ),
    Column::new("share", "fraction", |p| p.share, "`chosen` over `trials`"),
    Column::new(
        "share_low",
        "fraction",
        |p| Some(p.interval[0]),
        "lower end of its binomial 95 % interval (Wilson's score)",
    ),
    Column::new("share_high", "fraction", |p| Some(p.interval[1]), "upper end of the same"),
    Column::new("fitted", "fraction", |p| p.fitted, "the fitted curve at that strength"),
];

/// Numbers of a fit.
pub const FIT_COLUMNS: [Column<Fit>; 11] = [
    Column::new(
        "mu",
        "of the strength",
        |f| Some(f.mu),
        "where the curve is halfway between its ends: the bias",
    ),
    Column::new("mu_se", "of the strength", |f| Some(f.mu_se), "its standard error"),
    Column::new(
        "sigma",
        "of the strength",
        |f| Some(f.sigma),
        "deviation of the cumulative Gaussian, a threshold: from `mu` to `mu + sigma` it goes from 50 to 84 % of its rise",
    ),
    Column::new("sigma_se", "of the strength", |f| Some(f.sigma_se), "its standard error"),
    Column::new(
        "slope",
        "1 / strength",
        |f| Some(f.slope),
        "of the curve at `mu`: (1 - lapse_low - lapse_high) / (sigma sqrt(2 pi))",
    ),
    Column::new("slope_se", "1 / strength", |f| Some(f.slope_se), "its standard error"),
    Column::new(
        "lapse_low",
        "fraction",
        |f| Some(f.lapse_low),
        "share of choice 1 where all evidence is against it, from 0 to 0.2",
    ),
    Column::new("lapse_low_se", "fraction", |f| f.lapse_low_se, "its standard error; none at 0 or 0.2"),
    Column::new(
        "lapse_high",
        "fraction",
        |f| Some(f.lapse_high),
        "share of other choices where all evidence is for it, from 0 to 0.2",
    ),
    Column::new("lapse_high_se", "fraction", |f| f.lapse_high_se, "its standard error; none at 0 or 0.2"),
    Column::new(
        "deviance",
        "number",
        |f| Some(f.deviance),
        "twice the logarithm of how much likelier counts are by their own shares; about as large as there are strengths but four if the curve is right",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_a_strength_and_empty_cells_without_a_fit() {
        let level = |strength, trials, chosen| Level { strength, trials, chosen };
        let found = Psychometric::new("s".into(), vec![level(-1.5, 4, 1), level(2.0, 0, 0)]);
        assert_eq!((found.fit, found.no_fit.is_some()), (None, true));
        let origin = Origin::of("nmnc", 3, "task.name = 'A,B'");
        let table = found.csv(&origin);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "rule,seed,task,strength,trials,chosen,share,share_low,share_high,fitted");
        assert!(lines[1].starts_with("nmnc,3,\"A,B\",-1.5,4,1,0.25,0.04558726"), "{}", lines[1]);
        assert!(lines[1].ends_with(','));
        assert_eq!(lines[2], "nmnc,3,\"A,B\",2,0,0,,0,1,");
        assert_eq!(lines.len(), 3);
    }
}
