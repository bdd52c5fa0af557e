//! Means over seeds with intervals, and exponents.

pub use nmnc_core::statistics::{Interval, interval, pairs_to_show, t95};

/// Exponent b of y = a x^b by least squares of ln y on ln x; none with fewer than two different x.
pub fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    line(points).map(|(slope, _)| slope)
}

/// Slope and intercept in logarithms.
pub(super) fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let logs: Vec<(f64, f64)> =
        points.iter().filter(|p| p.0 > 0.0 && p.1 > 0.0).map(|p| (p.0.ln(), p.1.ln())).collect();
    let mean = |f: fn(&(f64, f64)) -> f64| logs.iter().map(f).sum::<f64>() / logs.len() as f64;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let spread: f64 = logs.iter().map(|p| (p.0 - x).powi(2)).sum();
    let cross: f64 = logs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    (spread > 1e-12).then(|| (cross / spread, y - cross / spread * x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_those_of_power_laws() {
        let law = |x: f64| (x, 3.0 * x.powf(0.3));
        let found = exponent(&[1.0, 4.0, 9.0, 100.0].map(law)).unwrap();
        assert!((found - 0.3).abs() < 1e-12);
        assert_eq!(exponent(&[law(2.0), law(2.0)]), None);
        assert_eq!(exponent(&[]), None);
    }
}
