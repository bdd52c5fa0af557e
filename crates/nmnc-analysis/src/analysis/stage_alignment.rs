//! From gathered Jacobians to the alignment of one stage.

use super::captured::Gathered;
use super::random::random_control;
use super::rank::{effective_rank, principal_angles, singular_values};
use super::result::{Alignment, Angles, AtDimension, Captured};
use super::settings::AnalysisSettings;
use crate::dimension::Components;
use nmnc_core::error::Result;

/// Puts the measurement and its controls together; `gathered.captured` holds the stage's own manifold first, then, if there is
/// one, that of the shuffled activity. None when the mean Jacobian is zero or there is no manifold.
///
/// # Errors
/// Numbers that are not finite.
pub(super) fn alignment(
    gathered: &Gathered,
    axes: &Components,
    untrained: Option<Captured>,
    shuffled_samples: usize,
    stage: usize,
    settings: &AnalysisSettings,
) -> Result<Option<Alignment>> {
    let Gathered { outputs, units, ref mean, .. } = *gathered;
    let singular = singular_values(mean, outputs)?;
    let energy: f64 = singular.iter().map(|s| s * s).sum();
    if energy == 0.0 || axes.dimension == 0 {
        return Ok(None);
    }
    let Some(captured) = gathered.captured.first().cloned() else { return Ok(None) };
    let shuffled = gathered.captured.get(1).cloned();
    let most = axes.dimension;
    let dimensions: Vec<usize> = settings.dimensions.iter().copied().filter(|d| *d <= most).collect();
    let angles = principal_angles(mean, outputs, axes, &dimensions)?;
    let angles = dimensions.iter().zip(angles).map(|(&dimension, degrees)| Angles { dimension, degrees });
    let at = |curve: &[f64], d: usize| curve.get(d - 1).copied();
    let row = |&d: &usize| {
        let chance = d as f64 / units as f64;
        let (of_mean, of_examples) = (captured.mean_jacobian[d - 1], captured.per_example[d - 1]);
        AtDimension {
            dimension: d,
            mean_jacobian: of_mean,
            per_example: of_examples,
            chance,
            margin: of_mean - chance,
            margin_per_example: of_examples - chance,
            untrained: untrained.as_ref().and_then(|c| at(&c.mean_jacobian, d)),
            untrained_per_example: untrained.as_ref().and_then(|c| at(&c.per_example, d)),
            shuffled: shuffled.as_ref().and_then(|c| at(&c.mean_jacobian, d)),
            break_even_probes: break_even(of_examples, d, units),
        }
    };
    Ok(Some(Alignment {
        outputs,
        examples: gathered.examples,
        zero: gathered.zero,
        variation: gathered.energy / energy,
        rank: effective_rank(&singular),
        rank_per_example: gathered.rank_per_example,
        random: random_control(&singular, units, most, settings.random, stage, settings.seed),
        singular_values: singular,
        angles: angles.collect(),
        table: dimensions.iter().map(row).collect(),
        captured,
        untrained,
        shuffled,
        shuffled_samples,
    }))
}

/// The number K of probes at which alpha = (K + d + 1) / (K + n + 1): the manifold wins below it.
fn break_even(alpha: f64, d: usize, n: usize) -> Option<f64> {
    (alpha < 1.0).then(|| ((alpha * (n + 1) as f64 - (d + 1) as f64) / (1.0 - alpha)).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_break_even_both_cosines_are_equal() {
        let (alpha, d, n) = (0.3, 16, 400);
        let k = break_even(alpha, d, n).unwrap();
        let isotropic = (k / (k + n as f64 + 1.0)).sqrt();
        let manifold = (alpha * k / (k + d as f64 + 1.0)).sqrt();
        assert!(k > 0.0 && (isotropic - manifold).abs() < 1e-12);
        assert_eq!(break_even(1.0, d, n), None);
        assert_eq!(break_even(0.01, d, n), Some(0.0));
    }
}
