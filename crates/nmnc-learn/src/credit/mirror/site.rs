//! What a mirror knows of one activity that maps read.

use burn::tensor::Tensor;

use super::config::{Budget, Feedback, MirrorConfig};
use super::coordinates::CoordinateMirror;
use super::weights::WeightMirror;
use crate::manifold::{Degeneracy, FollowedManifold, Refreshed, Sample, Subspace};
use crate::net::Map;
use nmnc_core::device::energy;
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::seed::{Role, Seed};
use nmnc_core::state::State;

/// An activity that maps read and noise is added to. The maps themselves, always the same in the same order, are given where they are needed.
pub(crate) struct Site {
    /// Number of its random streams.
    pub number: usize,
    /// What errors call it.
    pub place: String,
    pub manifold: Option<FollowedManifold>,
    /// Outputs and inputs of the first map.
    shape: [usize; 2],
    /// Axes of the manifold in use for noise: all, or as many as the margin says.
    pub axes: usize,
    /// Mean squared response to an isotropic unit vector, as measured.
    pub gain: f64,
    pub(super) learned: Learned,
}

/// What stands in for the maps.
pub(super) enum Learned {
    /// One for each reader.
    Weights(Vec<WeightMirror>),
    /// Nothing before there is a manifold.
    Coordinates(Option<Box<CoordinateMirror>>),
}

impl Site {
    /// A site that nothing is known of, with a manifold to follow if it is `followed`.
    pub fn new(config: &MirrorConfig, number: usize, place: String, followed: bool, maps: &[Map]) -> Self {
        let manifold = config.manifold.as_ref().filter(|_| followed);
        Self {
            number,
            place,
            manifold: manifold.map(|manifold| FollowedManifold::new(manifold, number)),
            shape: [maps[0].operation.outputs(), maps[0].operation.inputs()],
            axes: 0,
            gain: 0.0,
            learned: match config.feedback {
                Feedback::Weights => {
                    Learned::Weights(maps.iter().map(|map| WeightMirror::new(*map)).collect())
                }
                Feedback::Coordinates => Learned::Coordinates(None),
            },
        }
    }

    pub fn subspace(&self) -> Option<&Subspace> {
        self.manifold.as_ref()?.subspace()
    }

    /// Mirrors of the maps, in their order (feedback = "weights").
    pub fn weights(&self) -> Option<&[WeightMirror]> {
        match &self.learned {
            Learned::Weights(mirrors) => Some(mirrors),
            Learned::Coordinates(_) => None,
        }
    }

    /// Finds the manifold anew in `activity` `[samples, n]`, and what is known in its coordinates.
    ///
    /// # Errors
    /// Activity that is not finite.
    pub fn refresh<'a>(
        &mut self,
        config: &MirrorConfig,
        activity: impl Into<Sample<'a>>,
        maps: &[Map],
        (seed, step): (Seed, u64),
    ) -> Result<Option<Degeneracy>> {
        let Some(manifold) = &mut self.manifold else { return Ok(None) };
        let mut stream = seed.stream(Role::RangeFinder, self.number, step);
        let refreshed = manifold.refresh(activity, &mut stream).map_err(|e| e.within(&*self.place))?;
        let Refreshed { before, after, degeneracy } = refreshed;
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
                let each = mirrors.iter().zip(maps).map(|(mirror, map)| mirror.gains(*map, new.basis()));
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

    /// Mirrors of weights learn from how the activity's `rows` `[K, n]` differ from their mean, without noise.
    pub fn observe(&mut self, rows: Tensor<2>, maps: &[Map]) {
        if let Learned::Weights(mirrors) = &mut self.learned {
            let differences = rows.clone() - rows.mean_dim(0);
            for (mirror, map) in mirrors.iter_mut().zip(maps) {
                mirror.least_squares(*map, differences.clone());
            }
        }
    }

    /// Nothing, if all that has been learned is finite.
    pub(super) fn finite(&self) -> Result<()> {
        let finite = match &self.learned {
            Learned::Weights(mirrors) => mirrors.iter().all(|mirror| energy(mirror.weight()).is_finite()),
            Learned::Coordinates(mirror) => {
                mirror.as_ref().is_none_or(|mirror| energy(mirror.responses()).is_finite())
            }
        };
        let error = || Error::new(ErrorKind::Diverged, self.place.clone(), "feedback is not finite");
        if finite { Ok(()) } else { Err(error()) }
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
