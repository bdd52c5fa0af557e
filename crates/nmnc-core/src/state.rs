//! What a stateful part of a run (optimizer, credit rule) hands to a checkpoint and takes back.

use std::collections::BTreeMap;

use burn::tensor::{DType, Tensor};

use crate::error::{Error, Result};

/// Named tensors, lists of numbers, counters and texts.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Matrices by name.
    pub tensors: BTreeMap<String, Tensor<2>>,
    /// Lists of numbers by name.
    pub numbers: BTreeMap<String, Vec<f64>>,
    /// Counters by name.
    pub counters: BTreeMap<String, u64>,
    /// Lists of texts by name.
    pub texts: BTreeMap<String, Vec<String>>,
}

impl State {
    /// The counter `name`.
    ///
    /// # Errors
    /// If the checkpoint lacks it.
    pub fn counter(&self, name: &str) -> Result<u64> {
        self.counters.get(name).copied().ok_or_else(|| Self::missing(name))
    }

    /// The list `name` if it has `len` numbers.
    ///
    /// # Errors
    /// If it is missing or has another length.
    pub fn numbers(&self, name: &str, len: usize) -> Result<&[f64]> {
        let numbers = self.numbers.get(name).ok_or_else(|| Self::missing(name))?;
        if numbers.len() != len {
            return Err(Error::checkpoint(name, format!("has {} numbers, expected {len}", numbers.len())));
        }
        Ok(numbers)
    }

    /// The tensor `name`.
    ///
    /// # Errors
    /// If the checkpoint lacks it.
    pub fn tensor(&self, name: &str) -> Result<Tensor<2>> {
        self.tensors.get(name).cloned().ok_or_else(|| Self::missing(name))
    }

    /// Whether every tensor holds numbers of one of these types.
    ///
    /// # Errors
    /// If not, at the first that does not.
    pub fn check_types(&self, types: &[DType]) -> Result<()> {
        match self.tensors.iter().find(|(_, tensor)| !types.contains(&tensor.dtype())) {
            Some((name, tensor)) => {
                let problem =
                    format!("holds numbers of type {:?}, of which the network has none", tensor.dtype());
                Err(Error::checkpoint(name, problem).mend("start the run afresh"))
            }
            None => Ok(()),
        }
    }

    /// What tells whether another state is of the same thing: names, shapes and types, without a value.
    fn form(&self) -> BTreeMap<String, String> {
        let tensors = self.tensors.iter().map(|(k, t)| (k, format!("{:?} of {:?}", t.dims(), t.dtype())));
        let numbers = self.numbers.iter().map(|(k, list)| (k, format!("{} numbers", list.len())));
        let counters = self.counters.keys().map(|k| (k, "a counter".to_owned()));
        let texts = self.texts.keys().map(|k| (k, "texts".to_owned()));
        let all = tensors.chain(numbers).chain(counters).chain(texts);
        all.map(|(name, form)| (name.clone(), form)).collect()
    }

    /// Whether all that is here stands in `restored` too, in the same shapes and types of numbers: the state of what took this one
    /// back, so that nothing was passed over.
    ///
    /// # Errors
    /// If not, at the first name that is left over or of another form.
    pub fn check_taken(&self, restored: &Self) -> Result<()> {
        let (kept, taken) = (self.form(), restored.form());
        for (name, form) in &kept {
            if taken.get(name) != Some(form) {
                let problem = match taken.get(name) {
                    Some(wanted) => format!("is {form}, expected {wanted}"),
                    None => "belongs to nothing that the run has".to_owned(),
                };
                return Err(Error::checkpoint(name, problem).mend("start the run afresh"));
            }
        }
        Ok(())
    }

    /// The tensor `name` if it is there and has the expected shape.
    ///
    /// # Errors
    /// If it is missing or has another shape.
    pub fn shaped(&self, name: &str, shape: [usize; 2]) -> Result<Tensor<2>> {
        let tensor = self.tensor(name)?;
        if tensor.dims() != shape {
            return Err(Error::checkpoint(
                name,
                format!("has shape {:?}, expected {shape:?}", tensor.dims()),
            ));
        }
        Ok(tensor)
    }

    fn missing(name: &str) -> Error {
        Error::checkpoint(name, "is missing from the checkpoint").mend("start the run afresh")
    }

    /// Adds `other`'s entries under `prefix`.
    pub fn nest(&mut self, prefix: &str, other: Self) {
        self.tensors.extend(other.tensors.into_iter().map(|(k, v)| (format!("{prefix}.{k}"), v)));
        self.numbers.extend(other.numbers.into_iter().map(|(k, v)| (format!("{prefix}.{k}"), v)));
        self.counters.extend(other.counters.into_iter().map(|(k, v)| (format!("{prefix}.{k}"), v)));
        self.texts.extend(other.texts.into_iter().map(|(k, v)| (format!("{prefix}.{k}"), v)));
    }

    /// Adds `other`'s entries under their own names.
    pub fn extend(&mut self, other: Self) {
        self.tensors.extend(other.tensors);
        self.numbers.extend(other.numbers);
        self.counters.extend(other.counters);
        self.texts.extend(other.texts);
    }

    /// The entries under `prefix`, without it.
    pub fn nested(&self, prefix: &str) -> Self {
        fn strip<V: Clone>(map: &BTreeMap<String, V>, prefix: &str) -> BTreeMap<String, V> {
            map.iter()
                .filter_map(|(k, v)| Some((k.strip_prefix(prefix)?.strip_prefix('.')?.to_owned(), v.clone())))
                .collect()
        }
        Self {
            tensors: strip(&self.tensors, prefix),
            numbers: strip(&self.numbers, prefix),
            counters: strip(&self.counters, prefix),
            texts: strip(&self.texts, prefix),
        }
    }
}
