//! Where in a network the sites of a mirror are: stages, and what is made within blocks.

use burn::tensor::Tensor;

use crate::credit::context::StepContext;
use crate::net::{Map, Network, Reader};

/// An activity that maps read: that of a stage, or something made within a block.
pub(super) struct Place {
    /// The stage, from 0.
    pub stage: Option<usize>,
    /// The maps that read it, at least one.
    pub readers: Vec<Reader>,
}

impl Place {
    /// The places of a network: the stages that maps read, and then one for each map that reads something within a block.
    pub fn all(network: &Network) -> Vec<Self> {
        let readers = || network.readers().iter().copied();
        let of_stage = |stage: usize| Self {
            stage: Some(stage),
            readers: readers().filter(|reader| reader.stage == Some(stage)).collect(),
        };
        let stages = (0..network.stages().len()).map(of_stage).filter(|place| !place.readers.is_empty());
        let inner = readers().filter(|reader| reader.stage.is_none());
        stages.chain(inner.map(|reader| Self { stage: None, readers: vec![reader] })).collect()
    }

    pub fn maps<'a>(&self, network: &'a Network) -> Vec<Map<'a>> {
        self.readers.iter().map(|reader| network.map(*reader)).collect()
    }

    /// Its activity `[batch, n]` in the pass.
    pub fn activity(&self, context: &StepContext) -> Tensor<2> {
        match (self.stage, self.readers[0]) {
            (Some(stage), _) => context.pass.activity(stage).clone(),
            (None, Reader { node, map, .. }) => {
                context.network.nodes()[node].block().map_input(context.pass.trace(node), map)
            }
        }
    }

    /// Name in states.
    pub fn name(&self, network: &Network) -> String {
        self.stage.map_or_else(|| self.mirrored(network), |stage| format!("stage{}", stage + 1))
    }

    /// Name in messages.
    pub fn text(&self, network: &Network) -> String {
        self.stage.map_or_else(|| self.mirrored(network), |stage| format!("stage {}", stage + 1))
    }

    /// Full name of the parameter that the first reader multiplies by.
    fn mirrored(&self, network: &Network) -> String {
        let reader = self.readers[0];
        format!("{}.{}", network.nodes()[reader.node].name(), network.map(reader).parameter.name)
    }
}
