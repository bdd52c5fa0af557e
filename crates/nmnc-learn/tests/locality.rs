//! Which rules may carry an error from stage to stage.

use std::fs;
use std::path::Path;

/// Calls that pass an error down through blocks.
const CARRYING: [&str; 5] = ["input_vjp(", "input_vjps(", "network.carried(", "backpropagate(", ".jvp("];
/// Backprop, its random and its learned stand-ins.
const MAY: [&str; 3] = ["backprop.rs", "feedback_alignment.rs", "rule.rs in mirror"];

fn carrying(folder: &Path, within: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            carrying(&path, &format!(" in {name}"), found);
        } else if CARRYING.iter().any(|call| fs::read_to_string(&path).unwrap().contains(call)) {
            found.push(name + within);
        }
    }
}

#[test]
fn only_backprop_feedback_alignment_and_mirrors_carry_errors_back() {
    let mut found = Vec::new();
    carrying(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/credit"), "", &mut found);
    found.sort();
    assert_eq!(found, MAY);
}
