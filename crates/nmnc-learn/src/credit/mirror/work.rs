//! The work of a mirror.

use super::budget::BLOCK;
use super::config::{Budget, Feedback, MirrorConfig, MirrorNoise};
use super::place::Place;
use super::rule::Mirror;
use super::weights::{ITERATIONS, WeightMirror};
use crate::credit::backprop::carried;
use crate::net::Network;
use crate::work::{Job, Operation, Work, errors_through, layered_job, refresh};

/// Corrections by least squares, which depend on how much there is to correct: means over the first steps of a chain and of a residual
/// network on CIFAR-10 at a learning rate of 0.05. A weight with more unknowns than a batch tells of is corrected by a probe once, and by
/// every batch as often as may be; one that a batch determines twice, and by a batch in a third of the steps, four times.
const BY_A_PROBE: [f64; 2] = [1.0, 2.0];
const BY_A_BATCH: [f64; 2] = [ITERATIONS as f64, 4.0];
const BATCHES: [f64; 2] = [1.0, 1.0 / 3.0];

/// What a mirror learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Probes of an update.
    Probe,
    /// How a batch differs by itself.
    Batch,
    /// The probes before the first step.
    Start,
}

/// Corrections by least squares of a mirror that so many examples as a batch has determine (`known`), or do not.
pub(crate) fn corrections(told: Told, known: bool) -> f64 {
    match told {
        Told::Probe => BY_A_PROBE[usize::from(known)],
        Told::Batch => BY_A_BATCH[usize::from(known)],
        Told::Start => ITERATIONS as f64,
    }
}

/// Share of the steps in which a mirror learns from the batch.
pub(crate) fn batches(known: bool) -> f64 {
    BATCHES[usize::from(known)]
}

impl MirrorConfig {
    /// Probes of an update, and updates a step, for `rows` training examples a step.
    pub(crate) fn passes(&self, rows: usize) -> [f64; 2] {
        match self.budget {
            Budget::Fixed => [self.probes.unwrap_or(1) as f64, 1.0 / self.interval.unwrap_or(1) as f64],
            // At most, and in the long run less.
            Budget::Auto => [BLOCK, self.cap.unwrap_or(0.0) * rows as f64 / BLOCK],
        }
    }

    /// Responses and correlations that learning a weight takes: what it is and what the mirror makes of it; by averages a correlation, by
    /// least squares for each correction a response and a correlation, and for the first a correlation more.
    pub(crate) fn solved(&self, corrections: f64) -> [f64; 2] {
        match (self.eta, corrections > 0.0) {
            (Some(_), _) => [2.0, 1.0],
            (None, true) => [2.0 + corrections, corrections + 1.0],
            (None, false) => [2.0, 0.0],
        }
    }
}

impl Mirror {
    /// What a mirror with the settings `config` does in a step of `rows` examples.
    pub(super) fn work(config: &MirrorConfig, network: &Network, rows: usize) -> Vec<Work> {
        let units = network.stage_units();
        let read = |stage: usize| network.readers().iter().any(|reader| reader.stage == Some(stage));
        let directions = |stage: usize| {
            let manifold = config.manifold.as_ref()?;
            let most = units[stage].min(manifold.samples.unwrap_or(usize::MAX));
            Some(manifold.directions(stage, units[stage]).unwrap_or(most))
        };
        let mut work = match config.feedback {
            Feedback::Weights => carried(network, rows),
            Feedback::Coordinates => errors_through(network, rows, |node, input| {
                match network.readers().iter().find(|reader| reader.node == node).and_then(|own| own.stage) {
                    Some(stage) => {
                        let columns = directions(stage).unwrap_or(units[stage]);
                        let gated = Operation::GatedProduct { node, rows, columns };
                        vec![layered_job(network, gated), Job::product(rows, columns, units[stage])]
                    }
                    None => vec![layered_job(network, Operation::InputGradient { node, input, rows })],
                }
            }),
        };
        if let Some(manifold) = &config.manifold {
            let refreshed = refresh(network, manifold, rows, read);
            work.iter_mut().zip(refreshed).for_each(|(work, own)| work.add(own));
        }
        let [count, a_step] = config.passes(rows);
        for site in Place::all(network) {
            let place = site.stage.unwrap_or_else(|| {
                let within = |stage: &usize| network.section_nodes(*stage).contains(&site.readers[0].node);
                (0..=units.len()).find(within).unwrap_or(units.len())
            });
            let map = network.map(site.readers[0]);
            let useful = site.readers.iter().map(|reader| WeightMirror::useful(network.map(*reader)));
            let useful = useful.max().unwrap_or(1);
            let noise = match (site.stage.and_then(directions), config.noise) {
                (Some(d), MirrorNoise::Manifold) => [Some(d), None],
                (Some(d), MirrorNoise::Both) => [Some(d), Some(map.operation.inputs())],
                _ => [None, Some(map.operation.inputs())],
            };
            let probe =
                |rows: usize, corrections: f64| match (config.feedback, site.stage.and_then(directions)) {
                    (Feedback::Coordinates, Some(d)) => {
                        coordinates(config, network, &site, [rows.min(d), d, map.operation.inputs()])
                    }
                    _ => weights(config, network, &site, [rows, map.operation.inputs()], noise, corrections),
                };
            let known = useful <= rows;
            let own = &mut work[place];
            own.probe.extend(probe((count as usize).min(useful), corrections(Told::Probe, known)));
            if config.observe == Some(true) {
                let (rows, corrections) = (rows.min(useful), corrections(Told::Batch, known));
                let observed = weights(config, network, &site, [rows, 0], [None, None], corrections);
                own.step.extend(observed.into_iter().map(|job| job.times(batches(known))));
            }
            own.probes = a_step;
            if config.initial > 0 {
                own.start.extend(probe(config.initial.min(useful), corrections(Told::Start, known)));
            }
        }
        work
    }
}

/// Probes of mirrors of weights, half of them on the manifold where there are both kinds.
fn weights(
    config: &MirrorConfig,
    network: &Network,
    site: &Place,
    [rows, units]: [usize; 2],
    noise: [Option<usize>; 2],
    corrections: f64,
) -> Vec<Job> {
    let kinds = noise.iter().flatten().count().max(1) as f64;
    let mut jobs = Vec::new();
    if let Some(directions) = noise[0] {
        jobs.push(Job::draw(config.probe, rows, directions).times(1.0 / kinds));
        jobs.push(Job::product(rows, directions, units).times(1.0 / kinds));
    }
    if let Some(units) = noise[1] {
        jobs.push(Job::draw(config.probe, rows, units).times(1.0 / kinds));
    }
    for &reader in &site.readers {
        let job = |operation| layered_job(network, operation);
        let (respond, correlate) =
            (Operation::Respond { reader, rows }, Operation::Correlate { reader, rows });
        let [responses, correlations] = config.solved(corrections);
        jobs.push(job(respond).times(responses));
        jobs.extend((correlations > 0.0).then(|| job(correlate).times(correlations)));
    }
    jobs
}

/// Probes of a mirror in coordinates.
fn coordinates(
    config: &MirrorConfig,
    network: &Network,
    site: &Place,
    [rows, directions, units]: [usize; 3],
) -> Vec<Job> {
    let reader = site.readers[0];
    let outputs = network.map(reader).operation.outputs();
    vec![
        Job::draw(config.probe, rows, directions),
        Job::product(rows, directions, units),
        layered_job(network, Operation::Respond { reader, rows }),
        Job::product(rows, directions, outputs),
        Job::estimate(config.estimator, rows, directions, outputs),
        Job::pass(3 * outputs * directions),
    ]
}
