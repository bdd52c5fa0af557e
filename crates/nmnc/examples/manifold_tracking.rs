//! How well each method follows the manifold of activity that drifts because the network learns: principal angles to exact PCA of
//! 1024 training examples under the same weights, variance captured over that of exact PCA, of these examples and of as many test
//! images that no method has seen, and time. Angles count directions of nearly equal variance, in which a sample says little, as
//! much as all others; captured variance does not.
//!
//!     cargo run --release -p nmnc --example manifold_tracking [-- --csv]
//!
//! A convolutional network learns the embedded sample of Fashion-MNIST by manifold noise correlation. Every 20 training steps
//! each method refreshes its own basis: exact, randomized and warm from the 1024 examples, incremental from the training batch.

use std::time::Instant;

use burn::tensor::{Device, Tensor};
use nmnc::credit::InputSampler;
use nmnc::device::{energy, matrix};
use nmnc::manifold::{Dimension, PcaMethod, Subspace, Tracker, Tracking};
use nmnc::seed::Role;
use nmnc::train::{Config, Problem};
use nmnc::{Result, Seed};

const DIMENSION: usize = 32;
const INTERVAL: u64 = 20;
const SAMPLES: usize = 1024;

const CONFIG: &str = r#"
[network]
preset = "conv3"
widths = [16, 32, 64]

[credit]
rule = "nmnc"
manifold = { dimension = 32, refresh = 20 }

[train]
epochs = 8
batch = 100
"#;

/// One method at one stage, and what it came to.
struct Followed {
    tracker: Tracker,
    batches: bool,
    subspace: Option<Subspace>,
    mean_angle: f64,
    largest_angle: f64,
    captured: f64,
    captured_unseen: f64,
    milliseconds: f64,
}

/// Name, method, warm start, forgetting.
const METHODS: [(&str, PcaMethod, bool, f64); 7] = [
    ("exact", PcaMethod::Exact, false, 1.0),
    ("randomized", PcaMethod::Randomized, false, 1.0),
    ("warm", PcaMethod::Randomized, true, 1.0),
    ("incremental 0.5", PcaMethod::Incremental, false, 0.5),
    ("incremental 0.8", PcaMethod::Incremental, false, 0.8),
    ("incremental 0.9", PcaMethod::Incremental, false, 0.9),
    ("incremental 0.95", PcaMethod::Incremental, false, 0.95),
];

impl Followed {
    fn new((_, method, warm_start, forgetting): (&str, PcaMethod, bool, f64)) -> Result<Self> {
        let dimension = Dimension::Count(DIMENSION);
        Ok(Self {
            tracker: Tracker::new(Tracking { dimension, method, warm_start, forgetting })?,
            batches: method == PcaMethod::Incremental,
            subspace: None,
            mean_angle: 0.0,
            largest_angle: 0.0,
            captured: 0.0,
            captured_unseen: 0.0,
            milliseconds: 0.0,
        })
    }

    fn refresh(&mut self, activity: Tensor<2>, stage: usize, step: u64) -> Result<()> {
        let mut stream = Seed(0).stream(Role::RangeFinder, stage, step);
        let begun = Instant::now();
        self.subspace = self.tracker.refresh(self.subspace.as_ref(), activity, &mut stream)?.subspace;
        self.milliseconds += begun.elapsed().as_secs_f64() * 1e3;
        Ok(())
    }

    fn compare(&mut self, exact: &Subspace, seen: &Tensor<2>, unseen: &Tensor<2>) -> Result<()> {
        let Some(own) = &self.subspace else { return Ok(()) };
        let angles = own.principal_angles(exact)?;
        self.mean_angle += angles.iter().sum::<f64>().to_degrees() / angles.len() as f64;
        self.largest_angle += angles.last().copied().unwrap_or(0.0).to_degrees();
        let inside = |subspace: &Subspace, x: &Tensor<2>| energy(&subspace.coordinates(x.clone()));
        self.captured += inside(own, seen) / inside(exact, seen);
        self.captured_unseen += inside(own, unseen) / inside(exact, unseen);
        Ok(())
    }
}

fn centered(activity: &Tensor<2>) -> Tensor<2> {
    activity.clone() - activity.clone().mean_dim(0)
}

fn main() -> Result<()> {
    let csv = std::env::args().any(|argument| argument == "--csv");
    let config = Config::parse(CONFIG, "example", &[])?.resolve()?;
    let device = Device::flex();
    let mut images = config.images()?;
    let mut learner = config.learner(images.steps_per_epoch());
    let steps = config.train.epochs * images.steps_per_epoch();
    let units = images.stage_units();
    let mut followed: Vec<Vec<Followed>> = units
        .iter()
        .map(|_| METHODS.iter().map(|method| Followed::new(*method)).collect::<Result<_>>())
        .collect::<Result<_>>()?;
    let held_back = &images.splits().evaluation;
    let test = held_back.batch(&(0..SAMPLES.min(held_back.len())).collect::<Vec<_>>())?;
    let unseen = matrix(test.images, [test.labels.len(), held_back.shape().len()], &device);
    let mut compared = 0;
    for step in 0..steps {
        let batch = images.batch(step)?;
        if step.is_multiple_of(INTERVAL) {
            let sample = images.network().activities(images.inputs().sample(SAMPLES, step)?);
            let batch = images.network().activities(batch.images.clone());
            let unseen = images.network().activities(unseen.clone());
            for (stage, followed) in followed.iter_mut().enumerate() {
                for one in followed.iter_mut() {
                    let activity = if one.batches { &batch[stage] } else { &sample[stage] };
                    one.refresh(activity.clone(), stage, step)?;
                }
                // The first refreshes have nothing to follow yet.
                if step >= 5 * INTERVAL {
                    let exact = followed[0].subspace.clone().expect("activity varies");
                    let (seen, unseen) = (centered(&sample[stage]), centered(&unseen[stage]));
                    followed.iter_mut().try_for_each(|one| one.compare(&exact, &seen, &unseen))?;
                }
            }
            compared += u64::from(step >= 5 * INTERVAL);
        }
        let (assessed, _) = images.assess(batch, step, false)?;
        learner.update(images.network_mut(), assessed)?;
    }
    let refreshes = steps.div_ceil(INTERVAL) as f64;
    if csv {
        println!(
            "stage,units,method,mean_angle_degrees,largest_angle_degrees,captured_over_exact,unseen_captured_over_exact,milliseconds"
        );
    } else {
        println!("means over {compared} refreshes, dimension {DIMENSION}");
        println!(
            "stage  units  method            mean angle  largest  captured/exact    unseen  ms a refresh"
        );
    }
    for (stage, followed) in followed.iter().enumerate() {
        for ((name, ..), one) in METHODS.iter().zip(followed) {
            let sums = [one.mean_angle, one.largest_angle, one.captured, one.captured_unseen];
            let [mean, largest, captured, unseen] = sums.map(|sum| sum / compared as f64);
            let (stage, units, time) = (stage + 1, units[stage], one.milliseconds / refreshes);
            if csv {
                println!("{stage},{units},{name},{mean:.4},{largest:.4},{captured:.6},{unseen:.6},{time:.2}");
            } else {
                println!(
                    "{stage:>5}  {units:>5}  {name:<16}  {mean:>8.2}°  {largest:>6.2}°  {captured:>14.5}  {unseen:>8.5}  {time:>12.1}"
                );
            }
        }
    }
    Ok(())
}
