//! What operations take on a device, timed one by one.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::tensor::{Device, Tensor};

use crate::bench::Spread;
use nmnc_core::doing;
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::seed::{Role, Seed, Stream};
use nmnc_learn::estimator::{Prober, Probing, Responses};
use nmnc_learn::net::{Block, Mode, Network, Reader, own_weights};
use nmnc_learn::recurrent::{EligibilityTrace, RecurrentNetwork, SequencePass};
use nmnc_learn::work::{Job, Operation, SequencePart};

/// Numbers of the largest matrix that is timed: more than caches hold. Of larger work a part is timed.
const LARGEST: usize = 1 << 24;
/// Times that an operation is timed at least and at most, after one that is not counted, and seconds after which it is enough.
const REPETITIONS: std::ops::Range<usize> = 3..15;
const ENOUGH: f64 = 0.1;
/// Seconds below which an operation is asked for several times in a row, and how often at most.
const BRIEF: f64 = 1e-3;
const MOST_CALLS: f64 = 64.0;
/// Numbers of each of three matrices that pass through caches between operations, at most: more than caches hold.
const MOST_OTHERS: usize = 1 << 23;
/// The same where what is read has just been written: more than the caches of one core hold.
const FEW_OTHERS: usize = 1 << 18;

/// An operation that was timed.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed {
    /// What it is, with its sizes.
    pub operation: String,
    /// Seconds; a quarter of the repetitions took less.
    pub seconds: f64,
    /// Its multiplications and additions.
    pub flops: f64,
    /// Bytes it reads and writes.
    pub bytes: f64,
}

/// What operations are of.
enum Subject<'a> {
    Layered(&'a Network),
    OverTime(&'a RecurrentNetwork),
}

/// When what an operation reads was written.
#[derive(Clone, Copy)]
enum Since {
    /// By the operation before.
    AnOperation,
    /// Elsewhere in the step.
    AStep,
}

/// Times operations, each kind and size once.
pub(super) struct Clock<'a> {
    subject: Subject<'a>,
    device: &'a Device,
    stream: Stream,
    known: BTreeMap<String, f64>,
    timed: Vec<Timed>,
    /// What passes through a processor's caches between operations; nothing on an accelerator.
    others: Option<[Tensor<2>; 2]>,
}

impl<'a> Clock<'a> {
    /// Of operations on `network` in a step that reads and writes so many bytes.
    pub fn layered(network: &'a Network, device: &'a Device, seed: Seed, bytes: f64) -> Self {
        Self::new(Subject::Layered(network), device, seed, bytes)
    }

    /// As [`Clock::layered`].
    pub fn over_time(network: &'a RecurrentNetwork, device: &'a Device, seed: Seed, bytes: f64) -> Self {
        Self::new(Subject::OverTime(network), device, seed, bytes)
    }

    fn new(subject: Subject<'a>, device: &'a Device, seed: Seed, bytes: f64) -> Self {
        let stream = seed.stream(Role::Analysis, 0, 0);
        let processor = nmnc_core::device::card(device).is_none();
        // What an operation reads was written about a step ago: so much has passed through caches since.
        let size = ((bytes / 12.0) as usize).clamp(1, MOST_OTHERS);
        let others = processor.then(|| [0.5, 1.5].map(|value| Tensor::full([1, size], value, device)));
        Self { subject, device, stream, known: BTreeMap::new(), timed: Vec::new(), others }
    }

    /// What was timed.
    pub fn timed(self) -> Vec<Timed> {
        self.timed
    }

    /// Seconds of the operation of `job`, once.
    ///
    /// # Errors
    /// A device that fails; numbers that are not finite.
    pub fn seconds(&mut self, job: &Job) -> Result<f64> {
        let name = self.name(&job.operation);
        if let Some(known) = self.known.get(&name) {
            return Ok(*known);
        }
        let _timing = doing::now(|| format!("timing {name}"));
        let seconds = self.measured(&job.operation)?;
        self.timed.push(Timed { operation: name.clone(), seconds, flops: job.flops, bytes: job.bytes });
        self.known.insert(name, seconds);
        Ok(seconds)
    }

    fn block(&self, node: usize) -> &'a dyn Block {
        match self.subject {
            Subject::Layered(network) => network.nodes()[node].block(),
            Subject::OverTime(_) => unreachable!("a recurrent network has no nodes"),
        }
    }

    /// Operations of one name take the same time.
    fn name(&self, operation: &Operation) -> String {
        let block = |node: &usize| self.block(*node).describe();
        match operation {
            Operation::Forward { node, rows } => format!("forward, {rows} of {}", block(node)),
            Operation::Evaluate { node, rows } => format!("evaluation, {rows} of {}", block(node)),
            Operation::Replay { node, rows } => format!("replay, {rows} of {}", block(node)),
            Operation::ParameterGradient { node, rows } => {
                format!("gradients of parameters, {rows} of {}", block(node))
            }
            Operation::InputGradient { node, input, rows } => {
                format!("error at input {}, {rows} of {}", input + 1, block(node))
            }
            Operation::GatedProduct { node, rows, columns } => {
                format!("gated error times {columns} columns, {rows} of {}", block(node))
            }
            Operation::Respond { reader, rows } => {
                format!("response of map {}, {rows} of {}", reader.map + 1, block(&reader.node))
            }
            Operation::Correlate { reader, rows } => {
                format!("correlation at map {}, {rows} of {}", reader.map + 1, block(&reader.node))
            }
            Operation::Sequence { part, rows, steps } => {
                format!("{part:?} of {rows} sequences of {steps} steps").to_lowercase()
            }
            Operation::Product { rows, inner, columns } => format!("product {rows}x{inner}x{columns}"),
            Operation::Embed { rows, directions, units } => {
                format!("{rows} moved in {directions} of {units} directions")
            }
            Operation::Draw { probe, rows, columns } => {
                format!("{probe:?} numbers, {rows}x{columns}").to_lowercase()
            }
            Operation::Pass { numbers } => format!("pass over {numbers} numbers"),
            Operation::Estimate { estimator, rows, coordinates, outputs } => {
                format!("{estimator:?} of {rows} answers, {outputs}x{coordinates}").to_lowercase()
            }
            Operation::Manifold { settings, rows, units } => {
                let directions = settings.directions(0, *units);
                let found = directions.map_or("as many".to_owned(), |d| d.to_string());
                format!("{found} components of {rows}x{units}, {:?}", settings.method).to_lowercase()
            }
        }
    }

    fn normal(&mut self, rows: usize, columns: usize) -> Tensor<2> {
        self.stream.normals([rows, columns], self.device)
    }

    /// A quarter of some repetitions took less: other programs make some of them longer.
    fn repeat<T>(&self, work: impl FnMut() -> Result<T>) -> Result<f64> {
        self.repeat_after(Since::AStep, work)
    }

    /// As [`Clock::repeat`], of work on what was written `since`.
    fn repeat_after<T>(&self, since: Since, mut work: impl FnMut() -> Result<T>) -> Result<f64> {
        let between = |calls: usize| if calls == 1 { self.forget(since) } else { Ok(()) };
        let mut timed = |calls: usize| -> Result<f64> {
            between(calls)?;
            let started = Instant::now();
            for _ in 0..calls {
                drop(work()?);
            }
            self.wait()?;
            Ok(started.elapsed().as_secs_f64())
        };
        timed(1)?;
        let mut spent = timed(1)?;
        // Waiting for an accelerator takes time as well, which a step does once, so that brief work is asked for several times in a row.
        let several = (BRIEF / spent.max(1e-9)).ceil().clamp(1.0, MOST_CALLS) as usize;
        let calls = if self.others.is_some() { 1 } else { several };
        let mut all = Vec::new();
        while all.len() < REPETITIONS.start || spent < ENOUGH && all.len() < REPETITIONS.end {
            let seconds = timed(calls)?;
            all.push(seconds / calls as f64);
            spent += seconds;
        }
        Ok(Spread::of(all).lower_quartile)
    }

    fn wait(&self) -> Result<()> {
        self.device.sync().map_err(|e| Error::new(ErrorKind::Device, "device", e))
    }

    /// Has other numbers pass through a processor's caches, as the rest of a step does between two operations.
    fn forget(&self, since: Since) -> Result<()> {
        let Some(others) = &self.others else { return Ok(()) };
        let size = match since {
            Since::AStep => others[0].dims()[1],
            Since::AnOperation => others[0].dims()[1].min(FEW_OTHERS),
        };
        let [own, other] = others.each_ref().map(|all| all.clone().narrow(1, 0, size));
        drop(nmnc_kernels::perturb(&own, &other, 0.5));
        Ok(())
    }

    fn measured(&mut self, operation: &Operation) -> Result<f64> {
        match *operation {
            Operation::Forward { node, rows }
            | Operation::Evaluate { node, rows }
            | Operation::Replay { node, rows }
            | Operation::ParameterGradient { node, rows }
            | Operation::InputGradient { node, rows, .. }
            | Operation::GatedProduct { node, rows, .. } => self.of_block(operation, node, rows),
            Operation::Respond { reader, rows } => self.of_map(reader, rows, true),
            Operation::Correlate { reader, rows } => self.of_map(reader, rows, false),
            Operation::Sequence { part, rows, steps } => self.of_sequence(part, rows, steps),
            Operation::Product { rows, inner, columns } => {
                let (rows, factor) = part(rows, inner.max(columns));
                let (a, b) = (self.normal(rows, inner), self.normal(inner, columns));
                Ok(factor * self.repeat(|| Ok(nmnc_kernels::matmul(a.clone(), b.clone())))?)
            }
            Operation::Embed { rows, directions, units } => {
                let (rows, factor) = part(rows, units);
                let (x, z) = (self.normal(rows, units), self.normal(rows, directions));
                let basis = self.normal(units, directions);
                Ok(factor * self.repeat(|| Ok(nmnc_kernels::embed_add(&x, &z, &basis, 0.1)))?)
            }
            Operation::Draw { probe, rows, columns } => {
                let (rows, factor) = part(rows, columns);
                let (stream, device) = (self.stream.clone(), self.device);
                Ok(factor * self.repeat(|| Ok(probe.draw([rows, columns], &mut stream.clone(), device)))?)
            }
            Operation::Pass { numbers } => {
                // Two numbers read for each that is written.
                let (count, factor) = part(numbers.div_ceil(3), 1);
                let (mut own, other) = (Some(self.normal(1, count)), self.normal(1, count));
                Ok(factor
                    * self.repeat(|| {
                        own = own.take().map(|own| nmnc_kernels::blend(own, other.clone(), 0.5));
                        Ok(())
                    })?)
            }
            Operation::Estimate { estimator, rows, coordinates, outputs } => {
                let responses =
                    Responses { probes: self.normal(rows, coordinates), changes: self.normal(rows, outputs) };
                self.repeat(|| Ok(estimator.estimate(&responses)))
            }
            Operation::Manifold { ref settings, rows, units } => {
                let (units, factor) = part(units, rows);
                let probing = Probing { manifold: Some(settings.clone()), ..Probing::new(units) };
                let (mut prober, activity) = (Prober::new(probing)?, self.normal(rows, units));
                // The first refresh of all is another one.
                let mut step = 0;
                prober.refresh(step, &activity)?;
                Ok(factor
                    * self.repeat(|| {
                        step += settings.refresh;
                        prober.refresh(step, &activity)
                    })?)
            }
        }
    }

    fn of_block(&mut self, operation: &Operation, node: usize, rows: usize) -> Result<f64> {
        let block = self.block(node);
        let widest = block.inputs().into_iter().chain([block.units()]).max().unwrap_or(1);
        let (rows, factor) = part(rows, widest);
        let inputs: Vec<Tensor<2>> =
            block.inputs().into_iter().map(|units| self.normal(rows, units)).collect();
        let mode = Mode::Training { seed: Seed(0), step: 0, node, first: 0 };
        let (output, trace) = block.forward(&inputs, mode);
        let (error, weights) = (self.normal(rows, output.dims()[1]), own_weights(block));
        drop(output);
        let just = Since::AnOperation;
        let seconds = match *operation {
            Operation::Evaluate { .. } => self.repeat_after(just, || Ok(block.activity(&inputs)))?,
            Operation::Replay { .. } => self.repeat_after(just, || Ok(block.replay(&inputs, &trace)))?,
            Operation::ParameterGradient { .. } => {
                self.repeat(|| Ok(block.parameter_vjp(&trace, error.clone())))?
            }
            Operation::InputGradient { input, .. } => {
                self.repeat(|| Ok(block.input_vjp(&trace, error.clone(), input, &weights)))?
            }
            Operation::GatedProduct { columns, .. } => {
                let outputs = block.maps().iter().map(|map| map.operation.outputs()).sum();
                let matrix = self.normal(outputs, columns);
                let gated = block.gated().expect("rules in coordinates ask for blocks with a gate");
                self.repeat(|| Ok(gated.gated_product(&trace, error.clone(), matrix.clone())))?
            }
            _ => self.repeat_after(just, || Ok(block.forward(&inputs, mode)))?,
        };
        Ok(factor * seconds)
    }

    fn of_map(&mut self, reader: Reader, rows: usize, forth: bool) -> Result<f64> {
        let map = self.block(reader.node).maps()[reader.map];
        let (rows, factor) = part(rows, map.operation.inputs().max(map.operation.outputs()));
        let change = self.normal(rows, map.operation.inputs());
        let response = self.normal(rows, map.operation.outputs());
        Ok(factor
            * match forth {
                true => self.repeat(|| Ok(map.response(change.clone())))?,
                false => self.repeat(|| Ok(map.operation.correlate(change.clone(), response.clone())))?,
            })
    }

    fn of_sequence(&mut self, asked: SequencePart, rows: usize, steps: usize) -> Result<f64> {
        let Subject::OverTime(network) = self.subject else { unreachable!("a layered network has no steps") };
        let mut inputs = vec![0.0; rows * steps * network.inputs()];
        self.stream.fill_normal(&mut inputs);
        let pass: SequencePass = network.forward(&inputs, [steps, rows], None);
        let signals = self.normal(rows * steps, network.units());
        let error = self.normal(rows * steps, network.outputs());
        match asked {
            SequencePart::Forward => self.repeat(|| Ok(network.forward(&inputs, [steps, rows], None))),
            SequencePart::States => {
                let start = self.normal(rows, network.units());
                let drive = pass.drive().clone();
                self.repeat(|| Ok(network.run_from(&pass, &start, &drive)))
            }
            SequencePart::Kicked => self.repeat(|| Ok(network.run_kicked(&pass, &signals))),
            SequencePart::Readout => self.repeat(|| Ok(network.readout(signals.clone()))),
            SequencePart::Backpropagate => self.repeat(|| Ok(network.backpropagate(&pass, &error, None))),
            SequencePart::Traced(trace) => self.repeat(|| Ok(network.traced(&pass, signals.clone(), trace))),
            SequencePart::Gradients => {
                self.repeat(|| Ok(network.gradients(&pass, signals.clone(), EligibilityTrace::None, &error)))
            }
        }
    }
}

/// As many of `rows` rows of `columns` numbers as are timed, and how many times that all of them are.
fn part(rows: usize, columns: usize) -> (usize, f64) {
    let some = rows.min((LARGEST / columns.max(1)).max(1));
    (some, rows as f64 / some as f64)
}
