//! Pictures of scores and of what they are made of.

use std::fmt::Write as _;

use super::benchmark::Benchmark;
use super::scores::{Network, Scores, TargetScores};
use crate::similarity::{Rdm, plane, pooled};
use nmnc_report::aggregate::Point;
use nmnc_report::axis::{Axis, Writing};
use nmnc_report::bars::{Bar, BarChart};
use nmnc_report::colors::Palette;
use nmnc_report::document::{self, Entry};
use nmnc_report::figures::panel;
use nmnc_report::heatmap::{self, Heatmap, Side};
use nmnc_report::look::Style;
use nmnc_report::plot::{End, Line, Reference, Size};
use nmnc_report::scatter::Scatter;
use nmnc_report::text::{escape, fixed, plural};

/// Pictures of dissimilarities beyond this many stimuli would make a page of many megabytes.
const LARGEST: usize = 300;

/// Appends all figures to a page.
pub(super) fn write(out: &mut String, scores: &Scores, benchmark: &Benchmark, networks: &[Network]) {
    out.push_str("<section>\n<h2>Figures</h2>\n");
    let mut id = 0;
    bars(out, scores, &mut id);
    stages(out, scores, &mut id);
    if benchmark.stimuli.len() <= LARGEST {
        let shown = matrices(scores, benchmark, networks);
        dissimilarities(out, benchmark, &shown, &mut id);
        points(out, benchmark, &shown, &mut id);
    } else {
        let _ = writeln!(
            out,
            "<p class=\"small\">Dissimilarities of {} are not drawn: more than {LARGEST}. rdms.npz holds them.</p>",
            plural(benchmark.stimuli.len(), "stimulus").replace("stimuluss", "stimuli")
        );
    }
    out.push_str("</section>\n");
}

fn figure(
    out: &mut String,
    number: usize,
    title: &str,
    columns: &str,
    legend: &str,
    pictures: &[String],
    caption: &str,
) {
    let _ = writeln!(
        out,
        "<figure>\n<h3><span class=\"ordinal\">Figure {number}</span> {}</h3>\n{legend}<div class=\"panels {columns}\">",
        escape(title)
    );
    pictures.iter().for_each(|picture| {
        let _ = writeln!(out, "{picture}");
    });
    let _ = writeln!(out, "</div>\n<figcaption>{}</figcaption>\n</figure>", escape(caption));
}

fn subjects(target: &TargetScores) -> String {
    plural(target.subjects, "subject")
}

fn bars(out: &mut String, scores: &Scores, id: &mut usize) {
    let ends = scores.targets.iter().flat_map(|t| {
        let own = t.conditions.iter().flat_map(|c| [c.reported.stimuli.low, c.reported.stimuli.high]);
        let networks = t.networks.iter().map(|n| n.reported.value);
        let controls = t.controls.iter().flat_map(|c| [c.reported.low, c.reported.high]);
        own.chain(networks).chain(controls).chain(t.reported_ceiling.map(|c| c.upper)).collect::<Vec<_>>()
    });
    let (low, high) = ends.filter(|v| v.is_finite()).fold((0.0f64, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
    let axis = Axis::linear(scores.settings.comparison.title(), Writing::Decimal, low, high.max(0.05), 6);
    let chart = |target: &TargetScores| {
        let conditions = target.conditions.iter().filter_map(|score| {
            let condition = scores.conditions.iter().find(|c| c.name == score.condition)?;
            let networks = target.networks.iter().filter(|n| n.condition == score.condition);
            Some(Bar {
                style: Some(Style(condition.look)),
                label: condition.label.clone(),
                value: score.reported.seeds.mean,
                range: Some((score.reported.stimuli.low, score.reported.stimuli.high)),
                points: networks.map(|n| n.reported.value).collect(),
            })
        });
        let controls = target.controls.iter().map(|control| Bar {
            style: None,
            label: control.control.clone(),
            value: control.reported.value,
            range: Some((control.reported.low, control.reported.high)),
            points: Vec::new(),
        });
        BarChart {
            heading: (target.target.clone(), subjects(target)),
            title: format!("Similarity with {}", target.target),
            axis: axis.clone(),
            bars: conditions.chain(controls).collect(),
            band: target.reported_ceiling.map(|c| (c.lower, c.upper, "noise ceiling".to_owned())),
        }
    };
    let pictures: Vec<String> = scores
        .targets
        .iter()
        .map(|target| {
            *id += 1;
            chart(target).svg(*id)
        })
        .collect();
    let caption = format!(
        "Mean over networks of one condition, each at the stage most similar over {} of {} stimuli, scored over the others. Points: \
         single networks. Whiskers: 95 % intervals over {} drawn anew. Gray: models that are no trained network. Band: what the \
         true model of these subjects would reach, from the mean of the other subjects (lower end) to the mean of all (upper end); \
         a target of one subject has none.",
        scores.selection.len(),
        scores.stimuli,
        drawn(scores)
    );
    let columns = if pictures.len() == 1 { "one" } else { "two" };
    figure(out, 1, "Similarity at the chosen stage", columns, "", &pictures, &caption);
}

fn drawn(scores: &Scores) -> &'static str {
    use crate::similarity::Resample::{Both, Stimuli, Subjects};
    match scores.settings.bootstrap.resample {
        Stimuli => "stimuli",
        Subjects => "subjects",
        Both => "stimuli and subjects",
    }
}

fn stages(out: &mut String, scores: &Scores, id: &mut usize) {
    let all = || scores.targets.iter().flat_map(|t| &t.conditions).flat_map(|c| &c.stages);
    let last = all().map(|(stage, _)| *stage).max().unwrap_or(1);
    let (low, high) = all().fold((0.0f64, 0.0f64), |(low, high), (_, mean)| {
        (low.min(mean.seeds.mean), high.max(mean.seeds.mean + mean.seeds.sem.unwrap_or(0.0)))
    });
    let mut x = Axis::linear("Stage", Writing::Count, 1.0, last as f64, 6);
    x.ticks.retain(|tick| tick.fract() == 0.0);
    let y = Axis::linear(scores.settings.comparison.title(), Writing::Decimal, low, high.max(0.05), 6);
    let panels = scores.targets.iter().map(|target| {
        let lines = target.conditions.iter().filter_map(|score| {
            let condition = scores.conditions.iter().find(|c| c.name == score.condition)?;
            let point = |(stage, mean): &(usize, super::scores::Mean)| Point {
                x: *stage as f64,
                y: mean.seeds.mean,
                sem: mean.seeds.sem,
            };
            let points = score.stages.iter().map(point).collect();
            Some(Line { style: Style(condition.look), label: String::new(), points, end: End::Mean })
        });
        let references: Vec<Reference> = Vec::new();
        let title = format!("Similarity with {} against the stage", target.target);
        let mut panel = panel(Size::Wide, title, x.clone(), y.clone(), lines.collect(), references);
        panel.heading = Some((target.target.clone(), subjects(target)));
        panel
    });
    let legend: Vec<Entry> = scores
        .conditions
        .iter()
        .map(|c| Entry { style: Style(c.look), mean: true, label: c.label.clone(), note: String::new() })
        .collect();
    document::figure(
        out,
        2,
        "Similarity stage by stage",
        &legend,
        &panels.collect::<Vec<_>>(),
        "Over all stimuli, mean over networks of one condition, band ± s.e.m. over seeds. The best of these stages is biased upwards, \
         which is why figure 1 chooses it by other stimuli.",
        id,
    );
}

/// Matrices to draw: each target's, and of each condition the mean over its networks at the stage that most of them chose.
fn matrices(scores: &Scores, benchmark: &Benchmark, networks: &[Network]) -> Vec<(String, String, Rdm)> {
    let how = scores.settings.comparison;
    let mut out: Vec<(String, String, Rdm)> = benchmark
        .targets
        .iter()
        .map(|t| {
            let all: Vec<&Rdm> = t.subjects.iter().collect();
            let mean = if all.len() > 1 { pooled(&all, how) } else { all[0].clone() };
            (t.name.clone(), plural(all.len(), "subject"), mean)
        })
        .collect();
    for condition in &scores.conditions {
        let chosen: Vec<usize> = scores.targets[0]
            .networks
            .iter()
            .filter(|n| n.condition == condition.name)
            .map(|n| n.chosen)
            .collect();
        let votes = |stage: usize| chosen.iter().filter(|c| **c == stage).count();
        let Some(stage) = chosen.iter().copied().max_by_key(|&stage| (votes(stage), stage)) else { continue };
        let rdms: Vec<&Rdm> = networks
            .iter()
            .filter(|n| n.condition == condition.name)
            .filter_map(|n| n.stages.iter().find(|s| s.stage == stage))
            .map(|s| &s.rdm)
            .collect();
        if !rdms.is_empty() {
            out.push((condition.label.clone(), format!("stage {stage}"), pooled(&rdms, how)));
        }
    }
    out
}

fn dissimilarities(out: &mut String, benchmark: &Benchmark, shown: &[(String, String, Rdm)], id: &mut usize) {
    let groups = benchmark.stimuli.groups();
    let order: Vec<usize> = groups.iter().flat_map(|(.., members)| members.iter().copied()).collect();
    let side = || match benchmark.stimuli.categories.is_empty() {
        true => Side::Groups(vec![(String::new(), order.len())]),
        false => {
            Side::Groups(groups.iter().map(|(name, _, members)| (name.clone(), members.len())).collect())
        }
    };
    let maps: Vec<Heatmap> = shown
        .iter()
        .map(|(name, note, rdm)| Heatmap {
            size: Size::Wide,
            heading: Some((name.clone(), note.clone())),
            title: format!("Dissimilarities of {name}, {note}"),
            row_name: String::new(),
            column_name: String::new(),
            rows: side(),
            columns: Side::Groups(
                groups.iter().map(|(.., members)| (String::new(), members.len())).collect(),
            ),
            values: percentiles(rdm, &order),
            label: "Percentile".to_owned(),
            range: (0.0, 100.0),
            palette: Palette::Sequential,
        })
        .collect();
    heatmap::figure(
        out,
        3,
        "Dissimilarities of the stimuli",
        &maps,
        "Each pair of stimuli by the percentile of its dissimilarity among all pairs of the matrix; stimuli sorted by category. Of \
         several subjects or networks: the mean of their ranks. Networks at the stage most often chosen for the first target.",
        id,
    );
}

/// The square matrix in the order given, by percentile; the diagonal is missing.
fn percentiles(rdm: &Rdm, order: &[usize]) -> Vec<f64> {
    let mut sorted = rdm.values().to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let percentile = |value: f64| {
        let below = sorted.partition_point(|v| *v < value);
        let upto = sorted.partition_point(|v| *v <= value);
        100.0 * 0.5 * (below + upto) as f64 / sorted.len() as f64
    };
    let entry = |(i, j): (usize, usize)| if i == j { f64::NAN } else { percentile(rdm.get(i, j)) };
    order.iter().flat_map(|&i| order.iter().map(move |&j| (i, j))).map(entry).collect()
}

fn points(out: &mut String, benchmark: &Benchmark, shown: &[(String, String, Rdm)], id: &mut usize) {
    let groups = benchmark.stimuli.groups();
    // Looks of categories, not of rules: begun after backprop's, which is hollow.
    let look = |number: usize| Style(1 + number);
    let ids = &benchmark.stimuli.ids;
    let pictures: Vec<String> = shown
        .iter()
        .map(|(name, _, rdm)| {
            let (places, kept) = plane(rdm);
            let places = &places;
            let points = groups.iter().flat_map(|(category, number, members)| {
                members
                    .iter()
                    .map(move |&at| (places[at], look(*number), format!("{} ({category})", ids[at])))
            });
            *id += 1;
            Scatter {
                heading: (name.clone(), format!("{} % kept", fixed(100.0 * kept, 0))),
                title: format!("Stimuli by their dissimilarities in {name}"),
                points: points.collect(),
            }
            .svg(*id)
        })
        .collect();
    let mut legend = String::from("<ul class=\"legend\">\n");
    if !benchmark.stimuli.categories.is_empty() {
        for (name, number, _) in &groups {
            let style = look(*number);
            let _ = writeln!(
                legend,
                "<li><svg class=\"key {}\" viewBox=\"0 0 34 12\" aria-hidden=\"true\">{}</svg> {}</li>",
                style.class(),
                style.marker(17.0, 6.0),
                escape(name)
            );
        }
    }
    legend.push_str("</ul>\n");
    figure(
        out,
        4,
        "Stimuli in the plane",
        "three",
        &legend,
        &pictures,
        "Classical multidimensional scaling of the matrices of figure 3: stimuli that are alike lie together. In brackets: the share of \
         the squared scalar products that two dimensions keep. Axes have no meaning of their own, nor has their sign.",
    );
}
