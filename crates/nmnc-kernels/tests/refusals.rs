//! Whatever sizes and shapes the public functions are given, they compute or refuse; nothing is read or written outside a tensor.
//!
//! Run under Miri (`just sanitize`), every access of the portable kernels is checked.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::Tensor;
use common::{ACTIVATIONS, POOLS, Values, bits, cases, shapes, single};
use nmnc_kernels::recurrent::{
    Carry, GruGates, Rate, Sequence, carry_backward, gru_backward, gru_forward, gru_gated, gru_states,
    product, rate_backward, rate_forward, rate_states,
};
use nmnc_kernels::{
    Activation, AdamStep, ConvGate, ConvSpec, Pool, PoolingSpec, SgdStep, Window, activate, adam, affine,
    blend, channel_affine, channel_combine, channel_moments, channel_sums, column_moments, column_sums,
    composed, conv_activity, conv_forward, conv_gated_error, conv_gated_product, conv_input_gradient,
    conv_parameter_gradient, embed_add, energies, map_product, matmul, perturb, pool_error, pool_forward,
    pool_response, row_energies, sgd, slope,
};
use proptest::prelude::*;

/// Values of all tensors of a case that is computed.
const MOST: usize = if cfg!(miri) { 600 } else { 100_000 };

/// What the function returns, or what it refuses with.
fn attempt<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

/// Sizes from nothing to the end of their type.
fn size() -> impl Strategy<Value = usize> {
    let ends = [
        1 << 16,
        (1 << 24) - 1,
        1 << 24,
        1 << 31,
        1 << 32,
        1 << 62,
        usize::MAX / 2,
        usize::MAX - 1,
        usize::MAX,
    ];
    prop_oneof![12 => 1..7_usize, 4 => 0..20_usize, 1 => proptest::sample::select(ends.to_vec())]
}

fn stage_of<S: Strategy<Value = usize>>(size: impl Fn() -> S) -> impl Strategy<Value = ConvSpec> {
    let sizes = [size(), size(), size(), size(), size(), size(), size(), size()];
    (sizes, 0..ACTIVATIONS.len(), 0..POOLS.len()).prop_map(
        |([c, h, w, channels, kernel, stride, padding, pool_size], activation, pool)| ConvSpec {
            input: [c, h, w],
            channels,
            kernel,
            stride,
            padding,
            activation: ACTIVATIONS[activation],
            pool: POOLS[pool],
            pool_size,
        },
    )
}

fn stage() -> impl Strategy<Value = ConvSpec> {
    stage_of(size)
}

/// Stages that exist and are computed.
fn computed() -> impl Strategy<Value = ConvSpec> {
    let exists = |spec: &ConvSpec| spec.check_batch(3).is_ok() && modest(spec, 3);
    stage_of(|| 1..if cfg!(miri) { 5 } else { 12_usize }).prop_filter("the stage exists", exists)
}

/// Whether a case is small enough to be computed; some of its tensors are as large with no row at all.
fn modest(spec: &ConvSpec, batch: usize) -> bool {
    let batch = batch.max(1);
    let sizes = [batch * spec.input_units(), batch * spec.convolved_units(), spec.channels * spec.fan_in()];
    let patches = spec.fan_in() as u128 * spec.convolved_units() as u128 * batch as u128;
    sizes.iter().all(|size| *size <= MOST) && patches <= 40 * MOST as u128
}

/// Every function of a stage, on the processor's own path and on the composed one.
fn all_of_a_stage(spec: &ConvSpec, [x, weight, bias, delta, matrix]: [Tensor<2>; 5]) -> Vec<[usize; 2]> {
    let (output, gate) = conv_forward(spec, x.clone(), weight.clone(), bias.clone());
    let activity = conv_activity(spec, x.clone(), weight.clone(), bias.clone());
    assert_eq!(bits(activity.clone()), bits(output.clone()));
    let gated = conv_gated_error(spec, &gate, delta.clone());
    let product = conv_gated_product(spec, &gate, delta.clone(), matrix);
    let (dw, db) = conv_parameter_gradient(spec, x.clone(), &gate, delta.clone());
    let dx = conv_input_gradient(spec, weight.clone(), &gate, delta.clone());
    let (exact, exact_gate) = composed::conv_forward(spec, x.clone(), weight.clone(), bias);
    composed::conv_gated_error(spec, &exact_gate, delta);
    composed::conv_parameter_gradient(spec, x, gated.clone());
    composed::conv_input_gradient(spec, weight, gated.clone());
    [output, activity, gated, product, dw, db, dx, exact].iter().map(Tensor::dims).collect()
}

fn tensors(spec: &ConvSpec, batch: usize, seed: u64) -> [Tensor<2>; 5] {
    let mut values = Values(seed);
    let (weight, bias) = shapes(spec);
    [
        values.uniform([batch, spec.input_units()]),
        values.uniform(weight),
        values.uniform(bias),
        values.uniform([batch, spec.output_units()]),
        values.uniform([spec.convolved_units(), 5]),
    ]
}

/// Small tensors of any shapes.
fn shape() -> impl Strategy<Value = [usize; 2]> {
    [0..7_usize, 0..7_usize]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(512, 8), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn poolings_of_any_size_are_computed_or_refused(
        input in [size(), size(), size()], rest in [size(), size(), size()], largest: bool, batch in 0..4_usize, seed: u64,
    ) {
        let [window, stride, padding] = rest;
        let kind = if largest { Window::Max } else { Window::Average };
        let spec = PoolingSpec { input, kind, window, stride, padding };
        match spec.check() {
            Ok(()) if batch * spec.input_units().max(spec.output_units()) <= MOST => {
                let x = Values(seed).uniform([batch, spec.input_units()]);
                let (y, winners) = pool_forward(&spec, &x);
                prop_assert_eq!(y.dims(), [batch, spec.output_units()]);
                prop_assert_eq!(pool_error(&spec, &winners, &y).dims(), x.dims());
                prop_assert_eq!(pool_response(&spec, &winners, &x).dims(), y.dims());
                let other = PoolingSpec { input: [input[0], input[1] + 1, input[2]], ..spec };
                prop_assert!(attempt(|| pool_error(&other, &winners, &y)).is_err());
                prop_assert!(attempt(|| pool_response(&other, &winners, &x)).is_err());
            }
            Ok(()) => {}
            Err(problem) => {
                let refused = attempt(|| drop(pool_forward(&spec, &single(vec![1.0; batch], [batch, 1]))));
                prop_assert_eq!(refused, Err(format!("impossible pooling: {problem}")));
            }
        }
    }

    #[test]
    fn channels_of_any_shape_are_computed_or_refused(
        x in shape(), error in shape(), mut rows in [shape(), shape(), shape(), shape()],
        channels in 0..7_usize, positions in 1..4_usize, fits: bool, spoiled in 0..8_usize, seed: u64,
    ) {
        // Half of the cases fit, but for one row perhaps.
        let (x, error) = match fits {
            true => ([x[0], channels * positions], [x[0], channels * positions]),
            false => (x, error),
        };
        if fits {
            rows.iter_mut().enumerate().filter(|(row, _)| *row != spoiled).for_each(|(_, row)| *row = [1, channels]);
        }
        let mut values = Values(seed);
        let (a, b, own) = (values.uniform(x), values.uniform(error), rows.map(|shape| values.uniform(shape)));
        let [mean, scale, by_x, shift] = own.each_ref();
        let divides = |channels: usize| channels > 0 && x[1].is_multiple_of(channels);
        let of = |count: usize| divides(rows[0][1]) && rows[..count].iter().all(|row| *row == [1, rows[0][1]]);
        prop_assert_eq!(attempt(|| channel_moments(&a, channels)).is_ok(), divides(channels));
        prop_assert_eq!(attempt(|| channel_sums(&b, &a, mean)).is_ok(), of(1) && x == error);
        let affine = attempt(|| channel_affine(&a, [mean, scale, by_x]).dims());
        prop_assert_eq!(affine.ok(), of(3).then_some(x));
        let combined = attempt(|| channel_combine(&b, &a, [mean, scale, by_x, shift]).dims());
        prop_assert_eq!(combined.ok(), (of(4) && x == error).then_some(x));
    }

    #[test]
    fn stages_of_any_size_are_computed_or_refused(spec in stage(), batch in 0..4_usize, seed: u64) {
        match spec.check_batch(batch) {
            Ok(()) if modest(&spec, batch) => {
                let units = spec.convolved_units();
                let dims = all_of_a_stage(&spec, tensors(&spec, batch, seed));
                prop_assert_eq!(&dims[..4], &[[batch, spec.output_units()], [batch, spec.output_units()], [batch, units], [batch, 5]]);
                prop_assert_eq!(dims[6], [batch, spec.input_units()]);
            }
            Ok(()) => {}
            Err(problem) => {
                let x = || single(vec![1.0; batch], [batch, 1]);
                let one = || single(vec![1.0], [1, 1]);
                for refused in [
                    attempt(|| drop(conv_activity(&spec, x(), one(), one()))),
                    attempt(|| drop(conv_forward(&spec, x(), one(), one()))),
                    attempt(|| drop(composed::conv_activity(&spec, x(), one(), one()))),
                    attempt(|| drop(composed::conv_parameter_gradient(&spec, x(), x()))),
                    attempt(|| drop(composed::conv_input_gradient(&spec, one(), x()))),
                ] {
                    prop_assert_eq!(refused, Err(format!("impossible stage: {problem}")));
                }
            }
        }
    }

    #[test]
    fn tensors_that_do_not_fit_the_stage_are_refused(
        spec in computed(),
        which in 0..5_usize,
        other in shape(),
        seed: u64,
    ) {
        let mut given = tensors(&spec, 3, seed);
        let fits = given[which].dims() == other || (which == 4 && given[4].dims()[0] == other[0]);
        given[which] = Values(seed).uniform(other);
        prop_assert_eq!(attempt(|| all_of_a_stage(&spec, given)).is_ok(), fits);
    }

    #[test]
    fn gates_of_another_pass_are_refused(
        own in computed(), other in computed(), alike: bool, batches in [0..4_usize, 0..4_usize], seed: u64,
    ) {
        let other = if alike { own } else { other };
        let [x, weight, bias, ..] = tensors(&own, batches[0], seed);
        let (_, gate): (_, ConvGate) = conv_forward(&own, x, weight, bias);
        let [x, weight, _, delta, matrix] = tensors(&other, batches[1], seed);
        let same = own == other && batches[0] == batches[1];
        prop_assert_eq!(attempt(|| conv_gated_error(&other, &gate, delta.clone())).is_ok(), same);
        prop_assert_eq!(attempt(|| conv_gated_product(&other, &gate, delta.clone(), matrix)).is_ok(), same);
        prop_assert_eq!(attempt(|| conv_parameter_gradient(&other, x, &gate, delta.clone())).is_ok(), same);
        prop_assert_eq!(attempt(|| conv_input_gradient(&other, weight, &gate, delta)).is_ok(), same);
    }

    #[test]
    fn sequences_of_any_size_are_computed_or_refused(
        sizes in [size(), size(), size()], shapes in proptest::collection::vec(shape(), 6), fitting: bool, period in size(),
        seed: u64,
    ) {
        let [steps, batch, units] = sizes;
        let sequence = Sequence { steps, batch, units };
        let modest = sequence.check().is_ok() && (steps + 1).saturating_mul(batch.max(1)).saturating_mul(3 * units) <= MOST && units * units <= MOST;
        let fitting = fitting && modest;
        let mut values = Values(seed);
        let mut matrix = |index: usize, rows: usize, columns: usize| match fitting {
            true => values.uniform([rows, columns]),
            false => values.uniform(shapes[index]),
        };
        for gates in [1, 3] {
            let rows = steps.wrapping_mul(batch);
            let wide = units.wrapping_mul(gates);
            let start = matrix(0, batch, units);
            let drive = matrix(1, rows, wide);
            let weight = matrix(2, wide, units);
            let bias = matrix(3, 1, wide);
            let [kick, errors] = [4, 5].map(|index| matrix(index, rows, units));
            let fits = [start.dims(), drive.dims(), weight.dims(), kick.dims(), errors.dims()]
                == [[batch, units], [rows, wide], [wide, units], [rows, units], [rows, units]]
                && sequence.check().is_ok();
            let bias_fits = bias.dims() == [1, wide];
            let done = if gates == 1 {
                attempt(|| {
                    let rate = Rate { activation: Activation::Tanh, alpha: 0.3 };
                    let (states, own) = rate_forward(sequence, rate, &start, &drive, &weight);
                    let kicked = rate_states(sequence, rate, &start, &drive, &weight, Some(&kick));
                    let signals = rate_backward(sequence, 0.3, &own, &weight, errors.clone(), period);
                    let traces = carry_backward(sequence, Carry::Units(&own), signals);
                    (states.dims(), kicked.dims(), traces.dims())
                })
            } else {
                attempt(|| {
                    let (states, own) = gru_forward(sequence, &start, &drive, &weight, &bias);
                    let kicked = gru_states(sequence, &start, &drive, &weight, &bias, Some(&kick));
                    let [_, signals] = gru_gated(sequence, &own, &kick, &errors);
                    assert_eq!(signals.dims(), [rows, wide]);
                    let signals = gru_backward(sequence, &own, &kick, &weight, errors.clone(), period);
                    (states.dims(), kicked.dims(), signals.dims())
                })
            };
            let all = [(steps.wrapping_add(1)).wrapping_mul(batch), units];
            match fits && (gates == 1 || bias_fits) && period > 0 {
                true => prop_assert_eq!(done, Ok((all, all, [rows, units]))),
                false => prop_assert!(done.is_err()),
            }
            // Backward functions with gates of any shape.
            let own = GruGates { reset: kick.clone(), update: errors.clone(), candidate: kick.clone(), hidden: start.clone() };
            let gates_fit = fits && start.dims() == [rows, units];
            prop_assert_eq!(attempt(|| gru_gated(sequence, &own, &kick, &errors)).is_ok(), gates_fit);
            prop_assert_eq!(attempt(|| rate_backward(sequence, 0.5, &drive, &weight, errors, period)).is_ok(), fits && gates == 1 && period > 0);
        }
    }

    #[test]
    fn matrices_that_do_not_fit_each_other_are_refused(shapes in [shape(), shape(), shape(), shape()], seed: u64) {
        let mut values = Values(seed);
        let [a, b, c, d] = shapes.map(|shape| values.uniform(shape));
        let [sa, sb, sc, sd] = shapes;
        let check = |done: Result<Vec<[usize; 2]>, String>, fits: bool| done.is_ok() == fits;
        let inner = sa[1] == sb[0];
        prop_assert!(check(attempt(|| vec![matmul(a.clone(), b.clone()).dims()]), inner));
        prop_assert!(check(attempt(|| vec![map_product(a.clone(), b.clone()).dims()]), inner));
        prop_assert!(check(attempt(|| vec![affine(a.clone(), b.clone(), c.clone()).dims()]), inner && sc == [1, sb[1]]));
        let embeds = [sa[0], sa[1], sb[1]] == [sb[0], sc[0], sc[1]];
        prop_assert!(check(attempt(|| vec![embed_add(&a, &b, &c, 0.5).dims()]), embeds));
        prop_assert!(check(attempt(|| vec![perturb(&a, &b, 0.5).dims()]), sa == sb));
        prop_assert!(check(attempt(|| vec![blend(a.clone(), b.clone(), 0.5).dims()]), sa == sb));
        prop_assert!(check(attempt(|| vec![product(a.clone(), &b).dims()]), sa == sb));
        let step = SgdStep { rate: 0.1, momentum: 0.9, nesterov: true, penalty: 0.1 };
        let descends = |step| attempt(|| vec![sgd(a.clone(), b.clone(), Some(c.clone()), &step).0.dims()]);
        prop_assert!(check(descends(step), sa == sb && sa == sc));
        let plain = SgdStep { momentum: 0.0, ..step };
        prop_assert!(check(descends(plain), sa == sb));
        let step = AdamStep { rate: 0.1, betas: [0.9, 0.99], epsilon: 1e-8, penalty: 0.0, decay: 0.1, steps: seed };
        let adapts = attempt(|| vec![adam(a.clone(), b.clone(), c.clone(), d.clone(), &step)[0].dims()]);
        prop_assert!(check(adapts, sa == sb && sa == sc && sa == sd));
    }

    #[test]
    fn any_matrix_has_sums_and_slopes(shape in shape(), activation in 0..ACTIVATIONS.len(), seed: u64) {
        let x = Values(seed).uniform(shape);
        // A view that leaves gaps, and one that begins inside.
        let inside = Values(seed).uniform([shape[0] + 2, shape[1]]).narrow(0, 1, shape[0] + 1);
        for x in [x.clone(), x.transpose(), inside] {
            let dims = x.dims();
            prop_assert_eq!(row_energies(&x).len(), dims[0]);
            prop_assert_eq!(energies(&[&x, &x]).len(), 2);
            prop_assert_eq!(activate(ACTIVATIONS[activation], x.clone()).dims(), dims);
            prop_assert_eq!(slope(ACTIVATIONS[activation], x.clone()).dims(), dims);
            prop_assert_eq!(column_moments(&x).0.dims(), [1, dims[1]]);
            if dims[0] > 0 {
                prop_assert_eq!(column_sums(x.clone()).dims(), [1, dims[1]]);
            }
            prop_assert_eq!(product(x.clone(), &x).dims(), dims);
        }
    }
}

#[test]
fn a_kernel_larger_than_its_input_is_refused() {
    let spec = ConvSpec {
        input: [1, 1, 1],
        channels: 1,
        kernel: 4,
        stride: 1,
        padding: 0,
        activation: Activation::Relu,
        pool: Pool::None,
        pool_size: 1,
    };
    let refused = attempt(|| {
        conv_activity(
            &spec,
            single(vec![1.0], [1, 1]),
            single(vec![0.5; 16], [1, 16]),
            single(vec![0.0], [1, 1]),
        )
    });
    let problem = "impossible stage: a 4x4 kernel is larger than the 1x1 input with padding 0";
    assert_eq!(refused.map(|activity| activity.dims()), Err(problem.to_owned()));
}

/// `2^63` steps of two trials would be rows of nothing.
#[test]
fn a_sequence_whose_rows_wrap_is_refused() {
    let sequence = Sequence { steps: 1 << 63, batch: 2, units: 3 };
    let rate = Rate { activation: Activation::Tanh, alpha: 0.5 };
    let zeros = |shape: [usize; 2]| single(vec![0.0; shape[0] * shape[1]], shape);
    let refused =
        attempt(|| rate_states(sequence, rate, &zeros([2, 3]), &zeros([0, 3]), &zeros([3, 3]), None));
    assert!(
        refused.unwrap_err().starts_with("impossible sequence: 9223372036854775808 steps"),
        "refused otherwise"
    );
    let refused = attempt(|| carry_backward(sequence, Carry::Uniform(0.5), zeros([0, 3])));
    assert!(refused.is_err());
}

/// Two empty factors whose product would have `2^66` values.
#[test]
fn a_product_that_cannot_be_addressed_is_refused() {
    let (a, b) = (single(Vec::new(), [1 << 33, 0]), single(Vec::new(), [0, 1 << 33]));
    assert!(
        attempt(|| matmul(a.clone(), b.clone()).dims()).unwrap_err().contains("more than can be addressed")
    );
    assert_eq!(attempt(|| matmul(b, a).dims()), Ok([0, 0]));
}
