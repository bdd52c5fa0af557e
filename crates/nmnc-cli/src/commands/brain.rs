//! `nmnc brain`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use nmnc::analysis::{ExampleSplit, Loaded, Source};
use nmnc::brain::{self, Benchmark, BrainSettings, RegressionName, Shown};
use nmnc::similarity::{Bootstrap, Comparison, Distance, Resample};
use nmnc::{Error, Result, Seed};
use serde_json::json;

use crate::cli::{Brain, BrainComparison, ComparisonName, DistanceName, RegressionChoice, ResampleName};
use crate::commands::report::run_folders;
use crate::naming::{self, command_line};
use crate::output::Output;
use crate::progress::duration;
use crate::trial;

/// Compares, writes the folder, prints the table and what came out.
pub fn run(arguments: &Brain, out: Output) -> Result<()> {
    let started = Instant::now();
    let (benchmark, settings) = open(&arguments.comparison)?;
    let runs = networks(&arguments.runs)?;
    let folder = match (&arguments.out, &arguments.runs[..]) {
        (Some(folder), _) => folder.clone(),
        (None, [only]) => only.join(format!("brain-{}", plain(&benchmark.name))),
        (None, _) => PathBuf::from(format!("brain-{}", plain(&benchmark.name))),
    };
    // What is wrong is said before any work.
    brain::check(&folder)?;
    runs.iter().try_for_each(|run| trial::check_of_run(run, arguments.device.as_deref()))?;
    let mut shown = Vec::new();
    let mut warnings = Vec::new();
    for (number, path) in runs.iter().enumerate() {
        let source = Source {
            path: path.clone(),
            data: None,
            split: ExampleSplit::Test,
            device: arguments.device.clone(),
        };
        let loaded = Loaded::open(&source)?;
        out.prose(format_args!("[{}/{}] {}", number + 1, runs.len(), loaded.describe()));
        warnings.extend(loaded.warnings.iter().map(|w| format!("{}: {w}", path.display())));
        let representation =
            brain::represent(&loaded, &benchmark, &settings).map_err(|e| e.within(path.display()))?;
        let config = &loaded.config;
        let initial = serde_json::to_string(&config.network).expect("settings are representable in JSON");
        let name = loaded.run.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let (rule, seed) = (config.credit.rule.clone(), config.seed.0);
        shown.push(Shown { folder: name, rule, seed, initial, representation });
    }
    let found = brain::gather(&shown);
    let (conditions, networks) = (&found.conditions, &found.networks);
    let mut scores = brain::scores(&benchmark, conditions, networks, &found.pixels, &found.pairs, &settings)?;
    scores.warnings.splice(0..0, warnings.into_iter().chain(found.warnings.clone()));
    for warning in &scores.warnings {
        out.warning(&benchmark.name, warning);
    }
    brain::write(&folder, &scores, &benchmark, networks, &found.pixels, &command_line())?;
    let verdict = brain::verdict(&scores);
    out.line(format_args!("\n{}", brain::summary(&scores).text()));
    if !scores.predictivity.is_empty() {
        out.line(format_args!("{}", brain::predictivity(&scores).text()));
    }
    out.line(format_args!("{}", brain::contrasts(&scores).text()));
    if let Some(size) = scores.settings.power {
        out.line(format_args!("{}", brain::power_table(&scores, size, |own| own.stage.is_none()).text()));
        out.prose(format_args!("{}\n", brain::power_note(size)));
    }
    verdict.iter().for_each(|sentence| out.prose(sentence));
    out.event("brain", json!({ "path": naming::text(&folder), "verdict": verdict, "scores": scores }));
    out.line(format_args!(
        "\n{} networks in {}; the folder:",
        runs.len(),
        duration(started.elapsed().as_secs_f64())
    ));
    out.result(naming::shown(&folder));
    Ok(())
}

/// The benchmark and settings that the command line names.
pub fn open(given: &BrainComparison) -> Result<(Benchmark, BrainSettings)> {
    let distance = match given.distance {
        DistanceName::Correlation => Distance::Correlation,
        DistanceName::Euclidean => Distance::Euclidean,
        DistanceName::Cosine => Distance::Cosine,
        DistanceName::Crossnobis => Distance::Crossnobis,
    };
    let benchmark =
        Benchmark::open_by(&given.benchmark, given.root.as_deref(), distance, &super::assembly::read)?;
    let comparison = match given.comparison {
        ComparisonName::Spearman => Comparison::Spearman,
        ComparisonName::KendallTauA => Comparison::KendallTauA,
        ComparisonName::Pearson => Comparison::Pearson,
        ComparisonName::Cosine => Comparison::Cosine,
        ComparisonName::WhitenedCosine => Comparison::WhitenedCosine,
        ComparisonName::WhitenedPearson => Comparison::WhitenedPearson,
    };
    let resample = match given.resample {
        ResampleName::Stimuli => Resample::Stimuli,
        ResampleName::Subjects => Resample::Subjects,
        ResampleName::Both => Resample::Both,
    };
    if given.power.is_some() && resample != Resample::Stimuli {
        return Err(Error::config("--power", "counts stimuli, and so needs them drawn")
            .mend("leave out --resample, or --power"));
    }
    let bootstrap = Bootstrap { draws: given.draws, resample, seed: Seed(given.draw_seed) };
    let regression = match given.regression {
        RegressionChoice::Pls => RegressionName::Pls,
        RegressionChoice::Ridge => RegressionName::Ridge,
        RegressionChoice::None => RegressionName::None,
    };
    Ok((
        benchmark,
        BrainSettings {
            distance,
            comparison,
            bootstrap,
            regression,
            components: given.components,
            power: given.power,
        },
    ))
}

/// Runs and checkpoints among `paths`, and the run folders in the folders among them.
fn networks(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.join("state.json").is_file() {
            found.push(path.clone())
        } else {
            found.extend(run_folders(path)?)
        }
    }
    match found.is_empty() {
        true => Err(Error::config("brain", "no run to compare").mend("give at least one run folder")),
        false => Ok(found),
    }
}

/// The name of a benchmark as part of the name of a folder.
fn plain(name: &str) -> String {
    let keep = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(keep).collect();
    Path::new(&name).file_name().map_or_else(|| "benchmark".to_owned(), |n| n.to_string_lossy().into_owned())
}
