//! `nmnc reproduce`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use nmnc::records::Summary;
use nmnc::reproduce::{
    self, Alignment, Brain, Choices, Dimension, Experiment, Options, Recurrent, RecurrentChoices,
    SampleEfficiency, Scaling, ScalingChoices, Subject, Watch,
};
use nmnc::train::{Observer, PlannedRun, RunConfig};
use nmnc::{Error, ErrorKind, Result};
use serde_json::json;

use crate::cli::{Efficiency, Reproduce, ReproduceBrain, ReproduceOptions, ReproduceRnn};
use crate::naming::{self, command_line};
use crate::output::Output;
use crate::progress::{Watcher, duration, outcome};
use crate::signals;
use crate::trial;

/// Makes the experiment that `command` names.
pub fn run(command: &Reproduce, out: Output) -> Result<()> {
    match command {
        Reproduce::Alignment(given) => make(&Alignment::new(&options(given))?, given.out.as_deref(), out),
        Reproduce::Dimension { options: given, scales } => {
            make(&Dimension::new(&options(given), scales)?, given.out.as_deref(), out)
        }
        Reproduce::Scaling { options: given, scales, probes, dimension } => {
            let choices = ScalingChoices { scales: scales.clone(), probes: *probes, dimension: *dimension };
            make(&Scaling::new(&options(given), &choices)?, given.out.as_deref(), out)
        }
        Reproduce::Brain(given) => make(&brain(given)?, given.out.as_deref(), out),
        Reproduce::Rnn(given) => make(&recurrent(given)?, given.out.as_deref(), out),
        Reproduce::Cifar10(given) => {
            make(&sample_efficiency(Subject::CIFAR10, given)?, given.out.as_deref(), out)
        }
        Reproduce::Imagenet(given) => {
            make(&sample_efficiency(Subject::IMAGENET, given)?, given.out.as_deref(), out)
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

fn make<E: Experiment>(experiment: &E, folder: Option<&Path>, out: Output) -> Result<()> {
    let started = Instant::now();
    experiment.runs().iter().try_for_each(|run| trial::check(run.config.device()))?;
    let default = || Path::new("runs").join(format!("reproduce-{}", experiment.name()));
    let folder: PathBuf = folder.map_or_else(default, Path::to_owned);
    let mut watch = Shown { out, folder: folder.clone() };
    let found = reproduce::reproduce(experiment, &folder, &command_line(), &mut watch).map_err(|e| {
        if e.kind() == ErrorKind::Checkpoint { e.or_mend("name another folder with --out") } else { e }
    })?;
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
    let runs = experiment.runs().len();
    let (made, time) = (nmnc::report::text::plural(runs, "run"), duration(started.elapsed().as_secs_f64()));
    out.line(format_args!("\n{made} in {time}; the report:"));
    out.result(naming::shown(&path));
    if found.diverged.is_empty() {
        return Ok(());
    }
    let problem = format!("{} of {runs} runs diverged ({})", found.diverged.len(), found.diverged.join(", "));
    Err(Error::new(ErrorKind::Diverged, folder.display(), problem)
        .mend("the results leave them out; try a lower learning rate or train.clip_norm with --set"))
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
