//! The recurrent kernels against the composed ones in double precision; bits on any number of threads; derivatives by differences.

use burn::tensor::{DType, Tensor};
use nmnc_kernels::recurrent::{
    Carry, GruGates, Rate, Sequence, carry_backward, gru_backward, gru_forward, gru_gated, gru_states,
    product, rate_backward, rate_forward, rate_states,
};

use crate::common::{ACTIVATIONS, Values, assert_close, bits, double, numbers};

const SIZES: [Sequence; 6] = [
    Sequence { steps: 1, batch: 1, units: 1 },
    Sequence { steps: 4, batch: 7, units: 3 },
    Sequence { steps: 5, batch: 1, units: 33 },
    Sequence { steps: 3, batch: 20, units: 64 },
    Sequence { steps: 6, batch: 13, units: 70 },
    Sequence { steps: 2, batch: 30, units: 200 },
];

fn wide(tensor: &Tensor<2>) -> Tensor<2> {
    tensor.clone().cast(DType::F64)
}

/// Random inputs.
struct Case {
    start: Tensor<2>,
    drive: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<2>,
    kick: Tensor<2>,
    errors: Tensor<2>,
}

fn case(sequence: Sequence, gates: usize, seed: u64) -> Case {
    let Sequence { batch, units, .. } = sequence;
    let mut values = Values(seed);
    Case {
        start: values.uniform([batch, units]),
        drive: values.uniform([sequence.rows(), gates * units]),
        weight: values.uniform([gates * units, units]) * (1.5 / (units as f64).sqrt()),
        bias: values.uniform([1, gates * units]),
        kick: values.uniform([sequence.rows(), units]) * 0.3,
        errors: values.uniform([sequence.rows(), units]),
    }
}

fn gates(gates: &GruGates) -> [Tensor<2>; 4] {
    let GruGates { reset, update, candidate, hidden } = gates.clone();
    [reset, update, candidate, hidden]
}

/// States before each step, of states with the start.
fn before(sequence: Sequence, states: &Tensor<2>) -> Tensor<2> {
    states.clone().narrow(0, 0, sequence.rows())
}

#[test]
fn rate_units_agree_with_the_composed_ones() {
    for (sequence, activation) in SIZES.into_iter().zip(ACTIVATIONS.into_iter().cycle()) {
        for alpha in [1.0, 0.2] {
            let rate = Rate { activation, alpha };
            let c = case(sequence, 1, 3);
            let (states, gates) = rate_forward(sequence, rate, &c.start, &c.drive, &c.weight);
            let (start, drive, weight) = (wide(&c.start), wide(&c.drive), wide(&c.weight));
            let (exact, exact_gates) = rate_forward(sequence, rate, &start, &drive, &weight);
            assert_close("states", states.clone(), exact.clone());
            assert_close("gates", gates.clone(), exact_gates.clone());
            let alone = rate_states(sequence, rate, &c.start, &c.drive, &c.weight, None);
            assert_eq!(bits(alone), bits(states));
            let kicked = rate_states(sequence, rate, &c.start, &c.drive, &c.weight, Some(&c.kick));
            let exact_kicked = rate_states(sequence, rate, &start, &drive, &weight, Some(&wide(&c.kick)));
            assert_close("kicked", kicked, exact_kicked);
            for period in [1, 2, usize::MAX] {
                let signals = rate_backward(sequence, alpha, &gates, &c.weight, c.errors.clone(), period);
                let exact = rate_backward(sequence, alpha, &exact_gates, &weight, wide(&c.errors), period);
                assert_close("signals", signals, exact);
            }
            for (carry, exact) in [
                (Carry::Uniform(0.7), Carry::Uniform(0.7)),
                (Carry::Units(&gates), Carry::Units(&exact_gates)),
            ] {
                let signals = carry_backward(sequence, carry, c.errors.clone());
                assert_close("traces", signals, carry_backward(sequence, exact, wide(&c.errors)));
            }
            assert_close(
                "product",
                product(gates.clone(), &c.errors),
                product(exact_gates, &wide(&c.errors)),
            );
        }
    }
}

#[test]
fn gated_units_agree_with_the_composed_ones() {
    for sequence in SIZES {
        let c = case(sequence, 3, 5);
        let (states, own) = gru_forward(sequence, &c.start, &c.drive, &c.weight, &c.bias);
        let (start, drive, weight, bias) = (wide(&c.start), wide(&c.drive), wide(&c.weight), wide(&c.bias));
        let (exact, exact_own) = gru_forward(sequence, &start, &drive, &weight, &bias);
        assert_close("states", states.clone(), exact.clone());
        for (own, exact) in gates(&own).into_iter().zip(gates(&exact_own)) {
            assert_close("gates", own, exact);
        }
        let alone = gru_states(sequence, &c.start, &c.drive, &c.weight, &c.bias, None);
        assert_eq!(bits(alone), bits(states.clone()));
        let kicked = gru_states(sequence, &c.start, &c.drive, &c.weight, &c.bias, Some(&c.kick));
        assert_close(
            "kicked",
            kicked,
            gru_states(sequence, &start, &drive, &weight, &bias, Some(&wide(&c.kick))),
        );
        let (before, exact_before) = (before(sequence, &states), before(sequence, &exact));
        let gated = gru_gated(sequence, &own, &before, &c.errors);
        let exact_gated = gru_gated(sequence, &exact_own, &exact_before, &wide(&c.errors));
        for (gated, exact) in gated.into_iter().zip(exact_gated) {
            assert_close("gated errors", gated, exact);
        }
        for period in [1, 2, usize::MAX] {
            let signals = gru_backward(sequence, &own, &before, &c.weight, c.errors.clone(), period);
            let exact = gru_backward(sequence, &exact_own, &exact_before, &weight, wide(&c.errors), period);
            assert_close("signals", signals, exact);
        }
    }
}

/// A rise along a direction of the first state, of the errors' sum with the states of all steps, by differences in double precision.
#[test]
fn signals_are_derivatives() {
    let sequence = Sequence { steps: 4, batch: 2, units: 5 };
    let mut values = Values(9);
    let direction = values.double(sequence.rows() * sequence.units);
    let errors = values.double(sequence.rows() * sequence.units);
    let size = [sequence.rows(), sequence.units];
    let (kick, errors) = (double(&direction, size), double(&errors, size));
    let value = |states: Tensor<2>| -> f64 {
        numbers(states.narrow(0, sequence.batch, sequence.rows()) * errors.clone()).iter().sum()
    };
    let h = 1e-5;
    // A kick at every step at once moves the value by the signals' product with it.
    let check = |what: &str, states: &dyn Fn(f64) -> Tensor<2>, signals: Tensor<2>| {
        let rise = (value(states(h)) - value(states(-h))) / (2.0 * h);
        let told: f64 = numbers(signals * kick.clone()).iter().sum();
        assert!((rise - told).abs() < 1e-8 * told.abs().max(1.0), "{what}: {rise} against {told}");
    };
    for activation in ACTIVATIONS {
        let c = case(sequence, 1, 11);
        let (start, drive, weight) = (wide(&c.start), wide(&c.drive), wide(&c.weight));
        let rate = Rate { activation, alpha: 0.4 };
        let (_, gates) = rate_forward(sequence, rate, &start, &drive, &weight);
        let states = |h: f64| rate_states(sequence, rate, &start, &drive, &weight, Some(&(kick.clone() * h)));
        let signals = rate_backward(sequence, rate.alpha, &gates, &weight, errors.clone(), usize::MAX);
        check(&format!("{activation:?}"), &states, signals);
    }
    let c = case(sequence, 3, 11);
    let (start, drive, weight, bias) = (wide(&c.start), wide(&c.drive), wide(&c.weight), wide(&c.bias));
    let (passed, own) = gru_forward(sequence, &start, &drive, &weight, &bias);
    let states = |h: f64| gru_states(sequence, &start, &drive, &weight, &bias, Some(&(kick.clone() * h)));
    let signals =
        gru_backward(sequence, &own, &before(sequence, &passed), &weight, errors.clone(), usize::MAX);
    check("GRU", &states, signals);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let sequence = Sequence { steps: 4, batch: 29, units: 40 };
    let work = || {
        let mut all = Vec::new();
        let c = case(sequence, 1, 1);
        let rate = Rate { activation: ACTIVATIONS[2], alpha: 0.5 };
        let (states, gates) = rate_forward(sequence, rate, &c.start, &c.drive, &c.weight);
        all.extend([
            bits(states),
            bits(rate_backward(sequence, 0.5, &gates, &c.weight, c.errors.clone(), 3)),
        ]);
        all.push(bits(carry_backward(sequence, Carry::Units(&gates), c.errors.clone())));
        let c = case(sequence, 3, 2);
        let (states, own) = gru_forward(sequence, &c.start, &c.drive, &c.weight, &c.bias);
        let before = before(sequence, &states);
        all.extend(gru_gated(sequence, &own, &before, &c.errors).map(bits));
        all.push(bits(gru_backward(sequence, &own, &before, &c.weight, c.errors.clone(), 3)));
        all.push(bits(states));
        all
    };
    let in_pool =
        |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work);
    let expected = in_pool(1);
    for threads in [2, 3, 8] {
        assert!(in_pool(threads) == expected, "{threads} threads");
    }
}
