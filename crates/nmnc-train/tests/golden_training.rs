//! Optimizers and schedules against PyTorch.

use burn::tensor::{DType, Tensor};
use nmnc_learn::net::{Gradients, Parameter, Weights};
use nmnc_testing::{Golden, assert_close, golden_path, values};
use nmnc_train::{Optimizer, OptimizerConfig, ScheduleConfig, ScheduleShape};

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
    };
    let (betas, epsilon) = ([0.9, 0.999], 1e-8);
    let cases = [
        ("sgd", sgd(0.0, false, 0.0)),
        ("sgd_momentum", sgd(0.9, false, 0.0)),
        ("sgd_nesterov", sgd(0.9, true, 0.0)),
        ("sgd_momentum_decay", sgd(0.9, false, 5e-3)),
        ("sgd_nesterov_decay", sgd(0.9, true, 5e-3)),
        ("adam", OptimizerConfig::default()),
        ("adam_decay", OptimizerConfig::Adam { learning_rate: 0.01, betas, epsilon, weight_decay: 5e-3 }),
        ("adamw", OptimizerConfig::Adamw { learning_rate: 0.01, betas, epsilon, weight_decay: 0.1 }),
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
        for (suffix, warmup) in [("", 0.0), ("_warmup", 1.0)] {
            // Ten steps an epoch.
            let config = ScheduleConfig { shape, warmup, period: 3.0, gamma: 0.1 };
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
