//! Jacobians of black boxes by ask and tell.

use burn::tensor::{Device, Tensor};
use nmnc::Seed;
use nmnc::device::energy;
use nmnc::estimator::{
    Covariance, FeedbackForm, JacobianEstimator, JacobianSettings, Learning, Observing, Perturbations,
    Probing, StandardError,
};
use nmnc::manifold::{Degeneracy, Dimension, Dimensions, ManifoldConfig, PcaMethod, Subspace};
use nmnc::noise::Probe;
use numpy::PyArray2;
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{array, rows};
use crate::errors::{Raise, refuse};
use crate::perturbed::Probes;
use crate::state;

/// Units that recursive least squares has without a manifold: it keeps a number for each pair.
const MOST_PAIRED: usize = 8192;

/// See `python/nmnc/_native.pyi`.
#[pyclass(module = "nmnc", name = "JacobianEstimator", subclass)]
pub struct Estimator {
    inner: JacobianEstimator,
    shape: [usize; 2],
    /// Whether something is known by coordinate, so that answers are told in today's.
    recursive: bool,
    /// Mean norm of the activity that was seen last.
    norm: Option<f64>,
    /// Activities seen, probes asked for, answers used and dropped.
    seen: u64,
    asked: u64,
    used: u64,
    dropped: u64,
}

/// A choice among named ones.
fn named<T: Copy>(py: Python<'_>, place: &str, given: &str, known: &[(&str, T)]) -> PyResult<T> {
    known.iter().find(|(name, _)| *name == given).map(|(_, value)| *value).ok_or_else(|| {
        let error = nmnc::Error::config(place, format!("unknown value `{given}`"));
        crate::errors::exception(py, &error.suggest(given, known.iter().map(|(name, _)| *name)))
    })
}

/// A number of components, or a fraction of variance; nothing for `None`.
fn dimension(given: &Bound<'_, PyAny>) -> PyResult<Option<Dimension>> {
    if given.is_none() {
        return Ok(None);
    }
    if let Ok(count) = given.extract::<usize>() {
        return Ok(Some(Dimension::Count(count)));
    }
    match given.extract::<f64>() {
        Ok(fraction) => Ok(Some(Dimension::Variance(fraction))),
        Err(_) => {
            let problem = format!("{given} is no dimension");
            let mend = "give a number of components, a fraction of variance between 0 and 1, or None";
            Err(refuse(given.py(), "dim", problem, mend))
        }
    }
}

#[pymethods]
impl Estimator {
    #[new]
    #[pyo3(signature = (units, outputs, dim=None, *, seed=0, index=0, estimator="recursive", eta=None, forgetting=1.0, ridge=1e-3,
        exponent=None, rest=None, aimed=false, noise="gaussian", sigma=0.1, antithetic=false, method=None, manifold_forgetting=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        py: Python<'_>,
        units: usize,
        outputs: usize,
        dim: Option<&Bound<'_, PyAny>>,
        seed: u64,
        index: usize,
        estimator: &str,
        eta: Option<f64>,
        forgetting: f64,
        ridge: f64,
        exponent: Option<f64>,
        rest: Option<f64>,
        aimed: bool,
        noise: &str,
        sigma: f64,
        antithetic: bool,
        method: Option<&str>,
        manifold_forgetting: Option<f64>,
    ) -> PyResult<Self> {
        let dim = dim.map_or(Ok(None), dimension)?;
        let learning = match named(
            py,
            "estimator",
            estimator,
            &[("recursive", 0), ("least-squares", 1), ("average", 2), ("kalman", 3)],
        )? {
            0 => Learning::Recursive { forgetting, ridge },
            1 => Learning::LeastSquares { eta: eta.unwrap_or(1.0) },
            2 => Learning::Average { eta: eta.unwrap_or(0.1) },
            _ => Learning::Kalman,
        };
        let recursive = matches!(learning, Learning::Recursive { .. });
        if recursive && eta.is_some() {
            return Err(refuse(
                py,
                "eta",
                "has no meaning with estimator = \"recursive\"",
                "set forgetting or ridge",
            ));
        }
        if learning == Learning::Kalman && eta.is_some() {
            return Err(refuse(py, "eta", "has no meaning with estimator = \"kalman\"", "leave it out"));
        }
        let covariance = match (exponent, rest) {
            (None, None) if !aimed => None,
            _ if dim.is_none() => {
                let names = [("exponent", exponent.is_some()), ("rest", rest.is_some()), ("aimed", aimed)];
                let name = names.iter().find(|(_, set)| *set).map_or("", |(name, _)| name);
                return Err(refuse(py, name, "there are no components to shape noise by", "give dim"));
            }
            (exponent, rest) => {
                Some(Covariance { exponent: exponent.unwrap_or(0.5), rest: rest.unwrap_or(0.1) })
            }
        };
        if aimed && learning != Learning::Kalman {
            return Err(refuse(
                py,
                "aimed",
                "needs a filter that knows what it does not know",
                "set estimator = \"kalman\"",
            ));
        }
        if aimed && rest == Some(0.0) {
            return Err(refuse(py, "aimed", "has to look off the components, too", "leave out rest"));
        }
        if recursive && covariance.is_some_and(|own| own.rest > 0.0) && units > MOST_PAIRED {
            let problem = format!(
                "recursive least squares in all {units} dimensions keeps a number for each pair of them"
            );
            return Err(refuse(py, "rest", problem, "set rest = 0, or estimator = \"kalman\""));
        }
        if recursive && dim.is_none() && units > MOST_PAIRED {
            let problem = format!(
                "recursive least squares anywhere in {units} dimensions keeps a number for each pair of them"
            );
            return Err(refuse(py, "estimator", problem, "give dim, or estimator = \"average\""));
        }
        let probe = named(py, "noise", noise, &Probe::ALL.map(|probe| (probe_name(probe), probe)))?;
        let manifold = dim.map(|dim| {
            let methods =
                [PcaMethod::Incremental, PcaMethod::Randomized, PcaMethod::Exact].map(|m| (m.name(), m));
            // A fraction of variance needs the whole spectrum.
            let usual = if matches!(dim, Dimension::Count(_)) { "incremental" } else { "exact" };
            let method = named(py, "method", method.unwrap_or(usual), &methods)?;
            PyResult::Ok(ManifoldConfig {
                dimension: Dimensions::Same(dim),
                method,
                forgetting: manifold_forgetting,
                ..ManifoldConfig::default()
            })
        });
        let manifold = manifold.transpose()?;
        if manifold.is_none() && (method.is_some() || manifold_forgetting.is_some()) {
            return Err(refuse(py, "method", "there is no manifold to follow", "give dim"));
        }
        let probing = Probing {
            manifold,
            covariance,
            probe,
            sigma,
            antithetic,
            seed: Seed(seed),
            index,
            ..Probing::new(units)
        };
        let settings =
            JacobianSettings { probing, outputs, learning, form: FeedbackForm::Units, watched: true, aimed };
        let inner = JacobianEstimator::new(settings, &Device::flex()).raise(py)?;
        Ok(Self {
            inner,
            shape: [outputs, units],
            recursive,
            norm: None,
            seen: 0,
            asked: 0,
            used: 0,
            dropped: 0,
        })
    }

    /// Follows the manifold and the size of the activity.
    fn partial_fit<'py>(
        mut own: PyRefMut<'py, Self>,
        activity: &Bound<'py, PyAny>,
    ) -> PyResult<PyRefMut<'py, Self>> {
        let py = activity.py();
        let given = rows(activity, "activity", own.shape[1])?;
        let estimator = &mut *own;
        let (norm, degenerate) = py
            .detach(|| {
                let activity = given.tensor();
                let degenerate = estimator.inner.refresh(estimator.seen, &activity)?;
                let rows = activity.dims()[0].max(1) as f64;
                nmnc::Result::Ok(((energy(&activity) / rows).sqrt(), degenerate))
            })
            .raise(py)?;
        own.norm = Some(norm);
        own.seen += 1;
        // Fewer directions than asked for are usual until the activity of a few batches has been seen.
        if let Some(Degeneracy::NoVariance) = degenerate {
            let text = std::ffi::CString::new(Degeneracy::NoVariance.to_string())?;
            PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 1)?;
        }
        Ok(own)
    }

    /// `count` new perturbations.
    #[pyo3(signature = (count, activity=None))]
    fn ask(&mut self, py: Python<'_>, count: usize, activity: Option<&Bound<'_, PyAny>>) -> PyResult<Probes> {
        if count == 0 {
            return Err(refuse(py, "count", "0 probes are none", "ask for at least 1"));
        }
        let units = self.shape[1];
        let activity = match (activity, self.norm) {
            (Some(given), _) => rows(given, "activity", units)?.tensor(),
            // Any activity of that norm.
            (None, Some(norm)) => Tensor::full([1, units], norm / (units as f64).sqrt(), &Device::flex()),
            (None, None) => {
                return Err(refuse(
                    py,
                    "activity",
                    "none has been seen, so that noise has no size",
                    "call partial_fit(activity) first, or give it here",
                ));
            }
        };
        if self.inner.prober().dimension().is_none() {
            let problem = if self.seen == 0 { "none has been seen" } else { "does not vary" };
            return Err(refuse(
                py,
                "activity",
                format!("{problem}, so that there is no manifold"),
                "call partial_fit with activity of several inputs",
            ));
        }
        let first = usize::try_from(self.asked)?;
        let inner = &self.inner;
        let asked = py.detach(|| inner.ask(0, first..first + count, &activity)).raise(py)?;
        let Some(perturbations) = asked else {
            return Err(refuse(
                py,
                "activity",
                "is zero, so that noise has no size",
                "give activity that is not",
            ));
        };
        self.asked += count as u64;
        let numbers = (self.asked - count as u64..self.asked).collect();
        Ok(Probes { perturbations, numbers, manifold: self.seen })
    }

    /// Learns from answers; the number that were used.
    fn tell(&mut self, py: Python<'_>, probes: &Probes, changes: &Bound<'_, PyAny>) -> PyResult<usize> {
        let [outputs, units] = self.shape;
        let given = rows(changes, "changes", outputs)?;
        let count = probes.perturbations.count();
        if given.shape[0] != count {
            let problem = format!("has {} rows for {count} probes", given.shape[0]);
            return Err(refuse(
                py,
                "changes",
                problem,
                "give one row a probe, not-a-numbers or None where there is no answer",
            ));
        }
        let same = probes.perturbations.manifold().map_or(units, Subspace::units) == units;
        if !same || probes.numbers.iter().any(|&number| number >= self.asked) {
            return Err(refuse(
                py,
                "probes",
                "are of another estimator",
                "tell them to the one that was asked",
            ));
        }
        let answered: Vec<usize> = (0..count)
            .filter(|row| given.numbers[row * outputs..(row + 1) * outputs].iter().all(|v| v.is_finite()))
            .collect();
        let used = answered.len();
        if used > 0 {
            let perturbations = self.current(probes);
            let inner = &mut self.inner;
            py.detach(|| {
                let changes = given.tensor();
                if used == count {
                    inner.learn_from(&perturbations, changes);
                } else {
                    let changes = nmnc::device::selected(&changes, &answered);
                    inner.learn_from(&perturbations.only(&answered), changes);
                }
            });
        }
        self.used += used as u64;
        self.dropped += (count - used) as u64;
        Ok(used)
    }

    /// Learns from how activity `[count, units]` and outputs `[count, outputs]` differ by themselves.
    #[pyo3(signature = (activity, outputs, ridge=1.0))]
    fn observe(
        &mut self,
        py: Python<'_>,
        activity: &Bound<'_, PyAny>,
        outputs: &Bound<'_, PyAny>,
        ridge: f64,
    ) -> PyResult<()> {
        let (x, y) = (rows(activity, "activity", self.shape[1])?, rows(outputs, "outputs", self.shape[0])?);
        if x.shape[0] != y.shape[0] {
            let problem = format!("has {} rows for {} of activity", y.shape[0], x.shape[0]);
            return Err(refuse(py, "outputs", problem, "give the output of each activity"));
        }
        let inner = &mut self.inner;
        py.detach(|| inner.observe(&x.tensor(), &y.tensor(), Observing { ridge })).raise(py)
    }

    /// Error signals `[batch, units]` of errors `[batch, outputs]`.
    fn signal<'py>(&self, py: Python<'py>, e: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let error = rows(e, "e", self.shape[0])?;
        let inner = &self.inner;
        array(py, &py.detach(|| inner.error_signal(error.tensor())))
    }

    /// Further probes until the expected error is `target_error`.
    fn suggest_probes(&self, py: Python<'_>, target_error: f64) -> PyResult<usize> {
        if !(target_error > 0.0 && target_error.is_finite()) {
            return Err(refuse(
                py,
                "target_error",
                format!("{target_error} cannot be reached"),
                "give a number above 0",
            ));
        }
        self.inner.further_answers(target_error).ok_or_else(|| {
            let problem = format!("{target_error} is not reached by any number of probes in one answer");
            refuse(py, "target_error", problem, "ask for more, raise eta, or use estimator = \"recursive\"")
        })
    }

    #[getter]
    fn jacobian_<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        array(py, &self.inner.feedback())
    }

    #[getter]
    fn error_(&self) -> Option<f64> {
        self.inner.standard_error().map(|StandardError { expected, .. }| expected)
    }

    #[getter]
    fn residual_(&self) -> Option<f64> {
        self.inner.standard_error().map(|StandardError { residual, .. }| residual)
    }

    #[getter]
    fn components_<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray2<f32>>>> {
        self.inner.manifold().map(|manifold| array(py, &manifold.basis().clone().transpose())).transpose()
    }

    #[getter]
    fn dim_(&self) -> Option<usize> {
        self.inner.prober().dimension()
    }

    #[getter]
    fn probes_(&self) -> u64 {
        self.used
    }

    #[getter]
    fn dropped_(&self) -> u64 {
        self.dropped
    }

    #[getter]
    fn units(&self) -> usize {
        self.shape[1]
    }

    #[getter]
    fn outputs(&self) -> usize {
        self.shape[0]
    }

    /// Everything that what comes next depends on, as plain arrays and numbers.
    fn _state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let mut all = self.inner.state();
        let counters =
            [("seen", self.seen), ("asked", self.asked), ("used", self.used), ("dropped", self.dropped)];
        all.counters.extend(counters.map(|(name, count)| (format!("python.{name}"), count)));
        all.numbers.insert("python.norm".to_owned(), self.norm.into_iter().collect());
        state::given(py, &all)
    }

    /// Takes back what `_state` gave.
    fn _restore(&mut self, py: Python<'_>, given: &Bound<'_, PyDict>) -> PyResult<()> {
        let all = state::taken(given)?;
        let counter = |name: &str| all.counter(&format!("python.{name}")).raise(py);
        let counters = [counter("seen")?, counter("asked")?, counter("used")?, counter("dropped")?];
        let norm = all.numbers("python.norm", 1).ok().map(|norm| norm[0]);
        self.inner.restore(&all).raise(py)?;
        [self.seen, self.asked, self.used, self.dropped] = counters;
        self.norm = norm;
        Ok(())
    }
}

impl Estimator {
    /// The perturbations in the coordinates that something is known by.
    fn current(&self, probes: &Probes) -> Perturbations {
        match self.inner.manifold() {
            Some(manifold) if self.recursive && probes.manifold != self.seen => {
                probes.perturbations.on(manifold)
            }
            _ => probes.perturbations.clone(),
        }
    }
}

/// The name of a distribution, as in a configuration.
fn probe_name(probe: Probe) -> &'static str {
    match probe {
        Probe::Gaussian => "gaussian",
        Probe::Rademacher => "rademacher",
        Probe::Orthogonal => "orthogonal",
        Probe::Hadamard => "hadamard",
    }
}
