//! Weights out of a run and into another.

use crate::common::{Folder, TINY, metrics};

/// Accuracy and loss of the last evaluation of a run.
fn reached(folder: &Folder, run: &str) -> [f64; 2] {
    let rows = metrics(&folder.path(run));
    let last = rows.iter().rev().find(|row| row["test"]["accuracy"].is_f64()).expect("an evaluation");
    ["accuracy", "loss"].map(|key| last["test"][key].as_f64().expect("a number"))
}

#[test]
fn a_run_goes_on_from_the_weights_of_another() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder
        .run(&[
            "train",
            "tiny.toml",
            "--out",
            "first",
            "--set",
            "credit.rule=bp",
            "--set",
            "train.epochs=6",
            "--set",
            "train.optimizer.learning_rate=0.02",
        ])
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
    let [accuracy, loss] = reached(&folder, "first");
    // Weights of nothing would come to the logarithm of ten classes.
    assert!((loss - 10_f64.ln()).abs() > 0.02, "{loss}");
    for (run, from) in [("of-torch", "out/w.pth"), ("of-file", "w.safetensors"), ("of-run", "first")] {
        let from = format!("weights.from={from}");
        let still =
            ["--set", "train.epochs=1", "--set", "train.optimizer.learning_rate=1e-12", "--set", &from];
        let arguments = [&["train", "tiny.toml", "--out", run][..], &still].concat();
        folder.run(&arguments).success();
        let [again, loss_again] = reached(&folder, run);
        assert!(again == accuracy && (loss_again - loss).abs() < 1e-5, "{run}: {again} {loss_again}");
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
    #[cfg(unix)]
    {
        assert!(std::process::Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap().success());
        let waiting = folder.run(&["weights", "list", "pipe"]).failure(4).stderr;
        assert_eq!(waiting, "error: pipe: is a pipe, not a regular file\n");
    }
    let missing = folder.run(&["weights", "list", "nowhere"]).failure(8).stderr;
    assert!(missing.starts_with("error: nowhere: cannot open: "), "{missing}");
}
