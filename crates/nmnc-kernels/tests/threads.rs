//! Bits must not depend on how many threads there are.

use burn::tensor::Tensor;
use nmnc_kernels::{
    Activation, AdamStep, ConvSpec, Pool, SgdStep, activate, adam, blend, column_moments, composed,
    conv_activity, conv_forward, conv_gated_error, conv_gated_product, conv_input_gradient,
    conv_parameter_gradient, embed_add, matmul, perturb, row_energies, sgd, slope,
};

use crate::common::{ACTIVATIONS, POOLS, Values, bits, shapes};

/// What `run` returns inside pools of one, two and three threads, three times each.
fn assert_same_bits(what: &str, run: impl Fn() -> Vec<Vec<u32>> + Sync) {
    let mut first: Option<Vec<Vec<u32>>> = None;
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for _ in 0..3 {
            let results = pool.install(&run);
            match &first {
                None => first = Some(results),
                Some(first) => {
                    for (index, (a, b)) in first.iter().zip(&results).enumerate() {
                        assert!(a == b, "{what}, result {index}: bits depend on the threads ({threads})");
                    }
                }
            }
        }
    }
}

fn pipeline(spec: &ConvSpec, batch: usize) -> Vec<Vec<u32>> {
    let mut values = Values(5);
    let (weight_shape, bias_shape) = shapes(spec);
    let x = values.uniform([batch, spec.input_units()]);
    let weight = values.uniform(weight_shape);
    let bias = values.uniform(bias_shape);
    let delta = values.uniform([batch, spec.output_units()]);
    let (output, gate) = conv_forward(spec, x.clone(), weight.clone(), bias.clone());
    let activity = conv_activity(spec, x.clone(), weight.clone(), bias);
    let gated = conv_gated_error(spec, &gate, delta.clone());
    let matrix = values.uniform([spec.convolved_units(), 70]);
    let product = conv_gated_product(spec, &gate, delta.clone(), matrix);
    let (weight_gradient, bias_gradient) = conv_parameter_gradient(spec, x, &gate, delta.clone());
    let input_gradient = conv_input_gradient(spec, weight, &gate, delta);
    let results = [output, activity, gated, product, weight_gradient, bias_gradient, input_gradient];
    results.into_iter().map(bits).collect()
}

#[test]
fn stages() {
    let spec = ConvSpec {
        input: [5, 11, 9],
        channels: 13,
        kernel: 3,
        stride: 1,
        padding: 1,
        activation: Activation::Relu,
        pool: Pool::Max,
        pool_size: 2,
    };
    for (index, activation) in ACTIVATIONS.into_iter().enumerate() {
        let spec = ConvSpec { activation, pool: POOLS[index % 3], stride: 1 + index % 2, ..spec };
        for batch in [1, 37] {
            assert_same_bits(&format!("{spec:?}"), || pipeline(&spec, batch));
        }
    }
    let wide = ConvSpec { input: [32, 8, 8], channels: 64, ..spec };
    assert_same_bits("a wide stage", || pipeline(&wide, 128));
}

const SHAPES: [[usize; 3]; 7] = [
    [128, 4096, 10],
    [128, 1024, 1024],
    [10, 128, 4096],
    [1024, 2048, 1024],
    [1, 1024, 512],
    [513, 300, 257],
    [128, 10, 4096],
];

fn products(product: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<2>) -> Vec<Vec<u32>> {
    let mut values = Values(9);
    let mut results = Vec::new();
    for [m, k, n] in SHAPES {
        let (a, b) = (values.uniform([m, k]), values.uniform([k, n]));
        results.push(bits(product(a.clone(), b.clone())));
        let (at, bt) = (values.uniform([k, m]).transpose(), values.uniform([n, k]).transpose());
        results.push(bits(product(at, b)));
        results.push(bits(product(a, bt)));
    }
    results
}

#[test]
fn this_crates_products() {
    assert_same_bits("matmul", || products(matmul));
}

#[test]
fn moments_of_columns() {
    let mut values = Values(3);
    let x = values.uniform([300, 700]);
    assert_same_bits("column_moments", || {
        let (means, squares) = column_moments(&x);
        vec![bits(means), bits(squares)]
    });
}

#[test]
fn elementwise_operations() {
    let mut values = Values(11);
    let [a, b, c] = [(); 3].map(|()| values.uniform([300, 1001]));
    let (coordinates, basis) = (values.uniform([300, 64]), values.uniform([1001, 64]));
    let descent = SgdStep { rate: 0.1, momentum: 0.9, nesterov: true, penalty: 0.01 };
    let step = AdamStep { rate: 0.1, betas: [0.9, 0.99], epsilon: 1e-8, penalty: 0.1, decay: 0.1, steps: 3 };
    assert_same_bits("elementwise operations", || {
        let energies = row_energies(&a).into_iter().map(f64::to_bits);
        let energies = energies.flat_map(|bits| [bits as u32, (bits >> 32) as u32]).collect();
        let adapted = adam(a.clone(), b.clone(), c.clone(), c.clone().abs(), &step);
        let (value, velocity) = sgd(a.clone(), b.clone(), Some(c.clone()), &descent);
        let mut results: Vec<Vec<u32>> = adapted.into_iter().map(bits).collect();
        results.extend([value, velocity.unwrap()].map(bits));
        results.push(bits(perturb(&a, &b, 0.3)));
        results.push(bits(blend(a.clone(), b.clone(), 0.3)));
        results.push(bits(embed_add(&a, &coordinates, &basis, 0.3)));
        results.push(energies);
        results
    });
}

/// Dense stages and the readout also use the tensor library directly; these are the operations they may use.
#[test]
fn tensor_library_products() {
    assert_same_bits("Tensor::matmul", || products(Tensor::matmul));
}

/// Left out on purpose: `sum` and `mean` of all elements of a tensor of 2²² or more single-precision values,
/// whose order of addition the library leaves to the thread pool. `sum_dim` twice has a fixed order.
#[test]
fn tensor_library_elementwise_and_dimension_sums() {
    let mut values = Values(13);
    let wide = values.uniform([1024, 5000]);
    let small = values.uniform([256, 1000]);
    assert_same_bits("reductions", || {
        let mut results = Vec::new();
        for tensor in [wide.clone(), small.clone(), wide.clone().transpose()] {
            for dim in [0, 1] {
                results.push(bits(tensor.clone().sum_dim(dim)));
                results.push(bits(tensor.clone().mean_dim(dim)));
                results.push(bits(tensor.clone().max_dim(dim)));
            }
        }
        for activation in ACTIVATIONS {
            results.push(bits(activate(activation, wide.clone())));
            results.push(bits(slope(activation, wide.clone())));
        }
        results.push(bits(wide.clone().sum_dim(1).sum_dim(0)));
        results.push(bits(small.clone().sum()));
        results.push(bits(small.clone().mean()));
        results
    });
}

#[test]
fn composed_stage() {
    let spec = ConvSpec {
        input: [16, 16, 16],
        channels: 32,
        kernel: 3,
        stride: 1,
        padding: 1,
        activation: Activation::Gelu,
        pool: Pool::Max,
        pool_size: 2,
    };
    let mut values = Values(5);
    let (weight_shape, bias_shape) = shapes(&spec);
    let x = values.uniform([64, spec.input_units()]);
    let weight = values.uniform(weight_shape);
    let bias = values.uniform(bias_shape);
    let delta = values.uniform([64, spec.output_units()]);
    assert_same_bits("composed", || {
        let (output, gate) = composed::conv_forward(&spec, x.clone(), weight.clone(), bias.clone());
        let gated = composed::conv_gated_error(&spec, &gate, delta.clone());
        let (dw, db) = composed::conv_parameter_gradient(&spec, x.clone(), gated.clone());
        let dx = composed::conv_input_gradient(&spec, weight.clone(), gated.clone());
        [output, gated, dw, db, dx].into_iter().map(bits).collect()
    });
}
