//! Where noise of a given energy tells the most at the next update: what is not known of a direction, times what use it is.

use crate::manifold::Subspace;

/// Share of the noise's energy that goes everywhere alike, so that what is held for known or for useless is looked at, too.
const EXPLORED: f64 = 0.1;
/// Uses below this fraction of the largest count as this much.
const LEAST: f64 = 1e-6;
/// Halvings that a level is found by, from the highest down to a 10^-12th of it.
const HALVINGS: usize = 60;

/// Directions that are alike.
#[derive(Clone, Copy, Debug)]
struct Directions {
    /// How many.
    many: f64,
    /// Variance of what is not known of a row along each.
    unknown: f64,
    /// What a squared error there counts.
    useful: f64,
}

impl Directions {
    /// What is not known, by what it counts.
    fn height(self) -> f64 {
        if self.many > 0.0 { self.unknown * self.useful.sqrt() } else { 0.0 }
    }

    /// What brings the variance v of each down to v useful^1/2 = `level`: how many of them are determined by that, and the sum of 1/v - 1/p.
    fn down_to(self, level: f64) -> [f64; 2] {
        let left = level / self.useful.sqrt();
        if self.height() <= level {
            return [0.0; 2];
        }
        [1.0 - left / self.unknown, 1.0 / left - 1.0 / self.unknown].map(|own| own * self.many)
    }
}

/// Variances of noise along the components of a manifold and in each direction off them, over their mean.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Aim {
    pub along: Vec<f64>,
    pub off: f64,
}

impl Aim {
    /// For so many `answers` with errors of the variance `error`, where `unknown` is what is not known along each component and in each
    /// direction off them. An error counts by the variance of the activity along its direction: what a stage does not do needs no credit.
    /// Nothing where all is known.
    pub(super) fn new(
        (unknown, unknown_off): (&[f64], f64),
        manifold: &Subspace,
        (answers, error): (usize, f64),
    ) -> Option<Self> {
        let beyond = (manifold.units() - manifold.dimension()) as f64;
        let variances = manifold.variances();
        let left = (manifold.total_variance() - variances.iter().sum::<f64>()).max(0.0);
        let off_variance = if beyond > 0.0 { left / beyond } else { 0.0 };
        let useful = |variance: f64| (variance / variances[0]).max(LEAST);
        let along = unknown.iter().zip(variances);
        let along =
            along.map(|(unknown, own)| Directions { many: 1.0, unknown: *unknown, useful: useful(*own) });
        let off = Directions { many: beyond, unknown: unknown_off, useful: useful(off_variance) };
        let directions: Vec<Directions> = along.chain([off]).collect();
        let mut along = shared(&directions, answers as f64, error)?;
        along.iter_mut().for_each(|variance| *variance = (1.0 - EXPLORED) * *variance + EXPLORED);
        let off = along.pop()?;
        Some(Self { along, off })
    }
}

/// Variances of noise, with a mean of one over all directions, that make the sum of useful v least after K answers with errors of the
/// variance r. Of the variance p along a direction with noise of the variance s they leave v = 1 / (1 / p + s K / t), where t = r + sum s v is
/// what stands beside it in an answer (Tse and Hanly 1999). With t as given, v useful^1/2 comes to the same level in all directions that get
/// any, and those below it get none; what then has to be spent gives t and the level. Nothing where all is known.
fn shared(directions: &[Directions], answers: f64, error: f64) -> Option<Vec<f64>> {
    let energy: f64 = directions.iter().map(|own| own.many).sum();
    let highest = directions.iter().map(|own| own.height()).fold(0.0, f64::max);
    if !(highest > 0.0 && highest.is_finite() && answers > 0.0) {
        return None;
    }
    // K answers determine fewer than K directions, however exact they are, and a lower level takes more energy.
    let affordable = |level: f64| {
        let sum = |[a, b]: [f64; 2], [c, d]: [f64; 2]| [a + c, b + d];
        let [determined, taken] = directions.iter().map(|own| own.down_to(level)).fold([0.0; 2], sum);
        determined < answers && taken * error / (answers - determined) <= energy
    };
    let [mut low, mut high] = [highest * 1e-12, highest];
    for _ in 0..HALVINGS {
        let middle = (low * high).sqrt();
        if affordable(middle) { high = middle } else { low = middle }
    }
    // Where next to nothing can be told, a hair below the highest.
    let level = high.min(highest * (1.0 - 1e-9));
    let taken = |own: &Directions| own.down_to(level)[1];
    let all: f64 = directions.iter().map(taken).sum();
    let of_each = |own: &Directions| if own.many > 0.0 { taken(own) / own.many * energy / all } else { 0.0 };
    Some(directions.iter().map(of_each).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directions(of: &[(f64, f64, f64)]) -> Vec<Directions> {
        of.iter().map(|&(many, unknown, useful)| Directions { many, unknown, useful }).collect()
    }

    /// Sum of useful v after K answers, by the law that the noise is shared by.
    fn left(directions: &[Directions], noise: &[f64], answers: f64, error: f64) -> f64 {
        let v = |own: &Directions, s: f64, t: f64| 1.0 / (1.0 / own.unknown + s * answers / t);
        let sum =
            |t: f64| directions.iter().zip(noise).map(|(own, s)| own.many * s * v(own, *s, t)).sum::<f64>();
        let (mut low, mut high) = (0.0, error + sum(f64::INFINITY));
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if error + sum(middle) > middle { low = middle } else { high = middle }
        }
        directions.iter().zip(noise).map(|(own, s)| own.many * own.useful * v(own, *s, high)).sum()
    }

    #[test]
    fn where_next_to_nothing_is_known_it_goes_by_the_root_of_the_use() {
        // Neyman's allocation: what is known before does not count against answers with small errors.
        let all = directions(&[(1.0, 1e9, 9.0), (2.0, 1e9, 4.0), (5.0, 1e9, 1.0)]);
        let noise = shared(&all, 100.0, 1e-3).unwrap();
        let mean = (3.0 + 2.0 * 2.0 + 5.0) / 8.0;
        for (noise, wanted) in noise.iter().zip([3.0, 2.0, 1.0]) {
            assert!((noise - wanted / mean).abs() < 1e-6, "{noise}");
        }
    }

    #[test]
    fn what_is_known_well_enough_gets_none() {
        // By hand, for errors that drown what answers share: K / r (s1 + s2) = 4 takes 1/v from 1 and from 4 to 4.5 in both.
        let all = directions(&[(1.0, 1.0, 1.0), (1.0, 0.25, 1.0), (1.0, 0.01, 1.0)]);
        let error = 1e9;
        let noise = shared(&all, error * 4.0 / 3.0, error).unwrap();
        for (noise, wanted) in noise.iter().zip([3.5 * 0.75, 0.5 * 0.75, 0.0]) {
            assert!((noise - wanted).abs() < 1e-6, "{noise} {wanted}");
        }
        assert_eq!(shared(&directions(&[(4.0, 0.0, 1.0)]), 10.0, 1.0), None);
        // Nothing off components that are all there is.
        let all = directions(&[(1.0, 1.0, 1.0), (0.0, 5.0, 1.0)]);
        assert_eq!(shared(&all, 10.0, 1.0).unwrap(), [1.0, 0.0]);
    }

    #[test]
    fn no_other_share_of_the_energy_leaves_less() {
        let all = directions(&[(1.0, 3.0, 1.0), (3.0, 1.0, 0.3), (4.0, 0.1, 0.5), (30.0, 0.05, 0.01)]);
        for (answers, error) in [(1e3, 1e3), (1e3, 1e5), (20.0, 200.0)] {
            let noise = shared(&all, answers, error).unwrap();
            let energy: f64 = noise.iter().zip(&all).map(|(s, own)| s * own.many).sum();
            assert!((energy - 38.0).abs() < 1e-6, "{energy}");
            let best = left(&all, &noise, answers, error);
            for (from, to) in (0..4).flat_map(|i| (0..4).map(move |j| (i, j))).filter(|(i, j)| i != j) {
                let mut other = noise.clone();
                let moved = 0.05 * other[from] * all[from].many;
                other[from] -= moved / all[from].many;
                other[to] += moved / all[to].many;
                // What stands beside it is taken as given, so that the least is missed by a hair.
                let worse = left(&all, &other, answers, error);
                assert!(worse > best * (1.0 - 1e-3), "{answers} {error} {from} {to}: {best} {worse}");
            }
            let alike = left(&all, &[1.0; 4], answers, error);
            assert!(best < 0.9 * alike, "{best} {alike}");
        }
    }
}
