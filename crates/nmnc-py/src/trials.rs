//! Alignment of trial-to-trial variability with the manifold of condition means.

use nmnc::Seed;
use nmnc::manifold::Dimension;
use nmnc::trials::{self, AlignmentPoint, NoiseAlignment, TrialCosine, Trials, TrialsSettings};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::Raise;
use crate::held::Held;

/// A table's columns.
type Columns<'a, R> = [(&'static str, &'a dyn Fn(&R) -> f64)];

/// See `python/nmnc/trials.py`.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "keywords in Python")]
pub fn noise_alignment<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    count: Option<usize>,
    fraction: f64,
    curve: usize,
    probes: Vec<usize>,
    divisions: usize,
    groups: usize,
    remove_gain: bool,
    seed: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let held = Held::of(x, "X")?;
    let (numbers, shape) = (held.numbers()?, held.shape());
    let dimension = count.map_or(Dimension::Variance(fraction), Dimension::Count);
    let settings = TrialsSettings { dimension, curve, probes, divisions, groups, seed: Seed(seed) };
    let found = py.detach(|| {
        settings.check()?;
        let trials = Trials::new(numbers.to_vec(), shape)?;
        let trials = if remove_gain { trials.without_gain() } else { trials };
        trials::noise_alignment(&trials, &settings)
    });
    given(py, &found.raise(py)?)
}

fn given<'py>(py: Python<'py>, found: &NoiseAlignment) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    for (name, number) in [
        ("conditions", found.conditions),
        ("units", found.units),
        ("missing", found.missing),
        ("dim_", found.dimension),
    ] {
        out.set_item(name, number)?;
    }
    out.set_item("repeats", (found.repeats[0], found.repeats[1]))?;
    out.set_item("without_gain", found.without_gain)?;
    out.set_item("signal_variance", found.signal_variance)?;
    out.set_item("signal_variance_se", found.signal_standard_error)?;
    out.set_item("noise_variance", found.noise_variance)?;
    out.set_item("noise_dimension", found.noise_dimension)?;
    out.set_item("limit", found.limit)?;
    out.set_item("warnings", &found.warnings)?;
    let components = PyArray1::from_slice(py, &found.components);
    out.set_item("components_", components.reshape([found.curve.len(), found.units])?)?;
    let none = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let curve = columns::<AlignmentPoint>(
        py,
        &found.curve,
        &[
            ("dim", &|p| p.dimension as f64),
            ("alpha", &|p| p.alpha),
            ("se", &|p| none(p.standard_error)),
            ("chance", &|p| p.chance),
            ("chance_sd", &|p| p.chance_sd),
            ("shuffled", &|p| p.shuffled),
            ("shuffled_conditions", &|p| none(p.shuffled_conditions)),
            ("plain", &|p| none(p.plain)),
            ("signal", &|p| p.signal),
        ],
    )?;
    out.set_item("curve", curve)?;
    let cosines = columns::<TrialCosine>(
        py,
        &found.cosines,
        &[
            ("probes", &|c| c.probes as f64),
            ("cosine", &|c| c.cosine),
            ("se", &|c| none(c.standard_error)),
            ("on_manifold", &|c| c.on_manifold),
            ("isotropic", &|c| c.isotropic),
        ],
    )?;
    out.set_item("cosines", cosines)?;
    Ok(out)
}

fn columns<'py, R>(py: Python<'py>, rows: &[R], columns: &Columns<'_, R>) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    for (name, value) in columns {
        out.set_item(name, PyArray1::from_iter(py, rows.iter().map(value)))?;
    }
    Ok(out)
}

/// See `python/nmnc/trials.py`.
#[pyfunction]
pub fn predicted_cosine(
    py: Python<'_>,
    covariance: &Bound<'_, PyAny>,
    row: &Bound<'_, PyAny>,
    probes: Vec<usize>,
) -> PyResult<(Vec<f64>, f64)> {
    let (covariance, row) = (Held::of(covariance, "covariance")?, Held::of(row, "row")?);
    let units = row.shape().iter().product::<usize>();
    if row.shape().len() != 1 || covariance.shape() != [units, units] || probes.contains(&0) {
        let problem = format!("shapes {:?} and {:?}", covariance.shape(), row.shape());
        let mend = "give covariance [units, units], row [units], and numbers of trials from 1 on";
        return Err(crate::errors::refuse(py, "predicted_cosine", problem, mend));
    }
    let moments = trials::NoiseMoments::of(&covariance.numbers()?.to_vec(), &row.numbers()?.to_vec());
    Ok((probes.into_iter().map(|k| moments.cosine(k)).collect(), moments.limit()))
}
