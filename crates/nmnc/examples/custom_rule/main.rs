//! A credit rule of one's own (`one_bit.rs`), trained from a configuration, with records, checkpoints and resuming.
//!
//!     cargo run --release -p nmnc --example custom_rule
//!
//! A rule inside the library has its line in the registry and is available by name everywhere. Outside of it, the entry reads the settings
//! and the parts are put together here.

pub mod one_bit;

use std::path::Path;

use nmnc::credit::RuleSetup;
use nmnc::device;
use nmnc::records::{Record, Summary};
use nmnc::registry::RuleEntry;
use nmnc::train::{Config, Identity, ImageOptions, Images, Loss, Observer, Problem, Run, RunOptions};
use nmnc::{Error, Result};

use one_bit::ONE_BIT;

const CONFIG: &str = r#"
[data]
train_limit = 2000

[network]
preset = "mlp"
widths = [128, 64]

[credit]
rule = "one-bit"
interval = 2

[train]
epochs = 3

[metrics]
alignment_interval = 50
"#;

/// Trains what `text` describes, whose `[credit]` is the rule's, in `folder`.
///
/// # Errors
/// A setting that is wrong; a folder that cannot be written; training that diverges or is stopped.
pub fn train(text: &str, folder: &Path, resume: bool, observer: &mut dyn Observer) -> Result<Summary> {
    let unreadable = |e: toml::de::Error| Error::config("configuration", e.message());
    let mut file: toml::Table = text.parse().map_err(unreadable)?;
    // The registry does not know the rule: its settings are read by its entry, the rest by the library, which is given another.
    let mut credit = match file.remove("credit") {
        Some(toml::Value::Table(table)) => table,
        _ => return Err(Error::config("credit", "is missing")),
    };
    if credit.remove("rule").as_ref().and_then(toml::Value::as_str) != Some(ONE_BIT.name) {
        return Err(Error::config("credit.rule", format!("is not `{}`", ONE_BIT.name)));
    }
    let settings = ONE_BIT.resolve(&credit).map_err(|e| e.under("credit"))?;
    let config = Config::parse(&format!("{file}\n[credit]\nrule = 'bp'"), "configuration", &[])?.resolve()?;

    let (seed, device) = (config.seed, device::open(&config.device)?);
    let splits = config.data.open(seed)?;
    let (shape, classes) = (splits.train.shape(), splits.train.classes().len());
    let network = config.initial_network([shape.channels, shape.height, shape.width], classes, &device)?;
    let rule = ONE_BIT.build(&settings, &RuleSetup { network: &network, seed, device: &device })?;
    let options = ImageOptions { seed, batch: config.train.batch, ..ImageOptions::default() };
    let mut images = Images::new(network, rule, splits, Loss::CrossEntropy, options)?;
    let mut learner = config.learner(images.steps_per_epoch());

    // What tells the run from others, and is its folder's config.toml: a run with other settings is not gone on with.
    file.insert(ONE_BIT.name.into(), settings.into());
    let identity = Identity::new(ONE_BIT.name, seed, file)?;
    let options = RunOptions { resume, command: "custom_rule".into(), ..RunOptions::default() };
    let run = Run::new(&mut images, &mut learner, config.plan());
    let outcome = run.in_folder(folder, identity, &options, observer)?.train(observer)?;
    Ok(outcome.summary.expect("a run in a folder has a summary"))
}

/// Prints what is measured.
struct Printer;

impl Observer for Printer {
    fn record(&mut self, record: &Record) {
        for stage in &record.stages {
            println!("step {} stage {}: cosine to backprop {:.2}", record.step, stage.stage, stage.cosine);
        }
        if let Some(test) = record.test {
            let accuracy = 100.0 * test.accuracy;
            println!("epoch {:.0}: test accuracy {accuracy:.1} %, {} probes", record.epoch, record.probes);
        }
    }
}

fn main() -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    train(CONFIG, folder.path(), false, &mut Printer)?;
    Ok(())
}
