//! Which stages are perturbed together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use nmnc_core::error::{Error, Result};

/// Which stages share a perturbed pass. The noises of the stages of one pass are independent; each stage sees the others' as noise of
/// its responses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected \"separate\", \"joint\", or a list of lists of stages such as [[1, 2], [3]]"
)]
pub enum Injection {
    /// None, or all.
    Named(InjectionName),
    /// The stages (from 1) of each list; those in none have a pass of their own.
    Groups(#[schemars(transform = nmnc_core::ranges::COUNT.stated())] Vec<Vec<usize>>),
}

/// A way to share that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InjectionName {
    /// One pass for each stage.
    Separate,
    /// One pass for all stages.
    Joint,
}

impl Default for Injection {
    fn default() -> Self {
        Self::Named(InjectionName::Separate)
    }
}

impl Injection {
    /// Checks what can be checked without a network.
    ///
    /// # Errors
    /// A stage 0, or one named twice.
    pub(super) fn check(&self) -> Result<()> {
        let Self::Groups(groups) = self else { return Ok(()) };
        let mut named: Vec<usize> = groups.iter().flatten().copied().collect();
        named.sort_unstable();
        if named.first() == Some(&0) {
            return Err(Error::config("groups", "there is no stage 0").mend("stages count from 1"));
        }
        match named.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::config("groups", format!("stage {} is named twice", pair[0]))),
            None => Ok(()),
        }
    }

    /// Checks the groups against a network of `stages` stages.
    ///
    /// # Errors
    /// A stage that does not exist.
    pub(super) fn fits(&self, stages: usize) -> Result<()> {
        let Self::Groups(groups) = self else { return Ok(()) };
        match groups.iter().flatten().find(|&&stage| stage > stages) {
            Some(stage) => {
                let problem = format!("there is no stage {stage}; the network has {stages}");
                Err(Error::config("groups", problem))
            }
            None => Ok(()),
        }
    }

    /// The stages (from 0, ascending) whose pass begins at `stage`: those of its group if it is their first, nothing if another is.
    pub(super) fn pass_from(&self, stage: usize, stages: usize) -> Vec<usize> {
        let mut group = match self {
            Self::Named(InjectionName::Separate) => vec![stage],
            Self::Named(InjectionName::Joint) => (0..stages).collect(),
            Self::Groups(groups) => match groups.iter().find(|group| group.contains(&(stage + 1))) {
                Some(group) => group.iter().map(|stage| stage - 1).collect(),
                None => vec![stage],
            },
        };
        group.sort_unstable();
        if group[0] == stage { group } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_in_exactly_one_pass() {
        for text in ["'separate'", "'joint'", "[[1, 3]]", "[[3, 2]]", "[]"] {
            let parse =
                |text: &str| format!("i = {text}").parse::<toml::Table>().unwrap().remove("i").unwrap();
            let injection: Injection = parse(text).try_into().unwrap();
            injection.check().unwrap();
            injection.fits(3).unwrap();
            let mut passes: Vec<usize> = (0..3).flat_map(|stage| injection.pass_from(stage, 3)).collect();
            passes.sort_unstable();
            assert_eq!(passes, [0, 1, 2], "{text}");
        }
    }
}
