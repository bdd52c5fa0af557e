//! What is known of each network.

use serde::Serialize;

use super::super::statistics::Interval;
use super::law;
use super::networks::Network;
use super::{RULES, StageMargin};
use nmnc_report::Measurements;
use nmnc_report::measurements::Place;

/// The facet of the numbers of single stages, of the network that backprop trained.
pub(super) const STAGES: &str = "stages";
/// The facet of their means.
pub(super) const MEANS: &str = "all stages";

/// A network over seeds. Accuracies are in percent.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub network: String,
    pub label: String,
    pub varied: String,
    /// Units of each stage.
    pub units: Vec<usize>,
    /// By backprop, VNC and NMNC.
    pub accuracy: [Option<Interval>; 3],
    pub probes_per_example: Option<Interval>,
    /// NMNC less VNC.
    pub gain: Option<Interval>,
    /// Means over stages, of the network that backprop trained.
    pub alpha: Option<Interval>,
    pub margin: Option<Interval>,
    pub alpha_per_example: Option<Interval>,
    pub untrained: Option<Interval>,
    /// Its alpha less that of the first network.
    pub alpha_less_base: Option<Interval>,
    /// Cosine with backprop's signals at the end of training, mean over stages: NMNC's less VNC's, each in the network that it trained.
    pub cosine_gain: Option<Interval>,
    /// The same of the mean Jacobian, as the law has it from backprop's network.
    pub law_gain: Option<f64>,
}

/// Everything that was found.
pub(super) struct Found<'a> {
    pub table: &'a Measurements,
    pub networks: &'a [Network],
    pub rows: Vec<Row>,
}

/// The rows of the networks that anything was measured of.
pub(super) fn rows(networks: &[Network], table: &Measurements) -> Vec<Row> {
    let base = &networks[0].name;
    let there = table.conditions();
    let row = |network: &Network| {
        let means = Place::new(network.name.as_str(), MEANS, None);
        let of = |rule: &str| Place::new(network.name.as_str(), rule, None);
        let percent = |i: Interval| Interval {
            mean: 100.0 * i.mean,
            sem: i.sem.map(|sem| 100.0 * sem),
            half: i.half.map(|half| 100.0 * half),
            ..i
        };
        let less_base =
            (&network.name != base).then(|| table.less(&means, &means.with(base), "alpha")).flatten();
        Row {
            network: network.name.clone(),
            label: network.label.clone(),
            varied: network.varied.clone(),
            units: stages(table, &network.name).iter().map(|stage| stage.units).collect(),
            accuracy: RULES.map(|rule| table.over_seeds(&of(rule), "accuracy").map(percent)),
            probes_per_example: table.over_seeds(&of("nmnc"), "probes_per_example"),
            gain: table.less(&of("nmnc"), &of("vnc"), "accuracy").map(percent),
            alpha: table.over_seeds(&means, "alpha"),
            margin: table.over_seeds(&means, "margin"),
            alpha_per_example: table.over_seeds(&means, "alpha_per_example"),
            untrained: table.over_seeds(&means, "untrained"),
            alpha_less_base: less_base,
            cosine_gain: table.less(&of("nmnc"), &of("vnc"), "cosine"),
            law_gain: law_gain(table, &network.name),
        }
    };
    networks.iter().filter(|network| there.contains(&network.name.as_str())).map(row).collect()
}

/// The stages of a network, each number its mean over seeds.
pub(super) fn stages(table: &Measurements, network: &str) -> Vec<StageMargin> {
    let stage = |x: f64| {
        let place = Place::new(network, STAGES, x);
        let of = |metric: &str| Some(table.over_seeds(&place, metric)?.mean);
        Some(StageMargin {
            stage: x as usize,
            units: of("units")? as usize,
            dimension: of("dimension")? as usize,
            alpha: of("alpha")?,
            alpha_per_example: of("alpha_per_example")?,
            pooled: of("pooled")?,
            variation: of("variation")?,
            untrained: of("untrained"),
            shuffled: of("shuffled"),
        })
    };
    table.abscissas(network, STAGES).into_iter().filter_map(stage).collect()
}

/// Mean over stages of what the law has for noise on the manifold less what it has for isotropic noise, at the probes that VNC's feedback
/// remembered.
fn law_gain(table: &Measurements, network: &str) -> Option<f64> {
    let probes = table.over_seeds(&Place::new(network, "vnc", None), "remembered")?.mean;
    let gains: Vec<f64> = stages(table, network)
        .iter()
        .map(|stage| {
            let [isotropic, manifold] = law::cosines(stage, probes);
            manifold - isotropic
        })
        .collect();
    (!gains.is_empty()).then(|| gains.iter().sum::<f64>() / gains.len() as f64)
}
