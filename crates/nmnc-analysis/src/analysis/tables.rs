//! Tables of an analysis: CSV files, and a short one for the terminal.

use std::fmt::Write as _;

use super::result::{Analysis, StageAnalysis, Target};

/// A CSV file: name and text.
pub(super) type Csv = (&'static str, String);

/// Every table.
pub(super) fn csv(analysis: &Analysis) -> Vec<Csv> {
    vec![
        ("stages.csv", stages(analysis)),
        ("spectrum.csv", spectrum(analysis)),
        ("captured.csv", captured(analysis)),
        ("angles.csv", angles(analysis)),
        ("probes.csv", probes(analysis)),
    ]
}

pub(super) fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}

pub(super) fn count(value: Option<usize>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}

fn row(cells: &[String]) -> String {
    cells.join(",") + "\n"
}

fn stages(analysis: &Analysis) -> String {
    let mut out = "stage,units,samples,total_variance,components_90,components_95,components_99,participation_ratio,\
                   participation_ratio_corrected,two_nn,two_nn_low,two_nn_high,mle,mle_low,mle_high,mle_neighbors,points,\
                   coincident,outputs,jacobians,rank_entropy,rank_participation,rank_entropy_per_example,\
                   rank_participation_per_example,variation\n"
        .to_owned();
    for stage in &analysis.stages {
        let d = &stage.dimensions;
        let a = stage.alignment.as_ref();
        let mut cells = vec![
            stage.stage.to_string(),
            stage.units.to_string(),
            d.samples.to_string(),
            d.total_variance.to_string(),
        ];
        cells.extend(d.components.map(count));
        cells.push(cell(d.participation.map(|p| p.plain)));
        cells.push(cell(d.participation.and_then(|p| p.corrected)));
        for estimate in [d.two_nn, d.mle] {
            cells.push(cell(estimate.map(|e| e.value)));
            cells.push(cell(estimate.map(|e| e.interval[0])));
            cells.push(cell(estimate.map(|e| e.interval[1])));
        }
        cells.extend([d.neighbors, d.points, d.coincident].map(|v| v.to_string()));
        cells.extend([a.map(|a| a.outputs), a.map(|a| a.examples)].map(count));
        let rank = [
            a.map(|a| a.rank.entropy),
            a.map(|a| a.rank.participation),
            a.map(|a| a.rank_per_example.entropy),
            a.map(|a| a.rank_per_example.participation),
            a.map(|a| a.variation),
        ];
        cells.extend(rank.map(cell));
        out += &row(&cells);
    }
    out
}

fn spectrum(analysis: &Analysis) -> String {
    let mut out = "stage,component,variance,cumulative_fraction\n".to_owned();
    for stage in &analysis.stages {
        let mut sum = 0.0;
        for (k, variance) in stage.variances.iter().enumerate() {
            sum += variance;
            let fraction = if stage.dimensions.total_variance > 0.0 {
                sum / stage.dimensions.total_variance
            } else {
                0.0
            };
            let _ = writeln!(out, "{},{},{variance},{fraction}", stage.stage, k + 1);
        }
    }
    out
}

fn captured(analysis: &Analysis) -> String {
    let mut out = "stage,d,chance,random_sd,simulated_mean,simulated_sd,mean_jacobian,per_example,per_example_sd,pooled,\
                   untrained_mean_jacobian,untrained_per_example,shuffled_mean_jacobian,shuffled_per_example\n"
        .to_owned();
    for stage in &analysis.stages {
        let Some(a) = &stage.alignment else { continue };
        for i in 0..a.captured.mean_jacobian.len() {
            let control = |c: &Option<super::Captured>, f: fn(&super::Captured) -> &Vec<f64>| {
                cell(c.as_ref().and_then(|c| f(c).get(i).copied()))
            };
            let mut cells = vec![stage.stage.to_string(), (i + 1).to_string()];
            let own = &a.captured;
            let numbers = [
                &a.random.mean,
                &a.random.sd,
                &a.random.simulated_mean,
                &a.random.simulated_sd,
                &own.mean_jacobian,
                &own.per_example,
                &own.per_example_sd,
                &own.pooled,
            ];
            cells.extend(numbers.map(|list| list[i].to_string()));
            cells.push(control(&a.untrained, |c| &c.mean_jacobian));
            cells.push(control(&a.untrained, |c| &c.per_example));
            cells.push(control(&a.shuffled, |c| &c.mean_jacobian));
            cells.push(control(&a.shuffled, |c| &c.per_example));
            out += &row(&cells);
        }
    }
    out
}

fn angles(analysis: &Analysis) -> String {
    let mut out = "stage,d,number,degrees\n".to_owned();
    for stage in &analysis.stages {
        for angles in stage.alignment.iter().flat_map(|a| &a.angles) {
            for (number, degrees) in angles.degrees.iter().enumerate() {
                let _ = writeln!(out, "{},{},{},{degrees}", stage.stage, angles.dimension, number + 1);
            }
        }
    }
    out
}

fn probes(analysis: &Analysis) -> String {
    let mut out =
        "stage,target,d,alpha,probes,error,error_sd,error_law,cosine,cosine_sd,cosine_law\n".to_owned();
    for stage in &analysis.stages {
        for curve in &stage.probes {
            let target = match curve.target {
                Target::Example => "example",
                Target::Mean => "mean",
            };
            for p in &curve.points {
                let _ = writeln!(
                    out,
                    "{},{target},{},{},{},{},{},{},{},{},{}",
                    stage.stage,
                    count(curve.dimension),
                    curve.alpha,
                    p.probes,
                    p.error,
                    p.error_sd,
                    p.error_law,
                    p.cosine,
                    p.cosine_sd,
                    p.cosine_law
                );
            }
        }
    }
    out
}

/// Headings and rows of the summary, for the terminal and the page.
pub(super) fn summary(analysis: &Analysis) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let mut headings = vec![
        "Stage",
        "n",
        "90 %",
        "95 %",
        "99 %",
        "PR",
        "PR corrected",
        "TwoNN",
        "MLE",
        "Rank J",
        "per example",
    ];
    if analysis.stages.iter().all(|s| s.alignment.is_none()) {
        headings.truncate(9);
    }
    let rows = analysis.stages.iter().map(|stage| {
        let mut cells = dimension_cells(stage);
        let rank = stage.alignment.as_ref();
        cells.push(short(rank.map(|a| a.rank.entropy)));
        cells.push(short(rank.map(|a| a.rank_per_example.entropy)));
        cells.truncate(headings.len());
        cells
    });
    let rows = rows.collect();
    (headings, rows)
}

pub(super) fn short(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| format!("{v:.1}"))
}

fn dimension_cells(stage: &StageAnalysis) -> Vec<String> {
    let d = &stage.dimensions;
    let mut cells = vec![stage.stage.to_string(), stage.units.to_string()];
    let most = stage.variances.len();
    let more = |c: Option<usize>| c.map_or_else(|| format!("> {most}"), |c| c.to_string());
    cells.extend(d.components.map(more));
    cells.push(short(d.participation.map(|p| p.plain)));
    cells.push(short(d.participation.and_then(|p| p.corrected)));
    for estimate in [d.two_nn, d.mle] {
        cells.push(
            estimate.map_or_else(
                || "–".to_owned(),
                |e| format!("{:.1} ± {:.1}", e.value, 1.96 * e.standard_error),
            ),
        );
    }
    cells
}

/// Headings and rows of captured energy at the dimensions asked for.
pub(super) fn energies(analysis: &Analysis) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let headings = vec![
        "Stage",
        "d",
        "α, mean J",
        "α, per example",
        "d/n",
        "Margin",
        "Untrained",
        "Untrained, per example",
        "Shuffled",
        "Break-even K",
    ];
    let percent = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| format!("{v:.3}").replace('-', "−"));
    let rows = analysis.stages.iter().flat_map(|stage| {
        stage.alignment.iter().flat_map(|a| &a.table).map(move |row| {
            vec![
                stage.stage.to_string(),
                row.dimension.to_string(),
                percent(Some(row.mean_jacobian)),
                percent(Some(row.per_example)),
                percent(Some(row.chance)),
                percent(Some(row.margin)),
                percent(row.untrained),
                percent(row.untrained_per_example),
                percent(row.shuffled),
                row.break_even_probes.map_or_else(|| "∞".to_owned(), |k| format!("{k:.0}")),
            ]
        })
    });
    (headings, rows.collect())
}

/// The summary and the captured energies as text.
pub fn terminal_table(analysis: &Analysis) -> String {
    let mut out = text(&summary(analysis));
    let energies = energies(analysis);
    if !energies.1.is_empty() {
        out.push('\n');
        out += &text(&energies);
    }
    out
}

pub(super) fn text((headings, rows): &(Vec<&str>, Vec<Vec<String>>)) -> String {
    let heading: Vec<String> = headings.iter().map(|h| (*h).to_owned()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&heading).chain(rows).collect();
    let width = |c: usize| lines.iter().map(|l| l[c].chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for line in &lines {
        let cells: Vec<String> = line
            .iter()
            .enumerate()
            .map(|(c, text)| format!("{}{text}", " ".repeat(width(c) - text.chars().count())))
            .collect();
        let _ = writeln!(out, "{}", cells.join("  "));
    }
    out
}
