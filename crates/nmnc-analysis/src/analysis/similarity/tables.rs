//! Tables of a comparison.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Compared, SimilarityResult};
use nmnc_report::text::{fixed, grouped};
use nmnc_report::{Number, Table, csv};

/// `similarity.csv`: one row for every two stages.
#[derive(Default, Serialize)]
struct PairRow<'a> {
    first: &'a str,
    first_stage: &'a str,
    first_units: usize,
    second: &'a str,
    second_stage: &'a str,
    second_units: usize,
    examples: usize,
    cka: Number,
    cka_biased: Number,
    svcca: Number,
    svcca_chance: Number,
}

pub(super) fn pairs(result: &SimilarityResult) -> String {
    csv(result.pairs.iter().flat_map(|pair| {
        let (a, b) = (&result.compared[pair.first], &result.compared[pair.second]);
        let stages = (0..a.stages.len()).flat_map(|i| (0..b.stages.len()).map(move |j| (i, j)));
        stages.map(move |(i, j)| PairRow {
            first: &a.label,
            first_stage: &a.stages[i],
            first_units: a.units[i],
            second: &b.label,
            second_stage: &b.stages[j],
            second_units: b.units[j],
            examples: result.examples,
            cka: pair.cka[i][j].into(),
            cka_biased: pair.cka_biased[i][j].into(),
            svcca: pair.svcca[i][j].into(),
            svcca_chance: pair.svcca_chance[i][j].into(),
        })
    }))
}

/// The stages compared, for the page.
pub(super) fn compared(result: &SimilarityResult) -> Table {
    let stages = result.compared.iter().flat_map(|one| (0..one.stages.len()).map(move |at| (one, at)));
    Table::of(
        stages,
        &[
            ("Representation", &|(one, _): &(&Compared, usize)| one.label.clone()),
            ("Stage", &|(one, at)| one.stages[*at].clone()),
            ("Units", &|(one, at)| grouped(one.units[*at] as u64)),
            ("Directions kept", &|(one, at)| one.kept[*at].to_string()),
        ],
    )
}

/// A table for the terminal: unbiased alignment of every two stages.
pub fn similarity_table(result: &SimilarityResult) -> String {
    let mut out = String::new();
    for pair in &result.pairs {
        let (a, b) = (&result.compared[pair.first], &result.compared[pair.second]);
        let _ = writeln!(out, "{} (rows) and {} (columns): CKA / SVCCA", a.label, b.label);
        let wide = a.stages.iter().map(|s| s.chars().count()).max().unwrap_or(0);
        let _ = writeln!(
            out,
            "  {:wide$}{}",
            "",
            b.stages.iter().map(|s| format!("  {s:>13}")).collect::<String>()
        );
        for (i, stage) in a.stages.iter().enumerate() {
            let number = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| fixed(v, 3));
            let cells = (0..b.stages.len()).map(|j| {
                format!("  {:>13}", format!("{} / {}", number(pair.cka[i][j]), number(pair.svcca[i][j])))
            });
            let _ = writeln!(out, "  {stage:wide$}{}", cells.collect::<String>());
        }
    }
    out.trim_end().to_owned()
}
