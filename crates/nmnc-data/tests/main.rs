//! Tests of data and tasks, one program for all files: what they share is compiled once.
//! `memory` counts allocations and is a program of its own.

mod strengths;
mod tasks;
mod torch_files;
