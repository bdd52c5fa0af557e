//! Tests of the base, one program for all files: what they share is compiled once.
//! `devices` runs on accelerators and is a program of its own.

mod printable;
mod psychometric;
mod records;
mod scaled_matrices;
mod setting_ranges;
