//! `nmnc bench`.

use nmnc::Result;
use nmnc::bench::{Bench, Part, Report, Row, Spread};
use nmnc::train::{Config, plan};
use serde_json::{Value, json};

use crate::bench_table;
use crate::cli::{self, BenchPart, device_setting};
use crate::output::Output;
use crate::{together, trial};

/// Classes of the synthetic images.
const CLASSES: usize = 10;

/// Measures, and prints what was measured.
pub fn run(arguments: &cli::Bench, out: Output) -> Result<()> {
    let processes = match arguments.only.as_slice() {
        [BenchPart::Network] => together::processes()?,
        _ => None,
    };
    let config = configuration(arguments)?;
    trial::check(&config.device)?;
    let bench = Bench {
        runs: plan(&config, &arguments.rules, 1)?,
        input: [arguments.image_channels, arguments.size, arguments.size],
        outputs: CLASSES,
        parts: match arguments.only.as_slice() {
            [] => Part::ALL.to_vec(),
            chosen => chosen.iter().map(|part| part.library()).collect(),
        },
        repetitions: arguments.runs,
        processes,
    };
    let report = bench.measure()?;
    for warning in &report.warnings {
        out.warning("bench", warning);
    }
    if out.json {
        events(&report, out);
        return Ok(());
    }
    out.payload(&bench_table::text(&report))
}

/// The network and training that the arguments describe, and the settings of every rule with noise.
fn configuration(arguments: &cli::Bench) -> Result<Config> {
    let cli::Bench { pool, batch, dimension, interval, samples, .. } = arguments;
    let stages: Vec<String> = arguments
        .channels
        .iter()
        .map(|channels| format!("{{ kind = \"conv\", channels = {channels}, pool = \"{pool}\" }}"))
        .collect();
    let method = arguments.manifold_method.as_ref();
    let method = method.map_or_else(String::new, |name| format!(", method = {}", json!(name)));
    let manifold = format!("manifold = {{ dimension = {dimension}, samples = {samples}{method} }}");
    let text = format!(
        "[network]\nstages = [{}]\n[train]\nbatch = {batch}\n[credit]\nrule = \"bp\"\n\
         [credit.vnc]\ninterval = {interval}\n[credit.nmnc]\ninterval = {interval}\n{manifold}\n\
         [credit.manifold-node-perturbation]\n{manifold}\n",
        stages.join(", ")
    );
    let device = arguments.device.as_deref().map(device_setting);
    let settings: Vec<String> = device.into_iter().chain(arguments.set.iter().cloned()).collect();
    Config::parse(&text, "bench", &settings)
}

fn events(report: &Report, out: Output) {
    let machine = &report.machine;
    out.event(
        "machine",
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "environment": nmnc::ENVIRONMENT.iter().copied().collect::<std::collections::BTreeMap<_, _>>(),
            "processor": machine.processor,
            "cores": machine.cores,
            "threads": machine.threads,
            "accelerator": machine.accelerator,
            "vectors": machine.vectors,
        }),
    );
    for row in &report.rows {
        out.event("row", fields(row));
    }
    out.event("process", json!({ "peak_memory_bytes": report.peak_memory }));
}

fn fields(row: &Row) -> Value {
    let spread = |spread: &Spread, factor: f64| {
        json!({
            "minimum": spread.minimum * factor,
            "lower_quartile": spread.lower_quartile * factor,
            "median": spread.median * factor,
            "upper_quartile": spread.upper_quartile * factor,
        })
    };
    json!({
        "part": row.part.name(),
        "variant": row.variant,
        "threads": row.threads,
        "milliseconds": spread(&row.seconds, 1e3),
        "images": row.images,
        "images_per_second": row.images_per_second(),
        "operations": row.operations,
        "gflops": row.gflops(),
        "gigabytes_per_second": row.gigabytes_per_second(),
        "share_of_peak": row.share_of_peak,
        "page_faults": row.faults.as_ref().map(|faults| spread(faults, 1.0)),
    })
}

impl BenchPart {
    fn library(self) -> Part {
        match self {
            Self::Matmul => Part::Matmul,
            Self::Copy => Part::Copy,
            Self::Launch => Part::Launch,
            Self::Forward => Part::Forward,
            Self::Step => Part::Step,
            Self::Refresh => Part::Refresh,
            Self::Data => Part::Data,
            Self::Network => Part::Network,
        }
    }
}
