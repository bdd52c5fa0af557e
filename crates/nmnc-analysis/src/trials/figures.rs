//! Figures of the alignment of noise.

use super::result::{AlignmentPoint, NoiseAlignment, TrialCosine};
use nmnc_report::figure::Figure;
use nmnc_report::grid::{Cell, Curve, Scale, figure};
use nmnc_report::look::Style;
use nmnc_report::measurements::Point;

pub(super) fn figures(found: &NoiseAlignment) -> Vec<Figure> {
    [alignment(found), cosines(found)].into_iter().flatten().collect()
}

fn alignment(found: &NoiseAlignment) -> Option<Figure> {
    let points = |value: fn(&AlignmentPoint) -> Option<f64>, sem: fn(&AlignmentPoint) -> Option<f64>| {
        let point = |p: &AlignmentPoint| Some(Point { x: p.dimension as f64, y: value(p)?, sem: sem(p) });
        found.curve.iter().filter_map(point).collect::<Vec<Point>>()
    };
    let curves = vec![
        Curve::new(Style(1), "Without cross-validation", points(|p| p.plain, |_| None)),
        Curve::new(Style(2), "Trials shuffled", points(|p| Some(p.shuffled), |_| None)),
        Curve::new(Style(4), "Conditions shuffled", points(|p| p.shuffled_conditions, |_| None)),
        Curve::new(Style(0), "Random", points(|p| Some(p.chance), |p| Some(p.chance_sd))),
        // Over the others, which it may coincide with.
        Curve::new(Style(3), "Noise", points(|p| Some(p.alpha), |p| p.standard_error)),
    ];
    figure(
        "Variability on the manifold of condition means",
        "Fraction α of the variance over trials along the d leading signal components; logarithmic horizontally. Noise: repeats that did \
         not define the components, band ± standard error over conditions. Without cross-validation: components of the means of \
         all repeats. Trials shuffled: units keep their variances and lose their correlations. Conditions shuffled: noise alone, \
         dealt out at random. Random: a random subspace, d/n, band ± sd."
            .to_owned(),
        ("d", "Fraction of the noise α", Scale::UnitLog),
        vec![Cell {
            heading: "Noise".to_owned(),
            note: format!("n = {}", found.units),
            curves: curves.into_iter().filter(|curve| !curve.points.is_empty()).collect(),
        }],
    )
}

fn cosines(found: &NoiseAlignment) -> Option<Figure> {
    let points = |value: &dyn Fn(&TrialCosine) -> (f64, Option<f64>)| -> Vec<Point> {
        let point = |c: &TrialCosine| {
            let (y, sem) = value(c);
            Point { x: c.probes as f64, y, sem }
        };
        found.cosines.iter().map(point).collect()
    };
    figure(
        "Credit that such variability would assign",
        format!(
            "Predicted cosine between a row of a Jacobian on the manifold of {} components and its estimate from K trials, mean of noise \
             times change of output, for Gaussian noise of the covariance found (band ± standard error over conditions), \
             isotropic noise on the manifold, and isotropic noise of all {} units. With any number of trials the noise found \
             reaches {:.2}.",
            found.dimension, found.units, found.limit
        ),
        ("Trials K", "Cosine to the row", Scale::UnitLog),
        vec![Cell {
            heading: "Correlation".to_owned(),
            note: format!("d = {}, n = {}", found.dimension, found.units),
            curves: vec![
                Curve::new(Style(3), "Noise found", points(&|c| (c.cosine, c.standard_error))),
                Curve::new(Style(1), "Isotropic on the manifold", points(&|c| (c.on_manifold, None))),
                Curve::new(Style(0), "Isotropic", points(&|c| (c.isotropic, None))),
            ],
        }],
    )
}
