//! What batch normalisation is made of: moments of channels, and maps of every number by what its channel has.
//!
//! A matrix `[rows, c positions]` holds images by rows, a channel's positions side by side; what channels have are rows `[1, c]`.

use burn::tensor::Tensor;

use crate::cpu;

/// Mean and biased variance of each channel over all rows and positions, both `[1, c]`.
///
/// # Panics
/// If the columns do not divide into as many channels, one at least.
pub fn channel_moments(x: &Tensor<2>, channels: usize) -> [Tensor<2>; 2] {
    check(x, channels);
    if let Some([x]) = cpu::operands([x]) {
        return cpu::channels::moments(&x, channels);
    }
    let x = view(x, channels);
    let mean = average(x.clone());
    let deviation = x - mean.clone();
    [mean, average(deviation.clone() * deviation)].map(|row| row.reshape([1, channels]))
}

/// Sums over all rows and positions of `error` and of `error (x - mean)`, both `[1, c]`, for `mean` `[1, c]`.
///
/// # Panics
/// If a shape does not fit.
pub fn channel_sums(error: &Tensor<2>, x: &Tensor<2>, mean: &Tensor<2>) -> [Tensor<2>; 2] {
    let channels = check_rows(&[mean]);
    check(x, channels);
    assert_eq!(error.dims(), x.dims(), "shapes of error and input");
    if let Some([error, x, mean]) = cpu::operands([error, x, mean]) {
        return cpu::channels::sums(&error, &x, &mean);
    }
    let (error, x) = (view(error, channels), view(x, channels) - spread(mean));
    [error.clone(), error * x].map(|terms| terms.sum_dim(2).sum_dim(0).reshape([1, channels]))
}

/// `(x - mean) scale + shift`, for rows `[1, c]`.
///
/// # Panics
/// If a shape does not fit.
pub fn channel_affine(x: &Tensor<2>, [mean, scale, shift]: [&Tensor<2>; 3]) -> Tensor<2> {
    let channels = check_rows(&[mean, scale, shift]);
    check(x, channels);
    if let Some([x, mean, scale, shift]) = cpu::operands([x, mean, scale, shift]) {
        return cpu::channels::affine(&x, [&mean, &scale, &shift]);
    }
    ((view(x, channels) - spread(mean)) * spread(scale) + spread(shift)).reshape(x.dims())
}

/// `error by_error + (x - mean) by_x + shift`, for rows `[1, c]`.
///
/// # Panics
/// If a shape does not fit.
pub fn channel_combine(
    error: &Tensor<2>,
    x: &Tensor<2>,
    [mean, by_error, by_x, shift]: [&Tensor<2>; 4],
) -> Tensor<2> {
    let channels = check_rows(&[mean, by_error, by_x, shift]);
    check(x, channels);
    assert_eq!(error.dims(), x.dims(), "shapes of error and input");
    if let Some([error, x, mean, by_error, by_x, shift]) =
        cpu::operands([error, x, mean, by_error, by_x, shift])
    {
        return cpu::channels::combine(&error, &x, [&mean, &by_error, &by_x, &shift]);
    }
    let along = (view(x, channels) - spread(mean)) * spread(by_x);
    (view(error, channels) * spread(by_error) + along + spread(shift)).reshape(x.dims())
}

fn check(x: &Tensor<2>, channels: usize) {
    assert!(
        channels > 0 && x.dims()[1].is_multiple_of(channels),
        "{} columns do not make {channels} channels",
        x.dims()[1]
    );
}

/// The number of channels, of which each of `rows` `[1, c]` has one number.
fn check_rows(rows: &[&Tensor<2>]) -> usize {
    let channels = rows[0].dims()[1];
    assert!(rows.iter().all(|row| row.dims() == [1, channels]), "shapes of what channels have");
    channels
}

fn view(x: &Tensor<2>, channels: usize) -> Tensor<3> {
    let [rows, columns] = x.dims();
    x.clone().reshape([rows, channels, columns / channels])
}

fn spread(row: &Tensor<2>) -> Tensor<3> {
    let channels = row.dims()[1];
    row.clone().reshape([1, channels, 1])
}

fn average(x: Tensor<3>) -> Tensor<3> {
    x.mean_dim(2).mean_dim(0)
}
