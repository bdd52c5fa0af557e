//! Recurrent networks over time, and rules that give each step's states an error signal.
//!
//! Rate units in continuous time, h_t = (1 - a) h_{t-1} + a phi(W h_{t-1} + W_u u_t + b), or gated recurrent units; a linear readout
//! y_t = W_o h_t + b_o. Everything over time is a matrix of `T B` rows, step after step of the whole batch.
//!
//! A rule ([`TimeRule`]) gives signals delta_t, estimates of dLoss/dh_t, from the errors at the outputs. The network makes gradients
//! of them: through the step's own update, or through an eligibility trace ([`EligibilityTrace`]).

mod config;
mod connectivity;
mod jacobian;
mod network;
mod part;
mod readers;
mod rows;
mod rules;

pub use config::{RateActivation, RecurrentConfig, RecurrentInit, UnitKind};
pub use jacobian::{LaggedEnergies, lagged_energies};
pub use network::{Cell, EligibilityTrace, RecurrentNetwork, SequencePass};
pub use nmnc_core::device::selected;
pub use nmnc_kernels::recurrent::Sequence;
pub use part::Part;
pub use readers::StateReaders;
pub use rows::live_rows;
pub use rules::{
    Correlate, LaggedJacobianConfig, LaggedJacobians, OffManifold, OverTime, TIME_RULES, TemporalConfig,
    TemporalMirror, TemporalNoiseCorrelation, TimeContext, TimeCreditConfig, TimeRule, TimeSetup,
    time_rule_names,
};
