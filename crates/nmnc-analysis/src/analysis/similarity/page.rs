//! The page of a comparison.

use std::fmt::Write as _;

use super::tables::compared;
use super::{Compared, Pair, SimilarityResult};
use nmnc_report::Page;
use nmnc_report::colors::Palette;
use nmnc_report::figure::Figure;
use nmnc_report::heatmap::{Heatmap, Side};
use nmnc_report::plot::Size;
use nmnc_report::text::{escape, fixed, grouped, plural};

const READING: &str = "Rows are stages of the first, columns of the second; colors from 0 to 1. CKA: linear centered kernel alignment \
                       by unbiased HSIC (Kornblith et al. 2019; Song et al. 2012), 1 for activity equal up to rotation and scale, 0 \
                       in expectation for unrelated activity. SVCCA: mean canonical correlation of the leading singular directions \
                       (Raghu et al. 2017), blind to any linear map within them.";

/// One self-contained page. `command` is the command line that made the comparison.
pub fn similarity_page(result: &SimilarityResult, command: &str) -> String {
    let title = match &result.compared[..] {
        [one] => format!("Stages of {} compared", one.label),
        all => format!("Similarity of {}", plural(all.len(), "representation")),
    };
    let item =
        |one: &Compared| format!("<li><code>{}</code>: {}</li>\n", escape(&one.label), escape(&one.what));
    let whats: String = result.compared.iter().map(item).collect();
    let compared = format!("{}<ul>\n{whats}</ul>\n", compared(result).html("Compared"));
    let figures: Vec<Figure> = result.pairs.iter().map(|pair| figure(result, pair)).collect();
    Page::new(title)
        .sentences(&[lead(result)])
        .setup([
            ("Examples", grouped(result.examples as u64)),
            ("Of", result.data.clone()),
            ("SVCCA keeps", format!("{} % of the variance", fixed(100.0 * result.settings.variance, 1))),
            ("Seed", result.settings.seed.0.to_string()),
            ("Version", format!("nmnc {}", result.version)),
        ])
        .notices("To note", &result.warnings)
        .section("Compared", &compared)
        .figures(READING, &figures)
        .command(command)
        .html()
}

/// What came out, in words.
fn lead(result: &SimilarityResult) -> String {
    let shown = grouped(result.examples as u64);
    let mut out = format!("The same {shown} examples, every stage against every stage.");
    let [pair] = &result.pairs[..] else { return out };
    let (a, b) = (&result.compared[pair.first], &result.compared[pair.second]);
    for (i, row) in pair.cka.iter().enumerate().filter(|_| pair.first != pair.second) {
        let best = row.iter().enumerate().filter_map(|(j, v)| Some((j, (*v)?)));
        if let Some((j, value)) = best.max_by(|x, y| x.1.total_cmp(&y.1)) {
            let _ = write!(
                out,
                " {} of {} has its highest CKA with {} of {} ({}).",
                a.stages[i],
                a.label,
                b.stages[j].to_lowercase(),
                b.label,
                fixed(value, 2)
            );
        }
    }
    out
}

fn figure(result: &SimilarityResult, pair: &Pair) -> Figure {
    let (a, b) = (&result.compared[pair.first], &result.compared[pair.second]);
    let map = |name: &str, note: &str, table: &[Vec<Option<f64>>]| {
        let values: Vec<f64> = table.iter().flatten().map(|v| v.unwrap_or(f64::NAN)).collect();
        Heatmap {
            size: Size::Narrow,
            heading: Some((name.to_owned(), note.to_owned())),
            title: format!("{name} of {} and {}", a.label, b.label),
            row_name: short(&a.label),
            column_name: short(&b.label),
            rows: Side::Names(a.stages.clone()),
            columns: Side::Names(b.stages.clone()),
            values,
            label: name.to_owned(),
            // Both are at most 1; an unbiased estimate below 0 is none above it.
            range: (0.0, 1.0),
            palette: Palette::Sequential,
        }
    };
    let chance = pair
        .svcca_chance
        .iter()
        .flatten()
        .flatten()
        .copied()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |s, v| (s.0.min(v), s.1.max(v)));
    let caption = if chance.1.is_finite() {
        let (low, high) = (fixed(chance.0, 2), fixed(chance.1, 2));
        format!("By chance, with the examples of one permuted, SVCCA is {low} to {high}.")
    } else {
        String::new()
    };
    let title = if pair.first == pair.second {
        format!("Stages of {}", a.label)
    } else {
        format!("{} and {}", a.label, b.label)
    };
    let maps = [
        map("CKA", "unbiased", &pair.cka),
        map("SVCCA", "mean correlation", &pair.svcca),
        map("SVCCA by chance", "examples permuted", &pair.svcca_chance),
    ];
    Figure::new(title, caption, Vec::new(), maps).in_columns(3)
}

/// The end of a long path, which a narrow picture has room for.
fn short(label: &str) -> String {
    const MOST: usize = 26;
    let count = label.chars().count();
    if count <= MOST {
        return label.to_owned();
    }
    let tail: String = label.chars().skip(count - MOST + 1).collect();
    format!("…{tail}")
}
