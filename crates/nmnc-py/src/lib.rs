//! The native module of the Python package `nmnc`: arrays in, library calls out. What Python's users see is documented in `python/nmnc`.

mod arrays;
mod errors;
mod estimator;
mod held;
mod manifold;
mod perturbed;
mod rsa;
mod runs;
mod state;
mod trials;

use pyo3::prelude::*;

/// Native parts of the package `nmnc`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<estimator::Estimator>()?;
    module.add_class::<perturbed::Probes>()?;
    recordings(module)?;
    runs::add(module)
}

/// What is measured of recordings.
fn recordings(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(manifold::principal_components, module)?)?;
    module.add_function(wrap_pyfunction!(manifold::follow, module)?)?;
    module.add_function(wrap_pyfunction!(manifold::participation_ratio, module)?)?;
    module.add_function(wrap_pyfunction!(manifold::two_nn, module)?)?;
    module.add_function(wrap_pyfunction!(manifold::captured_energy, module)?)?;
    module.add_function(wrap_pyfunction!(trials::noise_alignment, module)?)?;
    module.add_function(wrap_pyfunction!(trials::predicted_cosine, module)?)?;
    module.add_function(wrap_pyfunction!(rsa::rdm, module)?)?;
    module.add_function(wrap_pyfunction!(rsa::crossnobis, module)?)?;
    module.add_function(wrap_pyfunction!(rsa::compare, module)?)?;
    module.add_function(wrap_pyfunction!(rsa::ceiling, module)?)
}
