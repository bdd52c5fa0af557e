//! In experiments, analyses and comparisons.

use std::fs;

use super::{case, check, prepared, trained};
use crate::common::{Folder, TINY, npy_header};

#[test]
fn in_experiments() {
    check(&[
        case(
            "reproduce alignement",
            2,
            "unrecognized subcommand 'alignement'; some similar subcommands exist: 'imagenet', 'alignment'; see `nmnc reproduce --help`",
        ),
        case(
            "reproduce alignment --seeds 0",
            2,
            "invalid value '0' for '--seeds <N>': not a whole number from 1 to 1000000; see `nmnc reproduce alignment --help`",
        ),
        case(
            "reproduce dimension --scales 1,-2",
            2,
            "invalid value '-2' for '--scales <NUMBERS>': not a number from 0.001 to 1000; see `nmnc reproduce dimension --help`",
        ),
        case(
            "reproduce dimension --scales 1,1",
            3,
            "scales: an exponent needs at least two different widths; for example --scales 0.5,1,2",
        ),
        case("reproduce dimension --examples 5", 3, "examples: 5 are too few; use at least 40"),
        case("reproduce alignment --examples 1", 3, "examples: 1 is too few; use at least 2"),
        case(
            "reproduce margin --networks halv",
            3,
            "networks: no network is called `halv`; did you mean `half`?",
        ),
        case(
            "reproduce predictions --rules nmnc,vcn",
            3,
            "rules: no hypothesis is called `vcn`; did you mean `vnc`?",
        ),
        case(
            "reproduce predictions --rules nmnc",
            3,
            "rules: one rule alone cannot be told from others; name two or more",
        ),
        case(
            "reproduce predictions --rules nmnc,bp-manifold",
            3,
            "rules: `bp-manifold` is of the networks of `bp`; name `bp`, too",
        ),
        case("reproduce predictions --repeats 3", 3, "repeats: have to be four or more of each condition"),
        case("reproduce predictions --examples 20", 3, "examples: 20 is too few; use at least 34"),
        case(
            "reproduce predictions --stage 9",
            3,
            "stage: there is no stage 9; the network has stages 1 to 3",
        ),
        case("reproduce predictions --gain=-1", 3, "gain: -1 is not a number from 0 on"),
        case(
            "reproduce predictions --gain abc",
            2,
            "invalid value 'abc' for '--gain <RATIO>': not a number; see `nmnc reproduce predictions --help`",
        ),
        case("reproduce predictions --gain inf", 3, "gain: inf is not a number from 0 on"),
        case("reproduce predictions --gain 1 --slow 1", 3, "slow: 1 is not a number from 0 on and below 1"),
        case(
            "reproduce predictions --spread 0.5",
            3,
            "spread: is how unlike units follow a gain, and there is none; give the gain a variance, too",
        ),
        case(
            "reproduce predictions --slow 0.9",
            3,
            "slow: is how slowly a gain changes, and there is none; give the gain a variance, too",
        ),
        case("reproduce scaling --probes 5", 3, "probes: 5 is too few; use at least 8"),
        case("reproduce scaling --quick --examples 10", 3, "examples: 10 is too few; use at least 17"),
        case(
            "reproduce cifar10 --rules bp,nmcn",
            3,
            "rules: no condition is called `nmcn`; did you mean `nmnc`?",
        ),
        case(
            "reproduce cifar10 --budgets 0.1,0",
            2,
            "invalid value '0' for '--budgets <NUMBERS>': not a number of probes from 1e-6 to 1e6; see `nmnc reproduce cifar10 --help`",
        ),
        case(
            "reproduce cifar10 --quick --rules node-perturbation --budgets 0.1 --set train.epohcs=5",
            3,
            "base: train: unknown setting `epohcs`; did you mean `epochs`?",
        ),
        case(
            "reproduce alignment --set train.epohcs=5",
            3,
            "sgd-decay: train: unknown setting `epohcs`; did you mean `epochs`?",
        ),
        case(
            "reproduce alignment --quick --data nowhere",
            4,
            "sgd-decay-seed0: data.source: `nowhere` is neither a file or folder nor a known set; known: fashion-mnist-sample, \
             cifar10, cifar100, mnist, fashion-mnist",
        ),
        prepared(
            trained,
            "analyze run --over-training --stage 9",
            3,
            "stage: there is no stage 9; the network has stages 1 to 3",
        ),
        prepared(
            trained,
            "analyze run --over-training --data x",
            2,
            "the argument '--over-training' cannot be used with '--data <SOURCE>'; see `nmnc analyze --help`",
        ),
        case(
            "train tiny.toml --set checkpoint.history=2000",
            3,
            "tiny.toml: checkpoint.history: 2000 is not from 0 to 1000",
        ),
    ]);
}

#[test]
fn in_analyses() {
    fn arrays(folder: &Folder) {
        for (name, shape, numbers) in
            [("x.npy", "(5, 3)", 15), ("j.npy", "(2, 4)", 8), ("flat.npy", "(6,)", 6)]
        {
            let values: Vec<u8> = (0..numbers).flat_map(|i| f64::from(i).to_le_bytes()).collect();
            fs::write(folder.path(name), [&npy_header("<f8", shape)[..], &values].concat()).unwrap();
        }
        let values: Vec<u8> = [0.0, f64::NAN, 1.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        fs::write(folder.path("gap.npy"), [&npy_header("<f8", "(1, 3)")[..], &values].concat()).unwrap();
    }
    fn trials(folder: &Folder) {
        let write = |name: &str, shape: &str, values: &[f64]| {
            let values: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            fs::write(folder.path(name), [&npy_header("<f8", shape)[..], &values].concat()).unwrap();
        };
        let mut values: Vec<f64> =
            (0..16).map(|i| f64::from(i % 5) + if i < 8 { 9.0 } else { 0.0 }).collect();
        write("one.npy", "(4, 1, 2)", &values[..8]);
        write("whole.npy", "(2, 4, 2)", &values);
        values[9] = f64::NAN;
        write("gap.npy", "(2, 4, 2)", &values);
        write("same.npy", "(2, 4, 2)", &[0.1; 16]);
    }
    fn empty_run(folder: &Folder) {
        folder.write("run/config.toml", TINY);
    }
    fn lone_checkpoint(folder: &Folder) {
        folder.write("step/state.json", "{}");
    }
    check(&[
        case(
            "analyze",
            2,
            "the following required arguments were not provided: <RUN>; see `nmnc analyze --help`",
        ),
        case(
            "analyze tiny.toml",
            5,
            "tiny.toml: is a file, not a folder; give a run folder, or a folder in its checkpoints/; \
             files of arrays have options of their own, see --help",
        ),
        case("analyze none", 5, "none: no such folder; give a run folder, or a folder in its checkpoints/"),
        prepared(
            lone_checkpoint,
            "analyze step",
            5,
            "step: is not in the checkpoints/ of a run; leave checkpoints in their run folder, whose config.toml \
             describes the network",
        ),
        prepared(empty_run, "analyze run", 5, "run: holds no checkpoint yet; let it train for longer"),
        prepared(
            empty_run,
            "analyze run --stage 0",
            2,
            "invalid value '0' for '--stage <NUMBERS>': not a whole number from 1 to 1000000; see `nmnc analyze --help`",
        ),
        prepared(
            trained,
            "analyze run --stage 2,9",
            3,
            "stage: there is no stage 9; the network has stages 1 to 3",
        ),
        prepared(
            arrays,
            "analyze run --activity x.npy",
            2,
            "the argument '[RUN]' cannot be used with '--activity <FILE>'; see `nmnc analyze --help`",
        ),
        prepared(
            arrays,
            "analyze --activity x.npy --dimensions 300",
            3,
            "x.npy: dimensions: 300 is not from 1 to the curve's 256; raise the curve or leave it out",
        ),
        prepared(
            arrays,
            "analyze --activity flat.npy",
            4,
            "flat.npy: activity of shape [6] instead of [samples, units]; reshape it to two dimensions",
        ),
        prepared(
            arrays,
            "analyze --activity x.npy --jacobian j.npy",
            4,
            "j.npy: has 4 columns, the activity 3 units; give dy/dx for the same units, in the same order",
        ),
        prepared(
            arrays,
            "analyze --activity x.npy --jacobian gap.npy",
            4,
            "gap.npy: example 0, output 0, unit 1 is not finite; leave out such examples, or units from both arrays",
        ),
        prepared(
            arrays,
            "analyze --trials x.npy",
            4,
            "x.npy: trials: of shape [5, 3] instead of [conditions, repeats, units]; reshape it to three dimensions",
        ),
        prepared(
            trials,
            "analyze --trials one.npy",
            4,
            "one.npy: trials: of shape [4, 1, 2]; give at least 2 conditions, 4 repeats and 1 unit",
        ),
        prepared(
            trials,
            "analyze --trials same.npy",
            4,
            "same.npy: trials: the trials of a condition do not differ; give single trials, not their means",
        ),
        prepared(
            trials,
            "analyze --trials gap.npy",
            4,
            "gap.npy: trials: condition 1, repeat 0, unit 1 is not finite; a missing trial is NaN in all its units; leave out units \
             with gaps",
        ),
        prepared(
            trials,
            "analyze --trials whole.npy --dim 2",
            3,
            "whole.npy: dim: 2 of the 1 signal components that were found; give at most 1; more conditions, repeats or units show more",
        ),
        prepared(
            trials,
            "analyze --trials whole.npy --dim 1.5",
            2,
            "invalid value '1.5' for '--dim <D>': neither a whole number from 1 on nor a fraction between 0 and 1; see `nmnc analyze \
             --help`",
        ),
        case(
            "analyze --activity whole.npy --remove-gain",
            2,
            "the argument '--activity <FILE>' cannot be used with '--remove-gain'; see `nmnc analyze --help`",
        ),
        case(
            "analyze runs/one --dim 3",
            2,
            "the argument '[RUN]' cannot be used with '--dim <D>'; see `nmnc analyze --help`",
        ),
        case(
            "analyze runs/one --jacobian j.npy",
            2,
            "the argument '[RUN]' cannot be used with '--jacobian <FILE>'; see `nmnc analyze --help`",
        ),
        case(
            "analyze --trials whole.npy --jacobian j.npy",
            2,
            "the argument '--trials <FILE>' cannot be used with '--jacobian <FILE>'; see `nmnc analyze --help`",
        ),
        case(
            "analyze --trials whole.npy --stage 1",
            2,
            "the argument '--trials <FILE>' cannot be used with '--stage <NUMBERS>'; see `nmnc analyze --help`",
        ),
        prepared(
            trials,
            "analyze --trials none.npz",
            4,
            "none.npz: no such file; give a .npy, .npz or .csv file, as numpy.save, numpy.savez and numpy.savetxt write them",
        ),
        prepared(
            arrays,
            "analyze --activity tiny.toml",
            4,
            "tiny.toml: is no NumPy array; give a .npy, .npz or .csv file, as numpy.save, numpy.savez and numpy.savetxt write them",
        ),
    ]);
}

#[test]
fn in_comparisons() {
    fn recordings(folder: &Folder) {
        trained(folder);
        let values: Vec<u8> = (0..15).flat_map(|i| f64::from(i).to_le_bytes()).collect();
        fs::write(folder.path("x.npy"), [&npy_header("<f8", "(5, 3)")[..], &values].concat()).unwrap();
    }
    fn another(folder: &Folder) {
        trained(folder);
        folder.write("other.toml", &TINY.replace("test_limit = 100", "test_limit = 90"));
        folder.run(&["train", "other.toml", "--out", "other", "--quiet"]).success();
    }
    check(&[
        case(
            "similarity",
            2,
            "the following required arguments were not provided: <RUN>...; see `nmnc similarity --help`",
        ),
        case(
            "similarity none",
            5,
            "none: no such folder; give a run folder, or a folder in its checkpoints/",
        ),
        case(
            "similarity none --variance 1.5",
            3,
            "variance: a share of 1.5; give a share above 0 and at most 1, such as 0.99",
        ),
        case(
            "similarity none --examples 3",
            3,
            "examples: 3 to compare; show at least four, better a thousand",
        ),
        case(
            "similarity none --format npz",
            2,
            "invalid value 'npz' for '--format <NAMES>' [possible values: json, csv, html]; see `nmnc similarity --help`",
        ),
        prepared(
            trained,
            "similarity run --stage 2,9",
            3,
            "stage: there is no stage 9; run has stages 1 to 3",
        ),
        prepared(
            recordings,
            "similarity run --against x.npy",
            4,
            "x.npy: has 5 rows, the split 100 examples; give one row for each example of the split, in its order",
        ),
        prepared(
            recordings,
            "similarity run --against none.npz",
            4,
            "none.npz: no such file; give a .npy, .npz or .csv file, as numpy.save, numpy.savez and numpy.savetxt write them",
        ),
        prepared(
            recordings,
            "similarity run --against x.npy --examples 5",
            2,
            "the argument '--against <FILE>' cannot be used with '--examples <N>'; see `nmnc similarity --help`",
        ),
        prepared(
            another,
            "similarity run other",
            3,
            "other: has 90 examples, run has 100; compare runs on the same data with the same limits",
        ),
    ]);
}
