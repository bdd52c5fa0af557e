//! Manifolds of activity: components, dimension, and what of a Jacobian they capture.

use nmnc::analysis::random_control;
use nmnc::dimension::product::{add_product, view};
use nmnc::dimension::{self, Absent};
use nmnc::linalg::singular_values;
use nmnc::manifold::{Dimension, PcaMethod, Tracker, Tracking};
use nmnc::seed::Role;
use nmnc::{Error, Seed};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{array, rows};
use crate::errors::{Raise, refuse};
use crate::held::Held;
use crate::state;

/// Components `[k, units]`, variances of all directions known, and the total variance.
type Found<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<f64>>, f64);

/// The state after a batch, components `[k, units]`, variances along them, and the total variance.
type Followed<'py> = (Bound<'py, PyDict>, Bound<'py, PyArray2<f32>>, Vec<f64>, f64);

/// Leading principal components of all samples at once.
#[pyfunction]
pub fn principal_components<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    count: usize,
    seed: u64,
) -> PyResult<Found<'py>> {
    let held = Held::of(x, "X")?;
    let samples = held.samples(py, "X")?;
    let found = py.detach(|| dimension::components(&samples, count, Seed(seed))).raise(py)?;
    let (units, width) = (samples.units, found.dimension);
    let basis = &found.basis;
    let across = (0..width).flat_map(|k| (0..units).map(move |i| f64::from(basis[i * width + k])));
    let components = PyArray1::from_iter(py, across).reshape([width, units])?;
    Ok((components, PyArray1::from_vec(py, found.variances), found.total_variance))
}

/// What is known of all activity so far, from what was known and a batch: the state, components, variances, total variance.
#[pyfunction]
#[pyo3(signature = (known, x, count, forgetting))]
pub fn follow<'py>(
    py: Python<'py>,
    known: Option<&Bound<'py, PyDict>>,
    x: &Bound<'py, PyAny>,
    count: usize,
    forgetting: f64,
) -> PyResult<Followed<'py>> {
    let columns: Option<usize> = x.getattr("shape")?.get_item(1)?.extract()?;
    let units = columns.unwrap_or(0);
    let given = rows(x, "X", units)?;
    let tracking = Tracking {
        dimension: Dimension::Count(count),
        method: PcaMethod::Incremental,
        warm_start: false,
        forgetting,
    };
    let mut tracker = Tracker::new(tracking).raise(py)?;
    if let Some(known) = known {
        tracker.restore(&state::taken(known)?, units).raise(py)?;
    }
    let fit = py
        .detach(|| tracker.refresh(None, given.tensor(), &mut Seed(0).stream(Role::RangeFinder, 0, 0)))
        .raise(py)?;
    let state = state::given(py, &tracker.state())?;
    match fit.subspace {
        Some(found) => {
            let components = array(py, &found.basis().clone().transpose())?;
            Ok((state, components, found.variances().to_vec(), found.total_variance()))
        }
        None => Ok((state, PyArray2::zeros(py, [0, units], false), Vec::new(), 0.0)),
    }
}

/// The participation ratio, plain and corrected.
#[pyfunction]
pub fn participation_ratio(py: Python<'_>, x: &Bound<'_, PyAny>) -> PyResult<Option<(f64, Option<f64>)>> {
    let held = Held::of(x, "X")?;
    let samples = held.samples(py, "X")?;
    let found = py.detach(|| dimension::participation_ratio(&samples)).raise(py)?;
    Ok(found.map(|found| (found.plain, found.corrected)))
}

/// TwoNN: value, standard error, ends of the 95 % interval.
#[pyfunction]
pub fn two_nn(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    points: usize,
    seed: u64,
) -> PyResult<(f64, f64, f64, f64)> {
    let held = Held::of(x, "X")?;
    let samples = held.samples(py, "X")?;
    let found = py.detach(|| dimension::two_nn(&samples, points, Seed(seed))).raise(py)?;
    let absent =
        |absent: Absent| Error::data("X", absent.to_string()).mend("give more samples, or unrounded ones");
    let found = found.map_err(absent).raise(py)?;
    Ok((found.value, found.standard_error, found.interval[0], found.interval[1]))
}

/// Energy of a Jacobian on the first 1, 2, ... components, and on random subspaces.
#[pyfunction]
pub fn captured_energy<'py>(
    py: Python<'py>,
    jacobian: &Bound<'py, PyAny>,
    components: &Bound<'py, PyAny>,
    center_outputs: bool,
    draws: usize,
    seed: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let (j, u) = (Held::of(jacobian, "J")?, Held::of(components, "U")?);
    let (axes, [dimension, units]) = u.matrix(py, "U", "[components, units]")?;
    let shape = match *j.shape() {
        [outputs, columns] => [1, outputs, columns],
        [samples, outputs, columns] => [samples, outputs, columns],
        _ => [0; 3],
    };
    let [samples, outputs, columns] = shape;
    if columns != units || samples * outputs * units * dimension == 0 {
        let problem = format!("has shape {:?} for components {:?}", j.shape(), u.shape());
        return Err(refuse(
            py,
            "J",
            problem,
            "give [outputs, units] or [samples, outputs, units], and U [components, units]",
        ));
    }
    if draws < 2 {
        return Err(refuse(py, "draws", format!("{draws} is too few"), "draw at least 2 random subspaces"));
    }
    let jacobian = j.numbers()?;
    let finite = |values: &[f64]| values.iter().all(|v| v.is_finite());
    let found = py.detach(|| {
        let (mut jacobian, axes) = (jacobian.to_vec(), axes.to_vec());
        if center_outputs {
            jacobian.chunks_exact_mut(outputs * units).for_each(|one| center(one, outputs));
        }
        if !finite(&jacobian) || !finite(&axes) {
            return Err(nmnc::Error::data("J or U", "a number is not finite"));
        }
        let mut gram = vec![0.0; dimension * dimension];
        let side = view(&axes, dimension, units);
        add_product(&mut gram, side, side.transpose());
        let off = |(at, v): (usize, &f64)| (v - f64::from(u8::from(at / dimension == at % dimension))).abs();
        if gram.iter().enumerate().map(off).any(|error| error > 1e-3) {
            return Err(nmnc::Error::data("U", "its rows are not orthonormal").mend(
                "give components as of nmnc.Manifold or a PCA, or the Q of a QR decomposition, transposed",
            ));
        }
        let rows = samples * outputs;
        let mut coordinates = vec![0.0; rows * dimension];
        add_product(&mut coordinates, view(&jacobian, rows, units), side.transpose());
        let total: f64 = jacobian.iter().map(|v| v * v).sum();
        if total == 0.0 {
            return Err(nmnc::Error::data("J", "is zero, so that nothing of it is captured"));
        }
        let mut inside = 0.0;
        let along = |k: usize| {
            inside += coordinates[k..].iter().step_by(dimension).map(|v| v * v).sum::<f64>();
            inside / total
        };
        let alpha: Vec<f64> = (0..dimension).map(along).collect();
        let singular = singular_values(&jacobian, rows, units)?;
        Ok((alpha, random_control(&singular, units, dimension, draws, 0, Seed(seed))))
    });
    let (alpha, control) = found.raise(py)?;
    let out = PyDict::new(py);
    let columns = [
        ("alpha", alpha),
        ("chance", control.mean),
        ("chance_sd", control.sd),
        ("random_mean", control.simulated_mean),
        ("random_sd", control.simulated_sd),
    ];
    for (name, values) in columns {
        out.set_item(name, PyArray1::from_vec(py, values))?;
    }
    Ok(out)
}

/// Takes the mean over outputs from each column.
fn center(jacobian: &mut [f64], outputs: usize) {
    let units = jacobian.len() / outputs;
    for unit in 0..units {
        let mean = jacobian[unit..].iter().step_by(units).sum::<f64>() / outputs as f64;
        jacobian[unit..].iter_mut().step_by(units).for_each(|v| *v -= mean);
    }
}
