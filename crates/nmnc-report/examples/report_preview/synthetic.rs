//! Invented runs: curves of about the right shape, no measurement.

use nmnc_core::records::{Record, RunRecords, Score, StageRecord, Status, Summary};
use nmnc_core::seed::{Role, Seed, Stream};

/// The shape of a rule's curves.
#[derive(Clone, Copy)]
pub struct Shape {
    /// The rule.
    pub rule: &'static str,
    /// Final accuracy.
    pub accuracy: f64,
    /// Epochs to get most of the way.
    pub time: f64,
    /// Probes per example.
    pub probes: u64,
    /// Cosine to backprop's error signal in the last stage.
    pub cosine: f64,
    /// Dimension of the manifold.
    pub dimension: Option<usize>,
}

const EPOCHS: u64 = 40;
const STEPS: u64 = 400;
const EXAMPLES: u64 = 50_000;

/// One run of `shape`, ended after `epochs` epochs as `status` says.
pub fn run(shape: Shape, seed: u64, units: &[usize], epochs: u64, status: Option<Status>) -> RunRecords {
    let index = shape.rule.bytes().map(usize::from).sum::<usize>() + shape.dimension.unwrap_or(0);
    let mut noise = Seed(seed).stream(Role::Analysis, index, 0);
    let mut normal = move |size: f64| size * gauss(&mut noise);
    let offset = normal(0.02);
    let mut records = Vec::new();
    let diverges = status == Some(Status::Diverged);
    for point in 1..=epochs * 2 {
        let epoch = point as f64 / 2.0;
        let progress = 1.0 - (-epoch / shape.time).exp();
        let mut accuracy = 0.1 + (shape.accuracy - 0.1 + offset) * progress + normal(0.003);
        let mut loss = 2.3 - 2.1 * (shape.accuracy - 0.1) * progress + normal(0.01);
        if diverges && point + 4 > epochs * 2 {
            let late = (point + 5 - epochs * 2) as f64;
            loss += 0.9 * late * late;
            accuracy = (accuracy - 0.06 * late).max(0.1);
        }
        let whole = point % 2 == 0;
        let stage = |(i, &n): (usize, &usize)| {
            let dimension = shape.dimension.map(|d| d.min(n / 2));
            let exact = shape.rule == "bp";
            let depth = (units.len() - i) as f64;
            let cosine = (shape.cosine * 0.86f64.powf(depth - 1.0) * (0.55 + 0.45 * progress)
                + 0.01 * (epoch + depth + seed as f64).sin())
            .clamp(-1.0, 1.0);
            let energy = dimension.map(|d| {
                let share = d as f64 / n as f64;
                share
                    + (0.92 - 0.05 * depth - share) * (0.4 + 0.6 * progress)
                    + 0.01 * (epoch * 1.3 + seed as f64).cos()
            });
            let cosine = if exact { 1.0 } else { cosine };
            let weight = if exact { 1.0 } else { (cosine * 1.9).min(0.97) };
            StageRecord {
                stage: i + 1,
                units: n,
                cosine,
                angle_degrees: cosine.acos().to_degrees(),
                norm_ratio: if shape.rule == "bp" { 1.0 } else { 0.4 / cosine.max(0.02) },
                weight_cosine: weight,
                weight_angle_degrees: weight.acos().to_degrees(),
                weight_norm_ratio: if exact { 1.0 } else { 0.8 },
                mean_cosine: Some((cosine * 1.3).min(if exact { 0.7 } else { 0.97 })),
                rule_dimension: dimension,
                feedback_error: None,
                probe_rate: None,
                manifold_share: None,
                dimension,
                captured_energy: energy,
                margin: energy.zip(dimension).map(|(e, d)| e - d as f64 / n as f64),
            }
        };
        records.push(Record {
            step: point * STEPS / 2,
            epoch,
            probes: shape.probes * EXAMPLES * point / 2,
            learning_rate: 0.05,
            seconds: epoch * (4.0 + shape.probes as f64 * 0.4),
            images_per_second: EXAMPLES as f64 / (4.0 + shape.probes as f64 * 0.4),
            waiting: 0.0,
            train: Some(Score { loss: loss.max(0.02), accuracy: accuracy + 0.03, top5: None }),
            test: whole.then_some(Score { loss: loss + 0.08 + 0.004 * epoch, accuracy, top5: None }),
            trials: None,
            conditions: Vec::new(),
            psychometric: None,
            stages: if whole { units.iter().enumerate().map(stage).collect() } else { Vec::new() },
        });
    }
    let mut rule = format!("[rule]\npreset = \"{}\"\n", shape.rule);
    if let Some(dimension) = shape.dimension {
        rule.push_str(&format!("dimension = {dimension}\n"));
    }
    let label = shape.dimension.map_or_else(|| shape.rule.to_owned(), |d| format!("{}-{d}", shape.rule));
    let folder = format!("runs/synthetic/{label}-{seed}");
    let command = format!("nmnc train --rule {} --epochs {EPOCHS} --seed {seed} --out {folder}", shape.rule);
    let last = records.last();
    let summary = status.map(|status| Summary {
        rule: shape.rule.to_owned(),
        seed,
        status,
        test: last.and_then(|r| r.test),
        trials: None,
        psychometric: None,
        held_out: false,
        best_test_accuracy: records.iter().filter_map(|r| r.test).map(|s| s.accuracy).reduce(f64::max),
        steps: last.map_or(0, |r| r.step),
        epochs: last.map_or(0.0, |r| r.epoch),
        probes: last.map_or(0, |r| r.probes),
        probes_per_example: shape.probes as f64,
        seconds: last.map_or(0.0, |r| r.seconds),
        stage_units: units.to_vec(),
        parameters: 1_742_858,
        loss_factor: None,
        warnings: if shape.dimension.is_some() {
            vec!["stage 3: the manifold has fewer directions than were asked for (10 of 32)".to_owned()]
        } else {
            Vec::new()
        },
        version: "0.1.0".to_owned(),
        environment: vec![
            ("burn".to_owned(), "0.22.0".to_owned()),
            ("rustc".to_owned(), "1.95.0".to_owned()),
            ("operating system".to_owned(), "linux x86_64".to_owned()),
        ],
        device: "flex (CPU, synthetic)".to_owned(),
        command,
        config_sha256: format!("{:064x}", u128::from(seed) * 0x9e37_79b9_7f4a_7c15),
    });
    RunRecords {
        folder: folder.into(),
        config_text: format!(
            "# synthetic\n{rule}\n[data]\nsource = \"cifar10\"\n\n[[network.stages]]\nkind = \"dense\"\nunits = \
             1024\nactivation = \"relu\"\n\n[train]\nepochs = {EPOCHS}\nbatch = 125\noptimizer = {{ name = \"sgd\", \
             learning_rate = 0.05 }}\nseed = {seed}\n"
        ),
        rule: shape.rule.to_owned(),
        seed,
        records,
        summary,
    }
}

/// A standard normal number.
fn gauss(stream: &mut Stream) -> f64 {
    let radius = (-2.0 * stream.uniform().ln()).sqrt();
    radius * (std::f64::consts::TAU * stream.uniform()).cos()
}

const BP: Shape = Shape { rule: "bp", accuracy: 0.618, time: 4.0, probes: 0, cosine: 1.0, dimension: None };
const DFA: Shape =
    Shape { rule: "dfa", accuracy: 0.512, time: 6.0, probes: 0, cosine: 0.34, dimension: None };
const NMNC: Shape =
    Shape { rule: "nmnc", accuracy: 0.532, time: 7.0, probes: 54, cosine: 0.62, dimension: Some(32) };
const VNC: Shape =
    Shape { rule: "vnc", accuracy: 0.415, time: 14.0, probes: 54, cosine: 0.17, dimension: None };
const UNITS: [usize; 3] = [1024, 512, 10];

/// Four rules with three seeds each, one diverged and one unfinished.
pub fn full() -> Vec<RunRecords> {
    let mut runs = Vec::new();
    for shape in [BP, NMNC, VNC, DFA] {
        for seed in 1..=3 {
            runs.push(run(shape, seed, &UNITS, EPOCHS, Some(Status::Complete)));
        }
    }
    runs.push(run(VNC, 4, &UNITS, 17, Some(Status::Diverged)));
    runs.push(run(NMNC, 4, &UNITS, 23, None));
    runs
}

/// One run in progress.
#[allow(dead_code, reason = "the tests use other cases")]
pub fn one() -> Vec<RunRecords> {
    vec![run(NMNC, 1, &UNITS, 9, None)]
}

/// More settings than there are colors, in a deep network.
#[allow(dead_code, reason = "the tests use other cases")]
pub fn many() -> Vec<RunRecords> {
    let units = [2048, 1024, 512, 256, 10];
    let mut runs = vec![run(BP, 1, &units, EPOCHS, Some(Status::Complete))];
    for (i, dimension) in [2, 4, 8, 16, 32, 64, 128].into_iter().enumerate() {
        let i = i as f64;
        let shape = Shape {
            dimension: Some(dimension),
            accuracy: 0.45 + 0.015 * i,
            cosine: 0.3 + 0.05 * i,
            probes: dimension as u64,
            ..NMNC
        };
        runs.push(run(shape, 1, &units, EPOCHS, Some(Status::Complete)));
        runs.push(run(shape, 2, &units, EPOCHS, Some(Status::Complete)));
    }
    runs.push(run(VNC, 1, &units, EPOCHS, Some(Status::Complete)));
    runs
}
