//! The experiment as tables and CSV files.

use serde::Serialize;

use super::apart::{Apart, best};
use super::signs::SIGNS;
use super::{Hypothesis, SESSIONS};
use nmnc_core::statistics::Interval;
use nmnc_report::measurements::Place;
use nmnc_report::text::{fixed, with_sem};
use nmnc_report::{Measurements, Number, Table};

pub(super) const SIGNS_NOTE: &str = "Mean ± s.e.m. over seeds, by the most trials of each condition. Noise on the manifold: fraction of the variance over trials on the d \
     components of condition means, cross-validated, less d over units recorded. Dimension of noise: participation ratio over units recorded. \
     Learning on the manifold: fraction of the change of condition means from the session to the end of training, in the same way. Learning \
     follows noise: cosine of what the session teaches a condition’s mean and of what the covariance over trials of activity and success \
     foretells, of this condition and of others as far as they evoke the same activity. Follows own noise more: the same less that with the trials of another session.";

pub(super) const PAIRS_NOTE: &str = "The sign by which the fewest animals (networks) tell two rules apart, by the fewest and by the most trials: the difference, first less \
     second, and animals of each kind that show it at 5 % with probability 0.8, if they spread as seeds do. A dash: the seeds show no difference by any \
     sign (at 5 %, corrected for the number of signs).";

/// Numbers of every rule at the most trials.
pub(super) fn signs(hypotheses: &[&Hypothesis], repeats: &[usize], table: &Measurements) -> Table {
    let most = repeats.last().copied().unwrap_or(0);
    let rows = hypotheses.iter().map(|hypothesis| {
        let place = Place::new(hypothesis.name.as_str(), SESSIONS, most as f64);
        let values = SIGNS.map(|sign| table.over_seeds(&place, sign.name));
        (hypothesis.label.clone(), values)
    });
    let value = |at: usize| move |row: &(String, [Option<Interval>; 5])| with_sem(row.1[at], 3);
    Table::of(
        rows,
        &[
            ("Rule", &|row: &(String, [Option<Interval>; 5])| row.0.clone()),
            (SIGNS[0].label, &value(0)),
            (SIGNS[1].label, &value(1)),
            (SIGNS[2].label, &value(2)),
            (SIGNS[3].label, &value(3)),
            (SIGNS[4].label, &value(4)),
        ],
    )
}

/// What tells each pair of rules apart.
pub(super) fn pairs(pairs: &[Apart]) -> Table {
    let ends = pairs.iter().map(|pair| pair.repeats);
    let mut ends: Vec<usize> = ends.clone().min().into_iter().chain(ends.max()).collect();
    ends.dedup();
    let rows = ends.into_iter().flat_map(|repeats| best(pairs, repeats));
    Table::of(
        rows,
        &[
            ("First", &|pair: &&Apart| pair.labels[0].clone()),
            ("Second", &|pair| pair.labels[1].clone()),
            ("Trials", &|pair| pair.repeats.to_string()),
            ("Sign", &|pair| pair.label.to_owned()),
            ("Difference", &|pair| fixed(pair.difference, 3)),
            ("Animals", &|pair| pair.animals.map_or_else(|| "–".to_owned(), |animals| animals.to_string())),
        ],
    )
}

/// `signs.csv`.
#[derive(Default, Serialize)]
struct SignLine<'a> {
    rule: &'a str,
    repeats: usize,
    sign: &'a str,
    seeds: usize,
    mean: Number,
    sem: Number,
    half_interval: Number,
}

pub(super) fn signs_csv(hypotheses: &[&Hypothesis], repeats: &[usize], table: &Measurements) -> String {
    nmnc_report::csv(hypotheses.iter().flat_map(|hypothesis| {
        repeats.iter().flat_map(move |&repeats| {
            SIGNS.into_iter().filter_map(move |sign| {
                let place = Place::new(hypothesis.name.as_str(), SESSIONS, repeats as f64);
                let found = table.over_seeds(&place, sign.name)?;
                Some(SignLine {
                    rule: &hypothesis.name,
                    repeats,
                    sign: sign.name,
                    seeds: found.n,
                    mean: found.mean.into(),
                    sem: found.sem.into(),
                    half_interval: found.half.into(),
                })
            })
        })
    }))
}

/// `pairs.csv`.
#[derive(Default, Serialize)]
struct PairLine<'a> {
    first: &'a str,
    second: &'a str,
    sign: &'a str,
    repeats: usize,
    difference: Number,
    spread: Number,
    p_corrected: Number,
    animals: Number,
}

pub(super) fn pairs_csv(pairs: &[Apart]) -> String {
    nmnc_report::csv(pairs.iter().map(|pair| PairLine {
        first: &pair.first,
        second: &pair.second,
        sign: pair.sign,
        repeats: pair.repeats,
        difference: pair.difference.into(),
        spread: pair.spread.into(),
        p_corrected: pair.p.into(),
        animals: pair.animals.map(|animals| animals as f64).into(),
    }))
}
