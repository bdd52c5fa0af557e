//! Measurements against backpropagation through time, and of lagged Jacobians against the manifold of states.

use super::{MeasuredTrials, TrialOptions};
use nmnc_core::error::Result;
use nmnc_core::records::StageRecord;
use nmnc_core::seed::Role;
use nmnc_learn::agreement::{agreement, agreement_of_rows};
use nmnc_learn::manifold::{self, Dimension, PcaMethod, Subspace};
use nmnc_learn::net::Gradients;
use nmnc_learn::recurrent::{
    EligibilityTrace, RecurrentNetwork, TimeRule, lagged_energies, live_rows, selected,
};

/// Agreement of signals and of the recurrent weight's gradient with backpropagation through time, and the energy of the lagged
/// Jacobians dy_t/dh_{t-k}, k = 0 .. `lags`, on the manifold of this batch's states.
///
/// # Errors
/// States that are not finite.
pub(super) fn align(
    network: &RecurrentNetwork,
    rule: &dyn TimeRule,
    measured: &MeasuredTrials,
    step: u64,
    options: &TrialOptions,
) -> Result<Vec<StageRecord>> {
    let MeasuredTrials { pass, error, signals, lengths, centered, gradients } = measured;
    let exact = network.backpropagate(pass, error, None);
    let exact_gradients = network.gradients(pass, exact.clone(), EligibilityTrace::None, error);
    let own = network.traced(pass, signals.clone(), rule.trace());
    let live = live_rows(lengths);
    let activity = agreement_of_rows(&selected(&own, &live), &selected(&exact, &live));
    let of_weight = |all: &Gradients| all.get("recurrent.weight").expect("it is a parameter").clone();
    let weight = agreement(&of_weight(gradients), &of_weight(&exact_gradients));
    let mut stream = options.seed.stream(Role::Analysis, 0, step);
    let dimension = Dimension::Count(options.dimension);
    let states = selected(&pass.activity(), &live);
    let subspace = manifold::fit(states, dimension, PcaMethod::Randomized, &mut stream)
        .map_err(|e| e.within(format!("step {step}, states")))?
        .subspace;
    let energy = subspace.as_ref().and_then(|subspace| {
        lagged_energies(network, pass, lengths, subspace, options.lags, *centered).pooled()
    });
    let (units, choices) = (network.units(), rule.choices());
    let measured = subspace.as_ref().map(Subspace::dimension);
    Ok(vec![StageRecord {
        feedback_error: choices.feedback_error,
        probe_rate: choices.probe_rate,
        manifold_share: choices.manifold_share,
        stage: 1,
        units,
        cosine: activity.cosine,
        angle_degrees: activity.angle_degrees,
        norm_ratio: activity.norm_ratio,
        weight_cosine: weight.cosine,
        weight_angle_degrees: weight.angle_degrees,
        weight_norm_ratio: weight.norm_ratio,
        // A lag has a Jacobian of its own.
        mean_cosine: None,
        rule_dimension: choices.dimension.or(rule.manifold().map(Subspace::dimension)),
        dimension: measured,
        captured_energy: energy,
        margin: energy.zip(measured).map(|(alpha, d)| alpha - d as f64 / units as f64),
    }])
}
