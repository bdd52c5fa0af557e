//! Tables of a run over its training.

use serde::Serialize;

use super::super::tables::short;
use super::weights::WeightMoment;
use super::{OverTraining, RunMoment, StageMoment};
use nmnc_report::text::fixed;
use nmnc_report::{Number, Table};

/// `training.csv`: one row a step, stage and dimension.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TrainingRow {
    step: u64,
    stage: usize,
    units: usize,
    d: usize,
    alpha_mean_jacobian: Number,
    alpha_per_example: Number,
    chance: Number,
    components_90: Option<usize>,
    components_95: Option<usize>,
    components_99: Option<usize>,
    participation_ratio: Number,
    participation_ratio_corrected: Number,
    two_nn: Number,
    mle: Number,
    cosine: Number,
    norm_ratio: Number,
    weight_cosine: Number,
    mean_cosine: Number,
}

/// `weights.csv`: one row a step and weight.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WeightRow {
    step: u64,
    part: String,
    initial_fraction: Number,
    law: Number,
    norm_ratio: Number,
}

/// The rows of `training.csv`.
pub fn training_rows(found: &OverTraining) -> Vec<TrainingRow> {
    let stages = found.moments.iter().flat_map(|moment| moment.stages.iter().map(|s| (moment.step, s)));
    let rows = stages.flat_map(|(step, s)| {
        s.table.iter().map(move |row| {
            let (d, a) = (&s.dimensions, s.agreement);
            TrainingRow {
                step,
                stage: s.stage,
                units: s.units,
                d: row.dimension,
                alpha_mean_jacobian: row.mean_jacobian.into(),
                alpha_per_example: row.per_example.into(),
                chance: row.chance.into(),
                components_90: d.components[0],
                components_95: d.components[1],
                components_99: d.components[2],
                participation_ratio: d.participation.map(|p| p.plain).into(),
                participation_ratio_corrected: d.participation.and_then(|p| p.corrected).into(),
                two_nn: d.two_nn.map(|e| e.value).into(),
                mle: d.mle.map(|e| e.value).into(),
                cosine: a.cosine.into(),
                norm_ratio: a.norm_ratio.into(),
                weight_cosine: a.weight_cosine.into(),
                mean_cosine: a.mean_cosine.into(),
            }
        })
    });
    rows.collect()
}

/// The rows of `weights.csv`.
pub fn weight_rows(found: &OverTraining) -> Vec<WeightRow> {
    let weights = found.moments.iter().flat_map(|moment| moment.weights.iter().map(|w| (moment.step, w)));
    let row = |(step, w): (u64, &WeightMoment)| WeightRow {
        step,
        part: w.part.clone(),
        initial_fraction: w.initial.into(),
        law: w.law.into(),
        norm_ratio: w.norm.into(),
    };
    weights.map(row).collect()
}

/// For the page and the terminal, at the dimension nearest to 64.
pub(super) fn table(found: &OverTraining) -> Table {
    type Row<'a> = (&'a RunMoment, &'a StageMoment);
    let number = |v: Option<f64>| fixed(v.unwrap_or(f64::NAN), 3);
    let whole = |v: Option<usize>| v.map_or_else(String::new, |v| v.to_string());
    let at = |s: &StageMoment| s.table.iter().min_by_key(|row| row.dimension.abs_diff(64)).copied();
    // The rows of a stage's Jacobian lie in the row space of the next part's weight.
    let next = |(moment, s): &Row<'_>| moment.weights.get(s.stage).cloned();
    Table::of(
        found.moments.iter().flat_map(|moment| moment.stages.iter().map(move |s| (moment, s))),
        &[
            ("Step", &|(moment, _): &Row<'_>| moment.step.to_string()),
            ("Stage", &|(_, s)| s.stage.to_string()),
            ("d", &|(_, s)| whole(at(s).map(|a| a.dimension))),
            ("α, mean J", &|(_, s)| number(at(s).map(|a| a.mean_jacobian))),
            ("α, per example", &|(_, s)| number(at(s).map(|a| a.per_example))),
            ("d/n", &|(_, s)| number(at(s).map(|a| a.chance))),
            ("95 %", &|(_, s)| whole(s.dimensions.components[1])),
            ("PR corrected", &|(_, s)| short(s.dimensions.participation.and_then(|p| p.corrected))),
            ("TwoNN", &|(_, s)| short(s.dimensions.two_nn.map(|e| e.value))),
            ("Cosine to BP", &|(_, s)| number(Some(s.agreement.cosine))),
            ("Cosine to mean J", &|(_, s)| number(s.agreement.mean_cosine)),
            ("Initial weight left", &|row| number(next(row).map(|w| w.initial))),
            ("By decay alone", &|row| number(next(row).and_then(|w| w.law))),
        ],
    )
}
