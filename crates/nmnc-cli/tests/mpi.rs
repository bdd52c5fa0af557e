//! One training by the processes of an MPI job. Passed over, with the reason, where there is no `mpirun`.
#![cfg(feature = "mpi")]

mod common;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use common::{Folder, Ran, TINY, last_checkpoint, metrics};

/// `nmnc` as so many processes, or nothing where none can be started.
fn job(folder: &Folder, processes: usize, arguments: &[&str]) -> Option<Command> {
    let there = Command::new("mpirun").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if there.is_err() {
        println!("passed over: no mpirun is here");
        return None;
    }
    let mut command = Command::new("mpirun");
    command.current_dir(folder.root());
    // Tests run as root in containers, and on fewer cores than processes.
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    // What is left of a job whose process died is not waited for.
    command.args(["--mca", "odls_base_sigkill_timeout", "1"]);
    command.args(["--oversubscribe", "-n", &processes.to_string(), env!("CARGO_BIN_EXE_nmnc")]);
    command.args(["--threads", "1"]).args(arguments);
    Some(command)
}

fn ran(folder: &Folder, processes: usize, arguments: &[&str]) -> Option<Ran> {
    job(folder, processes, arguments).map(|mut job| Ran::of(job.output().unwrap()))
}

/// A run in four replicas, a checkpoint after every step.
fn four() -> String {
    TINY.replace("batch = 64", "batch = 64\nreplicas = 4")
        .replace("[checkpoint]\ninterval = 4", "[checkpoint]\ninterval = 1")
}

/// What a run has come to: records without times, and the sums of everything the last checkpoint holds.
fn outcome(run: &Path) -> (Vec<serde_json::Value>, Vec<u8>) {
    (metrics(run), fs::read(last_checkpoint(run).join("SHA256SUMS")).unwrap())
}

#[test]
fn one_two_and_four_processes_are_the_same_run() {
    let folder = Folder::new();
    folder.write("four.toml", &four());
    folder.run(&["train", "four.toml", "--out", "alone"]).success();
    let alone = outcome(&folder.path("alone"));
    for processes in [1, 2, 4] {
        let out = format!("of-{processes}");
        let Some(ran) = ran(&folder, processes, &["train", "four.toml", "--out", &out]) else { return };
        let ran = ran.success();
        // One of them speaks.
        assert_eq!(ran.stdout.matches("epoch 2.00/2").count(), 1, "{}", ran.stdout);
        assert!(outcome(&folder.path(&out)) == alone, "{processes} processes came to something else");
    }
}

#[test]
fn what_is_wrong_is_one_line() {
    let folder = Folder::new();
    folder.write("four.toml", &four());
    let lines = |ran: &Ran| ran.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    let Some(few) = ran(&folder, 3, &["train", "four.toml", "--set", "train.replicas=2", "--out", "few"])
    else {
        return;
    };
    assert!(few.stderr.contains("train.replicas: 2 cannot be divided among 3 processes"), "{}", few.stderr);
    assert_eq!(lines(&few), 1, "{}", few.stderr);
    let missing = ran(&folder, 2, &["train", "five.toml"]).unwrap();
    assert_eq!(lines(&missing), 1, "{}", missing.stderr);
    let hot = ["train", "four.toml", "--set", "train.optimizer.learning_rate=1e30", "--out", "hot"];
    let hot = ran(&folder, 4, &hot).unwrap();
    assert_eq!(lines(&hot), 1, "{}", hot.stderr);
    assert!(hot.stderr.contains("step ") && hot.stderr.contains("not finite"), "{}", hot.stderr);
    assert!(folder.path("hot/summary.json").exists());
}

#[test]
fn processes_measure_what_they_exchange() {
    let folder = Folder::new();
    let Some(ran) = ran(&folder, 2, &["bench", "--only", "network", "--runs", "2"]) else { return };
    let ran = ran.success();
    for row in ["gather 4 bytes, 2 processes", "gather 16 MiB, 2 processes", "sum 1 MiB, 2 processes"] {
        // By one of the processes, in both parts of a table that is too wide for one.
        assert_eq!(ran.stdout.matches(row).count(), 2, "{}", ran.stdout);
    }
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80), "{}", ran.stdout);
    let alone = folder.run(&["bench", "--only", "network", "--runs", "2"]).failure(3);
    assert!(
        alone.stderr.contains("one process alone has nobody to exchange anything with"),
        "{}",
        alone.stderr
    );
}

/// The processes that `mpirun` started and has not buried yet.
fn processes(job: &Child) -> Vec<String> {
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", job.id())).unwrap_or_default();
    children.split_whitespace().map(str::to_owned).collect()
}

/// Whether a process runs no more, be it that nobody has asked for its exit status yet.
fn is_dead(process: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name of the program, in parentheses, may hold anything.
    stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with(['Z', 'X']))
}

fn kill(process: &str) -> bool {
    Command::new("kill").args(["-9", process]).status().is_ok_and(|status| status.success())
}

/// Waits for the end of a job one of whose processes is dead.
///
/// A process that is killed while it greets `mpirun` can leave `mpirun` (Open MPI 4.1.4, two of six hundred kills on busy cores) waiting
/// for ever, though it has ended all processes: it is killed then. That a process of ours goes on is an error.
fn wait_for_end(job: &mut Child) {
    let began = Instant::now();
    let mut all_dead_since = None;
    while job.try_wait().unwrap().is_none() {
        let processes = processes(job);
        if !processes.is_empty() && processes.iter().all(|process| is_dead(process)) {
            if all_dead_since.get_or_insert_with(Instant::now).elapsed() > Duration::from_secs(10) {
                println!("mpirun waits for processes that are dead, and is killed");
                job.kill().unwrap();
                job.wait().unwrap();
                return;
            }
        } else {
            all_dead_since = None;
        }
        if began.elapsed() > Duration::from_secs(60) {
            processes.iter().for_each(|process| _ = kill(process));
            job.kill().unwrap();
            panic!("the job outlived one of its processes");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_process_killed_at_any_moment_loses_no_step() {
    let folder = Folder::new();
    folder.write("four.toml", &four());
    folder.run(&["train", "four.toml", "--out", "whole"]).success();
    let mut kills = 0;
    // Moments from before the first step to the last, as far as the machine's speed lets them.
    for wait in (0..20).map(|kill| Duration::from_millis(100 + 137 * kill % 1900)) {
        let arguments = ["train", "four.toml", "--out", "killed", "--resume"];
        let Some(mut job) = job(&folder, 4, &arguments) else { return };
        let mut job = job.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
        thread::sleep(wait);
        // Not the first, which writes the checkpoints.
        kills += usize::from(processes(&job).last().is_some_and(|process| kill(process)));
        wait_for_end(&mut job);
    }
    assert!(kills > 0);
    // Another number of processes ends it.
    ran(&folder, 2, &["train", "four.toml", "--out", "killed", "--resume"]).unwrap().success();
    assert!(outcome(&folder.path("killed")) == outcome(&folder.path("whole")), "after {kills} kills");
}
