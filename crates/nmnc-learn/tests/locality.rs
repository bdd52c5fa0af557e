//! Which rules may carry an error from stage to stage.

use std::fs;
use std::path::Path;

/// Calls that pass an error down through blocks, or differentiate them.
const CARRYING: [&str; 7] = [
    "input_vjp(",
    "input_vjps(",
    "network.carried(",
    "backpropagate(",
    ".jvp(",
    "jacobian_rows(",
    "mean_jacobian(",
];
/// Backprop, what has random, learned or sign-concordant weights in the place of its own, and the exact mean Jacobian, a reference too.
const MAY: [&str; 6] = [
    "backprop.rs",
    "feedback_alignment.rs",
    "jacobian.rs",
    "mean_jacobian.rs",
    "rule.rs in mirror",
    "sign_concordant.rs",
];

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
fn only_references_and_what_stands_in_for_the_weights_of_backprop_carry_errors_back() {
    let mut found = Vec::new();
    carrying(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/credit"), "", &mut found);
    found.sort();
    assert_eq!(found, MAY);
}
