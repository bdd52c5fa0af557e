//! Tables of a comparison.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Compared, SimilarityResult};
use nmnc_report::text::{NONE, fixed, grouped};
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

/// Rows that a terminal is shown of two networks.
const MOST_ROWS: usize = 40;

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

/// Tables for the terminal, a row for every two stages: unbiased alignment, and SVCCA beside what it is by chance.
pub fn similarity_table(result: &SimilarityResult) -> String {
    let mut out = String::new();
    let number = |v: Option<f64>| v.map_or_else(|| NONE.to_owned(), |v| fixed(v, 3));
    for pair in &result.pairs {
        let (a, b) = (&result.compared[pair.first], &result.compared[pair.second]);
        let _ = writeln!(out, "{} and {}:", a.label, b.label);
        let places = (0..a.stages.len()).flat_map(|i| (0..b.stages.len()).map(move |j| (i, j)));
        // Of one with itself each two stages once.
        let mut shown: Vec<(usize, usize)> =
            places.filter(|(i, j)| pair.first != pair.second || i < j).collect();
        if shown.len() > MOST_ROWS {
            let _ = writeln!(out, "(each stage beside the one with the highest CKA; similarity.csv has all)");
            let key = |(i, j): &(usize, usize)| pair.cka[*i][*j].unwrap_or(f64::NEG_INFINITY);
            let best = |stage: usize| {
                let own = shown.iter().copied().filter(|(i, _)| *i == stage);
                own.max_by(|x, y| key(x).total_cmp(&key(y)))
            };
            shown = (0..a.stages.len()).filter_map(best).collect();
        }
        let table = Table::of(
            shown,
            &[
                ("Of the first", &|(i, _): &(usize, usize)| a.stages[*i].clone()),
                ("Of the second", &|(_, j)| b.stages[*j].clone()),
                ("CKA", &|(i, j)| number(pair.cka[*i][*j])),
                ("SVCCA", &|(i, j)| number(pair.svcca[*i][*j])),
                ("by chance", &|(i, j)| number(pair.svcca_chance[*i][*j])),
            ],
        );
        let _ = writeln!(out, "{}", table.text());
    }
    out.trim_end().to_owned()
}
