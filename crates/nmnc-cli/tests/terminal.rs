//! What reaches a terminal: nothing that it obeys, never a flood, and an exit code that says if it did not arrive.

#![cfg(unix)]

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::{Folder, Ran, TINY, nmnc};

/// Clears a screen, sets a title, turns the reading order around, and would begin a line of its own.
const HOSTILE: &str = "x\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{202e}\nerror: y";
const SHOWN: &str = r"x\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{202e}";

/// What was printed, checked to be harmless.
fn harmless(ran: Ran) -> Ran {
    let obeyed = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202a}'..='\u{202e}');
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(obeyed), "{text:?}");
    }
    ran
}

/// The line of an error, checked to be one that repeats the name.
fn line(ran: Ran, code: i32, parts: &[&str]) {
    let ran = harmless(ran).failure(code);
    assert_eq!((ran.stderr.lines().count(), ran.stdout.as_str()), (1, ""), "{ran:?}");
    assert!(ran.stderr.starts_with("error: "), "{ran:?}");
    for part in parts {
        assert!(ran.stderr.contains(part), "{part} in {ran:?}");
    }
}

#[test]
fn names_from_outside_are_shown_and_not_obeyed() {
    let folder = Folder::new();
    // As an error's places and problems have it, where line breaks become spaces.
    let shown = &format!("{SHOWN} error: y")[..];
    line(folder.run(&["train", HOSTILE]), 3, &[shown, "no such file"]);
    line(folder.run(&["report", HOSTILE]), 5, &[shown, "no such folder"]);
    line(folder.run(&["data", "info", HOSTILE]), 4, &[shown]);
    // Of these the sequences for terminals are gone before they are shown.
    line(folder.run(&[HOSTILE]), 2, &[r"\u{9b}31m\u{202e} error: y", "see `nmnc --help`"]);
    line(folder.run(&["train", "--seed", HOSTILE, "a"]), 2, &[r"\u{9b}31m\u{202e} error: y"]);
    folder.write("tiny.toml", TINY);
    line(folder.run(&["train", "tiny.toml", "--set", HOSTILE]), 3, &[shown]);
    line(folder.run(&["train", "tiny.toml", "--device", HOSTILE]), 3, &[shown, "device: "]);
    // Keys and values that the TOML reader repeats.
    let key = r#""a\u001b[2J\u202e\nb""#;
    folder.write("key.toml", &format!("{key} = 1\n{TINY}"));
    line(folder.run(&["train", "key.toml"]), 3, &[r"unknown setting `a\u{1b}[2J\u{202e} b`"]);
    folder.write("value.toml", &TINY.replace("\"nmnc\"", key));
    line(folder.run(&["train", "value.toml"]), 3, &[r"a\u{1b}[2J\u{202e}"]);
    folder.write("broken.toml", "a\u{1b}[2J\u{202e} = = 1\n");
    line(folder.run(&["train", "broken.toml"]), 3, &["broken.toml:1"]);
    folder.write("tiny.toml", &format!("{TINY}[\"\u{202e}\u{9b}2J\"]\n"));
    line(folder.run(&["config", "check", "tiny.toml"]), 3, &[r"`\u{202e}\u{9b}2J`"]);
}

#[test]
fn results_are_lines_of_their_own_whatever_a_folder_is_called() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let ran = harmless(folder.run(&["train", "tiny.toml", "--out", HOSTILE]).success());
    let last = ran.stdout.lines().last().unwrap();
    assert!(last.starts_with(&format!(r"{SHOWN}\nerror: y: test accuracy ")), "{last}");
    let ran = harmless(folder.run(&["report", HOSTILE]).success());
    assert_eq!(ran.stdout.lines().last(), Some(&*format!(r"{SHOWN}\nerror: y/report.html")));
    // To machines it is the path itself.
    let ran = harmless(folder.run(&["report", HOSTILE, "--json"]).success());
    let event: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(event["path"], format!("{HOSTILE}/report.html"));
    // Classes are called as their folders.
    for (split, class) in [("train", HOSTILE), ("train", "b"), ("test", HOSTILE), ("test", "b")] {
        let place = folder.path("images").join(split).join(class);
        fs::create_dir_all(&place).unwrap();
        image::GrayImage::new(4, 4).save(place.join("1.png")).unwrap();
    }
    let ran = harmless(folder.run(&["data", "info", "images"]).success());
    assert!(ran.stdout.contains(&format!(r"{SHOWN}\nerror: y")), "{}", ran.stdout);
}

#[test]
fn paths_that_are_no_text_are_taken_and_shown() {
    let folder = Folder::new();
    let odd = |name: &str| OsStr::from_bytes(&[name.as_bytes(), b"-\xff"].concat()).to_owned();
    let run = |arguments: &[&OsStr]| {
        let mut command = nmnc(folder.root(), &[]);
        harmless(Ran::of(command.args(arguments).output().unwrap()))
    };
    let plain = |text: &'static str| OsStr::new(text);
    folder.write("tiny.toml", TINY);
    fs::copy(folder.path("tiny.toml"), folder.path("x").with_file_name(odd("config"))).unwrap();
    let config = odd("config");
    let (one, two) = (odd("one"), odd("two"));
    let ran = run(&[plain("train"), &config, plain("--out"), &one]).success();
    assert!(ran.stdout.contains("one-\u{fffd}: test accuracy "), "{}", ran.stdout);
    run(&[plain("train"), &config, plain("--out"), &one, plain("--resume"), plain("--json")]).success();
    run(&[plain("train"), &config, plain("--out"), &two, plain("--json")]).success();
    let rules = [plain("--rules"), plain("bp"), plain("--json")];
    run(&[&[plain("compare"), &config, plain("--out"), &odd("three")], &rules[..]].concat()).success();
    for json in [&[][..], &[plain("--json")]] {
        run(&[&[plain("config"), plain("check"), &config], json].concat()).success();
        run(&[&[plain("report"), &one, &two], json].concat()).success();
        run(&[&[plain("report"), &one], json].concat()).success();
        let small =
            ["--examples", "40", "--probes", "0", "--jacobians", "4", "--dimensions", "2"].map(OsStr::new);
        run(&[&[plain("analyze"), &one], &small[..], json].concat()).success();
        let few = ["--examples", "40", "--out"].map(OsStr::new);
        run(&[&[plain("similarity"), &one, &two], &few[..], &[&odd("similar")], json].concat()).success();
    }
    let mut archive = odd("trials");
    archive.push(".npz");
    let trials = ["ReadySetGo", "--trials", "3", "--json", "--out"].map(OsStr::new);
    run(&[&[plain("tasks"), plain("export")], &trials[..], &[&archive]].concat()).success();
    // Where a name has to be text, it is one line that says so.
    line(run(&[plain("data"), plain("info"), &one]), 2, &["invalid UTF-8"]);
    line(run(&[plain("train"), &odd("none")]), 3, &["none-\u{fffd}: no such file"]);
}

#[test]
fn an_error_repeats_little_of_what_is_long() {
    let folder = Folder::new();
    let long = "x".repeat(3_000_000);
    folder.write("tiny.toml", TINY);
    folder.write("key.toml", &format!("{long} = 1\n{TINY}"));
    folder.write("rule.toml", &TINY.replace("\"nmnc\"", &format!("\"{long}\"")));
    folder.write("value.toml", &TINY.replace("epochs = 2", &format!("epochs = \"{long}\"")));
    folder.write("broken.toml", &format!("{long} {long}"));
    for file in ["key.toml", "rule.toml", "value.toml", "broken.toml"] {
        let ran = folder.run(&["train", file]).failure(3);
        assert!(ran.stderr.len() < 4_000 && ran.stderr.lines().count() == 1, "{file}: {}", ran.stderr.len());
    }
    let long = &long[..100_000];
    for arguments in
        [&["train", long][..], &[long], &["train", "tiny.toml", "--set", long], &["report", long]]
    {
        let ran = folder.run(arguments);
        assert!(ran.stderr.len() < 4_000 && ran.stderr.contains("... (100"), "{}", ran.stderr.len());
    }
}

#[test]
fn a_setting_is_one_setting() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let check = |set: &str| folder.run(&["config", "check", "tiny.toml", "--set", set]);
    for set in ["seed=1\ntrain.epochs=9", "seed=1\n[train]", "credit.rule=bp\nseed=2", "credit.rule=bp\rx"] {
        line(check(set), 3, &["holds more than one setting; give each a --set of its own"]);
    }
    line(
        folder.run(&["tasks", "show", "ReadySetGo", "--set", "sigma=1\ndt=2"]),
        3,
        &["more than one setting"],
    );
    check("network.widths=[4,\n4,\n4]").success();
    check("seed=1 # one").success();
    check("seed=1\n").success();
}

#[test]
fn what_standard_output_does_not_take_is_told() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder.run(&["train", "tiny.toml", "--out", "run"]).success();
    let full = |arguments: &[&str]| {
        let device = OpenOptions::new().write(true).open("/dev/full").unwrap();
        Ran::of(nmnc(folder.root(), arguments).stdout(device).output().unwrap())
    };
    for arguments in [
        "data list",
        "data list --json",
        "data list --quiet",
        "data info fashion-mnist-sample",
        "tasks list",
        "tasks show ReadySetGo --trials 10",
        "config presets",
        "config presets --json",
        "config presets demo",
        "config schema",
        "config check tiny.toml",
        "config check tiny.toml --resolved",
        "completions bash",
        "report run",
        "cite run",
        "cite run --bibtex",
        "analyze run --examples 40 --neighbors 5 --probes 0 --jacobians 4 --dimensions 2",
        "train tiny.toml --out other",
        "train tiny.toml --out third --quiet",
        "help",
        "help train",
        "--help",
        "--version",
        "data",
    ] {
        let ran = full(&arguments.split(' ').collect::<Vec<_>>());
        let expected = "error: standard output: cannot write: No space left on device (os error 28)\n";
        assert_eq!((ran.code, &*ran.stderr), (Some(8), expected), "{arguments}");
    }
    // Nothing is lost by it.
    assert!(folder.path("other/summary.json").exists() && folder.path("third/summary.json").exists());
    // What went wrong before is what is told.
    assert!(full(&["train", "none.toml", "--json"]).failure(3).stderr.starts_with("error: none.toml: "));
}

#[test]
fn closed_streams_are_no_fault() {
    let folder = Folder::new();
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        for (arguments, code) in [
            ("data list", 0),
            ("data list --json", 0),
            ("--version", 0),
            ("trian", 2),
            ("train none.toml", 3),
        ] {
            let script = format!("exec \"$0\" {arguments} {closed}");
            let status = Command::new("sh")
                .args(["-c", &script, env!("CARGO_BIN_EXE_nmnc")])
                .current_dir(folder.root())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(code), "{arguments} {closed}");
        }
    }
}

#[test]
fn help_fits_whatever_width_is_claimed() {
    let folder = Folder::new();
    for columns in ["0", "1", "-1", "80", "99999999999999999999999", "x", ""] {
        for arguments in [&["--help"][..], &["help", "train"], &["reproduce", "rnn", "--help"], &["trian"]] {
            let ran = Ran::of(nmnc(folder.root(), arguments).env("COLUMNS", columns).output().unwrap());
            assert!(
                matches!(ran.code, Some(0 | 2)) && !ran.stderr.contains("fault of nmnc"),
                "{columns}: {ran:?}"
            );
        }
    }
}

#[test]
fn errors_are_events_too() {
    let folder = Folder::new();
    for (arguments, kind, code) in
        [("train none.toml --json", "config", 3), ("trian --json", "usage", 2), ("--json train", "usage", 2)]
    {
        let ran = folder.run(&arguments.split(' ').collect::<Vec<_>>()).failure(code);
        let event: Value = serde_json::from_str(&ran.stdout).unwrap();
        let message = event["message"].as_str().unwrap();
        assert_eq!(
            (&event["event"], &event["kind"], &event["exit_code"]),
            (&"error".into(), &kind.into(), &code.into())
        );
        assert_eq!(ran.stderr, format!("error: {message}\n"));
    }
}

#[test]
fn lines_of_runs_and_tables_have_room_on_every_terminal() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let ran =
        folder.run(&["compare", "tiny.toml", "--rules", "bp,nmnc", "--seeds", "2", "--out", "out"]).success();
    let wide: Vec<&str> = ran.stdout.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    assert!(ran.stdout.contains("epoch 2.00/2  ") && ran.stdout.contains("  test "), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("\n| Rule | Seeds |") && ran.stdout.matches("| Rule ").count() > 1,
        "{}",
        ran.stdout
    );
    for arguments in [
        &["report", "out", "--out", "x.html"][..],
        &[
            "analyze",
            "out/nmnc-seed0",
            "--examples",
            "40",
            "--probes",
            "0",
            "--jacobians",
            "4",
            "--dimensions",
            "2",
        ],
        &["similarity", "out/nmnc-seed0", "out/bp-seed0", "--examples", "40"],
        &["train", "tiny.toml"],
    ] {
        let ran = folder.run(arguments).success();
        let wide: Vec<&str> = ran.stdout.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{arguments:?}: {wide:#?}");
    }
}

#[test]
fn lists_and_help_have_room_on_every_terminal() {
    let folder = Folder::new();
    folder.write("run.toml", &TINY.replace("\"bp\"", "\"nmnc\""));
    let mut said = Vec::new();
    for list in [
        &["config", "presets"][..],
        &["tasks", "list"],
        &["data", "list"],
        &["tasks", "show", "ContextDecisionMaking"],
        &["data", "info", "fashion-mnist-sample"],
    ] {
        said.push((list.join(" "), folder.run(list).success().stdout));
    }
    folder.run(&["train", "run.toml", "--out", "run", "--quiet"]).success();
    said.push(("cite".to_owned(), folder.run(&["cite", "run"]).success().stdout));
    // Every command, and every command within it, as the help itself lists them.
    let mut commands: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(command) = commands.pop() {
        let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = folder.run(&arguments).success().stdout;
        let listed = help.split_once("Commands:\n").map_or("", |(_, list)| list);
        for line in listed.lines().take_while(|line| line.starts_with("  ")) {
            let name = line[2..].split(' ').next().unwrap_or("");
            if !name.is_empty() && name != "help" {
                commands.push([&command[..], &[name.to_owned()]].concat());
            }
        }
        said.push((arguments.join(" "), help));
    }
    assert!(said.len() > 30, "the help lists too few commands: {}", said.len());
    for (command, text) in said {
        let wide: Vec<&str> =
            text.lines().filter(|line| line.chars().count() > 80 && !address(line)).collect();
        assert!(wide.is_empty(), "{command}: {wide:#?}");
    }
}

/// Whether a line is too long for the sake of one word that nothing may part: an address or a path.
fn address(line: &str) -> bool {
    line.split_whitespace().any(|word| word.len() > 60)
}

#[test]
fn a_warning_that_all_runs_share_is_told_once() {
    let folder = Folder::new();
    folder.write("tiny.toml", &TINY.replace("dimension = 4, refresh = 3", "dimension = 60, refresh = 3"));
    let arguments = ["compare", "tiny.toml", "--rules", "nmnc", "--seeds", "3", "--out"];
    let ran = folder.run(&[&arguments[..], &["out"]].concat()).success();
    let mut warnings: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert!(!warnings.is_empty(), "{ran:?}");
    let text = |line: &&str| line.splitn(3, ": ").nth(2).unwrap().to_owned();
    let count = warnings.len();
    warnings.sort_by_key(text);
    warnings.dedup_by_key(|line| text(line));
    assert_eq!(warnings.len(), count, "{}", ran.stderr);
    // Machines are told about every run.
    let ran = folder.run(&[&arguments[..], &["again", "--json"]].concat()).success();
    assert!(ran.stdout.matches("\"event\":\"warning\"").count() > count, "{}", ran.stdout);
}

#[test]
fn a_wait_says_what_it_is() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder.run(&["train", "tiny.toml", "--out", "run", "--quiet"]).success();
    // More than a moment on any machine, and less than a test should take.
    let many = ["analyze", "run", "--split", "train", "--examples", "256", "--probes", "100000"];
    let mut child = nmnc(folder.root(), &many).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(8));
    let _ = child.kill();
    let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(said.lines().any(|line| line.starts_with("... ")), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    // Whoever wants nothing or JSON has nothing of it.
    for silent in ["--quiet", "--json"] {
        let mut child = nmnc(folder.root(), &[&many[..], &[silent]].concat())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_secs(4));
        let _ = child.kill();
        assert_eq!(child.wait_with_output().unwrap().stderr, b"", "{silent}");
    }
}
