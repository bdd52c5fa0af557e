//! Similarities of networks' stages with what was recorded.

use serde::{Deserialize, Serialize};

use super::benchmark::Benchmark;
use super::contrasts::{Contrast, contrasts};
use super::predicted::{PredictivityScores, predictions};
use super::representation::StageRdm;
use super::target::Target;
use crate::similarity::{
    Bootstrap, Ceiling, Comparison, Distance, Range, Rdm, Replicates, Resample, ceiling, compare, replicates,
};
use nmnc_core::error::{Error, Result};
use nmnc_core::statistics::{Interval, interval};

/// How to compare.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Dissimilarity of two patterns.
    pub distance: Distance,
    /// Similarity of two matrices.
    pub comparison: Comparison,
    /// Draws for intervals; its seed parts the stimuli, too, where the benchmark does not.
    pub bootstrap: Bootstrap,
    /// How responses are predicted, where there are any.
    pub regression: RegressionName,
    /// Most features of a regression: activity of more units is projected to as many at random.
    pub components: usize,
}

impl Default for Settings {
    /// 1 - Pearson's r, Spearman's rank correlation, partial least squares on 1000 features.
    fn default() -> Self {
        Self {
            distance: Distance::default(),
            comparison: Comparison::default(),
            bootstrap: Bootstrap::default(),
            regression: RegressionName::Pls,
            components: 1000,
        }
    }
}

/// A regression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegressionName {
    /// Partial least squares of 25 components.
    Pls,
    /// Ridge regression, its penalty by nested cross-validation.
    Ridge,
    /// None: responses are compared by their dissimilarities only.
    None,
}

/// One network, trained by a rule from a seed.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its condition: networks of one condition are averaged.
    pub condition: String,
    /// Its seed: differences of conditions are taken seed by seed.
    pub seed: u64,
    /// What it makes of the stimuli.
    pub stages: Vec<StageRdm>,
}

/// A way to train (or not to).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// What networks and files call it.
    pub name: String,
    /// What readers call it.
    pub label: String,
    /// Number of its look in figures.
    pub look: usize,
}

/// Everything that came out.
#[derive(Clone, Debug, Serialize)]
pub struct Scores {
    /// Name of the benchmark.
    pub benchmark: String,
    /// How it was compared.
    pub settings: Settings,
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
    networks: &[Network],
    extra: &[(String, StageRdm)],
    pairs: &[(String, String)],
    settings: &Settings,
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
            if target.subjects.len() < 2 && bootstrap.resample != Resample::Stimuli {
                bootstrap.resample = Resample::Stimuli;
                warnings.push(format!(
                    "{}: there is one subject only, so intervals are over stimuli",
                    target.name
                ));
            }
            let settings = Settings { bootstrap, ..*settings };
            against(target, conditions, networks, &controls, pairs, &halves, &settings)
                .map_err(|e| e.within(&target.name))
        })
        .collect::<Result<_>>()?;
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

fn against(
    target: &Target,
    conditions: &[Condition],
    networks: &[Network],
    controls: &[(String, &Rdm)],
    pairs: &[(String, String)],
    [choose, report]: &[Vec<usize>; 2],
    settings: &Settings,
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
        let best = (0..own.len()).max_by(|&i, &j| own[i].total_cmp(&own[j])).unwrap_or(0);
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

/// Where networks and their stages stand in a list of models.
pub(super) struct Index {
    conditions: Vec<String>,
    seeds: Vec<u64>,
    /// Place of each network's first stage.
    first: Vec<usize>,
}

impl Index {
    fn new(networks: &[Network]) -> Self {
        let first = networks.iter().scan(0, |next, network| {
            let first = *next;
            *next += network.stages.len();
            Some(first)
        });
        Self {
            first: first.collect(),
            conditions: networks.iter().map(|n| n.condition.clone()).collect(),
            seeds: networks.iter().map(|n| n.seed).collect(),
        }
    }

    /// Numbers of the networks of a condition.
    fn of(&self, condition: &str) -> Vec<usize> {
        (0..self.conditions.len()).filter(|&at| self.conditions[at] == condition).collect()
    }

    /// Of each stage that all networks of a condition have: its number, and its place in every network.
    pub(super) fn stages(&self, networks: &[Network], condition: &str) -> Vec<(usize, Vec<usize>)> {
        let members = self.of(condition);
        let count = members.iter().map(|&at| networks[at].stages.len()).min().unwrap_or(0);
        (0..count)
            .map(|stage| (stage + 1, members.iter().map(|&at| self.first[at] + stage).collect()))
            .collect()
    }

    /// Networks of two conditions with the same seed.
    pub(super) fn paired(&self, a: &str, b: &str) -> Vec<(usize, usize)> {
        let pair =
            |a: usize| self.of(b).into_iter().find(|&b| self.seeds[b] == self.seeds[a]).map(|b| (a, b));
        self.of(a).into_iter().filter_map(pair).collect()
    }

    /// Place of a stage (from 1) of a network.
    pub(super) fn place(&self, network: usize, stage: usize) -> usize {
        self.first[network] + stage - 1
    }
}
