//! What can be done with a run that is there: training it for longer, starting another from it, asking it about examples.

use std::fs;
use std::path::Path;

use nmnc::data::npz::Array;
use nmnc::train::SharedWeights;

use crate::common::files::json;
use crate::common::{Folder, Ran, TINY, last_checkpoint, metrics};

fn weights(run: &Path) -> Vec<u8> {
    fs::read(last_checkpoint(run).join("weights.safetensors")).unwrap()
}

#[test]
fn a_run_that_is_complete_goes_on_for_longer_to_the_weights_of_one_that_was_longer_from_the_start() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let train =
        |out: &str, more: &[&str]| folder.run(&[&["train", "tiny.toml", "--out", out], more].concat());
    let longer = ["--set", "train.epochs=3"];
    train("whole", &longer).success();
    train("parts", &[]).success();
    // Not without being asked to go on.
    train("parts", &longer).failure(5);
    let went_on = train("parts", &[&["--resume"], &longer[..]].concat()).success();
    assert_eq!(
        went_on.stderr,
        "warning: parts: the run goes on with other settings (train.epochs: 2 there, 3 here)\n"
    );
    let [whole, parts] = ["whole", "parts"].map(|run| folder.path(run));
    assert_eq!(weights(&whole), weights(&parts));
    assert_eq!(metrics(&whole).last().unwrap()["test"], metrics(&parts).last().unwrap()["test"]);
    let text = |run: &Path| fs::read_to_string(run.join("config.toml")).unwrap();
    assert_eq!(text(&whole), text(&parts));
    // It is now a run of the longer configuration, for analyses as well.
    let again = train("parts", &[&["--resume"], &longer[..]].concat()).success();
    assert!(again.stdout.starts_with("this run is complete"), "{}", again.stdout);
    folder.run(&["analyze", "parts", "--examples", "60", "--jacobians", "10", "--probes", "0"]).success();
}

#[test]
fn what_learning_depends_on_cannot_be_changed_on_the_way_and_records_can() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let resume = |set: &[&str]| {
        let sets = set.iter().flat_map(|set| ["--set", set]);
        let arguments: Vec<&str> =
            ["train", "tiny.toml", "--out", "run", "--resume"].into_iter().chain(sets).collect();
        folder.run(&arguments)
    };
    resume(&[]).success();
    let refused = |ran: Ran, reason: &str| {
        let stderr = ran.failure(5).stderr;
        assert!(stderr.contains(reason), "{stderr}");
    };
    let before = weights(&folder.path("run"));
    refused(
        resume(&["train.epochs=3", "train.batch=32"]),
        "another configuration (train.batch: 64 there, 32 here)",
    );
    refused(resume(&["train.epochs=1"]), "has made 8 training steps already, more than the 4 asked for");
    assert!(folder.path("run/summary.json").exists());
    assert_eq!(weights(&folder.path("run")), before);
    // Other records, and a schedule whose meaning changes with the number of epochs.
    let told = resume(&["train.epochs=4", "metrics.interval=1", "checkpoint.keep=1"]).success();
    assert_eq!(told.stderr.lines().count(), 1, "{}", told.stderr);
    let steps: Vec<u64> =
        metrics(&folder.path("run")).iter().map(|row| row["step"].as_u64().unwrap()).collect();
    assert_eq!(steps[steps.len() - 8..], [9, 10, 11, 12, 13, 14, 15, 16]);
    assert_eq!(json(&folder.path("run/summary.json"))["steps"], 16);

    let cosine = ["train.schedule=cosine", "train.epochs=3"];
    let arguments = ["train", "tiny.toml", "--out", "cosine", "--set", cosine[0]];
    folder.run(&arguments).success();
    let told = folder.run(&[&arguments[..], &["--set", cosine[1], "--resume"]].concat()).success().stderr;
    assert!(
        told.contains("its learning rate follows the cosine of the new number of epochs from here on"),
        "{told}"
    );
}

#[test]
fn weights_fit_in_part_if_they_may_and_the_run_says_which() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder.run(&["train", "tiny.toml", "--out", "first"]).success();
    let wider = [
        "train",
        "tiny.toml",
        "--out",
        "second",
        "--set",
        "network.widths=[4, 4, 5]",
        "--set",
        "weights.from=first",
    ];
    let stderr = folder.run(&wider).failure(4).stderr;
    assert!(stderr.contains("has shape"), "{stderr}");
    let told = folder.run(&[&wider[..], &["--set", "weights.partial=true"]].concat()).success().stderr;
    for words in [
        "5 of 8 arrays of the network are from first/checkpoints/step-0000000008: readout.bias, stage1.bias, stage1.weight and 2 more",
        "left at their initial values: readout.weight, stage3.bias, stage3.weight",
        "not used: readout.weight, stage3.bias, stage3.weight",
    ] {
        assert!(told.contains(words), "{told}");
    }
    // Nothing fits: not what was meant.
    let other = ["train", "tiny.toml", "--out", "third", "--set", "network={preset='mlp', widths=[3]}"];
    let sets = [
        "--set",
        "weights.from=first",
        "--set",
        "weights.partial=true",
        "--set",
        "weights.except=['readout']",
    ];
    let stderr = folder.run(&[&other[..], &sets].concat()).failure(4).stderr;
    assert!(stderr.contains("holds nothing that the network has by name and shape"), "{stderr}");
    let stderr = folder.run(&["train", "tiny.toml", "--set", "weights.partial=true"]).failure(3).stderr;
    assert!(stderr.contains("weights.partial: has no meaning without weights.from"), "{stderr}");
}

/// Folders of one class each with pictures of a single gray value and a little of each picture's own.
fn pictures(root: &Path, classes: &[(&str, u8)], count: u8) {
    for (class, gray) in classes {
        let folder = root.join(class);
        fs::create_dir_all(&folder).unwrap();
        for picture in 0..count {
            let value = |x: u32, y: u32| gray.wrapping_add(((x * 7 + y * 3) as u8 + picture) % 16);
            let image = image::GrayImage::from_fn(12, 12, |x, y| image::Luma([value(x, y)]));
            image.save(folder.join(format!("{picture:02}.png"))).unwrap();
        }
    }
}

fn floats(path: &Path, name: &str) -> Vec<f32> {
    Array::read(path, name).unwrap().unwrap().floats().unwrap()
}

#[test]
fn predictions_are_those_of_the_run_and_other_pictures_are_seen_as_it_saw_its_own() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let classes = [("bright", 200), ("dark", 10), ("gray", 100)];
    pictures(&folder.path("pictures/train"), &classes, 12);
    pictures(&folder.path("pictures/test"), &classes, 5);
    let run = [
        "train",
        "tiny.toml",
        "--out",
        "run",
        "--set",
        "data={source='pictures'}",
        "--set",
        "train.epochs=4",
    ];
    folder.run(&[&run[..], &["--set", "train.batch=12"]].concat()).success();
    let predict =
        |more: &[&str]| folder.run(&[&["predict", "run", "--json"], more].concat()).success().stdout;
    let found = |printed: &str| -> serde_json::Value {
        let line = printed.lines().find(|line| line.contains("\"event\":\"predictions\"")).unwrap();
        serde_json::from_str::<serde_json::Value>(line).unwrap()["found"].clone()
    };
    let own = found(&predict(&["--stage", "1,3"]));
    let test = json(&folder.path("run/summary.json"))["test"].clone();
    assert_eq!((&own["accuracy"], &own["loss"]), (&test["accuracy"], &test["loss"]));
    let archive = folder.path("run/predictions.npz");
    let logits = floats(&archive, "logits");
    assert_eq!(logits.len(), 15 * 3);
    assert_eq!(floats(&archive, "stage_1").len(), 15 * 4 * 6 * 6);
    assert_eq!(floats(&archive, "stage_3").len(), 15 * 4);
    // Logits are the readout of the last stage's activity, decisions the largest of them.
    let weights = SharedWeights::read(&folder.path("run")).unwrap();
    let [weight, bias] = ["readout.weight", "readout.bias"].map(|name| weights.arrays[name].singles());
    let (activity, labels) = (floats(&archive, "stage_3"), floats(&archive, "labels"));
    let mut right = 0;
    for (row, activity) in activity.chunks_exact(4).enumerate() {
        let own = &logits[3 * row..3 * row + 3];
        for (class, logit) in own.iter().enumerate() {
            let sum: f32 = activity.iter().zip(&weight[4 * class..]).map(|(a, w)| a * w).sum();
            assert!((sum + bias[class] - logit).abs() < 1e-4 && *logit != 0.0, "{row}, {class}");
        }
        let largest = (0..3).max_by(|&a, &b| own[a].total_cmp(&own[b])).unwrap();
        assert_eq!(floats(&archive, "predicted")[row], largest as f32);
        right += usize::from(labels[row] == largest as f32);
    }
    assert_eq!(own["accuracy"], right as f64 / 15.0);
    assert_eq!(labels, [[0.0; 5], [1.0; 5], [2.0; 5]].concat());
    // The same pictures beside other training pictures, two of the classes: shifted and scaled as in training, matched by name.
    pictures(&folder.path("other/train"), &[("gray", 250), ("bright", 240)], 3);
    pictures(&folder.path("other/test"), &[("gray", 100), ("bright", 200)], 5);
    let other = found(&predict(&["--data", "other", "--out", "two.npz"]));
    let seen = floats(&folder.path("two.npz"), "logits");
    assert_eq!(seen[..15], logits[..15], "bright comes first in both");
    assert_eq!(seen[15..], logits[30..], "gray is the last of three and of two");
    assert_eq!(floats(&folder.path("two.npz"), "labels"), [[0.0; 5], [2.0; 5]].concat());
    assert_eq!(other["known"], 10);
    // A class that the network does not know counts for nothing, and is said.
    pictures(&folder.path("third/train"), &[("gray", 100), ("pink", 50)], 3);
    pictures(&folder.path("third/test"), &[("gray", 100), ("pink", 50)], 5);
    let third = found(&predict(&["--data", "third", "--out", "arrays"]));
    assert_eq!((&third["examples"], &third["known"]), (&10.into(), &5.into()));
    assert!(third["warnings"][0].as_str().unwrap().starts_with("1 of 2 classes, such as `pink`"), "{third}");
    for name in ["logits", "predicted", "labels", "indices"] {
        assert!(folder.path(&format!("arrays/{name}.npy")).is_file(), "{name}");
    }
    // What was learned from is known by the checkpoint, not by the data, which may be gone.
    let checkpoint = json(&last_checkpoint(&folder.path("run")).join("state.json"));
    assert_eq!(checkpoint["trained_on"]["classes"], serde_json::json!(["bright", "dark", "gray"]));
    fs::remove_dir_all(folder.path("pictures")).unwrap();
    assert_eq!(found(&predict(&["--data", "other", "--out", "three.npz"]))["accuracy"], other["accuracy"]);
    let stderr = folder.run(&["predict", "run", "--data", "other", "--stage", "4"]).failure(3).stderr;
    assert!(stderr.contains("there is no stage 4"), "{stderr}");
}
