//! Figures of an analysis.

use super::result::{Alignment, Analysis, Captured, ProbeCurve, StageAnalysis, Target};
use nmnc_report::figure::Figure;
use nmnc_report::grid::{Cell, Curve, Scale, figure};
use nmnc_report::look::Style;
use nmnc_report::measurements::Point;

const MEAN: Style = Style(3);
const EXAMPLE: Style = Style(1);
const UNTRAINED: Style = Style(4);
const SHUFFLED: Style = Style(2);
const RANDOM: Style = Style(0);
const ISOTROPIC: Style = Style(2);
const LAW: Style = Style(0);

/// All figures for which there are numbers.
pub(super) fn figures(analysis: &Analysis) -> Vec<Figure> {
    let random = analysis.stages.iter().find_map(|s| s.alignment.as_ref()).map_or(0, |a| a.random.draws);
    let figures = [
        draw(
            analysis,
            "Energy of the Jacobian captured by the manifold",
            format!(
                "α_d = ‖J U_d‖² / ‖J‖² against the dimension d of the manifold; logarithmic horizontally. Mean J: the mean of the \
                 examples’ Jacobians. Per example: mean α of each example’s own Jacobian, band ± sd over examples. Untrained: mean J \
                 of the network before training, on its own manifold. Shuffled: principal axes of the activity after each \
                 unit was permuted over samples. Random: a random subspace, d/n, band ± sd in closed form \
                 (simulated with {random} draws in captured.csv)."
            ),
            ("d", "Captured energy α", Scale::UnitLog),
            &|stage| stage.alignment.as_ref().map_or_else(Vec::new, captured),
        ),
        draw(
            analysis,
            "Variance along the principal components",
            "Fraction of the variance along each component, both axes logarithmic.".to_owned(),
            ("Component", "Fraction of variance", Scale::LogLog),
            &spectrum,
        ),
        draw(
            analysis,
            "Principal angles between the row space of the mean Jacobian and the manifold",
            "Angles in degrees, smallest first, for manifolds of several dimensions; 0 is a direction on the manifold, 90 one \
             orthogonal to it."
                .to_owned(),
            ("Number of the angle", "Angle (degrees)", Scale::Degrees),
            &|stage| stage.alignment.as_ref().map_or_else(Vec::new, angles),
        ),
        draw(
            analysis,
            "One example’s Jacobian estimated by noise, and the law",
            probe_caption("The Jacobian of single examples, every probe at the same example."),
            ("Probes K", "Cosine to the exact J", Scale::UnitLog),
            &|stage| probes(stage, Target::Example),
        ),
        draw(
            analysis,
            "The mean Jacobian estimated by noise, and the law",
            probe_caption(
                "The mean Jacobian, each probe at an example drawn at random, so that the variation of J over examples adds to the error.",
            ),
            ("Probes K", "Cosine to the exact mean J", Scale::UnitLog),
            &|stage| probes(stage, Target::Mean),
        ),
    ];
    figures.into_iter().flatten().collect()
}

fn probe_caption(what: &str) -> String {
    format!(
        "{what} Normal probes, averaged; isotropic noise (VNC) and noise on the manifold (NMNC). Bands: ± sd over repetitions. Dashed: \
         the law, α / √(α + variance), with the variance the estimator declares ((m + 1) / K of dimension m for one Jacobian) and \
         α = 1 for isotropic noise."
    )
}

fn draw(
    analysis: &Analysis,
    title: &str,
    caption: String,
    axes: (&str, &str, Scale),
    curves: &dyn Fn(&StageAnalysis) -> Vec<Curve>,
) -> Option<Figure> {
    let cell = |stage: &StageAnalysis| Cell {
        heading: format!("Stage {}", stage.stage),
        note: format!("n = {}", stage.units),
        curves: curves(stage),
    };
    figure(title, caption, axes, analysis.stages.iter().map(cell).collect())
}

/// Points at d = 1, 2, ...
fn at_counts(values: &[f64], sd: Option<&[f64]>) -> Vec<Point> {
    let point = |(i, &y): (usize, &f64)| Point { x: (i + 1) as f64, y, sem: sd.map(|sd| sd[i]) };
    values.iter().enumerate().map(point).collect()
}

fn captured(a: &Alignment) -> Vec<Curve> {
    let mean = |c: &Captured| at_counts(&c.mean_jacobian, None);
    let mut curves = vec![
        Curve::new(MEAN, "Mean J", mean(&a.captured)),
        Curve::new(
            EXAMPLE,
            "Per example",
            at_counts(
                &a.captured.per_example,
                (a.examples > 1).then_some(a.captured.per_example_sd.as_slice()),
            ),
        ),
    ];
    curves.extend(a.untrained.as_ref().map(|c| Curve::new(UNTRAINED, "Untrained", mean(c))));
    curves.extend(a.shuffled.as_ref().map(|c| Curve::new(SHUFFLED, "Shuffled", mean(c))));
    let random = at_counts(&a.random.mean, Some(&a.random.sd));
    curves.push(Curve::new(RANDOM, "Random", random));
    curves
}

fn spectrum(stage: &StageAnalysis) -> Vec<Curve> {
    let total = stage.dimensions.total_variance;
    if total <= 0.0 {
        return Vec::new();
    }
    let fractions: Vec<f64> =
        stage.variances.iter().map(|v| v / total).take_while(|fraction| *fraction > 0.0).collect();
    vec![Curve::new(MEAN, "Activity", at_counts(&fractions, None))]
}

fn angles(a: &Alignment) -> Vec<Curve> {
    const STYLES: [Style; 6] = [Style(1), Style(2), Style(3), Style(4), Style(5), Style(6)];
    a.angles
        .iter()
        .zip(STYLES)
        .map(|(angles, style)| {
            Curve::new(style, format!("d = {}", angles.dimension), at_counts(&angles.degrees, None))
        })
        .collect()
}

fn probes(stage: &StageAnalysis, target: Target) -> Vec<Curve> {
    let mut curves = Vec::new();
    for curve in stage.probes.iter().filter(|c| c.target == target) {
        let (style, label) = match curve.dimension {
            None => (ISOTROPIC, "Isotropic"),
            Some(_) => (MEAN, "Manifold"),
        };
        let points = |y: fn(&super::ProbePoint) -> (f64, Option<f64>), curve: &ProbeCurve| -> Vec<Point> {
            let point = |p| {
                let (value, sem) = y(p);
                Point { x: p.probes as f64, y: value, sem }
            };
            curve.points.iter().map(point).collect()
        };
        // The measurement is drawn over the law.
        curves.push(Curve::new(LAW, "Law", points(|p| (p.cosine_law, None), curve)));
        curves.push(Curve::new(style, label, points(|p| (p.cosine, Some(p.cosine_sd)), curve)));
    }
    curves
}
