//! What cannot be scored of a comparison with a brain has a row with the reason, and the rest is scored as without it.

use std::path::Path;

use nmnc_analysis::brain::{
    Benchmark, BrainSettings, Condition, NetworkRdms, RegressionName, StageRdm, scores, summary, texts,
};
use nmnc_analysis::similarity::{Bootstrap, Comparison, Distance, Rdm, compare};
use nmnc_core::Seed;
use nmnc_data::NpzWriter;

const STIMULI: usize = 8;

/// Numbers that look random.
fn noise(at: usize) -> f64 {
    (at as f64 * 12.9898).sin() * 43_758.547 % 1.0
}

fn rdm(number: usize) -> Rdm {
    let pairs = STIMULI * (STIMULI - 1) / 2;
    Rdm::new(STIMULI, (0..pairs).map(|at| 1.0 + noise(number * 1000 + at)).collect()).unwrap()
}

fn stage(stage: usize, rdm: Option<Rdm>) -> StageRdm {
    let undefined = rdm.is_none().then(|| "stimulus 3: the pattern is constant".to_owned());
    let unpredicted = vec![("flat".to_owned(), "no unit can be predicted".to_owned())];
    StageRdm { stage, units: 4, rdm, undefined, predicted: Vec::new(), unpredicted }
}

/// A benchmark of eight pictures, which are not looked at; what is recorded is described by `targets`.
fn benchmark(folder: &Path, targets: &str, distance: Distance) -> Benchmark {
    let pictures = folder.join("pictures");
    std::fs::create_dir_all(&pictures).unwrap();
    (0..STIMULI).for_each(|at| std::fs::write(pictures.join(format!("{at}.png")), b"").unwrap());
    let text = format!("name = \"made up\"\n[stimuli]\nfolder = \"pictures\"\n{targets}");
    std::fs::write(folder.join("benchmark.toml"), text).unwrap();
    Benchmark::open(folder, None, distance).unwrap()
}

fn settings() -> BrainSettings {
    BrainSettings {
        distance: Distance::Correlation,
        comparison: Comparison::Spearman,
        bootstrap: Bootstrap { draws: 20, seed: Seed(0), ..Bootstrap::default() },
        regression: RegressionName::Pls,
        components: 10,
        power: None,
    }
}

#[test]
fn a_stage_without_dissimilarities_has_a_reason_and_the_others_their_scores() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = NpzWriter::new();
    writer.put("area", &[STIMULI, STIMULI], &rdm(1).square()).unwrap();
    std::fs::write(folder.path().join("rdms.npz"), writer.finish().unwrap()).unwrap();
    // Responses of which none vary over units.
    let flat: String = (0..STIMULI).map(|_| "2,2,2\n").collect();
    std::fs::write(folder.path().join("flat.csv"), flat).unwrap();
    let targets = "[[target]]\nname = \"area\"\nrdm = { file = \"rdms.npz\" }\n\
                   [[target]]\nname = \"flat\"\nresponses = { file = \"flat.csv\" }\n";
    let benchmark = benchmark(folder.path(), targets, Distance::Correlation);
    let network = |condition: &str, seed: u64, numbers: &[Option<usize>]| NetworkRdms {
        condition: condition.to_owned(),
        seed,
        stages: numbers.iter().enumerate().map(|(at, n)| stage(at + 1, n.map(rdm))).collect(),
    };
    let networks = [
        network("a", 0, &[Some(2), None, Some(4)]),
        network("a", 1, &[Some(5), Some(6), Some(7)]),
        network("b", 0, &[None, None, Some(8)]),
        network("dead", 0, &[None, None, None]),
    ];
    let conditions =
        ["a", "b", "dead"].map(|name| Condition { name: name.into(), label: name.into(), look: 1 });
    let extra = [("pixels".to_owned(), stage(0, None))];
    let pairs = [("b".to_owned(), "a".to_owned())];
    let found = scores(&benchmark, &conditions, &networks, &extra, &pairs, &settings()).unwrap();

    let area = &found.targets[0];
    let truth = |number: usize| compare(&rdm(number), &rdm(1), Comparison::Spearman);
    assert_eq!(area.networks.len(), 3, "a network without any is left out");
    for (network, given) in area.networks.iter().zip(&networks) {
        for (score, given) in network.stages.iter().zip(&given.stages) {
            match &given.rdm {
                Some(rdm) => {
                    assert_eq!(
                        score.all.value,
                        compare(rdm, &benchmark.targets[0].subjects[0], Comparison::Spearman)
                    );
                    assert_eq!(score.note, None);
                }
                None => {
                    assert!(score.all.value.is_nan());
                    assert_eq!(score.note.as_deref(), Some("stimulus 3: the pattern is constant"));
                    assert_ne!(network.chosen, score.stage);
                }
            }
        }
    }
    assert_eq!(area.networks[2].chosen, 3);
    // Means are over the networks that have the stage, and say how many these are.
    let of = |condition: usize| -> Vec<(usize, f64, usize)> {
        let stages = &area.conditions[condition].stages;
        stages.iter().map(|(stage, mean)| (*stage, mean.seeds.mean, mean.seeds.n)).collect()
    };
    let a = of(0);
    let expected = [((truth(2) + truth(5)) / 2.0, 2), (truth(6), 1), ((truth(4) + truth(7)) / 2.0, 2)];
    for (at, (mean, n)) in expected.into_iter().enumerate() {
        assert_eq!((a[at].0, a[at].2), (at + 1, n));
        assert!((a[at].1 - mean).abs() < 1e-12, "{a:?}");
    }
    assert_eq!(of(1), [(3, truth(8), 1)]);
    let staged: Vec<_> = area.contrasts.iter().filter_map(|c| Some((c.stage?, c.seeds.mean))).collect();
    assert_eq!(staged, [(3, truth(8) - truth(4))]);
    assert_eq!(area.controls[0].note.as_deref(), Some("stimulus 3: the pattern is constant"));

    let said = found.warnings.iter().filter(|w| w.contains("has no dissimilarities: stimulus 3")).count();
    assert_eq!(said, 1 + 2 + 3 + 1, "{:?}", found.warnings);
    let texts = texts(&found, &benchmark, &networks, &[], "nmnc brain");
    let rows = &texts.iter().find(|(name, _)| name == "networks.csv").unwrap().1;
    assert_eq!(rows.lines().next().unwrap().split(',').next_back(), Some("note"));
    let noted = rows.lines().filter(|row| row.ends_with("stimulus 3: the pattern is constant")).count();
    assert_eq!(noted, 1 + 2 + 1, "{rows}");
    // A target without dissimilarities, and stages that predict none of its responses.
    assert_eq!(found.targets.len(), 1);
    let why = &found.undefined[0].1;
    assert!(why.starts_with("no dissimilarities: stimulus 1: the pattern is constant"), "{why}");
    assert!(rows.lines().last().unwrap().starts_with("flat,") && rows.trim_end().ends_with(why), "{rows}");
    let rows = &texts.iter().find(|(name, _)| name == "predictivity.csv").unwrap().1;
    assert_eq!(
        rows.lines().filter(|row| row.ends_with(",no unit can be predicted")).count(),
        4 * 3 + 1,
        "{rows}"
    );
    let error = scores(&benchmark, &conditions, &networks[3..], &extra, &[], &settings()).unwrap_err();
    assert!(error.to_string().starts_with("no network to compare: dead (seed 0), stage 1 has no"), "{error}");
}

#[test]
fn responses_that_are_nan_are_missing_and_infinite_ones_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (units, shown) = (5, 2 * STIMULI);
    let mut values: Vec<f64> = (0..shown * units).map(noise).collect();
    // A presentation of one unit, and all of another unit of one stimulus.
    values[3 * units + 1] = f64::NAN;
    values[2 * units + 4] = f64::NAN;
    values[(2 + STIMULI) * units + 4] = f64::NAN;
    let write = |values: &[f64]| {
        let stimulus: Vec<i64> = (0..shown as i64).map(|at| at % STIMULI as i64).collect();
        let mut writer = NpzWriter::new();
        writer.put("responses", &[shown, units], values).unwrap();
        writer.put("stimulus", &[shown], &stimulus).unwrap();
        std::fs::write(folder.path().join("r.npz"), writer.finish().unwrap()).unwrap();
    };
    write(&values);
    let target = "[[target]]\nname = \"units\"\nresponses = { file = \"r.npz\" }\n";
    let found = benchmark(folder.path(), target, Distance::Euclidean);
    let means = found.targets[0].recordings.as_ref().unwrap().means().unwrap();
    for stimulus in 0..STIMULI {
        for unit in 0..units {
            let both = [stimulus, stimulus + STIMULI].map(|row| values[row * units + unit]);
            let kept: Vec<f64> = both.into_iter().filter(|v| !v.is_nan()).collect();
            let mean = kept.iter().sum::<f64>() / kept.len() as f64;
            let own = means[stimulus * units + unit];
            assert!((own - mean).abs() < 1e-12 || (own.is_nan() && kept.is_empty()), "{stimulus} {unit}");
        }
    }
    // Dissimilarities are those of the units that have all stimuli; cross-validated ones need all presentations.
    let expected =
        |unit: usize, (i, j): (usize, usize)| (means[i * units + unit] - means[j * units + unit]).powi(2);
    let mean = (0..4).map(|unit| expected(unit, (2, 5))).sum::<f64>() / 4.0;
    assert!((found.targets[0].subjects[0].get(2, 5) - mean).abs() < 1e-12);
    assert_eq!(
        found.targets[0].warnings,
        ["1 of 5 units lack a response to some stimulus: they are in no dissimilarity"]
    );
    let crossed = benchmark(folder.path(), target, Distance::Crossnobis);
    assert_eq!(
        crossed.targets[0].warnings,
        ["2 of 5 units lack a response to some stimulus: they are in no dissimilarity"]
    );
    // A file of one array has a row for each stimulus.
    let lines: Vec<String> = means
        .chunks_exact(units)
        .map(|row| row.iter().map(f64::to_string).collect::<Vec<_>>().join(","))
        .collect();
    std::fs::write(folder.path().join("r.csv"), lines.join("\n")).unwrap();
    let lone = benchmark(folder.path(), &target.replace("r.npz", "r.csv"), Distance::Euclidean);
    assert_eq!(lone.targets[0].subjects, found.targets[0].subjects);
    std::fs::write(folder.path().join("r.csv"), lines[1..].join("\n")).unwrap();
    let error = Benchmark::open(folder.path(), None, Distance::Euclidean).unwrap_err().to_string();
    assert!(error.contains("r.csv: 7 rows for 8 stimuli; give one row for each stimulus"), "{error}");
    benchmark(folder.path(), target, Distance::Euclidean);
    values[7] = f64::INFINITY;
    write(&values);
    let error = Benchmark::open(folder.path(), None, Distance::Euclidean).unwrap_err().to_string();
    assert!(error.contains("responses: presentation 1, unit 2 is infinite; write NaN"), "{error}");
}

/// Subjects that agree no more than by chance have no ceiling that a network could have a share of.
#[test]
fn shares_of_a_ceiling_are_left_out_where_it_is_not_above_zero() {
    let folder = tempfile::tempdir().unwrap();
    let own = rdm(1).square();
    // The other way round: the more alike for one, the less for the other.
    let other: Vec<f64> = own.iter().map(|value| if *value == 0.0 { 0.0 } else { 4.0 - value }).collect();
    for (name, second) in [("against", &other), ("alike", &own)] {
        let mut writer = NpzWriter::new();
        writer.put("rdm", &[2, STIMULI, STIMULI], &[own.clone(), second.clone()].concat()).unwrap();
        std::fs::write(folder.path().join(format!("{name}.npz")), writer.finish().unwrap()).unwrap();
    }
    let target = |name: &str| format!("[[target]]\nname = \"{name}\"\nrdm = {{ file = \"{name}.npz\" }}\n");
    let network = NetworkRdms { condition: "a".into(), seed: 0, stages: vec![stage(1, Some(rdm(2)))] };
    let networks = [network];
    let conditions = [Condition { name: "a".into(), label: "a".into(), look: 1 }];
    let extra = [("pixels".to_owned(), stage(0, Some(rdm(3))))];
    let told = |targets: &str| {
        let benchmark = benchmark(folder.path(), targets, Distance::Correlation);
        let found = scores(&benchmark, &conditions, &networks, &extra, &[], &settings()).unwrap();
        let texts = texts(&found, &benchmark, &networks, &[], "nmnc brain");
        let page = texts.iter().find(|(name, _)| name == "report.html").unwrap().1.to_lowercase();
        (found, page.contains("of the ceiling"))
    };

    let (found, on_page) = told(&target("against"));
    let ceiling = found.targets[0].reported_ceiling.unwrap();
    assert!((ceiling.lower + 1.0).abs() < 1e-12, "{ceiling:?}");
    assert!(!summary(&found).headings.contains(&"Of the ceiling") && !on_page);

    // Beside one that is, its rows have none.
    let (found, on_page) = told(&(target("against") + &target("alike")));
    let table = summary(&found);
    let column = table.headings.iter().position(|heading| *heading == "Of the ceiling").unwrap();
    assert!(on_page);
    assert_eq!(table.rows.len(), 4);
    for row in &table.rows {
        match row[1].as_str() {
            "against" => assert_eq!(row[column], "–", "{row:?}"),
            _ => assert!(row[column].ends_with(" %"), "{row:?}"),
        }
    }
}
