//! Credit assignment: rules that turn a forward pass and its output error into one error signal per stage.

mod backprop;
mod context;
mod direct_feedback;
mod feedback_alignment;
mod jacobian;
mod kind;
mod local;
mod mean_jacobian;
mod mirror;
mod noise_correlation;
mod registry;
mod rule;
mod sign_concordant;

pub use backprop::{Backprop, backpropagate};
pub use context::{InputSampler, LocalContext, StepContext};
pub use direct_feedback::{DirectFeedback, DirectFeedbackConfig};
pub use feedback_alignment::{FeedbackAlignment, FeedbackAlignmentConfig};
pub use jacobian::{jacobian_rows, mean_jacobian, mean_jacobian_needs, one_output};
pub use kind::{Layered, RuleSetup};
pub use local::{LocalRule, local_signals};
pub use mean_jacobian::{MeanJacobian, MeanJacobianConfig};
pub use mirror::{Budget, Feedback, Mirror, MirrorConfig, MirrorNoise};
pub(crate) use mirror::{
    Controller, MANIFOLD_MIRROR, Probing, SETTLED, Site, Told, WEIGHT_MIRROR, batches, corrections,
};
pub use noise_correlation::{
    Injection, Memory, Noise, NoiseCorrelation, NoiseCorrelationConfig, Normalize, Regions, RegionsBy,
};
pub(crate) use noise_correlation::{Spending, rescale};
pub use registry::{CreditConfig, REGISTRY, rule_names};
pub use rule::{Choices, CreditRule};
pub use sign_concordant::{Magnitude, SignConcordant, SignConcordantConfig};

pub use crate::registry::{Preset, RuleConfig};
