//! Gradients against central differences in double precision, for every activation and pooling.

use burn::tensor::Tensor;
use nmnc_kernels::{
    ConvSpec, activate, conv_activity, conv_forward, conv_input_gradient, conv_parameter_gradient, slope,
};

use crate::common::{ACTIVATIONS, POOLS, Values, double, numbers, shapes};

const STEP: f64 = 1e-6;
const BATCH: usize = 2;

/// A stage with its operands and an error at its output, as plain numbers.
struct Case {
    spec: ConvSpec,
    operands: [Vec<f64>; 3],
    delta: Vec<f64>,
}

impl Case {
    fn shapes(&self) -> [[usize; 2]; 3] {
        let (weight, bias) = shapes(&self.spec);
        [[BATCH, self.spec.input_units()], weight, bias]
    }

    fn tensors(&self, operands: &[Vec<f64>; 3]) -> [Tensor<2>; 3] {
        let shapes = self.shapes();
        std::array::from_fn(|index| double(&operands[index], shapes[index]))
    }

    /// `Σ δ ⊙ y`, whose gradients the kernels give.
    fn objective(&self, operands: &[Vec<f64>; 3]) -> f64 {
        let [x, weight, bias] = self.tensors(operands);
        let activity = numbers(conv_activity(&self.spec, x, weight, bias));
        activity.iter().zip(&self.delta).map(|(y, d)| y * d).sum()
    }

    fn check(&self) {
        let [x, weight, bias] = self.tensors(&self.operands);
        let delta = double(&self.delta, [BATCH, self.spec.output_units()]);
        let (_, gate) = conv_forward(&self.spec, x.clone(), weight.clone(), bias);
        let (weight_gradient, bias_gradient) = conv_parameter_gradient(&self.spec, x, &gate, delta.clone());
        let input_gradient = conv_input_gradient(&self.spec, weight, &gate, delta);
        for (operand, gradient) in [input_gradient, weight_gradient, bias_gradient].into_iter().enumerate() {
            assert_eq!(gradient.dims(), self.shapes()[operand]);
            for (index, analytic) in numbers(gradient).into_iter().enumerate() {
                let shifted = |step: f64| {
                    let mut operands = self.operands.clone();
                    operands[operand][index] += step;
                    self.objective(&operands)
                };
                let numeric = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
                assert!(
                    (numeric - analytic).abs() < 1e-7 * (1.0 + analytic.abs()),
                    "{:?}, operand {operand}, entry {index}: {analytic} against {numeric}",
                    self.spec
                );
            }
        }
    }
}

#[test]
fn stage_gradients() {
    for activation in ACTIVATIONS {
        for pool in POOLS {
            for (kernel, stride, padding) in [(3, 1, 1), (2, 2, 0), (3, 2, 2)] {
                let input = [2, 6, 7];
                let spec =
                    ConvSpec { input, channels: 2, kernel, stride, padding, activation, pool, pool_size: 2 };
                let mut values = Values(11);
                let (weight, bias) = shapes(&spec);
                let operands = [BATCH * spec.input_units(), weight[0] * weight[1], bias[1]]
                    .map(|length| values.double(length));
                let delta = values.double(BATCH * spec.output_units());
                Case { spec, operands, delta }.check();
            }
        }
    }
}

#[test]
fn slopes() {
    let z = Values(3).double(64).iter().map(|z| 3.0 * z).collect::<Vec<_>>();
    let at = |step: f64| double(&z.iter().map(|z| z + step).collect::<Vec<_>>(), [8, 8]);
    for activation in ACTIVATIONS {
        let numeric =
            (activate(activation, at(STEP)) - activate(activation, at(-STEP))).div_scalar(2.0 * STEP);
        let slopes = numbers(slope(activation, at(0.0)));
        for (numeric, slope) in numbers(numeric).into_iter().zip(slopes) {
            assert!((numeric - slope).abs() < 1e-8, "{activation:?}: {slope} against {numeric}");
        }
    }
}

#[test]
fn gelu_is_the_exact_form() {
    // 2 Φ(2) and the slope Φ(2) + 2 φ(2), from tables of the normal distribution.
    let at_two = double(&[2.0], [1, 1]);
    let [value, slope] = [activate, slope].map(|f| numbers(f(ACTIVATIONS[3], at_two.clone()))[0]);
    assert!((value - 1.954_499_736_103_642).abs() < 1e-12);
    assert!((slope - (0.977_249_868_051_821 + 2.0 * 0.053_990_966_513_188)).abs() < 1e-12);
}
