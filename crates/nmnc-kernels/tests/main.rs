//! Tests of kernels on the processor, one program for all files: what they share is compiled once.
//! `instructions` runs itself under other settings, `refusals` runs under Miri and `devices` on accelerators: each is a program of its own.

mod agreement;
mod common;
mod elementwise;
mod finite_differences;
mod minimal_filtering;
mod recurrent;
mod threads;
