//! In configurations.

use std::fs;

use super::{case, check, prepared};
use crate::common::TINY;

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
            "train tiny.toml --set train.lr=1",
            3,
            "tiny.toml: train: unknown setting `lr`; did you mean `train.optimizer.learning_rate`?",
        ),
        case(
            "train tiny.toml --set epochs=1",
            3,
            "tiny.toml: unknown setting `epochs`; did you mean `train.epochs`?",
        ),
        case(
            "train tiny.toml --set credit.nmnc.dimension=3",
            3,
            "tiny.toml: credit.nmnc: unknown setting `dimension`; did you mean `credit.nmnc.manifold.dimension`?",
        ),
        case(
            "train tiny.toml --set network.stages.0.pool=none",
            3,
            "--set network.stages.0.pool=none: there is no list `stages`; write it out first; `nmnc config check FILE --resolved` prints what a preset stands for",
        ),
        case(
            "train tiny.toml --set train.optimizer=adamm",
            3,
            "tiny.toml: train.optimizer.name: unknown value `adamm`; did you mean `adam`?",
        ),
        case(
            "train tiny.toml --set train.optimizer=[1]",
            3,
            "tiny.toml: train.optimizer[0]: 1 is not a name",
        ),
        case(
            "train tiny.toml --set train.epochs=ten",
            3,
            "tiny.toml: train.epochs: \"ten\" is not a whole number of at least 0",
        ),
        case(
            "train tiny.toml --set train.epochs=4611686018427387904",
            3,
            "tiny.toml: train.epochs: 4611686018427387904 is not from 1 to 1000000000",
        ),
        case(
            "train tiny.toml --set train.epochs=0",
            3,
            "tiny.toml: train.epochs: 0 is not from 1 to 1000000000",
        ),
        case(
            "train tiny.toml --set train.batch=-1",
            3,
            "tiny.toml: train.batch: -1 is not from 1 to 1000000000",
        ),
        case(
            "train tiny.toml --set train.replicas=65",
            3,
            "tiny.toml: train.replicas: 65 cannot share a batch of 64; set it to train.batch or less",
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
        case("train tiny.toml --set seed=-1", 3, "tiny.toml: seed: -1 is not from 0 to 2^63 - 1"),
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
            "tiny.toml: credit.nmnc.ridge: has no meaning without estimator = \"least-squares\" or \"recursive-least-squares\"; remove it, or set estimator = \"least-squares\" or \"recursive-least-squares\"",
        ),
        case(
            "train tiny.toml --set credit.node-perturbation.estimator=least-squares",
            3,
            "tiny.toml: credit.node-perturbation.estimator: has no meaning without memory = \"feedback\"; remove it, or set memory = \"feedback\"",
        ),
        case(
            "train tiny.toml --set credit.nmnc.observe.ridge=1",
            3,
            "tiny.toml: credit.nmnc.observe: an average of perturbations would forget what is observed; set estimator = \"least-squares\"",
        ),
        case(
            "train tiny.toml --set credit.rule=direct-mirror --set credit.direct-mirror.observe=true",
            3,
            "tiny.toml: credit.direct-mirror.observe: true is not a table of settings",
        ),
        case(
            "train tiny.toml --set credit.rule=direct-mirror --set credit.direct-mirror.ridge=1",
            3,
            "tiny.toml: credit.direct-mirror.ridge: has no meaning without probes; remove it, or set probes",
        ),
        case(
            "train tiny.toml --set credit.nmnc.probes=0",
            3,
            "tiny.toml: credit.nmnc.probes: 0 leaves nothing to learn from; set it to 1 or more, or set observe.ridge",
        ),
        case(
            "train tiny.toml --set credit.nmnc.regions=class",
            3,
            "tiny.toml: credit.nmnc.regions: \"class\" is not a table of settings",
        ),
        case(
            "train tiny.toml --set credit.nmnc.regions.by=classes",
            3,
            "tiny.toml: credit.nmnc.regions.by: unknown value `classes`; did you mean `class`?",
        ),
        case(
            "train tiny.toml --set credit.nmnc.regions={by='class',count=4}",
            3,
            "tiny.toml: credit.nmnc.regions.count: has no meaning without by = \"output\"; remove it, or set by = \"output\"",
        ),
        case(
            "train tiny.toml --set credit.nmnc.regions={by='output',count=0}",
            3,
            "tiny.toml: credit.nmnc.regions.count: 0 is not from 1 to 1000000000",
        ),
        case(
            "train tiny.toml --set credit.nmnc.regions={by='class',share=0.0}",
            3,
            "tiny.toml: credit.nmnc.regions.share: 0 is not in (0, 1]",
        ),
        case(
            "train tiny.toml --set credit.node-perturbation.regions.by=class",
            3,
            "tiny.toml: credit.node-perturbation.regions: has no meaning without memory = \"feedback\"; remove it, or set memory = \"feedback\"",
        ),
        case(
            "train tiny.toml --set credit.nmnc.estimator=recursive-least-squares --set credit.nmnc.regions.by=class",
            3,
            "tiny.toml: credit.nmnc.regions: every region would need a covariance of its own; set estimator = \"average\" or \"least-squares\"",
        ),
        case(
            "train tiny.toml --set credit.nmnc.budget=0.1 --set credit.nmnc.interval=3",
            3,
            "tiny.toml: credit.nmnc.interval: has no meaning with a budget; remove it, or remove budget",
        ),
        case(
            "train tiny.toml --set credit.nmnc.noise=aimed",
            3,
            "tiny.toml: credit.nmnc.noise: has no meaning without estimator = \"kalman\"; remove it, or set estimator = \"kalman\"",
        ),
        case(
            "train tiny.toml --set credit.nmnc={noise='aimed',estimator='kalman',rest=0.3}",
            3,
            "tiny.toml: credit.nmnc.rest: has no meaning without noise = \"covariance\"; remove it, or set noise = \"covariance\"",
        ),
        case(
            "train tiny.toml --set credit.nmnc.budget=0",
            3,
            "tiny.toml: credit.nmnc.budget: 0 is not in (0, 1000000]",
        ),
        case(
            "train tiny.toml --set credit.node-perturbation.budget=0.1",
            3,
            "tiny.toml: credit.node-perturbation.budget: has no meaning without memory = \"feedback\"; remove it, or set memory = \"feedback\"",
        ),
        case(
            "train tiny.toml --set credit.vnc.estimator=kalman --set credit.vnc.eta=0.1",
            3,
            "tiny.toml: credit.vnc.eta: a Kalman filter finds its gain by itself; remove it",
        ),
        case(
            "train tiny.toml --set credit.vnc.estimator=kalman --set credit.vnc.regions.by=class",
            3,
            "tiny.toml: credit.vnc.regions: every region would need a covariance of its own; set estimator = \"average\" or \"least-squares\"",
        ),
        case(
            "train tiny.toml --set credit.weight-mirror.estimator=kalman",
            3,
            "tiny.toml: credit.weight-mirror.estimator: a mirror has a recursion of its own; set \"least-squares\", \"average\", or with feedback = \"coordinates\" \"recursive-least-squares\"",
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
            "tiny.toml: credit.nmnc.manifold.dimension: 0 is not from 1 to 1000000000",
        ),
        case(
            "train tiny.toml --set credit.nmnc.manifold.dimension=0.9",
            3,
            "tiny.toml: credit.nmnc.manifold.dimension: a fraction of variance needs the whole spectrum; use method = \"exact\" or a whole number",
        ),
        case(
            "train tiny.toml --set credit.nmnc.rest=0.1",
            3,
            "tiny.toml: credit.nmnc.rest: has no meaning without noise = \"covariance\"; remove it, or set noise = \"covariance\"",
        ),
        case(
            "train tiny.toml --set credit.vnc.exponent=1",
            3,
            "tiny.toml: credit.vnc.exponent: has no meaning without noise = \"covariance\"; remove it, or set noise = \"covariance\"",
        ),
        case(
            "train tiny.toml --set credit.nmnc.noise=covariance --set credit.nmnc.rest=1",
            3,
            "tiny.toml: credit.nmnc.rest: 1 is not in [0, 1)",
        ),
        case(
            "train tiny.toml --set credit.nmnc.noise=covariance --set credit.nmnc.feedback=coordinates",
            3,
            "tiny.toml: credit.nmnc.feedback: has no meaning without noise = \"manifold\"; remove it, or set noise = \"manifold\"",
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
            "tiny.toml: train.streamed: \"yes\" is not true or false",
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
            "tiny.toml: train.optimizer.learning_rate: -1 is not in (0, 1e30]",
        ),
        case(
            "train tiny.toml --set train.optimizer.momentum=0.9",
            3,
            "tiny.toml: train.optimizer: unknown setting `momentum`; known: learning_rate, betas, epsilon, weight_decay, decayed",
        ),
        case(
            "train tiny.toml --set data.train_limit=0",
            3,
            "tiny.toml: data.train_limit: 0 is not from 1 to 1000000000",
        ),
        case(
            "train tiny.toml --set data.image_size=2",
            3,
            "network.stages[1] (stage 2): a 2x2 pooling window is larger than the 1x1 map",
        ),
        case(
            "train tiny.toml --set data.augment.resized_corp={}",
            3,
            "tiny.toml: data.augment: unknown setting `resized_corp`; did you mean `resized_crop`?",
        ),
        case(
            "train tiny.toml --set data.augment.resized_crop.scale=[0.0,1.0]",
            3,
            "tiny.toml: data.augment.resized_crop.scale[0]: 0 is not in (0, 1]",
        ),
        case(
            "train tiny.toml --set data.augment.jitter.hue=0.7",
            3,
            "tiny.toml: data.augment.jitter.hue: 0.7 is not from 0 to 0.5",
        ),
        case(
            "train tiny.toml --set data.image_size=28 --set data.resize=32",
            3,
            "data.resize: is for JPEG and PNG images; leave it out",
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
            "credit.rule: unknown rule ``; known: bp, mean-jacobian, fa, dfa, usf, brsf, frsf, vnc, nmnc, node-perturbation, manifold-node-perturbation, direct-mirror, weight-mirror, manifold-mirror",
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
