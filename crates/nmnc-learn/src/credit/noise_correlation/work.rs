//! The work of noise correlation, and its memory.

use super::config::{Memory, Noise, NoiseCorrelationConfig};
use crate::estimator::Estimator;
use crate::needs::{self, Sizes, Values, product};
use crate::net::Network;
use crate::work::{Job, Work, perturbed_pass, refresh};

impl NoiseCorrelationConfig {
    /// What a stage of `rows` perturbed examples takes: its manifold, the perturbations, what they did, and the feedback.
    pub(crate) fn needs_of(&self, stage: usize, sizes: &Sizes, rows: u128) -> Values {
        let units = sizes.stages[stage].units;
        let manifold = self.manifold.as_ref();
        // Noise off the components is drawn by units, and shaped in another matrix.
        let everywhere = self.is_everywhere();
        let directions = if everywhere { units } else { needs::directions(manifold, stage, units) };
        let probes = product([self.repetitions(sizes.stages.len()) as u128, rows]);
        let shaped = if everywhere { product([2, probes, units]) } else { 0 };
        let kept = if self.feedback.is_units() { units } else { directions };
        let own = if self.memory == Memory::Feedback { product([sizes.outputs, kept]) } else { 0 };
        // B, and what each region has beside it.
        let regions =
            self.regions.as_ref().map_or(0, |regions| regions.count.map_or(sizes.outputs, |k| k as u128));
        let feedback = product([own, regions.saturating_add(1)]);
        let components = manifold.map_or(0, |_| needs::directions(manifold, stage, units));
        let covariance = product([components, components]);
        let solved = match self.estimator {
            Estimator::Average => 0,
            Estimator::LeastSquares => product([4, probes.min(directions), probes.min(directions)]),
            Estimator::RecursiveLeastSquares => product([4, directions, directions]),
            // Blocks of answers, by bands, and the covariance of what is known.
            Estimator::Kalman => {
                product([8, probes.min(256), probes.min(256)]).saturating_add(product([4, covariance]))
            }
        };
        let observed = if self.observe.is_some() {
            let compared = rows.min(kept);
            // By region, examples are compared with each other however many they are, and sorted.
            let compared = if regions > 0 { rows } else { compared };
            let copies = if regions > 0 { 4 } else { 2 };
            product([copies, rows, units.saturating_add(sizes.outputs)])
                .saturating_add(product([6, compared, compared]))
        } else {
            0
        };
        let passing = product([probes, directions.saturating_add(2 * sizes.outputs)])
            .saturating_add(product([rows, 2, units.saturating_add(sizes.widest())]))
            .saturating_add(product([2 + regions, own]))
            .saturating_add(solved)
            .saturating_add(shaped)
            .saturating_add(observed);
        let uncertainty = match self.estimator {
            Estimator::RecursiveLeastSquares => product([directions, directions]),
            Estimator::Kalman => covariance,
            Estimator::Average | Estimator::LeastSquares => 0,
        };
        let values = Values { held: feedback.saturating_add(uncertainty), passing };
        values.with(needs::followed(manifold, stage, sizes))
    }

    /// What becomes of the answers of `rows` examples, perturbed `probes` times, at a stage of `units` units: once an update, or once a
    /// step where nothing is remembered.
    pub(crate) fn answered(&self, [rows, units, outputs]: [usize; 3], directions: Option<usize>) -> Vec<Job> {
        let answers = self.probes * rows;
        let coordinates = directions.unwrap_or(units);
        let embed = |rows: usize| directions.map(|directions| Job::product(rows, directions, units));
        if self.memory == Memory::None {
            // Each repetition's scores times its coordinates, and their sum.
            let scored = Job::pass(self.probes * rows * (2 * outputs + 3 * coordinates));
            return std::iter::once(scored).chain(embed(rows)).collect();
        }
        let mut jobs = vec![Job::estimate(self.estimator, answers, coordinates, outputs)];
        // Feedback for all units is changed there, and turned into coordinates to be compared with answers.
        let kept = directions.filter(|_| !self.feedback.is_units());
        jobs.extend(embed(outputs).filter(|_| kept.is_none()));
        jobs.push(Job::pass(3 * outputs * kept.unwrap_or(units)));
        if self.estimator != Estimator::Average {
            let turned = directions.filter(|_| kept.is_none());
            jobs.extend(turned.map(|directions| Job::product(outputs, units, directions)));
            jobs.push(Job::product(answers, coordinates, outputs));
        }
        jobs
    }

    /// Perturbations of all repetitions of `rows` examples at `stage` of `units` units: what is drawn and shaped, once an update.
    pub(crate) fn drawn(&self, stage: usize, [rows, units]: [usize; 2]) -> Vec<Job> {
        let probes = self.probes * rows;
        let draw = Job::draw(self.probe, probes, self.directions(stage, units).unwrap_or(units));
        // The noise's size follows the norm of the activity.
        let mut jobs = vec![draw, Job::pass(rows * units)];
        if let Some(components) = self.components(stage, units).filter(|_| self.is_everywhere()) {
            // Each way it is moved, and to be learned from by least squares as what it was and as it is weighed.
            let times = self.passes()[0] / self.probes as f64;
            let times = times + if self.estimator == Estimator::LeastSquares { 3.0 } else { 0.0 };
            let turned = Job::product(probes, units, components);
            let shaped = [turned, Job::embed(probes, components, units), Job::pass(3 * probes * units)];
            jobs.extend(shaped.map(|job| job.times(times)));
        }
        jobs
    }

    /// A perturbation of `rows` examples, in one pass.
    pub(crate) fn moved([rows, units]: [usize; 2], directions: Option<usize>) -> Job {
        match directions {
            Some(directions) => Job::embed(rows, directions, units),
            None => Job::pass(3 * rows * units),
        }
    }

    /// Whether noise goes off the components that it is shaped by.
    fn is_everywhere(&self) -> bool {
        self.noise == Noise::Aimed || self.rest.is_some_and(|rest| rest > 0.0)
    }

    /// Directions that noise has, where it lives on a manifold: as many as there may be where the activity decides.
    pub(crate) fn directions(&self, stage: usize, units: usize) -> Option<usize> {
        self.components(stage, units).filter(|_| !self.is_everywhere())
    }

    /// Components of the manifold, if there is one: as many as there may be where the activity decides.
    pub(crate) fn components(&self, stage: usize, units: usize) -> Option<usize> {
        let manifold = self.manifold.as_ref()?;
        let most = units.min(manifold.samples.unwrap_or(usize::MAX));
        Some(manifold.directions(stage, units).unwrap_or(most))
    }

    /// Perturbed passes of an update, and passes a step in the long run.
    pub(crate) fn passes(&self) -> [f64; 2] {
        let update = (self.probes * self.cost()) as f64;
        [update, update / self.interval.unwrap_or(1) as f64]
    }

    /// What the rule does in a step of `rows` examples.
    pub(super) fn work_of(&self, network: &Network, rows: usize) -> Vec<Work> {
        let (stages, outputs) = (network.stage_units(), network.outputs());
        let mut work = match &self.manifold {
            Some(manifold) => refresh(network, manifold, rows, |_| true),
            None => vec![Work::default(); stages.len() + 1],
        };
        let [update, a_step] = self.passes();
        // A budget goes to any of the stages: alike, as far as one can tell.
        let a_step = self.budget.map_or(a_step, |budget| budget / stages.len() as f64);
        for (stage, &units) in stages.iter().enumerate() {
            if self.memory == Memory::Feedback {
                let kept = self.directions(stage, units).filter(|_| !self.feedback.is_units());
                work[stage].step.push(Job::product(rows, outputs, kept.unwrap_or(units)));
                work[stage].step.extend(kept.map(|directions| Job::product(rows, directions, units)));
                if self.observe.is_some() {
                    work[stage].step.extend(observation([rows, units, outputs], kept));
                }
                if let Some(regions) = &self.regions {
                    let sizes = [rows, kept.unwrap_or(units), outputs];
                    work[stage].step.extend(regional(
                        sizes,
                        regions.regions(outputs),
                        self.observe.is_some(),
                    ));
                }
            }
            if self.probes == 0 {
                continue;
            }
            // A pass counts where it begins.
            let group = self.injection.pass_from(stage, stages.len());
            let Some(&first) = group.first() else { continue };
            let probe = &mut work[first].probe;
            probe.extend(perturbed_pass(network, &group, rows));
            for &own in &group {
                let directions = self.directions(own, stages[own]);
                probe.push(Self::moved([rows, stages[own]], directions));
                let once = self.drawn(own, [rows, stages[own]]).into_iter();
                let once = once.chain(self.answered([rows, stages[own], outputs], directions));
                probe.extend(once.map(|job| job.times(1.0 / update)));
            }
            work[first].probes = a_step;
        }
        work
    }
}

/// What learning from the differences of `rows` examples takes, where feedback is kept for all units or in `kept` coordinates.
fn observation([rows, units, outputs]: [usize; 3], kept: Option<usize>) -> Vec<Job> {
    let coordinates = kept.unwrap_or(units);
    let differences = Job::pass(5 * rows * units);
    let turned = kept.map(|directions| Job::product(rows, units, directions));
    let predicted = Job::product(rows, coordinates, outputs);
    let learned = Job::estimate(Estimator::LeastSquares, rows, coordinates, outputs);
    let changed = Job::pass(3 * outputs * coordinates);
    [differences, predicted, learned, changed].into_iter().chain(turned).collect()
}

/// What feedback by region takes beside that which all have: its part of the signals of `rows` examples, put in order, and, where they are
/// observed, its part of what is predicted and learned of them.
fn regional([rows, kept, outputs]: [usize; 3], regions: usize, observed: bool) -> Vec<Job> {
    let mut jobs = vec![Job::product(rows, outputs, kept), Job::pass(4 * rows * kept)];
    if observed {
        let learned = [Job::product(rows, kept, outputs), Job::product(outputs, rows, kept)];
        jobs.extend(learned);
        jobs.extend([Job::pass(2 * rows * kept), Job::pass(3 * regions * outputs * kept)]);
    }
    jobs
}
