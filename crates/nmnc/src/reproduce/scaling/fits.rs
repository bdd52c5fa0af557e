//! Exponents of the probes needed against the number of units, by noise, stage and network.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::statistics::{Interval, exponent, interval};
use super::super::widths::Family;
use super::{ScalingRun, StageScaling};
use nmnc_analysis::analysis::{ProbesNeeded, Target};

/// Probes needed, measured and by the law.
type Needed = (Option<f64>, f64);
/// The same by seed.
type BySeed = BTreeMap<u64, Needed>;

/// Index of the family, seed, what was measured.
pub(super) type Data = [(usize, u64, ScalingRun)];

/// A noise: name in files, name for readers given the dimension of the manifold, what theory says of its exponent for one example,
/// its measurements.
pub(super) struct Noise {
    pub name: &'static str,
    label: &'static str,
    theory: Option<f64>,
    pub of: fn(&StageScaling) -> &Vec<ProbesNeeded>,
}

/// Every noise.
pub(super) const NOISES: [Noise; 3] = [
    Noise { name: "isotropic", label: "Isotropic", theory: Some(1.0), of: |s| &s.isotropic },
    Noise { name: "manifold", label: "Manifold, d = ", theory: Some(0.0), of: |s| &s.manifold },
    Noise {
        name: "manifold-variance",
        label: "Manifold, 90 % of variance",
        theory: None,
        of: |s| &s.variance,
    },
];

impl Noise {
    /// Name for readers.
    pub fn label(&self, dimension: usize) -> String {
        if self.label.ends_with("= ") { format!("{}{dimension}", self.label) } else { self.label.to_owned() }
    }
}

/// Targets: name in files, name for readers.
pub(super) const TARGETS: [(Target, &str, &str); 2] =
    [(Target::Example, "example", "One example"), (Target::Mean, "mean", "Mean")];

/// The measurement of a stage for one noise and target.
pub(super) fn at<'a>(stage: &'a StageScaling, noise: &Noise, target: Target) -> Option<&'a ProbesNeeded> {
    (noise.of)(stage).iter().find(|needed| needed.target == target)
}

/// An exponent.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Fit {
    pub family: &'static str,
    #[serde(skip)]
    pub family_label: &'static str,
    pub stage: usize,
    pub target: Target,
    pub noise: &'static str,
    #[serde(skip)]
    pub noise_label: String,
    /// Over seeds.
    pub exponent: Interval,
    /// Slope of each seed.
    pub slopes: Vec<f64>,
    /// The same from the probes that the law asks for, at the same widths.
    pub law: Interval,
    /// What theory says for one example of a network whose output is linear in the noise.
    pub theory: Option<f64>,
    /// Widths at which the probes were enough in every seed.
    pub widths: usize,
    /// Widths measured.
    pub widths_of: usize,
    /// Probes needed at the narrowest and the widest of these, mean over seeds.
    pub probes: [f64; 2],
}

/// Every exponent for which there are two widths at least.
pub(super) fn fits(families: &[Family], data: &Data, dimension: usize) -> Vec<Fit> {
    let mut out = Vec::new();
    for (index, family) in families.iter().enumerate() {
        let own = || data.iter().filter(move |(f, ..)| *f == index);
        let stages = own().next().map_or(0, |(_, _, run)| run.stages.len());
        for (stage, (target, ..)) in (1..=stages).flat_map(|s| TARGETS.map(|t| (s, t))) {
            for noise in &NOISES {
                // By units, then seed: K measured and by the law.
                let mut found: BTreeMap<usize, BySeed> = BTreeMap::new();
                for (_, seed, run) in own() {
                    let stage = run.stages.iter().find(|s| s.stage == stage);
                    if let Some((stage, needed)) = stage.and_then(|s| Some((s, at(s, noise, target)?))) {
                        let entry = (needed.needed, needed.needed_law);
                        found.entry(stage.units).or_default().insert(*seed, entry);
                    }
                }
                out.extend(fit(family, stage, target, noise, dimension, &found));
            }
        }
    }
    out
}

fn fit(
    family: &Family,
    stage: usize,
    target: Target,
    noise: &Noise,
    dimension: usize,
    found: &BTreeMap<usize, BySeed>,
) -> Option<Fit> {
    // Only widths that every seed reached: dropping the hardest seeds of a width would bend the line.
    let reached: Vec<(f64, &BySeed)> = found
        .iter()
        .filter(|(_, seeds)| seeds.values().all(|(needed, _)| needed.is_some()))
        .map(|(units, seeds)| (*units as f64, seeds))
        .collect();
    let seeds: Vec<u64> = found.values().next()?.keys().copied().collect();
    let slopes = |value: &dyn Fn(&Needed) -> Option<f64>| -> Vec<f64> {
        let slope = |seed: &u64| {
            let points: Vec<(f64, f64)> =
                reached.iter().filter_map(|(n, seeds)| Some((*n, value(seeds.get(seed)?)?))).collect();
            exponent(&points)
        };
        seeds.iter().filter_map(slope).collect()
    };
    let measured = slopes(&|(needed, _)| *needed);
    let law = slopes(&|(_, law)| Some(*law));
    let probes = |(_, seeds): &(f64, &BySeed)| {
        interval(seeds.values().filter_map(|(needed, _)| *needed)).map(|i| i.mean)
    };
    Some(Fit {
        family: family.name,
        family_label: family.label,
        stage,
        target,
        noise: noise.name,
        noise_label: noise.label(dimension),
        exponent: interval(measured.iter().copied())?,
        slopes: measured,
        law: interval(law)?,
        theory: noise.theory.filter(|_| target == Target::Example),
        widths: reached.len(),
        widths_of: found.len(),
        probes: [probes(reached.first()?)?, probes(reached.last()?)?],
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::widths::FAMILIES;
    use super::*;

    fn needed(target: Target, needed: Option<f64>, law: f64) -> ProbesNeeded {
        ProbesNeeded {
            target,
            dimension: 1,
            attainable: 0.5,
            variation: 1.0,
            curve: Vec::new(),
            needed,
            needed_law: law,
        }
    }

    /// A run of one stage that needs `isotropic` probes, and 100 on the manifold.
    fn run(units: usize, isotropic: Option<f64>) -> ScalingRun {
        let manifold = || vec![needed(Target::Example, Some(100.0), 100.0)];
        let isotropic = vec![needed(Target::Example, isotropic, 4.0 * units as f64)];
        let stage = StageScaling { stage: 1, units, isotropic, manifold: manifold(), variance: manifold() };
        ScalingRun { stages: vec![stage] }
    }

    #[test]
    fn exponents_are_those_of_the_power_laws_put_in() {
        let k = |n: usize, b: f64| Some(2.0 * (n as f64).powf(b));
        let data = [
            (0, 0, run(100, k(100, 0.9))),
            (0, 0, run(200, k(200, 0.9))),
            (0, 0, run(400, k(400, 0.9))),
            (0, 1, run(100, k(100, 1.1))),
            (0, 1, run(200, k(200, 1.1))),
            // Not reached by one seed, so that this width counts for none.
            (0, 1, run(400, None)),
        ];
        let fits = fits(&FAMILIES, &data, 32);
        assert_eq!(fits.len(), 3);
        let isotropic = &fits[0];
        assert!(isotropic.slopes.iter().zip([0.9, 1.1]).all(|(a, b)| (a - b).abs() < 1e-9));
        assert!((isotropic.exponent.mean - 1.0).abs() < 1e-9 && (isotropic.law.mean - 1.0).abs() < 1e-9);
        assert_eq!((isotropic.widths, isotropic.widths_of, isotropic.theory), (2, 3, Some(1.0)));
        assert!(fits[1].exponent.mean.abs() < 1e-9 && fits[1].widths == 3 && fits[1].theory == Some(0.0));
        let said = super::super::verdict::verdict(&fits, &data, 1000);
        assert_eq!(
            said[0],
            "Convolutional networks, Jacobian of one example: exponents of the probes needed against n, by stage: isotropic: 1.00 [−0.27, \
             2.27] (theory 1); manifold, d = 32: 0.00 [0.00, 0.00] (theory 0); manifold, 90 % of variance: 0.00 [0.00, 0.00]."
        );
        assert!(
            said[3].starts_with("Not reached with 1000 probes, and left out of the exponents: 1 of 18"),
            "{said:?}"
        );
    }
}
