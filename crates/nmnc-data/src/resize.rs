//! Scaling one image plane: bilinear, with the filter widened when shrinking so that nothing aliases.

/// The source positions that one output position averages.
struct Tap {
    start: usize,
    weights: Vec<f32>,
}

/// Scales `source` ([rows, columns] = `from`) so that its shorter side fits `to`, and writes the central crop of size `to`.
pub(crate) fn resize_and_crop(source: &[f32], from: (usize, usize), out: &mut [f32], to: (usize, usize)) {
    // The smallest scale at which both sides are covered.
    let scale = (to.0 as f64 / from.0 as f64).max(to.1 as f64 / from.1 as f64);
    let vertical = taps(from.0, to.0, scale);
    let horizontal = taps(from.1, to.1, scale);
    let mut row = vec![0.0; from.1];
    for (tap, out_row) in vertical.iter().zip(out.chunks_exact_mut(to.1)) {
        row.fill(0.0);
        for (offset, &weight) in tap.weights.iter().enumerate() {
            let start = (tap.start + offset) * from.1;
            for (sum, &value) in row.iter_mut().zip(&source[start..start + from.1]) {
                *sum += weight * value;
            }
        }
        for (tap, value) in horizontal.iter().zip(out_row) {
            *value = tap.weights.iter().zip(&row[tap.start..]).map(|(&w, &v)| w * v).sum();
        }
    }
}

/// Normalized triangle weights for each of the central `to` positions of a line of `from` pixels scaled by `scale`.
fn taps(from: usize, to: usize, scale: f64) -> Vec<Tap> {
    let support = (1.0 / scale).max(1.0);
    let margin = (from as f64 * scale - to as f64) / 2.0;
    (0..to)
        .map(|position| {
            let center = ((position as f64 + 0.5 + margin) / scale).clamp(0.5, from as f64 - 0.5);
            let start = (center - support).floor().max(0.0) as usize;
            let end = ((center + support).ceil() as usize).min(from);
            let raw: Vec<f64> = (start..end)
                .map(|pixel| (1.0 - ((pixel as f64 + 0.5 - center) / support).abs()).max(0.0))
                .collect();
            let sum: f64 = raw.iter().sum();
            Tap { start, weights: raw.iter().map(|w| (w / sum) as f32).collect() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_size_is_the_identity_and_a_constant_stays_constant() {
        let source: Vec<f32> = (0..12).map(|v| v as f32).collect();
        let mut out = vec![0.0; 12];
        resize_and_crop(&source, (3, 4), &mut out, (3, 4));
        assert_eq!(out, source);
        let mut out = vec![0.0; 25];
        resize_and_crop(&[3.0; 70], (7, 10), &mut out, (5, 5));
        assert!(out.iter().all(|v| (v - 3.0).abs() < 1e-5), "{out:?}");
    }

    #[test]
    fn a_wide_image_loses_its_margins_and_halving_averages() {
        // Columns 0..8 of value = column; scaled by a half, the middle two of four columns remain.
        let source: Vec<f32> = (0..4).flat_map(|_| (0..8).map(|c| c as f32)).collect();
        let mut out = vec![0.0; 4];
        resize_and_crop(&source, (4, 8), &mut out, (2, 2));
        for (value, expected) in out.iter().zip([2.5, 4.5, 2.5, 4.5]) {
            assert!((value - expected).abs() < 1e-5, "{out:?}");
        }
    }

    #[test]
    fn extreme_shapes_stay_inside_the_image() {
        for (from, to) in [((1, 1), (8, 8)), ((1, 500), (3, 3)), ((500, 1), (1, 1)), ((2, 3), (64, 64))] {
            let mut out = vec![0.0; to.0 * to.1];
            resize_and_crop(&vec![1.0; from.0 * from.1], from, &mut out, to);
            assert!(out.iter().all(|v| (v - 1.0).abs() < 1e-5), "{from:?} {to:?}");
        }
    }
}
