//! Wrong inputs: each is one line that says where, what and how to mend it, with the right exit code, and leaves every
//! file as it was.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use common::{Folder, Ran, TINY, last_checkpoint, nmnc};

/// What to prepare, what to run, what must come of it.
struct Case {
    prepare: fn(&Folder),
    arguments: &'static str,
    code: i32,
    error: &'static str,
}

const fn case(arguments: &'static str, code: i32, error: &'static str) -> Case {
    Case { prepare: |_| {}, arguments, code, error }
}

const fn prepared(prepare: fn(&Folder), arguments: &'static str, code: i32, error: &'static str) -> Case {
    Case { prepare, arguments, code, error }
}

/// Runs the cases and shows every difference, not only the first.
fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for case in cases {
        let folder = Folder::new();
        folder.write("tiny.toml", TINY);
        (case.prepare)(&folder);
        let before = contents(&folder);
        let arguments: Vec<&str> = case.arguments.split_whitespace().collect();
        let mut command = nmnc(folder.root(), &arguments);
        // Nothing listens there.
        command.env("NMNC_DATA_MIRROR", "http://127.0.0.1:9");
        let ran = Ran::of(command.output().unwrap());
        let error = ran.stderr.replace(&folder.root().display().to_string(), "<tmp>");
        let expected = format!("error: {}\n", case.error);
        if ran.code != Some(case.code) || error != expected {
            wrong.push(format!(
                "nmnc {}\n  expected {}: {expected}  got {:?}: {error}",
                case.arguments, case.code, ran.code
            ));
        }
        if contents(&folder) != before {
            wrong.push(format!("nmnc {} changed files: {:?}", case.arguments, folder.tree()));
        }
        if !ran.stdout.is_empty() {
            wrong.push(format!("nmnc {} printed {}", case.arguments, ran.stdout));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every file and folder with what is in it.
fn contents(folder: &Folder) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    folder.tree().into_iter().map(|path| (path.clone(), fs::read(path).ok())).collect()
}

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
            "invalid value 'steps' for '--only <PARTS>' [possible values: matmul, forward, step, refresh]; a similar value exists: 'step'; see `nmnc bench --help`",
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
            "'nmnc data' requires a subcommand but one was not provided [subcommands: list, info, fetch, verify, help]; see `nmnc data --help`",
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
            "network.stages[2]: a 2x2 pooling window is larger than the 1x1 map",
        ),
        case(
            "bench --rules bp --only refresh",
            3,
            "bench: these rules and parts leave nothing to measure; name a rule with a manifold, such as nmnc, to \
             measure its refresh",
        ),
        case("bench --set credit.nmnc.sigma=0", 3, "bench: credit.nmnc.sigma: 0 is not a positive number"),
        case(
            "bench --set train.epohcs=5",
            3,
            "bench: train: unknown setting `epohcs`; did you mean `epochs`?",
        ),
    ]);
}

#[test]
fn in_configurations() {
    check(&[
        case(
            "train none.toml",
            3,
            "none.toml: no such file; `nmnc config presets` prints configurations to start from",
        ),
        prepared(
            |f| f.write("x.toml", "seed = 0\n[network\n"),
            "train x.toml",
            3,
            "x.toml:2: unclosed table, expected `]`",
        ),
        prepared(|f| f.write("x.toml", "seed = 0\nseed = 1\n"), "train x.toml", 3, "x.toml:2: duplicate key"),
        prepared(
            |f| f.write("x.toml", ""),
            "train x.toml",
            3,
            "x.toml: the setting `network` is missing; add it",
        ),
        prepared(
            |f| f.write("x.toml", &TINY.replace("[train]", "[trian]")),
            "train x.toml",
            3,
            "x.toml: unknown setting `trian`; did you mean `train`?",
        ),
        prepared(
            |f| fs::write(f.path("x.toml"), [0xff, 0xfe, 0]).unwrap(),
            "config check x.toml",
            3,
            "x.toml: is not UTF-8 text; give a TOML file",
        ),
        case(
            "train tiny.toml --set train.epohcs=5",
            3,
            "tiny.toml: train: unknown setting `epohcs`; did you mean `epochs`?",
        ),
        case(
            "train tiny.toml --set train.epochs=ten",
            3,
            "tiny.toml: train.epochs: invalid type: string \"ten\", expected a whole number of at least 0",
        ),
        case("train tiny.toml --set train.epochs=0", 3, "tiny.toml: train.epochs: must be at least 1"),
        case(
            "train tiny.toml --set train.batch=-1",
            3,
            "tiny.toml: train.batch: invalid value: integer `-1`, expected a whole number of at least 0",
        ),
        case(
            "train tiny.toml --set train.epochs",
            3,
            "--set train.epochs: is not of the form key=value; for example --set train.epochs=5",
        ),
        case(
            "train tiny.toml --set train.epochs.x=5",
            3,
            "--set train.epochs.x=5: `epochs` is a value, not a table; set `epochs` itself, or the key that was meant",
        ),
        case(
            "train tiny.toml --set seed=-1",
            3,
            "tiny.toml: seed: invalid value: integer `-1`, expected a whole number of at least 0",
        ),
        case(
            "train tiny.toml --set credit.rule=nmcn",
            3,
            "tiny.toml: credit.rule: unknown rule `nmcn`; did you mean `nmnc`?",
        ),
        case(
            "train tiny.toml --set credit.nmnc.sigm=1.0",
            3,
            "tiny.toml: credit.nmnc: unknown setting `sigm`; did you mean `sigma`?",
        ),
        case(
            "train tiny.toml --set credit.nmnc.manifold.dimension=many",
            3,
            "tiny.toml: credit.nmnc.manifold.dimension: expected a whole number of components, a fraction of variance between 0 and 1, or a list with one of these for each stage",
        ),
        case(
            "train tiny.toml --set credit.nmnc.eta=2.0",
            3,
            "tiny.toml: credit.nmnc.eta: 2 is not in (0, 1]",
        ),
        case(
            "train tiny.toml --set credit.nmnc.estimator=least-square",
            3,
            "tiny.toml: credit.nmnc.estimator: unknown value `least-square`; did you mean `least-squares`?",
        ),
        case(
            "train tiny.toml --set credit.vnc.estimator=recursive-least-squares",
            3,
            "tiny.toml: credit.vnc.estimator: a covariance of all units would be n by n; set noise = \"manifold\", or estimator = \"least-squares\"",
        ),
        case(
            "train tiny.toml --set credit.nmnc.estimator=recursive-least-squares --set credit.nmnc.eta=0.5",
            3,
            "tiny.toml: credit.nmnc.eta: recursive least squares has no learning rate; remove it, and set forgetting instead",
        ),
        case(
            "train tiny.toml --set credit.nmnc.ridge=10",
            3,
            "tiny.toml: credit.nmnc.ridge: has no meaning without estimator = \"recursive-least-squares\"; remove it, or set estimator = \"recursive-least-squares\"",
        ),
        case(
            "train tiny.toml --set credit.node-perturbation.estimator=least-squares",
            3,
            "tiny.toml: credit.node-perturbation.estimator: has no meaning without memory = \"feedback\"; remove it, or set memory = \"feedback\"",
        ),
        case(
            "train tiny.toml --set credit.nmnc.injection=together",
            3,
            "tiny.toml: credit.nmnc.injection: expected \"separate\", \"joint\", or a list of lists of stages such as [[1, 2], [3]]",
        ),
        case(
            "train tiny.toml --set credit.nmnc.injection=[[2,2]]",
            3,
            "tiny.toml: credit.nmnc.injection.groups: stage 2 is named twice",
        ),
        case(
            "train tiny.toml --set credit.manifold-mirror.cap=0.5",
            3,
            "tiny.toml: credit.manifold-mirror.cap: has no meaning without budget = \"auto\"; remove it, or set budget = \"auto\"",
        ),
        case(
            "train tiny.toml --set credit.manifold-mirror.feedback=coordinates",
            3,
            "tiny.toml: credit.manifold-mirror.noise: coordinates are those of the manifold; set noise = \"manifold\", or feedback = \"weights\"",
        ),
        case(
            "train tiny.toml --set credit.weight-mirror.observe=true",
            3,
            "tiny.toml: credit.weight-mirror.observe: has no meaning without feedback = \"weights\" and estimator = \"least-squares\"; remove it, or set feedback = \"weights\" and estimator = \"least-squares\"",
        ),
        case(
            "train tiny.toml --set credit.nmnc.manifold.dimension=0",
            3,
            "tiny.toml: credit.nmnc.manifold.dimension: 0 leaves no manifold; use at least 1",
        ),
        case(
            "train tiny.toml --set credit.nmnc.manifold.dimension=0.9",
            3,
            "tiny.toml: credit.nmnc.manifold.dimension: a fraction of variance needs the whole spectrum; use method = \"exact\" or a whole number",
        ),
        case(
            "train tiny.toml --set credit.vnc.manifold.dimension=4",
            3,
            "tiny.toml: credit.vnc.manifold: has no meaning with isotropic noise; remove it, or set noise = \"manifold\"",
        ),
        case(
            "train tiny.toml --set credit.nmnc.manifold.method=incrementl",
            3,
            "tiny.toml: credit.nmnc.manifold.method: unknown value `incrementl`; did you mean `incremental`?",
        ),
        case(
            "train tiny.toml --set credit.nmnc.manifold.method=incremental",
            3,
            "tiny.toml: credit.nmnc.manifold.samples: has no meaning with method = \"incremental\"; remove it, or set method = \"exact\" or \"randomized\"",
        ),
        case(
            "train tiny.toml --set credit.nmnc.manifold.forgetting=0.5",
            3,
            "tiny.toml: credit.nmnc.manifold.forgetting: has no meaning with method = \"randomized\"; remove it, or set method = \"incremental\"",
        ),
        case(
            "train tiny.toml --set credit.nmnc.manifold.method=exact --set credit.nmnc.manifold.warm_start=true",
            3,
            "tiny.toml: credit.nmnc.manifold.warm_start: has no meaning with method = \"exact\"; remove it, or set method = \"randomized\"",
        ),
        prepared(
            |f| f.write("x.toml", &TINY.replace("refresh = 3, samples = 32", "method = \"incremental\"")),
            "train x.toml --set credit.nmnc.manifold.forgetting=1.5",
            3,
            "x.toml: credit.nmnc.manifold.forgetting: 1.5 is not in (0, 1]",
        ),
        prepared(
            |f| f.write("x.toml", &TINY.replace("refresh = 3, samples = 32", "method = \"incremental\"")),
            "train x.toml --set credit.nmnc.manifold.dimension=0.9",
            3,
            "x.toml: credit.nmnc.manifold.dimension: a fraction of variance needs the whole spectrum; use method = \"exact\" or a whole number",
        ),
        case(
            "train tiny.toml --set train.streamed=yes",
            3,
            "tiny.toml: train.streamed: invalid type: string \"yes\", expected a boolean",
        ),
        case(
            "train tiny.toml --set train.streamed=true --set credit.rule=bp",
            3,
            "tiny.toml: train.streamed: `bp` needs the whole forward pass at once; set it to false, or choose a local rule",
        ),
        case(
            "train tiny.toml --set network.preset=conf3",
            3,
            "tiny.toml: network.preset: unknown network `conf3`; did you mean `conv3`?",
        ),
        case(
            "train tiny.toml --set network.widths=[4,4]",
            3,
            "tiny.toml: network.widths: has 2 entries; `conv3` takes 3",
        ),
        case(
            "train tiny.toml --set network.activation=rellu",
            3,
            "tiny.toml: network.activation: unknown value `rellu`; did you mean `relu`?",
        ),
        case(
            "train tiny.toml --set train.optimizer.name=adm",
            3,
            "tiny.toml: train.optimizer.name: unknown value `adm`; did you mean `adam`?",
        ),
        case(
            "train tiny.toml --set train.optimizer.learning_rate=-1.0",
            3,
            "tiny.toml: train.optimizer.learning_rate: -1 is not a positive number",
        ),
        case(
            "train tiny.toml --set train.optimizer.momentum=0.9",
            3,
            "tiny.toml: train.optimizer: unknown setting `momentum`; known: learning_rate, betas, epsilon, weight_decay",
        ),
        case(
            "train tiny.toml --set data.train_limit=0",
            3,
            "tiny.toml: data.train_limit: is 0; give a positive number or leave the key out",
        ),
        case(
            "train tiny.toml --set data.image_size=2",
            3,
            "network.stages[1]: a 2x2 pooling window is larger than the 1x1 map",
        ),
        case(
            "train tiny.toml --set data.validation=6000",
            3,
            "data.validation: holding out 6000 of 6000 training examples leaves none",
        ),
        case("compare tiny.toml --rules bp,bq", 3, "credit.rule: unknown rule `bq`; did you mean `bp`?"),
        case("compare tiny.toml --rules bp,bp", 3, "rules: `bp` is named twice"),
        case(
            "compare tiny.toml --rules bp,",
            3,
            "credit.rule: unknown rule ``; known: bp, fa, dfa, vnc, nmnc, node-perturbation, manifold-node-perturbation, weight-mirror, manifold-mirror",
        ),
        case(
            "compare tiny.toml --rules bp,vnc --set credit.eta=0.5",
            3,
            "credit.eta: belongs to one rule alone; move it to [credit.nmnc] to compare rules",
        ),
        case(
            "compare tiny.toml --rules bp --seeds 2 --set seed=9223372036854775807",
            3,
            "seed: 9223372036854775808 is not below 2^63",
        ),
        case(
            "config presets cifar",
            3,
            "config presets: no ready-made configuration is called `cifar`; did you mean `cifar10`?",
        ),
        case(
            "config check tiny.toml --device flexx",
            3,
            "tiny.toml: device: unknown device `flexx`; did you mean `flex`?",
        ),
        case(
            "train tiny.toml --device flex:1",
            3,
            "device: the CPU device `flex` takes no number; write `flex`",
        ),
        case(
            "train tiny.toml --device vulkan:x",
            3,
            "device: `x` in `vulkan:x` is not a device number; write for example `vulkan:0`",
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

#[test]
fn in_data() {
    check(&[
        case(
            "train tiny.toml --set data.source=nowhere",
            4,
            "data.source: `nowhere` is neither a file or folder nor a known set; known: fashion-mnist-sample, cifar10, cifar100, mnist, fashion-mnist",
        ),
        case(
            "train tiny.toml --set data.source=cifar10",
            4,
            "data.source: `cifar10` is not in <tmp>/data/cifar10; run `nmnc data fetch cifar10`",
        ),
        case(
            "train tiny.toml --set data.source=cifar-10",
            4,
            "data.source: `cifar-10` is neither a file or folder nor a known set; did you mean `cifar10`?",
        ),
        case(
            "data info nowhere",
            4,
            "data.source: `nowhere` is neither a file or folder nor a known set; known: fashion-mnist-sample, cifar10, cifar100, mnist, fashion-mnist",
        ),
        case(
            "data verify mnist",
            4,
            "<tmp>/data/mnist/train-images-idx3-ubyte.gz: is not there; run `nmnc data fetch mnist`",
        ),
        case(
            "data verify cifar11",
            3,
            "data set: no known data set is called `cifar11`; did you mean `cifar10`?",
        ),
        case("data fetch minst", 3, "data set: no known data set is called `minst`; did you mean `mnist`?"),
        case(
            "data fetch fashion-mnist-sample",
            3,
            "data set: `fashion-mnist-sample` is part of nmnc; use it as `data.source` without fetching anything",
        ),
        prepared(
            |f| fs::create_dir(f.path("empty")).unwrap(),
            "train tiny.toml --set data.source=empty",
            4,
            "empty: is not recognized as a data set; it should hold `train/` or `train.tar.gz` with one folder per class, `train.npz`, IDX files named as in MNIST, or the binary files of CIFAR",
        ),
        prepared(
            |f| f.write("x.tar.gz", "not an archive"),
            "train tiny.toml --set data.source=x.tar.gz",
            4,
            "x.tar.gz: is neither .npz nor .tar nor .tar.gz; for IDX or CIFAR files, give the folder that holds them",
        ),
        prepared(
            |f| f.write("x.npz", "PK\u{3}\u{4}not an archive"),
            "data info x.npz",
            4,
            "x.npz: cannot be read: invalid Zip archive: Invalid zip header; the file is truncated or damaged: get it again",
        ),
        prepared(
            |f| f.write("x.txt", "text"),
            "data info x.txt",
            4,
            "x.txt: is neither .npz nor .tar nor .tar.gz; for IDX or CIFAR files, give the folder that holds them",
        ),
        prepared(
            |f| f.write("images/train/cat/1.png", "not an image"),
            "train tiny.toml --set data.source=images",
            4,
            "images/train: has no test split; set `data.validation` to hold out some of the training examples",
        ),
        prepared(
            |f| f.write("idx/train-images-idx3-ubyte", "\0\0\u{8}\u{3}\0\0"),
            "data info idx",
            4,
            "idx: no file `train-labels*` beside the images",
        ),
        prepared(
            |f| f.write("data/mnist/train-images-idx3-ubyte.gz", "short"),
            "data verify mnist",
            4,
            "<tmp>/data/mnist/train-images-idx3-ubyte.gz: has 5 bytes instead of 9912422; run `nmnc data fetch mnist`",
        ),
    ]);
}

/// A finished run in the folder `run`.
fn trained(folder: &Folder) {
    folder.run(&["train", "tiny.toml", "--out", "run", "--quiet"]).success();
}

/// A run stopped before its end, after the second of its two checkpoints.
fn stopped(folder: &Folder) {
    trained(folder);
    fs::remove_file(folder.path("run/summary.json")).unwrap();
}

/// Changes a file of each checkpoint.
fn damage(folder: &Folder, file: &str, change: impl Fn(&mut Vec<u8>)) {
    for entry in fs::read_dir(folder.path("run/checkpoints")).unwrap() {
        let path = entry.unwrap().path().join(file);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn in_run_folders_and_checkpoints() {
    check(&[
        prepared(
            trained,
            "train tiny.toml --out run",
            5,
            "run: already holds a run; continue it with --resume, or name another folder with --out",
        ),
        prepared(
            trained,
            "train tiny.toml --out run --resume --set train.batch=32",
            5,
            "run: was made with another configuration (train.batch: 64 there, 32 here); use the same configuration, or name another folder with --out",
        ),
        prepared(
            trained,
            "train tiny.toml --out run --resume --seed 1",
            5,
            "run: was made with another configuration (seed: 0 there, 1 here); use the same configuration, or name another folder with --out",
        ),
        prepared(
            |f| {
                stopped(f);
                damage(f, "weights.safetensors", |bytes| bytes.truncate(40));
            },
            "train tiny.toml --out run --resume",
            5,
            "run/checkpoints/step-0000000004/weights.safetensors: is damaged (its checksum does not match); no checkpoint of the run is whole: remove the run folder and start again",
        ),
        prepared(
            |f| {
                stopped(f);
                damage(f, "state.json", |bytes| bytes[10] ^= 1);
            },
            "train tiny.toml --out run --resume",
            5,
            "run/checkpoints/step-0000000004/state.json: is damaged (its checksum does not match); no checkpoint of the run is whole: remove the run folder and start again",
        ),
        prepared(
            |f| {
                stopped(f);
                fs::remove_dir_all(f.path("run/checkpoints/step-0000000004")).unwrap();
                fs::remove_file(last_checkpoint(&f.path("run")).join("SHA256SUMS")).unwrap();
            },
            "train tiny.toml --out run --resume",
            5,
            "run/checkpoints/step-0000000008/SHA256SUMS: is missing; no checkpoint of the run is whole: remove the run folder and start again",
        ),
        prepared(
            |f| {
                trained(f);
                f.write("run/summary.json", "{}");
            },
            "train tiny.toml --out run --resume",
            5,
            "run/summary.json:1: not a summary: missing field `rule`; remove it: resuming the run writes it anew",
        ),
        prepared(
            |f| {
                trained(f);
                f.write("run/metrics.jsonl", "{\"step\": 1}\n");
            },
            "report run",
            5,
            "run/metrics.jsonl:1: not a metrics record: missing field `epoch` (column 11); remove the line, or the run folder if there are more",
        ),
        prepared(
            |f| {
                stopped(f);
                f.write("run/config.toml", "seed = 0\n");
            },
            "report run",
            5,
            "run/config.toml: credit.rule: missing",
        ),
        prepared(
            |f| fs::create_dir(f.path("empty")).unwrap(),
            "report empty",
            5,
            "empty: holds no run (no config.toml in it or one level below); give the folder that `nmnc train` or `nmnc compare` wrote",
        ),
        case(
            "report nowhere",
            5,
            "nowhere: no such folder; give the folder that `nmnc train` or `nmnc compare` wrote",
        ),
        prepared(
            |f| {
                f.run(&["compare", "tiny.toml", "--rules", "bp", "--out", "out", "--quiet"]).success();
            },
            "compare tiny.toml --rules bp,dfa --out out --set train.loss=mean-squared-error",
            5,
            "out/bp-seed0: was made with another configuration (train.loss: \"cross-entropy\" there, \"mean-squared-error\" here); name another folder with --out",
        ),
    ]);
}

#[test]
fn in_places_to_write_and_servers() {
    check(&[
        case(
            "train tiny.toml --out tiny.toml",
            8,
            "tiny.toml: cannot create folder: Not a directory (os error 20)",
        ),
        case(
            "train tiny.toml --out tiny.toml/run",
            8,
            "tiny.toml/run: cannot create folder: Not a directory (os error 20)",
        ),
        prepared(
            trained,
            "report run --out nowhere/report.html",
            8,
            "nowhere: no such folder; create it, or name another place",
        ),
        prepared(trained, "report run --out run", 8, "run: is a folder; name a file"),
        case("train .", 8, ".: cannot read: Is a directory (os error 21)"),
        prepared(
            |f| fs::create_dir_all(f.path("data/mnist")).unwrap(),
            "data fetch mnist",
            9,
            "mnist: http://127.0.0.1:9/mnist/train-images-idx3-ubyte.gz: cannot be reached: io: Connection refused (os error 111); check the connection, set NMNC_DATA_MIRROR to a mirror, or put the file at <tmp>/data/mnist/train-images-idx3-ubyte.gz yourself",
        ),
    ]);
}

#[test]
fn in_experiments() {
    check(&[
        case(
            "reproduce alignement",
            2,
            "unrecognized subcommand 'alignement'; a similar subcommand exists: 'alignment'; see `nmnc reproduce --help`",
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
            "tiny.toml: checkpoint.history: 2000 checkpoints are too many; use at most 1000",
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
            fs::write(folder.path(name), [&common::npy_header("<f8", shape)[..], &values].concat()).unwrap();
        }
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
            "x.npy: jacobian: has 4 columns, the activity 3 units; give dy/dx for the same units, in the same order",
        ),
        prepared(
            arrays,
            "analyze --activity tiny.toml",
            4,
            "tiny.toml: is no NumPy array; give floats in C order: numpy.save(path, numpy.ascontiguousarray(array))",
        ),
    ]);
}

#[test]
fn in_comparisons() {
    fn recordings(folder: &Folder) {
        trained(folder);
        let values: Vec<u8> = (0..15).flat_map(|i| f64::from(i).to_le_bytes()).collect();
        fs::write(folder.path("x.npy"), [&common::npy_header("<f8", "(5, 3)")[..], &values].concat())
            .unwrap();
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
            "none.npz: no such file; give a .npy or .npz file, as numpy writes it",
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
