//! `nmnc plan`: what people and machines are shown, and what is told off.

use serde_json::Value;

use crate::common::{Folder, TINY};

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

#[test]
fn a_plan_names_stages_totals_and_what_takes_the_most() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let shown = folder.run(&["plan", "tiny.toml", "--threads", "1"]).success().stdout;
    let lines: Vec<&str> = shown.lines().collect();
    assert!(
        lines[0].starts_with("nmnc, network on fashion-mnist-sample (256 training, 100 held-out"),
        "{shown}"
    );
    // What has no room in the first line goes on in the next.
    let device = "flex, 1 thread; batches of 64, 4 steps an epoch, 2 epochs";
    let at = lines.iter().position(|line| *line == device).unwrap_or_else(|| panic!("{shown}"));
    let lines = &lines[at - 1..];
    for heading in
        ["units", "d", "parameters", "step GFLOP", "probe GFLOP", "probes/step", "refresh GFLOP", "ms"]
    {
        assert!(shown.contains(heading), "{shown}");
    }
    // Probes and refreshes stand below, where the line of a terminal has no room for them.
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{shown}");
    let first: Vec<&str> = lines[4].split_whitespace().collect();
    assert_eq!(first[..5], ["stage", "1", "784", "4", "40"], "{shown}");
    assert!(lines[7].starts_with("output") && lines[8].starts_with("all"), "{shown}");
    // Right ends of columns stand below each other.
    let ends = |line: &str, cell: &str| line.find(cell).map(|at| at + cell.len());
    assert_eq!(ends(lines[4], "784"), ends(lines[3], "units"), "{shown}");
    for (name, part) in [
        ("memory", "at the height of a step; the largest part"),
        ("step", "images/s"),
        ("evaluation", "100 images after each epoch"),
        ("epoch", "moved"),
        ("training", "moved"),
    ] {
        assert!(lines.iter().any(|line| line.starts_with(name) && line.contains(part)), "{name}: {shown}");
    }
    assert!(shown.replace("\n  ", " ").contains(" % of the time of a step are for "), "{shown}");
    assert!(lines.iter().all(|line| !line.ends_with(' ')), "{shown}");

    // Nothing is shown of what a rule does not have, nor of times that were not taken.
    let shown = folder.run(&["plan", "tiny.toml", "--set", "credit.rule=bp", "--untimed"]).success().stdout;
    for absent in ["probe", "refresh", " ms", "images/s", " d "] {
        assert!(!shown.contains(absent), "{absent}: {shown}");
    }
    assert!(shown.replace("\n  ", " ").contains(" % of the operations of a step are for "), "{shown}");
}

#[test]
fn events_add_up() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let ran = folder.run(&["plan", "tiny.toml", "--json"]).success();
    let events: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let plan = &events[0];
    assert_eq!(
        (&plan["event"], &plan["steps_per_epoch"], &plan["epochs"]),
        (&"plan".into(), &4.into(), &2.into())
    );
    let stages: Vec<&Value> = events.iter().filter(|event| event["event"] == "stage").collect();
    assert_eq!(stages.len(), 4);
    for what in ["flops", "bytes", "seconds"] {
        let sum: f64 = stages.iter().map(|stage| number(&stage["step"][what])).sum();
        assert!((sum / number(&plan["step"][what]) - 1.0).abs() < 1e-9, "{what}");
        let epoch = 4.0 * sum + number(&plan["evaluation"][what]);
        assert!((epoch / number(&plan["epoch"][what]) - 1.0).abs() < 1e-9, "{what}");
        assert!((2.0 * epoch / number(&plan["run"][what]) - 1.0).abs() < 1e-9, "{what}");
        for stage in &stages {
            let part = |name: &str| number(&stage[name][what]);
            let [probes, refreshes] =
                ["probes_per_step", "refreshes_per_step"].map(|often| number(&stage[often]));
            let whole =
                part("training") + part("signals") + probes * part("probe") + refreshes * part("refresh");
            assert!((whole - part("step")).abs() <= 1e-9 * whole, "{what}");
        }
    }
    assert_eq!(number(&stages[0]["probes_per_step"]), 0.5);
    assert!(events.iter().any(|event| event["event"] == "timed"));
}

#[test]
fn a_plan_needs_no_data_where_their_size_is_given_and_a_task_makes_its_own() {
    let folder = Folder::new();
    let text = folder.run(&["config", "presets", "imagenet"]).success().stdout;
    folder.write("imagenet.toml", &text);
    let size = ["--image", "3x64x64", "--classes", "1000", "--examples", "1281167,50000"];
    let shown = folder.run(&[&["plan", "imagenet.toml", "--untimed"], &size[..]].concat()).success().stdout;
    assert!(
        shown.starts_with("bp, resnet18 on imagenet (1281167 training, 50000 held-out images of 3x64x64"),
        "{shown}"
    );
    assert!(shown.contains("5005 steps an epoch, 90 epochs"), "{shown}");

    let text = folder.run(&["config", "presets", "delay-match"]).success().stdout;
    folder.write("task.toml", &text);
    let shown = folder.run(&["plan", "task.toml", "--untimed"]).success().stdout;
    assert!(shown.starts_with("nmnc, 256 units on DelayMatchSample ("), "{shown}");

    let missing = folder.run(&["plan", "imagenet.toml", "--untimed"]).failure(4);
    assert_eq!(missing.stderr.lines().count(), 1, "{}", missing.stderr);
    folder.run(&["plan", "none.toml"]).failure(3);
    for wrong in
        [&["--image", "3x64"][..], &["--image", "3x64x64"], &["--classes", "3"], &["--examples", "0"]]
    {
        let told = folder.run(&[&["plan", "imagenet.toml"], wrong].concat()).failure(2);
        assert!(told.stderr.starts_with("error: "), "{}", told.stderr);
    }
}
