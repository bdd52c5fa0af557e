//! What is said of settings before a run: `nmnc config explain`, `nmnc config check`, and what people type for settings.

use std::path::Path;

use nmnc::train::reference::{Kind, at, settings, similar};

use crate::common::{Folder, TINY};

/// Beside the page as it is printed: `NMNC_GOLDEN=write` renews it.
#[test]
fn the_page_of_all_settings_is_what_the_program_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
    let printed = Folder::new().run(&["config", "explain", "--markdown"]).success().stdout;
    if std::env::var("NMNC_GOLDEN").as_deref() == Ok("write") {
        std::fs::write(&page, &printed).unwrap();
    }
    let kept = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(
        kept == printed,
        "docs/settings.md is not as printed: NMNC_GOLDEN=write cargo test --release --workspace --test cli settings::"
    );
}

#[test]
fn every_setting_has_a_meaning_a_form_and_all_that_a_run_folder_keeps_is_listed() {
    for kind in [Kind::Images, Kind::Trials] {
        for setting in settings(kind) {
            assert!(!setting.meaning.is_empty(), "{} has no meaning", setting.path);
            assert!(!setting.form.is_empty(), "{} has no form", setting.path);
            assert!(!at(kind, &setting.path).is_empty(), "{}", setting.path);
        }
    }
    // What is spelled out of a configuration is known setting by setting.
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let arguments = ["config", "check", "tiny.toml", "--resolved", "--set", "credit.rule=nmnc"];
    let resolved: toml::Table = folder.run(&arguments).success().stdout.parse().unwrap();
    let mut keys = Vec::new();
    leaves("", &toml::Value::Table(resolved), &mut keys);
    assert!(keys.len() > 50, "{keys:?}");
    for key in keys {
        assert!(!at(Kind::Images, &key).is_empty(), "{key}");
    }
}

fn leaves(path: &str, value: &toml::Value, all: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, inner) in table {
                leaves(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, inner, all);
            }
        }
        toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
            list.iter().enumerate().for_each(|(index, inner)| leaves(&format!("{path}.{index}"), inner, all));
        }
        _ => all.push(path.to_owned()),
    }
}

#[test]
fn the_full_path_of_what_was_meant_is_found() {
    for (key, meant) in [
        ("lr", "train.optimizer.learning_rate"),
        ("train.lr", "train.optimizer.learning_rate"),
        ("epochs", "train.epochs"),
        ("batch_size", "train.batch"),
        ("credit.nmnc.dimension", "credit.nmnc.manifold.dimension"),
        ("train.init", "weights.from"),
        ("credit.dimension", "credit.manifold.dimension"),
        ("network.stages.0.chanels", "network.stages[0].channels"),
    ] {
        assert_eq!(similar(Kind::Images, key).first().map(String::as_str), Some(meant), "{key}");
    }
    assert_eq!(similar(Kind::Images, "entirely-unknown"), Vec::<String>::new());
}

#[test]
fn settings_are_explained_in_lines_of_a_terminal() {
    let folder = Folder::new();
    let all = folder.run(&["config", "explain"]).success().stdout;
    for line in all.lines() {
        // A single word may be longer.
        assert!(line.chars().count() <= 80 || !line.trim().contains(' '), "{line}");
    }
    let rate = folder.run(&["config", "explain", "lr"]).success().stdout;
    assert_eq!(
        rate,
        "train.optimizer.learning_rate\n  Learning rate.\n  a number in (0, 1e30]; 0.001 when left out\n"
    );
    let eta = folder.run(&["config", "explain", "credit.nmnc.eta"]).success().stdout;
    assert!(eta.starts_with("credit.eta\n") && eta.contains("read by "), "{eta}");
    let units = folder.run(&["config", "explain", "recurrent.units"]).success().stdout;
    assert!(units.starts_with("recurrent.units\n"), "{units}");
    let error = folder.run(&["config", "explain", "train.epohcs"]).failure(3).stderr;
    assert_eq!(error, "error: train.epohcs: there is no such setting; did you mean `train.epochs`?\n");
    let json = folder.run(&["config", "explain", "train.batch", "--json"]).success().stdout;
    let event: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&event["key"], &event["default"]), (&"train.batch".into(), &"128".into()));
}

#[test]
fn a_check_does_all_that_a_run_begins_with() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    let told = folder.run(&["config", "check", "tiny.toml"]).success().stdout;
    assert!(
        told.starts_with("ok: nmnc, network on fashion-mnist-sample (256 training, 100 held-out"),
        "{told}"
    );
    for part in ["\nstage 3  3x3 convolution, 2x2 max pooling: 4x3x3\n", "\nmemory   ", "\ntime     about "] {
        assert!(told.contains(part), "{told}");
    }
    let check = |set: &str, more: &[&str]| {
        folder.run(&[&["config", "check", "tiny.toml", "--set", set], more].concat())
    };
    // What the file alone does not show.
    let problem = check("data.source=nowhere", &[]).failure(4).stderr;
    assert!(problem.contains("`nowhere` is neither a file or folder nor a known set"), "{problem}");
    let problem = check("data.image_size=4", &[]).failure(3).stderr;
    assert!(problem.contains("network.stages[2] (stage 3): a 2x2 pooling window is larger"), "{problem}");
    let problem = check("weights.from=none.pth", &[]).failure(8).stderr;
    assert!(problem.contains("none.pth"), "{problem}");
    // Which is what is wanted of a run on another machine.
    let settings = check("data.source=nowhere", &["--settings"]).success().stdout;
    assert_eq!(settings, "ok: the settings; neither data nor device were opened\n");
    let problem = check("device=flexx", &["--settings"]).failure(3).stderr;
    assert!(problem.contains("tiny.toml: device: unknown device `flexx`"), "{problem}");
    // Explicit convolutions pool if they are told to.
    let stages = "network={stages=[{kind='conv', channels=4}, {kind='conv', channels=4, pool='average'}]}";
    let told = check(stages, &[]).success().stdout;
    assert!(told.contains("stage 1  3x3 convolution, no pooling: 4x28x28"), "{told}");
    assert!(told.contains("stage 2  3x3 convolution, 2x2 average pooling: 4x14x14"), "{told}");
}
