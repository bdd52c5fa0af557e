//! What weight decay alone leaves of a weight.

use nmnc_train::{OptimizerConfig, Schedule};

/// The factor by which a weight that never gets a gradient is multiplied over `steps` training steps: about exp(-r lambda t) for SGD
/// with rate r and decay lambda, r / (1 - momentum) in place of r with momentum, 1 without decay. With the optimizer's own
/// recursion and the schedule's rates, so that nothing is approximated.
///
/// None for Adam with an L2 penalty, which divides by the root of its own square: there is no such factor.
pub fn decay_law(optimizer: &OptimizerConfig, schedule: &Schedule, steps: u64) -> Option<f64> {
    let rate = |step: u64| optimizer.learning_rate() * schedule.factor(step);
    match *optimizer {
        OptimizerConfig::Sgd { momentum, nesterov, weight_decay, .. } => {
            let (mut weight, mut velocity) = (1.0, 0.0);
            for step in 0..steps {
                let gradient = weight_decay * weight;
                velocity = momentum * velocity + gradient;
                let direction = if nesterov { gradient + momentum * velocity } else { velocity };
                weight -= rate(step) * direction;
            }
            Some(weight)
        }
        OptimizerConfig::Adam { weight_decay, .. } => (weight_decay == 0.0).then_some(1.0),
        OptimizerConfig::Adamw { weight_decay, .. } => {
            Some((0..steps).map(|step| 1.0 - rate(step) * weight_decay).product())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nmnc_train::{Decayed, ScheduleConfig, ScheduleShape};

    fn sgd(momentum: f64, weight_decay: f64) -> OptimizerConfig {
        OptimizerConfig::Sgd {
            learning_rate: 0.02,
            momentum,
            nesterov: false,
            weight_decay,
            decayed: Decayed::All,
        }
    }

    #[test]
    fn the_law_is_the_exponential_of_theory() {
        let constant = ScheduleConfig::default().in_steps(10, 1000);
        let law = |optimizer: &OptimizerConfig, steps| decay_law(optimizer, &constant, steps).unwrap();
        assert!((law(&sgd(0.0, 5e-3), 700) - (1.0f64 - 1e-4).powi(700)).abs() < 1e-12);
        // To first order in the decay a step.
        for (momentum, steps) in [(0.0, 5000), (0.9, 1000)] {
            let expected = (-0.02 * 5e-3 / (1.0 - momentum) * steps as f64).exp();
            assert!((law(&sgd(momentum, 5e-3), steps) / expected - 1.0).abs() < 0.02, "{momentum}");
        }
        assert_eq!(law(&sgd(0.9, 0.0), 100), 1.0);
        assert_eq!(decay_law(&OptimizerConfig::default(), &constant, 100), Some(1.0));
    }

    #[test]
    fn a_schedule_that_ends_at_zero_stops_the_decay() {
        let shape = ScheduleShape::Cosine;
        let cosine = ScheduleConfig { shape, ..ScheduleConfig::default() }.in_steps(10, 100);
        let law = |steps| decay_law(&sgd(0.0, 0.5), &cosine, steps).unwrap();
        assert!(law(10) < 0.92 && law(100) > 0.5 && (law(99) / law(100) - 1.0).abs() < 1e-4);
    }
}
