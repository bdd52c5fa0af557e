//! One process that trains, goes on, analyzes, reports and reads damaged files over and over, and writes down what it holds.
//!
//!     cargo run --release -p nmnc --example soak -- SECONDS FILE.csv
//!
//! The CSV has a row every five seconds: resident memory and its peak, open files, threads. Ends with the slope of the resident memory
//! after the first third of the time: least squares over means of 20 stretches, with its 95 % interval.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nmnc::analysis::{self, AnalysisSettings, ExampleSplit, Format, Loaded, Source, Subject};
use nmnc::data::{DataConfig, NpzWriter};
use nmnc::records::RunRecords;
use nmnc::statistics::t95;
use nmnc::train::{AnyConfig, RunOptions, Silent};
use nmnc::{Result, Seed, report};

const LAYERED: &str = r#"
data = { train_limit = 64, test_limit = 32 }
network = { preset = "mlp", widths = [16] }
train = { epochs = 2, batch = 32, optimizer = { name = "adam", learning_rate = 1e-3 } }
metrics = { interval = 1, alignment_interval = 2, dimension = 4, samples = 16 }
checkpoint = { interval = 1 }
"#;
const RULES: [&str; 6] = ["bp", "fa", "dfa", "vnc", "nmnc", "manifold-mirror"];
const OVER_TIME: &str = r#"
task = { name = "DelayMatchSample" }
recurrent = { units = 16 }
train = { epochs = 2, trials = 24, batch = 8, evaluation = 8 }
checkpoint = { interval = 2 }
"#;
/// Seconds between rows.
const EVERY: f64 = 5.0;

/// Trains in `run`, takes the last checkpoint away, and goes on.
fn train(config: &AnyConfig, run: &Path) -> Result<()> {
    let resume = RunOptions { resume: true, ..RunOptions::default() };
    config.resolve()?.run(run, &RunOptions::default(), &mut Silent)?;
    let last =
        fs::read_dir(run.join("checkpoints")).expect("checkpoints").map(|e| e.expect("entry").path()).max();
    fs::remove_dir_all(last.expect("a checkpoint")).expect("to remove it");
    config.resolve()?.run(run, &resume, &mut Silent)?;
    Ok(())
}

fn analyze(run: &Path, out: &Path) -> Result<()> {
    let source = Source { path: run.to_owned(), data: None, split: ExampleSplit::Test, device: None };
    let loaded = Loaded::open(&source)?;
    let settings =
        AnalysisSettings { centered: loaded.centered(), examples: 32, ..AnalysisSettings::default() };
    let inputs = loaded.inputs(settings.examples, settings.seed)?;
    let subject = Subject {
        network: &loaded.network,
        untrained: Some(&loaded.untrained),
        inputs: &inputs,
        stages: &[],
    };
    let found = analysis::network(&subject, &settings)?;
    analysis::write(out, &found, &[Format::Json, Format::Csv, Format::Html], "soak")
}

/// A small archive of images, one byte of which is another for each `iteration`.
fn damaged(path: &Path, iteration: usize) -> Option<nmnc::ErrorKind> {
    let mut archive = NpzWriter::new();
    for split in ["train", "test"] {
        archive.put(&format!("x_{split}"), &[4, 5, 5], &[7u8; 100]).expect("a name");
        archive.put(&format!("y_{split}"), &[4], &[0i64, 1, 0, 1]).expect("a name");
    }
    let mut bytes = archive.finish().expect("an archive in memory");
    let at = iteration * 31 % bytes.len();
    bytes[at] ^= 1 << (iteration % 8);
    fs::write(path, bytes).expect("to write it");
    let config = DataConfig { source: path.display().to_string(), ..DataConfig::default() };
    config.open(Seed(0)).err().map(|error| error.kind())
}

fn iterate(folder: &Path, iteration: usize) -> Result<()> {
    let run = folder.join("run");
    let _ = fs::remove_dir_all(&run);
    if iteration % 4 == 3 {
        train(&AnyConfig::parse(OVER_TIME, "soak", &["credit.rule=nmnc".to_owned()])?, &run)?;
    } else {
        let rule = format!("credit.rule={}", RULES[iteration % RULES.len()]);
        train(&AnyConfig::parse(LAYERED, "soak", &[rule])?, &run)?;
        analyze(&run, &folder.join("analysis"))?;
    }
    let records = [RunRecords::read(&run)?];
    report::write(&folder.join("page.html"), &report::html(&records, "soak", &[])?)?;
    damaged(&folder.join("set.npz"), iteration);
    // A configuration that is refused.
    assert!(AnyConfig::parse(LAYERED, "soak", &[format!("train.{iteration}=1")]).is_err());
    Ok(())
}

/// A number of `/proc/self/status`.
fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line of it");
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number")
}

/// Slope over time of rows (seconds, KiB), and half its 95 % interval, in KiB an hour: of means of 20 stretches, since one row is like the
/// next.
fn slope(rows: &[(f64, f64)]) -> Option<(f64, f64)> {
    let stretch = (rows.len() / 20).max(1);
    let mean = |values: &mut dyn Iterator<Item = f64>, n: usize| values.sum::<f64>() / n as f64;
    let points: Vec<(f64, f64)> = rows
        .chunks_exact(stretch)
        .map(|c| (mean(&mut c.iter().map(|r| r.0), c.len()), mean(&mut c.iter().map(|r| r.1), c.len())))
        .collect();
    let n = points.len();
    if n < 3 {
        return None;
    }
    let (x, y) = (mean(&mut points.iter().map(|p| p.0), n), mean(&mut points.iter().map(|p| p.1), n));
    let spread: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / spread;
    let rest: f64 = points.iter().map(|p| (p.1 - y - slope * (p.0 - x)).powi(2)).sum();
    let error = (rest / (n - 2) as f64 / spread).sqrt();
    Some((3600.0 * slope, 3600.0 * error * t95(n - 2)))
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seconds, csv] = &arguments[..] else { panic!("soak SECONDS FILE.csv") };
    let seconds: f64 = seconds.parse().expect("a number of seconds");
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("the first pool");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut text = "seconds,iterations,resident_kib,peak_kib,files,threads\n".to_owned();
    let (begun, mut next, mut iteration, mut rows) = (Instant::now(), 0.0, 0, Vec::new());
    while begun.elapsed() < Duration::from_secs_f64(seconds) {
        iterate(folder.path(), iteration)?;
        iteration += 1;
        let now = begun.elapsed().as_secs_f64();
        if now >= next {
            next = now + EVERY;
            let resident = status("VmRSS:");
            let files = fs::read_dir("/proc/self/fd").expect("Linux").count();
            text += &format!(
                "{now:.1},{iteration},{resident},{},{files},{}\n",
                status("VmHWM:"),
                status("Threads:")
            );
            fs::write(csv, &text).expect("to write the rows");
            rows.push((now, resident as f64));
        }
    }
    let settled: Vec<(f64, f64)> = rows.iter().copied().filter(|row| row.0 > seconds / 3.0).collect();
    let flat = slope(&settled).map_or_else(String::new, |(slope, half)| {
        format!(
            ", resident memory {slope:+.0} KiB an hour (95 % interval {:+.0} to {:+.0})",
            slope - half,
            slope + half
        )
    });
    println!("soak: {iteration} iterations, {seconds:.0} s{flat}, failures: 0");
    Ok(())
}
