//! The memory that a training needs, reckoned from its configuration before anything is made.
//!
//! What stays from step to step adds up; of what comes and goes within a step the largest counts, because parts of a step follow each
//! other. The reckoning is that of the processor's path in single precision; an accelerator's memory is its driver's affair.

mod images;
mod trials;

use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::memory;
use nmnc_learn::needs::{StageSizes, Values, product};

use crate::optimizer::OptimizerConfig;

/// Bytes of a number.
const NUMBER: u128 = 4;

/// The memory of a training, part by part.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    parts: Vec<Part>,
    mend: &'static str,
}

/// A part of what is needed, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The stage it belongs to, from 1; nothing for what belongs to all.
    pub stage: Option<usize>,
    /// What it is.
    pub what: &'static str,
    /// Bytes that stay from step to step.
    pub held: u128,
    /// Bytes that are there for a part of a step.
    pub passing: u128,
}

impl Need {
    /// The parts, in the order of stages.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Bytes at the height of a step.
    pub fn total(&self) -> u128 {
        let held = self.parts.iter().fold(0, |sum: u128, part| sum.saturating_add(part.held));
        held.saturating_add(self.parts.iter().map(|part| part.passing).max().unwrap_or(0))
    }

    /// Whether the memory that the system can give is enough, where it tells how much that is.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`], with the largest part and what to lower.
    pub fn check(&self) -> Result<()> {
        memory::available().map_or(Ok(()), |available| self.check_within(available))
    }

    /// Whether `available` bytes are enough.
    ///
    /// # Errors
    /// As [`Need::check`].
    pub fn check_within(&self, available: u64) -> Result<()> {
        let total = self.total();
        if total <= u128::from(available) {
            return Ok(());
        }
        let largest = self.parts.iter().max_by_key(|part| part.held.saturating_add(part.passing));
        let most = largest.map_or_else(String::new, |part| {
            let stage = part.stage.map_or_else(String::new, |stage| format!(" of stage {stage}"));
            let bytes = part.held.saturating_add(part.passing);
            format!(", {} of them for {}{stage}", text(bytes), part.what)
        });
        let problem = format!("needs {}, {} are there{most}", text(total), text(u128::from(available)));
        Err(Error::new(ErrorKind::Memory, "memory", problem).mend(self.mend))
    }

    /// That of so many trainings at once.
    #[must_use]
    pub fn times(self, count: usize) -> Self {
        let all = |bytes: u128| bytes.saturating_mul(count as u128);
        let parts = self.parts.into_iter();
        Self {
            parts: parts
                .map(|part| Part { held: all(part.held), passing: all(part.passing), ..part })
                .collect(),
            ..self
        }
    }

    fn new(mend: &'static str) -> Self {
        Self { parts: Vec::new(), mend }
    }

    fn add(&mut self, stage: Option<usize>, what: &'static str, values: Values) {
        let bytes = |numbers: u128| numbers.saturating_mul(NUMBER);
        let part = Part { stage, what, held: bytes(values.held), passing: bytes(values.passing) };
        self.parts.push(part);
    }

    /// Parameters of a stage, their gradients and what the optimizer knows of them.
    fn add_parameters(&mut self, stage: Option<usize>, parameters: u128, optimizer: &OptimizerConfig) {
        let copies = 2 + optimizer.moments() as u128;
        self.add(stage, "parameters", Values { held: product([copies, parameters]), passing: parameters });
    }
}

/// Bytes as people read them.
fn text(bytes: u128) -> String {
    const UNITS: [&str; 7] = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut number, mut unit) = (bytes as f64, 0);
    while number >= 999.5 && unit + 1 < UNITS.len() {
        (number, unit) = (number / 1000.0, unit + 1);
    }
    if number >= 1e6 {
        format!("{number:.0e} {}", UNITS[unit])
    } else {
        format!("{number:.0} {}", UNITS[unit])
    }
}

fn stage(units: usize, unpooled: usize, parameters: u128) -> StageSizes {
    StageSizes { units: units as u128, unpooled: unpooled as u128, parameters }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_is_told_with_its_largest_part() {
        let mut need = Need::new("lower network.widths or train.batch");
        need.add(Some(2), "activity", Values { held: 10_000_000_000, passing: 250_000_000 });
        need.add(None, "inputs", Values { held: 1, passing: 1 });
        // Trainings at once need their heights at once.
        assert_eq!(need.clone().times(3).total(), 3 * need.total());
        assert_eq!(need.total(), 41_000_000_004);
        assert!(need.check_within(41_000_000_004).is_ok());
        let error = need.check_within(24_000_000_000).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Memory);
        assert_eq!(
            error.to_string(),
            "memory: needs 41 GB, 24 GB are there, 41 GB of them for activity of stage 2; lower network.widths or train.batch"
        );
        need.add(None, "all there is", Values { held: u128::MAX, passing: u128::MAX });
        assert_eq!(need.total(), u128::MAX);
        assert!(
            need.check_within(u64::MAX).unwrap_err().to_string().starts_with("memory: needs 3e20 EB, 18 EB")
        );
    }
}
