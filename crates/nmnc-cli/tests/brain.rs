//! `nmnc brain` and `nmnc reproduce brain` on tiny runs and a made-up benchmark: files that agree, checks before work, wrong inputs.

use std::fs;
use std::io::Write;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::common::benchmark::{BENCHMARK, STIMULI, benchmark, noise};
use crate::common::files::json;
use crate::common::{Folder, TINY, npy_header};

#[test]
fn networks_are_compared_with_every_target_and_the_files_agree() {
    let folder = Folder::new();
    benchmark(&folder);
    folder.write("tiny.toml", TINY);
    folder
        .run(&["compare", "tiny.toml", "--rules", "bp,nmnc", "--seeds", "2", "--out", "runs", "--quiet"])
        .success();
    let arguments = ["brain", "runs", "--benchmark", "bench", "--draws", "200"];
    let ran = folder.run(&arguments).success();
    // One table of contrasts and one sentence on it; no line is wider than a terminal.
    assert!(ran.stdout.contains("NMNC less BP") && ran.stdout.contains("95 % over seeds"), "{}", ran.stdout);
    let said = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("differences between conditions at the chosen stages, with 2 seeds"), "{said}");
    assert_eq!(
        ran.stdout.matches("No difference shown: none of").count() + ran.stdout.matches("Shown: ").count(),
        1
    );
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80), "{}", ran.stdout);
    let out = folder.path("runs/brain-made-up");
    let mut names: Vec<String> =
        fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["brain.json", "contrasts.csv", "networks.csv", "rdms.npz", "report.html"]);
    let found = json(&out.join("brain.json"));
    let targets = found["scores"]["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 2);
    let area = &targets[0];
    // The model that the subjects were made from reaches the ceiling; the other area has one subject, so none.
    let kinds = area["controls"].as_array().unwrap().iter().find(|c| c["control"] == "kinds").unwrap();
    let (score, lower) =
        (kinds["all"]["value"].as_f64().unwrap(), area["ceiling"]["lower"].as_f64().unwrap());
    assert!(score > lower - 0.02 && lower > 0.4, "{score} {lower}");
    assert!(kinds["all"]["low"].as_f64().unwrap() > 0.3);
    assert!(targets[1]["ceiling"].is_null());
    let other = targets[1]["controls"].as_array().unwrap().iter().find(|c| c["control"] == "kinds").unwrap();
    assert!(other["all"]["low"].as_f64().unwrap() < 0.0 && other["all"]["high"].as_f64().unwrap() > 0.0);
    // Two rules and the untrained network, two seeds of each; the best stage by one half of the stimuli.
    let networks = area["networks"].as_array().unwrap();
    assert_eq!(networks.len(), 6);
    for network in networks {
        let stages = network["stages"].as_array().unwrap();
        let best = stages
            .iter()
            .max_by(|a, b| a["selection"].as_f64().unwrap().total_cmp(&b["selection"].as_f64().unwrap()))
            .unwrap();
        assert_eq!(best["stage"], network["chosen"]);
    }
    assert_eq!(found["scores"]["selection"].as_array().unwrap().len(), STIMULI / 2);
    // The mean of a condition and its difference from another are those of the networks.
    let mean = |condition: &str| {
        let own = networks.iter().filter(|n| n["condition"] == condition);
        own.map(|n| n["reported"]["value"].as_f64().unwrap()).sum::<f64>() / 2.0
    };
    let contrast = &area["contrasts"][0];
    assert_eq!((&contrast["condition"], &contrast["less"]), (&"nmnc".into(), &"bp".into()));
    let difference = contrast["seeds"]["mean"].as_f64().unwrap();
    assert!((difference - (mean("nmnc") - mean("bp"))).abs() < 1e-12);
    assert!((contrast["stimuli"]["value"].as_f64().unwrap() - difference).abs() < 1e-12);
    let rows = fs::read_to_string(out.join("networks.csv")).unwrap();
    // Three stages of six networks, and two controls, for each target.
    assert_eq!(rows.lines().count(), 1 + 2 * (18 + 2));
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for foreign in ["<script ", "src=", "href=\"http", "url(http", "@import", "NaN"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    // Again, on one thread: the same bytes, over what was there.
    let before = fs::read(out.join("networks.csv")).unwrap();
    folder.run(&[&arguments[..], &["--threads", "1"]].concat()).success();
    assert_eq!(fs::read(out.join("networks.csv")).unwrap(), before);
}

/// Adds recordings: units of two subjects whose responses are linear in the pictures, with noise in each of four presentations.
fn recordings(folder: &Folder) {
    const REPETITIONS: usize = 4;
    const UNITS: usize = 6;
    // Mean brightness of the middle of the picture, which squares have more of: a direction in which pictures differ much.
    let level = |stimulus: usize, unit: usize| {
        let picture =
            image::open(folder.path(&format!("bench/pictures/{stimulus:02}.png"))).unwrap().to_luma8();
        let middle = (10..30).flat_map(|y| (10..30).map(move |x| (x, y)));
        let mean = middle.map(|(x, y)| f64::from(picture.get_pixel(x, y).0[0])).sum::<f64>() / 400.0;
        (1.0 + 0.1 * unit as f64) * mean / 255.0
    };
    let shown: Vec<usize> = (0..REPETITIONS * STIMULI).map(|at| (7 * at) % STIMULI).collect();
    let responses: Vec<f64> = shown
        .iter()
        .enumerate()
        .flat_map(|(at, &stimulus)| (0..UNITS).map(move |unit| (at, stimulus, unit)))
        .map(|(at, stimulus, unit)| level(stimulus, unit) + 0.05 * noise(3 + at * UNITS + unit))
        .collect();
    let stimulus: Vec<f64> = shown.iter().map(|&s| s as f64).collect();
    let mut writer = ZipWriter::new(fs::File::create(folder.path("bench/responses.npz")).unwrap());
    let subject: Vec<f64> = (0..UNITS).map(|unit| f64::from(u8::from(unit >= 3))).collect();
    for (name, descr, shape, values) in [
        ("responses", "<f8", format!("({}, {UNITS})", shown.len()), responses),
        ("stimulus", "<i8", format!("({},)", shown.len()), stimulus),
        ("subject", "<i8", format!("({UNITS},)"), subject),
    ] {
        writer.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        writer.write_all(&npy_header(descr, &shape)).unwrap();
        let bytes: Vec<u8> = match descr {
            "<f8" => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            _ => values.iter().flat_map(|v| (*v as i64).to_le_bytes()).collect(),
        };
        writer.write_all(&bytes).unwrap();
    }
    writer.finish().unwrap();
    let target = "[[target]]\nname = \"units\"\nresponses = { file = \"responses.npz\", subject = \"subject\" }\n\n[[target]]";
    folder.write("bench/benchmark.toml", &BENCHMARK.replacen("[[target]]", target, 1));
}

#[test]
fn responses_are_predicted_and_have_dissimilarities_of_each_subject() {
    let folder = Folder::new();
    benchmark(&folder);
    recordings(&folder);
    folder.write("tiny.toml", TINY);
    folder.run(&["train", "tiny.toml", "--out", "run", "--quiet"]).success();
    let base = ["brain", "run", "--benchmark", "bench", "--out", "out", "--draws", "100"];
    for more in [
        &["--distance", "crossnobis", "--regression", "ridge"][..],
        &["--distance", "euclidean", "--regression", "pls", "--components", "50"],
    ] {
        let ran = folder.run(&[&base[..], more].concat()).success();
        assert!(ran.stdout.contains("Median r"), "{}", ran.stdout);
        let found = json(&folder.path("out/brain.json"));
        let units =
            found["scores"]["targets"].as_array().unwrap().iter().find(|t| t["target"] == "units").unwrap();
        assert_eq!(units["subjects"], 2);
        assert!(units["ceiling"]["lower"].as_f64() < units["ceiling"]["upper"].as_f64());
        let predicted = &found["scores"]["predictivity"];
        assert_eq!((predicted.as_array().unwrap().len(), &predicted[0]["target"]), (1, &"units".into()));
        // Two networks (one before training) of three stages, each over all stimuli; pixels predict what is linear in them.
        let networks = predicted[0]["networks"].as_array().unwrap();
        assert_eq!(
            networks.iter().map(|n| n["stages"].as_array().unwrap().len()).collect::<Vec<_>>(),
            [3, 3]
        );
        let pixels = &predicted[0]["controls"][0][1]["all"];
        assert!(pixels["ceiling"].as_f64().unwrap() > 0.9, "{pixels}");
        // Fitted to fifteen pictures, fourteen components of partial least squares find noise (scikit-learn's as well: 0.06 over 200
        // splits); a penalty that is chosen finds the signal.
        let ridge = more.contains(&"ridge");
        assert!(!ridge || pixels["r"].as_f64().unwrap() > 0.7, "{pixels}");
        assert_eq!(pixels["units"].as_u64().unwrap() + pixels["left_out"].as_u64().unwrap(), 6);
        let rows = fs::read_to_string(folder.path("out/predictivity.csv")).unwrap();
        assert_eq!(rows.lines().count(), 1 + 6 + 1);
    }
    let ran = folder.run(&[&base[..], &["--regression", "none"]].concat()).success();
    assert!(!ran.stdout.contains("Median r") && !folder.path("out/predictivity.csv").exists());
    let text = fs::read_to_string(folder.path("bench/benchmark.toml")).unwrap();
    folder.write(
        "bench/benchmark.toml",
        &text.replace(
            "{ file = \"responses.npz\", subject",
            "{ file = \"responses.npz\", stimulus = \"subject\", subject",
        ),
    );
    let ran = folder.run(&base);
    assert!(
        ran.stderr.contains(
            "target `units`: bench/responses.npz: subject: shape [6], where there are 72 presentations"
        ),
        "{}",
        ran.stderr
    );
}

/// A blank picture has no correlation with others as pixels: that ends nothing.
#[test]
fn a_blank_stimulus_leaves_the_rest_scored() {
    let folder = Folder::new();
    benchmark(&folder);
    let blank = image::RgbImage::from_pixel(40, 40, image::Rgb([128; 3]));
    blank.save(folder.path("bench/pictures/05.png")).unwrap();
    folder.write("tiny.toml", TINY);
    folder.run(&["train", "tiny.toml", "--out", "run", "--quiet"]).success();
    let ran = folder.run(&["brain", "run", "--benchmark", "bench", "--draws", "50"]).success();
    let why = "stimulus 6: the pattern is constant: it has no correlation with others; use the distance `euclidean`";
    assert!(ran.stderr.contains(&format!("pixels has no dissimilarities: {why}")), "{}", ran.stderr);
    let rows = fs::read_to_string(folder.path("run/brain-made-up/networks.csv")).unwrap();
    let (pixels, others): (Vec<&str>, Vec<&str>) =
        rows.lines().skip(1).partition(|row| row.contains(",pixels,"));
    // Of each of two targets: two networks of three stages, and the model that comes with the benchmark.
    assert_eq!((pixels.len(), others.len()), (2, 2 * (2 * 3 + 1)), "{rows}");
    assert!(pixels.iter().all(|row| row.ends_with(why)), "{rows}");
    let similarity = |row: &&str| row.split(',').nth(5).unwrap().parse::<f64>().is_ok_and(f64::is_finite);
    assert!(others.iter().all(|row| row.ends_with(',') && similarity(row)), "{rows}");
}

#[test]
fn whitened_measures_and_draws_of_subjects_work() {
    let folder = Folder::new();
    benchmark(&folder);
    folder.write("tiny.toml", TINY);
    folder.run(&["train", "tiny.toml", "--out", "run", "--quiet"]).success();
    let base = ["brain", "run", "--benchmark", "bench", "--out", "out", "--draws", "100"];
    for more in [
        &["--comparison", "whitened-pearson", "--distance", "cosine"][..],
        &["--comparison", "kendall-tau-a", "--distance", "euclidean", "--resample", "both"],
        &["--comparison", "pearson", "--distance", "crossnobis", "--resample", "subjects"],
    ] {
        folder.run(&[&base[..], more].concat()).success();
        let found = json(&folder.path("out/brain.json"));
        let network = &found["scores"]["targets"][0]["networks"][0];
        let (value, low, high) =
            (&network["reported"]["value"], &network["reported"]["low"], &network["reported"]["high"]);
        assert!(low.as_f64() < value.as_f64() && value.as_f64() < high.as_f64(), "{more:?} {network}");
        // Where there is one subject, stimuli are drawn, and it is said.
        let subjects = more.contains(&"--resample");
        let warnings = found["scores"]["warnings"].as_array().unwrap();
        assert_eq!(
            warnings.iter().any(|w| w.as_str().unwrap().contains("area B: there is one subject only")),
            subjects
        );
    }
}

#[test]
fn the_experiment_trains_every_rule_once() {
    let folder = Folder::new();
    benchmark(&folder);
    let arguments = [
        "reproduce",
        "brain",
        "--benchmark",
        "bench",
        "--data",
        "fashion-mnist-sample",
        "--quick",
        "--seeds",
        "2",
        "--draws",
        "100",
        "--set",
        "data={train_limit=128, test_limit=50}",
        "--set",
        "train.epochs=1",
        "--out",
        "out",
    ];
    let ran = folder.run(&arguments).success();
    assert!(ran.stdout.contains("NMNC less VNC "), "{}", ran.stdout);
    let found = json(&folder.path("out/brain.json"));
    let conditions: Vec<&str> = found["scores"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(conditions, ["bp", "vnc", "nmnc", "manifold-mirror", "untrained"]);
    let again = folder.run(&arguments).success();
    assert!(
        again.stdout.contains("made before, kept") && !again.stdout.contains("analyzing"),
        "{}",
        again.stdout
    );
    // Other pictures are shown again.
    fs::copy(folder.path("bench/pictures/00.png"), folder.path("bench/pictures/01.png")).unwrap();
    let other = folder.run(&arguments).success();
    assert!(other.stdout.contains("analyzing"), "{}", other.stdout);
}

#[test]
fn wrong_benchmarks_are_told_in_one_line_and_nothing_is_written() {
    type Change = fn(&Folder);
    let replace = |from: &'static str, to: &'static str| (from, to);
    let cases: Vec<((&str, &str), Change, &str)> = vec![
        (
            replace("array = \"area\"", "array = \"aera\""),
            |_| {},
            "bench/benchmark.toml: target `area A`: bench/rdms.npz: no array `aera`; did you mean `area`?",
        ),
        (
            replace("category = \"kind\"", "category = \"kin\""),
            |_| {},
            "bench/benchmark.toml: bench/stimuli.csv: no column `kin`; did you mean `kind`?",
        ),
        (
            replace("folder = \"pictures\"", "folder = \"picture\""),
            |_| {},
            "bench/benchmark.toml: bench/picture: no such folder; give the folder that the paths of the benchmark start from with --root",
        ),
        (
            replace("[[control]]", "[[controls]]"),
            |_| {},
            "bench/benchmark.toml: unknown setting `controls`; did you mean `control`?",
        ),
        (
            replace("name = \"kinds\"", "name = \"area A\""),
            |_| {},
            "bench/benchmark.toml: name: two targets or controls are called `area A`",
        ),
        (
            replace(", array = \"one\"", ""),
            |_| {},
            "bench/benchmark.toml: target `area B`: bench/rdms.npz: holds 3 arrays; name one with `array`: area, kinds, one",
        ),
        (
            replace("", ""),
            |folder| fs::remove_file(folder.path("bench/pictures/03.png")).unwrap(),
            "run: bench/pictures/03.png: cannot open: No such file or directory (os error 2)",
        ),
        (
            replace("", ""),
            |folder| {
                let table = fs::read_to_string(folder.path("bench/stimuli.csv")).unwrap();
                folder.write("bench/stimuli.csv", &table.replace("17.png,noise\n", ""));
            },
            "bench/benchmark.toml: target `area A`: bench/rdms.npz: area: dissimilarities of 18 stimuli, where 17 are listed",
        ),
        (
            replace("", ""),
            |folder| {
                let table = fs::read_to_string(folder.path("bench/stimuli.csv")).unwrap();
                folder.write("bench/stimuli.csv", &table.replace("03.png", "../../tiny.toml"));
            },
            "run: ../../tiny.toml: is no name of a file inside the folder of stimuli",
        ),
    ];
    let mut wrong = Vec::new();
    for ((from, to), change, expected) in cases {
        let folder = Folder::new();
        benchmark(&folder);
        folder.write("tiny.toml", TINY);
        folder.run(&["train", "tiny.toml", "--out", "run", "--quiet"]).success();
        folder.write("bench/benchmark.toml", &BENCHMARK.replace(from, to));
        change(&folder);
        let ran = folder.run(&["brain", "run", "--benchmark", "bench", "--out", "out"]);
        let last = ran.stderr.lines().last().unwrap_or_default().to_owned();
        if ran.code == Some(0) || last != format!("error: {expected}") || folder.path("out").exists() {
            wrong.push(format!("expected: {expected}\n     got: {last}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_folder_of_something_else_is_refused_before_any_work() {
    let folder = Folder::new();
    benchmark(&folder);
    folder.write("tiny.toml", TINY);
    folder.run(&["train", "tiny.toml", "--out", "run", "--quiet"]).success();
    folder.write("out/precious.txt", "keep me");
    let ran = folder.run(&["brain", "run", "--benchmark", "bench", "--out", "out"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("holds `precious.txt`, which is no part of a comparison with a brain; name another folder with --out"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(folder.path("out/precious.txt")).unwrap(), "keep me");
    let ran = folder.run(&["brain", "nothing", "--benchmark", "bench"]);
    assert!(ran.stderr.starts_with("error: nothing: no such folder; "), "{}", ran.stderr);
    let ran = folder.run(&["brain", "run", "--benchmark", "nothing"]);
    assert!(ran.stderr.starts_with("error: nothing: no such file; give a benchmark"), "{}", ran.stderr);
}

/// A network that sees trials cannot be shown pictures: one line says what is needed, alone and beside a run that can.
#[test]
fn runs_on_tasks_are_refused_with_what_is_needed() {
    let folder = Folder::new();
    benchmark(&folder);
    folder.write("tiny.toml", TINY);
    folder.write(
        "task.toml",
        "task = 'AntiReach'\nrecurrent.units = 8\ncredit.rule = 'bptt'\n[train]\nepochs = 1\ntrials = 32\nbatch = 16\nevaluation = 32\n",
    );
    for (config, run) in [("tiny.toml", "images"), ("task.toml", "trials")] {
        folder.run(&["train", config, "--out", run, "--quiet"]).success();
    }
    for runs in [&["trials"][..], &["images", "trials"]] {
        let arguments =
            [&["brain"], runs, &["--benchmark", "bench", "--out", "out", "--draws", "50"]].concat();
        let ran = folder.run(&arguments).failure(5);
        assert_eq!(
            ran.stderr,
            "error: trials: is a run on a task, whose network sees trials and no images; give runs on images (`data` in their \
             configuration); `nmnc analyze` writes states and outputs of a run on a task\n"
        );
        assert!(!folder.path("out").exists());
    }
}
