//! The commands end to end on tiny networks.

use std::fs;

use serde_json::Value;

use crate::common::{self, Folder, Ran, TINY, nmnc};

#[test]
fn a_comparison_is_made_once_goes_on_where_it_stopped_and_keeps_what_is_there() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let compare = ["compare", "tiny.toml", "--rules", "bp,nmnc", "--seeds", "2", "--out", "out"];
    let first = folder.run(&compare).success();
    assert!(first.stdout.contains("[4/4] nmnc on fashion-mnist-sample"), "{}", first.stdout);
    assert!(first.stdout.contains("| Rule"), "{}", first.stdout);
    assert!(first.stdout.ends_with("out/report.html\n"), "{}", first.stdout);
    assert_eq!(first.stderr, "");

    let page = fs::read_to_string(folder.path("out/report.html")).unwrap();
    for foreign in ["<script ", "src=", "href=\"http", "url(http", "@import"] {
        assert!(!page.contains(foreign), "the report refers to something outside: {foreign}");
    }
    assert!(page.contains("nmnc compare tiny.toml --rules bp,nmnc --seeds 2 --out out"));

    // As if the comparison had been stopped after the second checkpoint of its third run.
    let summary = fs::read(folder.path("out/nmnc-seed0/summary.json")).unwrap();
    fs::remove_file(folder.path("out/nmnc-seed0/summary.json")).unwrap();
    fs::remove_dir_all(folder.path("out/nmnc-seed1")).unwrap();
    let metrics = |run: &str| common::metrics(&folder.path("out").join(run));
    let before = metrics("bp-seed0");
    let second = folder.run(&compare).success();
    assert_eq!(second.stdout.matches("made before, kept: test accuracy").count(), 2, "{}", second.stdout);
    assert!(second.stdout.contains(", going on after step 8"), "{}", second.stdout);
    assert_eq!(metrics("bp-seed0"), before);
    let after: Value =
        serde_json::from_slice(&fs::read(folder.path("out/nmnc-seed0/summary.json")).unwrap()).unwrap();
    assert_eq!(after["test"], serde_json::from_slice::<Value>(&summary).unwrap()["test"]);

    let other = folder.run(&[&compare[..], &["--set", "train.epochs=3"]].concat()).failure(5);
    assert_eq!(
        other.stderr,
        "error: out/bp-seed0: was made with another configuration (train.epochs: 2 there, 3 here); name another \
         folder with --out\n"
    );
}

#[test]
fn images_that_were_held_out_are_not_called_test() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let held = ["train", "tiny.toml", "--out", "held", "--set", "data.validation=60"];
    let ran = folder.run(&held).success().stdout;
    assert!(ran.contains("  validation ") && !ran.contains("  test "), "{ran}");
    assert!(ran.contains("held: validation accuracy"), "{ran}");
    let summary = |run: &str| -> Value {
        serde_json::from_slice(&fs::read(folder.path(run).join("summary.json")).unwrap()).unwrap()
    };
    assert_eq!(summary("held")["held_out"], true);
    folder.run(&["train", "tiny.toml", "--out", "tested"]).success();
    assert!(summary("tested").get("held_out").is_none());
    let page = |runs: &[&str]| {
        folder.run(&[&["report"], runs, &["--out", "page.html", "--overwrite"]].concat()).success();
        fs::read_to_string(folder.path("page.html")).unwrap()
    };
    let told = "images held out of those to train on (data.validation)";
    assert!(page(&["held"]).contains(told) && !page(&["tested"]).contains(told));
    assert!(page(&["held", "tested"]).contains("In 1 of 2 runs what is called test"));
}

#[test]
fn a_finished_run_has_nothing_to_resume_and_is_not_overwritten() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let first = folder.run(&["train", "tiny.toml", "--resume"]).success();
    assert!(first.stdout.contains("runs/tiny-nmnc-seed0: test accuracy"), "{}", first.stdout);
    let before = common::metrics(&folder.path("runs/tiny-nmnc-seed0"));
    let again = folder.run(&["train", "tiny.toml", "--resume"]).success();
    assert!(again.stdout.starts_with("this run is complete: nothing to resume\n"), "{}", again.stdout);
    folder.run(&["train", "tiny.toml"]).failure(5);
    assert_eq!(common::metrics(&folder.path("runs/tiny-nmnc-seed0")), before);
}

#[test]
fn the_demo_is_skipped_when_it_is_there_and_made_again_when_asked() {
    let folder = Folder::new();
    // The configuration is the demo's own; only its length can be changed.
    let demo = ["demo", "--epochs", "1", "--out", "demo"];
    let first = folder.run(&demo).success();
    assert!(first.stdout.contains("[4/4] nmnc on fashion-mnist-sample"), "{}", first.stdout);
    let again = folder.run(&demo).success();
    assert_eq!(again.stdout.matches("made before, kept").count(), 4, "{}", again.stdout);
    let other = folder.run(&["demo", "--epochs", "2", "--out", "demo"]).failure(5);
    assert!(other.stderr.contains("start again with --fresh"), "{}", other.stderr);
    fs::write(folder.path("demo/notes.txt"), "mine").unwrap();
    let fresh = folder.run(&[&demo[..], &["--fresh"]].concat()).success();
    assert!(!fresh.stdout.contains("made before"), "{}", fresh.stdout);
    assert!(folder.path("demo/notes.txt").exists());
}

#[test]
fn json_is_one_object_a_line_and_quiet_is_one_line() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let json = folder.run(&["compare", "tiny.toml", "--rules", "bp,vnc", "--out", "out", "--json"]).success();
    let events: Vec<Value> =
        json.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!((count("started"), count("finished"), count("report")), (2, 2, 1));
    assert!(count("record") >= 4 && count("checkpoint") >= 4, "{}", json.stdout);
    assert_eq!(events.last().unwrap()["path"], "out/report.html");
    assert_eq!(json.stderr, "");

    let failed = folder.run(&["train", "none.toml", "--json"]).failure(3);
    let event: Value = serde_json::from_str(failed.stdout.trim()).unwrap();
    assert_eq!((&event["event"], &event["exit_code"]), (&"error".into(), &3.into()));

    let quiet =
        folder.run(&["compare", "tiny.toml", "--rules", "bp,vnc", "--out", "two", "--quiet"]).success();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("two/report.html\n", ""));
    let quiet = folder.run(&["train", "tiny.toml", "--out", "one", "--quiet"]).success();
    assert_eq!(quiet.stdout.lines().count(), 1, "{}", quiet.stdout);
    assert!(quiet.stdout.starts_with("one: test accuracy "), "{}", quiet.stdout);
}

#[test]
fn a_report_takes_runs_and_folders_of_runs() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder.run(&["compare", "tiny.toml", "--rules", "bp,dfa", "--out", "out", "--quiet"]).success();
    fs::remove_file(folder.path("out/report.html")).unwrap();
    let report = folder.run(&["report", "out"]).success();
    assert!(
        report.stdout.contains("| DFA") && report.stdout.ends_with("out/report.html\n"),
        "{}",
        report.stdout
    );
    folder.run(&["report", "out/bp-seed0", "out/dfa-seed0", "--out", "x.html", "--title", "A & B"]).success();
    let page = fs::read_to_string(folder.path("x.html")).unwrap();
    assert!(page.contains("<h1>A &amp; B</h1>"));
}

#[test]
fn a_report_takes_the_place_of_none_but_one_on_its_own_runs() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder.run(&["compare", "tiny.toml", "--rules", "bp,dfa", "--out", "out", "--quiet"]).success();
    let one = ["report", "out/bp-seed0", "--out", "x.html"];
    let both = ["report", "out/bp-seed0", "out/dfa-seed0", "--out", "x.html"];
    let said = "written in place of the page that was there";
    assert!(!folder.run(&one).success().stdout.contains(said));
    // More runs take the place of fewer, and say so; fewer not of more.
    assert!(folder.run(&both).success().stdout.contains(said));
    let page = fs::read_to_string(folder.path("x.html")).unwrap();
    let refused = folder.run(&one).failure(8);
    assert!(
        refused.stderr.contains("x.html: is a page on other runs; name another file with --out"),
        "{refused:?}"
    );
    assert_eq!(fs::read_to_string(folder.path("x.html")).unwrap(), page);
    folder.write("notes.html", "mine");
    let refused = folder.run(&["report", "out", "--out", "notes.html"]).failure(8);
    assert!(refused.stderr.contains("notes.html: is there already, and no report"), "{refused:?}");
    assert_eq!(fs::read_to_string(folder.path("notes.html")).unwrap(), "mine");
    let over = folder.run(&["report", "out", "--out", "notes.html", "--overwrite"]).success();
    assert!(over.stdout.contains(said));
    // The comparison's own page is on the same runs.
    assert!(folder.run(&["report", "out"]).success().stdout.contains(said));
}

#[test]
fn divergence_names_the_step_the_stage_and_the_last_checkpoint() {
    let folder = Folder::new();
    let wild = TINY
        .replace("\"adam\", learning_rate = 1e-3", "\"sgd\", learning_rate = 1e6")
        .replace("interval = 4", "interval = 1");
    folder.write("wild.toml", &wild);
    let run = folder.run(&["train", "wild.toml", "--out", "run", "--set", "credit.rule=bp"]).failure(6);
    // A loss that has left its start may be told before it is no number.
    let (told, error) = run.stderr.trim_end().rsplit_once('\n').unwrap_or(("", run.stderr.trim_end()));
    assert!(told.is_empty() || told.starts_with("warning: run: the loss has left its start: "), "{told}");
    assert!(told.lines().count() < 2 && error.starts_with("error: step "), "{}", run.stderr);
    for part in ["finite", "the last good checkpoint is run/checkpoints/step-", "try a lower learning rate"] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    let summary = fs::read_to_string(folder.path("run/summary.json")).unwrap();
    assert!(summary.contains("\"status\": \"diverged\""), "{summary}");

    // In a comparison the others go on.
    let compare = ["compare", "wild.toml", "--rules", "bp,dfa", "--out", "out"];
    for _ in 0..2 {
        let run = folder.run(&compare).failure(6);
        let last = run.stderr.lines().last().unwrap();
        assert_eq!(
            last,
            "error: out: 2 of 2 runs diverged (bp-seed0, dfa-seed0); try a lower learning rate or train.clip_norm for \
             all of them"
        );
        assert!(run.stdout.ends_with("out/report.html\n"), "{}", run.stdout);
    }
}

#[test]
fn ready_made_configurations_pass_the_check_and_fit_the_schema() {
    let folder = Folder::new();
    let schema: Value = serde_json::from_str(&folder.run(&["config", "schema"]).success().stdout).unwrap();
    let known = |section: &Value, key: &str| section["properties"].get(key).is_some();
    for name in ["demo", "cifar10", "imagenet"] {
        let text = folder.run(&["config", "presets", name]).success().stdout;
        folder.write("preset.toml", &text);
        assert_eq!(
            folder.run(&["config", "check", "preset.toml", "--settings"]).success().stdout,
            "ok: the settings; neither data nor device were opened\n"
        );
        let resolved = folder.run(&["config", "check", "preset.toml", "--resolved"]).success().stdout;
        folder.write("resolved.toml", &resolved);
        let again = folder.run(&["config", "check", "resolved.toml", "--resolved"]).success().stdout;
        assert_eq!(again, resolved, "resolving is idempotent");
        for text in [&text, &resolved] {
            let table: toml::Table = text.parse().unwrap();
            for (key, value) in &table {
                assert!(known(&schema, key), "{name}: {key} is not in the schema");
                let reference = schema["properties"][key]["$ref"].as_str().and_then(|r| r.rsplit('/').next());
                let Some(section) = reference.map(|r| &schema["$defs"][r]) else { continue };
                // Rules are alternatives, whose keys differ.
                if let (Some(inner), true) = (value.as_table(), section["properties"].is_object()) {
                    for key in inner.keys() {
                        assert!(known(section, key), "{name}: {key} is not in the schema");
                    }
                }
            }
        }
    }
    let list = folder.run(&["config", "presets"]).success().stdout;
    for name in ["bp", "nmnc", "conv3", "demo", "cifar10"] {
        assert!(list.lines().any(|line| line.trim_start().starts_with(name)), "{name} in {list}");
    }
}

#[test]
fn help_completions_and_data_print_what_they_should() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(folder.run(&["completions", shell]).success().stdout.contains("nmnc"));
    }
    let help = folder.run(&["help"]).success().stdout;
    for part in ["Exit codes:", "  6  training diverged", "nmnc demo"] {
        assert!(help.contains(part), "{help}");
    }
    for command in ["demo", "train", "compare", "report", "bench", "plan", "cite", "completions"] {
        assert!(
            folder.run(&[command, "--help"]).success().stdout.contains("Examples:\n  nmnc "),
            "{command}"
        );
    }
    assert!(folder.run(&[]).success().stdout.contains("Usage: nmnc"));
    // What the program asks of itself is no command.
    assert!(!help.contains("try-device"), "{help}");
    let list = folder.run(&["data", "list"]).success().stdout;
    assert!(list.contains("fashion-mnist-sample  present"), "{list}");
    let info = folder.run(&["data", "info", "fashion-mnist-sample"]).success().stdout;
    assert!(info.contains("train: 6000 gray images, 28x28 pixels"), "{info}");
}

#[test]
fn a_data_set_of_fewer_dimensions_is_trained_on_as_others_are() {
    let folder = Folder::new();
    let reduce = "data reduce fashion-mnist-sample --components 3 --set train_limit=200 --set test_limit=50 --out few.npz";
    let arguments: Vec<&str> = reduce.split(' ').collect();
    let made = folder.run(&arguments).success();
    let told = "fashion-mnist-sample: 200 training and 50 test examples of 1x28x28; 3 components have";
    assert!(made.stdout.starts_with(told) && made.stdout.ends_with("few.npz\n"), "{}", made.stdout);
    let bytes = fs::read(folder.path("few.npz")).unwrap();
    folder.run(&arguments).success();
    assert_eq!(fs::read(folder.path("few.npz")).unwrap(), bytes);
    let info = folder.run(&["data", "info", "few.npz"]).success().stdout;
    assert!(info.contains("train: 200 gray images, 28x28 pixels"), "{info}");
    folder.write("tiny.toml", TINY);
    let more =
        ["--set", "data.source=few.npz", "--set", "data.train_limit=100", "--set", "data.test_limit=50"];
    folder.run(&[&["train", "tiny.toml"], &more[..]].concat()).success();
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::Stdio;
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    for arguments in [&["config", "schema"][..], &["train", "tiny.toml", "--out", "run"]] {
        let mut child =
            nmnc(folder.root(), arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(Ran::of(output.clone()).stderr, "");
        assert!(output.status.success());
    }
    // What could not be printed is in the folder.
    assert!(folder.path("run/summary.json").exists());
}

#[test]
fn an_analysis_takes_runs_checkpoints_and_arrays() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder.run(&["train", "tiny.toml", "--out", "run"]).success();
    let small =
        ["--examples", "60", "--jacobians", "20", "--curve", "8", "--dimensions", "8,2", "--probes", "16"];
    let ran = folder.run(&[&["analyze", "run"], &small[..]].concat()).success();
    assert!(ran.stdout.ends_with("run/analysis/step-0000000008\n"), "{}", ran.stdout);
    assert!(
        ran.stdout.starts_with("analyzing run after 8 training steps (nmnc, seed 0)\n"),
        "{}",
        ran.stdout
    );
    let out = folder.path("run/analysis/step-0000000008");
    let read =
        |path: &std::path::Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let first = read(&out.join("analysis.json"));
    assert_eq!(first["stages"].as_array().unwrap().len(), 3);
    assert_eq!(first["settings"]["dimensions"], serde_json::json!([2, 8]));
    assert_eq!(first["settings"]["centered"], true);
    assert!(first["stages"][2]["alignment"]["untrained"].is_object());
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for foreign in ["<script ", "src=", "href=\"http", "url(http", "@import", "NaN"] {
        assert!(!page.contains(foreign), "{foreign}");
    }

    // The same again, and the same from the checkpoint's own folder, whatever the number of threads.
    let again = [&["analyze", "run/checkpoints/step-0000000008", "--threads", "1", "--out", "b"], &small[..]]
        .concat();
    folder.run(&again).success();
    assert_eq!(read(&folder.path("b/analysis.json"))["stages"], first["stages"]);

    let one =
        [&["analyze", "run", "--stage", "2", "--split", "test", "--format", "json", "--json"], &small[..]]
            .concat();
    let ran = folder.run(&one).success();
    let event: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&event["event"], &event["analysis"]["stages"][0]["stage"]), (&"analysis".into(), &2.into()));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1);

    let values: Vec<u8> = (0..40 * 6).flat_map(|i| f64::from(i * i % 31).to_le_bytes()).collect();
    fs::write(folder.path("x.npy"), [&common::npy_header("<f8", "(40, 6)")[..], &values].concat()).unwrap();
    fs::write(folder.path("j.npy"), [&common::npy_header("<f8", "(2, 6)")[..], &values[..96]].concat())
        .unwrap();
    let arrays = [
        "analyze",
        "--activity",
        "x.npy",
        "--jacobian",
        "j.npy",
        "--curve",
        "4",
        "--dimensions",
        "2",
        "--quiet",
    ];
    let ran = folder.run(&arrays).success();
    assert_eq!(ran.stdout, "x-analysis\n");
    let found = read(&folder.path("x-analysis/analysis.json"));
    assert_eq!(found["stages"][0]["alignment"]["outputs"], 2);
    assert_eq!(found["settings"]["centered"], false);

    // What is absent says why, where it is seen and where it is kept. The rows repeat after 31.
    let many = ["analyze", "--activity", "x.npy", "--neighbors", "40", "--curve", "4", "--dimensions", "2"];
    let ran = folder.run(&many).success();
    let why = "no maximum-likelihood dimension: 40 neighbors in halves of the points need 82 in different places, and there are 31";
    assert!(ran.stderr.contains(why), "{}", ran.stderr);
    assert!(fs::read_to_string(folder.path("x-analysis/stages.csv")).unwrap().contains(why));
}
