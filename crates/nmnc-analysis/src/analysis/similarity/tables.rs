//! Tables of a comparison.

use std::fmt::Write as _;

use super::SimilarityResult;
use crate::analysis::tables::cell;
use nmnc_report::text::fixed;

/// One row for every two stages.
pub(super) fn csv(result: &SimilarityResult) -> String {
    let mut out =
        "first,first_stage,first_units,second,second_stage,second_units,examples,cka,cka_biased,svcca,svcca_chance\n"
            .to_owned();
    for pair in &result.pairs {
        let (a, b) = (&result.compared[pair.first], &result.compared[pair.second]);
        for i in 0..a.stages.len() {
            for j in 0..b.stages.len() {
                let values = [&pair.cka, &pair.cka_biased, &pair.svcca, &pair.svcca_chance];
                let _ = writeln!(
                    out,
                    "{},{},{},{},{},{},{},{}",
                    quoted(&a.label),
                    a.stages[i],
                    a.units[i],
                    quoted(&b.label),
                    b.stages[j],
                    b.units[j],
                    result.examples,
                    values.map(|v| cell(v[i][j])).join(",")
                );
            }
        }
    }
    out
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
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
