//! Arrays of Python in either precision, without a copy where they are contiguous.

use std::ops::Range;

use nmnc::dimension::Rows;
use numpy::{PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::IntoPyDict;

use crate::errors::refuse;

/// An array that Python holds, row-major.
pub enum Held<'py> {
    Single(PyReadonlyArrayDyn<'py, f32>),
    Double(PyReadonlyArrayDyn<'py, f64>),
}

/// Its numbers.
#[derive(Clone, Copy)]
pub enum Numbers<'a> {
    Single(&'a [f32]),
    Double(&'a [f64]),
}

/// Numbers as samples `[samples, units]`.
pub struct Samples<'a> {
    pub numbers: Numbers<'a>,
    pub units: usize,
}

impl<'py> Held<'py> {
    /// The numbers of `given`, the argument `place`: what `numpy.asarray` takes, of any type of real numbers and order of memory, and
    /// tensors of PyTorch wherever they are. What is neither in single nor in double precision becomes double.
    ///
    /// # Errors
    /// What is not numbers, and complex numbers.
    pub fn of(given: &Bound<'py, PyAny>, place: &str) -> PyResult<Self> {
        if let Some(held) = Self::contiguous(given) {
            return Ok(held);
        }
        let py = given.py();
        let numpy = py.import("numpy")?;
        let mend = "give an array of real numbers";
        let failed =
            |error: PyErr| refuse(py, place, format!("cannot be read as numbers: {}", error.value(py)), mend);
        // A tensor of PyTorch may be on another device, need gradients, or have a type that numpy lacks.
        let given = match given.hasattr("detach")? {
            true => given.call_method0("detach")?.call_method0("double")?.call_method0("cpu")?,
            false => given.clone(),
        };
        let array = numpy.call_method1("asarray", (given,)).map_err(failed)?;
        let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
        if !["f", "i", "u", "b"].contains(&kind.as_str()) {
            return Err(refuse(py, place, format!("holds {}", array.getattr("dtype")?), mend));
        }
        let size: usize = array.getattr("dtype")?.getattr("itemsize")?.extract()?;
        let wanted = if kind == "f" && size == 4 { "float32" } else { "float64" };
        let options = [("dtype", wanted)].into_py_dict(py)?;
        let array = numpy.call_method("ascontiguousarray", (array,), Some(&options)).map_err(failed)?;
        Self::contiguous(&array).ok_or_else(|| refuse(py, place, "is no array", mend))
    }

    /// Row-major alone: a slice of what is column-major would be there too, in another order.
    fn contiguous(given: &Bound<'py, PyAny>) -> Option<Self> {
        if let Ok(array) = given.extract::<PyReadonlyArrayDyn<'py, f64>>() {
            return array.is_c_contiguous().then_some(Self::Double(array));
        }
        let array = given.extract::<PyReadonlyArrayDyn<'py, f32>>().ok()?;
        array.is_c_contiguous().then_some(Self::Single(array))
    }

    /// Shape, outermost first.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Single(array) => array.shape(),
            Self::Double(array) => array.shape(),
        }
    }

    /// The numbers, row-major.
    ///
    /// # Errors
    /// None: what is held is contiguous.
    pub fn numbers(&self) -> PyResult<Numbers<'_>> {
        Ok(match self {
            Self::Single(array) => Numbers::Single(array.as_slice()?),
            Self::Double(array) => Numbers::Double(array.as_slice()?),
        })
    }

    /// Those of a matrix, and its shape.
    ///
    /// # Errors
    /// Another number of dimensions than two; `shape` says what the argument `place` should be.
    pub fn matrix(&self, py: Python<'_>, place: &str, shape: &str) -> PyResult<(Numbers<'_>, [usize; 2])> {
        match *self.shape() {
            [rows, columns] => Ok((self.numbers()?, [rows, columns])),
            _ => {
                let problem = format!("has shape {:?}", self.shape());
                Err(refuse(py, place, problem, &format!("give {shape}")))
            }
        }
    }

    /// Samples `[samples, units]`.
    ///
    /// # Errors
    /// Another number of dimensions, no units.
    pub fn samples(&self, py: Python<'_>, place: &str) -> PyResult<Samples<'_>> {
        let (numbers, [_, units]) = self.matrix(py, place, "[samples, units]")?;
        match units {
            0 => Err(refuse(py, place, "has no units", "give [samples, units]")),
            _ => Ok(Samples { numbers, units }),
        }
    }
}

impl Numbers<'_> {
    /// How many.
    pub fn len(self) -> usize {
        match self {
            Self::Single(values) => values.len(),
            Self::Double(values) => values.len(),
        }
    }

    /// Some of them in double precision.
    pub fn copy(self, range: Range<usize>, out: &mut [f64]) {
        match self {
            Self::Single(values) => out.iter_mut().zip(&values[range]).for_each(|(o, v)| *o = f64::from(*v)),
            Self::Double(values) => out.copy_from_slice(&values[range]),
        }
    }

    /// All in double precision.
    pub fn to_vec(self) -> Vec<f64> {
        let mut out = vec![0.0; self.len()];
        self.copy(0..self.len(), &mut out);
        out
    }
}

impl Rows for Samples<'_> {
    fn samples(&self) -> usize {
        self.numbers.len() / self.units
    }

    fn units(&self) -> usize {
        self.units
    }

    fn row(&self, sample: usize, columns: Range<usize>, out: &mut [f64]) {
        let start = sample * self.units;
        self.numbers.copy(start + columns.start..start + columns.end, out);
    }
}
