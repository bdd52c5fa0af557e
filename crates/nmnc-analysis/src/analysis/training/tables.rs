//! Tables of a run over its training.

use std::fmt::Write as _;

use super::super::tables::{cell, count, short};
use super::OverTraining;
use nmnc_report::text::fixed;

/// One row a step, stage and dimension.
pub(super) fn training(found: &OverTraining) -> String {
    let mut out = "step,stage,units,d,alpha_mean_jacobian,alpha_per_example,chance,components_90,components_95,components_99,\
                   participation_ratio,participation_ratio_corrected,two_nn,mle,cosine,norm_ratio,weight_cosine\n"
        .to_owned();
    for moment in &found.moments {
        for s in &moment.stages {
            let d = &s.dimensions;
            let mut rest: Vec<String> = d.components.map(count).to_vec();
            rest.push(cell(d.participation.map(|p| p.plain)));
            rest.push(cell(d.participation.and_then(|p| p.corrected)));
            rest.extend([d.two_nn, d.mle].map(|e| cell(e.map(|e| e.value))));
            let a = s.agreement;
            rest.extend([a.cosine, a.norm_ratio, a.weight_cosine].map(|v| v.to_string()));
            let rest = rest.join(",");
            for row in &s.table {
                let _ = writeln!(
                    out,
                    "{},{},{},{},{},{},{},{rest}",
                    moment.step,
                    s.stage,
                    s.units,
                    row.dimension,
                    row.mean_jacobian,
                    row.per_example,
                    row.chance
                );
            }
        }
    }
    out
}

/// One row a step and weight.
pub(super) fn weights(found: &OverTraining) -> String {
    let mut out = "step,part,initial_fraction,law,norm_ratio\n".to_owned();
    for moment in &found.moments {
        for w in &moment.weights {
            let _ = writeln!(out, "{},{},{},{},{}", moment.step, w.part, w.initial, cell(w.law), w.norm);
        }
    }
    out
}

/// Headings and rows for the page and the terminal, at the dimension nearest to 64.
pub(super) fn table(found: &OverTraining) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let headings = vec![
        "Step",
        "Stage",
        "d",
        "α, mean J",
        "α, per example",
        "d/n",
        "95 %",
        "PR corrected",
        "TwoNN",
        "Cosine to BP",
        "Initial weight left",
        "By decay alone",
    ];
    let number = |v: Option<f64>| fixed(v.unwrap_or(f64::NAN), 3);
    let mut rows = Vec::new();
    for moment in &found.moments {
        for s in &moment.stages {
            let at = s.table.iter().min_by_key(|row| row.dimension.abs_diff(64));
            // The rows of a stage's Jacobian lie in the row space of the next part's weight.
            let next = moment.weights.get(s.stage);
            let d = &s.dimensions;
            rows.push(vec![
                moment.step.to_string(),
                s.stage.to_string(),
                count(at.map(|a| a.dimension)),
                number(at.map(|a| a.mean_jacobian)),
                number(at.map(|a| a.per_example)),
                number(at.map(|a| a.chance)),
                count(d.components[1]),
                short(d.participation.and_then(|p| p.corrected)),
                short(d.two_nn.map(|e| e.value)),
                number(Some(s.agreement.cosine)),
                number(next.map(|w| w.initial)),
                number(next.and_then(|w| w.law)),
            ]);
        }
    }
    (headings, rows)
}
