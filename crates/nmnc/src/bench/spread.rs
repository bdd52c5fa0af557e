//! Median and quartiles.

/// The middle of some measurements and how far they scatter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The smallest.
    pub minimum: f64,
    /// A quarter lies below.
    pub lower_quartile: f64,
    /// Half lies below.
    pub median: f64,
    /// A quarter lies above.
    pub upper_quartile: f64,
}

impl Spread {
    /// The spread of `values`, interpolated linearly between neighbors.
    ///
    /// # Panics
    /// If there are none.
    pub fn of(mut values: Vec<f64>) -> Self {
        assert!(!values.is_empty(), "a spread needs measurements");
        values.sort_by(f64::total_cmp);
        let quantile = |fraction: f64| {
            let place = fraction * (values.len() - 1) as f64;
            let (low, high) = (place.floor() as usize, place.ceil() as usize);
            values[low] + (place - low as f64) * (values[high] - values[low])
        };
        Self {
            minimum: values[0],
            lower_quartile: quantile(0.25),
            median: quantile(0.5),
            upper_quartile: quantile(0.75),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_those_of_numpy_percentile() {
        let of = |values: &[f64]| {
            let s = Spread::of(values.to_vec());
            [s.minimum, s.lower_quartile, s.median, s.upper_quartile]
        };
        assert_eq!(of(&[7.0]), [7.0; 4]);
        assert_eq!(of(&[4.0, 1.0, 3.0, 2.0]), [1.0, 1.75, 2.5, 3.25]);
        assert_eq!(of(&[5.0, 1.0, 4.0, 2.0, 3.0]), [1.0, 2.0, 3.0, 4.0]);
    }
}
