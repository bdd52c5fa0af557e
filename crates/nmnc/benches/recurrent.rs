//! Steps of a recurrent network (256 units, 64 trials, 100 steps): the forward pass alone, and with the gradients of a local online rule
//! and of backpropagation through time.
//!
//!     cargo bench -p nmnc --bench recurrent
//!
//! Throughput counts trial-steps. scripts/yardstick_recurrent.py measures the same beside PyTorch.

use burn::tensor::{Device, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nmnc::Seed;
use nmnc::recurrent::{RecurrentConfig, TimeContext, TimeCreditConfig, TimeSetup};
use nmnc::workers::Share;

const UNITS: usize = 256;
const BATCH: usize = 64;
const STEPS: usize = 100;
const CHANNELS: usize = 3;

fn steps(criterion: &mut Criterion) {
    let device = Device::flex();
    let mut group = criterion.benchmark_group("recurrent");
    group.throughput(Throughput::Elements((BATCH * STEPS) as u64));
    for (kind, settings) in [("rate", "tau = 500"), ("gru", "kind = 'gru'")] {
        let config: RecurrentConfig =
            toml::from_str(&format!("units = {UNITS}\n{settings}")).expect("settings");
        let network = config.build([CHANNELS; 2], 100.0, Seed(0), &device).expect("a network");
        let mut inputs = vec![0.0; STEPS * BATCH * CHANNELS];
        Seed(0).stream(nmnc::seed::Role::Analysis, 0, 0).fill_normal(&mut inputs);
        let error = Tensor::<2>::ones([STEPS * BATCH, CHANNELS], &device) * 1e-3;
        let setup = TimeSetup { network: &network, seed: Seed(0), device: &device };
        let lengths = vec![STEPS; BATCH];
        group.bench_function(format!("{kind}/forward"), |b| {
            b.iter(|| network.evaluate(&inputs, [STEPS, BATCH]));
        });
        for name in ["rflo", "bptt", "vnc", "nmnc"] {
            let mut rule = TimeCreditConfig::preset(name).build(&setup).expect("a rule");
            let mut step = 0;
            group.bench_function(format!("{kind}/{name}"), |b| {
                b.iter(|| {
                    let pass = network.forward(&inputs, [STEPS, BATCH], None);
                    let (network, error, lengths) = (&network, &error, &lengths);
                    let (pass, seed, share) = (&pass, Seed(0), &Share::alone(BATCH));
                    let context = TimeContext { network, pass, error, lengths, step, seed, share };
                    let signals = rule.signals(&context).expect("finite numbers");
                    step += 1;
                    network.gradients(pass, signals, rule.trace(), error)
                });
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(15);
    targets = steps
}
criterion_main!(benches);
