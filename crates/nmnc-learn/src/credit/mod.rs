//! Credit assignment: rules that turn a forward pass and its output error into one error signal per stage.

mod backprop;
mod direct_feedback;
mod feedback_alignment;
mod local;
mod mirror;
mod noise_correlation;
mod registry;
mod rule;

pub use backprop::{Backprop, backpropagate};
pub use direct_feedback::{DirectFeedback, DirectFeedbackConfig};
pub use feedback_alignment::{FeedbackAlignment, FeedbackAlignmentConfig};
pub use local::{LocalContext, LocalRule, local_signals};
pub use mirror::{Budget, Feedback, Mirror, MirrorConfig, MirrorNoise};
pub(crate) use noise_correlation::rescale;
pub use noise_correlation::{Injection, Memory, Noise, NoiseCorrelation, NoiseCorrelationConfig, Normalize};
pub use registry::{CreditConfig, Layered, REGISTRY, RuleSetup, rule_names};
pub use rule::{Choices, CreditRule, InputSampler, StepContext};

pub use crate::registry::{Preset, RuleConfig};
