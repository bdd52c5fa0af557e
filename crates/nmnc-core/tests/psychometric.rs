//! Psychometric curves against scipy's optimizers, against parameters that counts were drawn from, and their laws.

use nmnc_core::Seed;
use nmnc_core::seed::{Role, Stream};
use nmnc_core::statistics::psychometric::{Fit, LAPSE_LIMIT, Level, MOST_LEVELS, NoFit, fit, levels};
use serde_json::Value;

const GOLDEN: &str = include_str!("../../nmnc-testing/golden/psychometric.json");
const COHERENCES: [f64; 9] = [-51.2, -25.6, -12.8, -6.4, 0.0, 6.4, 12.8, 25.6, 51.2];

fn close(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found}, not {expected}");
}

#[test]
fn curves_are_those_of_scipy() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 12);
    let mut held = 0;
    for (at, case) in cases.iter().enumerate() {
        let list = |name: &str| -> Vec<f64> {
            case[name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
        };
        let (strength, trials, chosen) = (list("strength"), list("trials"), list("chosen"));
        let levels: Vec<Level> = (0..strength.len())
            .map(|i| Level { strength: strength[i], trials: trials[i] as usize, chosen: chosen[i] as usize })
            .collect();
        let found = fit(&levels).unwrap_or_else(|why| panic!("case {at}: {why}"));
        let number = |name: &str| case[name].as_f64().unwrap();
        for (name, value, error) in [
            ("mu", found.mu, found.mu_se),
            ("sigma", found.sigma, found.sigma_se),
            ("slope", found.slope, found.slope_se),
        ] {
            // Far less than what the numbers are uncertain by.
            close(&format!("case {at}, {name}"), value, number(name), 2e-4 * error);
            let se = number(&format!("{name}_se"));
            close(&format!("case {at}, {name}_se"), error, se, 1e-3 * se);
        }
        for (name, value, error) in [
            ("lapse_low", found.lapse_low, found.lapse_low_se),
            ("lapse_high", found.lapse_high, found.lapse_high_se),
        ] {
            close(&format!("case {at}, {name}"), value, number(name), 1e-5);
            let se = case[format!("{name}_se")].as_f64();
            assert_eq!(error.is_some(), se.is_some(), "case {at}, {name}_se: {error:?}, {se:?}");
            if let (Some(error), Some(se)) = (error, se) {
                close(&format!("case {at}, {name}_se"), error, se, 1e-3 * se);
            } else {
                held += 1;
            }
        }
        close(&format!("case {at}, deviance"), found.deviance, number("deviance"), 1e-6);
    }
    assert!(held > 3, "{held} lapses at a bound");
}

/// Counts of `trials` answers at each strength by the curve with these parameters.
fn drawn(stream: &mut Stream, truth: &Fit, strengths: &[f64], trials: usize) -> Vec<Level> {
    let one = |&strength: &f64| {
        let p = truth.at(strength);
        let chosen = (0..trials).filter(|_| stream.uniform() < p).count();
        Level { strength, trials, chosen }
    };
    strengths.iter().map(one).collect()
}

fn truth(mu: f64, sigma: f64, lapse_low: f64, lapse_high: f64) -> Fit {
    Fit {
        mu,
        mu_se: 0.0,
        sigma,
        sigma_se: 0.0,
        slope: (1.0 - lapse_low - lapse_high) / (sigma * std::f64::consts::TAU.sqrt()),
        slope_se: 0.0,
        lapse_low,
        lapse_low_se: None,
        lapse_high,
        lapse_high_se: None,
        deviance: 0.0,
    }
}

/// Of 300 sets of counts, estimates lie about the truth as their standard errors say.
#[test]
fn known_parameters_are_recovered_within_their_standard_errors() {
    const SETS: u64 = 300;
    let truth = truth(3.0, 11.0, 0.05, 0.08);
    type Part = fn(&Fit) -> (f64, f64);
    let parts: [(&str, Part); 5] = [
        ("mu", |f| (f.mu, f.mu_se)),
        ("sigma", |f| (f.sigma, f.sigma_se)),
        ("slope", |f| (f.slope, f.slope_se)),
        ("lapse_low", |f| (f.lapse_low, f.lapse_low_se.unwrap())),
        ("lapse_high", |f| (f.lapse_high, f.lapse_high_se.unwrap())),
    ];
    let fits: Vec<Fit> = (0..SETS)
        .map(|set| {
            let mut stream = Seed(1).stream(Role::Analysis, 0, set);
            fit(&drawn(&mut stream, &truth, &COHERENCES, 600)).unwrap()
        })
        .collect();
    for (name, part) in parts {
        let expected = part(&Fit { lapse_low_se: Some(0.0), lapse_high_se: Some(0.0), ..truth }).0;
        let scores: Vec<f64> = fits
            .iter()
            .map(|fit| {
                let (value, error) = part(fit);
                (value - expected) / error
            })
            .collect();
        let inside = scores.iter().filter(|z| z.abs() < 1.96).count() as f64 / SETS as f64;
        let mean = scores.iter().sum::<f64>() / SETS as f64;
        // 95 % but for chance (1.3 % here) and for what is asymptotic about standard errors.
        assert!((0.91..=0.985).contains(&inside), "{name}: {inside} within 1.96 s.e.");
        assert!(mean.abs() < 0.25, "{name}: {mean} s.e. off on average");
    }
}

/// Counts that are always the same.
fn some_counts(seed: u64) -> Vec<Level> {
    let mut stream = Seed(2).stream(Role::Analysis, 0, seed);
    let mut between = |low: f64, high: f64| low + (high - low) * stream.uniform();
    let truth = truth(between(-8.0, 8.0), between(5.0, 20.0), between(0.0, 0.15), between(0.0, 0.15));
    drawn(&mut Seed(3).stream(Role::Analysis, 0, seed), &truth, &COHERENCES, 150)
}

#[test]
fn curves_rise_between_their_lapses_and_follow_changes_of_unit_and_side() {
    for seed in 0..60 {
        let counts = some_counts(seed);
        let own = fit(&counts).unwrap();
        for lapse in [own.lapse_low, own.lapse_high] {
            assert!((0.0..=LAPSE_LIMIT).contains(&lapse));
        }
        let shares: Vec<f64> = (-100..=100).map(|x| own.at(f64::from(x))).collect();
        assert!(shares.windows(2).all(|pair| pair[0] <= pair[1] + 1e-15), "seed {seed}");
        assert!(shares[0] > own.lapse_low - 1e-12 && shares[200] < 1.0 - own.lapse_high + 1e-12);
        close("at mu", own.at(own.mu), 0.5 * (1.0 + own.lapse_low - own.lapse_high), 1e-12);
        let slope = (own.at(own.mu + 1e-4) - own.at(own.mu - 1e-4)) / 2e-4;
        close("slope", slope, own.slope, 1e-6 * own.slope);
        // In another unit, counted from another zero.
        let moved: Vec<Level> =
            counts.iter().map(|l| Level { strength: 1e-3 * l.strength + 7.0, ..*l }).collect();
        let moved = fit(&moved).unwrap();
        close("moved mu", (moved.mu - 7.0) / 1e-3, own.mu, 1e-4 * own.mu_se);
        close("moved sigma", moved.sigma / 1e-3, own.sigma, 1e-4 * own.sigma_se);
        close("moved slope", moved.slope * 1e-3, own.slope, 1e-4 * own.slope_se);
        // The other choice counted, with evidence of the other sign.
        let other: Vec<Level> = counts
            .iter()
            .rev()
            .map(|l| Level { strength: -l.strength, chosen: l.trials - l.chosen, ..*l })
            .collect();
        let other = fit(&other).unwrap();
        close("mirrored mu", -other.mu, own.mu, 1e-4 * own.mu_se);
        close("mirrored sigma", other.sigma, own.sigma, 1e-4 * own.sigma_se);
        close("mirrored lapse", other.lapse_low, own.lapse_high, 1e-6);
        // The order of levels, and levels without an answer, say nothing.
        let mut turned: Vec<Level> = counts.iter().rev().copied().collect();
        turned.push(Level { strength: 400.0, trials: 0, chosen: 0 });
        close("turned mu", fit(&turned).unwrap().mu, own.mu, 1e-4 * own.mu_se);
        // No other curve is likelier.
        let likelihood = |curve: &Fit| -> f64 {
            let one = |l: &Level| {
                let p = curve.at(l.strength).clamp(1e-12, 1.0 - 1e-12);
                l.chosen as f64 * p.ln() + (l.trials - l.chosen) as f64 * (1.0 - p).ln()
            };
            counts.iter().map(one).sum()
        };
        let mut stream = Seed(4).stream(Role::Analysis, 0, seed);
        for _ in 0..200 {
            let mut near = |value: f64, by: f64| value + by * (stream.uniform() - 0.5);
            let other = Fit {
                mu: near(own.mu, 4.0),
                sigma: near(own.sigma, 4.0),
                lapse_low: near(own.lapse_low, 0.05).clamp(0.0, LAPSE_LIMIT),
                lapse_high: near(own.lapse_high, 0.05).clamp(0.0, LAPSE_LIMIT),
                ..own
            };
            assert!(likelihood(&other) <= likelihood(&own) + 1e-9, "seed {seed}");
        }
    }
}

#[test]
fn counts_without_a_curve_say_why() {
    let counts = |strengths: &[f64], chosen: &[usize]| -> Vec<Level> {
        let pairs = strengths.iter().zip(chosen);
        pairs.map(|(&strength, &chosen)| Level { strength, trials: 100, chosen }).collect()
    };
    let five = [-2.0, -1.0, 0.0, 1.0, 2.0];
    for (counts, expected) in [
        (Vec::new(), NoFit::FewLevels(0)),
        (counts(&five[..4], &[2, 30, 60, 98]), NoFit::FewLevels(4)),
        (counts(&five, &[0; 5]), NoFit::OneChoice),
        (counts(&five, &[100; 5]), NoFit::OneChoice),
        (counts(&five, &[52, 49, 50, 48, 51]), NoFit::Flat),
        (counts(&five, &[98, 80, 50, 20, 2]), NoFit::Flat),
        (counts(&five, &[0, 0, 1, 3, 20]), NoFit::Outside),
        (counts(&[-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], &[0, 0, 0, 100, 100, 100]), NoFit::Undetermined),
        (counts(&[-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], &[5, 4, 6, 94, 96, 95]), NoFit::Undetermined),
        (counts(&[-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0], &[5, 4, 6, 40, 94, 96, 95]), NoFit::Undetermined),
    ] {
        assert_eq!(fit(&counts).map(|fit| fit.sigma), Err(expected), "{counts:?}");
    }
    assert!(fit(&counts(&five, &[2, 20, 52, 85, 97])).is_ok());
    let few = NoFit::FewLevels(3).to_string();
    assert_eq!(few, "too few strengths: answers at 3, of at least 5");
}

#[test]
fn answers_are_counted_by_strength_and_neighbours_of_many_pooled() {
    let answers = [(1.5, true), (-2.0, false), (0.0, true), (-0.0, false), (1.5, false), (-2.0, false)];
    let level = |strength, trials, chosen| Level { strength, trials, chosen };
    let expected = [level(-2.0, 2, 0), level(0.0, 2, 1), level(1.5, 2, 1)];
    assert_eq!(levels(answers), expected);
    assert!(levels(answers)[1].strength.is_sign_positive());
    assert_eq!(levels([]), []);

    let mut stream = Seed(5).stream(Role::Analysis, 0, 0);
    let truth = truth(0.1, 0.5, 0.02, 0.04);
    let many: Vec<(f64, bool)> = (0..4000)
        .map(|_| {
            let strength = 4.0 * stream.uniform() - 2.0;
            (strength, stream.uniform() < truth.at(strength))
        })
        .collect();
    let pooled = levels(many.iter().copied());
    assert_eq!(pooled.len(), MOST_LEVELS);
    assert!(pooled.windows(2).all(|pair| pair[0].strength < pair[1].strength));
    assert!(pooled.iter().all(|level| (61..=64).contains(&level.trials)));
    let chosen = many.iter().filter(|(_, chosen)| *chosen).count();
    assert_eq!(pooled.iter().map(|level| level.chosen).sum::<usize>(), chosen);
    let total: f64 = pooled.iter().map(|level| level.strength * level.trials as f64).sum();
    close("mean strength", total, many.iter().map(|(strength, _)| strength).sum(), 1e-9);
    let found = fit(&pooled).unwrap();
    assert!((found.mu - 0.1).abs() < 3.0 * found.mu_se && (found.sigma - 0.5).abs() < 3.0 * found.sigma_se);
}
