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
    /// Targets without dissimilarities, and why.
    pub undefined: Vec<(String, String)>,
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
    /// Why there is no similarity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
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
    /// Why there is no similarity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Of what has no dissimilarities.
const UNDEFINED: Range = Range { value: f64::NAN, low: f64::NAN, high: f64::NAN, p: f64::NAN };

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
/// A stage, pixels or a target without dissimilarities has no similarity, and a warning says why; a network without any stage that
/// has them is left out.
///
/// # Errors
/// No network, or none that has dissimilarities; no target that has them; whole measures drawn over subjects and stimuli at once.
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
    let own = benchmark.controls.iter().map(|(name, rdm)| (name.clone(), Ok(rdm)));
    let controls: Vec<Control> = extra
        .iter()
        .map(|(name, stage)| (name.clone(), stage.rdm.as_ref().ok_or_else(|| reason(stage))))
        .chain(own)
        .collect();
    let mut warnings = missing(networks, extra);
    for target in &benchmark.targets {
        warnings.extend(target.warnings.iter().map(|warning| format!("{}: {warning}", target.name)));
    }
    let whole: Vec<NetworkRdms> =
        networks.iter().filter(|n| n.stages.iter().any(|s| s.rdm.is_some())).cloned().collect();
    let none = |what: &str| {
        let why = warnings.iter().find(|warning| warning.contains("no dissimilarities"));
        Err(Error::data(what, why.cloned().unwrap_or_default()))
    };
    if benchmark.targets.iter().all(|target| target.subjects.is_empty()) {
        return none("nothing to compare networks with");
    }
    if whole.is_empty() {
        return none("no network to compare");
    }
    let targets = benchmark
        .targets
        .iter()
        .filter(|target| !target.subjects.is_empty())
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
            against(target, conditions, &whole, &controls, pairs, &halves, &settings)
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
    let undefined = benchmark
        .targets
        .iter()
        .filter_map(|target| Some((target.name.clone(), target.undefined.clone()?)))
        .collect();
    let [selection, _] = halves;
    Ok(Scores {
        benchmark: benchmark.name.clone(),
        settings: *settings,
        stimuli: benchmark.stimuli.len(),
        selection,
        conditions: conditions.to_vec(),
        targets,
        undefined,
        predictivity,
        warnings,
    })
}

/// A model to compare with beside networks, or why it has no dissimilarities.
type Control<'a> = (String, std::result::Result<&'a Rdm, &'a str>);

fn reason(stage: &StageRdm) -> &str {
    stage.undefined.as_deref().unwrap_or("no dissimilarities")
}

/// What of networks and pixels has no dissimilarities or predicts no responses, and why.
fn missing(networks: &[NetworkRdms], extra: &[(String, StageRdm)]) -> Vec<String> {
    let of_networks = networks.iter().flat_map(|network| {
        let name = |stage: &StageRdm| {
            format!("{} (seed {}), stage {}", network.condition, network.seed, stage.stage)
        };
        network.stages.iter().map(move |stage| (name(stage), stage))
    });
    let all = of_networks.chain(extra.iter().map(|(name, stage)| (name.clone(), stage)));
    let mut out = Vec::new();
    for (name, stage) in all {
        if stage.rdm.is_none() {
            out.push(format!("{name} has no dissimilarities: {}", reason(stage)));
        }
        out.extend(
            stage.unpredicted.iter().map(|(target, why)| format!("{name} predicts no {target}: {why}")),
        );
    }
    out
}

/// What has no similarity with a target though it has dissimilarities, which files leave empty.
fn undefined(target: &TargetScores) -> impl Iterator<Item = String> {
    let stages = target.networks.iter().flat_map(|network| {
        let name = move |stage: &StageScore| {
            format!("{} (seed {}), stage {}", network.condition, network.seed, stage.stage)
        };
        let defined = network.stages.iter().filter(|stage| stage.note.is_none());
        defined.map(move |stage| (name(stage), stage.all.value))
    });
    let defined = target.controls.iter().filter(|control| control.note.is_none());
    let controls = defined.map(|control| (control.control.clone(), control.all.value));
    stages.chain(controls).filter(|(_, value)| !value.is_finite()).map(|(name, _)| {
        format!("{}: the dissimilarities of {name} do not vary, so it has no similarity", target.target)
    })
}

fn against(
    target: &Target,
    conditions: &[Condition],
    networks: &[NetworkRdms],
    controls: &[Control],
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
    let index = Index::new(networks);
    let stages: Vec<&Rdm> = networks.iter().flat_map(|n| &n.stages).filter_map(|s| s.rdm.as_ref()).collect();
    let models: Vec<&Rdm> =
        stages.iter().copied().chain(controls.iter().filter_map(|(_, rdm)| rdm.ok())).collect();
    let all = replicates(&models, &subjects, how, &settings.bootstrap)?;

    // The best stage by one half of the stimuli, scored by the other.
    let mut selection = Vec::new();
    for stage in &stages {
        let part = stage.subset(choose)?;
        selection
            .push(choosing.iter().map(|data| compare(&part, data, how)).sum::<f64>() / choosing.len() as f64);
    }
    // What has no similarity is never the most similar.
    let known = |at: usize| if selection[at].is_nan() { f64::NEG_INFINITY } else { selection[at] };
    // Number and place of the stage of each network.
    let chosen: Vec<(usize, usize)> = networks
        .iter()
        .enumerate()
        .filter_map(|(number, network)| {
            let places = network.stages.iter().filter_map(|s| Some((s.stage, index.place(number, s.stage)?)));
            places.max_by(|(_, i), (_, j)| known(*i).total_cmp(&known(*j)))
        })
        .collect();
    let best: Vec<&Rdm> = chosen
        .iter()
        .map(|&(_, at)| stages[at])
        .chain(controls.iter().filter_map(|(_, rdm)| rdm.ok()))
        .collect();
    let best = cut(&best, report)?;
    let reported = replicates(
        &best.iter().collect::<Vec<_>>(),
        &reporting.iter().collect::<Vec<_>>(),
        how,
        &settings.bootstrap,
    )?;

    let mut place = 0..;
    let controls = controls
        .iter()
        .map(|(name, rdm)| {
            let control = name.clone();
            match rdm {
                Ok(_) => {
                    let at = place.next().unwrap_or_default();
                    let all = all.range(|v| v[stages.len() + at]);
                    let reported = reported.range(|v| v[networks.len() + at]);
                    ControlScore { control, all, reported, note: None }
                }
                Err(why) => {
                    let note = Some((*why).to_owned());
                    ControlScore { control, all: UNDEFINED, reported: UNDEFINED, note }
                }
            }
        })
        .collect();
    let networks_scored: Vec<NetworkScore> = networks
        .iter()
        .enumerate()
        .map(|(number, network)| NetworkScore {
            condition: network.condition.clone(),
            seed: network.seed,
            stages: network
                .stages
                .iter()
                .map(|stage| {
                    let (all, selection, note) = match index.place(number, stage.stage) {
                        Some(at) => (all.range(|v| v[at]), selection[at], None),
                        None => (UNDEFINED, f64::NAN, Some(reason(stage).to_owned())),
                    };
                    StageScore { stage: stage.stage, all, selection, note }
                })
                .collect(),
            chosen: chosen[number].0,
            reported: reported.range(|v| v[number]),
        })
        .collect();
    let condition_scores = conditions
        .iter()
        .filter_map(|condition| {
            let reported = mean(&reported, &index.of(&condition.name))?;
            let numbers = index.stages(&condition.name);
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
