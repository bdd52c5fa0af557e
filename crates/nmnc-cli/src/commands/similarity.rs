//! `nmnc similarity`.

use std::time::Instant;

use nmnc::analysis::{
    ExampleSplit, Format, Loaded, Seen, SimilaritySettings, Source, similarity, similarity_table,
    write_similarity,
};
use nmnc::{Error, Result, Seed};
use serde_json::json;

use crate::cli::{Similarity, SplitName, TableFormat};
use crate::naming::{self, command_line};
use crate::output::Output;
use crate::progress::duration;
use crate::trial;

/// Compares, writes the folder, and prints the tables.
pub fn run(arguments: &Similarity, out: Output) -> Result<()> {
    let started = Instant::now();
    let settings = SimilaritySettings {
        examples: arguments.examples.unwrap_or(SimilaritySettings::default().examples),
        variance: arguments.variance,
        memory: arguments.max_memory << 20,
        seed: Seed(arguments.seed),
    };
    settings.check()?;
    let split = match arguments.split {
        SplitName::Train => ExampleSplit::Train,
        SplitName::Test => ExampleSplit::Test,
    };
    let labels: Vec<String> = arguments.runs.iter().map(|path| path.display().to_string()).collect();
    arguments.runs.iter().try_for_each(|run| trial::check_of_run(run, arguments.device.as_deref()))?;
    let open = |path: &std::path::PathBuf| {
        let device = arguments.device.clone();
        Loaded::open(&Source { path: path.clone(), data: arguments.data.clone(), split, device })
    };
    let all: Vec<Loaded> = arguments.runs.iter().map(open).collect::<Result<_>>()?;
    let first = &all[0];
    let stages: Vec<usize> = arguments.stage.iter().map(|stage| stage - 1).collect();
    for (label, loaded) in labels.iter().zip(&all) {
        let (own, other) = (loaded.data.shape(), first.data.shape());
        if own != other {
            return Err(Error::config(label, format!("sees images of {own}, {} of {other}", labels[0]))
                .mend("compare networks of the same input size"));
        }
        if loaded.data.len() != first.data.len() {
            let problem =
                format!("has {} examples, {} has {}", loaded.data.len(), labels[0], first.data.len());
            return Err(
                Error::config(label, problem).mend("compare runs on the same data with the same limits")
            );
        }
        Seen::stages(label, loaded, &stages)?;
    }
    let recordings =
        arguments.against.iter().map(|path| Seen::file(path, &settings)).collect::<Result<Vec<_>>>()?;
    for (path, seen) in arguments.against.iter().zip(&recordings) {
        if seen.examples() != first.data.len() {
            let problem = format!("has {} rows, the split {} examples", seen.examples(), first.data.len());
            return Err(Error::data(path.display(), problem)
                .mend("give one row for each example of the split, in its order"));
        }
    }
    let chosen = match recordings.is_empty() {
        true => first.sample(settings.examples, settings.seed),
        false => (0..first.data.len()).collect(),
    };
    let shown = first.data.batch(&chosen)?;
    let mut seen = Vec::new();
    let mut warnings: Vec<String> = Vec::new();
    for (label, loaded) in labels.iter().zip(&all) {
        let own = loaded.data.batch(&chosen)?;
        if own.labels != shown.labels {
            return Err(Error::config(label, format!("was trained on other examples than {}", labels[0]))
                .mend("show all the same by --data"));
        }
        if own.images != shown.images {
            let note = format!(
                "{label}: sees the images standardized otherwise than {}, as in its training",
                labels[0]
            );
            warnings.push(note);
        }
        for warning in loaded.warnings.iter().filter(|w| !warnings.contains(w)).cloned().collect::<Vec<_>>() {
            warnings.push(warning);
        }
    }
    for (label, loaded) in labels.iter().zip(&all) {
        out.prose(format_args!("showing {} examples to {}", chosen.len(), loaded.describe()));
        seen.push(Seen::network(label, loaded, &stages, &chosen, &settings)?);
    }
    seen.extend(recordings);
    let name = match arguments.split {
        SplitName::Train => "training",
        SplitName::Test => "evaluation",
    };
    let data = format!("{}, {name} split", first.config.data.source);
    let data = arguments.data.as_ref().map_or(data, |given| format!("{given}, {name} split"));
    let mut result = similarity(&seen, &data, &settings)?;
    result.warnings.splice(0..0, warnings);
    let formats: Vec<Format> = arguments.format.iter().map(|format| of_name(*format)).collect();
    write_similarity(&arguments.out, &result, &formats, &command_line())?;
    for warning in &result.warnings {
        out.warning("similarity", warning);
    }
    out.line(similarity_table(&result));
    out.event("similarity", json!({ "path": naming::text(&arguments.out), "result": result }));
    out.line(format_args!("compared in {}; the folder:", duration(started.elapsed().as_secs_f64())));
    out.result(naming::shown(&arguments.out));
    Ok(())
}

fn of_name(name: TableFormat) -> Format {
    match name {
        TableFormat::Json => Format::Json,
        TableFormat::Csv => Format::Csv,
        TableFormat::Html => Format::Html,
    }
}
