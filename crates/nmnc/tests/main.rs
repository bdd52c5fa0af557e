//! Tests of the project as a whole, one program for all files: what they share is compiled once.

mod cite;
mod custom_rule;
mod plan;
mod reduced;
mod structure;
