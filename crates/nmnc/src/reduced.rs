//! Data sets of fewer dimensions, made from others: what of a network's manifold and Jacobian comes from its data is seen by training on them.

use std::path::Path;

use burn::tensor::Tensor;
use nmnc_core::device::{matrix, values};
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::seed::{Role, Seed};
use nmnc_core::{files, memory};
use nmnc_data::{Augment, DataConfig, Dataset, ImageShape, NpzWriter, Splits, Standardize};
use nmnc_kernels::matmul;
use nmnc_learn::manifold::{
    Degeneracy, Dimension, Dimensions, FollowedManifold, ManifoldConfig, PcaMethod, Refreshed, Subspace,
};

/// Directions up to which all components are found, and beyond which the leading ones are by a random start (within some percent of
/// the variance that those after them have).
const EXACT: usize = 4096;

/// What [`reduce`] has made.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduced {
    /// Shape of an example, as it was.
    pub shape: ImageShape,
    /// Numbers of examples to train on and to evaluate on.
    pub examples: [usize; 2],
    /// What the latter are called: `test` or `validation`.
    pub evaluation: &'static str,
    /// Share of the variance of the training examples that is left.
    pub variance: f64,
    /// What the user should know of the choice of examples.
    pub warnings: Vec<String>,
}

/// Projects the examples that `data` names onto the leading `components` principal components of its training examples, around their mean, and
/// writes them to the archive `path` (`x_train`, `y_train`, `x_test`, `y_test`) in the shape that they had. Bytes become floats of byte / 255.
///
/// # Errors
/// Data that cannot be read; not as many components as asked for; a file that cannot be written.
pub fn reduce(data: &DataConfig, components: usize, seed: Seed, path: &Path) -> Result<Reduced> {
    if data.augment != Augment::default() || data.standardize != Standardize::default() {
        let key = if data.augment == Augment::default() { "data.standardize" } else { "data.augment" };
        return Err(Error::config(key, "is for training on what is made").mend("leave it out here"));
    }
    let data = DataConfig { standardize: Standardize::None, ..data.clone() };
    let splits = data.open(seed)?;
    check_memory(&splits)?;
    let train = pixels(&splits.train)?;
    let subspace = found(&train, components, seed)?;
    let [count, _] = train.dims();
    let mean = train.clone().sum_dim(0) / count as f64;
    let projected = |rows: Tensor<2>| {
        let coordinates = matmul(rows - mean.clone(), subspace.basis().clone());
        matmul(coordinates, subspace.basis().clone().transpose()) + mean.clone()
    };
    let shape = splits.train.shape();
    let mut archive = NpzWriter::new();
    let evaluated = pixels(&splits.evaluation)?;
    for (set, rows, name) in [(&splits.train, train, "train"), (&splits.evaluation, evaluated, "test")] {
        let examples = set.len();
        let whole = match shape.is_features() {
            true => vec![examples, shape.len()],
            false => vec![examples, shape.channels, shape.height, shape.width],
        };
        let put = archive
            .put(&format!("x_{name}"), &whole, &values::<f32>(&projected(rows)))
            .and_then(|()| archive.put(&format!("y_{name}"), &[examples], set.labels()));
        put.map_err(|e| Error::io(path, "write", e))?;
    }
    files::write_atomically(path, &archive.finish().map_err(|e| Error::io(path, "write", e))?)?;
    Ok(Reduced {
        shape,
        examples: [splits.train.len(), splits.evaluation.len()],
        evaluation: splits.evaluation_name,
        variance: subspace.variances().iter().sum::<f64>() / subspace.total_variance(),
        warnings: splits.warnings,
    })
}

/// Whether there is the memory for all examples, as they are, centered, projected, as bytes and in the archive.
fn check_memory(splits: &Splits) -> Result<()> {
    let examples = (splits.train.len() + splits.evaluation.len()) as u64;
    let bytes = examples.saturating_mul(splits.train.shape().len() as u64).saturating_mul(5 * 4);
    if memory::available().is_some_and(|available| bytes > available) {
        let problem =
            format!("{examples} examples of {} take {} GB", splits.train.shape(), bytes.div_ceil(1 << 30));
        return Err(Error::new(ErrorKind::Memory, "data", problem).mend("set train_limit and test_limit"));
    }
    Ok(())
}

/// All examples, `[len, values]`.
fn pixels(set: &Dataset) -> Result<Tensor<2>> {
    let all: Vec<usize> = (0..set.len()).collect();
    let images = set.batch(&all)?.images;
    Ok(matrix(images, [set.len(), set.shape().len()], &burn::tensor::Device::flex()))
}

/// The leading components of `examples`, as many as asked for.
fn found(examples: &Tensor<2>, components: usize, seed: Seed) -> Result<Subspace> {
    let [count, units] = examples.dims();
    let few = |most: usize| {
        let problem =
            format!("there are no {components} components: the training examples vary along {most}");
        Error::config("components", problem).mend("take fewer, or more examples")
    };
    if components > units.min(count.saturating_sub(1)) {
        return Err(few(units.min(count.saturating_sub(1))));
    }
    let method = if units.min(count) <= EXACT { PcaMethod::Exact } else { PcaMethod::Randomized };
    let dimension = Dimensions::Same(Dimension::Count(components));
    let config = ManifoldConfig { dimension, method, ..ManifoldConfig::default() };
    let mut stream = seed.stream(Role::RangeFinder, 0, 0);
    let Refreshed { after, degeneracy, .. } =
        FollowedManifold::new(&config, 0).refresh(examples.clone(), &mut stream)?;
    match (after, degeneracy) {
        (Some(subspace), None) => Ok(subspace),
        (Some(_), Some(Degeneracy::Clipped { given, .. })) => Err(few(given)),
        _ => Err(few(0)),
    }
}
