//! Gradients by the names of the parameters they belong to.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use nmnc_kernels::{Energies, ask_energies};

/// The gradient of each of some parameters, in the order of the network's own parameters.
#[derive(Clone, Debug, Default)]
pub struct Gradients {
    entries: Vec<(String, Tensor<2>)>,
}

impl FromIterator<(String, Tensor<2>)> for Gradients {
    fn from_iter<I: IntoIterator<Item = (String, Tensor<2>)>>(entries: I) -> Self {
        Self { entries: entries.into_iter().collect() }
    }
}

impl IntoIterator for Gradients {
    type Item = (String, Tensor<2>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl Gradients {
    /// Full name of each parameter (`stage1.weight`) and its gradient, of the shape of the parameter's value.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor<2>)> {
        self.entries.iter().map(|(name, gradient)| (name.as_str(), gradient))
    }

    /// The gradient of the parameter `name`, if it is among them.
    pub fn get(&self, name: &str) -> Option<&Tensor<2>> {
        self.iter().find_map(|(own, gradient)| (own == name).then_some(gradient))
    }

    /// Those of the parameters whose names `keep` takes.
    pub fn only(self, keep: impl Fn(&str) -> bool) -> Self {
        self.into_iter().filter(|(name, _)| keep(name)).collect()
    }

    /// Sum of squares of each gradient, by name.
    pub fn energies(&self) -> impl ExactSizeIterator<Item = (&str, f64)> {
        self.iter().map(|(name, _)| name).zip(self.ask_energies().wait())
    }

    /// Sum of squares of each gradient, which an accelerator may still be working on.
    pub fn ask_energies(&self) -> Energies {
        let gradients: Vec<_> = self.iter().map(|(_, gradient)| gradient).collect();
        ask_energies(&gradients)
    }

    /// Euclidean norm of all of them as one vector.
    pub fn norm(&self) -> f64 {
        self.energies().map(|(_, energy)| energy).sum::<f64>().sqrt()
    }

    /// The same in the order of `names`.
    ///
    /// # Panics
    /// If one of theirs is not among these.
    #[must_use]
    pub fn in_order<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let places: BTreeMap<&str, usize> =
            names.into_iter().enumerate().map(|(place, name)| (name, place)).collect();
        self.entries.sort_by_key(|(name, _)| places[name.as_str()]);
        self
    }

    /// Adds those of other parameters.
    pub fn extend(&mut self, others: Self) {
        self.entries.extend(others.entries);
    }

    /// All of them times `factor`.
    pub fn scaled(self, factor: f64) -> Self {
        self.into_iter().map(|(name, gradient)| (name, gradient * factor)).collect()
    }

    /// The sum with gradients of the same parameters.
    ///
    /// # Panics
    /// If names or shapes differ.
    pub fn sum(self, other: Self) -> Self {
        assert_eq!(self.entries.len(), other.entries.len(), "gradients of the same parameters");
        let pairs = self.into_iter().zip(other);
        pairs
            .map(|((name, own), (other_name, other))| {
                assert_eq!(name, other_name, "gradients of the same parameters");
                (name, own + other)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use nmnc_core::device::{matrix, values};

    fn gradients(scale: f32) -> Gradients {
        let tensor = |numbers: Vec<f32>| matrix(numbers, [1, 2], &Device::flex()) * scale;
        let (weight, bias) = (tensor(vec![3.0, 0.0]), tensor(vec![0.0, 4.0]));
        [("stage1.weight".to_owned(), weight), ("readout.bias".to_owned(), bias)].into_iter().collect()
    }

    #[test]
    fn gradients_add_scale_and_measure_by_name() {
        let sum = gradients(1.0).sum(gradients(2.0)).scaled(0.5);
        assert_eq!(values::<f64>(sum.get("readout.bias").unwrap()), [0.0, 6.0]);
        assert!(sum.get("stage1.bias").is_none());
        assert_eq!(sum.energies().collect::<Vec<_>>(), [("stage1.weight", 20.25), ("readout.bias", 36.0)]);
        assert_eq!(gradients(1.0).norm(), 5.0);
        assert_eq!(gradients(1.0).only(|name| name.starts_with("stage1.")).norm(), 3.0);
    }

    #[test]
    #[should_panic(expected = "gradients of the same parameters")]
    fn gradients_of_other_parameters_do_not_add() {
        let _ = gradients(1.0).sum(gradients(1.0).only(|name| name != "stage1.weight"));
    }
}
