//! Recordings of repeated conditions.

use std::path::Path;

use super::gain::remove_gain;
use crate::analysis::MappedArray;
use crate::means::ColumnMeans;
use nmnc_core::error::{Error, Result};
use nmnc_core::scale;
use nmnc_core::seed::Stream;

/// Repeats of a condition that are needed: two halves, and in each a mean and a variance around it.
const FEWEST: usize = 4;
const SHAPE: &str = "[conditions, repeats, units]";

/// Activity `[conditions, repeats, units]`, without the trials that are missing.
///
/// The mean over all trials is taken away and a [unit](scale::unit) taken out.
#[derive(Clone, Debug)]
pub struct Trials {
    units: usize,
    /// The trials of each condition, row-major `[repeats, units]`.
    conditions: Vec<Vec<f64>>,
    missing: usize,
    unit: f64,
    /// The mean `[units]` that was taken away.
    center: Vec<f64>,
    without_gain: bool,
}

impl Trials {
    /// Row-major `values` of the given shape. A trial of which every unit is NaN is missing; conditions may have different numbers of
    /// the others, four or more.
    ///
    /// # Errors
    /// Other values that are not finite, fewer than two conditions or four repeats of one, no units, other than three dimensions.
    pub fn new(mut values: Vec<f64>, shape: &[usize]) -> Result<Self> {
        let &[count, repeats, units] = shape else {
            let problem = format!("of shape {shape:?} instead of {SHAPE}");
            return Err(Error::data("trials", problem).mend("reshape it to three dimensions"));
        };
        assert_eq!(values.len(), count * repeats * units, "values of shape {shape:?}");
        if count < 2 || repeats < FEWEST || units == 0 {
            return Err(Error::data("trials", format!("of shape {shape:?}"))
                .mend(format!("give at least 2 conditions, {FEWEST} repeats and 1 unit")));
        }
        let largest = scale::largest(values.iter().copied().filter(|v| !v.is_nan()));
        let unit = scale::unit(largest);
        values.iter_mut().for_each(|v| *v /= unit);
        let mut conditions = Vec::with_capacity(count);
        for (condition, block) in values.chunks_exact(repeats * units).enumerate() {
            let mut kept = Vec::with_capacity(block.len());
            for (repeat, trial) in block.chunks_exact(units).enumerate() {
                match trial.iter().position(|v| !v.is_finite()) {
                    None => kept.extend_from_slice(trial),
                    Some(0) if trial.iter().all(|v| v.is_nan()) => {}
                    Some(at) => {
                        let place = format!("condition {condition}, repeat {repeat}, unit {at}");
                        return Err(Error::data("trials", format!("{place} is not finite"))
                            .mend("a missing trial is NaN in all its units; leave out units with gaps"));
                    }
                }
            }
            let found = kept.len() / units;
            if found < FEWEST {
                return Err(Error::data("trials", format!("condition {condition} has {found} repeats"))
                    .mend(format!("give at least {FEWEST}, or leave it out")));
            }
            conditions.push(kept);
        }
        let found = conditions.iter().map(|c| c.len() / units).sum::<usize>();
        let mut trials = Self {
            units,
            conditions,
            missing: count * repeats - found,
            unit,
            center: vec![0.0; units],
            without_gain: false,
        };
        trials.center();
        Ok(trials)
    }

    /// Reads a `.npy` file, or the array `array` of a `.npz` file (without a name its only one, or `data`), of at most `memory` bytes as
    /// numbers of double precision.
    ///
    /// # Errors
    /// If it cannot be read; as [`Trials::new`].
    pub fn read(path: &Path, array: Option<&str>, memory: u64) -> Result<Self> {
        let place = path.display();
        let found = MappedArray::find(path, array, &["data", "trials"])?;
        let shape = found.shape().to_vec();
        affordable(&shape, memory).map_err(|e| e.within(&place))?;
        Self::new(found.values(), &shape).map_err(|e| e.within(place))
    }

    /// Number n of units.
    pub fn units(&self) -> usize {
        self.units
    }

    /// Number of conditions.
    pub fn conditions(&self) -> usize {
        self.conditions.len()
    }

    /// Repeats of each condition, without the missing ones.
    pub fn repeats(&self) -> Vec<usize> {
        self.conditions.iter().map(|c| c.len() / self.units).collect()
    }

    /// Trials that are missing.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Mean square of the norm of a trial, as recorded.
    pub(super) fn energy(&self) -> f64 {
        let trials = || self.conditions.iter().flat_map(|block| block.chunks_exact(self.units));
        let norm =
            |trial: &[f64]| trial.iter().zip(&self.center).map(|(v, m)| (v + m) * (v + m)).sum::<f64>();
        trials().map(norm).sum::<f64>() / trials().count() as f64
    }

    /// What one is in the numbers of [`Trials::of`].
    pub(super) fn unit(&self) -> f64 {
        self.unit
    }

    /// Trials of one condition `[repeats, units]`.
    pub(super) fn of(&self, condition: usize) -> &[f64] {
        &self.conditions[condition]
    }

    /// The noise alone, dealt out to conditions at random: what is left around the mean of each condition, to the variance of single
    /// trials.
    pub(super) fn shuffled(&self, stream: &mut Stream) -> Self {
        let units = self.units;
        let mut noise = Vec::new();
        for block in &self.conditions {
            let repeats = (block.len() / units) as f64;
            let mean = mean(block, units);
            let stretch = (repeats / (repeats - 1.0)).sqrt();
            noise.extend(
                block.chunks_exact(units).map(|trial| {
                    trial.iter().zip(&mean).map(|(v, m)| (v - m) * stretch).collect::<Vec<f64>>()
                }),
            );
        }
        let order = stream.permutation(noise.len());
        let mut dealt = order.into_iter().map(|from| &noise[from]);
        let deal = |block: &Vec<f64>| -> Vec<f64> {
            dealt.by_ref().take(block.len() / units).flatten().copied().collect()
        };
        let conditions = self.conditions.iter().map(deal).collect();
        Self { conditions, center: self.center.clone(), ..*self }
    }

    /// The same trials without what their gains seem to have made: of a trial's deviation from the mean of its condition, what lies along the mean
    /// over the other trials. So a laboratory takes out what all units have in common (Goris et al. 2014); what else lies there goes with it.
    ///
    /// A gain is a multiple of the activity as given to [`Trials::new`]: it should be zero where there is none.
    #[must_use]
    pub fn without_gain(mut self) -> Self {
        for block in &mut self.conditions {
            for trial in block.chunks_exact_mut(self.units) {
                trial.iter_mut().zip(&self.center).for_each(|(v, m)| *v += m);
            }
            remove_gain(block, self.units);
        }
        self.center();
        Self { without_gain: true, ..self }
    }

    /// Whether [`Trials::without_gain`] made them.
    pub fn is_without_gain(&self) -> bool {
        self.without_gain
    }

    fn center(&mut self) {
        let mut means = ColumnMeans::new(self.units);
        self.conditions.iter().for_each(|block| means.add(block));
        let mean = means.finish();
        for trial in self.conditions.iter_mut().flat_map(|block| block.chunks_exact_mut(self.units)) {
            trial.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m);
        }
        self.center = mean;
    }
}

/// Mean of the rows `[repeats, units]`; of a constant unit its value.
pub(super) fn mean(rows: &[f64], units: usize) -> Vec<f64> {
    let mut means = ColumnMeans::new(units);
    means.add(rows);
    means.finish()
}

/// Whether some copies of an array fit into `memory` bytes.
fn affordable(shape: &[usize], memory: u64) -> Result<()> {
    // The values, those without missing trials, and a centered copy for each of two threads at least.
    let bytes = shape.iter().fold(32u64, |bytes, &places| bytes.saturating_mul(places as u64));
    if bytes > memory {
        return Err(Error::config("trials", format!("need {} MiB", bytes >> 20))
            .mend(format!("give fewer units or trials, or allow more than {} MiB", memory >> 20)));
    }
    Ok(())
}
