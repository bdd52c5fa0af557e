//! Weights out of a run and into another.

mod common;

use common::{Folder, TINY, metrics};

/// Accuracy of the last evaluation of a run.
fn accuracy(folder: &Folder, run: &str) -> f64 {
    let rows = metrics(&folder.path(run));
    rows.iter().rev().find_map(|row| row["test"]["accuracy"].as_f64()).expect("an evaluation")
}

#[test]
fn a_run_goes_on_from_the_weights_of_another() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder
        .run(&["train", "tiny.toml", "--out", "first", "--set", "credit.rule=bp", "--set", "train.epochs=6"])
        .success();
    let listed = folder.run(&["weights", "list", "first"]).success().stdout;
    assert!(listed.starts_with("readout.bias"), "{listed}");
    assert!(listed.contains(" arrays, 706 numbers of first/checkpoints/step-"), "{listed}");
    for file in ["out/w.pth", "w.safetensors"] {
        let told = folder.run(&["weights", "export", "first", file]);
        if file.starts_with("out/") {
            told.failure(8);
            std::fs::create_dir(folder.path("out")).unwrap();
            folder.run(&["weights", "export", "first", file]).success();
        } else {
            assert!(told.success().stdout.starts_with("w.safetensors: "));
        }
    }
    let reached = accuracy(&folder, "first");
    for (run, from) in [("of-torch", "out/w.pth"), ("of-file", "w.safetensors"), ("of-run", "first")] {
        let from = format!("weights.from={from}");
        let still =
            ["--set", "train.epochs=1", "--set", "train.optimizer.learning_rate=1e-12", "--set", &from];
        let arguments = [&["train", "tiny.toml", "--out", run][..], &still].concat();
        folder.run(&arguments).success();
        assert_eq!(accuracy(&folder, run), reached, "{run}");
        // The network before training is where this one began.
        folder
            .run(&[
                "analyze",
                run,
                "--examples",
                "50",
                "--jacobians",
                "5",
                "--probes",
                "1",
                "--out",
                "analysis",
            ])
            .success();
    }
    let refused = folder.run(&["weights", "export", "first", "w.txt"]).failure(3).stderr;
    assert_eq!(
        refused,
        "error: w.txt: has no extension of a format of weights; let it end in .safetensors or .pth\n"
    );
    let missing = folder.run(&["weights", "list", "nowhere"]).failure(8).stderr;
    assert!(missing.starts_with("error: nowhere: cannot read: "), "{missing}");
}
