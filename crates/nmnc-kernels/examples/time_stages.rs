//! Times the three passes over three 3x3 stages (3-64-128-256 channels on 32x32 images, rectified, 2x2 max
//! pooling, batch 128): medians of ten, in milliseconds.

use burn::tensor::{Device, Distribution, Tensor};
use nmnc_kernels::{
    Activation, ConvSpec, Pool, conv_activity, conv_forward, conv_gated_error, conv_input_gradient,
    conv_parameter_gradient, matmul,
};

const BATCH: usize = 128;

fn main() {
    let activation = match std::env::args().nth(1).as_deref() {
        Some("tanh") => Activation::Tanh,
        Some("gelu") => Activation::Gelu,
        _ => Activation::Relu,
    };
    let device = Device::flex();
    let random = |shape: [usize; 2]| Tensor::<2>::random(shape, Distribution::Normal(0.0, 0.1), &device);
    let mut totals = [0.0; 5];
    for (input, channels) in [([3, 32, 32], 64), ([64, 16, 16], 128), ([128, 8, 8], 256)] {
        let spec = ConvSpec {
            input,
            channels,
            kernel: 3,
            stride: 1,
            padding: 1,
            activation,
            pool: Pool::Max,
            pool_size: 2,
        };
        let x = random([BATCH, spec.input_units()]);
        let weight = random([channels, spec.fan_in()]);
        let bias = random([1, channels]);
        let delta = random([BATCH, spec.output_units()]);
        let forward = || conv_forward(&spec, x.clone(), weight.clone(), bias.clone());
        let (_, gate) = forward();
        if let Ok(only) = std::env::var("ONLY") {
            let (stage, what) = only.split_once(',').unwrap();
            if stage.parse::<usize>().unwrap() == channels {
                for _ in 0..60 {
                    match what {
                        "f" => drop(forward()),
                        "p" => drop(conv_parameter_gradient(&spec, x.clone(), &gate, delta.clone())),
                        _ => drop(conv_input_gradient(&spec, weight.clone(), &gate, delta.clone())),
                    }
                }
            }
            continue;
        }
        let times = [
            median(forward),
            median(|| conv_activity(&spec, x.clone(), weight.clone(), bias.clone())),
            median(|| conv_gated_error(&spec, &gate, delta.clone())),
            median(|| conv_parameter_gradient(&spec, x.clone(), &gate, delta.clone())),
            median(|| conv_input_gradient(&spec, weight.clone(), &gate, delta.clone())),
        ];
        let gflop = (spec.flops() * BATCH) as f64 * 1e-9;
        println!("{input:?} -> {channels}: {gflop:.2} Gflop per product");
        report(&times);
        for (total, time) in totals.iter_mut().zip(times) {
            *total += time;
        }
    }
    println!("all stages");
    report(&totals);

    println!("products: this crate, and the tensor library's own");
    for [m, k, n] in [[128, 4096, 10], [128, 1024, 1024], [10, 128, 4096], [1024, 2048, 1024]] {
        let (a, b) = (random([m, k]), random([k, n]));
        let ours = median(|| matmul(a.clone(), b.clone()));
        let theirs = median(|| a.clone().matmul(b.clone()));
        println!("  [{m}, {k}] x [{k}, {n}]: {ours:.2} {theirs:.2}");
    }
}

fn report(times: &[f64; 5]) {
    let names = ["forward", "activity", "gated error", "parameter gradient", "input gradient"];
    for (name, time) in names.iter().zip(times) {
        println!("  {name}: {time:.1} ms");
    }
}

fn median<R>(mut run: impl FnMut() -> R) -> f64 {
    run();
    let mut times: Vec<f64> = (0..10)
        .map(|_| {
            let start = cpu();
            let result = run();
            let elapsed = cpu() - start;
            drop(result);
            elapsed
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[4] + times[5]) / 2.0
}

fn cpu() -> f64 {
    let mut total = 0.0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        total += text.split_whitespace().next().unwrap().parse::<f64>().unwrap();
    }
    total / 2e6
}
