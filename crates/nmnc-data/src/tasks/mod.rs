//! Tasks for recurrent networks: trials made on the fly, one after the other from one seed, none of them held back.
//!
//! Six cognitive tasks have the names, timings and parameters of neurogym 2.2 (Molano-Mazon et al. 2022); a script compares their
//! trials with that package's. Beside them are images read row by row, the copying and the adding problem, and trials from files.
//!
//! ```
//! use nmnc_core::Seed;
//! use nmnc_data::tasks::{TrialSet, TaskConfig, generate};
//!
//! let task = TaskConfig::named("ReadySetGo", Default::default())?.open(Seed(0))?;
//! let trials = generate(task.as_ref(), Seed(0), TrialSet::Training, 0..64)?;
//! assert_eq!((trials.size(), trials.inputs), (64, 3));
//! // A trial is the same whatever batch it comes in.
//! let one = generate(task.as_ref(), Seed(0), TrialSet::Training, 7..8)?;
//! assert_eq!(one.info[0], trials.info[7]);
//! # Ok::<(), nmnc_core::Error>(())
//! ```

mod adding;
mod anti_reach;
mod archive;
mod batch;
mod config;
mod context_decision;
mod copying;
mod delay_comparison;
mod delay_match;
mod order;
mod perceptual_decision;
mod ready_set_go;
mod recorded;
mod score;
mod sequential_images;
mod statistics;
mod timing;
mod trial;

pub use adding::Adding;
pub use anti_reach::AntiReach;
pub use archive::{export, import, put_trials};
pub use batch::{TrialBatch, TrialInfo, generate};
pub use config::{TASKS, TaskConfig, TaskEntry};
pub use context_decision::ContextDecisionMaking;
pub use copying::Copying;
pub use delay_comparison::DelayComparison;
pub use delay_match::DelayMatchSample;
pub use perceptual_decision::PerceptualDecisionMaking;
pub use ready_set_go::ReadySetGo;
pub use recorded::Recorded;
pub use score::{Outcome, TrialScore, judge};
pub use sequential_images::SequentialImages;
pub use statistics::{ChannelStatistics, TrialStatistics, statistics};
pub use timing::{Draw, Span, Timing};
pub use trial::{Answer, Targets, Trial};

use nmnc_core::error::{Error, Result};
use nmnc_core::ranges::Range;
use nmnc_core::seed::Stream;

/// Milliseconds a step of tasks that have no time of their own.
const STEP: f64 = 100.0;

/// Trials to learn from or trials to evaluate on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialSet {
    /// To learn from.
    Training,
    /// To evaluate on.
    Evaluation,
}

/// Which trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialId {
    /// Training or evaluation.
    pub split: TrialSet,
    /// Its number, from 0.
    pub number: u64,
}

/// Names of inputs and outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Channels {
    /// Name of each input.
    pub inputs: Vec<String>,
    /// Name of each output.
    pub outputs: Vec<String>,
    /// Whether output 0 means to withhold an answer.
    pub fixation: bool,
}

impl Channels {
    /// A fixation cue and `count` stimuli; to fixate, and as many choices.
    fn fixation_and(stimulus: &str, count: usize) -> Self {
        let named = |what: &str| {
            let numbered = (1..=count).map(move |i| format!("{what}{i}"));
            std::iter::once("fixation".to_owned()).chain(numbered).collect()
        };
        Self { inputs: named(stimulus), outputs: named("choice"), fixation: true }
    }
}

/// A task: what its trials look like, and how one is made.
pub trait Task: Send + Sync + std::fmt::Debug {
    /// Names of inputs and outputs.
    fn channels(&self) -> Channels;

    /// Milliseconds a step.
    fn dt(&self) -> f64;

    /// Names of the conditions that a trial can be of.
    fn conditions(&self) -> Vec<String>;

    /// What the [strength](Trial::strength) of its trials is, with its unit; none of tasks whose trials have none.
    fn strength(&self) -> Option<String> {
        None
    }

    /// Makes one trial, with all that is random drawn from `stream`.
    ///
    /// # Errors
    /// Data that cannot be read.
    fn trial(&self, id: TrialId, stream: &mut Stream) -> Result<Trial>;

    /// Steps of the longest trial, where it is known: what memory is reckoned from.
    fn longest(&self) -> Option<usize> {
        None
    }

    /// Accuracy of an observer who makes the best of the inputs, where it is known.
    fn ideal_accuracy(&self) -> Option<f64> {
        None
    }

    /// Number of different evaluation trials, where it is limited.
    fn evaluation_size(&self) -> Option<usize> {
        None
    }

    /// What the user should know about the data.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Most steps, symbols or blanks of a task that counts them.
const MOST: f64 = 1e5;
/// Lengths with two halves; alphabets.
const LENGTH: Range = Range::closed(2.0, MOST);
const ANY_LENGTH: Range = Range::closed(1.0, MOST);
const DELAY: Range = Range::closed(0.0, MOST);
/// Directions on a ring.
const RING: Range = Range::closed(2.0, 4096.0);
/// Strengths of stimuli.
const PERCENT: Range = Range::closed(0.0, 100.0);

/// What the strength of two stimuli of opposite directions is.
const COHERENCE: &str = "coherence for choice 1 (%)";

fn check_strengths(values: &[f64]) -> Result<()> {
    if values.is_empty() { Err(Error::config("cohs", "needs at least one percentage")) } else { Ok(()) }
}
