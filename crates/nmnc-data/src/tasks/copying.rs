//! The copying problem: remember symbols over a delay and give them back (Hochreiter and Schmidhuber 1997, in the form of Arjovsky,
//! Shah and Bengio 2016).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trial::{Answer, Sketch, Trial};
use super::{Channels, STEP, Task, TrialId};
use nmnc_core::error::Result;
use nmnc_core::seed::Stream;

/// Settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Copying {
    /// Number of different symbols.
    #[schemars(transform = super::LENGTH.stated())]
    pub symbols: usize,
    /// Number of symbols to remember.
    #[schemars(transform = super::ANY_LENGTH.stated())]
    pub length: usize,
    /// Blanks before the cue to recall.
    #[schemars(transform = super::DELAY.stated())]
    pub delay: usize,
}

impl Default for Copying {
    fn default() -> Self {
        Self { symbols: 8, length: 5, delay: 20 }
    }
}

impl Copying {
    pub(super) fn resolve(self) -> Result<Self> {
        Ok(self)
    }
}

impl Task for Copying {
    fn channels(&self) -> Channels {
        let symbols = || (1..=self.symbols).map(|i| format!("symbol{i}"));
        Channels {
            inputs: ["blank".to_owned()].into_iter().chain(symbols()).chain(["recall".to_owned()]).collect(),
            outputs: ["blank".to_owned()].into_iter().chain(symbols()).collect(),
            fixation: true,
        }
    }

    fn dt(&self) -> f64 {
        STEP
    }

    fn conditions(&self) -> Vec<String> {
        (1..=self.symbols).map(|i| format!("first symbol {i}")).collect()
    }

    fn longest(&self) -> Option<usize> {
        Some(2 * self.length + self.delay + 1)
    }

    fn trial(&self, _id: TrialId, stream: &mut Stream) -> Result<Trial> {
        let shown: Vec<usize> = (0..self.length).map(|_| stream.below(self.symbols)).collect();
        let periods = [("symbols", self.length), ("delay", self.delay), ("cue", 1), ("recall", self.length)];
        let mut sketch = Sketch::new(self.symbols + 2, &periods);
        let (cue, recall) = (sketch.period("cue"), sketch.period("recall"));
        sketch.add(sketch.period("delay"), 0, &[1.0]);
        sketch.add(cue, self.symbols + 1, &[1.0]);
        sketch.add(recall.clone(), 0, &[1.0]);
        for (step, symbol) in shown.iter().enumerate() {
            sketch.add(step..step + 1, 1 + symbol, &[1.0]);
            let at = recall.start + step;
            sketch.label(at..at + 1, 1 + *symbol as u32);
        }
        Ok(sketch.finish(recall, Answer::Sequence, shown[0]))
    }

    fn ideal_accuracy(&self) -> Option<f64> {
        Some(1.0)
    }
}
