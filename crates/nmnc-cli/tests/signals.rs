//! Signals: training keeps a checkpoint and says how to go on, everything else ends with nothing half-written.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nmnc::files::{FolderLock, IfTaken};

use crate::common::{self, Folder, Ran, TINY, last_checkpoint, metrics, nmnc};

/// Without checkpoints on the way, and with more steps than pass before a signal arrives.
fn long(epochs: u64) -> String {
    TINY.replace("epochs = 2", &format!("epochs = {epochs}")).replace("interval = 4\n", "interval = 100000\n")
}

fn spawn(folder: &Folder, arguments: &str) -> Child {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    nmnc(folder.root(), &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn ended(child: Child) -> Ran {
    Ran::of(child.wait_with_output().unwrap())
}

/// Waits until `done`, for which `child` has to be at work.
fn until(child: &mut Child, what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "{what}");
        assert!(child.try_wait().unwrap().is_none(), "it ended before {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn rows(run: &Path) -> usize {
    std::fs::read_to_string(run.join("metrics.jsonl")).map_or(0, |text| text.lines().count())
}

/// The command between the last two grave accents of the last line, as a shell runs it.
fn command_in(folder: &Folder, stderr: &str) -> Command {
    let line = stderr.lines().last().unwrap();
    let told = line.split('`').nth(1).unwrap_or_else(|| panic!("no command in {line}"));
    let program = Path::new(env!("CARGO_BIN_EXE_nmnc")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {told}")]).current_dir(folder.root()).env("PATH", path);
    command
}

fn run(command: &mut Command) -> Ran {
    Ran::of(command.output().unwrap())
}

fn nothing_half_written(folder: &Folder) {
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let left: Vec<_> = folder.tree().into_iter().filter(|path| hidden(path)).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// What a run comes to, without its clock and command.
fn result(run: &Path) -> (Vec<serde_json::Value>, Vec<u8>, serde_json::Value) {
    let mut summary = common::files::json(&run.join("summary.json"));
    for key in ["seconds", "command"] {
        summary.as_object_mut().unwrap().remove(key).unwrap();
    }
    (metrics(run), std::fs::read(last_checkpoint(run).join("weights.safetensors")).unwrap(), summary)
}

#[test]
fn training_keeps_a_checkpoint_and_the_command_it_names_goes_on_to_the_same_bits() {
    let folder = Folder::new();
    folder.write("c.toml", &long(20));
    folder.run(&["train", "c.toml", "--out", "whole", "--quiet"]).success();
    let whole = result(&folder.path("whole"));
    let out = folder.path("run");
    let mut stopped = Vec::new();
    let mut child = spawn(&folder, "train c.toml --out run --threads 1");
    for (name, enough) in [("TERM", 3), ("INT", 9), ("USR1", 16)] {
        until(&mut child, "rows", || rows(&out) >= enough);
        signal(&child, name);
        let ran = ended(child).failure(12);
        let lines: Vec<&str> = ran.stderr.lines().collect();
        let told =
            format!("SIG{name}: finishing the step and keeping a checkpoint; a second signal ends at once");
        assert_eq!((lines.len(), lines[0]), (2, told.as_str()), "{ran:?}");
        let step: u64 = last_checkpoint(&out).to_string_lossy().rsplit_once('-').unwrap().1.parse().unwrap();
        let line = format!(
            "error: training: stopped after step {step} of 80; go on with `nmnc train c.toml --out run --threads 1 --resume`"
        );
        assert_eq!(lines[1], line);
        assert!(!out.join("summary.json").exists());
        nothing_half_written(&folder);
        stopped.push(step);
        let mut go_on = command_in(&folder, &ran.stderr);
        child = go_on.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    }
    ended(child).success();
    assert!(result(&out) == whole, "the run that was stopped three times differs");
    assert!(stopped.is_sorted_by(|a, b| a < b), "{stopped:?}");
}

#[test]
fn comparisons_and_demos_go_on_with_the_same_command() {
    let folder = Folder::new();
    folder.write("c.toml", &long(12));
    let compare = |out: &str| format!("compare c.toml --rules bp,dfa,nmnc --threads 1 --out {out}");
    ended(spawn(&folder, &compare("whole"))).success();
    let mut child = spawn(&folder, &compare("out"));
    until(&mut child, "rows of the second run", || rows(&folder.path("out/dfa-seed0")) >= 2);
    signal(&child, "USR1");
    let ran = ended(child).failure(12);
    let told = ran.stderr.lines().last().unwrap();
    assert!(told.starts_with("error: dfa-seed0: training: stopped after step "), "{ran:?}");
    assert!(told.ends_with(&format!("; go on with `nmnc {}`", compare("out"))), "{ran:?}");
    assert!(!folder.path("out/report.html").exists() && !folder.path("out/nmnc-seed0").exists());
    nothing_half_written(&folder);
    run(&mut command_in(&folder, &ran.stderr)).success();
    for rule in ["bp", "dfa", "nmnc"] {
        let name = format!("{rule}-seed0");
        assert!(
            result(&folder.path("out").join(&name)) == result(&folder.path("whole").join(&name)),
            "{rule}"
        );
    }
    // The command that goes on does not begin afresh.
    let mut child = spawn(&folder, "demo --fresh --epochs 40 --out demo");
    until(&mut child, "rows", || rows(&folder.path("demo/bp-seed0")) >= 1);
    signal(&child, "TERM");
    let ran = ended(child).failure(12);
    assert!(ran.stderr.ends_with("; go on with `nmnc demo --epochs 40 --out demo`\n"), "{ran:?}");
}

#[test]
fn an_experiment_goes_on_with_the_same_command() {
    let folder = Folder::new();
    let settings =
        "--quick --seeds 1 --examples 60 --set data={train_limit=128,test_limit=50} --set train.epochs=4";
    let reproduce = format!("reproduce alignment {settings} --threads 1 --out");
    ended(spawn(&folder, &format!("{reproduce} whole"))).success();
    let mut child = spawn(&folder, &format!("{reproduce} out"));
    until(&mut child, "a run", || {
        std::fs::read_dir(folder.path("out"))
            .is_ok_and(|entries| entries.flatten().any(|entry| rows(&entry.path()) > 0))
    });
    signal(&child, "TERM");
    let ran = ended(child).failure(12);
    assert!(ran.stderr.contains("stopped"), "{ran:?}");
    nothing_half_written(&folder);
    run(&mut command_in(&folder, &ran.stderr)).success();
    let text = |out: &str| std::fs::read_to_string(folder.path(out).join("measurements.csv")).unwrap();
    assert_eq!(text("out"), text("whole"));
}

#[test]
fn a_second_signal_ends_at_once() {
    let folder = Folder::new();
    // One step of many seconds.
    let slow = TINY
        .replace("widths = [4, 4, 4]", "widths = [192, 192, 192]")
        .replace("train_limit = 256", "train_limit = 5000")
        .replace("batch = 64", "batch = 5000");
    folder.write("slow.toml", &slow);
    let mut child = spawn(&folder, "train slow.toml --out run --json --threads 1");
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let mut until_event =
        |name: &str| events.find(|line| line.contains(&format!("\"event\":\"{name}\""))).unwrap();
    until_event("started");
    signal(&child, "TERM");
    assert!(until_event("stopping").contains("\"signal\":\"SIGTERM\""));
    std::thread::sleep(Duration::from_millis(400));
    assert!(child.try_wait().unwrap().is_none(), "the step took less than 400 ms");
    let second = Instant::now();
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    assert!(second.elapsed() < Duration::from_secs(2), "{:?}", second.elapsed());
}

/// As `timeout` does, which sends it to the program and to its group.
#[test]
fn a_signal_that_comes_twice_at_once_is_one() {
    let folder = Folder::new();
    folder.write("c.toml", &long(100_000));
    let mut child = spawn(&folder, "train c.toml --out run --json --threads 1");
    until(&mut child, "rows", || rows(&folder.path("run")) >= 2);
    let twice = format!("kill -TERM {0}; kill -TERM {0}", child.id());
    assert!(Command::new("sh").args(["-c", &twice]).status().unwrap().success());
    let ran = ended(child).failure(12);
    let events: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    let [stopping, stopped, error] = ["stopping", "stopped", "error"].map(named);
    assert_eq!((stopping.len(), &stopping[0]["signal"]), (1, &"SIGTERM".into()));
    assert_eq!((stopped.len(), &stopped[0]["signal"]), (1, &"SIGTERM".into()));
    assert_eq!(stopped[0]["go_on"], "nmnc train c.toml --out run --json --threads 1 --resume");
    assert_eq!((error.len(), &error[0]["kind"], &error[0]["exit_code"]), (1, &"stopped".into(), &12.into()));
    assert_eq!(named("checkpoint").len(), 1);
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
}

#[test]
fn what_keeps_no_checkpoints_ends_at_once_with_nothing_half_written() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder.run(&["train", "tiny.toml", "--out", "run", "--quiet"]).success();
    let before = folder.tree();
    let analyze = "analyze run --data fashion-mnist-sample --split train --examples 5000 --jacobians 5000 --probes 65536";
    let export = "tasks export DelayMatchSample --trials 1000000 --out trials.npz";
    for (name, arguments) in [("INT", analyze), ("TERM", export), ("USR1", analyze)] {
        let mut child = spawn(&folder, arguments);
        std::thread::sleep(Duration::from_millis(700));
        assert!(child.try_wait().unwrap().is_none(), "it was too fast");
        signal(&child, name);
        let ran = ended(child).failure(12);
        assert_eq!(
            ran.stderr,
            format!("error: stopped by SIG{name}; nothing is left of it; start it again\n")
        );
        assert_eq!(folder.tree(), before);
    }
}

#[test]
fn a_process_that_waits_for_a_folder_leaves_it_alone() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let lock = FolderLock::take(&folder.path("run"), IfTaken::Leave, &mut |_| {}).unwrap();
    let mut child = spawn(&folder, "train tiny.toml --out run --wait");
    let mut first = [0; 8];
    child.stderr.as_mut().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"warning:");
    signal(&child, "TERM");
    let ran = ended(child).failure(12);
    assert!(ran.stderr.ends_with("go on with `nmnc train tiny.toml --out run --wait --resume`\n"), "{ran:?}");
    lock.check().unwrap();
}
