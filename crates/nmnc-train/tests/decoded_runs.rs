//! Runs on images that are decoded anew for every batch: the same bits by any number of workers, and after stops in mid-epoch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use nmnc_testing::golden_path;
use nmnc_train::{Config, Observer, RunOptions, Silent};

use crate::common::{StopAt, outcome};

const CONFIG: &str = r#"
[data]
source = "SOURCE"
image_size = 16
resize = 20
cache_mib = 0
train_limit = 44
augment = { flip = true, resized_crop = { scale = [0.1, 1.0] }, jitter = { brightness = 0.4, hue = 0.1 } }

[network]
preset = "conv3"
widths = [4, 4, 4]

[credit]
rule = "nmnc"
manifold = { dimension = 4, samples = 20, refresh = 3 }

[train]
epochs = 3
batch = 8

[metrics]
interval = 3
alignment_interval = 5
dimension = 4
samples = 20

[checkpoint]
interval = 4
"#;

/// Two classes of one picture, of which training sees other parts in other colors each time.
fn pictures(folder: &Path) {
    for (split, count) in [("train", 24), ("val", 3)] {
        for class in ["cat", "dog"] {
            let below = folder.join(split).join(class);
            std::fs::create_dir_all(&below).unwrap();
            for at in 0..count {
                std::fs::copy(golden_path("picture.jpg"), below.join(format!("{at:02}.jpg"))).unwrap();
            }
        }
    }
}

fn train(source: &Path, workers: usize, folder: &Path, observer: &mut dyn Observer) {
    let text = CONFIG.replace("SOURCE", source.to_str().unwrap());
    let config = Config::parse(&text, "test", &[format!("data.workers={workers}")]).unwrap();
    let options = RunOptions { resume: true, command: "test".into(), ..RunOptions::default() };
    config.resolve().unwrap().run(folder, &options, observer).unwrap();
}

#[test]
fn decoded_batches_repeat_by_any_number_of_workers_and_resume_in_mid_epoch() {
    let source = tempfile::tempdir().unwrap();
    pictures(source.path());
    let done = |workers: usize, stops: &[u64]| {
        let folder = tempfile::tempdir().unwrap();
        std::panic::set_hook(Box::new(|_| {}));
        for &stop in stops {
            let stopped = catch_unwind(AssertUnwindSafe(|| {
                train(source.path(), workers, folder.path(), &mut StopAt(stop));
            }));
            assert!(stopped.is_err(), "went past step {stop}");
        }
        let _ = std::panic::take_hook();
        train(source.path(), workers, folder.path(), &mut Silent);
        outcome(folder.path())
    };
    let first = done(0, &[]);
    assert!(first.0.len() >= 6, "{} records", first.0.len());
    // Six steps an epoch.
    assert!(first == done(1, &[5, 9]), "one worker, stopped twice");
    assert!(first == done(3, &[]), "three workers");
    assert!(first == done(3, &[3, 14]), "three workers, stopped twice");
}
