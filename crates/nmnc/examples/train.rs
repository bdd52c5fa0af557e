//! Training through the library: manifold noise correlation on the embedded sample, and what it says about itself.
//!
//!     cargo run --release -p nmnc --example train [CONFIG]

use std::path::Path;

use nmnc::records::Record;
use nmnc::train::{Config, Observer, RunOptions};

const CONFIG: &str = r#"
[network]
preset = "conv3"
widths = [8, 16, 32]

[credit]
rule = "nmnc"
interval = 5
manifold = { dimension = 32, refresh = 20 }

[train]
epochs = 2

[metrics]
interval = 20
alignment_interval = 40
dimension = 32
"#;

/// Prints the records of a run.
struct Printer;

impl Observer for Printer {
    fn record(&mut self, record: &Record) {
        if let Some(test) = record.test {
            println!(
                "epoch {:.0}: test accuracy {:.1} %, {} probes",
                record.epoch,
                100.0 * test.accuracy,
                record.probes
            );
        }
        for stage in &record.stages {
            println!(
                "step {:4} stage {}: cosine to backprop {:.2}, captured energy {:.2}",
                record.step,
                stage.stage,
                stage.cosine,
                stage.captured_energy.unwrap_or(0.0)
            );
        }
    }
}

fn main() -> nmnc::Result<()> {
    let config = match std::env::args().nth(1) {
        Some(path) => Config::read(Path::new(&path), &[])?,
        None => Config::parse(CONFIG, "example", &[])?,
    };
    let config = config.resolve()?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let summary = config.run(folder.path(), &RunOptions::default(), &mut Printer)?;
    println!("{:.0} images a second", summary.steps as f64 * config.train.batch as f64 / summary.seconds);
    Ok(())
}
