//! Recordings with repetitions, and how reliable their means are.

use nmnc_core::error::{Error, Result};
use nmnc_core::scale;
use nmnc_core::seed::{Role, Seed};

/// Stimuli shown to recorded units, some or all of them repeatedly.
#[derive(Clone, Copy, Debug)]
pub struct Responses<'a> {
    /// `[presentations, units]`; NaN where a unit was not recorded.
    pub presentations: &'a [f64],
    /// The stimulus of each presentation, from 0.
    pub stimulus_of: &'a [usize],
    /// Number of stimuli.
    pub stimuli: usize,
}

impl Responses<'_> {
    /// Checks that sizes agree, and tells the number of units.
    ///
    /// # Errors
    /// If they do not, or a stimulus was never shown.
    pub fn units(&self) -> Result<usize> {
        let shown = self.stimulus_of.len();
        if shown == 0 || self.presentations.is_empty() || !self.presentations.len().is_multiple_of(shown) {
            let problem = format!("{} numbers for {shown} presentations", self.presentations.len());
            return Err(
                Error::data("recordings", problem).mend("give one row a presentation, one column a unit")
            );
        }
        let mut seen = vec![false; self.stimuli];
        for (presentation, &stimulus) in self.stimulus_of.iter().enumerate() {
            match seen.get_mut(stimulus) {
                Some(seen) => *seen = true,
                None => {
                    let problem = format!("presentation {presentation} is of stimulus {stimulus}");
                    return Err(Error::data("recordings", problem)
                        .mend(format!("there are stimuli 0 to {}", self.stimuli.saturating_sub(1))));
                }
            }
        }
        if let Some(missing) = seen.iter().position(|seen| !seen) {
            return Err(Error::data("recordings", format!("stimulus {missing} was never shown"))
                .mend("leave it out of the stimuli"));
        }
        Ok(self.presentations.len() / shown)
    }

    /// Mean over presentations `[stimuli, units]`; NaN where a unit was recorded in none.
    ///
    /// # Errors
    /// As [`Responses::units`].
    pub fn means(&self) -> Result<Vec<f64>> {
        let units = self.units()?;
        Ok(self.means_of(units, 0..self.stimulus_of.len()))
    }

    /// Means `[stimuli, units]` over each of two random halves of the presentations of every stimulus; another `halving` is another
    /// draw. Of an odd number of presentations one, drawn anew, is in neither. NaN for stimuli shown once.
    ///
    /// # Errors
    /// As [`Responses::units`].
    pub fn halves(&self, seed: Seed, halving: u64) -> Result<[Vec<f64>; 2]> {
        let units = self.units()?;
        let mut of_stimulus = vec![Vec::new(); self.stimuli];
        for (presentation, &stimulus) in self.stimulus_of.iter().enumerate() {
            of_stimulus[stimulus].push(presentation);
        }
        let mut stream = seed.stream(Role::Halves, 0, halving);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for presentations in &of_stimulus {
            let order = stream.permutation(presentations.len());
            let half = presentations.len() / 2;
            first.extend(order[..half].iter().map(|&i| presentations[i]));
            second.extend(order[half..2 * half].iter().map(|&i| presentations[i]));
        }
        Ok([self.means_of(units, first), self.means_of(units, second)])
    }

    /// Mean over some of the presentations.
    fn means_of(&self, units: usize, chosen: impl IntoIterator<Item = usize>) -> Vec<f64> {
        let mut sums = vec![0.0; self.stimuli * units];
        let mut counts = vec![0u32; self.stimuli * units];
        for presentation in chosen {
            let start = self.stimulus_of[presentation] * units;
            let row = &self.presentations[presentation * units..(presentation + 1) * units];
            let (sums, counts) = (&mut sums[start..start + units], &mut counts[start..start + units]);
            for ((sum, count), value) in sums.iter_mut().zip(counts).zip(row).filter(|(_, v)| v.is_finite()) {
                *sum += value;
                *count += 1;
            }
        }
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum /= f64::from(count));
        sums
    }
}

/// Reliability of each unit's mean responses: the correlation over stimuli between the means of two random halves of the
/// presentations, averaged over `halvings` draws, then stepped up to all of them by Spearman and Brown's r -> 2 r / (1 + r).
///
/// Only stimuli with two or more presentations of a unit count; of an odd number one presentation, drawn anew each time, is left
/// out. `None` for a unit without three such stimuli, or whose halves do not vary; at most 1, and possibly negative.
///
/// # Errors
/// As [`Responses::units`]; no halving.
pub fn split_half(responses: &Responses<'_>, halvings: usize, seed: Seed) -> Result<Vec<Option<f64>>> {
    let units = responses.units()?;
    if halvings == 0 {
        return Err(Error::config("halvings", "none").mend("draw at least one"));
    }
    let mut sums = vec![(0.0, 0usize); units];
    for halving in 0..halvings {
        let [first, second] = responses.halves(seed, halving as u64)?;
        for (unit, (sum, count)) in sums.iter_mut().enumerate() {
            let of = |values: &[f64]| values[unit..].iter().step_by(units).copied().collect::<Vec<f64>>();
            let pairs: Vec<(f64, f64)> = of(&first)
                .into_iter()
                .zip(of(&second))
                .filter(|(a, b)| a.is_finite() && b.is_finite())
                .collect();
            if let Some(r) = correlation(&pairs) {
                *sum += r;
                *count += 1;
            }
        }
    }
    let step_up = |(sum, count): (f64, usize)| {
        let r = sum / count as f64;
        (count > 0 && r > -1.0).then(|| 2.0 * r / (1.0 + r))
    };
    Ok(sums.into_iter().map(step_up).collect())
}

/// Pearson's correlation; none of fewer than three pairs, or where one side does not vary beyond rounding.
pub(super) fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let count = pairs.len() as f64;
    let (a, b) = pairs.iter().fold((0.0, 0.0), |(a, b), pair| (a + pair.0, b + pair.1));
    let (mean_a, mean_b) = (a / count, b / count);
    let unit = |of: &dyn Fn(&(f64, f64)) -> f64| scale::unit(scale::largest(pairs.iter().map(of)));
    let (unit_a, unit_b) = (unit(&|pair| pair.0), unit(&|pair| pair.1));
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        let (x, y) = ((x - mean_a) / unit_a, (y - mean_b) / unit_b);
        (aa, bb, ab) = (aa + x * x, bb + y * y, ab + x * y);
    }
    let varies = |square: f64, mean: f64| square > count * (1e-13 * mean).powi(2);
    (varies(aa, mean_a / unit_a) && varies(bb, mean_b / unit_b))
        .then(|| (ab / (aa.sqrt() * bb.sqrt())).clamp(-1.0, 1.0))
}
