//! What the law of estimates by noise makes of a network's Jacobian.

use super::StageMargin;

/// Probes that feedback remembers: as many as, averaged with equal weight, would have the error of `updates` of `batch` probes each in a leaky
/// average that renews `eta` of itself at a time.
///
/// With weights w_i = (1 - eta)^i it is batch (sum w)^2 / sum w^2.
pub(super) fn remembered(batch: f64, eta: f64, updates: u64) -> f64 {
    let left = (1.0 - eta).powi(i32::try_from(updates).unwrap_or(i32::MAX));
    batch * (2.0 - eta) / eta * (1.0 - left) / (1.0 + left)
}

/// Cosines of the estimated and the true mean Jacobian with `probes` of isotropic noise and of noise on the manifold, each probe at an example
/// of its own: with m coordinates, energy E of the examples' Jacobians in them and M of the mean's, 1 / sqrt(1 + ((m + 2) E / M - 1) / K), times
/// sqrt(alpha) on the manifold.
pub(super) fn cosines(stage: &StageMargin, probes: f64) -> [f64; 2] {
    let cosine = |coordinates: f64, variation: f64| {
        1.0 / (1.0 + ((coordinates + 2.0) * variation - 1.0) / probes).sqrt()
    };
    if stage.alpha == 0.0 {
        return [cosine(stage.units as f64, stage.variation), 0.0];
    }
    // The same ratio of energies as `variation`, on the manifold.
    let inside = stage.variation * stage.pooled / stage.alpha;
    [cosine(stage.units as f64, stage.variation), stage.alpha.sqrt() * cosine(stage.dimension as f64, inside)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembered_probes_are_those_of_the_weights() {
        for (eta, updates) in [(0.2, 1), (0.2, 11), (0.05, 40), (1.0, 7)] {
            let weights: Vec<f64> = (0..updates).map(|i| (1.0_f64 - eta).powi(i)).collect();
            let (sum, squares): (f64, f64) = (weights.iter().sum(), weights.iter().map(|w| w * w).sum());
            let found = remembered(128.0, eta, updates as u64);
            assert!((found / (128.0 * sum * sum / squares) - 1.0).abs() < 1e-12, "{eta} {updates}");
        }
    }

    #[test]
    fn for_one_jacobian_the_cosines_are_those_of_the_plain_law() {
        let stage = StageMargin {
            stage: 1,
            units: 400,
            dimension: 16,
            alpha: 0.3,
            alpha_per_example: 0.3,
            pooled: 0.3,
            variation: 1.0,
            untrained: None,
            shuffled: None,
        };
        let [isotropic, manifold] = cosines(&stage, 100.0);
        assert!((isotropic - (100.0_f64 / 501.0).sqrt()).abs() < 1e-12);
        assert!((manifold - (0.3_f64 * 100.0 / 117.0).sqrt()).abs() < 1e-12);
        let nothing = StageMargin { alpha: 0.0, pooled: 0.0, ..stage };
        assert_eq!(cosines(&nothing, 100.0), [isotropic, 0.0]);
    }
}
