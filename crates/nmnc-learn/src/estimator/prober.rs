//! Asking: which perturbations to make, where they live and how large they are.

use std::ops::Range;

use burn::tensor::Tensor;

use super::aim::Aim;
use super::covariance::{Covariance, Root};
use super::noise::{Noise, embedded, norms, times};
use crate::manifold::{FollowedManifold, ManifoldConfig, RefreshFrom, Refreshed, Sample, Subspace};
use crate::noise::Probe;
use crate::workers::Share;
use nmnc_core::config_text::positive;
use nmnc_core::device::selected;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::{Role, Seed};
use nmnc_core::state::State;

/// How an activity of n units is perturbed.
#[derive(Clone, Debug, PartialEq)]
pub struct Probing {
    /// Number n of units.
    pub units: usize,
    /// The manifold that noise lives on; anywhere where there is none.
    pub manifold: Option<ManifoldConfig>,
    /// The noise's covariance, in the components of the manifold and off them; alike along all coordinates where there is none.
    pub covariance: Option<Covariance>,
    /// Distribution of the noise.
    pub probe: Probe,
    /// Norm of the noise over that of the activity.
    pub sigma: f64,
    /// Perturb by +xi and -xi and halve the difference: removes even orders, and takes two passes.
    pub antithetic: bool,
    /// Seed of all that is drawn.
    pub seed: Seed,
    /// Which of several estimators of one seed this is, below 2^24 (of a network, the stage from 0).
    pub index: usize,
}

impl Probing {
    /// Gaussian noise anywhere in `units` dimensions, of a tenth of the activity's norm.
    pub fn new(units: usize) -> Self {
        Self {
            units,
            manifold: None,
            covariance: None,
            probe: Probe::Gaussian,
            sigma: 0.1,
            antithetic: false,
            seed: Seed(0),
            index: 0,
        }
    }
}

/// Asks for perturbations of one activity, on its manifold as that is followed.
#[derive(Clone, Debug)]
pub struct Prober {
    settings: Probing,
    manifold: Option<FollowedManifold>,
}

impl Prober {
    /// A prober that has seen no activity.
    ///
    /// # Errors
    /// No units, a sigma that is not positive, an impossible manifold or covariance.
    pub fn new(mut settings: Probing) -> Result<Self> {
        if settings.units == 0 {
            return Err(Error::config("units", "must be at least 1"));
        }
        positive("sigma", settings.sigma)?;
        if let Some(manifold) = &mut settings.manifold {
            manifold.resolve().map_err(|e| e.under("manifold"))?;
        }
        if let Some(covariance) = settings.covariance {
            covariance.check()?;
            if settings.manifold.is_none() {
                return Err(Error::config("covariance", "is known by the components of a manifold"));
            }
        }
        let manifold = settings.manifold.as_ref().map(|own| FollowedManifold::new(own, settings.index));
        Ok(Self { settings, manifold })
    }

    /// The manifold as the last refresh left it.
    pub fn manifold(&self) -> Option<&Subspace> {
        self.manifold.as_ref().and_then(FollowedManifold::subspace)
    }

    /// The manifold that coordinates are of; nothing where they are the units, since noise goes anywhere.
    pub fn span(&self) -> Option<&Subspace> {
        self.manifold().filter(|_| !self.is_everywhere())
    }

    /// Whether coordinates are the units, since noise goes anywhere.
    pub(super) fn is_everywhere(&self) -> bool {
        self.manifold.is_none() || self.settings.covariance.is_some_and(Covariance::is_everywhere)
    }

    /// Number m of coordinates of a perturbation; nothing where there is no manifold yet, or none to be found.
    pub fn dimension(&self) -> Option<usize> {
        if self.manifold.is_some() && self.manifold().is_none() {
            return None;
        }
        Some(self.span().map_or(self.settings.units, Subspace::dimension))
    }

    /// Passes that a perturbation takes: two where it is made in both directions.
    pub fn passes(&self) -> usize {
        if self.settings.antithetic { 2 } else { 1 }
    }

    /// Whether step `step` (from 0) refreshes the manifold, and from what.
    pub fn due(&self, step: u64) -> Option<RefreshFrom> {
        self.settings.manifold.as_ref().and_then(|manifold| manifold.due(step))
    }

    /// Finds the manifold anew in `activity` `[samples, n]`; nothing happens where there is none.
    ///
    /// # Errors
    /// Activity that is not finite; a worker that cannot be reached.
    pub fn refresh<'a>(&mut self, step: u64, activity: impl Into<Sample<'a>>) -> Result<Refreshed> {
        let Some(manifold) = &mut self.manifold else { return Ok(Refreshed::default()) };
        let mut stream = self.settings.seed.stream(Role::RangeFinder, self.settings.index, step);
        manifold.refresh(activity, &mut stream)
    }

    /// The perturbations `rows` of step `step`, of a size that follows `activity` `[any rows, n]`. Nothing where there is nothing to
    /// perturb: no manifold ([`Prober::dimension`] says so), or activity that is zero or next to it.
    ///
    /// Row r of a step is a pure function of seed, index, step and r: asked for in parts, by one or by many, it is the same.
    /// Orthogonal blocks run over the rows of a step from its row 0 on.
    ///
    /// # Errors
    /// Activity that is not finite.
    pub fn ask(&self, step: u64, rows: Range<usize>, activity: &Tensor<2>) -> Result<Option<Perturbations>> {
        self.ask_aimed(step, rows, activity, None)
    }

    /// As [`Prober::ask`], of noise that goes where it is aimed, if it is.
    pub(super) fn ask_aimed(
        &self,
        step: u64,
        rows: Range<usize>,
        activity: &Tensor<2>,
        aim: Option<Aim>,
    ) -> Result<Option<Perturbations>> {
        self.drawn(step, vec![rows], activity, norms(activity), aim)
    }

    /// As [`Prober::ask`], the perturbations of the examples of `share` in the given repetitions of the batch, numbered as
    /// [`Share::repeated`] counts rows, of a size that follows the activity of all workers. `activity` has this one's rows of it.
    ///
    /// # Errors
    /// Activity that is not finite; a worker that cannot be reached.
    pub fn ask_share(
        &self,
        step: u64,
        repetitions: Range<usize>,
        activity: &Tensor<2>,
        share: &Share,
    ) -> Result<Option<Perturbations>> {
        self.ask_share_aimed(step, repetitions, activity, share, None)
    }

    /// As [`Prober::ask_share`], of noise that goes where it is aimed, if it is.
    pub(super) fn ask_share_aimed(
        &self,
        step: u64,
        repetitions: Range<usize>,
        activity: &Tensor<2>,
        share: &Share,
        aim: Option<Aim>,
    ) -> Result<Option<Perturbations>> {
        self.drawn(step, share.repeated(repetitions), activity, share.numbers(norms(activity))?, aim)
    }

    fn drawn(
        &self,
        step: u64,
        rows: Vec<Range<usize>>,
        activity: &Tensor<2>,
        norms: Vec<f64>,
        aim: Option<Aim>,
    ) -> Result<Option<Perturbations>> {
        let Probing { units, covariance, probe, sigma, antithetic, seed, index, .. } = self.settings;
        let Some(dimension) = self.dimension() else { return Ok(None) };
        let noise = Noise::scaled(sigma, self.span(), units, &norms, activity.dtype())?;
        let Some(noise) = noise else { return Ok(None) };
        let noise = match covariance.zip(self.manifold()) {
            Some((covariance, components)) => noise.shaped(match aim {
                Some(aim) => Root::aimed(&aim, components),
                None => Root::new(covariance, components),
            }),
            None => noise,
        };
        let stream = seed.stream(Role::Probe, index, step);
        let draw = |rows| probe.draw_rows(rows, dimension, stream.clone(), &activity.device());
        let mut drawn: Vec<Tensor<2>> = rows.into_iter().map(draw).collect();
        let coordinates = if drawn.len() == 1 { drawn.remove(0) } else { Tensor::cat(drawn, 0) };
        let coordinates = coordinates.cast(activity.dtype());
        Ok(Some(Perturbations { coordinates, noise, antithetic, step }))
    }

    /// What a checkpoint keeps: the manifold and its tracker.
    pub fn state(&self) -> State {
        self.manifold.as_ref().map(FollowedManifold::state).unwrap_or_default()
    }

    /// Takes back what [`Prober::state`] gave, which may stand among other entries.
    ///
    /// # Errors
    /// If something is missing or has the wrong shape.
    pub fn restore(&mut self, state: &State) -> Result<()> {
        let units = self.settings.units;
        self.manifold.as_mut().map_or(Ok(()), |manifold| manifold.restore(state, units))
    }
}

/// K perturbations of an activity, on the manifold as it was when they were asked for.
#[derive(Clone, Debug)]
pub struct Perturbations {
    coordinates: Tensor<2>,
    noise: Noise,
    antithetic: bool,
    /// The step they were asked for in.
    step: u64,
}

impl Perturbations {
    /// Number K.
    pub fn count(&self) -> usize {
        self.coordinates.dims()[0]
    }

    /// Coordinates z of identity covariance, `[K, m]`.
    pub fn coordinates(&self) -> &Tensor<2> {
        &self.coordinates
    }

    pub(super) fn step(&self) -> u64 {
        self.step
    }

    pub(super) fn root(&self) -> Option<&Root> {
        self.noise.root()
    }

    /// The manifold they are coordinates on; anywhere if there is none.
    pub fn manifold(&self) -> Option<&Subspace> {
        self.noise.manifold()
    }

    /// Standard deviation of the noise along each coordinate, the root of the mean square where they are not alike.
    pub fn deviation(&self) -> f64 {
        self.noise.deviation()
    }

    /// The perturbations xi `[K, n]` themselves, to be added to the activity.
    pub fn noise(&self) -> Tensor<2> {
        self.noise.vectors(self.coordinates.clone()) * self.deviation()
    }

    /// x + xi `[K, n]` for `activity` `[K, n]`.
    pub fn moved(&self, activity: &Tensor<2>) -> Tensor<2> {
        self.noise.moved(activity, &self.coordinates, 1.0)
    }

    /// x - xi `[K, n]`, for perturbations in both directions.
    pub fn moved_back(&self, activity: &Tensor<2>) -> Tensor<2> {
        self.noise.moved(activity, &self.coordinates, -1.0)
    }

    /// The perturbations with the numbers `rows` of these, from 0: those that a pass takes at a time.
    pub fn part(&self, rows: Range<usize>) -> Self {
        let coordinates = self.coordinates.clone().narrow(0, rows.start, rows.len());
        Self { coordinates, ..self.clone() }
    }

    /// The perturbations with the numbers `rows` of these, from 0, at least one: those that were answered.
    pub fn only(&self, rows: &[usize]) -> Self {
        Self { coordinates: selected(&self.coordinates, rows), ..self.clone() }
    }

    /// The same perturbations in coordinates of `manifold`, which has become another since they were asked for: what their answers are to be
    /// told in, where something is known by coordinate. What of them lies off the new manifold is lost, and what it did to the output
    /// passes for an error of the answers.
    #[must_use]
    pub fn on(&self, manifold: &Subspace) -> Self {
        let noise = self.noise.on(manifold);
        Self {
            coordinates: manifold.coordinates(self.noise.vectors(self.coordinates.clone())),
            noise,
            ..self.clone()
        }
    }

    /// What they change in a function of the activity, `[K, outputs]`: f(x + xi) - f(x), or (f(x + xi) - f(x - xi)) / 2 in both
    /// directions. `activity` is `[K, n]`.
    pub fn answered(
        &self,
        activity: &Tensor<2>,
        mut function: impl FnMut(Tensor<2>) -> Tensor<2>,
    ) -> Tensor<2> {
        let forward = function(self.moved(activity));
        if self.antithetic {
            return (forward - function(self.moved_back(activity))) / 2.0;
        }
        forward - function(activity.clone())
    }

    /// `changes` per unit of the coordinates.
    pub fn per_unit(&self, changes: Tensor<2>) -> Tensor<2> {
        changes / self.deviation()
    }

    /// What sums `[rows, m]` of coordinates weighted by answers say of a Jacobian, `[rows, n]`: embedded, and divided by the root of the
    /// noise's covariance where coordinates are not alike, since answers per unit of the deviation have it as a factor.
    pub fn whitened(&self, sums: Tensor<2>) -> Tensor<2> {
        embedded(times(self.root(), sums, -1), self.manifold())
    }
}
