//! Arrays of Python as matrices, and back.

use burn::tensor::{Device, Tensor};
use nmnc::device::{matrix, values};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyList, PyTuple};

use crate::errors::refuse;

/// Numbers in single precision, row-major.
pub struct Rows {
    /// Rows and columns.
    pub shape: [usize; 2],
    /// Row after row.
    pub numbers: Vec<f32>,
}

impl Rows {
    /// A copy on the CPU.
    pub fn tensor(self) -> Tensor<2> {
        matrix(self.numbers, self.shape, &Device::flex())
    }
}

/// The numbers of `given`, the argument `place`: a vector is one row if there may be many columns, else one column.
///
/// Takes what `numpy.asarray` takes, of any type of real numbers and order of memory, and tensors of PyTorch wherever they are. In lists
/// `None` is a row that is missing: not a number in every column.
///
/// # Errors
/// What is not numbers, complex numbers, more than two dimensions, another number of columns.
pub fn rows(given: &Bound<'_, PyAny>, place: &str, columns: usize) -> PyResult<Rows> {
    let py = given.py();
    let filled = without_none(given, columns)?;
    let array = single(filled.as_ref().unwrap_or(given), place)?;
    let shape = match *array.shape() {
        [rows, own] if own == columns => [rows, columns],
        [own] if own == columns => [1, columns],
        [rows] if columns == 1 => [rows, 1],
        _ => {
            let problem = format!("has shape {:?}", array.shape());
            return Err(refuse(py, place, problem, &format!("give [any, {columns}]")));
        }
    };
    Ok(Rows { shape, numbers: array.as_slice()?.to_vec() })
}

/// `given` as a row-major array in single precision; itself if it is one.
fn single<'py>(given: &Bound<'py, PyAny>, place: &str) -> PyResult<PyReadonlyArrayDyn<'py, f32>> {
    let py = given.py();
    if let Ok(array) = given.extract::<PyReadonlyArrayDyn<'py, f32>>()
        && array.is_c_contiguous()
    {
        return Ok(array);
    }
    let numpy = py.import("numpy")?;
    let failed = |error: PyErr| {
        let mend = "give an array of real numbers";
        refuse(py, place, format!("cannot be read as numbers: {}", error.value(py)), mend)
    };
    // A tensor of PyTorch may be on another device, need gradients, or have a type that numpy lacks.
    let given = match given.hasattr("detach")? {
        true => given.call_method0("detach")?.call_method0("float")?.call_method0("cpu")?,
        false => given.clone(),
    };
    let array = numpy.call_method1("asarray", (given,)).map_err(failed)?;
    let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
    if !["f", "i", "u", "b"].contains(&kind.as_str()) {
        let problem = format!("holds {}", array.getattr("dtype")?);
        return Err(refuse(py, place, problem, "give an array of real numbers"));
    }
    let options = [("dtype", "float32")].into_py_dict(py)?;
    let array = numpy.call_method("ascontiguousarray", (array,), Some(&options)).map_err(failed)?;
    array.extract()
}

/// A list with a row of not-a-numbers in place of each `None`; nothing where there is none to replace.
fn without_none<'py>(given: &Bound<'py, PyAny>, columns: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
    let listed = given.is_instance_of::<PyList>() || given.is_instance_of::<PyTuple>();
    if !listed || !given.try_iter()?.any(|item| item.is_ok_and(|item| item.is_none())) {
        return Ok(None);
    }
    let missing = vec![f32::NAN; columns];
    let filled = PyList::empty(given.py());
    for item in given.try_iter()? {
        let item = item?;
        match item.is_none() {
            true => filled.append(PyArray1::from_slice(given.py(), &missing))?,
            false => filled.append(item.call_method0("tolist").unwrap_or(item))?,
        }
    }
    // Rows of one column may be plain numbers; all rows become vectors.
    let numpy = given.py().import("numpy")?;
    let rows = PyList::empty(given.py());
    for item in filled.try_iter()? {
        rows.append(numpy.call_method1("ravel", (item?,))?)?;
    }
    Ok(Some(rows.into_any()))
}

/// A matrix as an array `[rows, columns]` in single precision.
pub fn array<'py>(py: Python<'py>, matrix: &Tensor<2>) -> PyResult<Bound<'py, PyArray2<f32>>> {
    PyArray1::from_vec(py, values::<f32>(matrix)).reshape(matrix.dims())
}
