//! Tests of the command line, one program for all files: what they share is compiled once.
//! `mpi` needs an MPI library and is a program of its own.

mod apart;
mod bench;
mod brain;
mod brain_power;
mod cluster_scripts;
mod commands;
mod common;
#[path = "../../nmnc-train/tests/common/events.rs"]
mod events;
mod going_on;
mod golden_runs;
mod kill_resume;
mod plan;
mod records_page;
mod reproduce;
mod reproduce_networks;
mod reproduce_rnn;
mod resume_trust;
mod run_locks;
mod scaled_inputs;
mod settings;
mod signals;
mod similarity;
mod sweep;
mod terminal;
mod trials;
mod weights;
mod wrong_inputs;
