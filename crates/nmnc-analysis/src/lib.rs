//! What trained networks and recordings are like: dimension, Jacobians against manifolds, similarity, brains.

pub mod analysis;
pub mod brain;
pub mod dimension;
mod means;
pub mod similarity;
pub mod trials;
