//! A manifold that is followed over training: what it is now, what finds it anew, and what a refresh changes.

use super::{Degeneracy, Fit, ManifoldConfig, Sample, Subspace, Tracker};
use nmnc_core::error::Result;
use nmnc_core::seed::Stream;
use nmnc_core::state::State;

/// The manifold of one stage's activity, and its tracker.
#[derive(Clone, Debug)]
pub struct FollowedManifold {
    subspace: Option<Subspace>,
    tracker: Tracker,
}

/// What a refresh came to. Who knows something in coordinates of the old axes carries it over to the new ones.
#[derive(Clone, Debug, Default)]
pub struct Refreshed {
    /// The manifold as it was; nothing before the first refresh, and after one that found no variance.
    pub before: Option<Subspace>,
    /// The manifold as it is now; nothing where the activity does not vary.
    pub after: Option<Subspace>,
    /// What was degenerate, if anything.
    pub degeneracy: Option<Degeneracy>,
}

impl FollowedManifold {
    /// A manifold of `stage` (from 0) that nothing has been seen of yet. Settings must be resolved and fit the network.
    pub fn new(config: &ManifoldConfig, stage: usize) -> Self {
        Self { subspace: None, tracker: config.tracker(stage) }
    }

    /// The manifold as the last refresh left it.
    pub fn subspace(&self) -> Option<&Subspace> {
        self.subspace.as_ref()
    }

    /// Finds the manifold anew in `activity` `[samples, units]`. When to do so, and from what, says [`ManifoldConfig::due`].
    ///
    /// # Errors
    /// Activity that is not finite; a worker that cannot be reached.
    pub fn refresh<'a>(&mut self, activity: impl Into<Sample<'a>>, stream: &mut Stream) -> Result<Refreshed> {
        let Fit { subspace, degeneracy } = self.tracker.refresh(self.subspace.as_ref(), activity, stream)?;
        let before = std::mem::replace(&mut self.subspace, subspace);
        Ok(Refreshed { before, after: self.subspace.clone(), degeneracy })
    }

    /// What a checkpoint keeps, under `manifold` and `tracker`.
    pub fn state(&self) -> State {
        let mut state = State::default();
        if let Some(subspace) = &self.subspace {
            state.nest("manifold", subspace.state());
        }
        state.nest("tracker", self.tracker.state());
        state
    }

    /// Takes back what [`FollowedManifold::state`] gave of `units` units, which may stand among other entries.
    ///
    /// # Errors
    /// If something is missing or has the wrong shape.
    pub fn restore(&mut self, state: &State, units: usize) -> Result<()> {
        let kept = state.nested("manifold");
        self.subspace = if kept.tensors.is_empty() { None } else { Some(Subspace::restore(&kept, units)?) };
        self.tracker.restore(&state.nested("tracker"), units)
    }
}
