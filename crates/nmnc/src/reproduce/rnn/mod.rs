//! Recurrent networks on cognitive tasks: every rule at equal probes, and at one budget in networks of several widths.

mod conditions;
mod figures;
mod results;
mod rows;
mod tables;
mod verdict;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::conditions::{Condition, conditions};
use self::results::{Cell, Plan, Results};
use super::Experiment;
use super::base;
use super::findings::{Findings, Outcome};
use nmnc_analysis::analysis::{StateAnalysis, StatesSettings, states};
use nmnc_core::error::{Error, Result};
use nmnc_core::records::RunRecords;
use nmnc_core::seed::Seed;
use nmnc_report::Measurements;
use nmnc_train::{PlannedRun, SequenceConfig};

const BASE: &str = include_str!("base.toml");

/// The tasks, unless others are chosen.
const TASKS: [&str; 5] =
    ["AntiReach", "PerceptualDecisionMaking", "ContextDecisionMaking", "DelayComparison", "DelayMatchSample"];

/// What a user may choose.
#[derive(Clone, Debug)]
pub struct RecurrentChoices {
    /// Seeds of every condition.
    pub seeds: u64,
    /// The first of them.
    pub first_seed: u64,
    /// Fewer widths and one budget.
    pub quick: bool,
    /// Names of tasks; the experiment's own when empty.
    pub tasks: Vec<String>,
    /// Names of conditions; those of the experiment itself when empty.
    pub rules: Vec<String>,
    /// Probes per training trial, in (0, 1]; the experiment's own when empty.
    pub budgets: Vec<f64>,
    /// Numbers of units N at which accuracy is measured with the largest budget; the experiment's own when empty.
    pub widths: Vec<usize>,
    /// Tasks at every width; the first and the fourth when empty.
    pub width_tasks: Vec<String>,
    /// Changes of every run's configuration, after the experiment's own.
    pub set: Vec<String>,
}

impl Default for RecurrentChoices {
    fn default() -> Self {
        Self {
            seeds: 3,
            first_seed: 0,
            quick: false,
            tasks: Vec::new(),
            rules: Vec::new(),
            budgets: Vec::new(),
            widths: Vec::new(),
            width_tasks: Vec::new(),
            set: Vec::new(),
        }
    }
}

/// What is measured of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecurrentRun {
    /// Fraction of evaluation trials answered rightly in the response period.
    pub accuracy: f64,
    /// Mean of the accuracy over the epochs of training: how fast it was learned.
    pub mean_accuracy: f64,
    /// The accuracy at the end where an answer before that period makes a trial wrong.
    pub unbroken_accuracy: f64,
    /// Fraction of trials with an answer before the response period.
    pub fixation_breaks: f64,
    /// Fraction of trials without an answer.
    pub misses: f64,
    /// Perturbed trial-steps.
    pub probes: u64,
    /// The same per training trial.
    pub probes_per_trial: f64,
    /// Seconds of training.
    pub seconds: f64,
    /// Cosine of error signals and those of backpropagation through time, mean over the measured steps of training.
    pub cosine: Option<f64>,
    /// The same of the recurrent weight's gradient.
    pub weight_cosine: Option<f64>,
    /// The states after training.
    pub states: StateAnalysis,
}

/// The experiment.
#[derive(Clone, Debug)]
pub struct Recurrent {
    conditions: Vec<Condition>,
    tasks: Vec<String>,
    /// Accuracy of an ideal observer of each task, where it is known.
    ideal: Vec<Option<f64>>,
    /// N of the comparison of tasks.
    units: usize,
    /// What is changed in every run.
    set: Vec<String>,
    cells: Vec<Cell>,
    /// Index of its cell, and the run.
    runs: Vec<(usize, PlannedRun<SequenceConfig>)>,
}

impl Recurrent {
    /// The experiment as `choices` ask for it.
    ///
    /// # Errors
    /// Settings that no run can have; unknown tasks or conditions; budgets not in (0, 1]; no seeds.
    pub fn new(choices: &RecurrentChoices) -> Result<Self> {
        if choices.seeds == 0 {
            return Err(Error::config("seeds", "needs at least one seed"));
        }
        let own_budgets: &[f64] = if choices.quick { &[0.1] } else { &[0.01, 0.1] };
        let own_widths: &[usize] = if choices.quick { &[64, 256, 512] } else { &[64, 128, 256, 512, 1024] };
        let mut budgets = if choices.budgets.is_empty() { own_budgets } else { &choices.budgets }.to_vec();
        if let Some(bad) = budgets.iter().find(|b| !(**b > 0.0 && **b <= 1.0)) {
            return Err(Error::config(
                "budgets",
                format!("{bad} probes per training trial is not in (0, 1]"),
            )
            .mend("an update perturbs each trial of a batch once"));
        }
        budgets.sort_by(f64::total_cmp);
        budgets.dedup();
        let mut widths = if choices.widths.is_empty() { own_widths } else { &choices.widths }.to_vec();
        widths.sort_unstable();
        widths.dedup();
        let tasks = match choices.tasks.is_empty() {
            true => TASKS.map(str::to_owned).to_vec(),
            false => choices.tasks.clone(),
        };
        let at_widths: Vec<String> = match choices.width_tasks.is_empty() {
            true => [0, 3].iter().filter_map(|i| tasks.get(*i).cloned()).collect(),
            false => choices.width_tasks.clone(),
        };
        if let Some(missing) = at_widths.iter().find(|name| !tasks.contains(name)) {
            return Err(Error::config("width-tasks", format!("`{missing}` is not among the tasks"))
                .suggest(missing, &tasks));
        }
        let base = SequenceConfig::parse(BASE, "rnn", &choices.set)?;
        let mut experiment = Self {
            conditions: conditions(&choices.rules)?,
            ideal: Vec::new(),
            units: base.recurrent.units,
            tasks: tasks.clone(),
            set: choices.set.clone(),
            cells: Vec::new(),
            runs: Vec::new(),
        };
        let largest = *budgets.last().expect("there is a budget");
        for (task, name) in tasks.iter().enumerate() {
            for condition in 0..experiment.conditions.len() {
                let probing = experiment.conditions[condition].probes;
                let own: Vec<Option<f64>> =
                    if probing { budgets.iter().copied().map(Some).collect() } else { vec![None] };
                for budget in own {
                    experiment.add(Cell { task, condition, budget, units: base.recurrent.units }, choices)?;
                }
                for &units in widths.iter().filter(|_| at_widths.contains(name)) {
                    let budget = probing.then_some(largest);
                    experiment.add(Cell { task, condition, budget, units }, choices)?;
                }
            }
        }
        for task in 0..tasks.len() {
            let (_, run) = experiment
                .runs
                .iter()
                .find(|(cell, _)| experiment.cells[*cell].task == task)
                .expect("every task has runs");
            experiment.ideal.push(run.config.task.open(run.config.seed)?.ideal_accuracy());
        }
        Ok(experiment)
    }

    /// Plans the runs of a cell that is not yet there.
    fn add(&mut self, cell: Cell, choices: &RecurrentChoices) -> Result<()> {
        if self.cells.contains(&cell) {
            return Ok(());
        }
        let condition = &self.conditions[cell.condition];
        let interval = cell.budget.map(|budget| (1.0 / budget).round() as u64);
        let task = &self.tasks[cell.task];
        let budget = cell.budget.map_or_else(String::new, |budget| format!("-p{budget}"));
        let name = format!("{task}-{}{budget}-n{}", condition.name, cell.units);
        let changes: Vec<String> = [format!("task={task}")]
            .into_iter()
            .chain(condition.changes(interval))
            .chain(choices.set.iter().cloned())
            .chain([format!("recurrent.units={}", cell.units)])
            .collect();
        let base = SequenceConfig::parse(BASE, &name, &changes)?;
        let steps = base.train.epochs * base.train.trials.div_ceil(base.train.batch) as u64;
        if let Some(interval) = interval.filter(|interval| *interval > steps) {
            let problem = format!("an update every {interval} steps, of which there are {steps}");
            return Err(Error::config("budgets", problem).mend("raise the budget, or train for longer"));
        }
        let index = self.cells.len();
        for offset in 0..choices.seeds {
            let seed = Seed(choices.first_seed.saturating_add(offset));
            let config = SequenceConfig { seed, ..base.clone() }.resolve().map_err(|e| e.within(&name))?;
            self.runs.push((index, PlannedRun { name: format!("{name}-seed{}", seed.0), config }));
        }
        self.cells.push(cell);
        Ok(())
    }
}

impl Experiment for Recurrent {
    type Config = SequenceConfig;
    type Measured = RecurrentRun;

    fn name(&self) -> &'static str {
        "rnn"
    }

    fn runs(&self) -> Vec<&PlannedRun<SequenceConfig>> {
        self.runs.iter().map(|(_, run)| run).collect()
    }

    fn measurement(&self) -> Value {
        serde_json::to_value(StatesSettings::default()).expect("settings are representable in JSON")
    }

    fn measure(&self, folder: &Path) -> Result<RecurrentRun> {
        let records = RunRecords::read(folder)?;
        let place = folder.join("summary.json");
        let missing = |what: &str| Error::checkpoint(place.display(), format!("has no {what}"));
        let summary = records.summary.ok_or_else(|| missing("summary"))?;
        let test = summary.test.ok_or_else(|| missing("test accuracy"))?;
        let trials = summary.trials.ok_or_else(|| missing("fixation breaks"))?;
        let measured: Vec<_> = records.records.iter().filter_map(|record| record.stages.first()).collect();
        let mean = |value: fn(&nmnc_core::records::StageRecord) -> f64| {
            let sum: f64 = measured.iter().map(|stage| value(stage)).sum();
            (!measured.is_empty()).then(|| sum / measured.len() as f64)
        };
        let over_training: Vec<f64> =
            records.records.iter().filter_map(|record| Some(record.test?.accuracy)).collect();
        Ok(RecurrentRun {
            accuracy: test.accuracy,
            mean_accuracy: over_training.iter().sum::<f64>() / over_training.len() as f64,
            unbroken_accuracy: trials.unbroken_accuracy,
            fixation_breaks: trials.fixation_breaks,
            misses: trials.misses,
            probes: summary.probes,
            probes_per_trial: summary.probes_per_example,
            seconds: summary.seconds,
            cosine: mean(|stage| stage.cosine),
            weight_cosine: mean(|stage| stage.weight_cosine),
            states: states(folder, None, &StatesSettings::default())?.0,
        })
    }

    fn tabulate(&self, run: usize, measured: &RecurrentRun, table: &mut Measurements) {
        let (cell, run) = &self.runs[run];
        let place = self.cells[*cell].place(&self.conditions, &self.tasks);
        results::tabulate(&place, run.config.seed.0, measured, table);
    }

    fn outcome(
        &self,
        measured: &[Option<RecurrentRun>],
        table: &Measurements,
        command: &str,
    ) -> Result<Outcome> {
        let runs = self
            .runs
            .iter()
            .zip(measured)
            .filter_map(|((cell, run), m)| Some((&self.cells[*cell], run.config.seed.0, m.as_ref()?)))
            .collect();
        let plan = Plan {
            conditions: &self.conditions,
            tasks: &self.tasks,
            ideal: &self.ideal,
            units: self.units,
            cells: &self.cells,
        };
        let results = Results::new(plan, runs, table);
        let config = &self.runs[0].1.config;
        let train = &config.train;
        let findings = Findings {
            title: "Recurrent networks on cognitive tasks",
            sentences: verdict::verdict(&results),
            setup: vec![
                ("Tasks", self.tasks.join(", ")),
                (
                    "Network",
                    format!("rate units, time constant {} ms", config.recurrent.tau.unwrap_or_default()),
                ),
                (
                    "Training",
                    format!("{} epochs of {} trials, batches of {}", train.epochs, train.trials, train.batch),
                ),
                ("Evaluation", format!("{} trials", train.evaluation)),
                ("Seeds", base::seeds(self.runs.iter().map(|(_, run)| run.config.seed))),
                ("Changed in every run", self.set.join(", ")),
            ],
            notices: Vec::new(),
            figures: figures::figures(&results),
            tables: vec![
                (
                    "Accuracy by task",
                    tables::tasks(&results),
                    "Mean ± s.e.m. over seeds. Accuracy: first answer in the response period, right. With breaks as errors: the same, \
                     where an answer before that period makes the trial wrong. Over training: mean accuracy of all epochs. Breaks: trials \
                     with such an answer. Probes: perturbed trial-steps. Less BPTT, less VNC: differences of runs of the same seed at the \
                     same width (and budget), ± half the 95 % t interval. Cosine: error signals, and the gradient of the recurrent weight, \
                     with BPTT’s, mean over training. α: energy of lagged Jacobians on the 16 leading components of states, after training.",
                ),
                ("Accuracy against width", tables::widths(&results), "As above, at the largest budget."),
            ],
            settings: Vec::new(),
            results: vec![("rows", json!(results.rows))],
            csv: vec![("rnn.csv", rows::cells(&results)), ("runs.csv", rows::runs(&results))],
        };
        Ok(findings.outcome(self.name(), command))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_run_is_planned_once_and_noise_rules_get_equal_probes() {
        for quick in [true, false] {
            let experiment = Recurrent::new(&RecurrentChoices { quick, ..Default::default() }).unwrap();
            let names: BTreeSet<&str> = experiment.runs.iter().map(|(_, run)| run.name.as_str()).collect();
            let configs: BTreeSet<String> =
                experiment.runs.iter().map(|(_, run)| run.config.sha256()).collect();
            assert_eq!((names.len(), configs.len()), (experiment.runs.len(), experiment.runs.len()));
            for (cell, run) in &experiment.runs {
                if let Some(budget) = experiment.cells[*cell].budget {
                    let interval = run.config.credit.settings["interval"].as_integer().unwrap();
                    assert_eq!(interval as f64, (1.0 / budget).round(), "{}", run.name);
                }
            }
        }
    }

    #[test]
    fn choices_that_no_run_can_have_are_told() {
        let told = |choices: RecurrentChoices| Recurrent::new(&choices).unwrap_err().to_string();
        let choices = RecurrentChoices::default;
        assert_eq!(
            told(RecurrentChoices { budgets: vec![2.0], ..choices() }),
            "budgets: 2 probes per training trial is not in (0, 1]; an update perturbs each trial of a batch once"
        );
        assert_eq!(
            told(RecurrentChoices { budgets: vec![0.001], ..choices() }),
            "budgets: an update every 1000 steps, of which there are 300; raise the budget, or train for longer"
        );
        assert_eq!(
            told(RecurrentChoices { width_tasks: vec!["Copying".to_owned()], ..choices() }).split(';').next(),
            Some("width-tasks: `Copying` is not among the tasks")
        );
        assert!(
            told(RecurrentChoices { tasks: vec!["AntiReech".to_owned()], ..choices() }).contains("AntiReach")
        );
    }
}
