//! Similarities of networks' stages with what was recorded.

use serde::Serialize;

use super::benchmark::Benchmark;
use super::contrasts::{Contrast, contrasts};
use super::network::{Condition, Index, NetworkRdms, StageRdm};
use super::predictivity::{PredictivityScores, predictions};
use super::settings::{BrainSettings, RegressionName};
use super::target::Target;
use crate::similarity::{Ceiling, Range, Rdm, Replicates, Resample, ceiling, compare, replicates};
use nmnc_core::doing;
use nmnc_core::error::{Error, Result};
use nmnc_core::statistics::{Interval, interval};

/// Everything that came out.
#[derive(Clone, Debug, Serialize)]
pub struct Scores {
    /// Name of the benchmark.
    pub benchmark: String,
    /// How it was compared.
    pub settings: BrainSettings,
    /// Number of stimuli.
    pub stimuli: usize,
    /// Stimuli by which stages were chosen, from 0; the others scored them.
    pub selection: Vec<usize>,
    /// The conditions, in the order of tables.
    pub conditions: Vec<Condition>,
    /// Similarities, one entry for each target.
    pub targets: Vec<TargetScores>,
    /// Predictivity, one entry for each target with responses.
    pub predictivity: Vec<PredictivityScores>,
    /// What the user should know, one sentence each.
    pub warnings: Vec<String>,
}

/// Similarities with one target.
#[derive(Clone, Debug, Serialize)]
pub struct TargetScores {
    /// Its name.
    pub target: String,
    /// Number of subjects.
    pub subjects: usize,
    /// What was drawn anew for intervals.
    pub resample: Resample,
    /// Ceiling over all stimuli; none for one subject.
    pub ceiling: Option<Ceiling>,
    /// Ceiling over the stimuli that score chosen stages.
    pub reported_ceiling: Option<Ceiling>,
    /// Models that come with the benchmark, and pixels.
    pub controls: Vec<ControlScore>,
    /// Every network.
    pub networks: Vec<NetworkScore>,
    /// Means over the networks of a condition.
    pub conditions: Vec<ConditionScore>,
    /// Differences between conditions.
    pub contrasts: Vec<Contrast>,
}

/// Similarity of a model.
#[derive(Clone, Debug, Serialize)]
pub struct ControlScore {
    /// Its name.
    pub control: String,
    /// Over all stimuli.
    pub all: Range,
    /// Over the stimuli that score chosen stages.
    pub reported: Range,
}

/// Similarity of a network.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkScore {
    /// Its condition.
    pub condition: String,
    /// Its seed.
    pub seed: u64,
    /// Every stage.
    pub stages: Vec<StageScore>,
    /// The stage most similar over the stimuli that choose.
    pub chosen: usize,
    /// Similarity of that stage over the other stimuli.
    pub reported: Range,
}

/// Similarity of a stage.
#[derive(Clone, Debug, Serialize)]
pub struct StageScore {
    /// Number from 1.
    pub stage: usize,
    /// Over all stimuli.
    pub all: Range,
    /// Over the stimuli by which the stage was or was not chosen.
    pub selection: f64,
}

/// A mean over networks.
#[derive(Clone, Debug, Serialize)]
pub struct Mean {
    /// With its spread over seeds.
    pub seeds: Interval,
    /// The same mean, with its interval over stimuli (or subjects) drawn anew.
    pub stimuli: Range,
}

/// Similarity of a condition.
#[derive(Clone, Debug, Serialize)]
pub struct ConditionScore {
    /// Its name.
    pub condition: String,
    /// Chosen stages, over the stimuli that did not choose them.
    pub reported: Mean,
    /// Every stage, over all stimuli.
    pub stages: Vec<(usize, Mean)>,
}

/// Compares `networks` with every target of the benchmark. `pairs` are the conditions whose differences are of interest: (a, b) for
/// a less b. `extra` are models beside those of the benchmark.
///
/// # Errors
/// No network; whole measures drawn over subjects and stimuli at once.
pub fn scores(
    benchmark: &Benchmark,
    conditions: &[Condition],
    networks: &[NetworkRdms],
    extra: &[(String, StageRdm)],
    pairs: &[(String, String)],
    settings: &BrainSettings,
) -> Result<Scores> {
    if networks.is_empty() {
        return Err(Error::config("brain", "no network to compare").mend("give at least one run"));
    }
    let halves = benchmark.stimuli.halves(settings.bootstrap.seed);
    let own = benchmark.controls.iter().map(|(name, rdm)| (name.clone(), rdm));
    let controls: Vec<(String, &Rdm)> =
        extra.iter().map(|(name, stage)| (name.clone(), &stage.rdm)).chain(own).collect();
    let mut warnings = Vec::new();
    for target in &benchmark.targets {
        warnings.extend(target.warnings.iter().map(|warning| format!("{}: {warning}", target.name)));
    }
    let targets = benchmark
        .targets
        .iter()
        .map(|target| {
            let mut bootstrap = settings.bootstrap;
            let _drawing = doing::now(|| format!("{}: {} draws of stimuli", target.name, bootstrap.draws));
            if target.subjects.len() < 2 && bootstrap.resample != Resample::Stimuli {
                bootstrap.resample = Resample::Stimuli;
                warnings.push(format!(
                    "{}: there is one subject only, so intervals are over stimuli",
                    target.name
                ));
            }
            let settings = BrainSettings { bootstrap, ..*settings };
            against(target, conditions, networks, &controls, pairs, &halves, &settings)
                .map_err(|e| e.within(&target.name))
        })
        .collect::<Result<Vec<TargetScores>>>()?;
    warnings.extend(targets.iter().flat_map(undefined));
    let predictivity = benchmark
        .targets
        .iter()
        .filter(|target| target.recordings.is_some() && settings.regression != RegressionName::None)
        .filter_map(|target| predictions(&target.name, conditions, networks, extra))
        .collect();
    let [selection, _] = halves;
    Ok(Scores {
        benchmark: benchmark.name.clone(),
        settings: *settings,
        stimuli: benchmark.stimuli.len(),
        selection,
        conditions: conditions.to_vec(),
        targets,
        predictivity,
        warnings,
    })
}

/// What has no similarity with a target, which files leave empty.
fn undefined(target: &TargetScores) -> impl Iterator<Item = String> {
    let stages = target.networks.iter().flat_map(|network| {
        let name = move |stage: &StageScore| {
            format!("{} (seed {}), stage {}", network.condition, network.seed, stage.stage)
        };
        network.stages.iter().map(move |stage| (name(stage), stage.all.value))
    });
    let controls = target.controls.iter().map(|control| (control.control.clone(), control.all.value));
    stages.chain(controls).filter(|(_, value)| !value.is_finite()).map(|(name, _)| {
        format!("{}: the dissimilarities of {name} do not vary, so it has no similarity", target.target)
    })
}

fn against(
    target: &Target,
    conditions: &[Condition],
    networks: &[NetworkRdms],
    controls: &[(String, &Rdm)],
    pairs: &[(String, String)],
    [choose, report]: &[Vec<usize>; 2],
    settings: &BrainSettings,
) -> Result<TargetScores> {
    let how = settings.comparison;
    let subjects: Vec<&Rdm> = target.subjects.iter().collect();
    let cut = |rdms: &[&Rdm], stimuli: &[usize]| -> Result<Vec<Rdm>> {
        rdms.iter().map(|rdm| rdm.subset(stimuli)).collect()
    };
    let (choosing, reporting) = (cut(&subjects, choose)?, cut(&subjects, report)?);

    // Every stage of every network, then the controls, over all stimuli.
    let stages: Vec<&StageRdm> = networks.iter().flat_map(|n| &n.stages).collect();
    let models: Vec<&Rdm> =
        stages.iter().map(|s| &s.rdm).chain(controls.iter().map(|(_, rdm)| *rdm)).collect();
    let all = replicates(&models, &subjects, how, &settings.bootstrap)?;

    // The best stage by one half of the stimuli, scored by the other.
    let mut selection = Vec::new();
    for stage in &stages {
        let part = stage.rdm.subset(choose)?;
        selection
            .push(choosing.iter().map(|data| compare(&part, data, how)).sum::<f64>() / choosing.len() as f64);
    }
    let (mut first, mut chosen) = (0, Vec::new());
    for network in networks {
        let own = &selection[first..first + network.stages.len()];
        // What has no similarity is never the most similar.
        let known = |at: usize| if own[at].is_nan() { f64::NEG_INFINITY } else { own[at] };
        let best = (0..own.len()).max_by(|&i, &j| known(i).total_cmp(&known(j))).unwrap_or(0);
        chosen.push(first + best);
        first += own.len();
    }
    let best: Vec<&Rdm> =
        chosen.iter().map(|&at| &stages[at].rdm).chain(controls.iter().map(|(_, rdm)| *rdm)).collect();
    let best = cut(&best, report)?;
    let reported = replicates(
        &best.iter().collect::<Vec<_>>(),
        &reporting.iter().collect::<Vec<_>>(),
        how,
        &settings.bootstrap,
    )?;

    let controls = controls
        .iter()
        .enumerate()
        .map(|(at, (name, _))| ControlScore {
            control: name.clone(),
            all: all.range(|v| v[stages.len() + at]),
            reported: reported.range(|v| v[networks.len() + at]),
        })
        .collect();
    let index = Index::new(networks);
    let networks_scored: Vec<NetworkScore> = networks
        .iter()
        .enumerate()
        .map(|(number, network)| NetworkScore {
            condition: network.condition.clone(),
            seed: network.seed,
            stages: network
                .stages
                .iter()
                .enumerate()
                .map(|(at, stage)| {
                    let at = index.first[number] + at;
                    StageScore { stage: stage.stage, all: all.range(|v| v[at]), selection: selection[at] }
                })
                .collect(),
            chosen: stages[chosen[number]].stage,
            reported: reported.range(|v| v[number]),
        })
        .collect();
    let condition_scores = conditions
        .iter()
        .filter_map(|condition| {
            let reported = mean(&reported, &index.of(&condition.name))?;
            let numbers = index.stages(networks, &condition.name);
            let stages =
                numbers.into_iter().filter_map(|(stage, places)| Some((stage, mean(&all, &places)?)));
            Some(ConditionScore { condition: condition.name.clone(), reported, stages: stages.collect() })
        })
        .collect();
    Ok(TargetScores {
        target: target.name.clone(),
        subjects: target.subjects.len(),
        resample: settings.bootstrap.resample,
        ceiling: ceiling(&target.subjects, how),
        reported_ceiling: ceiling(&reporting, how),
        controls,
        networks: networks_scored,
        conditions: condition_scores,
        contrasts: contrasts(pairs, networks, &index, &all, &reported),
    })
}

/// The mean of the models at `places`.
fn mean(replicates: &Replicates, places: &[usize]) -> Option<Mean> {
    let seeds = interval(places.iter().map(|&at| replicates.point[at]))?;
    let stimuli = replicates.range(|v| places.iter().map(|&at| v[at]).sum::<f64>() / places.len() as f64);
    Some(Mean { seeds, stimuli })
}
