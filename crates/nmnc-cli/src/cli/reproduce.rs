//! The command line of `nmnc reproduce`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{BrainComparison, Overrides, Part, at_least_one, count, seed};

const ALIGNMENT_EXAMPLES: &str = "Examples:
  nmnc reproduce alignment
  nmnc reproduce alignment --quick
  nmnc reproduce alignment --data cifar10 --seeds 5 --out runs/alignment-cifar10

Backprop by SGD with weight decay, by SGD without and by Adam, and nmnc by SGD with decay, three seeds each. Every kept checkpoint \
is analyzed: the energy of the Jacobian on the manifold, against the untrained network, shuffled activity and random subspaces; \
what is left of the initial weights, against the law of decay.

The folder gets report.html, alignment.json, alignment.csv, training.csv, weights.csv and measurements.csv (every number). Runs that are there already are kept, \
interrupted ones go on.";

const DIMENSION_EXAMPLES: &str = "Examples:
  nmnc reproduce dimension
  nmnc reproduce dimension --quick
  nmnc reproduce dimension --data cifar10 --scales 0.5,1,2 --out runs/dimension-cifar10

Convolutional and dense networks of several widths, trained by backprop, three seeds each. For every estimator of the manifold's \
dimension: the exponent of its growth with the number of units, with a 95 % interval over seeds.

The folder gets report.html, dimension.json, dimension.csv, exponents.csv and measurements.csv (every number). Runs that are there already are kept, interrupted \
ones go on.";

const CIFAR10_EXAMPLES: &str = "Examples:
  nmnc reproduce cifar10 --quick
  nmnc reproduce cifar10 --data path/to/images --seeds 5
  nmnc reproduce cifar10 --rules bp,vnc,nmnc --budgets 0.01,0.1,1 --set train.epochs=20

Backprop (bp), the exact mean Jacobian (mean-jacobian), fa, dfa and direct-mirror, which use no probes; vnc, nmnc, weight-mirror and manifold-mirror, whose feedback is updated as \
often as the budget allows; and node-perturbation and manifold-node-perturbation, which perturb every example and so cannot have \
less than one probe a stage. \
Each at every budget, and at one budget in networks of every width. Accuracy is drawn against the probes that a rule spent, not \
against those it was granted; passes that only find the manifold perturb nothing and are not counted.

The folder gets report.html, cifar10.json, cifar10.csv, runs.csv and measurements.csv (every number). Runs that are there already are kept, interrupted ones go \
on.";

const IMAGENET_EXAMPLES: &str = "Examples:
  nmnc reproduce imagenet --data path/to/imagenet --device cuda --rules bp,manifold-mirror --scales 1
  nmnc reproduce imagenet --quick --data path/to/tiny-imagenet --set network.preset=alexnet

ResNet-18 by the usual recipe, 90 epochs of pictures of 224 pixels, or with --quick a quarter of its width, five epochs of pictures of 64. \
The data are a folder with `train` and `val`, each with a folder of pictures for every class. bp and dfa, which use no probes; vnc, nmnc and \
manifold-mirror with equal probes; accuracy, cosines to backprop and the share of its signals on the manifold by stage; differences to bp and \
vnc with intervals, over probes and over width. `nmnc plan` tells what a run will take.

The folder gets report.html, imagenet.json, imagenet.csv, runs.csv and measurements.csv (every number). Runs that are there already are kept, interrupted ones \
go on.";

const BRAIN_EXAMPLES: &str = "Examples:
  nmnc reproduce brain --benchmark configs/primate92.toml --root path/to/primate92 --seeds 5
  nmnc reproduce brain --benchmark path/to/my-benchmark --quick

Backprop, vnc, nmnc and manifold-mirror at a tenth of a probe per training example, the same networks before training, pixels, and the \
models of the benchmark, against each of its targets. Each network is scored at the stage most similar over one half of the stimuli, \
over the other half, and at every stage over all of them; differences have intervals over seeds and over stimuli.

The folder gets report.html, brain.json, networks.csv, contrasts.csv and measurements.csv. Runs that are there already are kept, interrupted ones go \
on. docs/brain.md tells how to write a benchmark.";

const RNN_EXAMPLES: &str = "Examples:
  nmnc reproduce rnn --quick
  nmnc reproduce rnn --tasks AntiReach,DelayComparison --budgets 0.01,0.1,1 --seeds 5

Backpropagation through time (bptt) and random feedback online (rflo), which use no probes; vnc, nmnc and both with least squares \
(vnc-ls, nmnc-ls) with equal probes, on five tasks; on two of them in networks of every width. A probe is one state of one trial perturbed. \
Only by name: manifold-mirror, mean-jacobian (exact, as a reference), e-prop, node-perturbation and activity-node-perturbation. \
States after training: dimension over trial time, lagged Jacobians on the manifold, trajectories.

The folder gets report.html, rnn.json, rnn.csv, runs.csv and measurements.csv (every number). Runs that are there already are kept, interrupted ones go on.";

const MARGIN_EXAMPLES: &str = "Examples:
  nmnc reproduce margin --quick
  nmnc reproduce margin --data cifar10 --seeds 5 --out runs/margin-cifar10
  nmnc reproduce margin --networks half,lenet --set credit.vnc.interval=10 --set credit.nmnc.interval=10

Twenty-one networks, each unlike the first in one thing: width, depth, length of training, optimizer and decay, kind, data, dimension of the data. Each trained by bp, vnc \
and nmnc, with probes of every stage every 30 steps: where its Jacobian lies to its manifold, what NMNC gains on VNC in it, and how far the \
first, the law of estimates by noise, and cosines with backprop foretell the second.

The folder gets report.html, margin.json, networks.csv, stages.csv, predictors.csv and measurements.csv (every number). Runs that are there already \
are kept, interrupted ones go on.";

const PREDICTIONS_EXAMPLES: &str = "Examples:
  nmnc reproduce predictions --quick
  nmnc reproduce predictions --seeds 5
  nmnc reproduce predictions --rules nmnc,vnc,manifold-mirror --repeats 4,16,64 --units 50
  nmnc reproduce predictions --seeds 5 --gain 1 --slow 0.9 --remove-gain

Networks trained by nmnc, vnc, both kinds of node perturbation, both mirrors, and bp with noise that nothing is learned from (anywhere, or on the manifold: bp-manifold). In the middle of \
training conditions are shown over and over, some units of a stage are recorded with as much private noise, and the rule learns from these \
trials: what of that a laboratory could measure, and how many animals would tell one rule from another by it. --examples is the number of \
conditions. With --gain what all units have in common comes and goes, as with arousal, alike or more in some units (--spread), and nothing is learned from it; with \
--remove-gain recordings have it taken out as a laboratory would, without knowing it.

The folder gets report.html, predictions.json, signs.csv, pairs.csv and measurements.csv (every number). Runs that are there already are kept, \
interrupted ones go on.";

const SCALING_EXAMPLES: &str = "Examples:
  nmnc reproduce scaling --quick
  nmnc reproduce scaling --data cifar10 --probes 1000000 --out runs/scaling-cifar10

Convolutional and dense networks of several widths, trained by backprop, three seeds each. At every stage, the number of probes \
with which the rows of the Jacobian are known to 0.9 of the attainable cosine, with isotropic noise and with noise on the manifold, \
of a given dimension and of that which explains 90 % of the variance; for single examples and for the mean over examples. For each, \
the exponent of its growth with the number of units, with a 95 % interval over seeds, beside the law.

The folder gets report.html, scaling.json, scaling.csv, curves.csv, exponents.csv and measurements.csv (every number). Runs that are there already are kept, \
interrupted ones go on.";

/// `nmnc reproduce`.
#[derive(Debug, Subcommand)]
pub enum Reproduce {
    /// Does training draw the rows of the Jacobian onto the manifold? (embedded data: about four minutes)
    #[command(after_help = ALIGNMENT_EXAMPLES)]
    Alignment(ReproduceOptions),
    /// Does the manifold's dimension grow with width? (embedded data: about fifteen minutes)
    #[command(after_help = DIMENSION_EXAMPLES)]
    Dimension {
        /// What every experiment has.
        #[command(flatten)]
        options: ReproduceOptions,
        /// Multiples of every width, separated by commas
        #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = scale, default_value = "0.25,0.5,1,2,4")]
        scales: Vec<f64>,
    },
    /// How many probes does each rule need, and how does its accuracy grow with width? (--quick: within an hour)
    #[command(after_help = CIFAR10_EXAMPLES)]
    Cifar10(Efficiency),
    /// The same for a deep network on pictures of many classes (--quick on 15,000 of 64 pixels: hours on a CPU)
    #[command(after_help = IMAGENET_EXAMPLES)]
    Imagenet(Efficiency),
    /// Do networks represent what they see as primates do? (20,000 images, 5 seeds: about twenty minutes)
    #[command(after_help = BRAIN_EXAMPLES)]
    Brain(ReproduceBrain),
    /// Do recurrent networks learn cognitive tasks by noise? (--quick: about five minutes)
    #[command(after_help = RNN_EXAMPLES)]
    Rnn(ReproduceRnn),
    /// For which networks does the manifold help? (--quick: under a minute; CIFAR-10: hours)
    #[command(after_help = MARGIN_EXAMPLES)]
    Margin {
        /// What every experiment has.
        #[command(flatten)]
        options: ReproduceOptions,
        /// Names of networks beside the first, separated by commas [default: all, with --quick two]
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        networks: Vec<String>,
    },
    /// What would tell in a laboratory by which rule a network learns? (embedded data: about three minutes)
    #[command(after_help = PREDICTIONS_EXAMPLES)]
    Predictions {
        /// What every experiment has.
        #[command(flatten)]
        options: ReproduceOptions,
        /// Rules, separated by commas [default: eight, with --quick five]
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        rules: Vec<String>,
        /// Trials of each condition, separated by commas [default: 4,8,16,32, with --quick 4,16]
        #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = count)]
        repeats: Vec<usize>,
        /// Stage that is recorded [default: 2]
        #[arg(long, value_name = "N", value_parser = count)]
        stage: Option<usize>,
        /// Units of it that are recorded [default: 200]
        #[arg(long, value_name = "N", value_parser = count)]
        units: Option<usize>,
        /// A gain common to all units comes and goes: its variance over that of the noise [default: 0]
        #[arg(long, value_name = "RATIO", value_parser = number)]
        gain: Option<f64>,
        /// Correlation of the gains of successive trials [default: 0]
        #[arg(long, value_name = "CORRELATION", value_parser = number)]
        slow: Option<f64>,
        /// Standard deviation over units of how much they follow the gain, of a mean of 1 [default: 0]
        #[arg(long, value_name = "DEVIATION", value_parser = number)]
        spread: Option<f64>,
        /// Take out of each recorded trial the gain that it seems to have
        #[arg(long)]
        remove_gain: bool,
    },
    /// How many probes does a Jacobian take as the network grows? (--quick: a few minutes)
    #[command(after_help = SCALING_EXAMPLES)]
    Scaling {
        /// What every experiment has.
        #[command(flatten)]
        options: ReproduceOptions,
        /// Multiples of every width, separated by commas
        #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = scale, default_value = "0.25,0.5,1,2,4")]
        scales: Vec<f64>,
        /// The most probes of an estimate [default: 262144, with --quick 32768]
        #[arg(long, value_name = "K", value_parser = probes)]
        probes: Option<usize>,
        /// Dimension of the manifold that is the same at every width [default: 32, with --quick 16]
        #[arg(long, value_name = "N", value_parser = count)]
        dimension: Option<usize>,
    },
}

/// `nmnc reproduce brain`.
#[derive(Debug, Args)]
pub struct ReproduceBrain {
    /// Data to train on: a name or path
    #[arg(long, value_name = "SOURCE", default_value = "cifar10")]
    pub data: String,
    /// Number of seeds of each condition
    #[arg(long, value_name = "N", default_value = "5", value_parser = at_least_one)]
    pub seeds: u64,
    /// 4,000 images, small networks, four epochs: to see that it works, not to conclude from
    #[arg(long)]
    pub quick: bool,
    /// The benchmark and how to compare.
    #[command(flatten)]
    pub comparison: BrainComparison,
    /// Folder for the runs and the results [default: runs/reproduce-brain]
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to change in every run.
    #[command(flatten)]
    pub overrides: Overrides,
    /// Which runs to make.
    #[command(flatten)]
    pub part: Part,
}

/// `nmnc reproduce rnn`.
#[derive(Debug, Args)]
pub struct ReproduceRnn {
    /// Number of seeds of each condition
    #[arg(long, value_name = "N", default_value = "3", value_parser = at_least_one)]
    pub seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value = "0", value_parser = seed)]
    pub first_seed: u64,
    /// One budget and three widths
    #[arg(long)]
    pub quick: bool,
    /// Tasks, separated by commas; `nmnc tasks list` has their names [default: five of them]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub tasks: Vec<String>,
    /// Conditions, separated by commas [default: bptt,rflo,vnc,nmnc,vnc-ls,nmnc-ls]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub rules: Vec<String>,
    /// Probes per training trial, separated by commas [default: 0.01,0.1, with --quick 0.1]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = budget)]
    pub budgets: Vec<f64>,
    /// Numbers of units, separated by commas [default: 64,128,256,512,1024, with --quick 64,256,512]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = count)]
    pub widths: Vec<usize>,
    /// Tasks at every width, separated by commas [default: the first and the fourth task]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub width_tasks: Vec<String>,
    /// Folder for the runs and the results [default: runs/reproduce-rnn]
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to change in every run.
    #[command(flatten)]
    pub overrides: Overrides,
    /// Which runs to make.
    #[command(flatten)]
    pub part: Part,
}

/// `nmnc reproduce cifar10` and `nmnc reproduce imagenet`.
#[derive(Debug, Args)]
pub struct Efficiency {
    /// Data: a name or path [default: cifar10 or imagenet]
    #[arg(long, value_name = "SOURCE")]
    pub data: Option<String>,
    /// Number of seeds of each condition
    #[arg(long, value_name = "N", default_value = "3", value_parser = at_least_one)]
    pub seeds: u64,
    /// Little work: small networks, five epochs, no variants of rules
    #[arg(long)]
    pub quick: bool,
    /// Probes per training example, separated by commas [default: 0.001,0.01,0.1,1,10, of imagenet 0.01,0.1,1]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = budget)]
    pub budgets: Vec<f64>,
    /// Multiples of every width, separated by commas [default: several, fewer with --quick]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = scale)]
    pub scales: Vec<f64>,
    /// Probes per training example at every width, or the nearest that a rule can have
    #[arg(long, value_name = "NUMBER", value_parser = budget, default_value = "0.1")]
    pub width_budget: f64,
    /// Conditions, separated by commas, or variants such as manifold-mirror-perturbed [default: all, of imagenet six]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub rules: Vec<String>,
    /// Folder for the runs and the results [default: runs/reproduce-NAME]
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to change in every run.
    #[command(flatten)]
    pub overrides: Overrides,
    /// Which runs to make.
    #[command(flatten)]
    pub part: Part,
}

fn probes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(probes @ 1..=100_000_000) => Ok(probes),
        _ => Err("not a whole number from 1 to 100000000".to_owned()),
    }
}

fn budget(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(budget) if (1e-6..=1e6).contains(&budget) => Ok(budget),
        _ => Err("not a number of probes from 1e-6 to 1e6".to_owned()),
    }
}

/// Its range is the experiment's to say.
fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| "not a number".to_owned())
}

fn scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(scale) if (0.001..=1000.0).contains(&scale) => Ok(scale),
        _ => Err("not a number from 0.001 to 1000".to_owned()),
    }
}

/// What every experiment of `nmnc reproduce` takes.
#[derive(Debug, Args)]
pub struct ReproduceOptions {
    /// Data: a name or path; then with larger networks and 20,000 images [default: the embedded sample]
    #[arg(long, value_name = "SOURCE")]
    pub data: Option<String>,
    /// Number of seeds of each condition
    #[arg(long, value_name = "N", default_value = "3", value_parser = at_least_one)]
    pub seeds: u64,
    /// Small networks and few images: to see that it works, not to conclude from
    #[arg(long)]
    pub quick: bool,
    /// Examples whose activity is measured [default: 1000, with --quick 400]
    #[arg(long, value_name = "N", value_parser = count)]
    pub examples: Option<usize>,
    /// Folder for the runs and the results [default: runs/reproduce-NAME]
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to change in every run.
    #[command(flatten)]
    pub overrides: Overrides,
    /// Which runs to make.
    #[command(flatten)]
    pub part: Part,
}
