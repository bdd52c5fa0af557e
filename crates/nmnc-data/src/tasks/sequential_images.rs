//! Images read row by row: a row is the input of a step, the class is due at the last one (after Le, Jaitly and Hinton 2015, who read
//! single pixels).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trial::{Answer, Targets, Trial};
use super::{Channels, STEP, Task, TrialId, TrialSet};
use crate::{DataConfig, Dataset, Splits};
use nmnc_core::error::Result;
use nmnc_core::seed::{Seed, Stream};

/// Settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SequentialImages {
    /// The images: the embedded sample of Fashion-MNIST when left out.
    pub data: DataConfig,
}

impl SequentialImages {
    pub(super) fn resolve(self) -> Result<Self> {
        self.data.check()?;
        Ok(self)
    }

    pub(super) fn open(&self, seed: Seed) -> Result<ImageRows> {
        Ok(ImageRows { splits: self.data.open(seed)? })
    }
}

/// The task with its images.
#[derive(Debug)]
pub(super) struct ImageRows {
    splits: Splits,
}

impl ImageRows {
    fn split(&self, split: TrialSet) -> &Dataset {
        match split {
            TrialSet::Training => &self.splits.train,
            TrialSet::Evaluation => &self.splits.evaluation,
        }
    }
}

impl Task for ImageRows {
    fn channels(&self) -> Channels {
        let shape = self.splits.train.shape();
        let column =
            |channel: usize| (1..=shape.width).map(move |column| format!("channel{channel}_column{column}"));
        Channels {
            inputs: (1..=shape.channels).flat_map(column).collect(),
            outputs: self.splits.train.classes().to_vec(),
            fixation: false,
        }
    }

    fn dt(&self) -> f64 {
        STEP
    }

    fn conditions(&self) -> Vec<String> {
        self.splits.train.classes().to_vec()
    }

    fn warnings(&self) -> Vec<String> {
        self.splits.warnings.clone()
    }

    fn evaluation_size(&self) -> Option<usize> {
        Some(self.splits.evaluation.len())
    }

    /// Training images are drawn with replacement; evaluation images come in their order.
    fn longest(&self) -> Option<usize> {
        Some(self.splits.train.shape().height)
    }

    fn trial(&self, id: TrialId, stream: &mut Stream) -> Result<Trial> {
        let data = self.split(id.split);
        let index = match id.split {
            TrialSet::Training => stream.below(data.len()),
            TrialSet::Evaluation => (id.number % data.len() as u64) as usize,
        };
        let batch = data.batch(&[index])?;
        let (shape, label) = (data.shape(), batch.labels[0]);
        let plane = shape.height * shape.width;
        let row = |row: usize| {
            let image = &batch.images;
            (0..shape.channels)
                .flat_map(move |c| image[c * plane + row * shape.width..][..shape.width].iter().copied())
        };
        let steps = shape.height;
        let mut mask = vec![0.0; steps];
        mask[steps - 1] = 1.0;
        Ok(Trial {
            steps,
            inputs: (0..steps).flat_map(row).collect(),
            targets: Targets::Labels(vec![label; steps]),
            mask,
            response: steps - 1..steps,
            answer: Answer::Class(label),
            condition: label as usize,
            strength: None,
        })
    }
}
