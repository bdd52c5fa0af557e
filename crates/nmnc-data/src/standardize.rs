//! Mean and standard deviation of each channel.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::config::Standardize;
use super::decode;
use super::kind::ImageShape;
use super::store::Store;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::{Role, Seed};

/// The most images that are decoded for statistics alone. Means of images differ by some 0.15, so that the mean of as many is known to
/// 0.0025; decoding a million would take longer than many trainings.
const SAMPLE: usize = 4096;

/// Index of their stream of [`Role::Subset`], which other choices do not reach.
const STREAM: usize = (1 << 24) - 1;

/// What is subtracted from and divides the values of each channel, in units of byte / 255 or of the stored floats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Subtracted, one per channel.
    pub mean: Vec<f64>,
    /// Divides, one per channel; never 0.
    pub sd: Vec<f64>,
}

/// The statistics that `mode` asks for, with a warning if a channel is constant.
pub(crate) fn statistics(
    mode: &Standardize,
    store: &Store,
    shape: ImageShape,
    seed: Seed,
    warnings: &mut Vec<String>,
) -> Result<Statistics> {
    match mode {
        Standardize::None => {
            Ok(Statistics { mean: vec![0.0; shape.channels], sd: vec![1.0; shape.channels] })
        }
        Standardize::Fixed { mean, .. } if mean.len() != shape.channels => Err(Error::config(
            "data.standardize",
            format!("{} numbers for images of {} channels", mean.len(), shape.channels),
        )),
        Standardize::Fixed { mean, sd } => Ok(Statistics { mean: mean.clone(), sd: sd.clone() }),
        Standardize::Train => {
            let mut found = match store {
                Store::Bytes(values) => of_counts(&count(values, shape)),
                Store::Floats(values) => of_floats(values, shape),
                Store::Streamed { images, target } => {
                    let counts = sampled(images.entries.len(), seed)
                        .into_par_iter()
                        .try_fold(
                            || vec![[0u64; 256]; shape.channels],
                            |mut counts, index| {
                                let mut image = vec![0; shape.len()];
                                decode::decode(images, index, *target, &mut image)?;
                                add(&mut counts, &count(&image, shape));
                                Ok(counts)
                            },
                        )
                        .try_reduce(
                            || vec![[0u64; 256]; shape.channels],
                            |mut a, b| {
                                add(&mut a, &b);
                                Ok(a)
                            },
                        )?;
                    of_counts(&counts)
                }
            };
            let constant: Vec<usize> =
                (0..shape.channels).filter(|&channel| found.sd[channel] == 0.0).collect();
            constant.iter().for_each(|&channel| found.sd[channel] = 1.0);
            if shape.is_features() && !constant.is_empty() {
                warnings.push(format!(
                    "{} of {shape} have the same value in all training examples: they are shifted to 0 and not scaled",
                    constant.len()
                ));
            } else {
                warnings.extend(constant.iter().map(|channel| {
                    format!(
                        "channel {channel} has the same value everywhere in the training images: it is shifted to 0 and not \
                         scaled"
                    )
                }));
            }
            Ok(found)
        }
    }
}

/// The images that stand for all `len` of them.
fn sampled(len: usize, seed: Seed) -> Vec<usize> {
    if len <= SAMPLE {
        return (0..len).collect();
    }
    let mut chosen = seed.stream(Role::Subset, STREAM, 0).sample(len, SAMPLE);
    chosen.sort_unstable();
    chosen
}

/// How often each byte occurs in each channel: integers, so that no order of summation matters.
fn count(values: &[u8], shape: ImageShape) -> Vec<[u64; 256]> {
    let mut counts = vec![[0u64; 256]; shape.channels];
    for image in values.chunks_exact(shape.len()) {
        for (counts, plane) in counts.iter_mut().zip(image.chunks_exact(shape.height * shape.width)) {
            for &value in plane {
                counts[usize::from(value)] += 1;
            }
        }
    }
    counts
}

fn add(sum: &mut [[u64; 256]], more: &[[u64; 256]]) {
    for (sum, more) in sum.iter_mut().flatten().zip(more.iter().flatten()) {
        *sum += more;
    }
}

fn of_counts(counts: &[[u64; 256]]) -> Statistics {
    let moments = |counts: &[u64; 256]| {
        let total: u64 = counts.iter().sum();
        let sum: u64 = counts.iter().enumerate().map(|(value, &count)| value as u64 * count).sum();
        let squares: u64 = counts.iter().enumerate().map(|(v, &count)| (v * v) as u64 * count).sum();
        let mean = sum as f64 / total as f64;
        // Exact integers where the difference would cancel.
        let spread = u128::from(total) * u128::from(squares) - u128::from(sum) * u128::from(sum);
        (mean / 255.0, (spread as f64).sqrt() / total as f64 / 255.0)
    };
    let (mean, sd) = counts.iter().map(moments).unzip();
    Statistics { mean, sd }
}

fn of_floats(values: &[f32], shape: ImageShape) -> Statistics {
    let plane = shape.height * shape.width;
    let channel = |c: usize| {
        values
            .chunks_exact(shape.len())
            .flat_map(move |image| &image[c * plane..(c + 1) * plane])
            .map(|&value| f64::from(value))
    };
    let count = (values.len() / shape.channels) as f64;
    let moments = |c| {
        // The mean of equal numbers rounds, and would leave them a deviation.
        if let Some(first) = channel(c).next()
            && channel(c).all(|value| value == first)
        {
            return (first, 0.0);
        }
        let mean = channel(c).sum::<f64>() / count;
        let variance = channel(c).map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        (mean, variance.sqrt())
    };
    let (mean, sd) = (0..shape.channels).map(moments).unzip();
    Statistics { mean, sd }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_channel_of_floats_has_no_deviation_and_others_have_theirs_at_any_size() {
        let shape = ImageShape { channels: 2, height: 3, width: 1 };
        for factor in [1.0, 1e-30f32, 1e30] {
            let values: Vec<f32> =
                (0..7 * 6).map(|at| factor * if at % 6 < 3 { 0.1 } else { (at % 2) as f32 }).collect();
            let found = of_floats(&values, shape);
            assert_eq!((found.mean[0], found.sd[0]), (f64::from(0.1 * factor), 0.0));
            assert!((found.sd[1] / f64::from(factor) - 0.5).abs() < 0.05, "{found:?}");
        }
    }
}
