//! Differences between conditions, seed by seed and stimulus by stimulus.

use serde::Serialize;

use super::network::{Index, NetworkRdms};
use crate::similarity::{Range, Replicates, holm};
use nmnc_core::statistics::{Interval, interval};

/// Similarity of one condition less that of another.
#[derive(Clone, Debug, Serialize)]
pub struct Contrast {
    /// The condition.
    pub condition: String,
    /// What is subtracted.
    pub less: String,
    /// Number of the stage, over all stimuli; none for the chosen stages, over the stimuli that did not choose them.
    pub stage: Option<usize>,
    /// Mean difference of networks of one seed, with its interval over seeds.
    pub seeds: Interval,
    /// The same mean with its interval over stimuli (or subjects) drawn anew.
    pub stimuli: Range,
    /// The larger of the probabilities over seeds (where there are several) and over stimuli: a difference is shown if it would be
    /// there with other seeds and with other stimuli.
    pub p: f64,
    /// The same after Holm's correction for all differences of the target at stages, or at chosen stages.
    pub p_holm: f64,
}

impl Contrast {
    /// Whether there is a difference at the level of 5 %, all differences of the family together.
    pub fn shown(&self) -> bool {
        self.p_holm < 0.05
    }
}

/// Every pair of conditions, first at the chosen stages, then stage by stage.
pub(super) fn contrasts(
    pairs: &[(String, String)],
    networks: &[NetworkRdms],
    index: &Index,
    all: &Replicates,
    reported: &Replicates,
) -> Vec<Contrast> {
    let mut chosen = Vec::new();
    let mut staged = Vec::new();
    for (a, b) in pairs {
        let paired = index.paired(a, b);
        chosen.extend(contrast((a, b), None, reported, &paired));
        let count = paired.iter().map(|&(a, b)| networks[a].stages.len().min(networks[b].stages.len())).min();
        for stage in 1..=count.unwrap_or(0) {
            let place = |&(a, b): &(usize, usize)| Some((index.place(a, stage)?, index.place(b, stage)?));
            let places: Vec<(usize, usize)> = paired.iter().filter_map(place).collect();
            staged.extend(contrast((a, b), Some(stage), all, &places));
        }
    }
    for family in [&mut chosen, &mut staged] {
        let adjusted = holm(&family.iter().map(|c| c.p).collect::<Vec<_>>());
        family.iter_mut().zip(adjusted).for_each(|(contrast, p)| contrast.p_holm = p);
    }
    chosen.into_iter().chain(staged).collect()
}

fn contrast(
    (condition, less): (&str, &str),
    stage: Option<usize>,
    models: &Replicates,
    paired: &[(usize, usize)],
) -> Option<Contrast> {
    let difference = |v: &[f64]| paired.iter().map(|&(a, b)| v[a] - v[b]).sum::<f64>() / paired.len() as f64;
    let seeds = interval(paired.iter().map(|&(a, b)| models.point[a] - models.point[b]))?;
    let stimuli = models.range(difference);
    let p = seeds.p().map_or(stimuli.p, |p| p.max(stimuli.p));
    let (condition, less) = (condition.to_owned(), less.to_owned());
    Some(Contrast { condition, less, stage, seeds, stimuli, p, p_holm: f64::NAN })
}
