//! Accuracy against probes and against width: every rule at several budgets and in networks of several widths.

mod budget;
mod conditions;
mod figures;
mod results;
mod rows;
mod tables;
mod verdict;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::budget::Training;
use self::conditions::{Condition, conditions};
use self::results::{Cell, Impossible, Results};
use super::Experiment;
use super::base::{self, Options, Size};
use super::findings::{Findings, Outcome};
use nmnc_core::error::{Error, Result};
use nmnc_core::records::RunRecords;
use nmnc_report::Measurements;
use nmnc_train::{Config, PlannedRun};

const BASE: &str = include_str!("base.toml");

/// What a user may choose beside [`Options`].
#[derive(Clone, Debug)]
pub struct Choices {
    /// Budgets, in probes per training example, at the width as it is.
    pub budgets: Vec<f64>,
    /// Multiples of every width at which accuracy is measured at one budget; the experiment's own when empty.
    pub scales: Vec<f64>,
    /// That budget, or the nearest to it that a rule can have.
    pub width_budget: f64,
    /// Names of the conditions; all when empty.
    pub rules: Vec<String>,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            budgets: vec![1e-3, 1e-2, 1e-1, 1.0, 10.0],
            scales: Vec::new(),
            width_budget: 0.1,
            rules: Vec::new(),
        }
    }
}

/// The experiment.
#[derive(Clone, Debug)]
pub struct SampleEfficiency {
    conditions: Vec<Condition>,
    cells: Vec<Cell>,
    impossible: Vec<Impossible>,
    /// Index of its cell, and the run.
    runs: Vec<(usize, PlannedRun)>,
}

/// What is measured of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EfficiencyRun {
    /// Fraction of test examples classified correctly at the end of training.
    pub accuracy: f64,
    /// Probes per training example seen, counted by the rule as it made them.
    pub probes_per_example: f64,
    /// Seconds of training.
    pub seconds: f64,
    /// Units n of each stage.
    pub stage_units: Vec<usize>,
    /// Cosine of each stage's error signal and backprop's at the last step where it was measured; empty if it never was.
    pub cosines: Vec<f64>,
}

impl SampleEfficiency {
    /// The experiment as `options` and `choices` ask for it.
    ///
    /// # Errors
    /// Settings that no run can have; budgets or widths that are not positive; an unknown condition; nothing to run.
    pub fn new(options: &Options, choices: &Choices) -> Result<Self> {
        let (own, scales): (&[&str], &[f64]) = match options.size() {
            Size::Quick => (
                &[
                    "data.train_limit=10000",
                    "network.widths=[16, 32, 64]",
                    "train.epochs=5",
                    "train.batch=32",
                ],
                &[0.5, 1.0, 2.0],
            ),
            Size::Sample => (&["network.widths=[16, 32, 64]", "train.batch=16"], &[0.5, 1.0, 2.0]),
            // All of CIFAR-10. Budgets need the number of steps before the data are read.
            Size::Full => (&["data.train_limit=50000"], &[0.5, 1.0, 2.0, 4.0]),
        };
        let budgets = rising("budgets", &choices.budgets)?;
        let scales = rising("scales", if choices.scales.is_empty() { scales } else { &choices.scales })?;
        rising("width-budget", &[choices.width_budget])?;
        let own: Vec<String> = own.iter().map(|change| (*change).to_owned()).collect();
        let config = options.runs("base", BASE, &own)?.swap_remove(0).config;
        let examples = config.data.train_limit.map(|examples| examples as u64);
        let training = Training {
            stages: config.network.stages.len(),
            steps: examples.map(|n| n.div_ceil(config.train.batch as u64) * config.train.epochs),
            batch: config.train.batch as u64,
        };
        let mut experiment = Self {
            conditions: conditions(&choices.rules, options.size() == Size::Quick)?,
            cells: Vec::new(),
            impossible: Vec::new(),
            runs: Vec::new(),
        };
        for (index, condition) in experiment.conditions.clone().iter().enumerate() {
            for budget in condition.probes().then_some(&budgets).into_iter().flatten() {
                experiment.add(index, Some(*budget), 1.0, training, options, &own)?;
            }
            let budget = condition.spends.nearest(choices.width_budget, training);
            for scale in std::iter::once(&1.0).chain(&scales) {
                experiment.add(index, budget, *scale, training, options, &own)?;
            }
        }
        if experiment.runs.is_empty() {
            return Err(Error::config("budgets", "no rule can spend any of them").mend("raise them"));
        }
        Ok(experiment)
    }

    /// Plans the runs of a cell, if it is possible and not yet there.
    fn add(
        &mut self,
        condition: usize,
        budget: Option<f64>,
        scale: f64,
        training: Training,
        options: &Options,
        own: &[String],
    ) -> Result<()> {
        let rule = &self.conditions[condition];
        let spent = match budget.map(|budget| (budget, rule.spends.settings(budget, training))) {
            None => Vec::new(),
            Some((_, Ok(settings))) => settings,
            Some((budget, Err(reason))) => {
                self.impossible.push(Impossible { condition, budget, reason });
                return Ok(());
            }
        };
        let same = |cell: &&Cell| cell.condition == condition && cell.scale == scale && cell.spent == spent;
        if let Some(twin) = self.cells.iter().find(same) {
            if let (Some(budget), Some(there)) = (budget, twin.budget)
                && budget != there
            {
                let reason = format!("the same settings as for {there}");
                self.impossible.push(Impossible { condition, budget, reason });
            }
            return Ok(());
        }
        let changes: Vec<String> = own
            .iter()
            .cloned()
            .chain(rule.changes())
            .chain(spent.iter().cloned())
            .chain([format!("network.scale={scale:?}")])
            .collect();
        let budget_name = budget.map_or_else(String::new, |budget| format!("-p{budget}"));
        let name = format!("{}{budget_name}-x{scale}", rule.name);
        let index = self.cells.len();
        self.cells.push(Cell { condition, budget, scale, spent });
        self.runs.extend(options.runs(&name, BASE, &changes)?.into_iter().map(|run| (index, run)));
        Ok(())
    }
}

/// The numbers in rising order, each once.
fn rising(key: &str, numbers: &[f64]) -> Result<Vec<f64>> {
    if let Some(bad) = numbers.iter().find(|number| !(**number > 0.0 && number.is_finite())) {
        return Err(Error::config(key, format!("{bad} is not a positive number")));
    }
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    Ok(sorted)
}

impl Experiment for SampleEfficiency {
    type Config = Config;
    type Measured = EfficiencyRun;

    fn name(&self) -> &'static str {
        "cifar10"
    }

    fn runs(&self) -> Vec<&PlannedRun> {
        self.runs.iter().map(|(_, run)| run).collect()
    }

    fn measurement(&self) -> Value {
        Value::Null
    }

    fn measure(&self, folder: &Path) -> Result<EfficiencyRun> {
        let records = RunRecords::read(folder)?;
        let place = folder.join("summary.json");
        let missing = |what: &str| Error::checkpoint(place.display(), format!("has no {what}"));
        let summary = records.summary.ok_or_else(|| missing("summary"))?;
        let test = summary.test.ok_or_else(|| missing("test accuracy"))?;
        let last = records.records.iter().rev().find(|record| !record.stages.is_empty());
        Ok(EfficiencyRun {
            accuracy: test.accuracy,
            probes_per_example: summary.probes_per_example,
            seconds: summary.seconds,
            stage_units: summary.stage_units,
            cosines: last.map_or_else(Vec::new, |r| r.stages.iter().map(|s| s.cosine).collect()),
        })
    }

    fn tabulate(&self, run: usize, measured: &EfficiencyRun, table: &mut Measurements) {
        let (cell, run) = &self.runs[run];
        results::tabulate(&self.conditions, &self.cells[*cell], run.config.seed.0, measured, table);
    }

    fn outcome(
        &self,
        measured: &[Option<EfficiencyRun>],
        table: &Measurements,
        command: &str,
    ) -> Result<Outcome> {
        let results = Results::new(&self.conditions, &self.impossible, &self.cells, table);
        let config = &self.runs[0].1.config;
        let limit = config.data.train_limit.map_or_else(|| "all".to_owned(), |n| n.to_string());
        let measured = || self.runs.iter().zip(measured).filter_map(|(run, m)| Some((run, m.as_ref()?)));
        let as_it_is = measured().find(|((cell, _), _)| self.cells[*cell].scale == 1.0);
        let units = as_it_is.map_or_else(Vec::new, |(_, run)| run.stage_units.clone());
        let runs = measured().map(|((cell, run), found)| (&self.cells[*cell], run.config.seed.0, found));
        let findings = Findings {
            title: "Accuracy against probes and width",
            sentences: verdict::verdict(&results),
            setup: vec![
                ("Data", format!("{}, {limit} training images", config.data.source)),
                ("Training", base::training(config)),
                ("Seeds", base::seeds(self.runs.iter().map(|(_, run)| run.config.seed))),
                ("Units", units.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
            ],
            notices: Vec::new(),
            figures: figures::figures(&results),
            tables: vec![
                (
                    "Accuracy against probes",
                    tables::budgets(&results),
                    "Mean ± s.e.m. over seeds. Budget: what was asked for. Probes per example: what the rule spent, perturbed forward \
                     passes of one example summed over stages, per training example seen; passes that only find the manifold perturb \
                     nothing and are not counted. Less BP, less VNC: differences of runs of the same seed, at the same width and \
                     budget, ± half the 95 % t interval over seeds. Cosine: error signals with backprop’s, at the last step, by \
                     stage.",
                ),
                (
                    "Accuracy against width",
                    tables::widths(&results),
                    "As above, at one budget. A rule that cannot have it is given the nearest that it can.",
                ),
            ],
            settings: Vec::new(),
            results: vec![("rows", json!(results.rows)), ("impossible", rows::impossible_json(&results))],
            csv: vec![
                ("cifar10.csv", rows::cells(&results)),
                ("runs.csv", rows::runs(&self.conditions, runs)),
            ],
        };
        Ok(findings.outcome(self.name(), command))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn planned(quick: bool) -> SampleEfficiency {
        let options =
            Options { data: Some("cifar10".to_owned()), seeds: 2, quick, examples: None, set: Vec::new() };
        SampleEfficiency::new(&options, &Choices::default()).unwrap()
    }

    #[test]
    fn in_the_full_form_only_rules_without_memory_cannot_have_every_budget() {
        let experiment = planned(false);
        assert!(!experiment.impossible.is_empty());
        for missing in &experiment.impossible {
            let condition = &experiment.conditions[missing.condition];
            assert!(condition.name.ends_with("node-perturbation"), "{} {}", condition.name, missing.budget);
            assert!(missing.budget < 3.0, "{}", missing.reason);
        }
    }

    #[test]
    fn no_run_is_planned_twice() {
        for quick in [true, false] {
            let experiment = planned(quick);
            let names: BTreeSet<&str> = experiment.runs.iter().map(|(_, run)| run.name.as_str()).collect();
            let configs: BTreeSet<String> =
                experiment.runs.iter().map(|(_, run)| run.config.sha256()).collect();
            assert_eq!((names.len(), configs.len()), (experiment.runs.len(), experiment.runs.len()));
        }
    }

    #[test]
    fn the_number_of_steps_is_known_before_the_data_are_read() {
        let experiment = planned(false);
        let run =
            experiment.runs.iter().find(|(_, run)| run.name == "manifold-mirror-p0.1-x1-seed0").unwrap();
        // Of 50,000 probes in 3910 steps, 4096 before the first: 12 a step.
        let settings = &run.1.config.credit.settings;
        assert_eq!(settings["initial"].as_integer(), Some(4096));
        assert_eq!(settings["probes"].as_integer(), Some(12));
    }
}
