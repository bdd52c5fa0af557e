//! `nmnc reproduce`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use nmnc::records::Summary;
use nmnc::reproduce::{
    self, Alignment, Brain, Choices, Dimension, Experiment, Made, Margin, Options, Outcome,
    PredictionChoices, Predictions, Recurrent, RecurrentChoices, SampleEfficiency, Scaling, ScalingChoices,
    Subject, Watch,
};
use nmnc::train::{Observer, PlannedRun, RunConfig};
use nmnc::{Error, ErrorKind, Result};
use serde_json::json;

use crate::cli::{Efficiency, Part, Reproduce, ReproduceBrain, ReproduceOptions, ReproduceRnn};
use crate::naming::{self, command_line};
use crate::output::Output;
use crate::part;
use crate::progress::{Watcher, duration, outcome};
use crate::signals;
use crate::trial;

/// Makes the experiment that `command` names.
pub fn run(command: &Reproduce, out: Output) -> Result<()> {
    match command {
        Reproduce::Alignment(given) => make(&Alignment::new(&options(given))?, &given.out, &given.part, out),
        Reproduce::Dimension { options: given, scales } => {
            make(&Dimension::new(&options(given), scales)?, &given.out, &given.part, out)
        }
        Reproduce::Margin { options: given, networks } => {
            let folder = given.out.clone().unwrap_or_else(|| default_folder("margin"));
            make(&Margin::new(&options(given), networks, &folder)?, &given.out, &given.part, out)
        }
        Reproduce::Predictions {
            options: given,
            rules,
            repeats,
            stage,
            units,
            gain,
            slow,
            spread,
            remove_gain,
        } => {
            let choices = PredictionChoices {
                rules: rules.clone(),
                repeats: repeats.clone(),
                stage: *stage,
                units: *units,
                gain: *gain,
                slow: *slow,
                spread: *spread,
                remove_gain: *remove_gain,
            };
            make(&Predictions::new(&options(given), &choices)?, &given.out, &given.part, out)
        }
        Reproduce::Scaling { options: given, scales, probes, dimension } => {
            let choices = ScalingChoices { scales: scales.clone(), probes: *probes, dimension: *dimension };
            make(&Scaling::new(&options(given), &choices)?, &given.out, &given.part, out)
        }
        Reproduce::Brain(given) => make(&brain(given)?, &given.out, &given.part, out),
        Reproduce::Rnn(given) => make(&recurrent(given)?, &given.out, &given.part, out),
        Reproduce::Cifar10(given) => {
            make(&sample_efficiency(Subject::CIFAR10, given)?, &given.out, &given.part, out)
        }
        Reproduce::Imagenet(given) => {
            make(&sample_efficiency(Subject::IMAGENET, given)?, &given.out, &given.part, out)
        }
    }
}

fn options(given: &ReproduceOptions) -> Options {
    Options {
        data: given.data.clone(),
        seeds: given.seeds,
        quick: given.quick,
        examples: given.examples,
        set: given.overrides.settings(),
    }
}

fn sample_efficiency(subject: Subject, given: &Efficiency) -> Result<SampleEfficiency> {
    let options = Options {
        data: Some(given.data.clone().unwrap_or_else(|| subject.name().to_owned())),
        seeds: given.seeds,
        quick: given.quick,
        examples: None,
        set: given.overrides.settings(),
    };
    let choices = Choices {
        budgets: given.budgets.clone(),
        scales: given.scales.clone(),
        width_budget: given.width_budget,
        rules: given.rules.clone(),
    };
    SampleEfficiency::new(subject, &options, &choices)
}

fn recurrent(given: &ReproduceRnn) -> Result<Recurrent> {
    Recurrent::new(&RecurrentChoices {
        seeds: given.seeds,
        first_seed: given.first_seed,
        quick: given.quick,
        tasks: given.tasks.clone(),
        rules: given.rules.clone(),
        budgets: given.budgets.clone(),
        widths: given.widths.clone(),
        width_tasks: given.width_tasks.clone(),
        set: given.overrides.settings(),
    })
}

fn brain(given: &ReproduceBrain) -> Result<Brain> {
    let options = Options {
        data: Some(given.data.clone()),
        seeds: given.seeds,
        quick: given.quick,
        examples: None,
        set: given.overrides.settings(),
    };
    let (benchmark, settings) = super::brain::open(&given.comparison)?;
    Brain::new(&options, benchmark, settings)
}

/// Where an experiment is made unless told.
fn default_folder(name: &str) -> PathBuf {
    Path::new("runs").join(format!("reproduce-{name}"))
}

fn make<E: Experiment>(experiment: &E, folder: &Option<PathBuf>, part: &Part, out: Output) -> Result<()> {
    let started = Instant::now();
    let runs = experiment.runs();
    if part.list {
        return part::list(runs.iter().map(|run| run.name.as_str()), out);
    }
    let (total, chosen) = (runs.len(), part.chosen(runs.len())?);
    chosen.iter().try_for_each(|&at| trial::check(runs[at].config.device()))?;
    let folder = folder.clone().unwrap_or_else(|| default_folder(experiment.name()));
    let mut watch = Shown { out, folder: folder.clone() };
    let made = reproduce::reproduce_part(experiment, &folder, &command_line(), &mut watch, &chosen);
    let made = made.map_err(|e| {
        if e.kind() == ErrorKind::Checkpoint { e.or_mend("name another folder with --out") } else { e }
    })?;
    let diverged = match made {
        Made::Whole(found) => {
            tell(&found, &folder, total, started, out);
            found.diverged
        }
        Made::Part { ended, diverged } => {
            part::told(ended, total, &folder, out);
            diverged
        }
    };
    if diverged.is_empty() {
        return Ok(());
    }
    let problem = format!("{} of {total} runs diverged ({})", diverged.len(), diverged.join(", "));
    Err(Error::new(ErrorKind::Diverged, folder.display(), problem)
        .mend("the results leave them out; try a lower learning rate or train.clip_norm with --set"))
}

/// Says what came out of the whole.
fn tell(found: &Outcome, folder: &Path, runs: usize, started: Instant, out: Output) {
    for table in &found.tables {
        out.line(format_args!("\n{}", table.text()));
    }
    for sentence in &found.verdict {
        out.prose(sentence);
    }
    let path = folder.join("report.html");
    out.event(
        "reproduced",
        json!({ "path": naming::text(&path), "verdict": found.verdict, "diverged": found.diverged }),
    );
    let (made, time) = (nmnc::report::text::plural(runs, "run"), duration(started.elapsed().as_secs_f64()));
    out.line(format_args!("\n{made} in {time}; the report:"));
    out.result(naming::shown(&path));
}

/// Shows an experiment under way.
struct Shown {
    out: Output,
    folder: PathBuf,
}

impl<C: RunConfig> Watch<C> for Shown {
    fn run(&mut self, number: usize, total: usize, run: &PlannedRun<C>, folder: &Path) -> Box<dyn Observer> {
        let label = format!("[{number}/{total}] {}: ", run.name);
        Box::new(Watcher::new(self.out, folder, &*run.config, &label))
    }

    fn kept(&mut self, number: usize, total: usize, run: &PlannedRun<C>, summary: &Summary) {
        self.out.event(
            "skipped",
            json!({ "run": naming::text(&self.folder.join(&run.name)), "summary": summary }),
        );
        self.out.line(format_args!(
            "[{number}/{total}] {}: made before, kept: {}",
            run.name,
            outcome(summary)
        ));
    }

    fn diverged(&mut self, run: &PlannedRun<C>, error: &Error) {
        self.out.warning(&naming::text(&self.folder.join(&run.name)), &format!("diverged: {error}"));
    }

    fn stop(&mut self) -> bool {
        signals::asked().is_some()
    }

    fn waiting(&mut self, number: usize, total: usize, run: &PlannedRun<C>, busy: &Error) {
        let folder = naming::text(&self.folder.join(&run.name));
        self.out.event("waiting", json!({ "run": folder, "message": busy.to_string() }));
        self.out.line(format_args!("[{number}/{total}] {}: another process is at it", run.name));
    }

    fn measuring(&mut self, number: usize, total: usize, run: &PlannedRun<C>) {
        self.out.event("measuring", json!({ "run": naming::text(&self.folder.join(&run.name)) }));
        self.out.line(format_args!("[{number}/{total}] {}: analyzing", run.name));
    }
}
