//! Figures, axes, tables and pages of whatever numbers and names: no panic, nothing that is no number, no flood.

use nmnc_core::printable;
use nmnc_core::records::RunRecords;
use nmnc_core::statistics::{Interval, MeanSem, mean_sem};
use nmnc_report::axis::{Axis, Writing};
use nmnc_report::bars::{Bar, BarChart};
use nmnc_report::colors::Palette;
use nmnc_report::figure::Picture;
use nmnc_report::grid::{self, Cell, Curve, Scale};
use nmnc_report::heatmap::{Heatmap, Side};
use nmnc_report::look::Style;
use nmnc_report::measurements::{Place, Point, Seeds};
use nmnc_report::plot::{End, Line, Panel, Reference, Size};
use nmnc_report::scatter::Scatter;
use nmnc_report::text::{count, count_tick, duration, fixed, plus_minus, significant, spread, with_range};
use nmnc_report::{Measurements, Page, Table, html, table};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::synthetic;

/// Numbers of every kind, those at the ends of their type more often than chance has it.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => proptest::num::f64::ANY,
        2 => -1e3f64..1e3,
        2 => prop::sample::select(vec![
            0.0, -0.0, 1.0, 5e-324, -5e-324, 1e-310, 2.3e-308, 1.7e308, -1.7e308, f64::MAX, f64::MIN, f64::NAN, f64::INFINITY,
            f64::NEG_INFINITY, 1e300, 1e-300, 1e15, 9.007_199_254_740_992e15, 1.8e19,
        ]),
    ]
}

/// Names that a picture should survive.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => ".{0,12}",
        1 => Just("x".repeat(70_000)),
        1 => Just("<b>\u{1b}[2J\u{202e}\n|\"'".to_owned()),
    ]
}

fn points() -> impl Strategy<Value = Vec<Point>> {
    vec(
        (number(), number(), proptest::option::of(number())).prop_map(|(x, y, sem)| Point { x, y, sem }),
        0..8,
    )
}

fn axis() -> impl Strategy<Value = Axis> {
    (number(), number(), 0usize..12, any::<(bool, bool, bool)>()).prop_map(
        |(a, b, most, (log, counts, tight))| {
            let writing = if counts { Writing::Count } else { Writing::Decimal };
            let axis = if log {
                Axis::logarithmic("x", writing, a, b)
            } else {
                Axis::linear("x", writing, a, b, most)
            };
            if tight { axis.tight(a, b) } else { axis }
        },
    )
}

/// A picture without numbers that are none, of a size that a page can hold.
fn sound(svg: &str) -> std::result::Result<(), TestCaseError> {
    for wrong in ["NaN", "inf\"", "inf ", "-inf"] {
        prop_assert!(!svg.contains(wrong), "{wrong} in {svg}");
    }
    prop_assert!(svg.len() < 1_500_000, "{}", svg.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn numbers_are_written_shortly(value in number(), other in number(), digits in 0usize..6) {
        let texts = [
            fixed(value, digits), significant(value, digits), count(value), count_tick(value), duration(value),
            plus_minus(&MeanSem { mean: value, sem: Some(other), n: 2 }, digits),
            with_range(&Interval { mean: value, sem: Some(other), half: Some(other), n: 2 }, digits),
        ];
        for text in texts {
            prop_assert!(!text.is_empty() && text.chars().count() < 90, "{text}");
            prop_assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        }
    }

    #[test]
    fn axes_have_rising_ticks_and_a_place_for_every_number(axis in axis(), values in vec(number(), 1..20)) {
        let ticks = &axis.ticks;
        prop_assert!((2..=40).contains(&ticks.len()), "{ticks:?}");
        prop_assert!(ticks.iter().all(|t| t.is_finite()) && ticks.windows(2).all(|w| w[0] < w[1]), "{ticks:?}");
        for &tick in ticks {
            prop_assert!(axis.text(tick).chars().count() < 40, "{}", axis.text(tick));
        }
        let mut sorted: Vec<f64> = values.into_iter().filter(|v| !v.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let places: Vec<f64> = sorted.iter().map(|&v| axis.fraction(v)).collect();
        prop_assert!(places.iter().all(|p| p.is_finite()), "{places:?}");
        prop_assert!(places.windows(2).all(|w| w[0] <= w[1] + 1e-9), "{sorted:?} at {places:?}");
        prop_assert!(axis.fraction(f64::NAN).is_finite());
    }

    #[test]
    fn means_are_between_the_smallest_and_the_largest(values in vec(number(), 1..8)) {
        let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let Some(found) = mean_sem(values) else { return Ok(()) };
        let (low, high) = finite.iter().fold((f64::MAX, f64::MIN), |(l, h), &v| (l.min(v), h.max(v)));
        let slack = 1e-9 * low.abs().max(high.abs());
        prop_assert!(found.mean >= low - slack && found.mean <= high + slack, "{found:?}");
        prop_assert!(found.sem.is_none_or(|sem| sem >= 0.0 && sem.is_finite()), "{found:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn panels_take_any_points(
        lines in vec((points(), name(), 0usize..30, 0usize..4), 0..5),
        levels in vec((number(), proptest::option::of(number()), name()), 0..3),
        x in axis(), y in axis(), wide in any::<bool>(), heading in proptest::option::of(name()),
    ) {
        let ends = [End::Mean, End::Diverged, End::Unfinished, End::Fit];
        let lines = lines.into_iter().map(|(points, label, style, end)| {
            Line { style: Style(style), label, points, end: ends[end] }
        });
        let references = levels.into_iter().map(|(y, sem, label)| {
            Reference { style: None, label, y, sem, dotted: true }
        });
        let size = if wide { Size::Wide } else { Size::Narrow };
        let mut panel = Panel::new(size, "t".to_owned(), x, y, lines.collect(), references.collect());
        panel.heading = heading.map(|heading| (heading, String::new()));
        sound(&panel.svg(1))?;
    }

    #[test]
    fn grids_take_any_points(
        cells in vec((name(), vec((points(), 0usize..4, any::<bool>()), 0..3)), 0..4), scale in 0usize..5,
    ) {
        let scales = [Scale::UnitLog, Scale::LogLog, Scale::Degrees, Scale::Linear, Scale::Plane];
        let cell = |(heading, curves): (String, Vec<(Vec<Point>, usize, bool)>)| Cell {
            heading,
            note: String::new(),
            curves: curves.into_iter().map(|(points, at, fit)| {
                Curve { style: Style(at), label: format!("c{at}"), points, fit }
            }).collect(),
        };
        let cells = cells.into_iter().map(cell).collect();
        if let Some(figure) = grid::figure("t", String::new(), ("x", "y", scales[scale]), cells) {
            for picture in &figure.pictures {
                sound(&picture.svg(1))?;
            }
        }
    }

    #[test]
    fn heat_maps_take_any_numbers_and_labels(
        values in vec(number(), 0..30), rows in vec(name(), 0..5), groups in vec((name(), 0usize..4), 0..4), range in (number(), number()),
    ) {
        let map = Heatmap {
            size: Size::Narrow,
            heading: Some(("h".to_owned(), String::new())),
            title: String::new(),
            row_name: "rows".to_owned(),
            column_name: "columns".to_owned(),
            rows: Side::Names(rows),
            columns: Side::Groups(groups),
            values,
            label: "value".to_owned(),
            range,
            palette: Palette::Sequential,
        };
        sound(&map.svg(1))?;
    }

    #[test]
    fn bars_and_scatters_take_any_numbers(
        values in vec((number(), number(), number(), name()), 0..6), axis in axis(), band in proptest::option::of((number(), number())),
    ) {
        let bars = values.iter().map(|(value, low, high, label)| Bar {
            style: None, label: label.clone(), value: *value, range: Some((*low, *high)), points: vec![*low, *value],
        });
        let chart = BarChart {
            heading: (String::new(), String::new()),
            title: String::new(),
            axis,
            bars: bars.collect(),
            band: band.map(|(low, high)| (low, high, "band".to_owned())),
        };
        sound(&chart.svg(1))?;
        let points = values.iter().enumerate().map(|(at, (x, y, _, what))| ((*x, *y), Style(at), what.clone()));
        let scatter = Scatter { heading: (String::new(), String::new()), title: String::new(), points: points.collect() };
        sound(&scatter.svg(1))?;
    }

    #[test]
    fn tables_take_rows_of_any_length(rows in vec(vec(name(), 0..5), 0..5)) {
        let table = Table { headings: vec!["a", "b"], rows };
        let text = table.text();
        prop_assert!(text.len() < 60_000 && text == printable::lines(&text), "{text}");
        table.html("t");
    }

    #[test]
    fn measurements_of_any_numbers_read_back_and_are_drawn(rows in vec((name(), proptest::option::of(number()), number()), 0..8)) {
        let mut found = Measurements::default();
        for (seed, (condition, x, value)) in (0..).zip(&rows) {
            found.add(&Place::new(condition.as_str(), "", *x), seed, [("m", Some(*value))]);
        }
        let (again, first) = (Measurements::parse(&found.csv()).unwrap(), found.csv());
        prop_assert_eq!(again.csv(), first);
        for (_, points) in found.curves("m", "", Seeds::Any) {
            prop_assert!(points.iter().all(|p| p.y.is_finite()));
        }
    }

    #[test]
    fn pages_take_any_records(
        numbers in vec(number(), 24), stages in vec(any::<usize>(), 0..4), integers in vec(any::<u64>(), 4), rule in name(),
    ) {
        let mut runs = synthetic::full();
        runs.truncate(4);
        disturb(&mut runs, &numbers, &stages, &integers, &rule);
        page(&runs)?;
    }
}

/// Puts other numbers and names in the records.
fn disturb(runs: &mut [RunRecords], numbers: &[f64], stages: &[usize], integers: &[u64], rule: &str) {
    let mut number = numbers.iter().copied().cycle();
    let mut number = || number.next().unwrap();
    for run in runs.iter_mut() {
        run.rule = rule.to_owned();
        run.records.truncate(6);
        for (at, record) in run.records.iter_mut().enumerate() {
            if at % 3 == 0 {
                record.step = integers[0].wrapping_add(at as u64);
            }
            (record.epoch, record.seconds, record.images_per_second) = (number(), number(), number());
            record.probes = integers[1];
            for score in record.train.iter_mut().chain(&mut record.test) {
                (score.loss, score.accuracy) = (number(), number());
            }
            for (stage, &wild) in record.stages.iter_mut().zip(stages) {
                stage.stage = wild;
                stage.units = integers[2] as usize;
                stage.dimension = Some(integers[3] as usize);
                (stage.cosine, stage.norm_ratio, stage.captured_energy) =
                    (number(), number(), Some(number()));
                stage.mean_cosine = Some(number());
            }
        }
        if let Some(summary) = &mut run.summary {
            (summary.seconds, summary.epochs, summary.probes_per_example) = (number(), number(), number());
            (summary.steps, summary.probes) = (integers[0], integers[1]);
            summary.stage_units = stages.to_vec();
        }
    }
}

fn page(runs: &[RunRecords]) -> std::result::Result<(), TestCaseError> {
    let page = html(runs, "t", &[]).unwrap();
    let body = page.split_once("</style>").unwrap().1;
    for wrong in ["NaN", "inf\"", "-inf"] {
        prop_assert!(!body.contains(wrong), "{wrong}");
    }
    prop_assert!(page.len() < 5_000_000, "{}", page.len());
    let text = table(runs);
    prop_assert!(text == printable::lines(&text) && text.len() < 100_000, "{text}");
    Ok(())
}

#[test]
fn losses_at_the_end_of_their_type_are_drawn() {
    let mut runs = synthetic::full();
    for (at, record) in runs.iter_mut().flat_map(|r| &mut r.records).enumerate() {
        for score in record.train.iter_mut().chain(&mut record.test) {
            score.loss = if at % 2 == 0 { 1.7e308 } else { -1.7e308 };
        }
    }
    page(&runs).unwrap();
    assert!(html(&runs, "t", &[]).unwrap().contains("Training loss</h3>"));
}

#[test]
fn deep_networks_are_shown_in_part() {
    let mut runs = synthetic::full();
    runs.retain(|run| run.rule == "nmnc");
    runs.truncate(1);
    for record in &mut runs[0].records {
        if let Some(first) = record.stages.first().cloned() {
            record.stages = (1..=10_000)
                .map(|stage| nmnc_core::records::StageRecord { stage, ..first.clone() })
                .collect();
        }
    }
    runs[0].summary.as_mut().unwrap().stage_units = vec![8; 10_000];
    page(&runs).unwrap();
    let page = html(&runs, "t", &[]).unwrap();
    for part in ["Of 10000 stages, 24 are shown.", "stage 1</title>", "stage 10000</title>"] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(spread(10, 4), [0, 3, 6, 9]);
    assert_eq!((spread(3, 4), spread(0, 4), spread(5, 1)), (vec![0, 1, 2], vec![], vec![0]));
}

#[test]
fn a_stage_of_any_number_is_one_stage() {
    let mut runs = synthetic::one();
    for stage in runs[0].records.iter_mut().flat_map(|r| &mut r.stages) {
        stage.stage = stage.stage.max(2) << 62;
    }
    page(&runs).unwrap();
}

#[test]
fn long_names_leave_pages_and_tables_small() {
    let mut runs = synthetic::full();
    for run in &mut runs {
        run.rule = "r".repeat(70_000);
    }
    let text = table(&runs);
    assert!(text.lines().all(|line| line.chars().count() < 500), "{text}");
    page(&runs).unwrap();
}

#[test]
fn pages_show_hostile_text_as_text() {
    let hostile = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\u{1b}[2J\u{202e}\"'";
    let mut runs = synthetic::full();
    for run in &mut runs {
        run.rule = hostile.to_owned();
        run.folder = hostile.into();
        run.config_text = format!("[data]\nsource = '''{}'''\n", hostile.replace(['\u{1b}'], ""));
        if let Some(summary) = &mut run.summary {
            (summary.command, summary.device, summary.version) =
                (hostile.into(), hostile.into(), hostile.into());
            summary.warnings = vec![hostile.to_owned()];
            summary.environment = vec![(hostile.to_owned(), hostile.to_owned())];
        }
    }
    let table = Table { headings: vec!["a"], rows: vec![vec![hostile.to_owned()]] };
    let cell = Cell {
        heading: hostile.to_owned(),
        note: hostile.to_owned(),
        curves: vec![Curve::new(Style(1), hostile, vec![Point { x: 1.0, y: 1.0, sem: None }])],
    };
    let figure =
        grid::figure(hostile, hostile.to_owned(), (hostile, hostile, Scale::Plane), vec![cell]).unwrap();
    let other = Page::new(hostile)
        .sentences(&[hostile])
        .setup([(hostile, hostile.to_owned())])
        .notices(hostile, &[hostile.to_owned()])
        .figures(hostile, &[figure])
        .table(hostile, &table, hostile)
        .command(hostile)
        .html();
    for page in [html(&runs, hostile, &[hostile.to_owned()]).unwrap(), other] {
        for raw in ["<img", "\u{1b}", "\u{202e}", "</pre><"] {
            assert!(!page.contains(raw), "{raw:?}");
        }
        assert_eq!(page.matches("<script").count(), 1, "its own");
    }
}

#[test]
fn texts_in_files_are_no_formulas_and_numbers_stay_numbers() {
    let names = [
        "=cmd|'/c calc'!A1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "'=1",
        "''-x",
        "＝1",
        "-",
        "a=1",
        "'a",
        "''",
        "",
        "-1",
        "\"=1\"",
        "=\"a,b\"",
    ];
    let mut found = Measurements::default();
    for name in names {
        found.add(&Place::new(name, name, -0.5), 1, [(name, Some(-1e300))]);
    }
    let file = found.csv();
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    for (cells, name) in reader.records().map(|record| record.unwrap()).zip(names) {
        for cell in cells.iter() {
            let obeyed = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝']);
            assert!(!obeyed || cell.parse::<f64>().is_ok(), "{name:?} as {cell:?}");
        }
        assert_eq!((&cells[1], &cells[3]), ("1", "-0.5"));
    }
    assert!(file.contains("'=cmd|'/c calc'!A1,"), "{file}");
    assert_eq!(Measurements::parse(&file).unwrap(), found);
}
