//! The report as a whole, on invented runs.

use nmnc_core::records::{RunRecords, Status};
use nmnc_report::colors::Palette;
use nmnc_report::figure::Picture;
use nmnc_report::heatmap::{Heatmap, Side};
use nmnc_report::plot::Size;
use nmnc_report::{html, table, write};

use crate::synthetic;

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
        for external in ["http://", "https://", "src=", "href=", "url(", "@import"] {
            assert!(!html.contains(external), "{external}");
        }
        assert_eq!(html.matches("<script").count(), 1, "its own");
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
        // The columns stand in blocks below each other.
        let line =
            |block: &str| block.lines().find(|l| l.starts_with(&format!("| {rule}"))).unwrap().to_owned();
        let cells = table.split("\n\n").map(line).collect::<String>();
        cells
            .split('|')
            .map(|c| c.trim().to_owned())
            .filter(|c| !c.is_empty() && c != rule)
            .collect::<Vec<_>>()
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
    for raw in ["<b>", "<i>", "<u>", "<s>", "<device>", "<warning>", "<script>alert"] {
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
fn report_table_is_markdown_with_equal_rows_that_fit_a_terminal() {
    let table = table(&synthetic::full());
    let blocks: Vec<&str> = table.split("\n\n").collect();
    assert!(blocks.len() > 1, "{table}");
    for block in blocks {
        let widths: Vec<usize> = block.lines().map(|l| l.chars().count()).collect();
        assert!(widths.windows(2).all(|w| w[0] == w[1]) && widths[0] <= 80, "{table}");
        let cells: Vec<usize> = block.lines().map(|l| l.matches('|').count()).collect();
        assert!(cells.windows(2).all(|w| w[0] == w[1]), "{table}");
        assert!(block.starts_with("| Rule"), "{table}");
    }
}

/// Four rules of which the last two differ by chance alone, with the probes of `late` before they get there.
fn seeds(count: u64) -> Vec<RunRecords> {
    let mut runs = Vec::new();
    for seed in 0..count {
        for rule in ["vnc", "nmnc"] {
            let shape = synthetic::Shape {
                rule,
                accuracy: if rule == "vnc" { 0.50 } else { 0.52 },
                time: if rule == "vnc" { 14.0 } else { 7.0 },
                probes: 54,
                cosine: 0.3,
                dimension: None,
            };
            runs.push(synthetic::run(shape, seed, &[64, 10], 40, Some(Status::Complete)));
        }
    }
    runs
}

#[test]
fn report_says_a_difference_only_where_the_seeds_carry_it() {
    // A lead of two points among seeds that spread by two: not shown with two of them, whatever the factor of probes.
    let two = page(&seeds(2));
    assert!(!two.contains("times fewer") && !two.contains("first matched"), "two seeds carry no factor");
    assert!(two.contains("no difference shown with 2 seeds"), "{}", lead(&two));
    assert!(two.contains("seeds would show one of this size"), "{}", lead(&two));
    // With many seeds both are there, with their intervals.
    let many = page(&seeds(24));
    assert!(many.contains("NMNC first matched VNC’s final accuracy"), "{}", lead(&many));
    assert!(
        many.contains("times fewer (95\u{202f}% ") && many.contains("bootstrap over 24 seeds"),
        "{}",
        lead(&many)
    );
    assert!(many.contains("NMNC above VNC by "), "{}", lead(&many));
    // A single seed says so, and nothing else.
    let one = page(&seeds(1));
    assert!(one.contains("With one seed no difference can be shown"), "{}", lead(&one));
    assert!(!one.contains("times fewer"));
}

/// What a page says before anything else.
fn lead(html: &str) -> &str {
    html.split_once("<p class=\"lead\">").unwrap().1.split_once("<dl").unwrap().0
}

#[test]
fn report_has_no_factor_of_probes_between_rules_that_are_the_same() {
    // Both rules are one: of ten pairs of them, each a sample of its own, none has a factor.
    for draw in 0..10 {
        let mut runs = Vec::new();
        for (rule, offset) in [("vnc", 0), ("nmnc", 100)] {
            for seed in 0..6 {
                let shape = synthetic::Shape {
                    rule: "vnc",
                    accuracy: 0.5,
                    time: 7.0,
                    probes: 54,
                    cosine: 0.3,
                    dimension: None,
                };
                let drawn = 1000 * draw + offset + seed;
                let mut run = synthetic::run(shape, drawn, &[64, 10], 40, Some(Status::Complete));
                run.config_text = run.config_text.replace(&format!("seed = {drawn}"), "");
                (run.rule, run.seed) = (rule.to_owned(), seed);
                runs.push(run);
            }
        }
        let html = page(&runs);
        assert!(!html.contains("times fewer"), "draw {draw}: {}", lead(&html));
    }
}

#[test]
fn report_does_not_rank_runs_on_different_data() {
    let mut runs = synthetic::full();
    let mut others = synthetic::full();
    for run in &mut others {
        run.config_text = run.config_text.replace("cifar10", "sets/other");
        run.folder = format!("{}-other", run.folder.display()).into();
    }
    runs.extend(others);
    let html = page(&runs);
    assert_nested(&html);
    let said = lead(&html);
    assert!(said.starts_with("Runs on 2 data sets or tasks, each reported by itself"), "{said}");
    for (of, other) in [("cifar10", "other"), ("other", "cifar10")] {
        let sentence = said.lines().find(|line| line.contains(&format!("On {of}, "))).unwrap();
        assert!(!sentence.contains(&format!("On {other}")), "{sentence}");
        assert!(html.contains(&format!("<h2>Results: {of}</h2>")));
        assert!(
            html.contains(&format!("Test accuracy: {of} "))
                || html.contains(&format!("Test accuracy: {of}<"))
        );
    }
    // None of the seeds is taken for a repetition of the other set's.
    assert!(!html.contains("left out, as"));
    let table = table(&runs);
    assert!(table.starts_with("cifar10:\n\n| Rule") && table.contains("\nother:\n\n| Rule"), "{table}");
}

#[test]
fn report_draws_a_sweep_and_no_more_curves_than_can_be_told_apart() {
    let html = page(&synthetic::many());
    assert!(html.contains("Accuracy against dimension"), "a sweep of one setting");
    let shapes = |rates: &[f64]| {
        let mut runs = Vec::new();
        for dimension in [8, 16, 128] {
            for rate in rates {
                let shape = synthetic::Shape {
                    rule: "nmnc",
                    accuracy: 0.5,
                    time: 7.0,
                    probes: 54,
                    cosine: 0.3,
                    dimension: Some(dimension),
                };
                let mut run = synthetic::run(shape, 0, &[64, 10], 40, Some(Status::Complete));
                run.config_text =
                    run.config_text.replace("learning_rate = 0.05", &format!("learning_rate = {rate}"));
                runs.push(run);
            }
        }
        runs
    };
    let two = page(&shapes(&[0.01, 0.1]));
    assert!(two.contains("Accuracy of NMNC against dimension and learning_rate"));
    assert!(
        two.contains("Test accuracy against epochs") && two.contains(">Epochs<"),
        "six curves are curves"
    );
    assert!(two.matches("class=\"line\"").count() > 6);
    let many = page(&shapes(&[0.01, 0.02, 0.05, 0.1]));
    let figure = many.split("<figure>").find(|f| f.contains("</span> Test accuracy</h3>")).unwrap();
    assert!(
        figure.contains("class=\"heat\"") && !figure.contains("class=\"line\""),
        "twelve curves are cells"
    );
    // Rows in the order of numbers, called by their values.
    let [low, middle, high] =
        [">8, 0.01<", ">16, 0.01<", ">128, 0.01<"].map(|name| figure.find(name).unwrap());
    assert!(figure.contains(">dimension, learning_rate<"));
    assert!(low < middle && middle < high);
    assert!(!many.contains(" more)"), "no setting is left out of a name");
    assert_nested(&many);
}

#[test]
fn report_notes_fit_what_is_shown() {
    let mut runs = synthetic::full();
    for record in runs.iter_mut().flat_map(|run| &mut run.records) {
        record.stages.clear();
        record.probes = 0;
    }
    for summary in runs.iter_mut().filter_map(|run| run.summary.as_mut()) {
        (summary.probes, summary.probes_per_example) = (0, 0.0);
        summary.stage_units = vec![64];
    }
    let html = page(&runs);
    let text = html.split_once("</style>").unwrap().1;
    for absent in ["Cosines", "energies", "A probe is", "first stage", "summed over stages"] {
        assert!(!text.contains(absent), "{absent}");
    }
    let html = page(&synthetic::full());
    for present in
        ["Cosines and energies", "A probe is one perturbed example of one stage.", "summed over stages"]
    {
        assert!(html.contains(present), "{present}");
    }
}

#[test]
fn report_tables_say_that_they_scroll_and_figures_that_they_are_saved() {
    let html = page(&synthetic::full());
    let tables = html.matches("<table>").count();
    assert!(tables >= 3 && html.matches("class=\"more\"").count() == tables);
    assert!(html.matches("<div class=\"scroll\" tabindex=\"0\"").count() == tables);
    // Every line has values for a pointer: at most thirty places each.
    assert!(html.contains("NMNC\nEpochs: 40\nTest accuracy (%): "));
    // Configurations come last.
    let order = ["<summary>Commands", "<summary>Versions and device", "<summary>Configuration: "]
        .map(|s| html.find(s).unwrap());
    assert!(order.is_sorted());
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

/// A picture of `values`.
fn heat(rows: Side, columns: Side, values: Vec<f64>) -> Heatmap {
    Heatmap {
        size: Size::Wide,
        heading: None,
        title: "A picture".into(),
        row_name: String::new(),
        column_name: String::new(),
        rows,
        columns,
        values,
        label: "1 − r".into(),
        range: (0.0, 1.0),
        palette: Palette::Sequential,
    }
}

#[test]
fn report_heat_maps_say_their_cells_to_a_pointer() {
    let names = |count: usize| Side::Names((1..=count).map(|i| format!("<{i}>")).collect());
    let mut few = heat(names(2), names(3), vec![1.0, 0.25, 0.0, -0.5, f64::NAN, 2.0]);
    few.row_name = "dim".into();
    let svg = few.svg(1);
    assert_eq!(svg.matches("</title></rect>").count(), 6);
    assert!(svg.contains("<title>dim: &lt;2&gt;\n&lt;1&gt;\n−0.5</title>"), "{svg}");
    // A large one has them as one list that the page's script reads.
    let size = 92;
    let groups = || Side::Groups(vec![("Faces".into(), 24), ("Others".into(), 68)]);
    let svg = heat(groups(), groups(), (0..size * size).map(|at| at as f64 / 1e4).collect()).svg(1);
    let list = svg.split("data-values=\"").nth(1).unwrap().split('"').next().unwrap();
    let values: Vec<&str> = list.split(' ').collect();
    assert_eq!((values.len(), values[size + 1]), (size * size, "0.00930"));
    assert_eq!(svg.split("data-rows=\"").nth(1).unwrap().split('"').next().unwrap().lines().count(), size);
}

/// Runs whose probes different settings decide on.
fn over_probes(places: usize) -> Vec<RunRecords> {
    let full = synthetic::full();
    let of = |rule: &'static str| {
        full.iter().filter(move |run| run.rule == rule && run.status() == Some(Status::Complete))
    };
    let mut runs: Vec<RunRecords> = of("bp").cloned().collect();
    for (at, probes) in [0.01, 0.1, 1.0, 10.0].into_iter().enumerate().take(places) {
        for (rule, settings) in [
            ("vnc", format!("interval = {}\n", 300 - at)),
            ("nmnc", format!("estimator = \"average\"\ninterval = {}\n", 300 - at)),
            ("nmnc", format!("estimator = \"kalman\"\nbudget = {probes}\n")),
        ] {
            for mut run in of(rule).cloned() {
                run.config_text = run.config_text.replace("[rule]\n", &format!("[rule]\n{settings}"));
                run.folder = format!("runs/{rule}-{at}-{}-seed{}", settings.len(), run.seed).into();
                let summary = run.summary.as_mut().unwrap();
                summary.probes_per_example = probes;
                let seed = run.seed as f64 / 1000.0;
                summary.test.as_mut().unwrap().accuracy = 0.4 + 0.03 * at as f64 + seed;
                runs.push(run);
            }
        }
    }
    runs
}

#[test]
fn accuracy_is_drawn_against_probes_whichever_settings_decide_on_them() {
    let html = page(&over_probes(4));
    let figure = html.split("<figure").find(|figure| figure.contains("Accuracy against probes per example"));
    let figure = figure.expect("the figure").to_owned();
    for label in
        ["NMNC (estimator = average)", "NMNC (estimator = kalman)", "VNC", "Across: BP, without any."]
    {
        assert!(figure.contains(label), "{label}");
    }
    assert!(figure.contains("probes per example from 0.01 to 10"), "{figure}");
    assert!(figure.contains("VNC goes from 40.2 to 49.2"), "{figure}");
    // Of these two settings a run has one.
    assert!(!html.contains("against budget and interval"));
    // Size is the same for all, and two places are no curve.
    assert!(!html.contains("Accuracy against parameters"));
    assert!(!page(&over_probes(2)).contains("Accuracy against probes per example"));
    // Networks of several widths.
    let mut runs = Vec::new();
    for (width, parameters) in [(1, 50_000), (2, 100_000), (4, 400_000), (8, 1_600_000)] {
        for mut run in over_probes(1) {
            let stages = [width, 2 * width]
                .map(|channels| format!("[[network.stages]]\nkind = \"conv\"\nchannels = {channels}\n"));
            run.config_text = format!("{}\n{}", run.config_text, stages.concat());
            run.folder = format!("{}-wide{width}-seed{}", run.folder.display(), run.seed).into();
            run.summary.as_mut().unwrap().parameters = parameters;
            runs.push(run);
        }
    }
    let html = page(&runs);
    let figure = html.split("<figure").find(|figure| figure.contains("Accuracy against parameters"));
    assert!(figure.expect("the figure").contains("NMNC (budget = 0.01)"));
    // Behind the stage that they all have.
    assert!(html.contains("BP (width 1024-4-8)"), "networks are told apart by their widths");
}
