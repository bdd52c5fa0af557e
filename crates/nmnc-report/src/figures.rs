//! Which figures a report has, and what each shows.

use std::collections::BTreeMap;

use super::aggregate::{Group, curve};
use super::axis::{Axis, Writing};
use super::figure::{Entry, Figure, Mark};
use super::heatmap::Heatmap;
use super::look::{Style, home};
use super::many;
use super::measurements::Point;
use super::plot::{End, Line, Panel, Reference, Size};
use super::reach;
use super::text::{brief, list, spread};
use nmnc_core::records::{Record, RunRecords, StageRecord, Status};
use nmnc_core::statistics::mean_sem;

/// Stages that a figure has panels for; a deeper network shows some, evenly spread.
const MOST_STAGES: usize = 24;

/// A figure without its legend: at least one panel, or a map in place of too many curves.
struct Drawn {
    title: &'static str,
    caption: String,
    panels: Vec<Panel>,
    map: Option<Heatmap>,
}

/// What a curve takes from a record.
type Metric<'f> = &'f dyn Fn(&Record) -> Option<f64>;

/// The look of each group: a rule's own, or for other rules and further settings of one rule the next that is free.
pub fn styles(groups: &[Group<'_>]) -> Vec<Style> {
    let mut styles: Vec<Option<usize>> = Vec::new();
    for group in groups {
        // Backprop through time is backprop, random feedback online is direct feedback.
        let rule = match group.rule {
            "bptt" => "bp",
            "rflo" => "dfa",
            other => other,
        };
        styles.push(home(rule).filter(|home| !styles.contains(&Some(*home))));
    }
    for index in 0..styles.len() {
        if styles[index].is_none() {
            styles[index] = (1..).find(|free| !styles.contains(&Some(*free)));
        }
    }
    styles.into_iter().map(|style| Style(style.expect("there is always another number"))).collect()
}

/// How to read the lines of all figures, and all figures for which the runs hold data: what settings do to accuracy, then learning, then
/// stages.
pub fn figures(groups: &[Group<'_>]) -> (Vec<&'static str>, Vec<Figure>) {
    let context = Context { groups, styles: styles(groups) };
    let mut swept = reach::figures(groups, &context.styles);
    let learning = [
        context.learning("Test accuracy", "Test accuracy (%)", Kind::Percent, &|r| {
            r.test.filter(|_| r.trials.is_none_or(|t| t.answer_error.is_none())).map(|s| 100.0 * s.accuracy)
        }),
        context.learning("Error of answers", "Error of answers (r.m.s.)", Kind::Loss, &|r| {
            r.trials.and_then(|t| t.answer_error)
        }),
        context
            .learning("Training loss", "Training loss per example", Kind::Loss, &|r| r.train.map(|s| s.loss)),
        context.learning("Test loss", "Test loss per example", Kind::Loss, &|r| r.test.map(|s| s.loss)),
    ];
    let stages = [
        context.stages(
            "Cosine to backprop’s error signal",
            "Cosine",
            Kind::Cosine,
            "Cosine between each stage’s error signal and backprop’s, per example, averaged over the batch; 1 is \
             backprop’s direction, 0 chance.",
            &|s| Some(s.cosine),
        ),
        context.stages(
            "Cosine to the mean Jacobian’s error signal",
            "Cosine",
            Kind::MeanCosine,
            "Cosine between each stage’s error signal and e J̄, the output’s errors through the exact mean Jacobian J̄ over the batch, per \
             example, averaged over the batch. Noise correlation with the output tends to J̄ as probes get many.",
            &|s| s.mean_cosine,
        ),
        context.stages(
            "Norm of the error signal relative to backprop’s",
            "Norm ratio",
            Kind::Ratio,
            "Frobenius norm of the batch’s error signals over backprop’s; 1 (dotted) is backprop’s.",
            &|s| Some(s.norm_ratio),
        ),
        context.stages(
            "Cosine to backprop’s weight gradient",
            "Cosine",
            Kind::Cosine,
            "Cosine between the batch’s weight gradient and backprop’s. Averaging over examples cancels noise, so \
             it can exceed the cosine of the error signals.",
            &|s| Some(s.weight_cosine),
        ),
        context.stages(
            "Energy of the Jacobian captured by the manifold",
            "Captured energy α",
            Kind::Energy,
            "α = ‖J U‖² / ‖J‖² of the per-example Jacobians J for the manifold’s basis U of d directions. A random \
             basis captures d/n of it (dotted, at the last measurement).",
            &|s| s.captured_energy,
        ),
    ];
    let drawn: Vec<Drawn> = learning.into_iter().chain(stages).flatten().collect();
    let reading = reading(&drawn);
    swept.extend(drawn.into_iter().map(|figure| context.with_legend(figure)));
    (reading, swept)
}

/// How a vertical axis is chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Percent,
    Loss,
    Cosine,
    MeanCosine,
    Ratio,
    Energy,
}

struct Context<'a> {
    groups: &'a [Group<'a>],
    styles: Vec<Style>,
}

impl Context<'_> {
    /// The figure with an entry for each group that it shows.
    fn with_legend(&self, Drawn { title, caption, panels, map }: Drawn) -> Figure {
        if let Some(map) = map {
            return Figure::new(title, caption, Vec::new(), [map]);
        }
        let mut legend = Vec::new();
        for (group, &style) in self.groups.iter().zip(&self.styles) {
            let mut lines = panels.iter().flat_map(|p| &p.lines).filter(|l| l.style == style).peekable();
            if lines.peek().is_none() {
                continue;
            }
            let (mark, n) = match lines.any(|l| l.end == End::Mean) {
                true => (Mark::Mean, format!("n = {}", group.complete.len())),
                false => (Mark::Line, "no complete run".to_owned()),
            };
            legend.push(Entry { note: format!("({n})"), ..Entry::new(style, mark, group.label.clone()) });
        }
        Figure::new(title, caption, legend, panels)
    }

    /// A metric against epochs and against probes.
    fn learning(&self, title: &'static str, label: &str, kind: Kind, metric: Metric<'_>) -> Option<Drawn> {
        let over_epochs = self.lines(&|r| r.epoch, metric, |_| true);
        if over_epochs.is_empty() {
            return None;
        }
        if let Some(drawn) = self.crowd(title, label, &over_epochs) {
            return Some(drawn);
        }
        let mut caption = "Against epochs".to_owned();
        let y = y_axis(label, kind, [(over_epochs.as_slice(), [].as_slice())], 7);
        let x_high = high(&over_epochs);
        let mut panels = vec![Panel::new(
            Size::Wide,
            format!("{title} against epochs"),
            Axis::linear("Epochs", Writing::Decimal, 0.0, x_high, 7).tight(0.0, x_high),
            y.clone(),
            over_epochs.clone(),
            Vec::new(),
        )];
        let mut over_probes = self.lines(&|r| r.probes as f64, metric, |g| !g.without_probes());
        for line in &mut over_probes {
            line.points.retain(|p| p.x > 0.0);
        }
        over_probes.retain(|l| !l.points.is_empty());
        if !over_probes.is_empty() {
            let free: Vec<usize> =
                (0..self.groups.len()).filter(|&i| self.groups[i].without_probes()).collect();
            let references: Vec<Reference> = free
                .iter()
                .filter_map(|&i| {
                    let line =
                        over_epochs.iter().find(|l| l.style == self.styles[i] && l.end == End::Mean)?;
                    let last = line.points.last()?;
                    let label = self.groups[i].label.clone();
                    Some(Reference {
                        style: Some(self.styles[i]),
                        label,
                        y: last.y,
                        sem: last.sem,
                        dotted: false,
                    })
                })
                .collect();
            let stages = self.runs().flat_map(|r| &r.summary).any(|s| s.stage_units.len() > 1);
            let summed = if stages { ", summed over stages" } else { "" };
            caption.push_str(&format!(" and against the probes so far{summed} (logarithmic)"));
            if !references.is_empty() {
                let names: Vec<String> = references.iter().map(|r| r.label.clone()).collect();
                let verb = if names.len() == 1 { "uses" } else { "use" };
                caption.push_str(&format!(
                    "; {} {verb} no probes and {} drawn at the final value",
                    list(&names),
                    if names.len() == 1 { "is" } else { "are" }
                ));
            }
            let low = over_probes.iter().map(|l| l.points[0].x).fold(f64::INFINITY, f64::min);
            let most = high(&over_probes);
            panels.push(Panel::new(
                Size::Wide,
                format!("{title} against probes"),
                Axis::logarithmic("Probes (perturbed examples)", Writing::Count, low, most).tight(low, most),
                y,
                over_probes,
                references,
            ));
        }
        caption.push('.');
        Some(Drawn { title, caption, panels, map: None })
    }

    fn runs(&self) -> impl Iterator<Item = &RunRecords> {
        self.groups.iter().flat_map(|g| g.complete.iter().chain(&g.incomplete)).copied()
    }

    /// What rows are called in little room, by look: rule and values, and the names of what the values are, where all have the same.
    fn short(&self) -> (Vec<(Style, String)>, String) {
        let rule = |group: &Group<'_>| group.label.split(" (").next().unwrap_or(&group.label).to_owned();
        let last = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
        let keys = |group: &Group<'_>| group.differs.iter().map(|(key, _)| last(key)).collect::<Vec<_>>();
        let several = self.groups.iter().any(|group| group.rule != self.groups[0].rule);
        let swept: Vec<&Group<'_>> = self.groups.iter().filter(|group| !group.differs.is_empty()).collect();
        let common =
            swept.first().map(|group| keys(group)).filter(|first| swept.iter().all(|g| keys(g) == *first));
        let name = |group: &Group<'_>| {
            let values: Vec<String> = group.differs.iter().map(|(_, value)| value.clone()).collect();
            match (&common, values.is_empty()) {
                (None, _) | (_, true) => group.label.clone(),
                (Some(_), _) if several => format!("{} {}", rule(group), values.join(", ")),
                (Some(_), _) => values.join(", "),
            }
        };
        let rows = self.groups.iter().zip(&self.styles).map(|(group, style)| (*style, name(group))).collect();
        (rows, common.map_or_else(String::new, |keys| keys.join(", ")))
    }

    /// A metric against epochs of more rules and settings than a panel shows, each a row.
    fn crowd(&self, title: &'static str, label: &str, lines: &[Line]) -> Option<Drawn> {
        let (rows, names) = self.short();
        let name =
            |line: &Line| rows.iter().find(|(style, _)| *style == line.style).map(|(_, name)| name.clone());
        let means: Vec<(String, Vec<Point>)> = lines
            .iter()
            .filter(|line| line.end == End::Mean)
            .filter_map(|line| Some((name(line)?, line.points.clone())))
            .collect();
        if means.len() <= many::MOST_CURVES {
            return None;
        }
        let title_of = format!("{title} against epochs");
        let labels = many::Labels { title: title_of, rows: names, columns: "Epochs", cells: label };
        let map = many::map(labels, &means, brief)?;
        let gray = if map.values.iter().all(|v| v.is_finite()) { "" } else { " Gray: not measured there." };
        let others = if lines.len() > means.len() { " Runs that did not complete are left out." } else { "" };
        let caption = format!("{title}, mean over the seeds of each row, against epochs.{gray}{others}");
        Some(Drawn { title, caption, panels: Vec::new(), map: Some(map) })
    }

    /// The last value of a stage's metric of more rules and settings than a panel shows, each a row.
    fn crowd_of_stages(
        &self,
        title: &'static str,
        label: &str,
        drawn: &[(usize, Vec<Line>, Vec<Reference>)],
    ) -> Option<Heatmap> {
        let (short, names) = self.short();
        let mut rows: Vec<(Style, Vec<Point>)> = Vec::new();
        let lines = drawn.iter().flat_map(|(stage, lines, _)| lines.iter().map(move |line| (*stage, line)));
        for (stage, line) in lines.filter(|(_, line)| line.end == End::Mean) {
            let Some(last) = line.points.last() else { continue };
            let point = Point { x: stage as f64, ..*last };
            match rows.iter_mut().find(|(style, _)| *style == line.style) {
                Some((_, points)) => points.push(point),
                None => rows.push((line.style, vec![point])),
            }
        }
        if rows.len() <= many::MOST_CURVES {
            return None;
        }
        let name = |style: Style| {
            short.iter().find(|(own, _)| *own == style).map_or_else(String::new, |(_, n)| n.clone())
        };
        let rows: Vec<(String, Vec<Point>)> =
            rows.into_iter().map(|(style, points)| (name(style), points)).collect();
        let title_of = format!("{title} by stage");
        let labels = many::Labels { title: title_of, rows: names, columns: "Stage", cells: label };
        many::map(labels, &rows, brief)
    }

    /// A stage's metric against training steps, one panel a stage.
    fn stages(
        &self,
        title: &'static str,
        label: &str,
        kind: Kind,
        note: &str,
        metric: &dyn Fn(&StageRecord) -> Option<f64>,
    ) -> Option<Drawn> {
        // Backprop against itself is 1 by definition, and would only press the others together.
        let against_backprop = !matches!(kind, Kind::Energy | Kind::MeanCosine);
        let shown = |g: &Group<'_>| !(against_backprop && g.is_backprop());
        let runs = self.groups.iter().flat_map(|g| g.complete.iter().chain(&g.incomplete));
        let mut units: BTreeMap<usize, usize> = BTreeMap::new();
        for stage in runs.flat_map(|r| &r.records).flat_map(|r| &r.stages) {
            units.insert(stage.stage, stage.units);
        }
        let numbers: Vec<usize> = units.keys().copied().collect();
        let shown_stages = spread(numbers.len(), MOST_STAGES);
        let some = match shown_stages.len() < numbers.len() {
            true => format!(" Of {} stages, {} are shown.", numbers.len(), shown_stages.len()),
            false => String::new(),
        };
        let mut drawn: Vec<(usize, Vec<Line>, Vec<Reference>)> = Vec::new();
        for stage in shown_stages.into_iter().map(|at| numbers[at]) {
            let of = |r: &Record| r.stages.iter().find(|s| s.stage == stage).and_then(metric);
            let lines = self.lines(&|r| r.step as f64, &of, shown);
            if !lines.is_empty() {
                let references = match kind {
                    Kind::Energy => self.chance(stage),
                    Kind::Ratio => {
                        vec![Reference { style: None, label: String::new(), y: 1.0, sem: None, dotted: true }]
                    }
                    _ => Vec::new(),
                };
                drawn.push((stage, lines, references));
            }
        }
        let all: Vec<Line> = drawn.iter().flat_map(|d| d.1.clone()).collect();
        if all.is_empty() {
            return None;
        }
        let own = if against_backprop && self.groups.iter().any(|g| g.is_backprop()) {
            " Backprop itself is 1 by definition and not drawn."
        } else {
            ""
        };
        if let Some(map) = self.crowd_of_stages(title, label, &drawn) {
            // Cells have no dotted lines.
            let note = note.replace(" (dotted)", "").replace(" (dotted, at the last measurement)", "");
            let caption =
                format!("{note}{own}{some} At the last measurement, mean over the seeds of each row.");
            return Some(Drawn { title, caption, panels: Vec::new(), map: Some(map) });
        }
        // Two columns hold two or four panels without a gap, three columns the rest.
        let size = if matches!(drawn.len(), 1 | 2 | 4) { Size::Wide } else { Size::Narrow };
        let y = y_axis(label, kind, drawn.iter().map(|d| (d.1.as_slice(), d.2.as_slice())), 6);
        let x = Axis::linear("Training steps", Writing::Count, 0.0, high(&all), 5).tight(0.0, high(&all));
        let panels = drawn.into_iter().map(|(stage, lines, references)| {
            let mut panel =
                Panel::new(size, format!("{title}, stage {stage}"), x.clone(), y.clone(), lines, references);
            panel.heading = Some((format!("Stage {stage}"), format!("n = {}", units[&stage])));
            panel
        });
        let panels: Vec<Panel> = panels.collect();
        let caption = format!("{note}{own}{some}");
        Some(Drawn { title, caption, panels, map: None })
    }

    /// One mean line a group and one line each incomplete run.
    fn lines(
        &self,
        x: &dyn Fn(&Record) -> f64,
        y: Metric<'_>,
        shown: impl Fn(&Group<'_>) -> bool,
    ) -> Vec<Line> {
        let mut lines = Vec::new();
        for (group, &style) in self.groups.iter().zip(&self.styles).filter(|(g, _)| shown(g)) {
            let mut push = |runs: &[&RunRecords], label: String, end: End| {
                let points: Vec<Point> =
                    curve(runs, x, y).into_iter().filter(|p| p.x.is_finite() && p.y.is_finite()).collect();
                if !points.is_empty() {
                    lines.push(Line { style, label, points, end });
                }
            };
            for run in &group.incomplete {
                let diverged = run.status() == Some(Status::Diverged);
                let end = if diverged { End::Diverged } else { End::Unfinished };
                push(&[run], format!("{} seed {}", group.label, run.seed), end);
            }
            if !group.complete.is_empty() {
                push(&group.complete, group.label.clone(), End::Mean);
            }
        }
        lines
    }

    /// The share d/n of a random basis, once if all rules have the same.
    fn chance(&self, stage: usize) -> Vec<Reference> {
        let mut found: Vec<(Style, f64)> = Vec::new();
        for (group, &style) in self.groups.iter().zip(&self.styles) {
            let runs = group.complete.iter().chain(&group.incomplete);
            let shares = runs.filter_map(|run| {
                let stages = run.records.iter().rev().flat_map(|r| &r.stages);
                let mut shares = stages.filter(|s| s.stage == stage && s.units > 0).filter_map(|s| {
                    s.captured_energy?;
                    Some(s.dimension? as f64 / s.units as f64)
                });
                shares.next()
            });
            if let Some(share) = mean_sem(shares) {
                found.push((style, share.mean));
            }
        }
        // More labels than this would cover each other; the caption says what the lines are.
        let label = if found.len() <= 3 { "d/n" } else { "" };
        let common = found.windows(2).all(|w| (w[0].1 - w[1].1).abs() < 1e-9);
        let count = if common { 1 } else { found.len() };
        let reference = |&(style, y): &(Style, f64)| Reference {
            style: (!common).then_some(style),
            label: if common { "d/n" } else { label }.to_owned(),
            y,
            sem: None,
            dotted: true,
        };
        found.iter().take(count).map(reference).collect()
    }
}

fn high(lines: &[Line]) -> f64 {
    lines.iter().flat_map(|l| &l.points).map(|p| p.x).fold(0.0, f64::max)
}

/// A vertical axis for all panels of a figure, bands included.
fn y_axis<'p>(
    label: &str,
    kind: Kind,
    panels: impl IntoIterator<Item = (&'p [Line], &'p [Reference])>,
    most: usize,
) -> Axis {
    let panels: Vec<_> = panels.into_iter().collect();
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut smallest = f64::INFINITY;
    // A diverged run would press all others together; it leaves the axis unless there is nothing else.
    let sound = |l: &&Line| l.end != End::Diverged;
    let all_diverged = !panels.iter().flat_map(|p| p.0).any(|l| sound(&l));
    for (lines, references) in panels {
        let lines = lines.iter().filter(|l| all_diverged || sound(l));
        let points = lines.flat_map(|l| &l.points).map(|p| (p.y, p.sem));
        for (y, sem) in points.chain(references.iter().map(|r| (r.y, r.sem))) {
            let sem = sem.unwrap_or(0.0);
            low = low.min(y - sem);
            high = high.max(y + sem);
            smallest = smallest.min(y);
        }
    }
    let logarithmic = match kind {
        Kind::Loss => smallest > 0.0 && high > 20.0 * smallest,
        Kind::Ratio => smallest > 0.0 && high > 8.0 * smallest,
        _ => false,
    };
    if logarithmic {
        // A band that reaches below 0 has no end on this axis; the smallest mean bounds it.
        let low = if low > 0.2 * smallest { low } else { smallest };
        return Axis::logarithmic(label, Writing::Decimal, low, high);
    }
    // Starting at 0 keeps heights comparable; far from it, the differences matter.
    let from_zero = match kind {
        Kind::Percent => low < 0.6 * high,
        Kind::Loss => low < 0.3 * high,
        _ => true,
    };
    let low = if from_zero { low.min(0.0) } else { low };
    Axis::linear(label, Writing::Decimal, low, high, most)
}

/// Said of figures with bands.
pub const MEANS: &str = "Lines are means over the n seeds of a rule, bands ± s.e.m.";
/// Said of figures in which no mean is over several seeds.
pub const ONE_SEED: &str = "One seed a rule, hence no bands.";

/// How to read the lines of all figures.
fn reading(figures: &[Drawn]) -> Vec<&'static str> {
    let lines = || figures.iter().flat_map(|f| &f.panels).flat_map(|p| &p.lines);
    let has = |end: End| lines().any(|l| l.end == end);
    let banded = lines().any(|l| l.end == End::Mean && l.points.iter().all(|p| p.sem.is_some()));
    let mut out = Vec::new();
    match (has(End::Mean), banded) {
        (true, true) => out.push(MEANS),
        (true, false) => out.push(ONE_SEED),
        _ => {}
    }
    if has(End::Diverged) {
        out.push("Thin lines ending in × are single runs that diverged; where one leaves the axis, its × is on the edge.");
    }
    if has(End::Unfinished) {
        out.push("Thin lines ending in ○ are single runs that have not finished.");
    }
    out
}
