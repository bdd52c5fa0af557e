//! Gain of a whole population that comes and goes.

use nmnc_core::seed::Stream;

/// A number of mean 0 and variance 1 for each of `trials` in the order of time, from one to the next with correlation `slow` (autoregressive of first
/// order, stationary from the first on).
pub(super) fn gains(trials: usize, slow: f64, stream: &mut Stream) -> Vec<f32> {
    let mut gains = vec![0.0f32; trials];
    stream.fill_normal(&mut gains);
    let fresh = (1.0 - slow * slow).sqrt();
    for trial in 1..trials {
        gains[trial] = (slow * f64::from(gains[trial - 1]) + fresh * f64::from(gains[trial])) as f32;
    }
    gains
}

#[cfg(test)]
mod tests {
    use super::*;
    use nmnc_core::seed::{Role, Seed};

    #[test]
    fn gains_have_the_correlation_over_trials_that_was_asked_for() {
        for slow in [0.0, 0.5, 0.95] {
            let trials = 200_000;
            let gains = gains(trials, slow, &mut Seed(5).stream(Role::Analysis, 92, 0));
            let lagged = |lag: usize| {
                let products = gains.iter().zip(&gains[lag..]).map(|(a, b)| f64::from(a * b));
                products.sum::<f64>() / (trials - lag) as f64
            };
            // Standard error of a variance from this many numbers, of which 1 - slow^2 in 1 + slow^2 are new.
            let error = (2.0 / trials as f64 * (1.0 + slow * slow) / (1.0 - slow * slow)).sqrt();
            for (lag, expected) in [(0, 1.0), (1, slow), (3, slow.powi(3))] {
                assert!((lagged(lag) - expected).abs() < 4.0 * error, "{slow}, {lag}: {}", lagged(lag));
            }
        }
    }
}
