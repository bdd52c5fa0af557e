//! The native module of the Python package `nmnc`: arrays in, library calls out. What Python's users see is documented in `python/nmnc`.

mod arrays;
mod errors;
mod estimator;
mod perturbed;
mod state;

use pyo3::prelude::*;

/// Native parts of the package `nmnc`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<estimator::Estimator>()?;
    module.add_class::<perturbed::Probes>()
}
