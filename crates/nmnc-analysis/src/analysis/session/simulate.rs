//! Trials of a network that learns.

use burn::tensor::Tensor;

use super::gain::gains;
use super::measures::{Recording, follows, on_manifold};
use super::{Session, SessionPoint, SessionSettings};
use crate::analysis::load::Loaded;
use crate::analysis::network::activity;
use crate::dimension;
use crate::trials::{Trials, TrialsSettings, noise_alignment};
use nmnc_core::device::{energy, matrix, values};
use nmnc_core::doing;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::{Role, Stream};
use nmnc_learn::manifold::Dimension;
use nmnc_learn::net::{Network, Replay};
use nmnc_train::{Classifier, ImageBatch, MeasuredImages, TrainingInputs};

/// Norm of the noise over that of the activity where the rule adds none.
const IDLE: f64 = 0.1;
/// Examples whose activity has the axes of idle noise.
const EXAMPLES: usize = 1000;
/// Norm of the session's change of the weights over theirs: small, so that activity changes by the change's first order.
const LEARNED: f64 = 1e-3;
/// How far the training steps of other sessions are from that of the own, so that nothing is drawn twice.
const OTHER: u64 = 1 << 32;

/// Simulates sessions at the checkpoint that `loaded` names, in a training that went on to `last`.
///
/// # Errors
/// Settings out of range, a stage that is not there, data that cannot be read, a rule's state that does not fit, numbers that are not finite.
pub fn session(loaded: &Loaded, last: &Loaded, settings: &SessionSettings) -> Result<Session> {
    settings.check()?;
    let units = loaded.network.stage_units();
    let stage = settings.stage - 1;
    if stage >= units.len() {
        return Err(Error::config("stage", format!("there is no stage {}", settings.stage))
            .mend(format!("the network has stages 1 to {}", units.len())));
    }
    let chosen = loaded.sample(settings.conditions, settings.seed);
    if chosen.len() < settings.conditions {
        return Err(Error::config(
            "conditions",
            format!("{} are more than there are examples", settings.conditions),
        )
        .mend(format!("use at most {}", chosen.len())));
    }
    let batch = loaded.data.batch(&chosen)?;
    let images = matrix(batch.images, [chosen.len(), loaded.data.shape().len()], loaded.device());
    let mut stream = settings.seed.stream(Role::Analysis, 7, 0);
    let mut recorded = stream.sample(units[stage], settings.units);
    recorded.sort_unstable();
    let mut lab = Lab { loaded, last, settings, stage, images, labels: batch.labels, recorded, idle: None };
    let points = lab.points()?;
    let idle = lab.noise_of(&lab.classifier()?, &lab.evaluated(&loaded.network), loaded.step)?.is_none();
    let idle_on_manifold = match idle {
        true => {
            lab.idle = Some(lab.axes()?);
            Some(lab.points()?)
        }
        false => None,
    };
    Ok(Session {
        step: loaded.step,
        last: last.step,
        units: units[stage],
        recorded: lab.recorded.len(),
        points,
        idle_on_manifold,
    })
}

/// What all sessions of one network have in common.
struct Lab<'a> {
    loaded: &'a Loaded,
    last: &'a Loaded,
    settings: &'a SessionSettings,
    stage: usize,
    /// One of each condition.
    images: Tensor<2>,
    labels: Vec<u32>,
    /// Units that are recorded, ascending.
    recorded: Vec<usize>,
    /// Axes `[n, d]` on which idle noise lies; anywhere if there are none.
    idle: Option<Tensor<2>>,
}

impl Lab<'_> {
    fn points(&self) -> Result<Vec<SessionPoint>> {
        self.settings.repeats.iter().map(|&repeats| self.point(repeats)).collect()
    }

    /// Principal axes `[n, d]` of the stage's activity.
    fn axes(&self) -> Result<Tensor<2>> {
        let inputs = self.loaded.inputs(EXAMPLES, self.settings.seed)?;
        let samples = activity(&self.loaded.network, &inputs, self.stage);
        let found = dimension::components(&samples, self.settings.dimension, self.settings.seed)?;
        let units = found.basis.len() / found.dimension.max(1);
        Ok(matrix(found.basis, [units, found.dimension], self.loaded.device()))
    }

    /// The noise that the rule gives an activity in a step, if it does.
    fn noise_of(
        &self,
        classifier: &Classifier,
        activity: &Tensor<2>,
        step: u64,
    ) -> Result<Option<Tensor<2>>> {
        classifier.rule().noise(self.stage, activity, (self.loaded.config.seed, step))
    }

    fn point(&self, repeats: usize) -> Result<SessionPoint> {
        let _showing = doing::now(|| format!("{repeats} trials of each condition"));
        let (loaded, settings) = (self.loaded, self.settings);
        let mut classifier = self.classifier()?;
        let step = self.due();
        let images = Tensor::cat(vec![self.images.clone(); repeats], 0);
        let labels = self.labels.repeat(repeats);
        let inputs = TrainingInputs {
            data: &loaded.training,
            seed: loaded.config.seed,
            device: loaded.device().clone(),
        };
        let (_, kept) = classifier.assess(ImageBatch { images, labels }, step, &inputs, true)?;
        let kept = kept.expect("the step was to be measured");
        let shown = (&classifier, &kept);
        let shown_activity = kept.pass.activity(self.stage);
        let (own, success) = self.trials(shown, shown_activity, step)?;
        let (other, other_success) = self.trials(shown, shown_activity, step + OTHER)?;
        let changes = self.changes(&kept)?;
        let later = Tensor::cat(vec![self.evaluated(&self.last.network); repeats], 0);
        let (later, _) = self.trials(shown, &later, step + 2 * OTHER)?;
        // Of means of conditions, which have their gain averaged out.
        let learning_on_manifold = on_manifold(&own, &later, settings.dimension)?;
        let [own, other] = [own, other].map(|recording| match settings.remove_gain {
            true => recording.without_gain(),
            false => recording,
        });
        let found = noise_alignment(
            &Trials::new(own.by_condition(), &[own.conditions, repeats, own.units])?,
            &TrialsSettings {
                dimension: Dimension::Variance(1.0),
                curve: settings.dimension,
                seed: settings.seed,
                ..TrialsSettings::default()
            },
        )?;
        let most = found.curve.last().expect("a manifold has a dimension");
        Ok(SessionPoint {
            repeats,
            noise_on_manifold: most.alpha - most.chance,
            noise_dimension: found.noise_dimension.map(|dimension| dimension / own.units as f64),
            learning_on_manifold,
            follows_own: follows(&own, &success, &changes),
            follows_other: follows(&other, &other_success, &changes),
        })
    }

    /// Network and rule as the checkpoint has them.
    fn classifier(&self) -> Result<Classifier> {
        let loaded = self.loaded;
        let shape = loaded.data.shape();
        let input = [shape.channels, shape.height, shape.width];
        let mut classifier = loaded.config.classifier(input, loaded.network.outputs(), loaded.device())?;
        let place = |e: Error| e.within(loaded.checkpoint.display());
        loaded.saved.restore_weights(classifier.network_mut(), loaded.device())?;
        classifier.rule_mut().restore(&loaded.saved.state.nested("rule")).map_err(place)?;
        Ok(classifier)
    }

    /// The next step in which the rule perturbs, if it does so by an interval.
    fn due(&self) -> u64 {
        let interval = self.loaded.config.credit.settings.get("interval").and_then(toml::Value::as_integer);
        self.loaded.step.next_multiple_of(interval.and_then(|i| u64::try_from(i).ok()).unwrap_or(1).max(1))
    }

    /// What is recorded of trials with the given `activity`, all conditions once and then again, and how successful each was: by how much
    /// noise lowered the loss, to first order in the output.
    fn trials(
        &self,
        (classifier, kept): (&Classifier, &MeasuredImages),
        activity: &Tensor<2>,
        step: u64,
    ) -> Result<(Recording, Vec<f64>)> {
        let own = self.noise_of(classifier, activity, step)?;
        let [rows, units] = activity.dims();
        let mut stream = self.settings.seed.stream(Role::Analysis, 8, step);
        let noise = match own {
            Some(noise) => noise,
            None => {
                let noise = match &self.idle {
                    None => stream.normals([rows, units], &activity.device()),
                    Some(axes) => {
                        let coordinates = stream.normals([rows, axes.dims()[1]], &activity.device());
                        coordinates.matmul(axes.clone().transpose())
                    }
                };
                let size = IDLE * (energy(activity) / energy(&noise)).sqrt();
                noise.cast(activity.dtype()) * size
            }
        };
        let deviation = (self.settings.private * energy(&noise) / (rows * units) as f64).sqrt();
        let noise = match self.gain(activity, energy(&noise), step) {
            Some(gain) => noise + gain,
            None => noise,
        };
        let network = classifier.network();
        let output = Replay::new(network, &kept.pass)
            .output(&[self.stage], |_, activity| Ok(activity + noise.clone()))?;
        let changes = (output - kept.pass.output.clone()) * kept.error.clone();
        let success = values::<f64>(&changes.sum_dim(1)).into_iter().map(|change| -change).collect();
        let seen = self.seen(&(activity.clone() + noise), deviation, &mut stream);
        Ok((Recording { values: seen, conditions: self.labels.len(), units: self.recorded.len() }, success))
    }

    /// What a gain that goes over from trial to trial adds to `activity`, if there is one: each unit's activity times one number of the trial and how much
    /// the unit follows it. The squares of what is added are `noise` times the settings' share in sum.
    fn gain(&self, activity: &Tensor<2>, noise: f64, step: u64) -> Option<Tensor<2>> {
        // Of a stage that is silent any multiple is nothing.
        if self.settings.gain == 0.0 || energy(activity) == 0.0 {
            return None;
        }
        let [rows, units] = activity.dims();
        let mut stream = self.settings.seed.stream(Role::Analysis, 9, step);
        let gains = matrix(gains(rows, self.settings.slow, &mut stream), [rows, 1], &activity.device());
        let mut added = activity.clone() * gains.cast(activity.dtype());
        if self.settings.spread > 0.0 {
            // The same units follow it in all sessions.
            let mut stream = self.settings.seed.stream(Role::Analysis, 10, 0);
            let follow = stream.normals([1, units], &activity.device()) * self.settings.spread + 1.0;
            added = added * follow.cast(activity.dtype());
        }
        let size = (self.settings.gain * noise / energy(&added)).sqrt();
        Some(added * size)
    }

    /// The units that are recorded, with private noise of a deviation.
    fn seen(&self, activity: &Tensor<2>, deviation: f64, stream: &mut Stream) -> Vec<f64> {
        let units = activity.dims()[1];
        let all = values::<f64>(activity);
        let mut seen: Vec<f64> =
            all.chunks_exact(units).flat_map(|row| self.recorded.iter().map(|&unit| row[unit])).collect();
        let mut private = vec![0.0f32; seen.len()];
        stream.fill_normal(&mut private);
        seen.iter_mut().zip(private).for_each(|(v, z)| *v += deviation * f64::from(z));
        seen
    }

    /// The stage's activity for one of each condition, without noise.
    fn evaluated(&self, network: &Network) -> Tensor<2> {
        network.each_activity(self.images.clone()).nth(self.stage).expect("the stage is there")
    }

    /// How the means of conditions change by what the session teaches, `[conditions, recorded]`.
    fn changes(&self, kept: &MeasuredImages) -> Result<Vec<f64>> {
        let (mut network, before) = (self.loaded.fresh()?, self.evaluated(&self.loaded.network));
        self.loaded.saved.restore_weights(&mut network, self.loaded.device())?;
        let weights: f64 = network.parameters().iter().map(|(_, p)| energy(&p.value)).sum();
        let norm = kept.gradients.norm();
        let size = if norm > 0.0 { LEARNED * weights.sqrt() / norm } else { 0.0 };
        let names: Vec<String> = network.parameters().into_iter().map(|(name, _)| name).collect();
        for (name, value) in names.iter().zip(network.values_mut()) {
            if let Some(gradient) = kept.gradients.get(name) {
                *value = value.clone() - gradient.clone() * size;
            }
        }
        let change = values::<f64>(&(self.evaluated(&network) - before.clone()));
        let units = before.dims()[1];
        Ok(change.chunks_exact(units).flat_map(|row| self.recorded.iter().map(|&u| row[u])).collect())
    }
}
