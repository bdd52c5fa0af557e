//! Representational dissimilarities, by the names of rsatoolbox.

use nmnc::similarity::{self, Comparison, Distance, Rdm};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;

use crate::errors::{Raise, exception, refuse};
use crate::held::Held;

/// Names of rsatoolbox for the measures that there are.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("cosine", Comparison::Cosine),
    ("spearman", Comparison::Spearman),
    ("corr", Comparison::Pearson),
    ("tau-a", Comparison::KendallTauA),
    ("corr_cov", Comparison::WhitenedPearson),
    ("cosine_cov", Comparison::WhitenedCosine),
];
const DISTANCES: [(&str, Distance); 3] = [
    ("euclidean", Distance::Euclidean),
    ("correlation", Distance::Correlation),
    ("cosine", Distance::Cosine),
];

fn named<T: Copy>(py: Python<'_>, given: &str, known: &[(&str, T)]) -> PyResult<T> {
    known.iter().find(|(name, _)| *name == given).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let mend = format!("known: {}", names.join(", "));
        exception(py, &nmnc::Error::config("method", format!("unknown value `{given}`")).mend(mend))
    })
}

/// Upper triangle, row by row, of the dissimilarities of patterns `[stimuli, units]`.
#[pyfunction]
pub fn rdm<'py>(
    py: Python<'py>,
    patterns: &Bound<'py, PyAny>,
    method: &str,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let distance = named(py, method, &DISTANCES)?;
    let held = Held::of(patterns, "patterns")?;
    let (numbers, [stimuli, _]) = held.matrix(py, "patterns", "[conditions, units]")?;
    let found = py.detach(|| similarity::rdm(&numbers.to_vec(), stimuli, distance)).raise(py)?;
    Ok(PyArray1::from_slice(py, found.values()))
}

/// The same, cross-validated over presentations `[presentations, units]` of the numbered stimuli.
#[pyfunction]
pub fn crossnobis<'py>(
    py: Python<'py>,
    presentations: &Bound<'py, PyAny>,
    stimulus_of: Vec<usize>,
    stimuli: usize,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let held = Held::of(presentations, "patterns")?;
    let (numbers, [count, _]) = held.matrix(py, "patterns", "[presentations, units]")?;
    if count != stimulus_of.len() || stimulus_of.iter().any(|stimulus| *stimulus >= stimuli) {
        let problem = format!("numbers {} presentations of {count}", stimulus_of.len());
        return Err(refuse(py, "descriptor", problem, "give one condition a row"));
    }
    let found = py.detach(|| similarity::crossnobis(&numbers.to_vec(), &stimulus_of, stimuli)).raise(py)?;
    Ok(PyArray1::from_slice(py, found.values()))
}

/// Matrices from their upper triangles `[matrices, pairs]`.
fn matrices(py: Python<'_>, given: &Bound<'_, PyAny>, place: &str) -> PyResult<Vec<Rdm>> {
    let held = Held::of(given, place)?;
    let (numbers, [count, pairs]) = held.matrix(py, place, "[matrices, pairs]")?;
    let size = ((1.0 + (1.0 + 8.0 * pairs as f64).sqrt()) / 2.0) as usize;
    if size * size.saturating_sub(1) / 2 != pairs || pairs == 0 {
        let problem = format!("{pairs} dissimilarities are no upper triangle");
        return Err(refuse(py, place, problem, "give n (n - 1) / 2 of them for n conditions"));
    }
    let all = numbers.to_vec();
    (0..count).map(|at| Rdm::new(size, all[at * pairs..(at + 1) * pairs].to_vec()).raise(py)).collect()
}

/// Similarities `[first, second]` of every matrix of the first with every one of the second.
#[pyfunction]
pub fn compare<'py>(
    py: Python<'py>,
    first: &Bound<'py, PyAny>,
    second: &Bound<'py, PyAny>,
    method: &str,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let how = named(py, method, &COMPARISONS)?;
    let (a, b) = (matrices(py, first, "rdm1")?, matrices(py, second, "rdm2")?);
    if let (Some(one), Some(other)) = (a.first(), b.first())
        && one.size() != other.size()
    {
        let problem = format!("is of {} conditions, rdm1 of {}", other.size(), one.size());
        return Err(refuse(py, "rdm2", problem, "compare matrices of the same conditions"));
    }
    let found: Vec<f64> = py.detach(|| {
        a.iter().flat_map(|one| b.iter().map(|other| similarity::compare(one, other, how))).collect()
    });
    PyArray1::from_vec(py, found).reshape([a.len(), b.len()])
}

/// Lower and upper bound of the similarity that a true model reaches.
#[pyfunction]
pub fn ceiling(py: Python<'_>, rdms: &Bound<'_, PyAny>, method: &str) -> PyResult<(f64, f64)> {
    let how = named(py, method, &COMPARISONS)?;
    let subjects = matrices(py, rdms, "rdms")?;
    match py.detach(|| similarity::ceiling(&subjects, how)) {
        Some(found) => Ok((found.lower, found.upper)),
        None => Err(refuse(py, "rdms", "fewer than two matrices", "give those of several subjects")),
    }
}
