//! Peak memory of training against depth: backprop keeps the whole forward pass, a local rule need not.
//!
//!     cargo run --release -p nmnc --example memory_against_depth [-- --csv]
//!
//! Equal convolutional stages without pooling (32 channels, 32x32, batch 64), three training steps. Each case runs in a process of
//! its own, so that its peak resident memory (VmHWM of /proc/self/status; Linux only) is its own. Weights, optimizer and what a
//! rule remembers of each stage still grow with depth; they are counted beside it, and the noise rule has a manifold of 4
//! dimensions followed incrementally, so that they stay small against activity.

use std::process::Command;

use burn::tensor::Device;
use nmnc::device::matrix;
use nmnc::seed::Role;
use nmnc::state::State;
use nmnc::train::{Classifier, Config, ImageBatch, Learner, Resolved};
use nmnc::{Result, Seed};

const DEPTHS: [usize; 5] = [2, 4, 8, 16, 32];
const CASES: [(&str, &str, bool); 3] =
    [("bp", "bp", false), ("nmnc", "nmnc", false), ("nmnc streamed", "nmnc", true)];
const CHANNELS: usize = 32;
const SIDE: usize = 32;
const BATCH: usize = 64;
const OUTPUTS: usize = 10;

fn config(rule: &str, depth: usize, streamed: bool) -> Result<Resolved<Config>> {
    let settings = match rule {
        "nmnc" => "manifold = { dimension = 4, method = \"incremental\", refresh = 1 }",
        _ => "",
    };
    let stage = format!("[[network.stages]]\nkind = \"conv\"\nchannels = {CHANNELS}\npool = \"none\"\n");
    let text = format!(
        "[credit]\nrule = \"{rule}\"\n{settings}\n[train]\nbatch = {BATCH}\nstreamed = {streamed}\n{}",
        stage.repeat(depth)
    );
    Config::parse(&text, "example", &[])?.resolve()
}

/// Bytes of weights and of everything a checkpoint would keep.
fn kept(classifier: &Classifier, learner: &Learner) -> usize {
    let states = [classifier.rule().state(), learner.state()];
    let count =
        |state: &State| state.tensors.values().map(|t| t.dims().iter().product::<usize>()).sum::<usize>();
    4 * (states.iter().map(count).sum::<usize>() + classifier.network().parameter_count())
}

/// Peak resident memory of this process in MiB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this example needs Linux's /proc");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM");
    let number = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
    number.expect("a number of KiB") / 1024.0
}

/// Trains three steps and prints peak memory and memory of weights and state, in MiB.
fn train(rule: &str, depth: usize, streamed: bool) -> Result<()> {
    let config = config(rule, depth, streamed)?;
    let device = Device::flex();
    let mut classifier = config.classifier([CHANNELS, SIDE, SIDE], OUTPUTS, &device)?;
    let mut learner = config.learner(3);
    let none = |_: usize, _: u64| unreachable!("neither rule asks for inputs");
    let units = CHANNELS * SIDE * SIDE;
    for step in 0..3 {
        let mut images = vec![0.0; BATCH * units];
        Seed(1).stream(Role::Analysis, 0, step).fill_normal(&mut images);
        let labels: Vec<u32> = (0..BATCH as u32).map(|i| i % OUTPUTS as u32).collect();
        let batch = ImageBatch { images: matrix(images, [BATCH, units], &device), labels };
        let (assessed, _) = classifier.assess(batch, step, &none, false)?;
        learner.update(classifier.network_mut(), assessed)?;
    }
    println!("{:.1} {:.1}", peak(), kept(&classifier, &learner) as f64 / (1 << 20) as f64);
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [rule, depth, streamed] = &arguments[..] {
        let malformed = "RULE DEPTH STREAMED, as this example calls itself";
        return train(rule, depth.parse().expect(malformed), streamed.parse().expect(malformed));
    }
    let csv = arguments.iter().any(|argument| argument == "--csv");
    if csv {
        println!("case,depth,peak_mib,weights_and_state_mib");
    } else {
        println!("peak resident memory (weights and state) in MiB, by number of stages");
        println!("{:<14}{}", "", DEPTHS.map(|depth| format!("{depth:>18}")).join(""));
    }
    let program = std::env::current_exe().expect("this program");
    for (name, rule, streamed) in CASES {
        let mut row = format!("{name:<14}");
        for depth in DEPTHS {
            let ran = Command::new(&program)
                .args([rule, &depth.to_string(), &streamed.to_string()])
                .output()
                .expect("this program starts");
            assert!(ran.status.success(), "{name} {depth}: {}", String::from_utf8_lossy(&ran.stderr));
            let text = String::from_utf8(ran.stdout).expect("numbers");
            let (peak, kept) = text.trim().split_once(' ').expect("two numbers");
            if csv {
                println!("{name},{depth},{peak},{kept}");
            } else {
                row += &format!("{:>18}", format!("{peak} ({kept})"));
            }
        }
        if !csv {
            println!("{row}");
        }
    }
    Ok(())
}
