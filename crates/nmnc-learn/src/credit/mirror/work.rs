//! The work of a mirror.

use super::budget::BLOCK;
use super::config::{Budget, Feedback, MirrorConfig, MirrorNoise};
use super::rule::Mirror;
use super::weights::{ITERATIONS, WeightMirror};
use crate::credit::backprop::carried;
use crate::net::{Network, Reader};
use crate::work::{Job, Operation, Work, errors_through, layered_job, refresh};

/// Corrections by least squares, which depend on how much there is to correct: means over the first steps of a chain and of a residual
/// network on CIFAR-10 at a learning rate of 0.05. A weight with more unknowns than a batch tells of is corrected by a probe once, and by
/// every batch as often as may be; one that a batch determines twice, and by a batch in a third of the steps, four times.
const BY_A_PROBE: [f64; 2] = [1.0, 2.0];
const BY_A_BATCH: [f64; 2] = [ITERATIONS as f64, 4.0];
const BATCHES: [f64; 2] = [1.0, 1.0 / 3.0];

/// An activity that maps read.
struct Site {
    /// The stage, from 0; none of something made within a block.
    stage: Option<usize>,
    readers: Vec<Reader>,
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
        let [count, a_step] = match config.budget {
            Budget::Fixed => [config.probes.unwrap_or(1) as f64, 1.0 / config.interval.unwrap_or(1) as f64],
            // At most, and in the long run less.
            Budget::Auto => [BLOCK, config.cap.unwrap_or(0.0) * rows as f64 / BLOCK],
        };
        for site in sites(network) {
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
            let known = usize::from(useful <= rows);
            let own = &mut work[place];
            own.probe.extend(probe((count as usize).min(useful), BY_A_PROBE[known]));
            if config.observe == Some(true) {
                let rows = rows.min(useful);
                let observed = weights(config, network, &site, [rows, 0], [None, None], BY_A_BATCH[known]);
                own.step.extend(observed.into_iter().map(|job| job.times(BATCHES[known])));
            }
            own.probes = a_step;
            if config.initial > 0 {
                own.start.extend(probe(config.initial.min(useful), ITERATIONS as f64));
            }
        }
        work
    }
}

/// Stages that maps read, and what is read within blocks.
fn sites(network: &Network) -> Vec<Site> {
    let readers = || network.readers().iter().copied();
    let of = |stage: usize| Site {
        stage: Some(stage),
        readers: readers().filter(|reader| reader.stage == Some(stage)).collect(),
    };
    let stages = (0..network.stages().len()).map(of).filter(|site| !site.readers.is_empty());
    let inner = readers().filter(|reader| reader.stage.is_none());
    stages.chain(inner.map(|reader| Site { stage: None, readers: vec![reader] })).collect()
}

/// Probes of mirrors of weights, half of them on the manifold where there are both kinds.
fn weights(
    config: &MirrorConfig,
    network: &Network,
    site: &Site,
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
        let average = config.eta.is_some();
        // What it is and what the mirror makes of it; each correction is a response and a correlation, the first a correlation more.
        jobs.push(job(respond).times(2.0 + if average { 0.0 } else { corrections }));
        let correlations = if average {
            1.0
        } else if corrections > 0.0 {
            corrections + 1.0
        } else {
            0.0
        };
        jobs.extend((correlations > 0.0).then(|| job(correlate).times(correlations)));
    }
    jobs
}

/// Probes of a mirror in coordinates.
fn coordinates(
    config: &MirrorConfig,
    network: &Network,
    site: &Site,
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
