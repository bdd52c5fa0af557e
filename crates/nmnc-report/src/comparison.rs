//! The page on runs compared.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::aggregate::{Group, final_accuracy, groups, settings};
use super::conditions::{CONDITIONS_NOTE, by_condition};
use super::differences;
use super::figure::{Figure, Mark, key};
use super::figures::{MEANS, ONE_SEED, figures};
use super::overview::{COLUMNS, rows, seconds, state};
use super::page::{Page, definitions, list};
use super::parts::{Part, parts};
use super::psychometric::{self, PSYCHOMETRIC_NOTE};
use super::table::region;
use super::text::{NONE, duration, escape, fixed, grouped, plural};
use super::{setup, summary};
use nmnc_core::records::{RunRecords, Status, Summary};

/// The whole page.
pub fn page(runs: &[RunRecords], title: &str, commands: &[String]) -> String {
    let parts: Vec<(Part<'_>, Vec<Group<'_>>)> = parts(runs)
        .into_iter()
        .map(|part| {
            let groups = groups(&part.runs);
            (part, groups)
        })
        .collect();
    let all: Vec<&RunRecords> = runs.iter().collect();
    let (mut reading, mut drawn, mut sentences): (Vec<&str>, Vec<Figure>, Vec<String>) = Default::default();
    if parts.len() > 1 {
        sentences.push(format!(
            "Runs on {} data sets or tasks, each reported by itself: scores on different ones have no order.",
            parts.len()
        ));
    }
    for (part, groups) in &parts {
        sentences.extend(summary::sentences(groups, &part.runs, &part.name).iter().map(|text| units(text)));
        let (lines, figures) = figures(groups);
        reading.extend(lines.into_iter().filter(|line| !reading.contains(line)).collect::<Vec<_>>());
        let curves = psychometric::figure(groups);
        drawn.extend(figures.into_iter().chain(curves).map(|figure| figure.of(&part.name)));
    }
    let folders: Vec<String> = runs.iter().map(|run| run.folder.display().to_string()).collect();
    // Where some have bands, those without speak for themselves.
    if reading.iter().any(|line| line.starts_with(MEANS)) {
        reading.retain(|line| *line != ONE_SEED);
    }
    let mut page = Page::new(title).about(&folders).sentences(&sentences).setup(setup::setup(&all)).notices(
        "Runs to note",
        &held_out(&all)
            .into_iter()
            .chain(parts.iter().flat_map(|(_, groups)| notices(groups)))
            .collect::<Vec<_>>(),
    );
    for (part, groups) in &parts {
        let of = |heading: &str| match part.name.as_str() {
            "" => heading.to_owned(),
            name => format!("{heading}: {name}"),
        };
        let ranked: Vec<&Group<'_>> = summary::ranked(groups).iter().map(|(group, _)| *group).collect();
        page = page.section(&of("Results"), &results(groups, &of("Results"))).table(
            &of("Differences"),
            &differences::table(&ranked),
            differences::NOTE,
        );
        let conditions = by_condition(groups);
        if !conditions.rows.is_empty() {
            page = page.table(&of("Accuracy by condition"), &conditions, CONDITIONS_NOTE);
        }
        page = page.table(&of("Psychometric curves"), &psychometric::fits(groups), PSYCHOMETRIC_NOTE);
    }
    let ordered: Vec<&RunRecords> =
        parts.iter().flat_map(|(_, groups)| groups.iter().flat_map(Group::runs)).collect();
    let page =
        page.figures(&reading.join(" "), &drawn).section(&plural(runs.len(), "run"), &run_list(&ordered));
    let page = match warnings(&ordered) {
        none if none.is_empty() => page,
        warnings => page.section("Warnings", &list(warnings)),
    };
    let groups: Vec<&Group<'_>> = parts.iter().flat_map(|(_, groups)| groups).collect();
    page.section("How to reproduce", &reproduce(&groups, runs, commands)).html()
}

/// Keeps numbers and their units or errors on one line.
fn units(text: &str) -> String {
    [" %", " k ", " M ", " G ", " ± "].iter().fold(text.to_owned(), |text, unit| {
        let (inner, trailing) = (unit.trim(), if unit.ends_with(' ') && *unit != " ± " { " " } else { "" });
        let after = if *unit == " ± " { "\u{202f}" } else { trailing };
        text.replace(unit, &format!("\u{202f}{inner}{after}"))
    })
}

/// What the page calls test where that is not the test split.
fn held_out(runs: &[&RunRecords]) -> Option<String> {
    let ended: Vec<&Summary> = runs.iter().filter_map(|run| run.summary.as_ref()).collect();
    const HELD_OUT: &str =
        "what is called test here is images held out of those to train on (data.validation)";
    match ended.iter().filter(|summary| summary.held_out).count() {
        0 => None,
        all if all == ended.len() => {
            Some(format!("In all runs {HELD_OUT}: the test split was not looked at."))
        }
        some => Some(format!("In {some} of {} runs {HELD_OUT}.", ended.len())),
    }
}

/// What a reader must know before reading any number.
fn notices(groups: &[Group<'_>]) -> Vec<String> {
    let mut items = Vec::new();
    for group in groups {
        for run in &group.incomplete {
            items.push(format!("{}, seed {}: {}; in no mean.", group.label, run.seed, state(run)));
        }
        for run in &group.repeated {
            items.push(format!(
                "{}, seed {}: left out, as {} is another run of this configuration and seed.",
                group.label,
                run.seed,
                run.folder.display()
            ));
        }
        for run in &group.complete {
            if run.summary.as_ref().is_some_and(|s| s.loss_factor.is_some()) {
                items.push(format!(
                    "{}, seed {}: {}: it diverged without leaving the finite numbers, and is in the means.",
                    group.label,
                    run.seed,
                    state(run)
                ));
            }
        }
        if group.complete.len() > 1 {
            let steps = |run: &RunRecords| run.records.iter().map(|r| r.step).collect::<BTreeSet<_>>();
            let first = steps(group.complete[0]);
            if group.complete.iter().any(|r| steps(r) != first) {
                items.push(format!(
                    "{}: the seeds were measured at different steps; curves show only the steps they share.",
                    group.label
                ));
            }
        }
    }
    items
}

fn results(groups: &[Group<'_>], name: &str) -> String {
    let (rows, used) = rows(groups);
    let mut out = region(name) + "<table>\n<thead><tr><th scope=\"col\">Rule</th>";
    let columns: Vec<usize> = (0..COLUMNS.len()).filter(|&i| used[i]).collect();
    for &column in &columns {
        let class = if column == 0 { "" } else { " class=\"number\"" };
        let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", COLUMNS[column].0);
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        let class = if row.complete { "" } else { " class=\"incomplete\"" };
        let _ = write!(
            out,
            "<tr{class}><th scope=\"row\">{} {}</th>",
            key(row.style, if row.complete { Mark::Mean } else { Mark::Line }),
            escape(&row.label)
        );
        for &column in &columns {
            let class = if column == 0 { "seeds" } else { "number" };
            let _ = write!(out, "<td class=\"{class}\">{}</td>", escape(&row.cells[column]));
        }
        out.push_str("</tr>\n");
    }
    let _ = writeln!(out, "</tbody>\n</table>\n</div>\n<p class=\"small\">{}</p>", reading(groups, &used));
    out
}

/// How to read the columns that are there.
fn reading(groups: &[Group<'_>], used: &[bool]) -> String {
    let has =
        |name: &str| COLUMNS.iter().zip(used).any(|((heading, _), used)| *used && heading.starts_with(name));
    let several = groups.iter().any(|group| group.complete.len() > 1);
    let stages = groups
        .iter()
        .flat_map(Group::runs)
        .filter_map(|r| r.summary.as_ref())
        .map(|s| s.stage_units.len())
        .max();
    let mut out = Vec::new();
    if several {
        out.push("Accuracy and loss: mean ± s.e.m. (sd / √n, with n − 1 in the sd) over the seeds; other columns: mean.");
    }
    match (has("Cosine"), has("Captured")) {
        (true, true) => out.push(
            "Cosines and energies α are those of the last measurement, from the first stage to the last.",
        ),
        (true, false) => {
            out.push("Cosines are those of the last measurement, from the first stage to the last.")
        }
        (false, true) => {
            out.push("Energies α are those of the last measurement, from the first stage to the last.")
        }
        (false, false) => {}
    }
    if has("Threshold") {
        out.push("Threshold σ and lapses are those of the psychometric curve, lapses the mean of both ends.");
    }
    if has("Probes") {
        out.push(match stages {
            Some(2..) => "A probe is one perturbed example of one stage.",
            _ => "A probe is one perturbed example.",
        });
    }
    if has("Time") {
        out.push("Time is training time without evaluation and measurement.");
    }
    if has("Examples/s") {
        out.push("Examples/s is the median over the run.");
    }
    out.join(" ")
}

fn run_list(runs: &[&RunRecords]) -> String {
    let mut out = region("Runs") + "<table>\n";
    out.push_str(
        "<thead><tr><th scope=\"col\">Folder</th><th scope=\"col\">Rule</th><th scope=\"col\" class=\"number\">Seed\
         </th><th scope=\"col\">Status</th><th scope=\"col\" class=\"number\">Steps</th><th scope=\"col\" \
         class=\"number\">Test accuracy (%)</th><th scope=\"col\" class=\"number\">Best (%)</th><th scope=\"col\" \
         class=\"number\">Time</th></tr></thead>\n<tbody>\n",
    );
    let percent = |v: Option<f64>| v.map_or_else(|| NONE.to_owned(), |v| fixed(100.0 * v, 2));
    for run in runs {
        let steps =
            run.summary.as_ref().map_or_else(|| run.records.last().map_or(0, |r| r.step), |s| s.steps);
        let best = run.summary.as_ref().and_then(|s| s.best_test_accuracy);
        let class = if run.status() == Some(Status::Complete) { "" } else { " class=\"incomplete\"" };
        let _ = writeln!(
            out,
            "<tr{class}><td><code>{}</code></td><td>{}</td><td class=\"number\">{}</td><td>{}</td><td \
             class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}\
             </td></tr>",
            escape(&run.folder.display().to_string()),
            escape(&run.rule),
            run.seed,
            state(run),
            grouped(steps),
            percent(final_accuracy(run)),
            percent(final_accuracy(run).and(best)),
            seconds(run).map_or_else(|| NONE.to_owned(), duration)
        );
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
    out
}

/// Every warning with the runs that gave it, as HTML.
fn warnings(runs: &[&RunRecords]) -> Vec<String> {
    // The same warning in many runs is one line.
    let mut found: Vec<(&str, Vec<String>)> = Vec::new();
    for run in runs.iter().copied() {
        for warning in run.summary.iter().flat_map(|s| &s.warnings) {
            let who = run.folder.display().to_string();
            match found.iter_mut().find(|(text, _)| text == warning) {
                Some((_, runs)) => runs.push(who),
                None => found.push((warning, vec![who])),
            }
        }
    }
    let item = |(text, runs): (&str, Vec<String>)| {
        format!("{} <span class=\"note\">({})</span>", escape(text), escape(&runs.join(", ")))
    };
    found.into_iter().map(item).collect()
}

fn reproduce(groups: &[&Group<'_>], runs: &[RunRecords], commands: &[String]) -> String {
    let mut out = String::new();
    let mut lines: Vec<&str> =
        runs.iter().filter_map(|r| Some(r.summary.as_ref()?.command.as_str())).collect();
    lines.extend(commands.iter().map(String::as_str));
    let mut seen = BTreeSet::new();
    lines.retain(|l| seen.insert(*l));
    let missing = runs.iter().filter(|r| r.summary.is_none()).count();
    let _ = write!(
        out,
        "<details open>\n<summary>Commands</summary>\n<pre tabindex=\"0\">{}</pre>\n",
        escape(&lines.join("\n"))
    );
    if missing > 0 {
        let _ = writeln!(
            out,
            "<p class=\"small\">A run records its command when it ends; {} above.</p>",
            if missing == 1 { "one is not".to_owned() } else { format!("{missing} are not") }
        );
    }
    out.push_str("</details>\n");
    environments(&mut out, runs);
    // Last: on paper, where they are printed open, they are long.
    out.push_str("<div class=\"configurations\">\n");
    for group in groups {
        let mut members = group.runs();
        let Some(first) = members.next() else { continue };
        let differing = differing_keys(first, members);
        let others = if differing.is_empty() {
            String::new()
        } else {
            format!(
                "<p class=\"small\">Of seed {}; other runs of this rule differ in: {}.</p>\n",
                first.seed,
                escape(&differing.join(", "))
            )
        };
        let _ = write!(
            out,
            "<details>\n<summary>Configuration: {}</summary>\n{others}<pre tabindex=\"0\">{}</pre>\n</details>\n",
            escape(&group.label),
            escape(first.config_text.trim_end())
        );
    }
    out.push_str("</div>\n");
    out
}

/// The entries that tell `others` from `first`.
fn differing_keys<'r>(first: &RunRecords, others: impl Iterator<Item = &'r RunRecords>) -> Vec<String> {
    let own = settings(&first.config_text).unwrap_or_default();
    let mut keys = BTreeSet::new();
    for other in others {
        let theirs = settings(&other.config_text).unwrap_or_default();
        let all: BTreeSet<&String> = own.keys().chain(theirs.keys()).collect();
        keys.extend(all.into_iter().filter(|k| own.get(*k) != theirs.get(*k)).cloned());
    }
    keys.into_iter().collect()
}

/// Versions and devices; runs that share them share a block.
fn environments(out: &mut String, runs: &[RunRecords]) {
    type Entries = Vec<(String, String)>;
    let mut found: Vec<(Entries, Vec<&RunRecords>)> = Vec::new();
    for run in runs {
        let Some(summary) = &run.summary else { continue };
        let mut entries =
            vec![("nmnc".to_owned(), summary.version.clone()), ("device".to_owned(), summary.device.clone())];
        entries.extend(summary.environment.iter().cloned());
        match found.iter_mut().find(|(e, _)| *e == entries) {
            Some((_, members)) => members.push(run),
            None => found.push((entries, vec![run])),
        }
    }
    if found.is_empty() {
        return;
    }
    out.push_str("<details>\n<summary>Versions and device</summary>\n");
    let several = found.len() > 1;
    for (entries, members) in found {
        if several {
            let folders: Vec<String> = members.iter().map(|r| r.folder.display().to_string()).collect();
            let _ = writeln!(out, "<p class=\"small\">{}</p>", escape(&folders.join(", ")));
        }
        out.push_str(&definitions(entries));
    }
    let digests: Vec<String> = runs
        .iter()
        .filter_map(|r| Some(format!("{}  {}", r.summary.as_ref()?.config_sha256, r.folder.display())))
        .collect();
    let _ = write!(
        out,
        "<p class=\"small\">SHA-256 of the configurations:</p>\n<pre tabindex=\"0\">{}</pre>\n</details>\n",
        escape(&digests.join("\n"))
    );
}
