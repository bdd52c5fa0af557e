//! On the command line, of devices and of benches.

use super::{case, check};

#[test]
fn on_the_command_line() {
    check(&[
        case(
            "trian tiny.toml",
            2,
            "unrecognized subcommand 'trian'; some similar subcommands exist: 'brain', 'train'; see `nmnc --help`",
        ),
        case(
            "train",
            2,
            "the following required arguments were not provided: <CONFIG>; see `nmnc train --help`",
        ),
        case(
            "train tiny.toml --epochs 3",
            2,
            "unexpected argument '--epochs' found; did you mean `--set train.epochs=..`?; see `nmnc train --help`",
        ),
        case(
            "compare tiny.toml --rules bp --batch-size=3",
            2,
            "unexpected argument '--batch-size' found; did you mean `--set train.batch=..`?; see `nmnc compare --help`",
        ),
        case(
            "train tiny.toml --sed 3",
            2,
            "unexpected argument '--sed' found; a similar argument exists: '--seed'; see `nmnc train --help`",
        ),
        case(
            "train tiny.toml --seed=-1",
            2,
            "invalid value '-1' for '--seed <N>': not a whole number from 0 to 2^63 - 1; see `nmnc train --help`",
        ),
        case(
            "train tiny.toml --seed=18446744073709551615",
            2,
            "invalid value '18446744073709551615' for '--seed <N>': not a whole number from 0 to 2^63 - 1; see `nmnc train --help`",
        ),
        case(
            "train tiny.toml more.toml",
            2,
            "unexpected argument 'more.toml' found; see `nmnc train --help`",
        ),
        case(
            "compare tiny.toml",
            2,
            "the following required arguments were not provided: --rules <NAMES>; see `nmnc compare --help`",
        ),
        case(
            "compare tiny.toml --rules bp --seeds 0",
            2,
            "invalid value '0' for '--seeds <N>': not a whole number from 1 to 1000000; see `nmnc compare --help`",
        ),
        case(
            "train tiny.toml --threads 0",
            2,
            "invalid value '0' for '--threads <N>': not a number from 1 to 1024; see `nmnc train --help`",
        ),
        case(
            "train tiny.toml --quiet --json",
            2,
            "the argument '--quiet' cannot be used with '--json'; see `nmnc train --help`",
        ),
        case(
            "config chekc tiny.toml",
            2,
            "unrecognized subcommand 'chekc'; some similar subcommands exist: 'schema', 'check'; see `nmnc config --help`",
        ),
        case(
            "completions tcsh",
            2,
            "invalid value 'tcsh' for '<SHELL>' [possible values: bash, elvish, fish, powershell, zsh]; a similar value exists: 'zsh'; see `nmnc completions --help`",
        ),
        case(
            "bench --only steps",
            2,
            "invalid value 'steps' for '--only <PARTS>' [possible values: matmul, copy, launch, data, forward, step, refresh, network]; a similar value exists: 'step'; see `nmnc bench --help`",
        ),
        case(
            "bench --channels 64,x",
            2,
            "invalid value 'x' for '--channels <N,...>': not a whole number from 1 to 1000000; see `nmnc bench --help`",
        ),
        case(
            "bench --runs 0",
            2,
            "invalid value '0' for '--runs <N>': not a whole number from 1 to 1000000; see `nmnc bench --help`",
        ),
        case(
            "data --threads 2",
            2,
            "'nmnc data' requires a subcommand but one was not provided [subcommands: list, info, fetch, reduce, verify, help]; see `nmnc data --help`",
        ),
    ]);
}

#[test]
fn in_what_to_measure() {
    check(&[
        case("bench --rules nmcn", 3, "credit.rule: unknown rule `nmcn`; did you mean `nmnc`?"),
        case("bench --rules bp,bp", 3, "rules: `bp` is named twice"),
        case(
            "bench --size 4 --channels 4,4,4",
            3,
            "network.stages[2] (stage 3): a 2x2 pooling window is larger than the 1x1 map",
        ),
        case(
            "bench --rules bp --only refresh",
            3,
            "bench: these rules and parts leave nothing to measure; name a rule with a manifold, such as nmnc, to \
             measure its refresh",
        ),
        case("bench --set credit.nmnc.sigma=0", 3, "bench: credit.nmnc.sigma: 0 is not in (0, 1000000]"),
        case(
            "bench --set train.epohcs=5",
            3,
            "bench: train: unknown setting `epohcs`; did you mean `epochs`?",
        ),
    ]);
}

#[cfg(not(feature = "cuda"))]
#[test]
fn in_devices() {
    check(&[case(
        "train tiny.toml --device cuda",
        7,
        "device: this build has no `cuda` support; rebuild with `--features cuda` or use `flex`",
    )]);
}
