//! The scripts of docs/cluster.md, as they stand there. Where there is no Slurm, `srun` and `scontrol` are a line each; what is tried is
//! what the scripts have `nmnc` do, and what they make of its exit code.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::{self, Folder, TINY, metrics};

const SWEEP: &str = "base = 'tiny.toml'\nseeds = 2\n[grid]\ncredit.rule = ['bp', 'dfa']\n";
const RUNS: [&str; 4] = ["rule=bp-seed0", "rule=bp-seed1", "rule=dfa-seed0", "rule=dfa-seed1"];

/// The script whose second line begins with its name.
fn script(name: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cluster.md");
    let page = fs::read_to_string(page).unwrap();
    let found: Vec<&str> = page
        .split("```bash\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap())
        .filter(|block| block.starts_with(&format!("#!/bin/bash\n# {name}: ")))
        .collect();
    assert_eq!(found.len(), 1, "{name}");
    found[0].to_owned()
}

/// A folder with a sweep, the script `name`, and programs of these names and texts.
fn prepared(name: &str, config: &str, programs: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    folder.write("tiny.toml", config);
    folder.write("rates.toml", SWEEP);
    folder.write(name, &script(name));
    for (program, text) in programs {
        put(&folder, program, text);
    }
    folder
}

fn put(folder: &Folder, program: &str, text: &str) {
    folder.write(&format!("bin/{program}"), &format!("#!/bin/bash\n{text}\n"));
    fs::set_permissions(folder.path("bin").join(program), fs::Permissions::from_mode(0o755)).unwrap();
}

fn bash(folder: &Folder, name: &str, set: &[(&str, &str)]) -> Output {
    let nmnc = Path::new(env!("CARGO_BIN_EXE_nmnc")).parent().unwrap();
    let path =
        format!("{}:{}:{}", folder.path("bin").display(), nmnc.display(), std::env::var("PATH").unwrap());
    Command::new("bash")
        .arg(name)
        .current_dir(folder.root())
        .env("PATH", path)
        .envs(set.iter().copied())
        .output()
        .unwrap()
}

fn all_are_made(folder: &Folder) {
    for run in RUNS {
        assert_eq!(metrics(&folder.path("runs/rates").join(run)).len(), 5, "{run}");
        assert!(folder.path("runs/rates").join(run).join("summary.json").exists(), "{run}");
    }
    assert!(folder.path("runs/rates/report.html").exists() && folder.path("runs/rates/records.csv").exists());
}

#[test]
fn several_processes_on_a_shared_disk() {
    let folder = prepared("several.sh", TINY, &[]);
    let ran = bash(&folder, "several.sh", &[]);
    assert!(ran.status.success() && ran.stderr.is_empty(), "{ran:?}");
    all_are_made(&folder);
}

#[test]
fn gnu_parallel() {
    if !Command::new("parallel")
        .arg("--version")
        .output()
        .is_ok_and(|ran| ran.stdout.starts_with(b"GNU parallel"))
    {
        // What it does of the script: each line of its input is a command.
        let folder = prepared(
            "parallel.sh",
            TINY,
            &[("parallel", "while read -r line; do sh -c \"$line\" & done; wait")],
        );
        let ran = bash(&folder, "parallel.sh", &[]);
        assert!(ran.status.success(), "{ran:?}");
        return all_are_made(&folder);
    }
    let folder = prepared("parallel.sh", TINY, &[]);
    let ran = bash(&folder, "parallel.sh", &[]);
    assert!(ran.status.success(), "{ran:?}");
    all_are_made(&folder);
}

#[test]
fn an_array_of_slurm() {
    let folder = prepared("array.sbatch", TINY, &[("srun", "exec \"$@\"")]);
    // The number of tasks that its second line asks for.
    let text = script("array.sbatch");
    let count = text.lines().nth(1).unwrap().split("$(").nth(1).unwrap().split(')').next().unwrap();
    folder.write("count.sh", count);
    let counted = bash(&folder, "count.sh", &[]);
    assert_eq!(String::from_utf8_lossy(&counted.stdout).trim(), "4", "{counted:?}");
    for task in 1..=4 {
        let set = [("SLURM_ARRAY_TASK_ID", task.to_string()), ("SLURM_CPUS_PER_TASK", "1".to_owned())];
        let set: Vec<(&str, &str)> = set.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let ran = bash(&folder, "array.sbatch", &set);
        assert!(ran.status.success(), "{ran:?}");
    }
    all_are_made(&folder);
}

#[test]
fn an_array_of_slurm_that_is_requeued_before_its_time_is_over() {
    // Slurm's warning after two seconds; nothing is kept before.
    let long =
        TINY.replace("epochs = 2", "epochs = 100000").replace("interval = 4\n", "interval = 1000000\n");
    let programs = [
        ("srun", "exec timeout --preserve-status --signal=USR1 2 \"$@\""),
        ("scontrol", "echo \"$@\" >> asked"),
    ];
    let folder = prepared("requeue.sbatch", &long, &programs);
    let set = [("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_JOB_ID", "77"), ("SLURM_CPUS_PER_TASK", "1")];
    let run = folder.path("runs/rates/rule=dfa-seed0");
    let step = || -> u64 {
        let last = common::last_checkpoint(&run);
        last.to_string_lossy().rsplit_once('-').unwrap().1.parse().unwrap()
    };
    let mut steps = Vec::new();
    for time in 1..=2 {
        let ran = bash(&folder, "requeue.sbatch", &set);
        assert_eq!(ran.status.code(), Some(12), "{ran:?}");
        assert_eq!(fs::read_to_string(folder.path("asked")).unwrap(), "requeue 77_3\n".repeat(time));
        steps.push(step());
    }
    assert!(steps[0] > 0 && steps[1] > steps[0], "{steps:?}");
}
