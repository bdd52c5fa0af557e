//! Components fitted to one half of the repeats, measured in the other: for every division into halves, without each group of
//! conditions, and with the conditions of the noise shuffled.

use rayon::prelude::*;

use super::components::{Axes, Estimate, components};
use super::measured::{Sums, measure};
use super::part::{Condition, halves, whole};
use super::recorded::Trials;
use super::result::TrialsSettings;
use nmnc_core::error::Result;
use nmnc_core::seed::Role;

/// What all fits say.
pub(super) struct Fits {
    /// With all conditions.
    pub all: Sums,
    /// Without each group of conditions, as the delete-a-group jackknife takes them out; none of fewer than three conditions.
    pub without: Vec<Sums>,
    /// With the noise alone, its conditions shuffled.
    pub shuffled: Sums,
    /// Components and measurement of all repeats at once, the error of the means left in.
    pub plain: Sums,
    /// The components of all repeats.
    pub axes: Axes,
}

/// Streams of [`Role::Analysis`], by index.
const HALVES: usize = 4;
const SHUFFLED: usize = 5;
const GROUPS: usize = 6;

/// What one division says.
struct Division {
    /// With all conditions, then without each group.
    sums: Vec<Sums>,
    shuffled: Sums,
}

/// Fits and measures; the same for one seed on any number of threads.
pub(super) fn fits(trials: &Trials, settings: &TrialsSettings) -> Result<Fits> {
    let groups = groups(trials.conditions(), settings);
    let division = |number: u64| -> Result<Division> {
        let stream = |index| settings.seed.stream(Role::Analysis, index, number);
        let parts = halves(trials, &mut stream(HALVES));
        let both = |chosen: &dyn Fn(usize) -> bool| fit_both(&parts, chosen, settings.curve);
        let mut sums = vec![both(&|_| true)?];
        for group in &groups {
            sums.push(both(&|condition| !group.contains(&condition))?);
        }
        let noise = trials.shuffled(&mut stream(SHUFFLED));
        let noise = halves(&noise, &mut stream(HALVES));
        Ok(Division { sums, shuffled: fit_both(&noise, &|_| true, settings.curve)? })
    };
    let divisions: Vec<Division> =
        (0..settings.divisions as u64).into_par_iter().map(division).collect::<Result<_>>()?;
    let sum = |of: &dyn Fn(&Division) -> &Sums| {
        divisions.iter().fold(Sums::default(), |sum, division| sum.add(of(division)))
    };
    let everything = whole(trials);
    let everything: Vec<&Condition> = everything.iter().collect();
    let plain = components(&everything, settings.curve, Estimate::Plain)?;
    Ok(Fits {
        all: sum(&|division| &division.sums[0]),
        without: (1..=groups.len()).map(|group| sum(&|division| &division.sums[group])).collect(),
        shuffled: sum(&|division| &division.shuffled),
        plain: measure(&everything, &plain),
        axes: components(&everything, settings.curve, Estimate::Unbiased)?,
    })
}

/// Components of either half, measured in the other.
fn fit_both(parts: &[Vec<Condition>; 2], chosen: &dyn Fn(usize) -> bool, most: usize) -> Result<Sums> {
    let of = |part: usize| -> Vec<&Condition> {
        parts[part].iter().enumerate().filter(|(at, _)| chosen(*at)).map(|(_, c)| c).collect()
    };
    let (first, second) = (of(0), of(1));
    let one = measure(&second, &components(&first, most, Estimate::Unbiased)?);
    Ok(one.add(&measure(&first, &components(&second, most, Estimate::Unbiased)?)))
}

/// Conditions dealt out to groups of nearly equal size.
fn groups(conditions: usize, settings: &TrialsSettings) -> Vec<Vec<usize>> {
    let count = settings.groups.min(conditions);
    if conditions < 3 || count < 2 {
        return Vec::new();
    }
    let order = settings.seed.stream(Role::Analysis, GROUPS, 0).permutation(conditions);
    (0..count).map(|group| order.iter().copied().skip(group).step_by(count).collect()).collect()
}
