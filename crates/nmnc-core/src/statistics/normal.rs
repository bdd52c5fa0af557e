//! The standard normal law.

use std::f64::consts::TAU;

/// Density of the standard normal law.
pub fn normal_density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / TAU.sqrt()
}

/// The distribution function of the standard normal law: its power series near zero, else the continued fraction of Mills' ratio.
pub fn normal_distribution(z: f64) -> f64 {
    let density = normal_density(z);
    if z.abs() < 3.0 {
        let (mut term, mut sum, mut odd) = (z, z, 1.0);
        while term.abs() > 1e-17 {
            odd += 2.0;
            term *= z * z / odd;
            sum += term;
        }
        0.5 + density * sum
    } else {
        let tail = density / (1..200).rev().fold(z.abs(), |rest, k| z.abs() + f64::from(k) / rest);
        if z < 0.0 { tail } else { 1.0 - tail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_is_that_of_tables() {
        for (z, expected) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-1.959_963_984_540_054, 0.025),
            (2.999, 0.998_645_663_466_272_9),
            (-5.0, 2.866_515_718_791_933e-7),
        ] {
            let found = normal_distribution(z);
            assert!((found - expected).abs() < 1e-13 * expected.max(1e-3), "{z}: {found}");
        }
        assert_eq!((normal_distribution(f64::INFINITY), normal_distribution(f64::NEG_INFINITY)), (1.0, 0.0));
    }
}
