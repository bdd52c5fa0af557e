//! What foretells the gain of the manifold, over networks.

use serde::Serialize;

use super::rows::Row;
use nmnc_core::statistics::{bootstrap95, pearson, spearman};

/// A number of each network beside NMNC's gain on VNC in it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Predictor {
    pub name: &'static str,
    /// For readers, as the abscissa of a figure.
    pub label: &'static str,
    /// Places of the networks that have both, with the number and the gain in points.
    pub networks: Vec<(usize, f64, f64)>,
    /// Spearman's rank correlation over networks, and its 95 % interval by drawing networks anew; from five networks on.
    pub spearman: Option<f64>,
    pub interval: Option<(f64, f64)>,
    /// Pearson's, in the same way.
    pub pearson: Option<f64>,
    pub pearson_interval: Option<(f64, f64)>,
}

type Of = fn(&Row) -> Option<f64>;

/// In the order of what has to be known: the network that backprop trained, the budget of probes with it, the rules' own runs.
const PREDICTORS: [(&str, &str, Of); 3] = [
    ("margin", "Margin α − d/n, mean over stages", |row| Some(row.margin?.mean)),
    ("law", "Cosine by the law, NMNC less VNC", |row| row.law_gain),
    ("cosine", "Cosine to backprop, NMNC less VNC", |row| Some(row.cosine_gain?.mean)),
];

/// All of them.
pub(super) fn predictors(rows: &[Row]) -> Vec<Predictor> {
    PREDICTORS
        .into_iter()
        .map(|(name, label, of)| {
            let both = rows.iter().enumerate().filter_map(|(at, row)| Some((at, of(row)?, row.gain?.mean)));
            let networks: Vec<(usize, f64, f64)> = both.collect();
            let correlation = |how: fn(&[f64], &[f64]) -> f64| {
                let of = |drawn: &[usize]| {
                    let (x, y): (Vec<f64>, Vec<f64>) =
                        drawn.iter().map(|&at| (networks[at].1, networks[at].2)).unzip();
                    how(&x, &y)
                };
                let all: Vec<usize> = (0..networks.len()).collect();
                let interval = bootstrap95(networks.len(), of);
                (interval.is_some().then(|| of(&all)).filter(|r| r.is_finite()), interval)
            };
            let (spearman, interval) = correlation(spearman);
            let (pearson, pearson_interval) = correlation(pearson);
            Predictor { name, label, networks, spearman, interval, pearson, pearson_interval }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nmnc_core::statistics::interval;

    #[test]
    fn a_predictor_is_known_by_its_rank_correlation_over_networks() {
        // The gain rises with the margin, falls with the law and has nothing to do with the cosines; one network has no gain.
        let row = |at: usize, gain: Option<f64>| Row {
            network: format!("network {at}"),
            label: String::new(),
            varied: String::new(),
            units: Vec::new(),
            accuracy: [None; 3],
            probes_per_example: None,
            gain: gain.and_then(|gain| interval([gain - 0.1, gain + 0.1])),
            alpha: None,
            margin: interval([0.1 * (at as f64).exp()]),
            alpha_per_example: None,
            untrained: None,
            alpha_less_base: None,
            cosine_gain: interval([[0.3, -0.2, 0.1, -0.3, 0.2, -0.1, 0.3, -0.2][at]]),
            law_gain: Some(-(at as f64)),
        };
        let rows: Vec<Row> = (0..8).map(|at| row(at, (at < 7).then_some(at as f64 - 3.0))).collect();
        let [margin, law, cosine] = &predictors(&rows)[..] else { panic!("three of them") };
        assert_eq!(margin.networks.len(), 7);
        assert_eq!(margin.networks[0], (0, 0.1, -3.0));
        assert!(
            (margin.spearman.unwrap() - 1.0).abs() < 1e-12 && (law.spearman.unwrap() + 1.0).abs() < 1e-12
        );
        assert!(margin.pearson.unwrap() < 0.9, "the margin grows as no line does");
        assert!(margin.interval.unwrap().0 > 0.9 && law.interval.unwrap().1 < -0.9);
        let (low, high) = cosine.interval.unwrap();
        assert!(low < 0.0 && high > 0.0 && cosine.spearman.unwrap().abs() < 0.5);
        // Four networks have no interval, and then nothing is said.
        assert!(predictors(&rows[..4])[0].spearman.is_none());
    }
}
