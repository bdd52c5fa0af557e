//! Networks of several widths trained by backprop, which more than one experiment looks at.

use super::base::{Options, Size};
use nmnc_core::error::{Error, Result};
use nmnc_train::PlannedRun;

const BASE: &str = include_str!("widths.toml");

/// The multiples of every width.
pub const SCALES: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

/// A family of networks that differ in width.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    pub name: &'static str,
    pub label: &'static str,
    changes: &'static [&'static str],
}

pub(super) const FAMILIES: [Family; 2] = [
    Family {
        name: "conv",
        label: "Convolutional",
        changes: &["network.preset=conv3", "network.widths=[16, 32, 64]"],
    },
    Family { name: "dense", label: "Dense", changes: &["network.preset=mlp", "network.widths=[256, 256]"] },
];

/// The runs of every family with widths multiplied by `scales`, each with the index of its family.
///
/// # Errors
/// Settings that no run can have; fewer than two different scales.
pub(super) fn runs(options: &Options, scales: &[f64]) -> Result<Vec<(usize, PlannedRun)>> {
    let mut sorted = scales.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    if sorted.len() < 2 {
        return Err(Error::config("scales", "an exponent needs at least two different widths")
            .mend("for example --scales 0.5,1,2"));
    }
    let size = options.size();
    let own: &[&str] = match size {
        Size::Quick => &["data.train_limit=2000", "train.epochs=3"],
        Size::Sample => &[],
        Size::Full => &["data.train_limit=20000", "train.epochs=4", "train.batch=128"],
    };
    let mut runs = Vec::new();
    for (index, family) in FAMILIES.iter().enumerate() {
        for scale in &sorted {
            let mut changes: Vec<String> =
                own.iter().chain(family.changes).map(|c| (*c).to_owned()).collect();
            if size == Size::Quick {
                let widths = if family.name == "conv" { "[8, 16, 32]" } else { "[128, 128]" };
                changes.push(format!("network.widths={widths}"));
            }
            changes.push(format!("network.scale={scale:?}"));
            let name = format!("{}-x{scale}", family.name);
            runs.extend(options.runs(&name, BASE, &changes)?.into_iter().map(|run| (index, run)));
        }
    }
    Ok(runs)
}
