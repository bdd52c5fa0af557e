//! Tables of an analysis: CSV files, and a short one for the terminal.

use serde::Serialize;

use super::result::{Alignment, Analysis, AtDimension, Captured, EffectiveRank, StageAnalysis};
use crate::dimension::Estimate;
use nmnc_report::text::NONE;
use nmnc_report::{Column, Number, Table, csv};

/// Every CSV file: name and text.
pub(super) fn files(analysis: &Analysis) -> Vec<(&'static str, String)> {
    vec![
        ("stages.csv", stages(analysis)),
        ("spectrum.csv", spectrum(analysis)),
        ("captured.csv", captured(analysis)),
        ("angles.csv", angles(analysis)),
        ("probes.csv", probes(analysis)),
    ]
}

/// `stages.csv`.
#[derive(Default, Serialize)]
struct StageRow {
    stage: usize,
    units: usize,
    samples: usize,
    total_variance: Number,
    components_90: Option<usize>,
    components_95: Option<usize>,
    components_99: Option<usize>,
    participation_ratio: Number,
    participation_ratio_corrected: Number,
    two_nn: Number,
    two_nn_low: Number,
    two_nn_high: Number,
    mle: Number,
    mle_low: Number,
    mle_high: Number,
    mle_neighbors: usize,
    points: usize,
    coincident: usize,
    outputs: Option<usize>,
    jacobians: Option<usize>,
    rank_entropy: Number,
    rank_participation: Number,
    rank_entropy_per_example: Number,
    rank_participation_per_example: Number,
    variation: Number,
    /// Why estimates of the dimension are absent or unsure.
    notes: String,
}

fn stages(analysis: &Analysis) -> String {
    csv(analysis.stages.iter().map(|stage| {
        let (d, a) = (&stage.dimensions, stage.alignment.as_ref());
        let low = |e: Estimate| e.interval[0];
        let high = |e: Estimate| e.interval[1];
        StageRow {
            stage: stage.stage,
            units: stage.units,
            samples: d.samples,
            total_variance: d.total_variance.into(),
            components_90: d.components[0],
            components_95: d.components[1],
            components_99: d.components[2],
            participation_ratio: d.participation.map(|p| p.plain).into(),
            participation_ratio_corrected: d.participation.and_then(|p| p.corrected).into(),
            two_nn: d.two_nn.map(|e| e.value).into(),
            two_nn_low: d.two_nn.map(low).into(),
            two_nn_high: d.two_nn.map(high).into(),
            mle: d.mle.map(|e| e.value).into(),
            mle_low: d.mle.map(low).into(),
            mle_high: d.mle.map(high).into(),
            mle_neighbors: d.neighbors,
            points: d.points,
            coincident: d.coincident,
            outputs: a.map(|a| a.outputs),
            jacobians: a.map(|a| a.examples),
            rank_entropy: a.map(|a| a.rank.entropy).into(),
            rank_participation: a.map(|a| a.rank.participation).into(),
            rank_entropy_per_example: a.map(|a| a.rank_per_example.entropy).into(),
            rank_participation_per_example: a.map(|a| a.rank_per_example.participation).into(),
            variation: a.map(|a| a.variation).into(),
            notes: d.notes.join("; "),
        }
    }))
}

/// `spectrum.csv`.
#[derive(Default, Serialize)]
struct ComponentRow {
    stage: usize,
    component: usize,
    variance: Number,
    cumulative_fraction: Number,
}

fn spectrum(analysis: &Analysis) -> String {
    csv(analysis.stages.iter().flat_map(|stage| {
        let total = stage.dimensions.total_variance;
        let mut sum = 0.0;
        stage.variances.iter().enumerate().map(move |(k, &variance)| {
            sum += variance;
            let fraction = if total > 0.0 { sum / total } else { 0.0 };
            ComponentRow {
                stage: stage.stage,
                component: k + 1,
                variance: variance.into(),
                cumulative_fraction: fraction.into(),
            }
        })
    }))
}

/// `captured.csv`.
#[derive(Default, Serialize)]
struct CapturedRow {
    stage: usize,
    d: usize,
    chance: Number,
    random_sd: Number,
    simulated_mean: Number,
    simulated_sd: Number,
    mean_jacobian: Number,
    per_example: Number,
    per_example_sd: Number,
    pooled: Number,
    untrained_mean_jacobian: Number,
    untrained_per_example: Number,
    shuffled_mean_jacobian: Number,
    shuffled_per_example: Number,
}

fn captured(analysis: &Analysis) -> String {
    let stages = analysis.stages.iter().filter_map(|stage| Some((stage.stage, stage.alignment.as_ref()?)));
    csv(stages.flat_map(|(stage, a)| {
        let (own, random) = (&a.captured, &a.random);
        let control = |c: &Option<Captured>, f: fn(&Captured) -> &Vec<f64>, i: usize| -> Number {
            c.as_ref().and_then(|c| f(c).get(i).copied()).into()
        };
        (0..own.mean_jacobian.len()).map(move |i| CapturedRow {
            stage,
            d: i + 1,
            chance: random.mean[i].into(),
            random_sd: random.sd[i].into(),
            simulated_mean: random.simulated_mean[i].into(),
            simulated_sd: random.simulated_sd[i].into(),
            mean_jacobian: own.mean_jacobian[i].into(),
            per_example: own.per_example[i].into(),
            per_example_sd: own.per_example_sd[i].into(),
            pooled: own.pooled[i].into(),
            untrained_mean_jacobian: control(&a.untrained, |c| &c.mean_jacobian, i),
            untrained_per_example: control(&a.untrained, |c| &c.per_example, i),
            shuffled_mean_jacobian: control(&a.shuffled, |c| &c.mean_jacobian, i),
            shuffled_per_example: control(&a.shuffled, |c| &c.per_example, i),
        })
    }))
}

/// `angles.csv`.
#[derive(Default, Serialize)]
struct AngleRow {
    stage: usize,
    d: usize,
    number: usize,
    degrees: Number,
}

fn angles(analysis: &Analysis) -> String {
    let all = analysis
        .stages
        .iter()
        .flat_map(|stage| stage.alignment.iter().flat_map(|a| &a.angles).map(|angles| (stage.stage, angles)));
    csv(all.flat_map(|(stage, angles)| {
        let row = move |(at, &degrees): (usize, &f64)| AngleRow {
            stage,
            d: angles.dimension,
            number: at + 1,
            degrees: degrees.into(),
        };
        angles.degrees.iter().enumerate().map(row)
    }))
}

/// `probes.csv`.
#[derive(Default, Serialize)]
struct ProbeRow {
    stage: usize,
    target: &'static str,
    d: Option<usize>,
    alpha: Number,
    probes: usize,
    error: Number,
    error_sd: Number,
    error_law: Number,
    cosine: Number,
    cosine_sd: Number,
    cosine_law: Number,
}

fn probes(analysis: &Analysis) -> String {
    let curves = analysis.stages.iter().flat_map(|stage| stage.probes.iter().map(|c| (stage.stage, c)));
    csv(curves.flat_map(|(stage, curve)| {
        curve.points.iter().map(move |p| ProbeRow {
            stage,
            target: curve.target.name(),
            d: curve.dimension,
            alpha: curve.alpha.into(),
            probes: p.probes,
            error: p.error.into(),
            error_sd: p.error_sd.into(),
            error_law: p.error_law.into(),
            cosine: p.cosine.into(),
            cosine_sd: p.cosine_sd.into(),
            cosine_law: p.cosine_law.into(),
        })
    }))
}

/// The dimension of every stage, and the effective rank of its Jacobian where there is one.
pub(super) fn summary(analysis: &Analysis) -> Table {
    let more = |stage: &StageAnalysis, at: usize| {
        let most = stage.variances.len();
        stage.dimensions.components[at].map_or_else(|| format!("> {most}"), |c| c.to_string())
    };
    let estimate = |e: Option<Estimate>| {
        e.map_or_else(|| NONE.to_owned(), |e| format!("{:.1} ± {:.1}", e.value, 1.96 * e.standard_error))
    };
    let rank = |stage: &StageAnalysis, of: fn(&Alignment) -> &EffectiveRank| {
        short(stage.alignment.as_ref().map(|a| of(a).entropy))
    };
    let columns: [Column<'_, &StageAnalysis>; 11] = [
        ("Stage", &|s| s.stage.to_string()),
        ("n", &|s| s.units.to_string()),
        ("90 %", &|s| more(s, 0)),
        ("95 %", &|s| more(s, 1)),
        ("99 %", &|s| more(s, 2)),
        ("PR", &|s| short(s.dimensions.participation.map(|p| p.plain))),
        ("PR corrected", &|s| short(s.dimensions.participation.and_then(|p| p.corrected))),
        ("TwoNN", &|s| estimate(s.dimensions.two_nn)),
        ("MLE", &|s| estimate(s.dimensions.mle)),
        ("Rank J", &|s| rank(s, |a| &a.rank)),
        ("per example", &|s| rank(s, |a| &a.rank_per_example)),
    ];
    let jacobians = analysis.stages.iter().any(|s| s.alignment.is_some());
    Table::of(&analysis.stages, if jacobians { &columns } else { &columns[..9] })
}

/// A number with one decimal.
pub(super) fn short(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), |v| format!("{v:.1}"))
}

/// Captured energy at the dimensions asked for.
pub(super) fn energies(analysis: &Analysis) -> Table {
    let share = |v: Option<f64>| v.map_or_else(|| NONE.to_owned(), |v| format!("{v:.3}").replace('-', "−"));
    let rows = analysis
        .stages
        .iter()
        .flat_map(|stage| stage.alignment.iter().flat_map(|a| &a.table).map(|row| (stage.stage, row)));
    Table::of(
        rows,
        &[
            ("Stage", &|(stage, _): &(usize, &AtDimension)| stage.to_string()),
            ("d", &|(_, row)| row.dimension.to_string()),
            ("α, mean J", &|(_, row)| share(Some(row.mean_jacobian))),
            ("α, per example", &|(_, row)| share(Some(row.per_example))),
            ("d/n", &|(_, row)| share(Some(row.chance))),
            ("Margin", &|(_, row)| share(Some(row.margin))),
            ("Untrained", &|(_, row)| share(row.untrained)),
            ("Untrained, per example", &|(_, row)| share(row.untrained_per_example)),
            ("Shuffled", &|(_, row)| share(row.shuffled)),
            ("Break-even K", &|(_, row)| {
                row.break_even_probes.map_or_else(|| "∞".to_owned(), |k| format!("{k:.0}"))
            }),
        ],
    )
}

/// The summary and the captured energies as text.
pub fn terminal_table(analysis: &Analysis) -> String {
    let mut out = summary(analysis).text();
    let energies = energies(analysis);
    if !energies.rows.is_empty() {
        out.push('\n');
        out += &energies.text();
    }
    out
}
