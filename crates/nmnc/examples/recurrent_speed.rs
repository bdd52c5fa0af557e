//! Times steps of a recurrent network, as JSON lines: forward pass, forward pass with a local update (fixed feedback, RFLO), forward
//! pass with backpropagation through time. scripts/yardstick_recurrent.py runs it beside PyTorch.
//!
//!     cargo run --release -p nmnc --example recurrent_speed -- UNITS BATCH STEPS RUNS THREADS [rate|gru]

use std::time::Instant;

use burn::tensor::{Device, Tensor};
use nmnc::Seed;
use nmnc::recurrent::{EligibilityTrace, RecurrentConfig, TimeContext, TimeCreditConfig, TimeSetup};
use nmnc::workers::Share;

const INPUTS: usize = 3;
const OUTPUTS: usize = 3;

fn main() {
    // As the command `nmnc` does.
    nmnc::memory::keep_freed();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |at: usize, default: usize| arguments.get(at).map_or(default, |a| a.parse().expect("a number"));
    let [units, batch, steps, runs, threads] =
        [number(0, 256), number(1, 64), number(2, 100), number(3, 15), number(4, 2)];
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("threads");
    let gated = arguments.get(5).is_some_and(|kind| kind == "gru");
    let kind = if gated { "kind = 'gru'".to_owned() } else { "tau = 500".to_owned() };
    let config: RecurrentConfig = toml::from_str(&format!("units = {units}\n{kind}")).expect("settings");
    let device = Device::flex();
    let network = config.build([INPUTS, OUTPUTS], 100.0, Seed(0), &device).expect("a network");
    let mut inputs = vec![0.0; steps * batch * INPUTS];
    Seed(0).stream(nmnc::seed::Role::Analysis, 0, 0).fill_normal(&mut inputs);
    let error = Tensor::<2>::ones([steps * batch, OUTPUTS], &device) * 1e-3;
    let setup = TimeSetup { network: &network, seed: Seed(0), device: &device };
    let lengths = vec![steps; batch];
    let step = |rule: &str| {
        let mut rule = TimeCreditConfig::preset(rule).build(&setup).expect("a rule");
        let pass = network.forward(&inputs, [steps, batch], None);
        let (network, pass, error, lengths) = (&network, &pass, &error, &lengths);
        let (step, seed, share) = (0, Seed(0), &Share::alone(batch));
        let context = TimeContext { network, pass, error, lengths, step, seed, share };
        let signals = rule.signals(&context).expect("finite numbers");
        let trace = if gated { EligibilityTrace::None } else { rule.trace() };
        let _ = network.gradients(pass, signals, trace, error);
    };
    let forward = || drop(network.evaluate(&inputs, [steps, batch]));
    let measures: [(&str, &dyn Fn()); 3] =
        [("forward", &forward), ("local", &|| step("rflo")), ("bptt", &|| step("bptt"))];
    for (name, work) in measures {
        let mut times: Vec<f64> = (0..runs + 3)
            .map(|_| {
                let start = Instant::now();
                work();
                1e3 * start.elapsed().as_secs_f64()
            })
            .skip(3)
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{{\"measure\": \"{name}\", \"ms\": {}}}", times[times.len() / 2]);
    }
}
