//! Tests of networks, estimators and rules, one program for all files: what they share is compiled once.

mod architectures;
mod blocks;
mod estimator;
mod estimator_laws;
mod feedback_forms;
mod finite_differences;
mod golden_stages;
mod graph;
mod injection;
mod kalman;
mod locality;
mod manifold;
mod manifold_sharing;
mod manifold_tracking;
mod mirror;
mod noise_correlation;
mod noise_covariance;
mod observed;
mod over_time;
mod regions;
mod registry;
mod scaled_activity;
mod sign_concordant;
mod work;
