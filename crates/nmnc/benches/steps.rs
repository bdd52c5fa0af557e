//! Whole training steps of each rule on the reference network (3-64-128-256 channels on 32x32 images, batch 128, manifold
//! dimension 64, feedback update at every step). The refresh of the manifold is left out: it falls on the first step alone.
//!
//!     cargo bench -p nmnc --bench steps
//!
//! Throughput counts images. `nmnc bench` measures the same steps in turns, and says how near the machine's limit they are.

use burn::tensor::{Device, Distribution, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nmnc::train::{Config, ImageBatch, plan};

const BATCH: usize = 128;
const INPUT: [usize; 3] = [3, 32, 32];
const CLASSES: usize = 10;
const CONFIG: &str = "\
[network]
preset = \"conv3\"
widths = [64, 128, 256]

[credit]
rule = \"bp\"

[credit.nmnc]
manifold = { dimension = 64, refresh = 1_000_000_000_000 }
";
const RULES: [&str; 4] = ["bp", "dfa", "vnc", "nmnc"];

fn random(rows: usize) -> Tensor<2> {
    Tensor::random([rows, INPUT.iter().product()], Distribution::Normal(0.0, 1.0), &Device::flex())
}

fn steps(criterion: &mut Criterion) {
    let config = Config::parse(CONFIG, "bench", &[]).expect("a valid configuration");
    let runs = plan(&config, &RULES.map(str::to_owned), 1).expect("rules in the registry");
    let labels: Vec<u32> = (0..BATCH).map(|index| (index % CLASSES) as u32).collect();
    let mut group = criterion.benchmark_group("step");
    group.throughput(Throughput::Elements(BATCH as u64));
    // Inputs for the manifold of the first step.
    let inputs = |count: usize, _: u64| Ok(random(count).into());
    for run in runs {
        let mut classifier =
            run.config.classifier(INPUT, CLASSES, &Device::flex()).expect("a network that can be built");
        let mut learner = run.config.learner(1);
        let batch = ImageBatch { images: random(BATCH), labels: labels.clone() };
        group.bench_function(&run.config.credit.rule, |b| {
            b.iter(|| {
                let assessed = classifier.assess(batch.clone(), learner.step(), &inputs, false);
                let (assessed, _) = assessed.expect("finite numbers");
                learner.update(classifier.network_mut(), assessed).expect("finite numbers");
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = steps
}
criterion_main!(benches);
