//! Analysis of a network.

use burn::tensor::Tensor;

use super::captured::{Accumulator, Gathered};
use super::jacobian::jacobians;
use super::probes::{Probed, probe_curves};
use super::result::{Analysis, StageAnalysis};
use super::settings::AnalysisSettings;
use super::stage_alignment::alignment;
use crate::dimension::{self, Components, Dimensions, Matrix, shuffled};
use nmnc_core::device::values;
use nmnc_core::doing;
use nmnc_core::error::{Error, Result};
use nmnc_learn::net::Network;

/// Elements of the Jacobians of all stages that are held at a time: 64 MB in f32.
const JACOBIANS: usize = 16 << 20;
/// Examples of one forward pass.
const BATCH: usize = 250;

/// A network and what to look at.
pub struct Subject<'a> {
    /// The network.
    pub network: &'a Network,
    /// The same network before training, for the control.
    pub untrained: Option<&'a Network>,
    /// Inputs `[examples, inputs]` whose activity makes the manifold; the first `settings.jacobians` of them are those whose
    /// Jacobians are measured.
    pub inputs: &'a Tensor<2>,
    /// Stages to analyze, from 0; all when empty.
    pub stages: &'a [usize],
}

impl Subject<'_> {
    /// The stages to analyze, from 0.
    ///
    /// # Errors
    /// If one of them is not there.
    pub fn chosen(&self) -> Result<Vec<usize>> {
        let count = self.network.stages().len();
        if let Some(stage) = self.stages.iter().find(|stage| **stage >= count) {
            return Err(Error::config("stage", format!("there is no stage {}", stage + 1))
                .mend(format!("the network has stages 1 to {count}")));
        }
        Ok(if self.stages.is_empty() { (0..count).collect() } else { self.stages.to_vec() })
    }
}

/// Dimension and principal axes of one stage, of its shuffled activity, and of the untrained network's.
struct Measured {
    stage: usize,
    dimensions: Dimensions,
    axes: Components,
    shuffled: Option<Components>,
    untrained: Option<Components>,
}

/// Analyzes a network's stages: dimension, captured energy with controls, estimates by noise.
///
/// Activity is held for one stage at a time, `[examples, n]` in f32; principal axes `[n, settings.curve]` for all stages, twice or,
/// with an untrained network, three times; Jacobians in batches of 64 MB.
///
/// # Errors
/// Settings out of range, a stage that is not there, activity that is not finite.
pub fn network(subject: &Subject, settings: &AnalysisSettings) -> Result<Analysis> {
    settings.check()?;
    let settings = &settings.for_outputs(subject.network.outputs());
    let stages = subject.chosen()?;
    let mut warnings = Vec::new();
    let measured: Vec<Measured> =
        stages.iter().map(|&stage| measure(subject, stage, settings)).collect::<Result<_>>()?;
    let examples = settings.jacobians.min(subject.inputs.dims()[0]);
    let inputs = subject.inputs.clone().narrow(0, 0, examples);
    let trained: Vec<Vec<&Components>> =
        measured.iter().map(|m| std::iter::once(&m.axes).chain(&m.shuffled).collect()).collect();
    let trained = gather(subject.network, &inputs, &stages, &trained, settings)?;
    let control = subject.untrained.map(|network| {
        let axes: Vec<Vec<&Components>> = measured.iter().map(|m| m.untrained.iter().collect()).collect();
        gather(network, &inputs, &stages, &axes, settings)
    });
    let mut control = control.transpose()?.into_iter().flatten();
    let mut analyzed = Vec::new();
    for (measured, gathered) in measured.into_iter().zip(trained) {
        let Measured { stage, dimensions, axes, .. } = measured;
        if dimensions.total_variance == 0.0 {
            warnings.push(format!("stage {}: activity does not vary, so it has no dimension", stage + 1));
        } else {
            warnings.extend(dimensions.notes.iter().map(|note| format!("stage {}: {note}", stage + 1)));
        }
        let untrained = control.next().and_then(|mut gathered| gathered.captured.pop());
        let alignment = alignment(&gathered, &axes, untrained, dimensions.samples, stage, settings)?;
        let mut probes = Vec::new();
        match &alignment {
            Some(alignment) if settings.probes > 0 => {
                let inside: Vec<f64> =
                    alignment.captured.pooled.iter().map(|alpha| alpha * gathered.energy).collect();
                let probed = Probed {
                    network: subject.network,
                    stage,
                    axes: &axes,
                    inputs: &inputs,
                    mean: &gathered.mean,
                    energy: gathered.energy,
                    inside: &inside,
                };
                let _probing = doing::now(|| format!("estimates by noise, stage {}", stage + 1));
                let headline = settings.headline(axes.dimension);
                probes = probe_curves(&probed, headline, settings)?;
            }
            Some(_) => {}
            None => warnings.push(format!(
                "stage {}: activity does not vary or the mean Jacobian is zero, so there is no alignment",
                stage + 1
            )),
        }
        analyzed.push(StageAnalysis {
            stage: stage + 1,
            units: dimensions.units,
            dimensions,
            spectrum_complete: axes.complete,
            variances: axes.variances,
            alignment,
            probes,
        });
    }
    Ok(Analysis {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        subject: "network".to_owned(),
        step: None,
        settings: settings.clone(),
        stages: analyzed,
        warnings,
    })
}

fn measure(subject: &Subject, stage: usize, settings: &AnalysisSettings) -> Result<Measured> {
    let place = |e: Error| e.within(format!("stage {}", stage + 1));
    let _stage = doing::now(|| format!("stage {}", stage + 1));
    let activity = activity(subject.network, subject.inputs, stage);
    let (dimensions, axes) = dimension::measure(&activity, &settings.dimension()).map_err(place)?;
    let mixed = settings.shuffled.then(|| shuffled(&activity, settings.seed));
    drop(activity);
    let _control = doing::now(|| "controls".to_owned());
    let shuffled =
        mixed.map(|mixed| dimension::components(&mixed, settings.curve, settings.seed).map_err(place));
    let untrained = subject.untrained.map(|network| {
        let activity = self::activity(network, subject.inputs, stage);
        dimension::components(&activity, settings.curve, settings.seed).map_err(place)
    });
    Ok(Measured {
        stage,
        dimensions,
        axes,
        shuffled: shuffled.transpose()?,
        untrained: untrained.transpose()?,
    })
}

/// Activity `[examples, n]` of one stage (from 0) for `inputs` `[examples, inputs]`.
pub fn activity(network: &Network, inputs: &Tensor<2>, stage: usize) -> Matrix<f32> {
    let units = network.stage_units()[stage];
    let examples = inputs.dims()[0];
    let mut all = Vec::with_capacity(examples * units);
    let _passing = doing::now(|| format!("activity of {examples} examples"));
    for first in (0..examples).step_by(BATCH) {
        let x = inputs.clone().narrow(0, first, BATCH.min(examples - first));
        let activity = network.each_activity(x).nth(stage).expect("the stage is there");
        all.extend(values::<f32>(&activity));
    }
    Matrix::new(all, units)
}

/// Measures every example's Jacobian against manifolds of each stage.
fn gather(
    network: &Network,
    inputs: &Tensor<2>,
    stages: &[usize],
    manifolds: &[Vec<&Components>],
    settings: &AnalysisSettings,
) -> Result<Vec<Gathered>> {
    let (outputs, units) = (network.outputs(), network.stage_units());
    let mut sums: Vec<Accumulator> = stages
        .iter()
        .zip(manifolds)
        .map(|(&stage, manifolds)| Accumulator::new(outputs, units[stage], settings.centered, manifolds))
        .collect();
    let examples = inputs.dims()[0];
    let batch = (JACOBIANS / (outputs * units.iter().sum::<usize>()).max(1)).clamp(1, BATCH);
    for first in (0..examples).step_by(batch) {
        let _jacobians = doing::now(|| format!("Jacobians, example {} of {examples}", first + 1));
        let pass = network.forward(inputs.clone().narrow(0, first, batch.min(examples - first)));
        let mut all = jacobians::<f32>(network, &pass);
        for (sum, &stage) in sums.iter_mut().zip(stages) {
            let place = |e: Error| e.within(format!("Jacobian of stage {}", stage + 1));
            sum.add(std::mem::take(&mut all[stage])).map_err(place)?;
        }
    }
    Ok(sums.into_iter().map(Accumulator::finish).collect())
}
