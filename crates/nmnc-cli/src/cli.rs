//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::exit;

mod analyze;
mod brain;
mod cite;
mod config;
mod data;
mod part;
mod plan;
mod predict;
mod reproduce;
mod similarity;
mod sweep;
pub mod weights;

pub use analyze::{Analyze, FormatName, SplitName};
pub use brain::{Brain, BrainComparison, ComparisonName, DistanceName, RegressionChoice, ResampleName};
pub use cite::Cite;
pub use config::{CheckConfig, ExplainSetting};
pub use data::Data;
pub use part::Part;
pub use plan::Plan;
pub use predict::Predict;
pub use reproduce::{Efficiency, Reproduce, ReproduceBrain, ReproduceOptions, ReproduceRnn};
pub use similarity::{Similarity, TableFormat};
pub use sweep::{Sweep, SweepCommand, SweepPlace};

/// Train networks by noise correlation and compare credit-assignment rules.
///
/// A run is described by a TOML file and leaves a folder: the resolved configuration, metrics (JSON lines and CSV),
/// checkpoints, and a summary. One seed fixes every random number of it.
#[derive(Debug, Parser)]
#[command(
    name = "nmnc",
    bin_name = "nmnc",
    version,
    arg_required_else_help = true,
    max_term_width = 80,
    after_help = "Start with `nmnc demo`. `nmnc help COMMAND` tells more; `nmnc help` lists the exit codes.",
    after_long_help = concat_examples()
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print nothing but errors and the final result
    #[arg(long, short, global = true, conflicts_with = "json", help_heading = "Global options")]
    pub quiet: bool,
    /// Print one JSON object a line (events such as started, record, warning, checkpoint, finished)
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// Number of threads for computation [default: one per core]; results do not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = threads, help_heading = "Global options")]
    pub threads: Option<usize>,
}

fn concat_examples() -> String {
    format!(
        "Examples:\n  \
         nmnc demo\n  \
         nmnc config presets cifar10 > cifar10.toml\n  \
         nmnc data fetch cifar10\n  \
         nmnc compare cifar10.toml --rules bp,dfa,vnc,nmnc --seeds 3\n\n{}",
        exit::TABLE
    )
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1024) => Ok(number),
        _ => Err("not a number from 1 to 1024".to_owned()),
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare four rules on embedded data in about a minute
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(Demo),
    /// Train one network as a configuration says
    #[command(after_help = TRAIN_EXAMPLES)]
    Train(Train),
    /// Train with several rules and seeds, and report on them side by side
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(Compare),
    /// Make the runs of a grid, of random draws and seeds, in one process or many
    #[command(after_help = sweep::EXAMPLES)]
    Sweep(Sweep),
    /// Write one HTML page about finished or unfinished runs
    #[command(after_help = REPORT_EXAMPLES)]
    Report(Report),
    /// Measure what this machine does: images a second and GFLOP/s of passes, steps and refreshes
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(Bench),
    /// Reckon what a training will take: operations and bytes by stages, memory, and time on this machine
    #[command(after_help = plan::EXAMPLES)]
    Plan(Plan),
    /// Measure the manifold of a network's activity, its dimension, and how the Jacobian lies to it
    #[command(after_help = analyze::EXAMPLES)]
    Analyze(Analyze),
    /// Compare networks with recordings of brains that saw the same pictures
    #[command(after_help = brain::EXAMPLES)]
    Brain(Brain),
    /// Compare the stages of networks that see the same examples, with each other and with recordings
    #[command(after_help = similarity::EXAMPLES)]
    Similarity(Similarity),
    /// Show a trained network examples, and write its outputs, decisions and activity for other tools
    #[command(after_help = predict::EXAMPLES)]
    Predict(Predict),
    /// Make an experiment of the paper: train, analyze, draw, and say what came out
    #[command(subcommand, arg_required_else_help = true)]
    Reproduce(Reproduce),
    /// Check configurations, print their schema, list what there is to start from
    #[command(subcommand, arg_required_else_help = true)]
    Config(Config),
    /// List, describe, download and verify data sets
    #[command(subcommand, arg_required_else_help = true)]
    Data(Data),
    /// List, describe and export the tasks for recurrent networks
    #[command(subcommand, arg_required_else_help = true)]
    Tasks(Tasks),
    /// List weights, and exchange them with PyTorch
    #[command(subcommand, arg_required_else_help = true)]
    Weights(weights::Weights),
    /// Read an assembly of recordings for the process that asks
    #[command(hide = true)]
    ReadAssembly {
        /// The file
        path: PathBuf,
        /// What to read of it, in JSON
        options: String,
    },
    /// Print the references of the methods that runs used
    #[command(after_help = cite::EXAMPLES)]
    Cite(Cite),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: Shell,
    },
}

const DEMO_EXAMPLES: &str = "Examples:
  nmnc demo
  nmnc demo --seed 1 --out runs/demo-seed1

Backprop (bp), direct feedback alignment (dfa), vanilla noise correlation (vnc) and neural manifold \
noise correlation (nmnc) train the same small network on 6,000 images. vnc and nmnc are given the \
same few probes. Runs that are there already are kept, interrupted ones go on. \
`nmnc config presets demo` prints the configuration.";

const TRAIN_EXAMPLES: &str = "Examples:
  nmnc train cifar10.toml
  nmnc train cifar10.toml --set credit.rule=vnc --set train.epochs=10 --seed 3
  nmnc train cifar10.toml --resume

An interrupted run goes on with --resume from its latest checkpoint, to the same numbers as without \
the interruption; with --resume --set train.epochs=20 it trains for longer. Training that starts from the weights of \
another run is set by weights.from. Diverged training ends with exit code 6 and leaves a summary that says so.";

const COMPARE_EXAMPLES: &str = "Examples:
  nmnc compare cifar10.toml --rules bp,dfa,vnc,nmnc --seeds 3
  nmnc compare cifar10.toml --rules bp,nmnc --set train.epochs=10 --out runs/longer

Settings of each rule stand in a table of its own, such as [credit.nmnc]. Runs that are there already \
are kept, interrupted ones go on. A run that diverges does not stop the others; the exit code is then \
6 at the end.";

const REPORT_EXAMPLES: &str = "Examples:
  nmnc report runs/cifar10
  nmnc report runs/a/nmnc-seed0 runs/b/nmnc-seed0 --out a-or-b.html --title \"A or B\"";

const BENCH_EXAMPLES: &str = "Examples:
  nmnc bench
  nmnc bench --rules bp,nmnc --channels 32,64,128 --threads 1
  nmnc bench --only step --rules nmnc --set credit.nmnc.probes=4 --json

The images are noise, the code is that of training: Adam, cross-entropy, 3x3 convolutions with 2x2 \
pooling, 10 classes, unless --set says otherwise. The refreshes of the manifold have rows of their own, \
outside the steps.";

const COMPLETIONS_EXAMPLES: &str = "Examples:
  nmnc completions bash > ~/.local/share/bash-completion/completions/nmnc
  nmnc completions zsh > ~/.zfunc/_nmnc";

/// Seeds that a configuration can hold.
const SEEDS: std::ops::RangeInclusive<u64> = 0..=i64::MAX as u64;

fn seed(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(seed) if SEEDS.contains(&seed) => Ok(seed),
        _ => Err("not a whole number from 0 to 2^63 - 1".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(number),
        _ => Err("not a whole number from 1 to 1000000".to_owned()),
    }
}

fn count(text: &str) -> Result<usize, String> {
    at_least_one(text).map(|number| number as usize)
}

fn count_or_none(text: &str) -> Result<usize, String> {
    if text == "0" {
        Ok(0)
    } else {
        count(text).map_err(|_| "not a whole number from 0 to 1000000".to_owned())
    }
}

/// `nmnc demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Folder for the runs and the report
    #[arg(long, short, value_name = "DIR", default_value = "runs/demo")]
    pub out: PathBuf,
    /// Seed of the runs
    #[arg(long, value_name = "N", value_parser = seed)]
    pub seed: Option<u64>,
    /// Epochs of each run
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub epochs: Option<u64>,
    /// Device: cpu, gpu, vulkan, wgpu or cuda, with an optional number as in vulkan:1
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Remove what an earlier demo left in the folder and start again
    #[arg(long)]
    pub fresh: bool,
}

/// What changes a configuration from the command line.
#[derive(Debug, Args)]
pub struct Overrides {
    /// Change a setting (repeatable), for example train.epochs=5
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Device: cpu, gpu, vulkan, wgpu or cuda, with an optional number as in vulkan:1
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
}

impl Overrides {
    /// All changes, those that have an option of their own last.
    pub fn settings(&self) -> Vec<String> {
        self.set.iter().cloned().chain(self.device.iter().map(|name| device_setting(name))).collect()
    }
}

/// The change that sets the device.
pub fn device_setting(name: &str) -> String {
    format!("device={}", toml::Value::from(name))
}

/// `nmnc train`.
#[derive(Debug, Args)]
pub struct Train {
    /// Configuration file (TOML)
    pub config: PathBuf,
    /// Run folder [default: runs/CONFIG-RULE-seedN]
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to change.
    #[command(flatten)]
    pub overrides: Overrides,
    /// Go on from the latest checkpoint in the run folder; start if there is no run yet. With a larger train.epochs a run that is
    /// complete goes on, and metrics, checkpoint and logging may be others, too
    #[arg(long)]
    pub resume: bool,
    /// Wait while another process writes the run folder, instead of leaving
    #[arg(long)]
    pub wait: bool,
    /// Go on although rows of metrics.jsonl are lost or changed: what is left of them counts
    #[arg(long, requires = "resume")]
    pub accept_records: bool,
    /// Seed of the run
    #[arg(long, value_name = "N", value_parser = seed)]
    pub seed: Option<u64>,
}

/// `nmnc compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// Configuration file (TOML)
    pub config: PathBuf,
    /// Rules to compare, separated by commas (`nmnc config presets` lists them)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', required = true)]
    pub rules: Vec<String>,
    /// Number of seeds of each rule, from the configuration's seed on
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub seeds: u64,
    /// Folder for the runs and the report [default: runs/CONFIG]
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to change.
    #[command(flatten)]
    pub overrides: Overrides,
    /// Which runs to make.
    #[command(flatten)]
    pub part: Part,
}

/// `nmnc report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Run folders, or folders that contain run folders
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The page [default: report.html in the folder given, or here if there are several]
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Title of the page
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Write the page also over a file that is no report on these runs
    #[arg(long)]
    pub overwrite: bool,
}

/// `nmnc bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// Device to measure, such as `cuda` [default: flex]
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Rules to measure, separated by commas (`nmnc config presets` lists them)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "bp,nmnc,vnc")]
    pub rules: Vec<String>,
    /// What to measure, separated by commas [default: everything]
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    pub only: Vec<BenchPart>,
    /// Measurements of each row, after three that are not counted
    #[arg(long, value_name = "N", default_value = "15", value_parser = count)]
    pub runs: usize,
    /// Channels of each stage
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "64,128,256", value_parser = count)]
    pub channels: Vec<usize>,
    /// Height and width of the images
    #[arg(long, value_name = "N", default_value = "32", value_parser = count)]
    pub size: usize,
    /// Channels of the images
    #[arg(long, value_name = "N", default_value = "3", value_parser = count)]
    pub image_channels: usize,
    /// Pooling of each stage: max, average or none
    #[arg(long, value_name = "NAME", default_value = "max", value_parser = ["max", "average", "none"])]
    pub pool: String,
    /// Images a batch
    #[arg(long, value_name = "N", default_value = "128", value_parser = count)]
    pub batch: usize,
    /// Dimension of the manifold of nmnc and manifold-node-perturbation (of others with --set)
    #[arg(long, value_name = "N", default_value = "64", value_parser = count)]
    pub dimension: usize,
    /// Steps between feedback updates of nmnc and vnc; a measurement then takes so many steps, and shows their mean
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub interval: u64,
    /// Images that the manifold is found from
    #[arg(long, value_name = "N", default_value = "1024", value_parser = count)]
    pub samples: usize,
    /// How the manifold is found [default: as in training]
    #[arg(long, value_name = "NAME")]
    pub manifold_method: Option<String>,
    /// Change a setting of the configuration (repeatable), for example credit.vnc.probes=4
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// What `nmnc bench` can measure.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum BenchPart {
    /// The product of square matrices, which the other rows are compared with
    Matmul,
    /// A pass over memory
    Copy,
    /// An operation on a single number: what it costs to ask a device for anything
    Launch,
    /// Batches of training images, of `--set data.source=..`
    Data,
    /// The forward pass
    Forward,
    /// The training step of each rule
    Step,
    /// The manifold refresh
    Refresh,
    /// What processes started together exchange; with `mpirun`, and no other part
    Network,
}

/// `nmnc config`.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print the JSON schema of configurations, for editors that complete and check them
    Schema {
        /// Of configurations of recurrent networks on tasks
        #[arg(long)]
        tasks: bool,
    },
    /// Whether a run can start: read a configuration, open data and device, build the network, and reckon memory and time
    #[command(after_help = config::CHECK_EXAMPLES)]
    Check(CheckConfig),
    /// What settings mean, what they may be and what they are when left out
    #[command(after_help = config::EXPLAIN_EXAMPLES)]
    Explain(ExplainSetting),
    /// List rules, networks and ready-made configurations, or print one of these
    #[command(after_help = "Examples:\n  nmnc config presets\n  nmnc config presets cifar10 > cifar10.toml")]
    Presets {
        /// Ready-made configuration to print
        name: Option<String>,
    },
}

/// `nmnc tasks`.
#[derive(Debug, Subcommand)]
pub enum Tasks {
    /// List the tasks that can be used by name
    List,
    /// Describe a task: inputs, outputs, timing, parameters, statistics of its trials
    #[command(after_help = "Examples:\n  nmnc tasks show ReadySetGo\n  \
                            nmnc tasks show PerceptualDecisionMaking --set sigma=2 --set timing.delay=500\n  \
                            nmnc tasks show mine.npz")]
    Show {
        /// The task.
        #[command(flatten)]
        task: TaskChoice,
        /// Trials that the statistics are of
        #[arg(long, value_name = "N", default_value = "2000", value_parser = at_least_one)]
        trials: u64,
    },
    /// Write trials to a NumPy archive
    #[command(after_help = "Examples:\n  nmnc tasks export DelayMatchSample --out trials.npz\n\n\
        The archive has `inputs` [T, B, n_in], `targets` [T, B] (classes) or [T, B, n_out] (values), `mask` [T, B], \
        `response` and `window` [B, 2], `conditions` [B]. Any archive with `inputs` and `targets` can be trained on: \
        task = { name = \"Recorded\", path = \"trials.npz\" }.")]
    Export {
        /// The task.
        #[command(flatten)]
        task: TaskChoice,
        /// The archive (.npz)
        #[arg(long, short, value_name = "FILE")]
        out: PathBuf,
        /// Number of trials
        #[arg(long, value_name = "N", default_value = "1000", value_parser = at_least_one)]
        trials: u64,
        /// Trials to evaluate on instead of trials to learn from
        #[arg(long)]
        evaluation: bool,
    },
}

/// Which task, and how it is changed.
#[derive(Debug, Args)]
pub struct TaskChoice {
    /// Name in `nmnc tasks list`, or an archive of trials (.npz)
    #[arg(value_name = "NAME")]
    pub task: String,
    /// Change a setting of the task (repeatable), for example sigma=2 or timing.delay=500
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Seed of the trials
    #[arg(long, value_name = "N", value_parser = seed, default_value = "0")]
    pub seed: u64,
}
