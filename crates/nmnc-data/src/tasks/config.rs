//! Tasks by name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Task;
use super::adding::Adding;
use super::anti_reach::AntiReach;
use super::context_decision::ContextDecisionMaking;
use super::copying::Copying;
use super::delay_comparison::DelayComparison;
use super::delay_match::DelayMatchSample;
use super::perceptual_decision::PerceptualDecisionMaking;
use super::ready_set_go::ReadySetGo;
use super::recorded::Recorded;
use super::sequential_images::SequentialImages;
use nmnc_core::config_text::deserialize;
use nmnc_core::error::{Error, Result};
use nmnc_core::ranges;
use nmnc_core::seed::Seed;

/// `[task]`: the name of a task and the settings that differ from its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name")]
#[expect(clippy::large_enum_variant, reason = "a run has one of them")]
pub enum TaskConfig {
    /// Which of several noisy stimuli is stronger.
    #[serde(alias = "PerceptualDecisionMaking-v0")]
    PerceptualDecisionMaking(PerceptualDecisionMaking),
    /// Is the test the sample seen before a delay.
    #[serde(alias = "DelayMatchSample-v0")]
    DelayMatchSample(DelayMatchSample),
    /// Two noisy stimuli, of which a context says which counts.
    #[serde(alias = "ContextDecisionMaking-v0")]
    ContextDecisionMaking(ContextDecisionMaking),
    /// Measure an interval and produce it.
    #[serde(alias = "ReadySetGo-v0")]
    ReadySetGo(ReadySetGo),
    /// Which of two stimuli, apart in time, is larger.
    #[serde(alias = "DelayComparison-v0")]
    DelayComparison(DelayComparison),
    /// Answer in the direction opposite to the stimulus.
    #[serde(alias = "AntiReach-v0")]
    AntiReach(AntiReach),
    /// Images read row by row.
    SequentialImages(SequentialImages),
    /// Remember symbols over a delay and give them back.
    Copying(Copying),
    /// The sum of two marked numbers of a sequence.
    Adding(Adding),
    /// Trials of one's own, from a NumPy archive.
    Recorded(Recorded),
}

/// A task as a list shows it.
#[derive(Clone, Copy, Debug)]
pub struct TaskEntry {
    /// Name, as in `task = "ReadySetGo"`.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// Whether it takes neurogym's name, timing and parameters.
    pub neurogym: bool,
    /// Where its defaults are not neurogym's, and how to have those; empty elsewhere.
    pub differs: &'static str,
}

/// Every task.
pub const TASKS: [TaskEntry; 10] = [
    entry("PerceptualDecisionMaking", "which of two noisy stimuli is stronger", true),
    entry("DelayMatchSample", "is the test the sample seen before a delay", true),
    TaskEntry {
        differs: "two defaults differ from neurogym 2.2, where the context is always the same and nothing tells when to decide: \
                  use_expl_context = false and go_cue = false make its task",
        ..entry("ContextDecisionMaking", "two noisy stimuli, of which a context says which counts", true)
    },
    entry("ReadySetGo", "measure an interval and produce it", true),
    entry("DelayComparison", "which of two stimuli, apart in time, is larger", true),
    entry("AntiReach", "answer in the direction opposite to the stimulus", true),
    entry("SequentialImages", "images read row by row, the class at the end (task.data)", false),
    entry("Copying", "remember symbols over a delay and give them back", false),
    entry("Adding", "the sum of two marked numbers of a sequence", false),
    entry("Recorded", "trials from a NumPy archive (task.path)", false),
];

const fn entry(name: &'static str, summary: &'static str, neurogym: bool) -> TaskEntry {
    TaskEntry { name, summary, neurogym, differs: "" }
}

impl TaskConfig {
    /// The task `name` with its own settings, changed by `settings`.
    ///
    /// # Errors
    /// An unknown name or setting; settings out of range.
    pub fn named(name: &str, mut settings: toml::Table) -> Result<Self> {
        settings.insert("name".into(), name.into());
        Self::from_table(settings)
    }

    /// The task that a table such as `[task]` describes, resolved.
    ///
    /// # Errors
    /// As [`TaskConfig::named`].
    pub fn from_table(table: toml::Table) -> Result<Self> {
        let Some(name) = table.get("name") else {
            return Err(Error::config("task.name", "is missing").mend("`nmnc tasks list` has the names"));
        };
        let name = name.as_str().unwrap_or_default().to_owned();
        let plain = name.strip_suffix("-v0").unwrap_or(&name);
        if !TASKS.iter().any(|task| task.name == plain) {
            return Err(Error::config("task.name", format!("there is no task `{name}`"))
                .suggest(&name, TASKS.iter().map(|task| task.name)));
        }
        ranges::check_table::<Self>(&table).map_err(|e| e.under("task"))?;
        deserialize::<Self>(table).and_then(Self::resolve).map_err(|e| e.under("task"))
    }

    /// The same with every setting spelled out.
    ///
    /// # Errors
    /// The first setting out of range.
    pub fn resolve(self) -> Result<Self> {
        ranges::check(&self)?;
        Ok(match self {
            Self::PerceptualDecisionMaking(task) => Self::PerceptualDecisionMaking(task.resolve()?),
            Self::DelayMatchSample(task) => Self::DelayMatchSample(task.resolve()?),
            Self::ContextDecisionMaking(task) => Self::ContextDecisionMaking(task.resolve()?),
            Self::ReadySetGo(task) => Self::ReadySetGo(task.resolve()?),
            Self::DelayComparison(task) => Self::DelayComparison(task.resolve()?),
            Self::AntiReach(task) => Self::AntiReach(task.resolve()?),
            Self::SequentialImages(task) => Self::SequentialImages(task.resolve()?),
            Self::Copying(task) => Self::Copying(task.resolve()?),
            Self::Adding(task) => Self::Adding(task.resolve()?),
            Self::Recorded(task) => Self::Recorded(task.resolve()?),
        })
    }

    /// The task, ready to make trials; `seed` chooses what is held out of recorded trials and of images.
    ///
    /// # Errors
    /// Settings out of range; data that cannot be read.
    pub fn open(&self, seed: Seed) -> Result<Box<dyn Task>> {
        Ok(match self.clone().resolve()? {
            Self::PerceptualDecisionMaking(task) => Box::new(task),
            Self::DelayMatchSample(task) => Box::new(task),
            Self::ContextDecisionMaking(task) => Box::new(task),
            Self::ReadySetGo(task) => Box::new(task),
            Self::DelayComparison(task) => Box::new(task),
            Self::AntiReach(task) => Box::new(task),
            Self::SequentialImages(task) => Box::new(task.open(seed)?),
            Self::Copying(task) => Box::new(task),
            Self::Adding(task) => Box::new(task),
            Self::Recorded(task) => Box::new(task.open(seed)?),
        })
    }

    /// Whether its answers are values rather than classes: how far they are off then says more than how many are near.
    pub fn answers_are_values(&self) -> bool {
        match self {
            Self::Adding(_) => true,
            Self::Recorded(task) => task.holds_values(),
            _ => false,
        }
    }

    /// Name, as in `task = "ReadySetGo"`.
    pub fn name(&self) -> String {
        self.table()["name"].as_str().expect("the tag is a string").to_owned()
    }

    /// The settings as a table, the name among them.
    pub fn table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("settings are plain tables")
    }
}
