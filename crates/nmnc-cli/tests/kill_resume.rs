//! Same seed, same bits: with any number of threads, and after being killed at any moment.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::{Folder, Ran, TINY, last_checkpoint, metrics, nmnc};
use crate::events;

/// Learned feedback on a manifold; a checkpoint after every training step, so that many kills land in writing one.
fn config(optimizer: &str) -> String {
    TINY.replace("optimizer = { name = \"adam\", learning_rate = 1e-3 }", optimizer)
        .replace("epochs = 2", "epochs = 6")
        .replace("[checkpoint]\ninterval = 4", "[checkpoint]\ninterval = 1")
}

const ADAM: &str = "optimizer = { name = \"adam\", learning_rate = 1e-3 }";
/// Also writes an event file of TensorBoard.
const LOGGED: &str = "[logging]\ntensorboard = true\n";
const MOMENTUM: &str = "optimizer = { name = \"sgd\", learning_rate = 0.05, momentum = 0.9 }";

fn weights(run: &Path) -> Vec<u8> {
    fs::read(last_checkpoint(run).join("weights.safetensors")).unwrap()
}

/// What a run comes to, without its clock.
fn result(run: &Path) -> (Vec<serde_json::Value>, Vec<u8>, serde_json::Value) {
    let mut summary: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap();
    let object = summary.as_object_mut().unwrap();
    object.remove("seconds").unwrap();
    object.remove("command").unwrap();
    (metrics(run), weights(run), summary)
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let folder = Folder::new();
    for (name, optimizer) in [("adam", ADAM), ("momentum", MOMENTUM)] {
        folder.write("c.toml", &config(optimizer));
        let train = |threads: &str| {
            let out = format!("{name}-{threads}");
            folder.run(&["train", "c.toml", "--out", &out, "--threads", threads, "--quiet"]).success();
            result(&folder.path(&out))
        };
        let one = train("1");
        assert!(one.0.len() >= 12, "{} records", one.0.len());
        assert_eq!(one, train("2"), "{name}");
    }
}

#[test]
fn a_run_with_adam_survives_being_killed_at_ten_moments() {
    kill_and_resume(&config(ADAM), 1);
}

#[test]
fn a_run_with_momentum_survives_being_killed_at_ten_moments() {
    kill_and_resume(&(config(MOMENTUM) + LOGGED), 2);
}

#[test]
fn a_run_that_follows_its_manifold_survives_being_killed_at_ten_moments() {
    let incremental = config(ADAM).replace("samples = 32 }", "method = \"incremental\", forgetting = 0.7 }");
    assert_ne!(incremental, config(ADAM));
    kill_and_resume(&incremental, 3);
}

fn kill_and_resume(config: &str, seed: u64) {
    let folder = Folder::new();
    folder.write("c.toml", config);
    let begun = Instant::now();
    folder.run(&["train", "c.toml", "--out", "whole", "--threads", "1", "--quiet"]).success();
    let whole_time = begun.elapsed();
    let whole = result(&folder.path("whole"));
    let run = folder.path("killed");
    let mut random = seed;
    let mut reached = BTreeSet::new();
    let mut kills = 0;
    while kills < 10 {
        // A linear congruential generator (Knuth's MMIX constants) is random enough to pick moments.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let fraction = (random >> 40) as f64 / (1u64 << 24) as f64;
        let mut child =
            nmnc(folder.root(), &["train", "c.toml", "--out", "killed", "--resume", "--threads", "1"])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
        std::thread::sleep(whole_time.mul_f64(fraction * 0.6).max(Duration::from_millis(2)));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
            child.wait().unwrap();
        } else {
            // It got through before its time was up: what it leaves must be right; then the next goes over it again.
            let ran = Ran::of(child.wait_with_output().unwrap()).success();
            assert_eq!(ran.stderr, "");
            assert_eq!(result(&run), whole, "after {kills} kills");
            fs::remove_dir_all(&run).unwrap();
        }
        if run.join("checkpoints").is_dir() {
            reached.extend(fs::read_dir(run.join("checkpoints")).unwrap().map(|e| e.unwrap().file_name()));
        }
    }
    folder.run(&["train", "c.toml", "--out", "killed", "--resume", "--quiet"]).success();
    assert!(result(&run) == whole, "the resumed run differs");
    if config.contains(LOGGED) {
        let steps = |run: &Path| events::read(run).iter().map(|event| event.step).collect::<Vec<_>>();
        let of_records: Vec<_> = whole.0.iter().map(|record| record["step"].as_u64().unwrap()).collect();
        assert_eq!((steps(&run), steps(&folder.path("whole"))), (of_records.clone(), of_records));
    }
    assert!(reached.len() >= 3, "the kills fell on too few places: {reached:?}");
    let left: Vec<_> =
        folder.tree().into_iter().filter(|p| p.to_string_lossy().contains(".partial-")).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    let checkpoints = fs::read_dir(run.join("checkpoints")).unwrap().count();
    assert_eq!(checkpoints, 2, "checkpoint.keep");
}
