//! One process at a time writes a run folder; who comes second leaves with one line, waits, or does other work first.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nmnc::files::{FolderLock, IfTaken, LOCK_FILE};
use nmnc::process::Process;

use crate::common::{self, Folder, Ran, TINY, copy, metrics, nmnc};

fn prepared() -> Folder {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder
}

fn spawn(folder: &Folder, arguments: &str) -> Child {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    nmnc(folder.root(), &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(child: Child) -> Ran {
    Ran::of(child.wait_with_output().unwrap())
}

fn hold(folder: &Path) -> FolderLock {
    FolderLock::take(folder, IfTaken::Leave, &mut |_| {}).unwrap()
}

fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn busy(run: &str) -> String {
    let Process { pid, host, .. } = Process::this();
    format!(
        "error: {run}: is being written by process {pid} on {host}; wait for it to end (--wait does), or name another folder with --out\n"
    )
}

fn nothing_left(folder: &Folder) {
    let left: Vec<_> = folder
        .tree()
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_second_process_leaves_with_one_line_or_waits() {
    let folder = prepared();
    let run = folder.path("run");
    let lock = hold(&run);
    for resume in ["", " --resume"] {
        let ran = ended(spawn(&folder, &format!("train tiny.toml --out run{resume}"))).failure(11);
        assert_eq!((ran.stderr, ran.stdout), (busy("run"), String::new()));
    }
    let waiting = spawn(&folder, "train tiny.toml --out run --resume --wait");
    // It has begun when it has read its configuration; an end before the lock is given back would be caught below.
    std::thread::sleep(Duration::from_millis(300));
    assert!(!run.join("config.toml").exists());
    drop(lock);
    let ran = ended(waiting).success();
    assert!(ran.stderr.is_empty() || ran.stderr.contains("waiting for process"), "{ran:?}");
    assert_eq!(metrics(&run).len(), 5);
    nothing_left(&folder);
    // Readers need no lock, and neither does who finds nothing to do.
    let _lock = hold(&run);
    ended(spawn(&folder, "report run")).success();
    ended(spawn(&folder, "analyze run --examples 50 --jacobians 5 --probes 1 --out analysis")).success();
    ended(spawn(&folder, "train tiny.toml --out run --resume")).success();
}

#[test]
fn a_lock_that_a_killed_process_left_is_in_nobodys_way() {
    let folder = prepared();
    let run = folder.path("run");
    fs::create_dir(&run).unwrap();
    let lock = hold(&run);
    let left = fs::read(run.join(LOCK_FILE)).unwrap();
    drop(lock);
    fs::write(run.join(LOCK_FILE), left).unwrap();
    ended(spawn(&folder, "train tiny.toml --out run")).success();
    nothing_left(&folder);
}

#[test]
fn a_process_of_another_computer_that_shows_life_has_the_folder() {
    let folder = prepared();
    let run = folder.path("run");
    fs::create_dir(&run).unwrap();
    let lock = hold(&run);
    let own = fs::read_to_string(run.join(LOCK_FILE)).unwrap();
    drop(lock);
    let mut other: serde_json::Value = serde_json::from_str(&own).unwrap();
    other["process"]["host"] = "elsewhere".into();
    other["process"]["boot"] = "another".into();
    fs::write(run.join(LOCK_FILE), other.to_string()).unwrap();
    let asking = spawn(&folder, "train tiny.toml --out run --json");
    let mut beats = 0;
    let asking = std::cell::RefCell::new(asking);
    let beat = std::cell::RefCell::new(&mut beats);
    until("it does not see the signs of life", || {
        **beat.borrow_mut() += 1;
        other_beats(&run, &other, **beat.borrow());
        asking.borrow_mut().try_wait().unwrap().is_some()
    });
    let ran = ended(asking.into_inner()).failure(11);
    let pid = Process::this().pid;
    assert!(ran.stderr.contains(&format!("is being written by process {pid} on elsewhere;")), "{ran:?}");
}

/// In place, as a holder writes: a file that is emptied first says in between that nobody is there.
fn other_beats(run: &Path, other: &serde_json::Value, number: u64) {
    let mut other = other.clone();
    other["beat"] = format!("{number:012}").into();
    let mut file = fs::OpenOptions::new().write(true).open(run.join(LOCK_FILE)).unwrap();
    file.write_all(other.to_string().as_bytes()).unwrap();
}

/// Pairs that start at once on a run stopped halfway.
#[test]
fn of_two_that_resume_one_does_the_work_and_no_row_is_lost() {
    let sound = prepared();
    ended(spawn(&sound, "train tiny.toml --out run --quiet")).success();
    let whole = metrics(&sound.path("run"));
    let halfway = |folder: &Folder| {
        for name in ["config.toml", "metrics.jsonl", "metrics.csv"] {
            folder.write(&format!("run/{name}"), &fs::read_to_string(sound.path("run").join(name)).unwrap());
        }
        let step = "run/checkpoints/step-0000000004";
        copy(&sound.path(step), &folder.path(step));
    };
    let mut left = 0;
    for _ in 0..8 {
        let folder = prepared();
        halfway(&folder);
        let pair = [(); 2].map(|()| spawn(&folder, "train tiny.toml --out run --resume --quiet --threads 1"));
        let pair = pair.map(ended);
        for ran in &pair {
            match ran.code {
                Some(0) => assert_eq!(ran.stderr, ""),
                Some(11) => {
                    assert!(ran.stderr.contains("run: is being written by process "), "{ran:?}");
                    assert_eq!(ran.stderr.lines().count(), 1);
                    left += 1;
                }
                _ => panic!("{ran:?}"),
            }
        }
        assert!(pair.iter().any(|ran| ran.code == Some(0)), "{pair:?}");
        assert_eq!(metrics(&folder.path("run")), whole);
        assert_eq!(common::files::csv(&folder.path("run/metrics.csv")).len(), whole.len());
        ended(spawn(&folder, "train tiny.toml --out run --resume --quiet")).success();
        nothing_left(&folder);
    }
    assert!(left > 0, "no two of eight pairs met");
}

/// The table at the end, and what was trained.
fn told(ran: &Ran) -> (Vec<&str>, usize) {
    let (before, table) = ran.stdout.split_once("\n\n").expect("a table");
    let table = table.lines().take_while(|line| !line.contains(" runs in ")).collect();
    (table, before.lines().filter(|line| line.contains("parameters")).count())
}

#[test]
fn two_comparisons_share_the_work_and_print_the_same() {
    let folder = prepared();
    let arguments = "compare tiny.toml --rules bp,dfa,vnc --seeds 2 --out out --threads 1";
    let pair = [(); 2].map(|()| spawn(&folder, arguments)).map(|child| ended(child).success());
    let [one, other] = pair.each_ref().map(told);
    assert_eq!(one.0, other.0);
    assert!(one.0.len() >= 5, "{pair:?}");
    // Each run was made by one of them.
    assert_eq!(one.1 + other.1, 6, "{pair:?}");
    for rule in ["bp", "dfa", "vnc"] {
        for seed in 0..2 {
            assert_eq!(metrics(&folder.path(&format!("out/{rule}-seed{seed}"))).len(), 5);
        }
    }
    nothing_left(&folder);
}

#[test]
fn a_comparison_does_what_is_free_first_and_waits_for_the_rest() {
    let folder = prepared();
    let lock = hold(&folder.path("out/bp-seed0"));
    let comparing = spawn(&folder, "compare tiny.toml --rules bp,dfa --out out");
    until("the run that is free", || folder.path("out/dfa-seed0/summary.json").is_file());
    assert!(!folder.path("out/bp-seed0/config.toml").exists());
    drop(lock);
    let ran = ended(comparing).success();
    assert!(ran.stdout.contains("[1/2] bp-seed0: another process is at it\n"), "{ran:?}");
    assert_eq!(metrics(&folder.path("out/bp-seed0")).len(), 5);
    nothing_left(&folder);
}

#[test]
fn a_demo_that_begins_afresh_removes_no_run_that_is_being_written() {
    let folder = prepared();
    folder.write("runs/demo/bp-seed0/config.toml", "");
    let _lock = hold(&folder.path("runs/demo/bp-seed0"));
    let ran = ended(spawn(&folder, "demo --fresh")).failure(11);
    assert_eq!(ran.stderr, busy("runs/demo/bp-seed0"));
    assert!(folder.path("runs/demo/bp-seed0/config.toml").is_file());
}

#[test]
fn a_run_folder_that_is_moved_or_removed_ends_the_run_with_one_line() {
    let endless = TINY.replace("epochs = 2", "epochs = 100000");
    for (command, out, run, label) in [
        ("train endless.toml --out run --quiet", "run", "run", ""),
        ("compare endless.toml --rules dfa --out out --quiet", "out", "out/dfa-seed0", "dfa-seed0: "),
    ] {
        for removed in [false, true] {
            let folder = prepared();
            folder.write("endless.toml", &endless);
            let training = spawn(&folder, command);
            let rows = folder.path(run).join("metrics.jsonl");
            until("rows", || fs::read(&rows).is_ok_and(|text| text.len() > 1000));
            if removed {
                // A process that writes there may put something in before the folder itself is gone.
                let begun = Instant::now();
                while fs::remove_dir_all(folder.path(out)).is_err() {
                    assert!(begun.elapsed() < Duration::from_secs(60));
                }
            } else {
                fs::rename(folder.path(out), folder.path("moved")).unwrap();
            }
            let ran = ended(training).failure(8);
            assert!(ran.stderr.starts_with(&format!("error: {label}{run}")), "{ran:?}");
            assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
            assert!(!folder.path(out).exists(), "{:?}", folder.tree());
        }
    }
}
