//! Tests of the measurements, one program for all files: what they share is compiled once.
//! `assembly_limits` counts allocations and is a program of its own.

mod analysis;
mod array_forms;
mod arrays;
mod assembly;
mod brain_rows;
mod dimension;
mod no_files;
mod noise_alignment;
mod over_training;
mod power;
mod rsa;
mod scaled_measurements;
mod similarity;
