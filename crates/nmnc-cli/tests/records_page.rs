//! docs/records.md against the columns and fields that there are.

use std::fs;
use std::path::Path;

use nmnc::records::{COLUMNS, Column, Examples, FIT_COLUMNS, PSYCHOMETRIC_COLUMNS, STAGE_COLUMNS};

use crate::common::files::json;
use crate::common::{self, Folder, TINY, last_checkpoint};

const BEGIN: &str = "<!-- columns: written by NMNC_GOLDEN=write cargo test --release --workspace --test cli records_page:: -->\n";
const END: &str = "<!-- end -->\n";

fn tables() -> String {
    let of = |examples: Examples| match examples {
        Examples::Images => " (images)",
        Examples::Trials => " (tasks)",
        Examples::Any => "",
    };
    let head = "| column | unit | meaning |\n|---|---|---|\n";
    let rows =
        COLUMNS.iter().map(|c| format!("| `{}`{} | {} | {} |\n", c.name, of(c.examples), c.unit, c.meaning));
    fn plain<T>(columns: &[Column<T>]) -> String {
        columns.iter().map(|c| format!("| `{}` | {} | {} |\n", c.name, c.unit, c.meaning)).collect()
    }
    format!(
        "\n## Columns\n\n{head}{}\n## Columns of a stage\n\nMeasured every `metrics.alignment_interval` steps, against the exact gradient of \
         backprop on the same batch.\n\n{head}{}\n## Psychometric curves\n\nA row of `psychometric.csv` after `rule`, `seed`, `task`, of a run on a \
         task with graded stimuli:\n\n{head}{}\nThe curve that is fitted to them, `fit` in `summary.json` and in records:\n\n{head}{}\n",
        rows.collect::<String>(),
        plain(&STAGE_COLUMNS),
        plain(&PSYCHOMETRIC_COLUMNS),
        plain(&FIT_COLUMNS)
    )
}

#[test]
fn the_page_of_records_has_every_column_and_field() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/records.md");
    let mut text = fs::read_to_string(&page).unwrap();
    let block = text.find(BEGIN).unwrap() + BEGIN.len()..text.find(END).unwrap();
    if std::env::var("NMNC_GOLDEN").as_deref() == Ok("write") {
        text.replace_range(block.clone(), &tables());
        fs::write(&page, &text).unwrap();
    }
    let block = block.start..text.find(END).unwrap();
    assert!(
        text[block] == tables(),
        "docs/records.md lacks columns: NMNC_GOLDEN=write cargo test --release --workspace --test cli records_page::"
    );

    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    folder.write("task.toml", TASK);
    let compare = ["compare", "tiny.toml", "--rules", "nmnc", "--out", "cmp"];
    folder.run(&compare).success();
    folder.run(&["train", "task.toml", "--out", "task"]).success();
    for run in ["cmp/nmnc-seed0", "task"] {
        for field in json(&folder.path(run).join("summary.json")).as_object().unwrap().keys() {
            assert!(
                text.contains(&format!("`{field}`")),
                "{field} of summary.json is not in docs/records.md"
            );
        }
        let header = fs::read_to_string(folder.path(run).join("metrics.csv")).unwrap();
        let header = header.lines().next().unwrap();
        assert!(header.starts_with("rule,seed,task,step,"), "{header}");
        assert_eq!(header.contains("misses"), run == "task", "{header}");
    }
    folder.run(&["train", "task.toml", "--set", "task=DelayComparison", "--out", "graded"]).success();
    let summary = json(&folder.path("graded/summary.json"));
    let found = summary["psychometric"].as_object().unwrap();
    for field in found.keys() {
        assert!(text.contains(&format!("`{field}`")), "{field} of psychometric is not in docs/records.md");
    }
    assert_eq!(found["levels"].as_array().unwrap().len(), 10);
    let header = fs::read_to_string(folder.path("graded/psychometric.csv")).unwrap();
    let names = PSYCHOMETRIC_COLUMNS.map(|column| column.name).join(",");
    assert_eq!(header.lines().next().unwrap(), format!("rule,seed,task,{names}"));
    // All numbers of all runs, long: those of the run's own table.
    let long = common::files::csv(&folder.path("cmp/records.csv"));
    let wide = common::files::csv(&folder.path("cmp/nmnc-seed0/metrics.csv"));
    let cells = wide.iter().flat_map(|row| row.iter());
    let measured = cells.filter(|(name, cell)| {
        !["rule", "seed", "task", "step", "epoch"].contains(&name.as_str()) && !cell.is_empty()
    });
    assert_eq!(long.len(), measured.count());
    for row in &long {
        let name = match row["stage"].as_str() {
            "" => row["metric"].clone(),
            stage => format!("stage{stage}.{}", row["metric"]),
        };
        let own = wide.iter().find(|own| own["step"] == row["step"]).unwrap();
        assert_eq!((&own[&name], &own["task"]), (&row["value"], &row["task"]), "{name}");
        assert_eq!((row["run"].as_str(), row["rule"].as_str()), ("nmnc-seed0", "nmnc"));
    }
}

const TASK: &str = "\
task = \"Adding\"
[recurrent]
units = 8
[credit]
rule = \"bptt\"
[train]
epochs = 1
trials = 32
batch = 16
evaluation = 32
";

#[test]
fn runs_that_are_the_same_have_the_same_checksums() {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    for (out, threads) in [("one", "1"), ("two", "2")] {
        folder.run(&["train", "tiny.toml", "--out", out, "--threads", threads]).success();
    }
    let sums =
        |run: &str, name: &str| fs::read_to_string(last_checkpoint(&folder.path(run)).join(name)).unwrap();
    assert_eq!(sums("one", "SHA256SUMS"), sums("two", "SHA256SUMS"));
    assert_eq!(sums("one", "SHA256SUMS").lines().count(), 3);
    // The times do differ, and are known all the same.
    assert_ne!(sums("one", "SHA256SUMS.records"), sums("two", "SHA256SUMS.records"));
}
