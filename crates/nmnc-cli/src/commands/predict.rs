//! `nmnc predict`.

use nmnc::analysis::{ExampleSplit, Loaded, Source, predict, write_predictions};
use nmnc::train::AnyConfig;
use nmnc::{Error, Result, Seed};
use serde_json::json;

use crate::cli::{Predict, SplitName};
use crate::naming;
use crate::output::Output;
use crate::trial;

/// Shows the network examples, and writes what it says of them.
pub fn run(arguments: &Predict, out: Output) -> Result<()> {
    if let Some(AnyConfig::Trials(_)) = trial::config_of(&arguments.run)? {
        return Err(Error::config(
            arguments.run.display(),
            "is a run on a task, whose trials are made, not given",
        )
        .mend("`nmnc analyze` writes its states over trials"));
    }
    trial::check_of_run(&arguments.run, arguments.device.as_deref())?;
    let (split, name) = match arguments.split {
        SplitName::Train => (ExampleSplit::Train, "training"),
        SplitName::Test => (ExampleSplit::Test, "evaluation"),
    };
    let source = Source {
        path: arguments.run.clone(),
        data: arguments.data.clone(),
        split,
        device: arguments.device.clone(),
    };
    let loaded = Loaded::open(&source)?;
    let data = arguments.data.clone().unwrap_or_else(|| loaded.config.data.source.clone());
    let chosen = match arguments.examples {
        Some(count) => loaded.sample(count, Seed(arguments.seed)),
        None => (0..loaded.data.len()).collect(),
    };
    let stages: Vec<usize> = arguments.stage.iter().map(|stage| stage - 1).collect();
    let found = predict(&loaded, &chosen, &stages)?;
    let path = arguments.out.clone().unwrap_or_else(|| loaded.run.join("predictions.npz"));
    write_predictions(&path, &found)?;
    for warning in &found.warnings {
        out.warning(&found.subject, warning);
    }
    out.line(format_args!("{}", found.subject));
    out.line(format_args!("{} examples of {data}, {name} split", found.examples));
    if let (Some(loss), Some(accuracy)) = (found.loss, found.accuracy) {
        out.line(format_args!("loss {loss:.4}, accuracy {:.2} %", 100.0 * accuracy));
    }
    out.event(
        "predictions",
        json!({ "path": naming::text(&path), "data": data, "split": name, "found": found }),
    );
    out.result(naming::shown(&path));
    Ok(())
}
