//! Exponents of the probes needed against the number of units, by noise, stage and network.

use serde::Serialize;

use super::super::statistics::{Interval, exponent, interval};
use super::super::widths::Family;
use super::{ScalingRun, StageScaling};
use nmnc_analysis::analysis::{ProbesNeeded, Target};
use nmnc_report::measurements::{Place, Seeds};
use nmnc_report::text::{NONE, count, fixed, with_range};
use nmnc_report::{Measurements, Table};

/// A noise: name in files, name for readers given the dimension of the manifold, what theory says of its exponent for one example,
/// its measurements.
pub(super) struct Noise {
    pub name: &'static str,
    label: &'static str,
    theory: Option<f64>,
    of: fn(&StageScaling) -> &Vec<ProbesNeeded>,
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

/// Targets with their names for readers.
pub(super) const TARGETS: [(Target, &str); 2] = [(Target::Example, "One example"), (Target::Mean, "Mean")];

/// Name for readers.
fn target_label(target: Target) -> &'static str {
    TARGETS.iter().find(|(t, _)| *t == target).map_or("", |(_, label)| label)
}

/// Every measurement of a stage.
pub(super) fn needed(stage: &StageScaling) -> impl Iterator<Item = (&'static Noise, &ProbesNeeded)> {
    let at = |noise: &'static Noise, target| (noise.of)(stage).iter().find(move |n| n.target == target);
    NOISES.iter().flat_map(move |noise| {
        TARGETS.iter().filter_map(move |(target, _)| Some((noise, at(noise, *target)?)))
    })
}

/// The facet of a stage and Jacobian, with what was measured against the number of units.
pub(super) fn facet(family: &Family, stage: usize, target: Target) -> String {
    format!("{}, stage {stage}, {}", family.name, target.name())
}

/// The facet of one network of it, with cosines against the number of probes.
pub(super) fn curve_facet(facet: &str, units: f64) -> String {
    format!("{facet}, n = {units}")
}

/// Adds every measurement of a run.
pub(super) fn tabulate(family: &Family, seed: u64, run: &ScalingRun, table: &mut Measurements) {
    for stage in &run.stages {
        for (noise, needed) in needed(stage) {
            let facet = facet(family, stage.stage, needed.target);
            let units = stage.units as f64;
            let metrics = [
                ("dimension", Some(needed.dimension as f64)),
                ("attainable", Some(needed.attainable)),
                ("variation", Some(needed.variation)),
                ("probes", needed.needed),
                ("probes_law", Some(needed.needed_law)),
            ];
            table.add(&Place::new(noise.name, facet.as_str(), units), seed, metrics);
            for point in &needed.curve {
                let place = Place::new(noise.name, curve_facet(&facet, units), point.probes as f64);
                let cosines =
                    [("relative_cosine", Some(point.cosine)), ("relative_cosine_law", Some(point.law))];
                table.add(&place, seed, cosines);
            }
        }
    }
}

/// Numbers of the stages of a family.
pub(super) fn stages<'a>(family: &'a Family, table: &'a Measurements) -> impl Iterator<Item = usize> + 'a {
    (1..).take_while(|stage| {
        let facet = facet(family, *stage, Target::Example);
        table.rows().iter().any(|row| row.facet == facet)
    })
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
pub(super) fn fits(families: &[Family], table: &Measurements, dimension: usize) -> Vec<Fit> {
    let mut out = Vec::new();
    for family in families {
        for (stage, (target, _)) in stages(family, table).flat_map(|s| TARGETS.map(|t| (s, t))) {
            let fits = NOISES.iter().filter_map(|noise| fit(family, stage, target, noise, dimension, table));
            out.extend(fits);
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
    table: &Measurements,
) -> Option<Fit> {
    let facet = facet(family, stage, target);
    // Only widths that every seed reached: dropping the hardest seeds of a width would bend the line.
    let needed = table.curve(noise.name, &facet, None, "probes", Seeds::Measured);
    let reached = |x: f64| needed.iter().any(|point| point.x == x);
    let slopes = |metric| -> Vec<f64> {
        let series = table.series(noise.name, &facet, metric).into_values();
        series
            .filter_map(|all| exponent(&all.into_iter().filter(|p| reached(p.0)).collect::<Vec<_>>()))
            .collect()
    };
    let measured = slopes("probes");
    Some(Fit {
        family: family.name,
        family_label: family.label,
        stage,
        target,
        noise: noise.name,
        noise_label: noise.label(dimension),
        exponent: interval(measured.iter().copied())?,
        slopes: measured,
        law: interval(slopes("probes_law"))?,
        theory: noise.theory.filter(|_| target == Target::Example),
        widths: needed.len(),
        widths_of: table.abscissas(noise.name, &facet).len(),
        probes: [needed.first()?.y, needed.last()?.y],
    })
}

pub(super) fn table(fits: &[Fit]) -> Table {
    Table::of(
        fits,
        &[
            ("Network", &|fit: &&Fit| fit.family_label.to_owned()),
            ("Stage", &|fit| fit.stage.to_string()),
            ("Jacobian", &|fit| target_label(fit.target).to_owned()),
            ("Noise", &|fit| fit.noise_label.clone()),
            ("Exponent", &|fit| with_range(&fit.exponent, 2)),
            ("By the law", &|fit| fixed(fit.law.mean, 2)),
            ("Theory", &|fit| fit.theory.map_or_else(|| NONE.to_owned(), |theory| fixed(theory, 0))),
            ("Widths", &|fit| format!("{} of {}", fit.widths, fit.widths_of)),
            ("Probes, narrowest", &|fit| count(fit.probes[0].round())),
            ("Widest", &|fit| count(fit.probes[1].round())),
        ],
    )
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
        let mut table = Measurements::default();
        let runs = [
            (0, run(100, k(100, 0.9))),
            (0, run(200, k(200, 0.9))),
            (0, run(400, k(400, 0.9))),
            (1, run(100, k(100, 1.1))),
            (1, run(200, k(200, 1.1))),
            // Not reached by one seed, so that this width counts for none.
            (1, run(400, None)),
        ];
        runs.iter().for_each(|(seed, run)| tabulate(&FAMILIES[0], *seed, run, &mut table));
        let fits = fits(&FAMILIES, &table, 32);
        assert_eq!(fits.len(), 3);
        let isotropic = &fits[0];
        assert!(isotropic.slopes.iter().zip([0.9, 1.1]).all(|(a, b)| (a - b).abs() < 1e-9));
        assert!((isotropic.exponent.mean - 1.0).abs() < 1e-9 && (isotropic.law.mean - 1.0).abs() < 1e-9);
        assert_eq!((isotropic.widths, isotropic.widths_of, isotropic.theory), (2, 3, Some(1.0)));
        assert!(fits[1].exponent.mean.abs() < 1e-9 && fits[1].widths == 3 && fits[1].theory == Some(0.0));
        let said = super::super::verdict::verdict(&fits, &table, 1000);
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
