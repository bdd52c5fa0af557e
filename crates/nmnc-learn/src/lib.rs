//! Networks, manifolds, estimators, and rules of credit assignment.

pub mod agreement;
pub mod credit;
pub mod estimator;
pub mod manifold;
pub mod needs;
pub mod net;
pub mod noise;
pub mod recurrent;
pub mod registry;
pub mod work;
pub mod workers;
