//! Mirrors: feedback learned from the change of the *next* stage's pre-activation (scope "next stage").
//!
//! While the network is perturbed, every stage's activity is held at x_l + xi_l, so that one perturbed pass shows, without
//! cross-talk, what each stage's noise does one stage up: the pre-activation s_{l+1} = W_{l+1} x_l + b_{l+1} changes by
//! r = W_{l+1} xi_l. That is linear, so the size of the noise does not matter. From pairs (xi_l, r) a stage learns a mirror of
//! W_{l+1}, and the error of a training step goes down stage by stage, through each stage's own gate and then the mirror:
//!
//! ```text
//! delta_L = B_L^T e          delta_l = B_l^T (gate_{l+1} delta_{l+1})
//! ```
//!
//! Two kinds of mirror ([`Feedback`]):
//!
//! - *weights*: B_l has the shape of W_{l+1}, a convolution's with its kernel shared over positions (Akrout et al. 2019 for dense
//!   layers, Kunin et al. 2020 for convolutions; there by correlation with isotropic noise).
//! - *coordinates*: M_l `[pre-activations, d]`, the response to each of the d principal components of x_l, and
//!   delta_l = U_l M_l^T (...). Nothing is assumed of the next stage but that it is linear up to its nonlinearity; d orthogonal
//!   probes give M_l exactly, and backprop is followed as far as it lies on the manifold.
//!
//! In a graph a mirror stands for every linear map through which an error reaches a stage ([`Network::readers`]). Several maps that read
//! one stage share its noise; a map that reads something made within a block (an inner one of a residual block) has isotropic noise
//! of its own. What is no map, such as a normalisation, carries errors by its exact derivative.
//!
//! Perturbed examples count once for all stages, since one pass serves them all.

#[cfg(doc)]
use crate::net::Network;

mod budget;
mod config;
mod coordinates;
mod place;
mod probes;
mod rule;
mod site;
mod weights;
mod work;

pub(crate) use budget::Controller;
pub use config::{Budget, Feedback, MirrorConfig, MirrorNoise};
pub(crate) use config::{MANIFOLD_MIRROR, WEIGHT_MIRROR};
pub(crate) use probes::Probing;
pub use rule::Mirror;
pub(crate) use site::Site;
pub(crate) use weights::SETTLED;
pub(crate) use work::{Told, batches, corrections};
