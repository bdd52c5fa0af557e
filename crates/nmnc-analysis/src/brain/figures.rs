//! Pictures of scores and of what they are made of.

use super::benchmark::Benchmark;
use super::network::NetworkRdms;
use super::scores::{Mean, Scores, TargetScores};
use crate::similarity::{Rdm, plane, pooled};
use nmnc_report::axis::{Axis, Writing};
use nmnc_report::bars::{Bar, BarChart};
use nmnc_report::colors::Palette;
use nmnc_report::figure::{Entry, Figure, Mark};
use nmnc_report::heatmap::{Heatmap, Side};
use nmnc_report::look::Style;
use nmnc_report::measurements::Point;
use nmnc_report::plot::{End, Line, Panel, Size};
use nmnc_report::scatter::Scatter;
use nmnc_report::text::{fixed, plural};

/// Pictures of dissimilarities beyond this many stimuli would make a page of many megabytes.
const LARGEST: usize = 300;

/// All figures.
pub(super) fn figures(scores: &Scores, benchmark: &Benchmark, networks: &[NetworkRdms]) -> Vec<Figure> {
    let mut out = vec![bars(scores), stages(scores)];
    if benchmark.stimuli.len() <= LARGEST {
        let shown = matrices(scores, benchmark, networks);
        out.push(dissimilarities(benchmark, &shown));
        out.push(points(benchmark, &shown));
    }
    out
}

/// What is not drawn, for a note.
pub(super) fn undrawn(benchmark: &Benchmark) -> Option<String> {
    let count = benchmark.stimuli.len();
    (count > LARGEST).then(|| {
        format!("Dissimilarities of {count} stimuli are not drawn: more than {LARGEST}. rdms.npz holds them.")
    })
}

fn subjects(target: &TargetScores) -> String {
    plural(target.subjects, "subject")
}

fn bars(scores: &Scores) -> Figure {
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
    // What is not drawn is not explained.
    let models = if scores.targets.iter().all(|t| t.controls.is_empty()) {
        ""
    } else {
        " Gray: models that are no trained network."
    };
    let ceilings = scores.targets.iter().filter(|t| t.reported_ceiling.is_some()).count();
    let band = match ceilings {
        0 => "",
        _ => {
            " Band: what the true model of these subjects would reach, from the mean of the other subjects (lower end) to the mean of all \
             (upper end)"
        }
    };
    let none = match ceilings {
        0 => "",
        some if some < scores.targets.len() => "; a target of one subject has none.",
        _ => ".",
    };
    let caption = format!(
        "Mean over networks of one condition, each at the stage most similar over {} of {} stimuli, scored over the others. Points: \
         single networks. Whiskers: 95 % intervals over {} drawn anew.{models}{band}{none}",
        scores.selection.len(),
        scores.stimuli,
        drawn(scores)
    );
    let charts = scores.targets.iter().map(chart);
    Figure::new("Similarity at the chosen stage", caption, Vec::new(), charts).in_columns(2)
}

fn drawn(scores: &Scores) -> &'static str {
    use crate::similarity::Resample::{Both, Stimuli, Subjects};
    match scores.settings.bootstrap.resample {
        Stimuli => "stimuli",
        Subjects => "subjects",
        Both => "stimuli and subjects",
    }
}

fn stages(scores: &Scores) -> Figure {
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
            let point = |(stage, mean): &(usize, Mean)| Point {
                x: *stage as f64,
                y: mean.seeds.mean,
                sem: mean.seeds.sem,
            };
            let points = score.stages.iter().map(point).collect();
            Some(Line {
                style: Style(condition.look),
                label: condition.label.clone(),
                points,
                end: End::Mean,
            })
        });
        let title = format!("Similarity with {} against the stage", target.target);
        let mut panel = Panel::new(Size::Wide, title, x.clone(), y.clone(), lines.collect(), Vec::new());
        panel.heading = Some((target.target.clone(), subjects(target)));
        panel.label_ends = false;
        panel
    });
    let legend: Vec<Entry> =
        scores.conditions.iter().map(|c| Entry::new(Style(c.look), Mark::Mean, c.label.clone())).collect();
    Figure::new(
        "Similarity stage by stage",
        "Over all stimuli, mean over networks of one condition, band ± s.e.m. over seeds. The best of these stages is biased upwards, \
         which is why figure 1 chooses it by other stimuli.",
        legend,
        panels,
    )
}

/// Matrices to draw: each target's, and of each condition the mean over its networks at the stage that most of them chose.
fn matrices(scores: &Scores, benchmark: &Benchmark, networks: &[NetworkRdms]) -> Vec<(String, String, Rdm)> {
    let how = scores.settings.comparison;
    let mut out: Vec<(String, String, Rdm)> = benchmark
        .targets
        .iter()
        .filter_map(|t| {
            let all: Vec<&Rdm> = t.subjects.iter().collect();
            let mean = if all.len() > 1 { pooled(&all, how) } else { (*all.first()?).clone() };
            Some((t.name.clone(), plural(all.len(), "subject"), mean))
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
            .filter_map(|s| s.rdm.as_ref())
            .collect();
        if !rdms.is_empty() {
            out.push((condition.label.clone(), format!("stage {stage}"), pooled(&rdms, how)));
        }
    }
    out
}

fn dissimilarities(benchmark: &Benchmark, shown: &[(String, String, Rdm)]) -> Figure {
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
    Figure::new(
        "Dissimilarities of the stimuli",
        "Each pair of stimuli by the percentile of its dissimilarity among all pairs of the matrix; stimuli sorted by category. Of \
         several subjects or networks: the mean of their ranks. Networks at the stage most often chosen for the first target.",
        Vec::new(),
        maps,
    )
    .in_columns(2)
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

fn points(benchmark: &Benchmark, shown: &[(String, String, Rdm)]) -> Figure {
    let groups = benchmark.stimuli.groups();
    // Looks of categories, not of rules: begun after backprop's, which is hollow.
    let look = |number: usize| Style(1 + number);
    let ids = &benchmark.stimuli.ids;
    let scatter = |(name, _, rdm): &(String, String, Rdm)| {
        let (places, kept) = plane(rdm);
        let places = &places;
        let points = groups.iter().flat_map(|(category, number, members)| {
            members.iter().map(move |&at| (places[at], look(*number), format!("{} ({category})", ids[at])))
        });
        Scatter {
            heading: (name.clone(), format!("{} % kept", fixed(100.0 * kept, 0))),
            title: format!("Stimuli by their dissimilarities in {name}"),
            points: points.collect(),
        }
    };
    let legend = match benchmark.stimuli.categories.is_empty() {
        true => Vec::new(),
        false => {
            let entry = |(name, number, _): &(String, usize, _)| Entry::new(look(*number), Mark::Point, name);
            groups.iter().map(entry).collect()
        }
    };
    Figure::new(
        "Stimuli in the plane",
        "Classical multidimensional scaling of the matrices of figure 3: stimuli that are alike lie together. In brackets: the share of \
         the squared scalar products that two dimensions keep. Axes have no meaning of their own, nor has their sign.",
        legend,
        shown.iter().map(scatter),
    )
    .in_columns(3)
}
