//! What `nmnc plan` shows to people.

use std::fmt::Write as _;

use nmnc::plan::{Amount, Plan, StagePlan};

use nmnc::report::COLUMNS as MOST;

use crate::output::wrapped;
use crate::progress::duration;

const NONE: &str = "-";

/// A column: its heading, whether it is of use to a plan, and its cell for a stage.
type Column = (&'static str, fn(&Plan) -> bool, fn(&StagePlan) -> String);

const COLUMNS: [Column; 15] = [
    ("", |_| true, |s| s.stage.map_or("output".into(), |stage| format!("stage {stage}"))),
    ("units", |_| true, |s| s.units.to_string()),
    ("d", on_manifold, |s| s.dimension.map_or(NONE.into(), |d| d.to_string())),
    ("parameters", |_| true, |s| s.parameters.to_string()),
    ("step GFLOP", |_| true, |s| digits(1e-9 * s.step().flops)),
    ("MB", |_| true, |s| digits(1e-6 * s.step().bytes)),
    ("ms", timed, |s| milliseconds(s.step())),
    ("probe GFLOP", probing, |s| of(s.probes, digits(1e-9 * s.probe.flops))),
    ("MB", probing, |s| of(s.probes, digits(1e-6 * s.probe.bytes))),
    ("ms", |p| probing(p) && timed(p), |s| of(s.probes, milliseconds(s.probe))),
    ("probes/step", probing, |s| of(s.probes, digits(s.probes))),
    ("refresh GFLOP", on_manifold, |s| refreshed(s, digits(1e-9 * s.refresh.flops))),
    ("MB", on_manifold, |s| refreshed(s, digits(1e-6 * s.refresh.bytes))),
    ("ms", |p| on_manifold(p) && timed(p), |s| refreshed(s, milliseconds(s.refresh))),
    ("refreshes/step", on_manifold, |s| refreshed(s, digits(s.refreshes))),
];

fn timed(plan: &Plan) -> bool {
    plan.step().seconds.is_some()
}

fn probing(plan: &Plan) -> bool {
    plan.stages.iter().any(|stage| stage.probes > 0.0)
}

fn on_manifold(plan: &Plan) -> bool {
    plan.stages.iter().any(|stage| stage.refreshes > 0.0)
}

fn of(times: f64, cell: String) -> String {
    if times > 0.0 { cell } else { NONE.into() }
}

fn refreshed(stage: &StagePlan, cell: String) -> String {
    of(if stage.refresh.bytes > 0.0 { stage.refreshes } else { 0.0 }, cell)
}

/// Three significant digits.
fn digits(number: f64) -> String {
    match number {
        0.0 => "0".into(),
        ..0.01 => format!("{number:.1e}"),
        ..1.0 => format!("{number:.3}"),
        ..10.0 => format!("{number:.2}"),
        ..100.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

fn milliseconds(amount: Amount) -> String {
    amount.seconds.map_or(NONE.into(), |seconds| digits(1e3 * seconds))
}

/// A number with the unit that leaves one to three digits before the point.
pub fn scaled(number: f64, unit: &str) -> String {
    let prefixes = ["", "k", "M", "G", "T", "P", "E"];
    let place = (number.max(1.0).log10() / 3.0).floor().min(6.0);
    format!("{} {}{unit}", digits(number / 1e3f64.powf(place)), prefixes[place as usize])
}

/// Seconds with the unit that suits them.
pub fn time(seconds: f64) -> String {
    match seconds {
        ..1.0 => format!("{} ms", digits(1e3 * seconds)),
        ..60.0 => format!("{} s", digits(seconds)),
        _ => duration(seconds),
    }
}

/// Table, totals, and what takes the most.
pub fn text(plan: &Plan) -> String {
    let Plan { rule, subject, examples, device, batch, steps_per_epoch, epochs, .. } = plan;
    let threads = rayon::current_num_threads();
    let mut text = format!(
        "{}\n{device}, {threads} thread{}; batches of {batch}, {steps_per_epoch} steps an epoch, {epochs} epochs\n\n",
        wrapped(&format!("{rule}, {subject}"), MOST, 2),
        if threads == 1 { "" } else { "s" },
    );
    table(plan, &mut text);
    let step = plan.step();
    let memory = plan.need.total() as f64;
    let mut line = |name: &str, what: String| {
        let _ = writeln!(text, "{}", wrapped(&format!("{name:<11} {what}"), MOST, 2));
    };
    line("memory", format!("{} at the height of a step{}", scaled(memory, "B"), largest(plan)));
    line("step", total(step, step.seconds.map(|s| format!("{} {examples}/s", digits(*batch as f64 / s)))));
    line(
        "evaluation",
        total(plan.evaluation, Some(format!("{} {examples} after each epoch", plan.held_out))),
    );
    line("epoch", total(plan.epoch(), None));
    let start = plan.sum(|stage| stage.start);
    let before = (start.bytes > 0.0).then(|| match start.seconds {
        Some(seconds) => format!("{} of it before the first step", time(seconds)),
        None => format!("{} of it before the first step", scaled(start.flops, "FLOP")),
    });
    line("training", total(plan.run(), before));
    let _ = writeln!(text, "\n{}", wrapped(&verdict(plan), MOST, 2));
    text
}

fn table(plan: &Plan, text: &mut String) {
    let columns: Vec<&Column> = COLUMNS.iter().filter(|column| column.1(plan)).collect();
    let mut lines: Vec<Vec<String>> = vec![columns.iter().map(|column| column.0.to_owned()).collect()];
    lines.extend(plan.stages.iter().map(|stage| columns.iter().map(|column| column.2(stage)).collect()));
    let whole = plan.step();
    let sum = |column: &&Column| match column.0 {
        "" => "all".into(),
        "parameters" => plan.parameters.to_string(),
        "step GFLOP" => digits(1e-9 * whole.flops),
        "probes/step" => digits(plan.stages.iter().map(|stage| stage.probes).sum()),
        _ => String::new(),
    };
    let mut last: Vec<String> = columns.iter().map(sum).collect();
    let step = columns.iter().position(|column| column.0 == "step GFLOP").expect("every plan has steps");
    last[step + 1] = digits(1e-6 * whole.bytes);
    if timed(plan) {
        last[step + 2] = milliseconds(whole);
    }
    lines.push(last);
    let width = |place: usize| lines.iter().map(|line| line[place].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    // What a step, a probe and a refresh take stands together; where a line has no room for all, below each other.
    let parted = |place: &usize| matches!(columns[*place].0, "probe GFLOP" | "refresh GFLOP");
    let mut starts: Vec<usize> = (1..columns.len()).filter(|place| *place == 1 || parted(place)).collect();
    starts.push(columns.len());
    let mut blocks: Vec<Vec<usize>> = Vec::new();
    for ends in starts.windows(2) {
        let places: Vec<usize> = (ends[0]..ends[1]).collect();
        let width =
            |places: &[usize]| widths[0] + places.iter().map(|place| 2 + widths[*place]).sum::<usize>();
        match blocks.last_mut() {
            Some(block) if width(block) + width(&places) - widths[0] <= MOST => block.extend(places),
            _ => blocks.push(places),
        }
    }
    for block in blocks {
        for line in &lines {
            let mut shown = format!("{:<1$}", line[0], widths[0]);
            for place in &block {
                let _ = write!(shown, "  {:>1$}", line[*place], widths[*place]);
            }
            let _ = writeln!(text, "{}", shown.trim_end());
        }
        text.push('\n');
    }
}

fn total(amount: Amount, also: Option<String>) -> String {
    let counted = format!("{}, {} moved", scaled(amount.flops, "FLOP"), scaled(amount.bytes, "B"));
    let timed = amount.seconds.map(time).into_iter().chain([counted]).chain(also);
    timed.collect::<Vec<_>>().join(", ")
}

/// The part that needs the most memory.
fn largest(plan: &Plan) -> String {
    let part = plan.need.parts().iter().max_by_key(|part| part.held.saturating_add(part.passing));
    part.map_or_else(String::new, |part| {
        let stage = part.stage.map_or_else(String::new, |stage| format!(" of stage {stage}"));
        let bytes = part.held.saturating_add(part.passing) as f64;
        format!("; the largest part, {}, for {}{stage}", scaled(bytes, "B"), part.what)
    })
}

/// What takes the most, by time where that is known, and what to change.
fn verdict(plan: &Plan) -> String {
    let of = |amount: Amount| amount.seconds.unwrap_or(amount.flops);
    let whole = of(plan.step());
    let parts = [
        (
            of(plan.sum(|s| s.training)),
            "the forward pass, the gradients and the update",
            ", which every rule has; a smaller network or fewer epochs take less",
        ),
        (
            of(plan.sum(|s| s.signals)),
            "the error signals",
            ", whatever is perturbed; direct feedback (dfa, vnc, nmnc) takes less than an error that is carried down",
        ),
        (
            of(plan.sum(|s| s.probe.times(s.probes))),
            "perturbed passes",
            "; fewer of them are had by a smaller credit.budget or a longer credit.interval, fewer credit.probes, or several stages in one pass (credit.injection)",
        ),
        (
            of(plan.sum(|s| s.refresh.times(s.refreshes))),
            "refreshes of the manifold",
            "; rarer ones (manifold.refresh), fewer manifold.samples, or method = \"incremental\" take less",
        ),
    ];
    let share = |part: f64| format!("{:.0} %", 100.0 * part / whole);
    let most = parts.iter().max_by(|a, b| a.0.total_cmp(&b.0)).expect("there are four");
    let stage = plan.stages.iter().max_by(|a, b| of(a.step()).total_cmp(&of(b.step())));
    let place = stage.filter(|_| plan.stages.len() > 1).map_or_else(String::new, |stage| {
        let name = stage.stage.map_or_else(|| "the output".to_owned(), |stage| format!("stage {stage}"));
        format!(" Of the stages {name} takes the most, {}.", share(of(stage.step())))
    });
    let what = if plan.step().seconds.is_some() { "time" } else { "operations" };
    format!("{} of the {what} of a step are for {}{}.{place}", share(most.0), most.1, most.2)
}
