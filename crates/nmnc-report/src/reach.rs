//! Accuracy against what a run costs: perturbed examples, and the size of the network, whatever settings they come of.

use super::aggregate::{Group, identity};
use super::figure::Figure;
use super::look::Style;
use super::measurements::Point;
use super::naming::Entries;
use super::plot::{End, Line};
use super::sweep::{self, LEAST, accuracy, drawn, reference, rule};
use super::text::list;
use nmnc_core::records::RunRecords;

/// A measure of cost, and the settings that decide on it: runs that differ in these alone are on one line.
struct Cost {
    name: &'static str,
    of: fn(&RunRecords) -> f64,
    settings: &'static [&'static str],
    /// Ratio of the largest to the smallest from which it is drawn.
    span: f64,
}

const COSTS: [Cost; 2] = [
    Cost {
        name: "probes per example",
        of: |run| run.summary.as_ref().map_or(0.0, |summary| summary.probes_per_example),
        settings: &["budget", "interval", "probes", "cap"],
        span: 8.0,
    },
    Cost {
        name: "parameters",
        of: |run| run.summary.as_ref().map_or(0.0, |summary| summary.parameters as f64),
        settings: &["widths", "width", "scale", "units", "channels"],
        span: 4.0,
    },
];

/// Most lines of a figure where some are no curves.
const MOST: usize = 8;

/// Groups of one rule that differ in nothing but what decides on the cost.
struct Track {
    rest: Entries,
    members: Vec<usize>,
}

/// Accuracy against settings ([`sweep::figures`]), then a figure for each cost over which some rule has been run at [`LEAST`] places or more.
pub fn figures(groups: &[Group<'_>], styles: &[Style]) -> Vec<Figure> {
    let costs = COSTS.iter().filter_map(|cost| figure(cost, groups, styles));
    sweep::figures(groups, styles).into_iter().chain(costs).collect()
}

fn figure(cost: &Cost, groups: &[Group<'_>], styles: &[Style]) -> Option<Figure> {
    let decides = |key: &str| cost.settings.contains(&key.rsplit('.').next().unwrap_or(key));
    let mut tracks: Vec<Track> = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        let Some(run) = group.complete.first() else { continue };
        let mut rest = identity(run);
        rest.retain(|key, _| !decides(key));
        let same = |track: &&mut Track| groups[track.members[0]].rule == group.rule && track.rest == rest;
        match tracks.iter_mut().find(same) {
            Some(track) => track.members.push(at),
            None => tracks.push(Track { rest, members: vec![at] }),
        }
    }
    let point = |at: &usize| {
        let (group, y) = (&groups[*at], accuracy(&groups[*at])?);
        let x = group.complete.iter().map(|run| (cost.of)(run)).sum::<f64>() / group.complete.len() as f64;
        (x > 0.0).then_some(Point { x, y: y.mean, sem: y.sem })
    };
    let mut lines: Vec<Line> = tracks
        .iter()
        .filter_map(|track| {
            let mut points: Vec<Point> = track.members.iter().filter_map(point).collect();
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            let (style, label) = (styles[track.members[0]], named(track, &tracks, groups));
            (!points.is_empty()).then_some(Line { style, label, points, end: End::Mean })
        })
        .collect();
    let is_curve = |line: &Line| {
        let [first, .., last] = &line.points[..] else { return false };
        last.x >= cost.span * first.x && line.points.len() >= LEAST
    };
    if !lines.iter().any(is_curve) {
        return None;
    }
    // Rules at a place or two are shown beside the curves if there is room.
    if lines.len() > MOST {
        lines.retain(is_curve);
    }
    // What costs nothing of the kind is the same at any place.
    let free = |at: &usize| groups[*at].complete.iter().all(|run| (cost.of)(run) == 0.0);
    let references: Vec<_> =
        (0..groups.len()).filter(free).filter_map(|at| reference(&groups[at], styles[at])).collect();
    let names: Vec<String> = references.iter().map(|reference| reference.label.clone()).collect();
    let others =
        if names.is_empty() { String::new() } else { format!(" Across: {}, without any.", list(&names)) };
    drawn(cost.name, &format!("{}, whichever setting decides on them", cost.name), &others, lines, references)
}

/// The rule, with a setting that tells the track from the rule's other ones.
fn named(track: &Track, tracks: &[Track], groups: &[Group<'_>]) -> String {
    let own = &groups[track.members[0]];
    let others: Vec<&Track> = tracks
        .iter()
        .filter(|other| groups[other.members[0]].rule == own.rule && other.members != track.members)
        .collect();
    let rule = rule(own);
    let telling =
        track.rest.iter().find(|entry| others.iter().all(|other| other.rest.get(entry.0) != Some(entry.1)));
    match telling {
        _ if others.is_empty() => rule,
        Some((key, value)) => format!("{rule} ({} = {value})", key.rsplit('.').next().unwrap_or(key)),
        None => own.label.clone(),
    }
}
