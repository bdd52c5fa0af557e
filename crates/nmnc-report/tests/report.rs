//! The report as a whole, on invented runs.

#[path = "../examples/report_preview/synthetic.rs"]
mod synthetic;

use nmnc_core::records::{RunRecords, Status};
use nmnc_report::{html, table, write};

fn page(runs: &[RunRecords]) -> String {
    html(runs, "A title", &["nmnc report <all>".to_owned()]).unwrap()
}

/// Elements that open and close, in order, must nest: no browser is needed to see a page broken by a stray tag.
fn assert_nested(html: &str) {
    const VOID: [&str; 2] = ["meta", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    let body = html.split_once("</style>").unwrap();
    let head = body.0.split_once("<style>").unwrap().0;
    for tag in [head, body.1].iter().flat_map(|part| part.split('<').skip(1)) {
        let tag = tag.split_once('>').expect("a tag ends").0;
        let name = tag.split_whitespace().next().unwrap().trim_end_matches('/');
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn report_stands_alone_and_is_whole() {
    for runs in [synthetic::full(), synthetic::one(), synthetic::many()] {
        let html = page(&runs);
        assert_nested(&html);
        for external in ["http://", "https://", "src=", "href=", "url(", "@import", "<script"] {
            assert!(!html.contains(external), "{external}");
        }
        assert!(!html.contains("NaN") && !html.contains("inf\"") && !html.contains("Infinity"));
        for run in &runs {
            assert!(html.contains(&run.folder.display().to_string()));
            if let Some(summary) = &run.summary {
                assert!(html.contains(&summary.command), "{}", summary.command);
            }
        }
        assert!(html.contains("nmnc report &lt;all&gt;"));
    }
}

#[test]
fn report_ids_are_unique() {
    let html = page(&synthetic::many());
    let mut ids: Vec<&str> = html.split(" id=\"").skip(1).map(|s| s.split('"').next().unwrap()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert!(count > 20 && ids.len() == count);
}

#[test]
fn report_marks_runs_that_did_not_complete_and_leaves_them_out_of_means() {
    let runs = synthetic::full();
    let complete: Vec<RunRecords> =
        runs.iter().filter(|r| r.status() == Some(Status::Complete)).cloned().collect();
    let with = table(&runs);
    let without = table(&complete);
    let row = |table: &str, rule: &str| {
        let line = table.lines().find(|l| l.starts_with(&format!("| {rule}"))).unwrap();
        line.split('|').map(|c| c.trim().to_owned()).collect::<Vec<_>>()
    };
    for rule in ["VNC", "NMNC"] {
        assert_eq!(row(&with, rule), row(&without, rule));
    }
    assert!(with.contains("4 (diverged at epoch 17)") && with.contains("4 (unfinished at epoch 23)"));
    let html = page(&runs);
    assert!(html.contains("VNC, seed 4: diverged at epoch 17; in no mean."));
    assert!(html.contains("1 run diverged and 1 run has not finished"));
}

#[test]
fn report_escapes_whatever_a_run_says() {
    let mut runs = synthetic::full();
    for run in &mut runs {
        run.rule = "<b>".to_owned();
        run.config_text.push_str("note = \"<i>&\"\n");
        run.folder = "runs/<u>".into();
        if let Some(summary) = &mut run.summary {
            summary.command = "nmnc train <s> 'x' && y".to_owned();
            summary.device = "<device>".to_owned();
            summary.warnings = vec!["<warning>".to_owned()];
        }
    }
    let html = html(&runs, "<script>alert(1)</script>", &[]).unwrap();
    assert_nested(&html);
    for raw in ["<b>", "<i>", "<u>", "<s>", "<device>", "<warning>", "<script"] {
        assert!(!html.contains(raw), "{raw}");
    }
    assert!(html.contains("&lt;b&gt;") && html.contains("nmnc train &lt;s&gt; &#39;x&#39; &amp;&amp; y"));
}

#[test]
fn report_survives_numbers_that_are_not_finite_and_runs_without_records() {
    let mut runs = synthetic::full();
    for record in runs.iter_mut().flat_map(|r| &mut r.records) {
        for score in record.train.iter_mut().chain(&mut record.test) {
            score.loss = f64::NAN;
        }
        for stage in &mut record.stages {
            stage.norm_ratio = f64::INFINITY;
        }
        record.images_per_second = f64::INFINITY;
    }
    let mut empty = synthetic::one().remove(0);
    empty.records.clear();
    empty.seed = 99;
    runs.push(empty.clone());
    let html = page(&runs);
    assert_nested(&html);
    assert!(!html.contains("NaN") && !html.contains("inf"), "not finite");
    assert!(!html.contains("Training loss</h3>"), "a figure without data is not drawn");
    assert_nested(&page(&[empty]));
}

#[test]
fn report_table_is_markdown_with_equal_rows() {
    let table = table(&synthetic::full());
    let widths: Vec<usize> = table.lines().map(|l| l.chars().count()).collect();
    assert!(widths.windows(2).all(|w| w[0] == w[1]), "{table}");
    let cells: Vec<usize> = table.lines().map(|l| l.matches('|').count()).collect();
    assert!(cells.windows(2).all(|w| w[0] == w[1]), "{table}");
}

#[test]
fn report_without_runs_is_an_error() {
    let error = html(&[], "A title", &[]).unwrap_err();
    assert_eq!(error.to_string(), "report: no run to report on; give at least one run folder");
}

#[test]
fn report_is_written_whole_over_an_older_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    write(&path, "old").unwrap();
    write(&path, "new").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(write(&folder.path().join("missing/report.html"), "new").is_err());
}
