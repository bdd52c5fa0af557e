//! What a mirror knows of one activity that maps read.

use burn::tensor::Tensor;

use super::config::{Budget, Feedback, MirrorConfig};
use super::coordinates::CoordinateMirror;
use super::weights::WeightMirror;
use crate::credit::context::StepContext;
use crate::manifold::{Degeneracy, FollowedManifold, Refreshed, Subspace};
use crate::net::{Map, Network, Reader};
use nmnc_core::device::energy;
use nmnc_core::error::Result;
use nmnc_core::seed::Role;
use nmnc_core::state::State;

/// An activity that maps read and noise is added to: that of a stage, or something made within a block.
pub(super) struct Site {
    /// Number of its random streams: the stage, and beyond the last stage what is within blocks.
    pub number: usize,
    /// The stage, from 0.
    pub stage: Option<usize>,
    /// Name in states.
    pub name: String,
    /// The maps that read it, at least one.
    pub readers: Vec<Reader>,
    pub manifold: Option<FollowedManifold>,
    /// Outputs and inputs of the first map.
    shape: [usize; 2],
    /// Axes of the manifold in use for noise: all, or as many as the margin says.
    pub axes: usize,
    /// Mean squared response to an isotropic unit vector, as measured.
    pub gain: f64,
    pub learned: Learned,
}

/// What stands in for the maps.
pub(super) enum Learned {
    /// One for each reader.
    Weights(Vec<WeightMirror>),
    /// Nothing before there is a manifold.
    Coordinates(Option<Box<CoordinateMirror>>),
}

impl Site {
    /// The sites of a network: the stages that maps read, and then one for each map that reads something within a block.
    pub fn all(config: &MirrorConfig, network: &Network) -> Vec<Self> {
        let stages = network.stages().len();
        let readers = || network.readers().iter().copied();
        let of_stage =
            |stage| (Some(stage), readers().filter(|r| r.stage == Some(stage)).collect::<Vec<_>>());
        let inner = readers().filter(|reader| reader.stage.is_none()).map(|reader| (None, vec![reader]));
        let groups = (0..stages).map(of_stage).filter(|(_, readers)| !readers.is_empty()).chain(inner);
        let mut beyond = stages..;
        groups
            .map(|(stage, readers)| Self {
                number: stage.or_else(|| beyond.next()).expect("numbers do not end"),
                stage,
                name: stage
                    .map_or_else(|| mirrored(network, readers[0]), |stage| format!("stage{}", stage + 1)),
                manifold: stage
                    .and_then(|stage| Some(FollowedManifold::new(config.manifold.as_ref()?, stage))),
                shape: {
                    let operation = network.map(readers[0]).operation;
                    [operation.outputs(), operation.inputs()]
                },
                axes: 0,
                gain: 0.0,
                learned: match config.feedback {
                    Feedback::Weights => {
                        let mirror = |reader: &Reader| WeightMirror::new(network.map(*reader));
                        Learned::Weights(readers.iter().map(mirror).collect())
                    }
                    Feedback::Coordinates => Learned::Coordinates(None),
                },
                readers,
            })
            .collect()
    }

    pub fn maps<'a>(&self, network: &'a Network) -> Vec<Map<'a>> {
        self.readers.iter().map(|reader| network.map(*reader)).collect()
    }

    pub fn subspace(&self) -> Option<&Subspace> {
        self.manifold.as_ref()?.subspace()
    }

    /// What errors call it.
    pub fn place(&self) -> String {
        self.stage.map_or_else(|| self.name.clone(), |stage| format!("stage {}", stage + 1))
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

    /// Probes of one update that there is use for: as many as the most demanding reader has.
    pub fn useful(&self, network: &Network) -> usize {
        self.maps(network).into_iter().map(WeightMirror::useful).max().unwrap_or(0)
    }

    /// Finds the manifold anew in `activity` `[samples, n]`, and what is known in its coordinates.
    ///
    /// # Errors
    /// Activity that is not finite.
    pub fn refresh(
        &mut self,
        config: &MirrorConfig,
        activity: Tensor<2>,
        context: &StepContext,
    ) -> Result<Option<Degeneracy>> {
        let Some(manifold) = &mut self.manifold else { return Ok(None) };
        let mut stream = context.seed.stream(Role::RangeFinder, self.number, context.step);
        let Refreshed { before, after, degeneracy } = manifold.refresh(activity, &mut stream)?;
        let maps = self.maps(context.network);
        if let Learned::Coordinates(mirror) = &mut self.learned {
            match (mirror.as_mut(), &before, &after) {
                (Some(mirror), Some(old), Some(new)) => drop(mirror.carry_over(old, new)),
                (_, _, Some(new)) => {
                    *mirror = Some(Box::new(CoordinateMirror::new(maps[0], new, config.estimator)));
                }
                // Coordinates of a manifold that is gone stand for nothing.
                (_, _, None) => *mirror = None,
            }
        }
        self.axes = match (&after, &self.learned) {
            (Some(new), Learned::Weights(mirrors)) if config.budget == Budget::Auto => {
                let each = mirrors.iter().zip(&maps).map(|(mirror, map)| mirror.gains(*map, new.basis()));
                let sum = |a: Vec<f64>, b: Vec<f64>| a.into_iter().zip(b).map(|(a, b)| a + b).collect();
                axes_by_margin(&each.reduce(sum).unwrap_or_default(), self.gain)
            }
            (Some(new), _) => new.dimension(),
            (None, _) => 0,
        };
        Ok(degeneracy)
    }

    /// Lets what is known in coordinates age by one training step.
    pub fn age(&mut self, drift: f64) {
        let subspace = self.manifold.as_ref().and_then(FollowedManifold::subspace);
        if let (Some(manifold), Learned::Coordinates(Some(mirror))) = (subspace, &mut self.learned) {
            mirror.drift(drift, manifold.variances());
        }
    }

    /// Whether all that has been learned is finite.
    pub fn finite(&self) -> bool {
        match &self.learned {
            Learned::Weights(mirrors) => mirrors.iter().all(|mirror| energy(mirror.weight()).is_finite()),
            Learned::Coordinates(mirror) => {
                mirror.as_ref().is_none_or(|mirror| energy(mirror.responses()).is_finite())
            }
        }
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> State {
        let mut state = State::default();
        state.counters.insert("axes".into(), self.axes as u64);
        state.numbers.insert("gain".into(), vec![self.gain]);
        match &self.learned {
            Learned::Weights(mirrors) => {
                for (mirror, name) in mirrors.iter().zip(weight_names()) {
                    state.tensors.insert(name, mirror.weight().clone());
                }
            }
            Learned::Coordinates(mirror) => {
                state.nest("mirror", mirror.as_ref().map(|mirror| mirror.state()).unwrap_or_default());
            }
        }
        if let Some(manifold) = &self.manifold {
            state.extend(manifold.state());
        }
        state
    }

    /// Takes back what [`Site::state`] gave.
    ///
    /// # Errors
    /// If something is missing or has the wrong shape.
    pub fn restore(&mut self, config: &MirrorConfig, state: &State) -> Result<()> {
        self.axes = state.counter("axes")? as usize;
        self.gain = state.numbers("gain", 1)?[0];
        if let Some(manifold) = &mut self.manifold {
            manifold.restore(state, self.shape[1])?;
        }
        match &mut self.learned {
            Learned::Weights(mirrors) => {
                for (mirror, name) in mirrors.iter_mut().zip(weight_names()) {
                    let shape = mirror.weight().dims();
                    mirror.restore(state.shaped(&name, shape)?);
                }
            }
            Learned::Coordinates(mirror) => {
                let kept = state.nested("mirror");
                *mirror = match self.manifold.as_ref().and_then(FollowedManifold::subspace) {
                    Some(manifold) if !kept.tensors.is_empty() => {
                        let outputs = self.shape[0];
                        Some(Box::new(CoordinateMirror::restore(&kept, outputs, manifold, config.estimator)?))
                    }
                    _ => None,
                };
            }
        }
        Ok(())
    }
}

/// Full name of the parameter that a reader multiplies by.
fn mirrored(network: &Network, reader: Reader) -> String {
    format!("{}.{}", network.nodes()[reader.node].name(), network.map(reader).parameter.name)
}

/// Names of a site's mirrors in states.
fn weight_names() -> impl Iterator<Item = String> {
    (1..).map(|place| if place == 1 { "weight".to_owned() } else { format!("weight{place}") })
}

/// How many leading axes hold more of the response's energy than as many random directions would, at the largest margin alpha_d - d/n:
/// `gains` are the squared responses to the axes, `mean` that to a random unit vector. All while the mean is not known.
fn axes_by_margin(gains: &[f64], mean: f64) -> usize {
    if mean <= 0.0 {
        return gains.len();
    }
    let mut margin = 0.0;
    let mut best = (0.0, 1);
    for (index, gain) in gains.iter().enumerate() {
        margin += gain - mean;
        if margin > best.0 {
            best = (margin, index + 1);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::axes_by_margin;

    #[test]
    fn axes_are_used_up_to_the_largest_margin() {
        assert_eq!(axes_by_margin(&[5.0, 3.0, 0.5, 2.0, 0.1], 1.0), 4);
        assert_eq!(axes_by_margin(&[5.0, 3.0, 0.5, 1.2, 0.1], 1.0), 2);
        assert_eq!(axes_by_margin(&[0.5, 0.5], 1.0), 1);
        assert_eq!(axes_by_margin(&[0.5, 0.5], 0.0), 2);
    }
}
