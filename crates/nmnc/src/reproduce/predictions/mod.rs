//! What would tell in a laboratory by which rule a network learns? Sessions are simulated in networks trained by each rule, and rules told apart by
//! what could be recorded.

mod apart;
mod figures;
mod signs;
mod tables;
mod verdict;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use self::apart::apart;
use self::signs::SIGNS;
use super::Experiment;
use super::base::{self, Options, Size};
use super::findings::{Findings, Outcome};
use nmnc_analysis::analysis::{
    ExampleSplit, Loaded, Session, SessionPoint, SessionSettings, Source, session,
};
use nmnc_core::error::{Error, Result};
use nmnc_report::Measurements;
use nmnc_report::look::{HOMES, home};
use nmnc_report::measurements::Place;
use nmnc_train::checkpoint;
use nmnc_train::{Config, PlannedRun};

const BASE: &str = include_str!("base.toml");
const HYPOTHESES: &str = include_str!("hypotheses.toml");

/// The facet of what sessions show by the number of trials.
pub(super) const SESSIONS: &str = "sessions";

/// A rule by which networks might learn.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hypothesis {
    /// Name, which runs and rows of files are called by: of the rule, where it has runs of its own.
    pub name: String,
    /// Name for readers.
    pub label: String,
    /// The hypothesis whose sessions with idle noise on the manifold it is of.
    #[serde(default)]
    idle_on_manifold: Option<String>,
    #[serde(default)]
    settings: toml::Table,
    #[serde(default)]
    quick: bool,
}

impl Hypothesis {
    /// Its look, as in every report.
    pub fn look(&self) -> usize {
        home(&self.name).unwrap_or(HOMES)
    }
}

/// The experiment.
#[derive(Clone, Debug)]
pub struct Predictions {
    hypotheses: Vec<Hypothesis>,
    /// Index of its hypothesis, and the run.
    runs: Vec<(usize, PlannedRun)>,
    settings: SessionSettings,
}

/// What a user may choose beside [`Options`].
#[derive(Clone, Debug, Default)]
pub struct PredictionChoices {
    /// Names of the rules; the experiment's own when empty.
    pub rules: Vec<String>,
    /// Trials of each condition; the experiment's own when empty.
    pub repeats: Vec<usize>,
    /// Stage that is recorded, from 1; the second when left out.
    pub stage: Option<usize>,
    /// Units recorded; the experiment's own number when left out.
    pub units: Option<usize>,
    /// Variance of a gain common to all units, over that of the noise; none when left out.
    pub gain: Option<f64>,
    /// Correlation of the gains of successive trials; none when left out.
    pub slow: Option<f64>,
    /// Deviation over units of how much they follow the gain; none when left out.
    pub spread: Option<f64>,
    /// Whether the gain that a trial seems to have is taken out of its recording.
    pub remove_gain: bool,
}

impl Predictions {
    /// The experiment as `options` and `choices` ask for it.
    ///
    /// # Errors
    /// Settings that no run or session can have; an unknown rule; fewer than two rules.
    pub fn new(options: &Options, choices: &PredictionChoices) -> Result<Self> {
        #[derive(Deserialize)]
        struct List {
            hypothesis: Vec<Hypothesis>,
        }
        let list: List =
            toml::from_str(HYPOTHESES).expect("the list of hypotheses is TOML of the right form");
        let mut hypotheses = list.hypothesis;
        let names = &choices.rules;
        if let Some(unknown) = names.iter().find(|name| !hypotheses.iter().any(|h| h.name == **name)) {
            return Err(Error::config("rules", format!("no hypothesis is called `{unknown}`"))
                .suggest(unknown, hypotheses.iter().map(|h| h.name.as_str())));
        }
        hypotheses
            .retain(|h| if names.is_empty() { h.quick || !options.quick } else { names.contains(&h.name) });
        // What is of another's sessions needs that one.
        let chosen: Vec<String> = hypotheses.iter().map(|h| h.name.clone()).collect();
        let lacking = |h: &&Hypothesis| h.idle_on_manifold.as_ref().is_some_and(|of| !chosen.contains(of));
        if let Some(Hypothesis { name, idle_on_manifold: Some(of), .. }) = hypotheses.iter().find(lacking) {
            return Err(Error::config("rules", format!("`{name}` is of the networks of `{of}`"))
                .mend(format!("name `{of}`, too")));
        }
        if hypotheses.len() < 2 {
            return Err(
                Error::config("rules", "one rule alone cannot be told from others").mend("name two or more")
            );
        }
        let own: &[&str] = match options.size() {
            Size::Quick => &["data.train_limit=1000", "network.widths=[64, 64, 32]", "train.epochs=4"],
            Size::Sample => &[],
            Size::Full => &["data.train_limit=20000", "network.widths=[1024, 1024, 512]", "train.batch=128"],
        };
        let mut runs = Vec::new();
        let with_runs = hypotheses.iter().enumerate().filter(|(_, h)| h.idle_on_manifold.is_none());
        for (index, hypothesis) in with_runs {
            let settings = hypothesis.settings.iter().map(|(key, value)| format!("credit.{key}={value}"));
            let rule = format!("credit.rule={}", hypothesis.name);
            let changes: Vec<String> =
                own.iter().map(|&change| change.to_owned()).chain([rule]).chain(settings).collect();
            runs.extend(options.runs(&hypothesis.name, BASE, &changes)?.into_iter().map(|run| (index, run)));
        }
        let mut settings = SessionSettings::default();
        if options.quick {
            settings.repeats = vec![4, 16];
        }
        if !choices.repeats.is_empty() {
            settings.repeats.clone_from(&choices.repeats);
            settings.repeats.sort_unstable();
            settings.repeats.dedup();
        }
        settings.stage = choices.stage.unwrap_or(settings.stage);
        settings.units = choices.units.unwrap_or(settings.units);
        settings.gain = choices.gain.unwrap_or(settings.gain);
        settings.slow = choices.slow.unwrap_or(settings.slow);
        settings.spread = choices.spread.unwrap_or(settings.spread);
        settings.remove_gain = choices.remove_gain;
        settings.conditions = options.examples.unwrap_or(settings.conditions);
        // What a session calls a condition is asked for as an example.
        let least = settings.least_conditions();
        if settings.conditions < least {
            return Err(Error::config("examples", format!("{} is too few", settings.conditions))
                .mend(format!("use at least {least}")));
        }
        settings.check()?;
        let stages = runs[0].1.config.network.stage_count()?;
        if settings.stage > stages {
            return Err(Error::config("stage", format!("there is no stage {}", settings.stage))
                .mend(format!("the network has stages 1 to {stages}")));
        }
        Ok(Self { hypotheses, runs, settings })
    }

    /// The gain of sessions in words.
    fn gain(&self) -> String {
        let gain = match (self.settings.gain, self.settings.slow) {
            (0.0, _) => "constant".to_owned(),
            (gain, 0.0) => format!("drawn anew each trial, variance {gain} of the noise"),
            (gain, slow) => format!("correlation {slow} from trial to trial, variance {gain} of the noise"),
        };
        let gain = match self.settings.spread {
            0.0 => gain,
            spread => format!("{gain}; units follow it by 1 ± {spread}"),
        };
        match self.settings.remove_gain {
            true => format!("{gain}; taken out of recordings, along the mean of a condition’s other trials"),
            false => gain,
        }
    }
}

/// The kept checkpoint of the run in `folder` that is nearest to the middle of its training, and that of its end.
fn moments(folder: &Path) -> Result<[Loaded; 2]> {
    let source = |path: PathBuf| Source { path, data: None, split: ExampleSplit::Train, device: None };
    let last = Loaded::open(&source(folder.to_owned()))?;
    let kept = checkpoint::steps(&folder.join("checkpoints"))?.into_iter();
    let before = kept.filter(|(step, _)| *step < last.step);
    let nearest = before.min_by_key(|(step, _)| step.abs_diff(last.step / 2));
    let (_, path) = nearest.ok_or_else(|| {
        Error::checkpoint(folder.display(), "has kept no checkpoint before its last one")
            .mend("leave checkpoint.history as it is, or at 2 or more")
    })?;
    Ok([Loaded::open(&source(path))?, last])
}

impl Experiment for Predictions {
    type Config = Config;
    type Measured = Session;

    fn name(&self) -> &'static str {
        "predictions"
    }

    fn runs(&self) -> Vec<&PlannedRun> {
        self.runs.iter().map(|(_, run)| run).collect()
    }

    fn measurement(&self) -> Value {
        serde_json::to_value(&self.settings).expect("settings are representable in JSON")
    }

    fn measure(&self, folder: &Path) -> Result<Session> {
        let [middle, last] = moments(folder)?;
        session(&middle, &last, &self.settings)
    }

    fn tabulate(&self, run: usize, measured: &Session, table: &mut Measurements) {
        let (hypothesis, run) = &self.runs[run];
        let name = self.hypotheses[*hypothesis].name.as_str();
        let mut add = |name: &str, points: &[SessionPoint]| {
            for point in points {
                let place = Place::new(name, SESSIONS, point.repeats as f64);
                table.add(&place, run.config.seed.0, SIGNS.map(|sign| (sign.name, (sign.of)(point))));
            }
        };
        add(name, &measured.points);
        let idle = self.hypotheses.iter().find(|h| h.idle_on_manifold.as_deref() == Some(name));
        if let (Some(idle), Some(points)) = (idle, &measured.idle_on_manifold) {
            add(&idle.name, points);
        }
    }

    fn outcome(&self, measured: &[Option<Session>], table: &Measurements, command: &str) -> Result<Outcome> {
        let there = table.conditions();
        let hypotheses: Vec<&Hypothesis> =
            self.hypotheses.iter().filter(|h| there.contains(&h.name.as_str())).collect();
        let pairs = apart(&hypotheses, &self.settings.repeats, table);
        let config = &self.runs[0].1.config;
        let example = measured.iter().flatten().next();
        let recorded = example.map_or_else(String::new, |s| {
            format!("{} of the {} units of stage {}", s.recorded, s.units, self.settings.stage)
        });
        let when =
            example.map_or_else(String::new, |s| format!("after {} training steps of {}", s.step, s.last));
        let findings = Findings {
            title: "Signs of a rule",
            sentences: verdict::verdict(&hypotheses, &pairs, &self.settings.repeats, table),
            setup: vec![
                ("Data", config.data.source.clone()),
                ("Network", base::network(config)),
                ("Training", base::training(config)),
                ("Seeds", base::seeds(self.runs.iter().map(|(_, run)| run.config.seed))),
                ("Recorded", recorded),
                ("Session", when),
                ("Conditions", self.settings.conditions.to_string()),
                ("Dimension d", self.settings.dimension.to_string()),
                ("Gain", self.gain()),
            ],
            notices: vec![format!(
                "A session is simulated with what a laboratory does not have: noise that is the rule’s, the units’{}, weights that change in \
                 no other way, and the change of condition means known without error. The numbers of animals are therefore the fewest.",
                if self.settings.gain > 0.0 { " and of one gain alone" } else { " and no other" },
            )],
            figures: figures::figures(&hypotheses, table),
            tables: vec![
                ("Signs", tables::signs(&hypotheses, &self.settings.repeats, table), tables::SIGNS_NOTE),
                ("Telling rules apart", tables::pairs(&pairs), tables::PAIRS_NOTE),
            ],
            settings: vec![("settings", json!(self.settings))],
            results: vec![("pairs", json!(pairs))],
            csv: vec![
                ("signs.csv", tables::signs_csv(&hypotheses, &self.settings.repeats, table)),
                ("pairs.csv", tables::pairs_csv(&pairs)),
            ],
        };
        Ok(findings.outcome(self.name(), command))
    }
}
