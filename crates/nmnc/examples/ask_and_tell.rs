//! Time of asking for 16 perturbations of 512 units and telling what they did to 10 outputs: what a binding to another language adds to.
//!
//!     cargo run --release -p nmnc --example ask_and_tell
//!     PYTHONPATH=python python3 scripts/yardstick_python.py target/release/examples/ask_and_tell

use std::time::Instant;

use burn::tensor::{Device, Tensor};
use nmnc::device::{matrix, values};
use nmnc::estimator::{JacobianEstimator, JacobianSettings, Learning};
use nmnc::manifold::{Dimension, Dimensions, ManifoldConfig, PcaMethod};
use nmnc::seed::{Role, Seed};

const UNITS: usize = 512;
const OUTPUTS: usize = 10;
const PROBES: usize = 16;
const ROUNDS: usize = 400;

fn main() -> nmnc::Result<()> {
    let device = Device::flex();
    let mut settings = JacobianSettings::new(UNITS, OUTPUTS);
    settings.learning = Learning::Recursive { forgetting: 1.0, ridge: 1e-3 };
    settings.probing.manifold = Some(ManifoldConfig {
        dimension: Dimensions::Same(Dimension::Count(32)),
        method: PcaMethod::Incremental,
        ..ManifoldConfig::default()
    });
    let mut estimator = JacobianEstimator::new(settings, &device)?;
    let activity = Seed(1).stream(Role::Analysis, 0, 0).normals([256, UNITS], &device);
    estimator.refresh(0, &activity)?;
    let row: Tensor<2> = activity.narrow(0, 0, 1);
    let changes = vec![0.1; PROBES * OUTPUTS];
    let mut times = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let start = Instant::now();
        let asked = estimator.ask(0, round * PROBES..(round + 1) * PROBES, &row)?.expect("there is activity");
        let noise = values::<f32>(&asked.noise());
        estimator.learn_from(&asked, matrix(changes.clone(), [PROBES, OUTPUTS], &device));
        times.push(start.elapsed().as_secs_f64() * 1e6);
        assert_eq!(noise.len(), PROBES * UNITS);
    }
    times.sort_by(f64::total_cmp);
    println!("{:.1}", times[ROUNDS / 2]);
    Ok(())
}
