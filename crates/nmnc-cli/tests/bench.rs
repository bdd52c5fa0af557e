//! `nmnc bench` on tiny networks: every row is there and its numbers agree with each other. How large they are is for the
//! machine to say.

use serde_json::Value;

use crate::common::Folder;

const TINY: [&str; 12] = [
    "bench",
    "--runs",
    "1",
    "--channels",
    "4,4",
    "--size",
    "8",
    "--batch",
    "6",
    "--samples",
    "20",
    "--dimension=4",
];

fn events(arguments: &[&str]) -> Vec<Value> {
    let ran = Folder::new().run(&[&TINY[..], &["--json"], arguments].concat()).success();
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

fn rows(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["event"] == "row").collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

#[test]
fn every_row_is_there_and_its_numbers_agree() {
    let events = events(&["--rules", "bp,nmnc,vnc,dfa", "--threads", "2"]);
    let machine = &events[0];
    assert_eq!((&machine["event"], &machine["threads"]), (&"machine".into(), &2.into()));
    let names: Vec<String> = rows(&events)
        .iter()
        .map(|row| {
            let variant = row["variant"].as_str().unwrap_or("");
            format!("{} {variant} {}", row["part"].as_str().unwrap(), row["threads"])
        })
        .collect();
    let expected = [
        "matmul 512x512x512 1",
        "matmul 1024x1024x1024 1",
        "matmul 1536x1536x1536 1",
        "matmul 512x512x512 2",
        "matmul 1024x1024x1024 2",
        "matmul 1536x1536x1536 2",
        "copy  2",
        "launch  2",
        "data 1x28x28 1",
        "data 1x28x28 2",
        "forward  2",
        "step bp 2",
        "step nmnc 2",
        "step vnc 2",
        "step dfa 2",
        "refresh first 2",
        "refresh following 2",
    ];
    assert_eq!(names, expected);

    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs();
    let mut peak: f64 = 0.0;
    for row in rows(&events) {
        let seconds = number(&row["milliseconds"]["median"]) * 1e-3;
        assert!(seconds > 0.0, "{row}");
        // One measurement is its own median and quartiles.
        assert_eq!(row["milliseconds"]["lower_quartile"], row["milliseconds"]["upper_quartile"]);
        let part = row["part"].as_str().unwrap();
        let images = match part {
            "matmul" | "copy" | "launch" => None,
            "data" => Some(1024.0),
            "refresh" => Some(20.0),
            _ => Some(6.0),
        };
        assert_eq!(row["images"].as_f64(), images, "{row}");
        if let Some(images) = images {
            assert!(close(number(&row["images_per_second"]) * seconds, images), "{row}");
        }
        if part == "copy" {
            // Two numbers are read for each that is written.
            let bytes = 3.0 * 4.0 * f64::from(1 << 25);
            assert!(close(number(&row["gigabytes_per_second"]) * 1e9 * seconds, bytes), "{row}");
        }
        if ["refresh", "copy", "launch", "data"].contains(&part) {
            assert!(row["gflops"].is_null(), "{row}");
        } else {
            assert!(close(number(&row["gflops"]) * 1e9 * seconds, number(&row["operations"])), "{row}");
        }
        if part == "matmul" && row["threads"] == 2 {
            peak = peak.max(number(&row["gflops"]));
        }
    }
    for row in rows(&events).iter().filter(|row| row["part"] == "step") {
        assert!(close(number(&row["share_of_peak"]), number(&row["gflops"]) / peak), "{row}");
    }
    // Two 3x3 convolutions, 3 -> 4 channels on 8x8 and 4 -> 4 on 4x4, then 16 units to 10 classes.
    let forward = 6.0 * 2.0 * (27 * 4 * 64 + 36 * 4 * 16 + 16 * 10) as f64;
    let operations = |index: usize| number(&rows(&events)[index]["operations"]);
    assert_eq!(operations(10), forward);
    assert_eq!(operations(11), 2.0 * forward + 6.0 * 2.0 * (36 * 4 * 16 + 16 * 10) as f64);

    let last = events.last().unwrap();
    assert_eq!(last["event"], "process");
    if cfg!(target_os = "linux") {
        // At least the six factors of the products.
        assert!(number(&last["peak_memory_bytes"]) > 30e6, "{last}");
        assert!(rows(&events).iter().all(|row| row["page_faults"]["median"].is_number()));
    }
}

#[test]
fn only_what_is_asked_for_is_measured() {
    let events = events(&["--only", "step", "--rules", "vnc,nmnc", "--interval", "3", "--pool", "average"]);
    let rows = rows(&events);
    assert_eq!(rows.iter().map(|row| &row["variant"]).collect::<Vec<_>>(), ["vnc", "nmnc"]);
    assert!(rows.iter().all(|row| row["share_of_peak"].is_null()), "nothing to compare with");
}

#[test]
fn people_get_a_table_that_says_what_its_columns_mean() {
    let only = ["--only", "forward,step", "--rules", "bp", "--threads", "1"];
    let table = Folder::new().run(&[&TINY[..], &only].concat()).success().stdout;
    for part in ["1 thread,", "images/s", "\nforward ", "\nstep bp ", "direct algorithm", "page faults"] {
        assert!(table.contains(part), "no {part:?} in\n{table}");
    }
    // A manifold of more dimensions than there are samples is cut, and the user told.
    let cut =
        ["--only", "step", "--rules", "nmnc", "--set", "credit.nmnc.manifold={dimension=50,samples=20}"];
    let cut = Folder::new().run(&[&TINY[..], &cut].concat()).success();
    assert!(cut.stderr.contains("warning: bench: stage 1: manifold dimension 50 clipped"), "{}", cut.stderr);
}
