//! The memory that is reckoned against the memory that is taken, counted at the allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nmnc_core::{ErrorKind, Seed};
use nmnc_data::DataConfig;
use nmnc_train::{AnyConfig, Config, Images, Learner, Need, Problem, Resolved, SequenceConfig};

/// Counts the bytes in use.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
/// One measurement at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn took(bytes: usize) {
    let used = USED.fetch_add(bytes, Ordering::Relaxed) + bytes;
    MOST.fetch_max(used, Ordering::Relaxed);
}

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: passed on.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        took(size);
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: passed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// As [`taken`], a second time: a library of linear algebra keeps memory for each thread that decomposes a matrix, hundreds of megabytes of
/// which it hardly touches.
fn taken_again<P: Problem>(make: impl Fn() -> (P, Learner)) -> usize {
    taken(&make);
    taken(make)
}

/// The most bytes in use beyond those before, in three training steps, a measurement and an evaluation.
fn taken<P: Problem>(make: impl FnOnce() -> (P, Learner)) -> usize {
    let before = USED.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let (mut problem, mut learner) = make();
    for step in 0..3 {
        let batch = problem.batch(step).unwrap();
        let (assessed, measured) = problem.assess(batch, step, step == 1).unwrap();
        problem.prepare(step + 1);
        if let Some(measured) = measured {
            problem.measure(&measured, step).unwrap();
        }
        learner.update(problem.network_mut(), assessed).unwrap();
    }
    problem.evaluate().unwrap();
    MOST.load(Ordering::Relaxed) - before
}

/// Fails unless what is reckoned is from nearly what is taken to three times as much.
fn compare(what: &str, need: &Need, taken: usize) {
    let reckoned = need.total();
    let ratio = reckoned as f64 / taken as f64;
    println!(
        "{what}: {:.1} MB reckoned, {:.1} MB taken, {ratio:.2}",
        reckoned as f64 / 1e6,
        taken as f64 / 1e6
    );
    assert!((0.9..3.0).contains(&ratio), "{what}: {reckoned} bytes are reckoned, {taken} are taken");
}

fn images(text: &str) -> Resolved<Config> {
    Config::parse(&format!("data = {{ train_limit = 600, test_limit = 300 }}\n{text}"), "test", &[])
        .unwrap()
        .resolve()
        .unwrap()
}

#[test]
fn what_is_reckoned_for_images_is_what_is_taken() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let data = DataConfig { train_limit: Some(600), test_limit: Some(300), ..DataConfig::default() };
    let splits = data.open(Seed(0)).unwrap();
    let conv = "network = { preset = 'conv3', widths = [8, 16, 16] }\ntrain = { batch = 200 }\n";
    let mlp = "network = { preset = 'mlp', widths = [600, 400] }\ntrain = { batch = 200 }\n";
    let average = "network = { preset = 'lenet' }\ntrain = { batch = 300, optimizer = { name = 'sgd', learning_rate = 0.1 } }\n";
    for (what, text) in [("conv3", conv), ("mlp", mlp), ("lenet", average)] {
        for rule in nmnc_learn::credit::rule_names() {
            let manifold = match rule {
                "nmnc" | "manifold-node-perturbation" => "manifold = { samples = 300, dimension = 32 }\n",
                "manifold-mirror" => "initial = 500\nmanifold = { samples = 300, dimension = 32 }\n",
                _ => "",
            };
            let config = images(&format!(
                "{text}metrics = {{ samples = 300 }}\n[credit]\nrule = '{rule}'\n{manifold}"
            ));
            let reckoned = config.need([1, 28, 28], 10, [600, 300], None).unwrap();
            let taken = taken_again(|| -> (Images, Learner) {
                (config.images_of(splits.clone(), &Default::default()).unwrap(), config.learner(3))
            });
            compare(&format!("{what}, {rule}"), &reckoned, taken);
        }
    }
}

#[test]
fn what_is_reckoned_for_deep_networks_is_what_is_taken() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let data = DataConfig { train_limit: Some(60), test_limit: Some(30), ..DataConfig::default() };
    let splits = data.open(Seed(0)).unwrap();
    for (preset, scale) in [("resnet20", 0.5), ("vit-tiny", 0.2)] {
        for rule in ["bp", "nmnc", "manifold-mirror"] {
            let manifold = match rule {
                "nmnc" => "manifold = { samples = 60, dimension = 16 }\n",
                "manifold-mirror" => "initial = 100\nmanifold = { samples = 60, dimension = 16 }\n",
                _ => "",
            };
            let config = images(&format!(
                "network = {{ preset = '{preset}', scale = {scale} }}\ntrain = {{ batch = 20 }}\n\
                 metrics = {{ samples = 60 }}\n[credit]\nrule = '{rule}'\n{manifold}"
            ));
            let network = config.network.build([1, 28, 28], 10, Seed(0), &Default::default()).unwrap();
            let reckoned = config.need([1, 28, 28], 10, [60, 30], Some(&network)).unwrap();
            drop(network);
            let taken = taken_again(|| -> (Images, Learner) {
                (config.images_of(splits.clone(), &Default::default()).unwrap(), config.learner(3))
            });
            compare(&format!("{preset}, {rule}"), &reckoned, taken);
        }
    }
}

#[test]
fn what_is_reckoned_for_trials_is_what_is_taken() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let tasks = [
        "task = 'DelayMatchSample'\nrecurrent = { units = 100 }",
        "task = { name = 'Copying', delay = 30 }\nrecurrent = { units = 80, kind = 'gru' }",
    ];
    for task in tasks {
        for rule in
            nmnc_learn::recurrent::time_rule_names().filter(|rule| *rule != "rflo" && *rule != "e-prop")
        {
            let manifold =
                if rule.contains("mani") || rule == "nmnc" { "manifold = { dimension = 16 }" } else { "" };
            let text = format!(
                "{task}\ntrain = {{ batch = 100, evaluation = 250 }}\n[credit]\nrule = '{rule}'\n{manifold}"
            );
            let config = SequenceConfig::parse(&text, "test", &[]).unwrap().resolve().unwrap();
            let reckoned = config.need(config.task.open(Seed(0)).unwrap().as_ref()).unwrap();
            let taken = taken_again(|| (config.trials().unwrap(), config.learner(3)));
            compare(&format!("{task}, {rule}").replace('\n', ", "), &reckoned, taken);
        }
    }
}

#[test]
fn what_is_reckoned_for_filters_over_time_is_what_is_taken() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let manifold = "manifold = { dimension = 128, samples = 300 }";
    for credit in [
        format!("rule = 'nmnc'\nbudget = 0.5\n{manifold}"),
        format!("rule = 'nmnc'\nestimator = 'recursive-least-squares'\n{manifold}"),
        "rule = 'vnc'\nbudget = 0.5".to_owned(),
    ] {
        let [one, forty] = [1, 40].map(|lags| {
            let text = format!(
                "task = 'DelayMatchSample'\nrecurrent = {{ units = 200 }}\ntrain = {{ batch = 10, evaluation = 10 }}\n[credit]\nlags = {lags}\n{credit}\n"
            );
            let config = SequenceConfig::parse(&text, "test", &[]).unwrap().resolve().unwrap();
            let reckoned = config.need(config.task.open(Seed(0)).unwrap().as_ref()).unwrap();
            let taken = taken_again(|| (config.trials().unwrap(), config.learner(3)));
            compare(&format!("{credit}, {lags} lags").replace('\n', ", "), &reckoned, taken);
            [reckoned.total() as f64, taken as f64]
        });
        // What is to the filters alone, one for each lag, where they have covariances.
        let [reckoned, taken] = [0, 1].map(|of| forty[of] - one[of]);
        let covariances = credit.contains("manifold");
        assert!(
            !covariances || (0.9..3.0).contains(&(reckoned / taken)),
            "{credit}: {reckoned} reckoned, {taken} taken"
        );
    }
}

/// Sizes whose products leave every type are reckoned, and refused before anything is made, where the system tells what there is.
#[cfg(target_os = "linux")]
#[test]
fn the_largest_training_is_refused() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let text = "network = { preset = 'mlp', widths = [16777216, 16777216] }\ncredit = { rule = 'nmnc' }\ntrain = { batch = 1000000000 }";
    let config = images(text);
    let data = DataConfig { train_limit: Some(100), ..DataConfig::default() };
    let refused = config.images_of(data.open(Seed(0)).unwrap(), &Default::default()).map(drop).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Memory);
    assert!(refused.to_string().starts_with("memory: needs "), "{refused}");
    let text = "task = { name = 'ReadySetGo', gain = 1000.0, dt = 0.001 }\ncredit = { rule = 'nmnc', lags = 1000000000 }\n\
                recurrent = { units = 65536 }\ntrain = { batch = 1000000000 }";
    let AnyConfig::Trials(config) = AnyConfig::parse(text, "test", &[]).unwrap() else { panic!("a task") };
    let refused = config.resolve().unwrap().trials().map(drop).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Memory);
}
