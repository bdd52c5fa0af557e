//! In descriptions of sweeps.

use super::{Folder, case, check, prepared};

fn sweep(folder: &Folder, text: &str) {
    folder.write("s.toml", text);
}

#[test]
fn in_sweeps() {
    check(&[
        case("sweep none.toml", 3, "none.toml: no such file; docs/cluster.md has sweeps to start from"),
        case(
            "sweep",
            2,
            "the following required arguments were not provided: <SWEEP>; see `nmnc sweep --help`",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[grid\n"),
            "sweep s.toml",
            3,
            "s.toml:2: unclosed table, expected `]`",
        ),
        prepared(
            |f| sweep(f, "seeds = 3\n"),
            "sweep s.toml",
            3,
            "s.toml: the setting `base` is missing; add it",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\ngird.credit.rule = ['bp']\n"),
            "sweep s.toml",
            3,
            "s.toml: unknown setting `gird`; did you mean `grid`?",
        ),
        prepared(
            |f| sweep(f, "base = 'cifar'\n"),
            "sweep s.toml",
            3,
            "s.toml: base: `cifar` is neither a file beside it nor a ready-made configuration; `nmnc config presets` lists what is ready-made",
        ),
        prepared(
            |f| sweep(f, "base = 3\n"),
            "sweep s.toml",
            3,
            "s.toml: base: 3 is neither a name nor a table of settings; for example base = \"cifar10.toml\", or [base] with settings below it",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[set]\ntrain.epohcs = 3\n"),
            "sweep s.toml",
            3,
            "tiny.toml: train: unknown setting `epohcs`; did you mean `epochs`?",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[[points]]\ntrain.epochs = 3\n"),
            "sweep s.toml",
            3,
            "s.toml: points 1: has no name; give it one of letters, digits, `.`, `_` and `-`, as name = \"fast\"",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[[points]]\nname = 'a/b'\n"),
            "sweep s.toml",
            3,
            "s.toml: points 1: has the name `a/b`, which no folder can be called by; give it one of letters, digits, `.`, `_` and `-`, as name = \"fast\"",
        ),
        prepared(
            |f| {
                sweep(
                    f,
                    "base = 'tiny.toml'\n[[points]]\nname = 'a'\n[[points]]\nname = 'a'\ntrain.epochs = 3\n",
                )
            },
            "sweep s.toml",
            3,
            "s.toml: points 2: is called `a`, as another is; name it otherwise",
        ),
        prepared(
            |f| {
                sweep(
                    f,
                    "base = 'tiny.toml'\n[[points]]\nname = 'a'\ntrain.epochs = 3\n[grid]\ntrain.epochs = [1, 2]\n",
                )
            },
            "sweep s.toml",
            3,
            "s.toml: grid.train.epochs: is in [points] too; leave it in one of them",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[[points]]\nname = 'a'\ntrain.epohcs = 3\n"),
            "sweep s.toml",
            3,
            "s.toml: a-seed0: train: unknown setting `epohcs`; did you mean `epochs`?",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[grid]\ntrain.epohcs = [3, 4]\n"),
            "sweep s.toml",
            3,
            "s.toml: epohcs=3-seed0: train: unknown setting `epohcs`; did you mean `epochs`?",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[grid]\ntrain.batch = [32, 'x']\n"),
            "sweep s.toml --list",
            3,
            "s.toml: batch=x-seed0: train.batch: \"x\" is not a whole number of at least 0",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[grid]\ncredit.rule = ['bp', 'nmcn']\n"),
            "sweep s.toml",
            3,
            "s.toml: rule=nmcn-seed0: credit.rule: unknown rule `nmcn`; did you mean `nmnc`?",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[grid]\ntrain.batch = 32\n"),
            "sweep s.toml",
            3,
            "s.toml: grid.train.batch: 32 is not a list of values; write [32], or put it under [set]",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[grid]\ntrain.batch = []\n"),
            "sweep s.toml",
            3,
            "s.toml: grid.train.batch: has no values; list them, or remove it",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[grid]\ntrain.batch = [32, 64, 32]\n"),
            "sweep s.toml",
            3,
            "s.toml: grid.train.batch: 32 is there twice; remove one",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[grid]\nseed = [1, 2]\n"),
            "sweep s.toml",
            3,
            "s.toml: grid.seed: is not varied like a setting; `seeds = 3` or `seeds = [1, 2, 3]` gives every point the same seeds",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[set]\ntrain.batch = 32\n[grid]\ntrain.batch = [32, 64]\n"),
            "sweep s.toml",
            3,
            "s.toml: set.train.batch: is in [grid] too; leave it in one of them",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[grid]\ntrain.batch = [32, 64]\n"),
            "sweep s.toml --set train.batch=16",
            3,
            "s.toml: --set train.batch=16: is varied in [grid]; change it there",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\nseeds = 0\n"),
            "sweep s.toml",
            3,
            "s.toml: seeds: 0 is not from 1 to 1000000; for example `seeds = 3`, or `seeds = [1, 2, 3]`",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\nseeds = [1, 2, 1]\n"),
            "sweep s.toml",
            3,
            "s.toml: seeds: 1 is there twice; for example `seeds = 3`, or `seeds = [1, 2, 3]`",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\nseeds = 100001\n"),
            "sweep s.toml",
            3,
            "s.toml: stands for more than 100000 runs; take fewer values, draws or seeds",
        ),
        case(
            "sweep tiny.toml --task 0",
            2,
            "invalid value '0' for '--task <N>': not a whole number from 1 to 1000000; see `nmnc sweep --help`",
        ),
        case(
            "sweep tiny.toml --shard 3/2",
            2,
            "invalid value '3/2' for '--shard <I/N>': not a share such as 1/8, from 1/8 to 8/8; see `nmnc sweep --help`",
        ),
        case("compare tiny.toml --rules bp --task 2", 3, "--task 2: there is 1 run; --list prints them"),
    ]);
}

#[test]
fn in_what_a_sweep_draws() {
    check(&[
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[random]\ndraws = 2\nsettigns = {}\n"),
            "sweep s.toml",
            3,
            "s.toml: random: unknown setting `settigns`; did you mean `settings`?",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[random]\ndraws = 2\nsettings = {}\n"),
            "sweep s.toml",
            3,
            "s.toml: random.settings: has no settings to draw; for example train.batch = [32, 64], or remove [random]",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[random]\ndraws = 0\nsettings.train.batch = [1, 2]\n"),
            "sweep s.toml",
            3,
            "s.toml: random.draws: 0 is not from 1 to 1000000",
        ),
        prepared(
            |f| {
                sweep(
                    f,
                    "base = 'tiny.toml'\n[random]\ndraws = 2\nsettings.train.batch = { form = 1, to = 2 }\n",
                )
            },
            "sweep s.toml",
            3,
            "s.toml: random.settings.train.batch: unknown setting `form`; did you mean `from`?",
        ),
        prepared(
            |f| {
                sweep(
                    f,
                    "base = 'tiny.toml'\n[random]\ndraws = 2\nsettings.train.batch = { from = 2, to = 1 }\n",
                )
            },
            "sweep s.toml",
            3,
            "s.toml: random.settings.train.batch: from 2 to 1 is no range; `from` is below `to`",
        ),
        prepared(
            |f| {
                sweep(
                    f,
                    "base = 'tiny.toml'\n[random]\ndraws = 2\nsettings.train.batch = { from = 0, to = 1, scale = 'log' }\n",
                )
            },
            "sweep s.toml",
            3,
            "s.toml: random.settings.train.batch: from 0 has no logarithm; start above 0, or leave out `scale`",
        ),
        prepared(
            |f| {
                sweep(
                    f,
                    "base = 'tiny.toml'\n[random]\ndraws = 2\nsettings.train.batch = { from = 1, to = 2, scale = 'lgo' }\n",
                )
            },
            "sweep s.toml",
            3,
            "s.toml: random.settings.train.batch.scale: unknown value `lgo`; did you mean `log`?",
        ),
        prepared(
            |f| {
                sweep(
                    f,
                    "base = 'tiny.toml'\n[random]\ndraws = 2\nsettings.train.batch = { from = 0.5, to = 2, whole = true }\n",
                )
            },
            "sweep s.toml",
            3,
            "s.toml: random.settings.train.batch: from 0.5 to 2 are not whole numbers; give whole ends, or leave out `whole`",
        ),
        prepared(
            |f| sweep(f, "base = 'tiny.toml'\n[random]\ndraws = 2\nsettings.train.batch = 3\n"),
            "sweep s.toml",
            3,
            "s.toml: random.settings.train.batch: 3 is neither a list nor a range; for example [32, 64], or { from = 1e-4, to = 1e-2, scale = \"log\" }",
        ),
    ]);
}
