//! What an object keeps, as plain arrays and numbers of Python.

use burn::tensor::{Device, Tensor};
use nmnc::device::matrix;
use nmnc::state::State;
use numpy::{PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::array;

/// `state` as a dictionary of dictionaries by kind, which pickles.
pub fn given<'py>(py: Python<'py>, state: &State) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    let tensors = PyDict::new(py);
    for (name, tensor) in &state.tensors {
        tensors.set_item(name, array(py, tensor)?)?;
    }
    all.set_item("tensors", tensors)?;
    all.set_item("numbers", state.numbers.clone())?;
    all.set_item("counters", state.counters.clone())?;
    all.set_item("texts", state.texts.clone())?;
    Ok(all)
}

/// What [`given`] gave.
///
/// # Errors
/// If something is missing or of another type.
pub fn taken(all: &Bound<'_, PyDict>) -> PyResult<State> {
    let part = |name: &str| all.as_any().get_item(name);
    let mut state = State {
        numbers: part("numbers")?.extract()?,
        counters: part("counters")?.extract()?,
        texts: part("texts")?.extract()?,
        ..State::default()
    };
    for (name, numbers) in part("tensors")?.cast::<PyDict>()? {
        let numbers: PyReadonlyArray2<'_, f32> = numbers.extract()?;
        let [rows, columns] = [numbers.shape()[0], numbers.shape()[1]];
        let tensor: Tensor<2> = matrix(numbers.to_vec()?, [rows, columns], &Device::flex());
        state.tensors.insert(name.extract()?, tensor);
    }
    Ok(state)
}
