//! Short runs of every registered rule, layered and recurrent, give the bits they gave when `golden/runs.json` was made.
//!
//! On the portable kernels, which are the same on every machine. The file is made anew by
//! `NMNC_GOLDEN=write cargo test --release --workspace --test cli golden_runs::`, which is right only where a change of results is
//! meant, and then belongs in the change log.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::common::{Folder, TINY, last_checkpoint, metrics, nmnc};

/// What a run came to.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Golden {
    /// SHA-256 of the last checkpoint's `weights.safetensors`.
    weights: String,
    /// SHA-256 of loss, accuracy, probes and alignment of every record.
    metrics: String,
}

const TASK: &str = "\
seed = 0

[recurrent]
units = 24

[credit]
rule = \"bptt\"

[train]
epochs = 2
trials = 48
batch = 12
evaluation = 30

[metrics]
interval = 2
alignment_interval = 4
dimension = 4
lags = 5
";

/// Name of each layered run, its rule, and what it changes in [`TINY`].
fn layered() -> Vec<(String, Vec<String>)> {
    let mut runs: Vec<(String, Vec<String>)> = nmnc::credit::rule_names()
        .map(|rule| (rule.to_owned(), vec![format!("credit.rule={rule}")]))
        .collect();
    let mut variant = |name: &str, rule: &str, settings: &[&str]| {
        let mut all = vec![format!("credit.rule={rule}")];
        all.extend(settings.iter().map(|s| (*s).to_owned()));
        runs.push((name.to_owned(), all));
    };
    let manifold = "manifold={dimension=4,refresh=3,samples=32}";
    variant(
        "vnc-least-squares",
        "vnc",
        &["credit.vnc={estimator='least-squares',probe='orthogonal',antithetic=true}"],
    );
    variant(
        "nmnc-recursive",
        "nmnc",
        &["credit.nmnc.estimator='recursive-least-squares'", "credit.nmnc.probe='hadamard'"],
    );
    variant(
        "mean-jacobian-manifold",
        "mean-jacobian",
        &[&format!("credit.mean-jacobian={{interval=4,examples=20,{manifold}}}")],
    );
    variant("nmnc-covariance", "nmnc", &["credit.nmnc.noise='covariance'"]);
    variant(
        "nmnc-covariance-posterior",
        "nmnc",
        &["credit.nmnc={noise='covariance',exponent=1.0,rest=0.0,estimator='least-squares',ridge=3.0}"],
    );
    variant("vnc-kalman", "vnc", &["credit.vnc={estimator='kalman'}"]);
    variant("nmnc-budget", "nmnc", &[&format!("credit.nmnc={{budget=2.0,noise='covariance',{manifold}}}")]);
    variant("nmnc-budget-aimed", "nmnc", &[&format!("credit.nmnc={{budget=2.0,{manifold}}}")]);
    variant("nmnc-coordinates", "nmnc", &["credit.nmnc.feedback='coordinates'"]);
    variant("nmnc-joint", "nmnc", &["credit.nmnc.injection='joint'", "credit.nmnc.normalize='signal'"]);
    variant(
        "nmnc-incremental",
        "nmnc",
        &["credit.nmnc.manifold={dimension=4,refresh=2,method='incremental'}"],
    );
    variant(
        "nmnc-exact",
        "nmnc",
        &["credit.nmnc.manifold={dimension=0.8,refresh=2,samples=40,method='exact'}"],
    );
    variant(
        "nmnc-streamed",
        "nmnc",
        &["train.streamed=true", "train.optimizer={name='sgd',learning_rate=0.02,momentum=0.9}"],
    );
    variant("nmnc-groups", "nmnc", &["credit.nmnc.injection=[[1,3]]", "credit.nmnc.probe='rademacher'"]);
    variant("np-antithetic", "node-perturbation", &["credit.node-perturbation={antithetic=true,probes=2}"]);
    variant(
        "direct-mirror-probed",
        "direct-mirror",
        &["credit.direct-mirror={probes=1,interval=2,observe={ridge=3}}"],
    );
    variant("direct-mirror-class", "direct-mirror", &["credit.direct-mirror={regions={by='class'}}"]);
    variant("nmnc-regions", "nmnc", &["credit.nmnc.regions={by='output',count=3}"]);
    variant(
        "mirror-auto",
        "manifold-mirror",
        &[&format!("credit.manifold-mirror={{budget='auto',initial=64,cap=0.3,{manifold}}}")],
    );
    for estimator in ["average", "least-squares", "recursive-least-squares"] {
        let own = format!(
            "credit.manifold-mirror={{feedback='coordinates',noise='manifold',estimator='{estimator}',probes=2,initial=8,{manifold}}}"
        );
        variant(&format!("mirror-coordinates-{estimator}"), "manifold-mirror", &[&own]);
    }
    variant(
        "nmnc-lenet",
        "nmnc",
        &["network={preset='lenet',widths=[3,4,12,8],activation='tanh'}", "train.clip_norm=0.5"],
    );
    variant(
        "mirror-mlp",
        "manifold-mirror",
        &[
            "network={preset='mlp',widths=[20,16],activation='gelu',init='orthogonal'}",
            "train.loss='mean-squared-error'",
            &format!("credit.manifold-mirror={{initial=64,{manifold}}}"),
        ],
    );
    variant(
        "bp-average-pool",
        "bp",
        &[
            "network={stages=[{kind='conv',channels=4,pool='average'},{kind='conv',channels=5,stride=2,pool='none',activation='tanh'},\
         {kind='dense',units=12}]}",
            "train.optimizer={name='adamw',learning_rate=0.002}",
            "train.schedule={shape='cosine',warmup=0.5}",
        ],
    );
    runs
}

/// Name of each recurrent run and its settings.
fn recurrent() -> Vec<(String, Vec<String>)> {
    let own = |rule: &str| vec![format!("credit.rule={rule}"), "task=PerceptualDecisionMaking".to_owned()];
    let mut runs: Vec<(String, Vec<String>)> =
        nmnc::recurrent::time_rule_names().map(|rule| (rule.to_owned(), own(rule))).collect();
    let mut variant = |name: &str, rule: &str, task: &str, settings: &[&str]| {
        let mut all = vec![format!("credit.rule={rule}"), format!("task={task}")];
        all.extend(settings.iter().map(|s| (*s).to_owned()));
        runs.push((name.to_owned(), all));
    };
    variant("gru-bptt", "bptt", "DelayMatchSample", &["recurrent.kind=gru", "credit.bptt={truncation=7}"]);
    variant(
        "gru-nmnc",
        "nmnc",
        "AntiReach",
        &["recurrent.kind=gru", "credit.nmnc={lags=4,manifold={dimension=4,samples=100,refresh=2}}"],
    );
    variant(
        "gru-mirror",
        "manifold-mirror",
        "AntiReach",
        &[
            "recurrent.kind=gru",
            "credit.manifold-mirror={initial=8,manifold={dimension=4,samples=100,refresh=2}}",
        ],
    );
    variant("gru-e-prop", "e-prop", "AntiReach", &["recurrent.kind=gru"]);
    variant(
        "nmnc-least-squares",
        "nmnc",
        "ContextDecisionMaking",
        &[
            "credit.nmnc={estimator='least-squares',antithetic=true,probe='orthogonal',manifold={dimension=4,refresh=2,method='incremental'}}",
            "recurrent.state_noise=0.05",
        ],
    );
    variant("vnc-traced", "vnc", "ReadySetGo", &["credit.vnc={lags=0,trace='leak',normalize='signal'}"]);
    variant(
        "dale",
        "nmnc",
        "DelayComparison",
        &["recurrent={density=0.5,excitatory=0.8,activation='relu',units=20}", "train.fixed=['input']"],
    );
    variant("adding", "rflo", "Adding", &["credit.rflo={symmetric=true}"]);
    variant("readout", "nmnc", "AntiReach", &["recurrent.readout_dimension=4", "train.fixed=['readout']"]);
    runs
}

fn sha256(text: impl AsRef<[u8]>) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What of a record is a result.
fn results(record: &Value) -> Value {
    let stages = record["stages"].as_array().into_iter().flatten();
    let stages: Vec<Value> = stages
        .map(|s| {
            json!([
                s["cosine"],
                s["weight_cosine"],
                s["norm_ratio"],
                s["rule_dimension"],
                s["captured_energy"],
                s["feedback_error"]
            ])
        })
        .collect();
    json!([
        record["step"],
        record["train"]["loss"],
        record["test"],
        record["probes"],
        record["learning_rate"],
        stages
    ])
}

fn run(folder: &Folder, base: &str, name: &str, settings: &[String]) -> Golden {
    folder.write("base.toml", base);
    let out = format!("runs/{name}");
    let mut arguments = vec!["train", "base.toml", "--out", &out, "--quiet"];
    settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
    let output = nmnc(folder.root(), &arguments).env("NMNC_VECTORS", "portable").output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let path = folder.path(&out);
    let records: Vec<Value> = metrics(&path).iter().map(results).collect();
    assert!(records.len() >= 3, "{name}: {} records", records.len());
    Golden {
        weights: sha256(fs::read(last_checkpoint(&path).join("weights.safetensors")).unwrap()),
        metrics: sha256(serde_json::to_string(&records).unwrap()),
    }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/runs.json")
}

#[test]
fn every_rule_gives_the_bits_it_gave() {
    let folder = Folder::new();
    let mut found = BTreeMap::new();
    for (name, settings) in layered() {
        let name = format!("layered/{name}");
        let own = run(&folder, TINY, &name, &settings);
        found.insert(name, own);
    }
    for (name, settings) in recurrent() {
        let name = format!("recurrent/{name}");
        let own = run(&folder, TASK, &name, &settings);
        found.insert(name, own);
    }
    if std::env::var("NMNC_GOLDEN").is_ok_and(|wish| wish == "write") {
        fs::write(golden(), serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
    }
    let kept: BTreeMap<String, Golden> = serde_json::from_slice(&fs::read(golden()).unwrap()).unwrap();
    let changed: Vec<&String> = found.keys().filter(|name| kept.get(*name) != found.get(*name)).collect();
    assert!(changed.is_empty(), "other bits than before: {changed:?}");
    assert_eq!(kept.len(), found.len(), "runs without a golden hash, or golden hashes without a run");
}
