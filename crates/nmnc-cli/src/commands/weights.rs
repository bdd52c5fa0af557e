//! `nmnc weights`.

use std::path::Path;

use nmnc::Result;
use nmnc::train::SharedWeights;
use serde_json::json;

use crate::cli::weights::Weights;
use crate::output::Output;

/// Does what the subcommand says.
pub fn run(command: &Weights, out: Output) -> Result<()> {
    match command {
        Weights::List { source } => list(source, out),
        Weights::Export { source, file } => export(source, file, out),
    }
}

fn list(source: &Path, out: Output) -> Result<()> {
    let weights = SharedWeights::read(source)?;
    let width = weights.arrays.keys().map(String::len).max().unwrap_or(0);
    for (name, array) in &weights.arrays {
        out.event("array", json!({ "name": name, "shape": array.shape }));
        let sizes: Vec<String> = array.shape.iter().map(usize::to_string).collect();
        out.result(format_args!("{name:width$}  {}", sizes.join(" x ")));
    }
    out.line(format_args!("{} of {}", counted(&weights), weights.origin));
    Ok(())
}

fn export(source: &Path, file: &Path, out: Output) -> Result<()> {
    let weights = SharedWeights::read(source)?;
    weights.write(file)?;
    let (arrays, values) = counts(&weights);
    let (file, origin) = (file.display(), &weights.origin);
    out.event(
        "exported",
        json!({ "file": file.to_string(), "from": origin, "arrays": arrays, "values": values }),
    );
    out.line(format_args!("{file}: {} of {origin}", counted(&weights)));
    Ok(())
}

fn counts(weights: &SharedWeights) -> (usize, usize) {
    let values = weights.arrays.values().map(|array| array.shape.iter().product::<usize>());
    (weights.arrays.len(), values.sum())
}

fn counted(weights: &SharedWeights) -> String {
    let (arrays, values) = counts(weights);
    format!("{arrays} arrays, {values} numbers")
}
