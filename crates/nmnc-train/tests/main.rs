//! Tests of training, one program for all files: what they share is compiled once.
//! `need` counts allocations and `devices` runs on accelerators: each is a program of its own.

mod collapse;
mod common;
mod configuration_ranges;
mod decoded_runs;
mod deep_networks;
mod event_files;
#[path = "common/events.rs"]
mod events;
mod golden_network;
mod golden_training;
mod graph_runs;
#[path = "common/line.rs"]
mod line;
mod parts;
mod recipe;
mod recurrent;
mod recurrent_runs;
mod replicas;
mod run_folders;
mod runs;
mod shared_rules;
mod shared_weights;
mod tensor_files;
mod trial_scores;
mod workers;
