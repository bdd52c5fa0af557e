//! Optimizers and schedules against PyTorch.

use burn::tensor::{DType, Device, Tensor};
use nmnc_core::Seed;
use nmnc_learn::net::{Gradients, NetworkConfig, Parameter, Weights};
use nmnc_testing::{Golden, assert_close, golden_path, values};
use nmnc_train::{Decayed, Optimizer, OptimizerConfig, ScheduleConfig, ScheduleShape};

/// A single parameter.
struct One(Parameter);

impl Weights for One {
    fn parameters(&self) -> Vec<(String, &Parameter)> {
        vec![(self.0.name.clone().into_owned(), &self.0)]
    }

    fn values_mut(&mut self) -> Vec<&mut Tensor<2>> {
        vec![&mut self.0.value]
    }
}

#[test]
fn optimizers_follow_pytorch_step_by_step() {
    let golden = Golden::read("optimizers.safetensors");
    let sgd = |momentum, nesterov, weight_decay| OptimizerConfig::Sgd {
        learning_rate: 0.1,
        momentum,
        nesterov,
        weight_decay,
        decayed: Decayed::All,
    };
    let (betas, epsilon, decayed) = ([0.9, 0.999], 1e-8, Decayed::All);
    let cases = [
        ("sgd", sgd(0.0, false, 0.0)),
        ("sgd_momentum", sgd(0.9, false, 0.0)),
        ("sgd_nesterov", sgd(0.9, true, 0.0)),
        ("sgd_momentum_decay", sgd(0.9, false, 5e-3)),
        ("sgd_nesterov_decay", sgd(0.9, true, 5e-3)),
        ("adam", OptimizerConfig::default()),
        (
            "adam_decay",
            OptimizerConfig::Adam { learning_rate: 0.01, betas, epsilon, weight_decay: 5e-3, decayed },
        ),
        ("adamw", OptimizerConfig::Adamw { learning_rate: 0.01, betas, epsilon, weight_decay: 0.1, decayed }),
    ];
    let gradients = golden.matrix("gradients", DType::F64);
    for (name, config) in cases {
        let value = golden.matrix("start", DType::F64);
        let mut weights = One(Parameter::vector("weight", value));
        let mut optimizer = Optimizer::new(config.clone());
        let expected = golden.numbers(name);
        for step in 0..12 {
            // A resumed optimizer has to go on as the first would have.
            if step == 5 {
                let state = optimizer.state();
                optimizer = Optimizer::new(config.clone());
                optimizer.restore(&state, &weights).unwrap();
            }
            let gradient = ("weight".to_owned(), gradients.clone().narrow(0, step, 1));
            optimizer.step(&mut weights, Gradients::from_iter([gradient]), 1.0);
            let found = values(&weights.0.value);
            assert_close(&format!("{name} step {step}"), &found, &expected[step * 7..][..7], 1e-12);
        }
    }
}

/// Two parameters of the same numbers, of which one is a row for other tools and one a vector.
struct Two([Parameter; 2]);

impl Weights for Two {
    fn parameters(&self) -> Vec<(String, &Parameter)> {
        self.0.iter().map(|parameter| (parameter.name.clone().into_owned(), parameter)).collect()
    }

    fn values_mut(&mut self) -> Vec<&mut Tensor<2>> {
        self.0.iter_mut().map(|parameter| &mut parameter.value).collect()
    }
}

/// What is decayed goes where PyTorch's optimizer with decay goes, and what is spared where the one without goes: two groups of parameters.
#[test]
fn decay_may_leave_out_vectors() {
    let golden = Golden::read("optimizers.safetensors");
    let start = golden.matrix("start", DType::F64);
    let gradients = golden.matrix("gradients", DType::F64);
    for (nesterov, names) in
        [(false, ["sgd_momentum_decay", "sgd_momentum"]), (true, ["sgd_nesterov_decay", "sgd_nesterov"])]
    {
        let config = OptimizerConfig::Sgd {
            learning_rate: 0.1,
            momentum: 0.9,
            nesterov,
            weight_decay: 5e-3,
            decayed: Decayed::Weights,
        };
        let mut weights =
            Two([Parameter::new("weight", start.clone()), Parameter::vector("bias", start.clone())]);
        let mut optimizer = Optimizer::new(config);
        for step in 0..12 {
            let gradient = gradients.clone().narrow(0, step, 1);
            let both = ["weight", "bias"].map(|name| (name.to_owned(), gradient.clone()));
            optimizer.step(&mut weights, Gradients::from_iter(both), 1.0);
            for (parameter, name) in weights.0.iter().zip(names) {
                let expected = &golden.numbers(name)[step * 7..][..7];
                assert_close(&format!("{name} step {step}"), &values(&parameter.value), expected, 1e-12);
            }
        }
    }
}

/// Of a deep network exactly what maps multiply by is decayed.
#[test]
fn what_decay_leaves_out_of_a_residual_network_are_normalisations_and_biases() {
    let decay = |decayed| OptimizerConfig::Adamw {
        learning_rate: 0.5,
        betas: [0.9, 0.999],
        epsilon: 1e-8,
        weight_decay: 1.0,
        decayed,
    };
    let config = NetworkConfig { preset: Some("resnet20".into()), scale: 0.125, ..NetworkConfig::default() };
    for decayed in [Decayed::All, Decayed::Weights] {
        let mut network = config.build([1, 8, 8], 3, Seed(0), &Device::flex()).unwrap();
        let before: Vec<(String, Vec<f64>)> =
            network.parameters().into_iter().map(|(name, p)| (name, values(&p.value))).collect();
        let still = network.parameters().into_iter().map(|(name, p)| (name, p.value.zeros_like()));
        let gradients = still.collect();
        Optimizer::new(decay(decayed)).step(&mut network, gradients, 1.0);
        let mut kept = 0;
        for ((name, parameter), (_, before)) in network.parameters().into_iter().zip(before) {
            let after = values(&parameter.value);
            let spared = decayed == Decayed::Weights && (name.contains("bn") || name.ends_with("bias"));
            let factor = if spared { 1.0 } else { 0.5 };
            assert!(after.iter().zip(&before).all(|(after, before)| *after == factor * before), "{name}");
            kept += usize::from(spared && before.iter().any(|value| *value != 0.0));
        }
        // The gains of nineteen normalisations; biases begin at zero.
        assert_eq!(kept, if decayed == Decayed::Weights { 19 } else { 0 });
    }
}

#[test]
fn schedules_follow_pytorch() {
    let text = std::fs::read_to_string(golden_path("schedules.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
    let shapes = [
        ("constant", ScheduleShape::Constant),
        ("step", ScheduleShape::Step),
        ("cosine", ScheduleShape::Cosine),
    ];
    for (name, shape) in shapes {
        for (suffix, warmup, warmup_from) in
            [("", 0.0, None), ("_warmup", 1.0, None), ("_warmup_from", 1.0, Some(0.01))]
        {
            // Ten steps an epoch.
            let config = ScheduleConfig { shape, warmup, warmup_from, period: 3.0, gamma: 0.1 };
            let schedule = config.in_steps(10, 100);
            let actual: Vec<f64> = (0..100).map(|step| schedule.factor(step)).collect();
            let expected = golden["factors"][format!("{name}{suffix}")].as_array().unwrap();
            let expected: Vec<f64> = expected.iter().map(|v| v.as_f64().unwrap()).collect();
            assert_close(&format!("{name}{suffix}"), &actual, &expected, 1e-12);
        }
    }
}

#[test]
fn moments_of_another_network_are_told() {
    let golden = Golden::read("optimizers.safetensors");
    let one = |name: &'static str| One(Parameter::vector(name, golden.matrix("start", DType::F64)));
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    let gradient = ("weight".to_owned(), golden.matrix("gradients", DType::F64).narrow(0, 0, 1));
    optimizer.step(&mut one("weight"), Gradients::from_iter([gradient]), 1.0);
    let error = optimizer.clone().restore(&optimizer.state(), &one("other")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "weight.moment0: belongs to no parameter of the network; use the network and the optimizer it was trained with"
    );
}
