//! `nmnc config check`: whether a run can start.

use std::path::Path;

use nmnc::net::{Geometry, Pool};
use nmnc::plan::plan;
use nmnc::train::{AnyConfig, Need, Resolved, RunConfig};
use nmnc::{ErrorKind, Result, device, memory};
use serde_json::{Value, json};

use crate::cli::CheckConfig;
use crate::naming;
use crate::output::Output;
use crate::plan_table::{scaled, time};
use crate::trial;

/// What a run would begin with.
struct Start {
    subject: String,
    parts: Vec<String>,
    need: Need,
    /// Seconds that training takes, without measurements.
    seconds: Option<f64>,
}

/// Reads the configuration and, unless only its settings are asked for, opens and builds all that a run begins with.
pub fn run(arguments: &CheckConfig, out: Output) -> Result<()> {
    let path = &arguments.config;
    let config = AnyConfig::read(path, &arguments.overrides.settings())?.resolve()?;
    check_name(path, config.device())?;
    let toml = arguments.resolved.then(|| config.to_toml());
    let start = match arguments.resolved || arguments.settings {
        true => None,
        false => Some(start(&config)?),
    };
    out.event(
        "checked",
        json!({
            "config": naming::text(path),
            "sha256": config.sha256(),
            "resolved": toml,
            "start": start.as_ref().map(event),
        }),
    );
    match (toml, start) {
        _ if out.json => Ok(()),
        (Some(toml), _) => out.payload(&toml),
        (None, Some(start)) => {
            lines(&start, &config, out);
            Ok(())
        }
        (None, None) => {
            out.line("ok: the settings; neither data nor device were opened");
            Ok(())
        }
    }
}

/// A device that this machine lacks is no fault of the configuration, a misspelled one is.
fn check_name(path: &Path, name: &str) -> Result<()> {
    if device::has_driver(name) {
        return Ok(());
    }
    match device::open(name) {
        Err(error) if error.kind() == ErrorKind::Config => Err(error.within(path.display())),
        _ => Ok(()),
    }
}

/// Does what a run does before its first step, and forgets it.
fn start(config: &Resolved<AnyConfig>) -> Result<Start> {
    trial::check(config.device())?;
    let parts = match &**config {
        AnyConfig::Images(images) => {
            let resolved = images.resolve()?;
            let shape = resolved.images()?.splits().train.shape();
            let input = [shape.channels, shape.height, shape.width];
            resolved.network.geometry(input)?.map(|stages| stages.iter().map(told).collect())
        }
        AnyConfig::Trials(trials) => {
            trials.resolve()?.trials()?;
            None
        }
    };
    let plan = plan(config, None, true)?;
    let parts = parts.unwrap_or_default();
    Ok(Start { subject: plan.subject.clone(), parts, seconds: plan.run().seconds, need: plan.need })
}

/// A stage in words.
fn told(stage: &Geometry) -> String {
    match stage {
        Geometry::Dense { inputs, units } => format!("{inputs} to {units} units"),
        Geometry::Conv(spec) => {
            let [channels, height, width] = spec.output();
            let pool = match spec.pool {
                Pool::None => "no pooling".to_owned(),
                Pool::Max => format!("{0}x{0} max pooling", spec.pool_size),
                Pool::Average => format!("{0}x{0} average pooling", spec.pool_size),
            };
            format!("{0}x{0} convolution, {pool}: {channels}x{height}x{width}", spec.kernel)
        }
    }
}

fn lines(start: &Start, config: &Resolved<AnyConfig>, out: Output) {
    out.prose(format!("ok: {}, {}", config.rule(), start.subject));
    for (index, stage) in start.parts.iter().enumerate() {
        out.line(format!("stage {}  {stage}", index + 1));
    }
    let needed = scaled(start.need.total() as f64, "B");
    let there = memory::available().map(|there| format!(" of {} that are there", scaled(there as f64, "B")));
    out.line(format!("memory   {needed}{}", there.unwrap_or_default()));
    if let Some(seconds) = start.seconds {
        let name = config.device();
        out.line(format!("time     about {} on {name}, measurements aside", time(seconds)));
    }
}

fn event(start: &Start) -> Value {
    json!({
        "subject": start.subject,
        "stages": start.parts,
        "memory_bytes": u64::try_from(start.need.total()).unwrap_or(u64::MAX),
        "seconds": start.seconds,
    })
}
