//! Perturbations that were asked for, and wait for answers.

use nmnc::estimator::Perturbations;
use numpy::{PyArray1, PyArray2};
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PySlice, PySliceMethods};

use crate::arrays::array;

/// Perturbations of an activity, numbered over the life of the estimator that was asked for them.
#[pyclass(module = "nmnc", frozen)]
pub struct Probes {
    pub(crate) perturbations: Perturbations,
    /// The number of each.
    pub(crate) numbers: Vec<u64>,
    /// Which manifold they are of, counted by the estimator.
    pub(crate) manifold: u64,
}

#[pymethods]
impl Probes {
    /// The perturbations themselves, `[count, units]`, to be added to the activity.
    #[getter]
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        array(py, &py.detach(|| self.perturbations.noise()))
    }

    /// Their numbers, `[count]`.
    #[getter]
    fn numbers<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        PyArray1::from_iter(py, self.numbers.iter().map(|&number| number as i64))
    }

    fn __len__(&self) -> usize {
        self.numbers.len()
    }

    fn __getitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<Self> {
        let count = self.numbers.len();
        let one = |index: isize| {
            let at = if index < 0 { index + count as isize } else { index };
            usize::try_from(at)
                .ok()
                .filter(|&at| at < count)
                .ok_or_else(|| PyIndexError::new_err(format!("there is no probe {index} among {count}")))
        };
        let chosen: Vec<usize> = if let Ok(slice) = key.cast::<PySlice>() {
            let ends = slice.indices(count as isize)?;
            (0..ends.slicelength as isize).map(|i| (ends.start + i * ends.step) as usize).collect()
        } else if let Ok(index) = key.extract::<isize>() {
            vec![one(index)?]
        } else if let Ok(list) = key.extract::<Vec<isize>>() {
            list.into_iter().map(one).collect::<PyResult<_>>()?
        } else {
            return Err(PyTypeError::new_err("probes are chosen by a number, a slice or a list of numbers"));
        };
        if chosen.is_empty() {
            return Err(PyIndexError::new_err("no probes are left"));
        }
        Ok(Self {
            perturbations: self.perturbations.only(&chosen),
            numbers: chosen.iter().map(|&at| self.numbers[at]).collect(),
            manifold: self.manifold,
        })
    }

    fn __repr__(&self) -> String {
        let (first, last) = (self.numbers[0], self.numbers[self.numbers.len() - 1]);
        format!("Probes({first}..{last}, count={})", self.numbers.len())
    }
}
