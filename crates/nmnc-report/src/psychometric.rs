//! Psychometric curves of runs on tasks with graded stimuli: a panel a run, and a table of what was fitted.

use super::aggregate::Group;
use super::axis::{Axis, Writing};
use super::dots::Dot;
use super::figure::Figure;
use super::figures::styles;
use super::look::Style;
use super::measurements::Point;
use super::plot::{End, Line, Panel, Size};
use super::table::Table;
use super::text::{NONE, fixed, grouped, significant};
use nmnc_core::records::{Psychometric, RunRecords};
use nmnc_core::statistics::psychometric::Fit;

/// Runs that have a panel.
const MOST_PANELS: usize = 8;
/// Places at which a curve is drawn.
const PLACES: usize = 200;
/// Rows that a reader is shown.
const MOST_ROWS: usize = 64;

/// What stands below the table.
pub const PSYCHOMETRIC_NOTE: &str = "Of the last evaluation of each complete run, over trials that were answered; strengths are positive for choice 1. \
    Estimates ± standard error; one at a bound (0 or 20 % of lapses) has none. Deviance is about as large as there are strengths but four where \
    the curve is right.";

/// What the last evaluation of a run tells.
fn of(run: &RunRecords) -> Option<&Psychometric> {
    let summary = run.summary.as_ref().and_then(|summary| summary.psychometric.as_ref());
    summary.or_else(|| run.records.iter().rev().find_map(|record| record.psychometric.as_ref()))
}

/// The curve of the last evaluation of a run.
pub fn last_fit(run: &RunRecords) -> Option<Fit> {
    of(run)?.fit
}

/// A complete run and its look.
struct Shown<'a> {
    label: String,
    style: Style,
    found: &'a Psychometric,
    seed: u64,
    /// Which of its group's runs it is.
    place: usize,
}

/// Complete runs of all groups that tell of strengths, group by group.
fn shown<'a>(groups: &[Group<'a>]) -> Vec<Shown<'a>> {
    let mut runs = Vec::new();
    for (group, style) in groups.iter().zip(styles(groups)) {
        for (place, run) in group.complete.iter().enumerate() {
            let Some(found) = of(run) else { continue };
            runs.push(Shown { label: group.label.clone(), style, found, seed: run.seed, place });
        }
    }
    runs
}

/// The figure; none where no run tells of answers by strength.
pub fn figure(groups: &[Group<'_>]) -> Option<Figure> {
    let mut runs = shown(groups);
    // Of each group the first, then of each the second, so that none is missing where not all have room.
    runs.sort_by_key(|run| run.place);
    let (all, runs) = (runs.len(), &runs[..runs.len().min(MOST_PANELS)]);
    let name = &runs.first()?.found.strength;
    let strengths = || runs.iter().flat_map(|run| &run.found.levels).map(|level| level.strength);
    let (low, high) =
        strengths().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    if low > high {
        return None;
    }
    // A little room, so that intervals at the ends do not lie on the frame.
    let room = 0.03 * (high - low);
    let x = Axis::linear(capital(name), Writing::Decimal, low, high, 6).tight(low - room, high + room);
    let y = Axis::linear("Choice 1 (%)", Writing::Decimal, 0.0, 100.0, 6);
    let size = if matches!(runs.len(), 1 | 2 | 4) { Size::Wide } else { Size::Narrow };
    let panels: Vec<Panel> = runs.iter().map(|run| panel(run, size, &x, &y)).collect();
    let some =
        if all > runs.len() { format!(" Of {all} runs, {} are shown.", runs.len()) } else { String::new() };
    let lines = match runs.iter().any(|run| run.found.fit.is_some()) {
        true => {
            "Lines: cumulative Gaussian with lapses at both ends, fitted by maximum likelihood (Wichmann and Hill 2001); σ is its deviation."
        }
        false => "No curve could be fitted; the table of psychometric curves says why.",
    };
    let caption = format!(
        "Share of choice 1 in the last evaluation by the signed strength of the evidence: points with binomial 95 % intervals (Wilson). \
         {lines}{some}"
    );
    Some(Figure::new("Psychometric curves", caption, Vec::new(), panels))
}

fn panel(run: &Shown<'_>, size: Size, x: &Axis, y: &Axis) -> Panel {
    let Shown { label, style, found, seed, .. } = run;
    let points = found.points();
    let line = found.fit.filter(|_| points.len() > 1).map(|fit| {
        let (first, last) = (points[0].level.strength, points[points.len() - 1].level.strength);
        let at = |place: usize| {
            let x = first + (last - first) * place as f64 / PLACES as f64;
            Point { x, y: 100.0 * fit.at(x), sem: None }
        };
        let label = format!("the curve of {label} seed {seed}");
        Line { style: *style, label, points: (0..=PLACES).map(at).collect(), end: End::Fit }
    });
    let dots = points.iter().filter_map(|point| {
        let (share, level) = (point.share?, point.level);
        let [low, high] = point.interval;
        Some(Dot {
            style: *style,
            x: level.strength,
            y: 100.0 * share,
            interval: [100.0 * low, 100.0 * high],
            title: format!(
                "{}: {}\n{} of {} trials, {} % ({} to {})",
                found.strength,
                significant(level.strength, 3),
                grouped(level.chosen as u64),
                grouped(level.trials as u64),
                fixed(100.0 * share, 1),
                fixed(100.0 * low, 1),
                fixed(100.0 * high, 1)
            ),
        })
    });
    let title = format!("Psychometric curve, {label}, seed {seed}");
    let mut panel = Panel::new(size, title, x.clone(), y.clone(), line.into_iter().collect(), Vec::new());
    panel.dots = dots.collect();
    panel.description += &format!(" Shares of choice 1 at {} strengths.", panel.dots.len());
    let note = match &found.fit {
        Some(fit) => format!("σ = {}", with_error(fit.sigma, Some(fit.sigma_se))),
        None => "no curve".to_owned(),
    };
    panel.heading = Some((format!("{label}, seed {seed}"), note));
    panel
}

/// A row for each complete run; none where runs tell of no strengths, or are too many.
pub fn fits(groups: &[Group<'_>]) -> Table {
    let mut runs = shown(groups);
    if runs.len() > MOST_ROWS {
        runs.clear();
    }
    let of_fit = |run: &Shown<'_>, cell: &dyn Fn(&Fit) -> String| {
        run.found.fit.as_ref().map_or_else(|| NONE.to_owned(), cell)
    };
    let percent =
        |value: f64, error: Option<f64>| with_error(100.0 * value, error.map(|error| 100.0 * error));
    let whole = runs.iter().all(|run| run.found.fit.is_some());
    let mut table = Table::of(
        runs,
        &[
            ("Rule", &|r: &Shown<'_>| r.label.clone()),
            ("Seed", &|r| r.seed.to_string()),
            ("Midpoint μ", &|r| of_fit(r, &|f| with_error(f.mu, Some(f.mu_se)))),
            ("Threshold σ", &|r| of_fit(r, &|f| with_error(f.sigma, Some(f.sigma_se)))),
            ("Slope at μ", &|r| of_fit(r, &|f| with_error(f.slope, Some(f.slope_se)))),
            ("Lapses low (%)", &|r| of_fit(r, &|f| percent(f.lapse_low, f.lapse_low_se))),
            ("Lapses high (%)", &|r| of_fit(r, &|f| percent(f.lapse_high, f.lapse_high_se))),
            ("Deviance", &|r| of_fit(r, &|f| fixed(f.deviance, 1))),
            ("Strengths", &|r| r.found.levels.len().to_string()),
            ("No curve because", &|r| r.found.no_fit.clone().unwrap_or_default()),
        ],
    );
    if whole {
        table.headings.pop();
        table.rows.iter_mut().for_each(|row| drop(row.pop()));
    }
    table
}

/// `value ± error`, with two digits of the error.
fn with_error(value: f64, error: Option<f64>) -> String {
    match error.filter(|error| *error > 0.0 && error.is_finite()) {
        Some(error) => {
            let decimals = (1.0 - error.log10().floor()).clamp(0.0, 9.0) as usize;
            format!("{} ± {}", fixed(value, decimals), fixed(error, decimals))
        }
        None => significant(value, 3),
    }
}

/// The text with a capital to begin with.
fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + rest.as_str())
}
