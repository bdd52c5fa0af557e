//! `nmnc sweep`: what a file stands for, parts of it, and many processes on one folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nmnc::files::{FolderLock, IfTaken, LOCK_FILE};

use crate::common::files::csv;
use crate::common::{self, Folder, Ran, TINY, last_checkpoint, metrics, nmnc};

/// Two rules with two rates drawn, and two seeds: eight runs.
const SWEEP: &str = "\
base = 'tiny.toml'
seeds = [1, 4]
[grid]
credit.rule = ['bp', 'nmnc']
[random]
draws = 2
[random.settings]
train.optimizer.learning_rate = { from = 3e-4, to = 3e-3, scale = 'log' }
";

fn prepared(sweep: &str) -> Folder {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder.write("s.toml", sweep);
    folder
}

fn spawn(folder: &Folder, arguments: &str) -> Child {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    nmnc(folder.root(), &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn run(folder: &Folder, arguments: &str) -> Ran {
    Ran::of(spawn(folder, arguments).wait_with_output().unwrap())
}

/// The folders of the runs, by what `--list` prints.
fn names(folder: &Folder) -> Vec<String> {
    let listed = run(folder, "sweep s.toml --list --json").success().stdout;
    let name = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["name"].as_str().unwrap().to_owned()
    };
    listed.lines().map(name).collect()
}

/// What a run comes to, without its clock and command.
fn result(run: &Path) -> (Vec<serde_json::Value>, Vec<u8>, serde_json::Value) {
    let mut summary = common::files::json(&run.join("summary.json"));
    for key in ["seconds", "command"] {
        summary.as_object_mut().unwrap().remove(key).unwrap();
    }
    (metrics(run), fs::read(last_checkpoint(run).join("weights.safetensors")).unwrap(), summary)
}

fn hidden(folder: &Folder) -> Vec<std::path::PathBuf> {
    let is_hidden =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    folder.tree().into_iter().filter(|path| is_hidden(path)).collect()
}

#[test]
fn a_sweep_is_made_once_shown_and_merged_into_one_table() {
    let folder = prepared(SWEEP);
    let names = names(&folder);
    let drawn: Vec<&str> = names.iter().map(|name| name.split("learning_rate=").nth(1).unwrap()).collect();
    let rates: Vec<&str> = drawn.iter().map(|text| text.rsplit_once("-seed").unwrap().0).collect();
    assert!(
        rates[..4].iter().all(|rate| *rate == rates[0]) && rates[4..].iter().all(|rate| *rate == rates[4])
    );
    assert_ne!(rates[0], rates[4]);
    for (at, name) in names.iter().enumerate() {
        let (draw, rule, seed) = (at / 4, ["bp", "nmnc"][at / 2 % 2], [1, 4][at % 2]);
        assert_eq!(*name, format!("draw={draw}-rule={rule}-learning_rate={}-seed{seed}", rates[at]));
    }
    let commands = run(&folder, "sweep s.toml --list --out o").success().stdout;
    let expected: Vec<String> =
        (1..=8).map(|task| format!("nmnc sweep s.toml --out o --task {task}")).collect();
    assert_eq!(commands.lines().collect::<Vec<_>>(), expected);
    assert!(!folder.path("runs").exists(), "something was made");

    let made = run(&folder, "sweep s.toml").success();
    assert!(made.stdout.ends_with(" s; the report:\nruns/s/report.html\n"), "{made:?}");
    for (name, rate) in names.iter().zip(&rates) {
        let text = fs::read_to_string(folder.path("runs/s").join(name).join("config.toml")).unwrap();
        let config: toml::Table = text.parse().unwrap();
        let used = config["train"]["optimizer"]["learning_rate"].as_float().unwrap();
        assert_eq!(used, rate.parse::<f64>().unwrap(), "the name holds the very number");
    }
    let rows = csv(&folder.path("runs/s/records.csv"));
    assert_eq!(rows.iter().map(|row| &row["run"]).collect::<BTreeSet<_>>().len(), 8);
    for row in &rows {
        let at = names.iter().position(|name| *name == row["run"]).unwrap();
        assert_eq!(row["credit.rule"], row["rule"]);
        assert_eq!(row["train.optimizer.learning_rate"].parse::<f64>(), rates[at].parse());
    }
    let again = run(&folder, "sweep s.toml").success();
    assert_eq!(again.stdout.matches("made before, kept").count(), 8, "{again:?}");
    // Each point for itself, not as if rates were seeds.
    let page = run(&folder, "report runs/s --out page.html").success().stdout;
    for rule in ["BP", "NMNC"] {
        for rate in [rates[0], rates[4]] {
            let row = format!("| {rule} (learning_rate {}) ", rate.parse::<f64>().unwrap());
            assert!(
                page.lines().any(|line| line.starts_with(&row) && line.contains("| 1, 4  |")),
                "{row}: {page}"
            );
        }
    }
    let status = run(&folder, "sweep status s.toml").success().stdout;
    assert_eq!(status.matches("test accuracy").count(), 8, "{status}");
    assert!(status.ends_with("runs/s: 8 runs: 8 complete\n"), "{status}");
}

#[test]
fn parts_make_the_whole_and_the_last_of_them_the_report() {
    let folder = prepared(SWEEP);
    run(&folder, "sweep s.toml --out whole").success();
    let names = names(&folder);
    let one = run(&folder, "sweep s.toml --out o --task 3 --quiet").success();
    assert_eq!(one.stdout, "1 of 8 runs in o have ended\n");
    let made =
        || names.iter().filter(|name| folder.path("o").join(name).join("summary.json").exists()).count();
    assert!(folder.path("o").join(&names[2]).join("summary.json").exists() && made() == 1);
    run(&folder, "sweep s.toml --out o --shard 1/2").success();
    assert_eq!(made(), 4, "the third run is one of the share");
    // In the middle of a run, and before one.
    folder.write(
        &format!("o/{}/config.toml", names[1]),
        &fs::read_to_string(folder.path("whole").join(&names[1]).join("config.toml")).unwrap(),
    );
    let lock = FolderLock::take(&folder.path("o").join(&names[3]), IfTaken::Leave, &mut |_| {}).unwrap();
    let status = run(&folder, "sweep status s.toml --out o").success().stdout;
    let line = |at: usize| status.lines().nth(at).unwrap();
    assert!(line(0).contains("test accuracy") && line(1).ends_with("  interrupted"), "{status}");
    assert!(line(3).contains(&format!("  running: process {} on ", std::process::id())), "{status}");
    assert!(line(5).ends_with("  waiting"), "{status}");
    assert!(status.ends_with("o: 8 runs: 4 complete, 1 running, 1 interrupted, 2 waiting\n"), "{status}");
    drop(lock);
    assert!(!folder.path("o/report.html").exists());
    let last = run(&folder, "sweep s.toml --out o --shard 2/2 --quiet").success();
    assert_eq!(last.stdout, "o/report.html\n");
    for name in &names {
        assert!(result(&folder.path("o").join(name)) == result(&folder.path("whole").join(name)), "{name}");
    }
    assert_eq!(csv(&folder.path("o/records.csv")).len(), csv(&folder.path("whole/records.csv")).len());
    assert!(hidden(&folder).is_empty(), "{:?}", hidden(&folder));
    let beyond = run(&folder, "sweep s.toml --task 9").failure(3);
    assert_eq!(beyond.stderr, "error: --task 9: there are 8 runs; --list prints them\n");
}

#[test]
fn comparisons_and_experiments_are_made_in_parts_too() {
    let folder = prepared(SWEEP);
    let compare = "compare tiny.toml --rules bp,dfa --seeds 2 --out";
    run(&folder, &format!("{compare} whole")).success();
    let listed = run(&folder, &format!("{compare} o --list")).success().stdout;
    assert_eq!(listed.lines().count(), 4);
    for (at, line) in listed.lines().enumerate() {
        assert_eq!(line, format!("nmnc {compare} o --task {}", at + 1));
        assert!(!folder.path("o/report.html").exists());
        run(&folder, line.strip_prefix("nmnc ").unwrap()).success();
    }
    for name in ["bp-seed0", "bp-seed1", "dfa-seed0", "dfa-seed1"] {
        assert!(result(&folder.path("o").join(name)) == result(&folder.path("whole").join(name)), "{name}");
    }
    assert!(folder.path("o/report.html").exists());

    let settings = "--quiet --quick --seeds 1 --examples 60 --set data={train_limit=128,test_limit=50} --set train.epochs=1";
    let reproduce = format!("reproduce alignment {settings} --out");
    run(&folder, &format!("{reproduce} e-whole")).success();
    let runs = run(&folder, &format!("{reproduce} e --list")).success().stdout.lines().count();
    assert!(runs >= 3, "{runs}");
    for share in 1..=2 {
        assert!(!folder.path("e/measurements.csv").exists());
        let told = run(&folder, &format!("{reproduce} e --shard {share}/2")).success().stdout;
        let expected =
            [format!("{} of {runs} runs in e have ended\n", runs.div_ceil(2)), "e/report.html\n".to_owned()];
        assert_eq!(told.lines().last().unwrap().to_owned() + "\n", expected[share - 1]);
    }
    let text = |out: &str| fs::read_to_string(folder.path(out).join("measurements.csv")).unwrap();
    assert_eq!(text("e"), text("e-whole"));
}

/// A linear congruential generator (Knuth's MMIX constants): random enough to pick moments.
fn next(random: &mut u64) -> f64 {
    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*random >> 40) as f64 / (1u64 << 24) as f64
}

#[test]
fn eight_processes_of_which_three_are_killed_make_every_run_once_and_to_the_same_bits() {
    let sweep = SWEEP.replace("seeds = [1, 4]", "seeds = 3");
    let folder = prepared(&sweep.replace("base = 'tiny.toml'", "base = 'longer.toml'"));
    let longer = TINY
        .replace("epochs = 2", "epochs = 6")
        .replace("[checkpoint]\ninterval = 4", "[checkpoint]\ninterval = 2");
    folder.write("longer.toml", &longer);
    run(&folder, "sweep s.toml --out alone --threads 1 --quiet").success();
    let names = names(&folder);
    assert_eq!(names.len(), 12);

    let made =
        || names.iter().filter(|name| folder.path("o").join(name).join("summary.json").exists()).count();
    let mut random = 5;
    let mut workers: Vec<Child> =
        (0..8).map(|_| spawn(&folder, "sweep s.toml --out o --threads 1 --json")).collect();
    for (at, worker) in workers[..3].iter_mut().enumerate() {
        // When so many runs have ended, and a moment later.
        let enough = at * 3 + (3.0 * next(&mut random)) as usize;
        let begun = Instant::now();
        while made() < enough {
            assert!(begun.elapsed() < Duration::from_secs(120), "nothing is made");
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis((60.0 * next(&mut random)) as u64));
        assert!(worker.try_wait().unwrap().is_none(), "it was done before it could be killed");
        worker.kill().unwrap();
    }
    let ended: Vec<Ran> =
        workers.into_iter().map(|worker| Ran::of(worker.wait_with_output().unwrap())).collect();
    let mut finished = Vec::new();
    for (at, ran) in ended.iter().enumerate() {
        if at >= 3 {
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
        }
        // The last line of a killed process may be half a line.
        let events =
            ran.stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        finished.extend(
            events
                .filter(|event| event["event"] == "finished")
                .map(|event| event["run"].as_str().unwrap().to_owned()),
        );
    }
    finished.sort();
    // A process killed between its summary and telling of it has finished a run that nobody tells of.
    assert!(finished.windows(2).all(|pair| pair[0] != pair[1]), "made twice: {finished:?}");
    assert!(finished.len() >= 12 - 3, "{finished:?}");
    for name in &names {
        assert!(result(&folder.path("o").join(name)) == result(&folder.path("alone").join(name)), "{name}");
    }
    assert!(folder.path("o/report.html").exists());
    assert!(hidden(&folder).is_empty(), "{:?}", hidden(&folder));
    let status = run(&folder, "sweep status s.toml --out o").success().stdout;
    assert!(status.contains("12 complete"), "{status}");
}

/// The claim of a process of another computer, which nobody of this one can ask: it is gone if it says nothing new for half a minute.
#[test]
fn a_claim_of_another_computer_costs_no_time_until_nothing_else_is_left_and_expires() {
    let folder = prepared(&SWEEP.replace("seeds = [1, 4]", "seeds = 1"));
    let names = names(&folder);
    let first = folder.path("o").join(&names[0]);
    fs::create_dir_all(&first).unwrap();
    let lock = FolderLock::take(&first, IfTaken::Leave, &mut |_| {}).unwrap();
    let text = fs::read_to_string(first.join(LOCK_FILE)).unwrap();
    drop(lock);
    let mut other: serde_json::Value = serde_json::from_str(&text).unwrap();
    other["process"]["host"] = "elsewhere".into();
    other["process"]["boot"] = "another".into();
    folder.write(&format!("o/{}/{LOCK_FILE}", names[0]), &other.to_string());
    let begun = Instant::now();
    let mut sweep = spawn(&folder, "sweep s.toml --out o");
    let ended = |name: &String| folder.path("o").join(name).join("summary.json").exists();
    while !names[1..].iter().all(ended) {
        assert!(begun.elapsed() < Duration::from_secs(25), "it waits for another computer before it works");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!ended(&names[0]) && sweep.try_wait().unwrap().is_none());
    let status = run(&folder, "sweep status s.toml --out o").success().stdout;
    assert!(status.contains("running: process ") && status.contains(" on elsewhere"), "{status}");
    let ran = Ran::of(sweep.wait_with_output().unwrap()).success();
    assert!(ended(&names[0]) && begun.elapsed() >= Duration::from_secs(30), "{ran:?}");
    assert!(hidden(&folder).is_empty(), "{:?}", hidden(&folder));
}

#[test]
fn bases_are_files_names_or_tables_and_settings_come_in_every_form() {
    let folder = prepared("base = 'demo'\nseeds = 2\n");
    assert_eq!(names(&folder), ["nmnc-seed0", "nmnc-seed1"]);
    let table = "seeds = 1\n[base]\nnetwork.preset = 'mlp'\ncredit.rule = 'bp'\nseed = 7\n[grid]\n'train.batch' = [32, 64]\nnetwork.widths = [[4, 4], [8]]\n";
    folder.write("s.toml", table);
    let expected = [
        "batch=32-widths=4-4-seed7",
        "batch=32-widths=8-seed7",
        "batch=64-widths=4-4-seed7",
        "batch=64-widths=8-seed7",
    ];
    assert_eq!(names(&folder), expected);
    folder.write("s.toml", "base = 'tiny.toml'\n[grid]\ncredit.nmnc.manifold = [{ dimension = 4, samples = 32 }, { dimension = 2, refresh = 3, samples = 32 }]\n");
    assert_eq!(names(&folder), ["manifold=value1-seed0", "manifold=value2-seed0"]);
    // Settings that go together, each with the whole grid; they need not have the same keys.
    folder.write(
        "s.toml",
        "base = 'tiny.toml'\n[[points]]\nname = 'slow'\ncredit.rule = 'bp'\n[[points]]\nname = 'fast.2'\ncredit.rule = 'dfa'\ncredit.scale = 0.5\n\
         train.optimizer = { name = 'adam', learning_rate = 0.02 }\n[grid]\ntrain.batch = [32, 16]\n[set]\ntrain.epochs = 1\n",
    );
    let expected =
        ["slow-batch=32-seed0", "slow-batch=16-seed0", "fast.2-batch=32-seed0", "fast.2-batch=16-seed0"];
    assert_eq!(names(&folder), expected);
    folder.run(&["sweep", "s.toml", "--threads=1"]).success();
    for (name, rule, rate) in [("slow-batch=16-seed0", "bp", 0.001), ("fast.2-batch=32-seed0", "dfa", 0.02)] {
        let text = fs::read_to_string(folder.path(&format!("runs/s/{name}/config.toml"))).unwrap();
        let config: toml::Table = text.parse().unwrap();
        assert_eq!(config["credit"]["rule"].as_str(), Some(rule));
        assert_eq!(config["train"]["optimizer"]["learning_rate"].as_float(), Some(rate));
    }
    let table = csv(&folder.path("runs/s/records.csv"));
    let points: BTreeSet<&str> = table.iter().map(|row| row["point"].as_str()).collect();
    assert_eq!(points, ["fast.2", "slow"].into());
    // A further draw, or a setting more, leaves what was drawn.
    let draw = |count: usize, more: &str| {
        folder.write("s.toml", &(SWEEP.replace("draws = 2", &format!("draws = {count}")) + more));
        let rate = |name: &String| {
            let drawn = name.split("learning_rate=").nth(1).unwrap().split("-batch").next().unwrap();
            drawn.split("-seed").next().unwrap().to_owned()
        };
        names(&folder).iter().map(rate).collect::<Vec<_>>()
    };
    assert_eq!(draw(3, "")[..8], draw(2, "")[..]);
    assert_eq!(draw(2, "train.batch = [32, 64]\n"), draw(2, ""));
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/rates.toml");
    // Wherever it is copied to.
    fs::copy(shipped, folder.path("rates.toml")).unwrap();
    let listed = folder.run(&["sweep", "rates.toml", "--list"]).success().stdout;
    assert_eq!(listed.lines().count(), 3 * 2 * 4 * 3);
}
