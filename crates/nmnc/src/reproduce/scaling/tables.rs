//! Tables of the scaling experiment.

use std::fmt::Write as _;

use super::super::table::{Table, cell, with_range};
use super::super::widths::Family;
use super::StageScaling;
use super::fits::{Data, Fit, NOISES, TARGETS, at};
use nmnc_analysis::analysis::{ProbesNeeded, Target};
use nmnc_report::text::{NONE, count, fixed};

fn target_label(target: Target) -> &'static str {
    TARGETS.iter().find(|(t, ..)| *t == target).map_or("", |(.., label)| label)
}

pub(super) fn table(fits: &[Fit]) -> Table {
    let headings = vec![
        "Network",
        "Stage",
        "Jacobian",
        "Noise",
        "Exponent",
        "By the law",
        "Theory",
        "Widths",
        "Probes, narrowest",
        "Widest",
    ];
    let row = |fit: &Fit| {
        vec![
            fit.family_label.to_owned(),
            fit.stage.to_string(),
            target_label(fit.target).to_owned(),
            fit.noise_label.clone(),
            with_range(&fit.exponent, 2),
            fixed(fit.law.mean, 2),
            fit.theory.map_or_else(|| NONE.to_owned(), |theory| fixed(theory, 0)),
            format!("{} of {}", fit.widths, fit.widths_of),
            count(fit.probes[0].round()),
            count(fit.probes[1].round()),
        ]
    };
    Table { headings, rows: fits.iter().map(row).collect() }
}

pub(super) fn exponents_csv(fits: &[Fit]) -> String {
    let mut out =
        "network,stage,target,noise,seeds,widths,exponent,sem,half_interval,law,theory\n".to_owned();
    for fit in fits {
        let e = &fit.exponent;
        let target = TARGETS.iter().find(|(t, ..)| *t == fit.target).map_or("", |(_, name, _)| name);
        let _ = writeln!(
            out,
            "{},{},{target},{},{},{},{},{},{},{},{}",
            fit.family,
            fit.stage,
            fit.noise,
            e.n,
            fit.widths,
            e.mean,
            cell(e.sem),
            cell(e.half),
            fit.law.mean,
            cell(fit.theory)
        );
    }
    out
}

/// What every line of a file about single measurements begins with, and the measurement.
fn lines<'a>(families: &'a [Family], data: &'a Data) -> impl Iterator<Item = (String, &'a ProbesNeeded)> {
    let stages =
        data.iter().flat_map(|(family, seed, run)| run.stages.iter().map(move |s| (*family, *seed, s)));
    let with_noise = stages.flat_map(|place| NOISES.iter().map(move |noise| (place, noise)));
    with_noise.flat_map(move |((family, seed, stage), noise)| {
        TARGETS.iter().filter_map(move |(target, name, _)| {
            let needed = at(stage, noise, *target)?;
            let StageScaling { stage, units, .. } = stage;
            Some((format!("{},{seed},{stage},{units},{name},{}", families[family].name, noise.name), needed))
        })
    })
}

/// Every measurement.
pub(super) fn probes_csv(families: &[Family], data: &Data) -> String {
    let mut out =
        "network,seed,stage,units,target,noise,dimension,attainable,variation,probes,probes_law\n".to_owned();
    for (place, n) in lines(families, data) {
        let _ = writeln!(
            out,
            "{place},{},{},{},{},{}",
            n.dimension,
            n.attainable,
            n.variation,
            cell(n.needed),
            n.needed_law
        );
    }
    out
}

/// Every point of every measurement.
pub(super) fn curves_csv(families: &[Family], data: &Data) -> String {
    let mut out =
        "network,seed,stage,units,target,noise,probes,relative_cosine,relative_cosine_law\n".to_owned();
    for (place, needed) in lines(families, data) {
        for point in &needed.curve {
            let _ = writeln!(out, "{place},{},{},{}", point.probes, point.cosine, point.law);
        }
    }
    out
}
