//! Which setting of a run stands for the work of which publication.

/// What a setting has to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// One of these names.
    Is(&'static [&'static str]),
    /// There at all.
    Given,
    /// A number above zero.
    Positive,
}

/// A setting, when it counts, and what is cited then.
pub(super) type Use = (&'static str, When, &'static [&'static str]);

use When::{Given, Is, Positive};

/// Every use. Settings are those of a resolved configuration, without the numbers of list entries; `analysis` is the folder that
/// `nmnc analyze` writes. To cite more: a line here, an entry in `references.bib`.
#[rustfmt::skip]
pub(super) const USES: &[Use] = &[
    ("credit.rule", Is(&["bp"]), &["rumelhart1986learning"]),
    ("credit.rule", Is(&["mean-jacobian"]), &["kang2026credit", "nokland2016direct"]),
    ("credit.rule", Is(&["fa"]), &["lillicrap2016random"]),
    ("credit.rule", Is(&["dfa"]), &["nokland2016direct"]),
    ("credit.rule", Is(&["usf", "brsf", "frsf"]), &["liao2016how"]),
    ("credit.rule", Is(&["usf"]), &["xiao2019biologically"]),
    ("credit.rule", Is(&["nmnc", "vnc", "direct-mirror"]), &["kang2026credit", "lansdell2020learning"]),
    ("credit.rule", Is(&["node-perturbation"]), &["flower1992summed", "fiete2006gradient"]),
    ("credit.rule", Is(&["activity-node-perturbation"]), &["fernandez2024gradient", "dalm2023node", "fiete2006gradient"]),
    ("credit.rule", Is(&["manifold-node-perturbation"]), &["kang2026credit", "flower1992summed", "fiete2006gradient"]),
    ("credit.observe.ridge", Given, &["ozeki1984adaptive", "stein1981estimation"]),
    ("credit.regions.by", Given, &["evgeniou2004regularized"]),
    ("credit.regions.by", Is(&["output"]), &["arthur2007kmeans", "sculley2010web"]),
    ("credit.rule", Is(&["weight-mirror"]), &["akrout2019deep"]),
    ("credit.rule", Is(&["manifold-mirror"]), &["kang2026credit", "akrout2019deep"]),
    ("credit.rule", Is(&["bptt"]), &["werbos1990backpropagation"]),
    ("credit.rule", Is(&["rflo"]), &["murray2019local"]),
    ("credit.rule", Is(&["e-prop"]), &["bellec2020solution"]),
    ("credit.truncation", Given, &["williams1990efficient"]),
    ("credit.estimator", Is(&["recursive-least-squares"]), &["plackett1950theorems"]),
    ("credit.estimator", Is(&["kalman"]), &["kalman1960new", "mehra1972approaches"]),
    ("credit.manifold.method", Is(&["randomized"]), &["halko2011finding"]),
    ("credit.manifold.method", Is(&["incremental"]), &["ross2008incremental"]),

    ("network.preset", Is(&["alexnet"]), &["krizhevsky2014one", "krizhevsky2012imagenet", "srivastava2014dropout"]),
    ("network.preset", Is(&["vgg11"]), &["simonyan2015very", "srivastava2014dropout"]),
    ("network.preset", Is(&["resnet18", "resnet20", "resnet50", "resnet56"]), &["he2016deep", "ioffe2015batch"]),
    ("network.preset", Is(&["vit-tiny"]), &["dosovitskiy2021image", "touvron2021training"]),
    ("network.stages.kind", Is(&["conv"]), &["lecun1998gradient"]),
    ("network.stages.init", Is(&["he"]), &["he2015delving"]),
    ("network.stages.init", Is(&["xavier"]), &["glorot2010understanding"]),
    ("network.stages.init", Is(&["orthogonal"]), &["saxe2014exact"]),
    ("network.stages.init", Is(&["lecun"]), &["lecun1998efficient"]),
    ("network.readout_init", Is(&["he"]), &["he2015delving"]),
    ("network.readout_init", Is(&["xavier"]), &["glorot2010understanding"]),
    ("network.readout_init", Is(&["orthogonal"]), &["saxe2014exact"]),
    ("network.readout_init", Is(&["lecun"]), &["lecun1998efficient"]),
    ("recurrent.kind", Is(&["gru"]), &["cho2014learning"]),
    ("recurrent.init", Is(&["orthogonal"]), &["saxe2014exact"]),
    ("recurrent.excitatory", Given, &["song2016training"]),
    ("recurrent.readout_dimension", Given, &["sadtler2014neural"]),

    ("data.source", Is(&["cifar10", "cifar100"]), &["krizhevsky2009learning"]),
    ("data.source", Is(&["mnist"]), &["lecun1998gradient"]),
    ("data.source", Is(&["fashion-mnist", "fashion-mnist-sample"]), &["xiao2017fashion"]),
    ("data.augment.resized_crop.scale", Given, &["szegedy2015going"]),
    ("task.data.source", Is(&["cifar10", "cifar100"]), &["krizhevsky2009learning"]),
    ("task.data.source", Is(&["mnist"]), &["lecun1998gradient"]),
    ("task.data.source", Is(&["fashion-mnist", "fashion-mnist-sample"]), &["xiao2017fashion"]),
    ("task.name", Is(&["PerceptualDecisionMaking"]), &["britten1992analysis", "molano2022neurogym"]),
    ("task.name", Is(&["DelayMatchSample"]), &["miller1996neural", "molano2022neurogym"]),
    ("task.name", Is(&["ContextDecisionMaking"]), &["mante2013context", "molano2022neurogym"]),
    ("task.name", Is(&["ReadySetGo"]), &["remington2018flexible", "molano2022neurogym"]),
    ("task.name", Is(&["DelayComparison"]), &["barak2010neuronal", "molano2022neurogym"]),
    ("task.name", Is(&["AntiReach"]), &["munoz2004look", "molano2022neurogym"]),
    ("task.name", Is(&["PerceptualDecisionMaking", "ContextDecisionMaking", "DelayComparison"]), &["wichmann2001psychometric"]),
    ("task.name", Is(&["SequentialImages"]), &["le2015simple"]),
    ("task.name", Is(&["Copying"]), &["hochreiter1997long", "arjovsky2016unitary"]),
    ("task.name", Is(&["Adding"]), &["hochreiter1997long", "le2015simple"]),

    ("train.optimizer.name", Is(&["sgd"]), &["robbins1951stochastic"]),
    ("train.optimizer.name", Is(&["adam"]), &["kingma2015adam"]),
    ("train.optimizer.name", Is(&["adamw"]), &["loshchilov2019decoupled", "kingma2015adam"]),
    ("train.optimizer.momentum", Positive, &["polyak1964methods"]),
    ("train.optimizer.nesterov", Is(&["true"]), &["sutskever2013importance"]),
    ("train.schedule.shape", Is(&["cosine"]), &["loshchilov2017sgdr"]),
    ("train.schedule.warmup", Positive, &["goyal2017accurate"]),
    ("train.clip_norm", Positive, &["pascanu2013difficulty"]),
    ("train.label_smoothing", Positive, &["szegedy2016rethinking"]),

    ("analysis", Given, &["facco2017estimating", "levina2004maximum", "chen2010tests"]),
];
