//! Accuracy against probes and against width: every rule at several budgets and in networks of several widths.

mod budget;
mod conditions;
mod figures;
mod results;
mod rows;
mod subject;
mod tables;
mod verdict;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::budget::Training;
use self::conditions::{Condition, conditions};
use self::results::{Cell, Impossible, Results};
pub use self::subject::Subject;
use super::Experiment;
use super::base::{self, Options, Size};
use super::findings::{Findings, Outcome};
use nmnc_core::error::{Error, Result};
use nmnc_core::records::RunRecords;
use nmnc_report::Measurements;
use nmnc_train::{Config, PlannedRun};

/// What a user may choose beside [`Options`].
#[derive(Clone, Debug)]
pub struct Choices {
    /// Budgets, in probes per training example, at the width as it is; the experiment's own when empty.
    pub budgets: Vec<f64>,
    /// Multiples of every width at which accuracy is measured at one budget; the experiment's own when empty.
    pub scales: Vec<f64>,
    /// That budget, or the nearest to it that a rule can have.
    pub width_budget: f64,
    /// Names of the conditions; the experiment's own when empty.
    pub rules: Vec<String>,
}

impl Default for Choices {
    fn default() -> Self {
        Self { budgets: Vec::new(), scales: Vec::new(), width_budget: 0.1, rules: Vec::new() }
    }
}

/// The experiment.
#[derive(Clone, Debug)]
pub struct SampleEfficiency {
    subject: Subject,
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
    /// Share of each stage's exact signals that lies on the manifold of `metrics.dimension`, at that step.
    #[serde(default)]
    pub captured: Vec<f64>,
}

impl SampleEfficiency {
    /// The experiment as `options` and `choices` ask for it.
    ///
    /// # Errors
    /// Settings that no run can have; budgets or widths that are not positive; an unknown condition; nothing to run.
    pub fn new(subject: Subject, options: &Options, choices: &Choices) -> Result<Self> {
        let form = subject.form(options.size());
        let budgets = rising("budgets", &subject.budgets(&choices.budgets))?;
        let scales = rising("scales", if choices.scales.is_empty() { form.scales } else { &choices.scales })?;
        rising("width-budget", &[choices.width_budget])?;
        let own: Vec<String> = form.changes.iter().map(|change| (*change).to_owned()).collect();
        let config = options.runs("base", subject.base, &own)?.swap_remove(0).config;
        let examples = config.data.train_limit.map(|examples| examples as u64);
        let training = Training {
            stages: config.network.stage_count()?,
            steps: examples.map(|n| n.div_ceil(config.train.batch as u64) * config.train.epochs),
            batch: config.train.batch as u64,
        };
        let mut experiment = Self {
            subject,
            conditions: conditions(&subject.rules(&choices.rules), options.size() == Size::Quick)?,
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
        let unit = self.subject.form(options.size()).unit;
        let by_rule = self.subject.by_rule.iter().filter(|(name, _)| *name == rule.rule);
        let changes: Vec<String> = own
            .iter()
            .cloned()
            .chain(rule.changes())
            .chain(by_rule.map(|(_, change)| (*change).to_owned()))
            .chain(spent.iter().cloned())
            .chain([format!("network.scale={:?}", scale * unit)])
            .collect();
        let budget_name = budget.map_or_else(String::new, |budget| format!("-p{budget}"));
        let name = format!("{}{budget_name}-x{scale}", rule.name);
        let index = self.cells.len();
        self.cells.push(Cell { condition, budget, scale, spent });
        self.runs
            .extend(options.runs(&name, self.subject.base, &changes)?.into_iter().map(|run| (index, run)));
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
        self.subject.name
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
            captured: last
                .and_then(|r| r.stages.iter().map(|s| s.captured_energy).collect())
                .unwrap_or_default(),
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
        let network = self.runs.iter().find(|(cell, _)| self.cells[*cell].scale == 1.0);
        let network = base::network(network.map_or(config, |(_, run)| &run.config));
        let runs = measured().map(|((cell, run), found)| (&self.cells[*cell], run.config.seed.0, found));
        let findings = Findings {
            title: self.subject.title,
            sentences: verdict::verdict(&results),
            setup: vec![
                ("Data", format!("{}, {limit} training images", config.data.source)),
                ("Network", network),
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
                     stage. On the manifold: share of backprop’s signals there that lies on the leading principal components of the \
                     activity.",
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
                (self.subject.csv, rows::cells(&results)),
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
        SampleEfficiency::new(Subject::CIFAR10, &options, &Choices::default()).unwrap()
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
    fn deep_networks_have_the_stages_that_budgets_are_shared_by() {
        let options =
            Options { data: Some("here".to_owned()), seeds: 1, quick: true, examples: None, set: Vec::new() };
        let experiment = SampleEfficiency::new(Subject::IMAGENET, &options, &Choices::default()).unwrap();
        let of = |name: &str| &experiment.runs.iter().find(|(_, run)| run.name == name).unwrap().1.config;
        // A stem and eight blocks, each in a pass of its own: an update every 90 steps.
        let nmnc = of("nmnc-p0.1-x1-seed0");
        assert_eq!(nmnc.credit.settings["interval"].as_integer(), Some(90));
        assert_eq!(nmnc.credit.settings["feedback"].as_str(), Some("coordinates"));
        assert_eq!((nmnc.network.scale, of("vnc-p0.1-x2-seed0").network.scale), (0.25, 0.5));
        let names: BTreeSet<&str> = experiment.conditions.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, BTreeSet::from(["bp", "dfa", "direct-mirror", "vnc", "nmnc", "manifold-mirror"]));
        let options = Options { quick: false, ..options };
        let full = SampleEfficiency::new(Subject::IMAGENET, &options, &Choices::default()).unwrap();
        assert!(full.runs.iter().all(|(_, run)| run.config.train.epochs == 90));
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
