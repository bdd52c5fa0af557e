//! The work on a network of stages.

use super::job::{Job, Operation, Work};
use crate::manifold::ManifoldConfig;
use crate::net::{Network, Reader};

/// The section that each node counts to: the first it is in.
pub fn sections(network: &Network) -> Vec<usize> {
    let ends = network.stages().len();
    let mut first = vec![ends; network.nodes().len()];
    for section in (0..=ends).rev() {
        network.section_nodes(section).iter().for_each(|&node| first[node] = section);
    }
    first
}

/// An operation on a network, counted.
pub fn layered_job(network: &Network, operation: Operation) -> Job {
    let block = |node: usize| network.nodes()[node].block();
    let maps = |node: usize| block(node).maps().into_iter().fold(0.0, |sum, map| sum + map.operation.flops());
    let parameters = |node: usize| {
        block(node).parameters().iter().map(|p| p.shape.iter().product::<usize>()).sum::<usize>()
    };
    let read = |node: usize| block(node).inputs().iter().sum::<usize>();
    let units = |node: usize| block(node).units();
    let mapped = |reader: Reader, rows: usize| {
        let map = network.map(reader);
        let weight: usize = map.parameter.shape.iter().product();
        let numbers = rows * (map.operation.inputs() + map.operation.outputs()) + weight;
        (rows as f64 * map.operation.flops(), numbers)
    };
    let (flops, numbers) = match operation {
        Operation::Forward { node, rows }
        | Operation::Evaluate { node, rows }
        | Operation::Replay { node, rows }
        | Operation::ParameterGradient { node, rows } => {
            (rows as f64 * maps(node), rows * (read(node) + units(node)) + parameters(node))
        }
        Operation::InputGradient { node, input, rows } => {
            // A map of its own for each input, or all for the only one.
            let inputs = block(node).inputs();
            let reads = |source: Option<usize>| source.is_none_or(|source| source == input);
            let own = block(node).maps().into_iter().filter(|map| reads(map.source));
            let flops = own.fold(0.0, |sum, map| sum + map.operation.flops());
            (rows as f64 * flops, rows * (inputs[input] + units(node)) + parameters(node))
        }
        Operation::GatedProduct { node, rows, columns } => {
            let outputs: usize = block(node).maps().iter().map(|map| map.operation.outputs()).sum();
            let numbers = rows * (units(node) + columns) + outputs * columns;
            (2.0 * rows as f64 * outputs as f64 * columns as f64, numbers)
        }
        Operation::Respond { reader, rows } | Operation::Correlate { reader, rows } => mapped(reader, rows),
        ref other => unreachable!("{other:?} is no operation of a network's own"),
    };
    Job::new(operation, flops, numbers as f64)
}

/// The work of errors of `rows` examples on their way to the given inputs of nodes, as `through` says, each with its node: where several meet
/// they are added.
fn errors(
    network: &Network,
    inputs: impl Iterator<Item = (usize, usize)>,
    rows: usize,
    through: impl Fn(usize, usize) -> Vec<Job>,
) -> Vec<(usize, Vec<Job>)> {
    let mut met = vec![false; network.nodes().len()];
    inputs
        .map(|(node, input)| {
            let mut jobs = through(node, input);
            if let Some(before) = network.source(node, input)
                && std::mem::replace(&mut met[before], true)
            {
                jobs.push(Job::pass(3 * rows * network.nodes()[before].block().units()));
            }
            (node, jobs)
        })
        .collect()
}

/// What every training step does by stages, and at last behind them, whatever gives the signals: the forward pass of `rows` examples (made
/// twice where it is `streamed`), and gradients section by section.
pub fn layered(network: &Network, rows: usize, streamed: bool) -> Vec<Work> {
    let own = sections(network);
    let mut work = vec![Work::default(); network.stages().len() + 1];
    let job = |operation| layered_job(network, operation);
    for node in 0..network.nodes().len() {
        let step = &mut work[own[node]].step;
        step.push(job(Operation::Forward { node, rows }));
        if streamed {
            step.push(job(Operation::Evaluate { node, rows }));
        }
    }
    for (section, work) in work.iter_mut().enumerate() {
        for &node in network.section_nodes(section) {
            if !network.nodes()[node].block().parameters().is_empty() {
                work.step.push(job(Operation::ParameterGradient { node, rows }));
            }
        }
        let nodes = network.section_nodes(section).iter();
        let inputs = nodes.flat_map(|&node| network.inner_inputs(node).map(move |input| (node, input)));
        let back = |node, input| vec![job(Operation::InputGradient { node, input, rows })];
        work.step.extend(errors(network, inputs, rows, back).into_iter().flat_map(|(_, jobs)| jobs));
    }
    work
}

/// An error of `rows` examples carried from the output to every stage, node by node as `through` says.
pub fn errors_through(
    network: &Network,
    rows: usize,
    through: impl Fn(usize, usize) -> Vec<Job>,
) -> Vec<Work> {
    let own = sections(network);
    let mut work = vec![Work::default(); network.stages().len() + 1];
    let nodes = 0..network.nodes().len();
    let inputs = nodes.flat_map(|node| network.live_inputs(node).map(move |input| (node, input)));
    for (node, jobs) in errors(network, inputs, rows, through) {
        work[own[node]].step.extend(jobs);
    }
    work
}

/// The exact error of `rows` examples where gradients are taken on its way down: what [`layered`] leaves to be carried, from section to
/// section.
pub fn exact_errors(network: &Network, rows: usize) -> Vec<Work> {
    let own = sections(network);
    let mut work = vec![Work::default(); network.stages().len() + 1];
    let nodes = 0..network.nodes().len();
    let between = |&(node, input): &(usize, usize)| !network.inner_inputs(node).any(|inner| inner == input);
    let inputs = nodes.flat_map(|node| network.live_inputs(node).map(move |input| (node, input)));
    let back = |node, input| vec![layered_job(network, Operation::InputGradient { node, input, rows })];
    for (node, jobs) in errors(network, inputs.filter(between), rows, back) {
        work[own[node]].step.extend(jobs);
    }
    work
}

/// A perturbed pass of `rows` examples behind the stages (from 0) of `group`.
pub fn perturbed_pass(network: &Network, group: &[usize], rows: usize) -> Vec<Job> {
    let mut nodes: Vec<usize> = group.iter().flat_map(|&stage| network.behind(stage)).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes.into_iter().map(|node| layered_job(network, Operation::Replay { node, rows })).collect()
}

/// What refreshing manifolds takes by stages, from resolved settings, with the forward pass of the samples where they are found from
/// some. `followed` are the stages (from 0) that have one.
pub fn refresh(
    network: &Network,
    settings: &ManifoldConfig,
    batch: usize,
    followed: impl Fn(usize) -> bool,
) -> Vec<Work> {
    let units = network.stage_units();
    let own = sections(network);
    let mut work = vec![Work::default(); units.len() + 1];
    if let Some(rows) = settings.samples {
        // Nodes behind the last stage are not asked for.
        let last = network.section_nodes(units.len().saturating_sub(1)).first().copied().unwrap_or(0);
        for node in 0..=last {
            work[own[node]].refresh.push(layered_job(network, Operation::Evaluate { node, rows }));
        }
    }
    for (stage, &units) in units.iter().enumerate().filter(|(stage, _)| followed(*stage)) {
        let rows = settings.samples.unwrap_or(batch);
        work[stage].refresh.push(Job::manifold(settings, stage, rows, units));
        work[stage].dimension = settings.directions(stage, units);
    }
    work.iter_mut().for_each(|work| work.refreshes = 1.0 / settings.refresh as f64);
    work
}
