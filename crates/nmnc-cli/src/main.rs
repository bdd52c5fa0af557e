//! The `nmnc` command.
fn main() {}
