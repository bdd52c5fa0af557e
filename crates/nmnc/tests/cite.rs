//! Whatever a configuration can name has the publications behind it.

use nmnc::cite::{Cited, of_run, of_settings, together};
use nmnc::credit::rule_names;
use nmnc::data::known_sets;
use nmnc::net::ARCHITECTURES;
use nmnc::recurrent::time_rule_names;
use nmnc::tasks::TASKS;
use nmnc::train::{AnyConfig, OptimizerConfig};

fn keys(cited: &[Cited]) -> Vec<&str> {
    cited.iter().map(|cited| cited.reference.key).collect()
}

/// What a configuration of one setting cites.
fn of(setting: &str, name: &str) -> Vec<Cited> {
    of_settings(&format!("{setting} = '{name}'").parse().unwrap())
}

#[test]
fn every_registered_name_has_its_references() {
    let schema = schemars::schema_for!(OptimizerConfig);
    let kinds = schema.as_value()["oneOf"].as_array().unwrap();
    let optimizers = kinds.iter().map(|kind| kind["properties"]["name"]["const"].as_str().unwrap());
    let lists: [(&str, Vec<&str>); 4] = [
        ("credit.rule", rule_names().chain(time_rule_names()).collect()),
        ("network.preset", ARCHITECTURES.iter().map(|architecture| architecture.name).collect()),
        ("task.name", TASKS.iter().map(|task| task.name).filter(|name| *name != "Recorded").collect()),
        ("train.optimizer.name", optimizers.collect()),
    ];
    for (setting, names) in lists {
        assert!(!names.is_empty());
        for name in names {
            let cited = of(setting, name);
            assert!(!cited.is_empty(), "{setting} = {name} has no reference in nmnc/src/cite");
            assert!(cited.iter().all(|cited| cited.settings == [format!("{setting} = {name}")]));
        }
    }
    for set in known_sets().unwrap() {
        for setting in ["data.source", "task.data.source"] {
            assert!(!of(setting, set.name).is_empty(), "{}", set.name);
        }
    }
    assert!(of("credit.rule", "one of my own").is_empty());
}

#[test]
fn a_configuration_cites_what_it_uses_and_nothing_else() {
    let cited = |text: &str| {
        let resolved = AnyConfig::parse(text, "test", &[]).unwrap().resolve().unwrap();
        of_settings(&resolved.to_toml().parse().unwrap())
    };
    let chain = "network.preset = 'lenet'\ncredit = { rule = 'nmnc', estimator = 'recursive-least-squares' }\n\
                 train.optimizer = { name = 'sgd', learning_rate = 0.1, nesterov = true, momentum = 0.9 }";
    assert_eq!(
        keys(&cited(chain)),
        [
            "kang2026credit",
            "lansdell2020learning",
            "plackett1950theorems",
            "halko2011finding",
            "lecun1998gradient",
            "he2015delving",
            "lecun1998efficient",
            "xiao2017fashion",
            "robbins1951stochastic",
            "polyak1964methods",
            "sutskever2013importance",
        ]
    );
    let deep = "network.preset = 'resnet20'\ncredit.rule = 'bp'\ndata.source = 'cifar10'\n\
                [train]\nschedule = { shape = 'cosine', warmup = 1 }\nlabel_smoothing = 0.1";
    assert_eq!(
        keys(&cited(deep)),
        [
            "rumelhart1986learning",
            "he2016deep",
            "ioffe2015batch",
            "krizhevsky2009learning",
            "kingma2015adam",
            "loshchilov2017sgdr",
            "goyal2017accurate",
            "szegedy2016rethinking",
        ]
    );
    let recurrent = "task = 'AntiReach-v0'\ncredit = { rule = 'bptt', truncation = 5 }\n\
                     recurrent = { excitatory = 0.8, readout_dimension = 4 }";
    assert_eq!(
        keys(&cited(recurrent)),
        [
            "werbos1990backpropagation",
            "williams1990efficient",
            "song2016training",
            "sadtler2014neural",
            "munoz2004look",
            "molano2022neurogym",
            "kingma2015adam",
            "pascanu2013difficulty",
        ]
    );
}

#[test]
fn runs_are_cited_together_each_reference_once() {
    let folder = tempfile::tempdir().unwrap();
    let run = |rule: &str| {
        let path = folder.path().join(rule);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("config.toml"), format!("seed = 0\ncredit.rule = '{rule}'")).unwrap();
        path
    };
    let [nmnc, vnc] = ["nmnc", "vnc"].map(run);
    std::fs::create_dir(nmnc.join("analysis")).unwrap();
    let all = together(vec![of_run(&vnc).unwrap(), of_run(&nmnc).unwrap()]);
    assert_eq!(all[0].settings, ["credit.rule = vnc", "credit.rule = nmnc"]);
    assert_eq!(keys(&all)[..3], ["kang2026credit", "lansdell2020learning", "facco2017estimating"]);
    let none = of_run(folder.path()).unwrap_err().to_string();
    assert!(none.ends_with("give the folder that a training run wrote"), "{none}");
}
