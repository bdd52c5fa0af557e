//! Plans against closed forms, and against what runs count.

use nmnc::plan::{DataSize, plan};
use nmnc::train::{AnyConfig, Resolved, RunOptions, Silent};
use nmnc::{credit, recurrent};

fn config(text: &str) -> Resolved<AnyConfig> {
    AnyConfig::parse(text, "test", &[]).unwrap().resolve().unwrap()
}

const CIFAR: DataSize = DataSize { image: [3, 32, 32], classes: 10, examples: [50_000, 10_000] };

/// 3x32x32 through 3x3 convolutions of 32, 64 and 128 channels, each pooled by two, and a readout of 10.
#[test]
fn the_plan_of_a_chain_is_what_is_worked_out_by_hand() {
    let text = "network = { preset = 'conv3', widths = [32, 64, 128] }\n\
                train = { batch = 128, epochs = 8 }\n\
                [credit]\nrule = 'nmnc'\ninterval = 30\nprobes = 2\n\
                manifold = { dimension = 64, samples = 1024, refresh = 100 }\n";
    let plan = plan(&config(text), Some(CIFAR), false).unwrap();
    assert_eq!((plan.steps_per_epoch, plan.epochs, plan.batch), (391, 8, 128));
    let units: Vec<usize> = plan.stages.iter().map(|stage| stage.units).collect();
    assert_eq!(units, [32 * 256, 64 * 64, 128 * 16, 10]);
    let parameters: Vec<usize> = plan.stages.iter().map(|stage| stage.parameters).collect();
    assert_eq!(parameters, [32 * 28, 64 * 289, 128 * 577, 10 * 2049]);
    let dimensions: Vec<Option<usize>> = plan.stages.iter().map(|stage| stage.dimension).collect();
    assert_eq!(dimensions, [Some(64), Some(64), Some(64), None]);
    let maps = [1024.0 * 32.0 * 27.0, 256.0 * 64.0 * 288.0, 64.0 * 128.0 * 576.0, 2048.0 * 10.0];
    let maps = maps.map(|products| 2.0 * products);
    for (stage, flops) in plan.stages.iter().zip(maps) {
        assert_eq!(stage.training.flops, 2.0 * 128.0 * flops, "stage {:?}", stage.stage);
        assert_eq!(stage.training.seconds, None);
    }
    for (index, stage) in plan.stages[..3].iter().enumerate() {
        let n = units[index] as f64;
        assert_eq!(stage.signals.flops, 2.0 * 128.0 * 10.0 * n);
        // A pass behind the stage, the noise moved to units, and of the two an update takes each half of the estimate and its embedding.
        let behind: f64 = maps[index + 1..].iter().sum();
        let estimate = 2.0 * 256.0 * 64.0 * 10.0 + 2.0 * 10.0 * 64.0 * n;
        let expected = 128.0 * behind + 2.0 * 128.0 * 64.0 * n + estimate / 2.0;
        assert!((stage.probe.flops / expected - 1.0).abs() < 1e-12, "{} {expected}", stage.probe.flops);
        assert!((stage.probes - 2.0 / 30.0).abs() < 1e-15 && stage.refreshes == 0.01);
        // Samples come through the stage's own section, and the axes through them twice.
        let warm = 4.0 * 1024.0 * n * 74.0;
        assert!(stage.refresh.flops > 1024.0 * maps[index] + warm);
        assert!(stage.refresh.flops < 1024.0 * maps[index] + 1.2 * warm, "{}", stage.refresh.flops);
    }
    let run = plan.run();
    let steps = 8.0 * 391.0 * plan.step().flops + 8.0 * plan.evaluation.flops;
    assert!((run.flops / steps - 1.0).abs() < 1e-12);
    let forward: f64 = maps.iter().sum();
    assert!((plan.evaluation.flops / (10_000.0 * forward) - 1.0).abs() < 1e-12);
}

/// A residual network of 20 layers multiplies and adds 40.55 million times an image of CIFAR-10, and has 0.27 million parameters (He et al.
/// 2016, table 6).
#[test]
fn deep_networks_have_the_sizes_of_the_literature() {
    let of = |text: &str, size| plan(&config(text), Some(size), false).unwrap();
    let plan = of("network = { preset = 'resnet20' }\ncredit = { rule = 'bp' }", CIFAR);
    let image = plan.evaluation.flops / 10_000.0;
    assert!((image / 2e6 - 40.55).abs() < 0.01, "{image}");
    assert_eq!((plan.parameters, plan.stages.len()), (269_722, 11));
    // Backprop carries the error through everything but the first convolution.
    let first = 2.0 * 1024.0 * 16.0 * 27.0;
    assert!((plan.step().flops / 128.0 / (3.0 * image - first) - 1.0).abs() < 1e-12);
    // A signal of its own for every stage is carried within its section beside.
    let plan = of("network = { preset = 'resnet20' }\ncredit = { rule = 'fa' }", CIFAR);
    assert!(plan.step().flops / 128.0 > 3.4 * image && plan.step().flops / 128.0 < 3.6 * image);
}

#[test]
fn every_rule_of_images_is_planned_as_its_probes_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    for rule in credit::rule_names() {
        let manifold = match rule {
            "nmnc" | "manifold-node-perturbation" => {
                "manifold = { dimension = 4, samples = 20, refresh = 2 }\n"
            }
            "manifold-mirror" => "initial = 0\nmanifold = { dimension = 4, samples = 20, refresh = 2 }\n",
            _ => "",
        };
        let text = format!(
            "data = {{ train_limit = 60, test_limit = 20 }}\nnetwork = {{ preset = 'mlp', widths = [9, 7] }}\n\
             train = {{ batch = 20, epochs = 2 }}\nmetrics = {{ alignment_interval = 0 }}\n[credit]\nrule = '{rule}'\n{manifold}"
        );
        let config = config(&text);
        let plan = plan(&config, None, true).unwrap();
        let summary = config.run(&folder.path().join(rule), &RunOptions::default(), &mut Silent).unwrap();
        assert_eq!(
            (plan.steps_per_epoch * plan.epochs, plan.parameters),
            (summary.steps, summary.parameters)
        );
        let a_step: f64 = plan.stages.iter().map(|stage| stage.probes).sum();
        if !rule.contains("mirror") {
            assert_eq!(summary.probes as f64, a_step * 20.0 * summary.steps as f64, "{rule}");
        }
        let [step, run] = [plan.step(), plan.run()].map(|amount| amount.seconds.unwrap());
        assert!(step > 0.0 && run > 6.0 * step && run.is_finite(), "{rule}: {step} {run}");
        assert!(plan.timed.iter().all(|timed| timed.seconds > 0.0), "{rule}");
    }
}

#[test]
fn every_rule_over_time_is_planned_as_its_probes_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    for rule in recurrent::time_rule_names() {
        let manifold = match rule {
            "nmnc" | "manifold-node-perturbation" => {
                "manifold = { dimension = 4, samples = 40, refresh = 2 }\n"
            }
            _ => "",
        };
        let text = format!(
            "task = {{ name = 'Copying', delay = 3 }}\nrecurrent = {{ units = 12 }}\n\
             train = {{ batch = 10, trials = 30, epochs = 2, evaluation = 10 }}\n\
             metrics = {{ alignment_interval = 0 }}\n[credit]\nrule = '{rule}'\n{manifold}"
        );
        let config = config(&text);
        let plan = plan(&config, None, true).unwrap();
        let summary = config.run(&folder.path().join(rule), &RunOptions::default(), &mut Silent).unwrap();
        assert_eq!(
            (plan.steps_per_epoch * plan.epochs, plan.parameters),
            (summary.steps, summary.parameters)
        );
        let AnyConfig::Trials(own) = &*config else { panic!("a task") };
        let steps = own.task.open(nmnc::Seed(0)).unwrap().longest().unwrap() as f64;
        // Without feedback a probe is a step of a trial; mirrors have four or one an update, and to begin with one for each of twelve units.
        let (each, more) = match rule {
            "weight-mirror" => (4.0, 0.0),
            "manifold-mirror" => (1.0, 11.0),
            _ if rule.contains("perturbation") => (10.0 * steps, 0.0),
            _ => (10.0, 0.0),
        };
        let expected = plan.stages[0].probes * each * summary.steps as f64 + more;
        assert_eq!(summary.probes as f64, expected, "{rule}");
        assert!(plan.run().seconds.unwrap() > plan.step().seconds.unwrap(), "{rule}");
    }
}

/// A budget says how many perturbed states a trial there are, whatever the pace: what is planned for the mean is spent but for an update.
#[test]
fn a_budget_over_time_is_planned_as_it_is_spent() {
    let folder = tempfile::tempdir().unwrap();
    for (rule, budget) in [("nmnc", 0.25), ("vnc", 0.25), ("nmnc", 2.0)] {
        let manifold =
            if rule == "nmnc" { "manifold = { dimension = 4, samples = 40, refresh = 2 }\n" } else { "" };
        let text = format!(
            "task = {{ name = 'Copying', delay = 3 }}\nrecurrent = {{ units = 12 }}\n\
             train = {{ batch = 10, trials = 300, epochs = 2, evaluation = 10 }}\n\
             metrics = {{ alignment_interval = 0 }}\n[credit]\nrule = '{rule}'\nbudget = {budget}\n{manifold}"
        );
        let config = config(&text);
        let plan = plan(&config, None, true).unwrap();
        let summary = config
            .run(&folder.path().join(format!("{rule}-{budget}")), &RunOptions::default(), &mut Silent)
            .unwrap();
        let (trials, spent) = (600.0, summary.probes as f64);
        let planned = plan.stages[0].probes * 10.0 * summary.steps as f64;
        assert!((planned - budget * trials).abs() < 1e-6 * planned, "{rule}: {planned}");
        // Whole batches are perturbed, a state of each trial.
        let update = 10.0 * budget.max(1.0);
        assert!((spent - planned).abs() <= update, "{rule}: {spent} of {planned}");
        assert!(plan.timed.iter().all(|timed| timed.seconds > 0.0), "{rule}");
    }
}

/// N = 20 rate units, I inputs and O outputs, 5 trials of T steps.
#[test]
fn the_plan_of_a_recurrent_network_is_what_is_worked_out_by_hand() {
    let text = "task = { name = 'Copying', delay = 30 }\nrecurrent = { units = 20 }\ntrain = { batch = 5 }\n";
    let of = |rule: &str| {
        let config = config(&format!("{text}credit = {rule}"));
        let AnyConfig::Trials(own) = &*config else { panic!("a task") };
        let task = own.task.open(nmnc::Seed(0)).unwrap();
        let channels = task.channels();
        let sizes = [channels.inputs.len(), channels.outputs.len(), task.longest().unwrap()];
        (plan(&config, None, false).unwrap().stages.remove(0), sizes.map(|size| size as f64))
    };
    let (stage, [inputs, outputs, steps]) = of("{ rule = 'bptt' }");
    let rows = 5.0 * steps;
    let weights = 20.0 * (inputs + 1.0) + 400.0 + 20.0 * outputs;
    assert_eq!(stage.training.flops, 2.0 * 2.0 * rows * weights);
    assert_eq!(stage.signals.flops, 2.0 * rows * (400.0 + 20.0 * outputs));
    let (stage, _) = of("{ rule = 'vnc', lags = 4, interval = 2 }");
    assert_eq!(stage.signals.flops, 2.0 * rows * 5.0 * outputs * 20.0);
    // One step of a trial is perturbed and followed over four more; five lagged Jacobians are estimated.
    let followed = 2.0 * 5.0 * (4.0 * 400.0 + 5.0 * 20.0 * outputs);
    assert_eq!(stage.probe.flops, followed + 5.0 * 2.0 * 5.0 * 20.0 * outputs);
    assert_eq!(stage.probes, 0.5);
}
