//! The import graph is the one ARCHITECTURE.md draws.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn crate_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The graph of ARCHITECTURE.md: lines `module: module, module` of its block marked `imports`.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(crate_folder().join("../../ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let block =
        text.split("```imports\n").nth(1).and_then(|rest| rest.split("```").next()).expect("imports block");
    let line = |line: &str| {
        let (module, imports) = line.split_once(':').expect("module: imports");
        let imports = imports.split(',').map(str::trim).filter(|name| !name.is_empty());
        (module.trim().to_owned(), imports.map(str::to_owned).collect())
    };
    block.lines().filter(|l| !l.trim().is_empty()).map(line).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Top-level module of a source file, and its text without tests and comments.
fn modules() -> Vec<(String, PathBuf, String)> {
    let root = crate_folder().join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let module = |path: &PathBuf| {
        let inner = path.strip_prefix(&root).unwrap();
        inner.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned()
    };
    let code = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let production = text.split("#[cfg(test)]").next().unwrap_or_default();
        production.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    };
    let is_test = |path: &PathBuf| path.iter().any(|part| part == "tests" || part == "tests.rs");
    files
        .iter()
        .filter(|p| !is_test(p))
        .map(|p| (module(p), p.clone(), code(p)))
        .filter(|(m, ..)| m != "lib")
        .collect()
}

#[test]
fn modules_import_only_what_the_architecture_allows() {
    let documented = documented();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, path, code) in modules() {
        let allowed =
            documented.get(&module).unwrap_or_else(|| panic!("ARCHITECTURE.md does not name `{module}`"));
        for rest in code.split("crate::").skip(1) {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // What the crate re-exports at its root.
            let target = match name.as_str() {
                "Error" | "ErrorKind" | "Result" => "error".to_owned(),
                "Seed" => "seed".to_owned(),
                "ENVIRONMENT" => continue,
                _ => name,
            };
            if target != module {
                assert!(
                    allowed.contains(&target),
                    "{} imports `{target}`, which ARCHITECTURE.md does not allow",
                    path.display()
                );
                used.entry(module.clone()).or_default().insert(target);
            }
        }
    }
    for (module, allowed) in documented {
        let used = used.remove(&module).unwrap_or_default();
        let stale: Vec<_> = allowed.difference(&used).collect();
        assert!(stale.is_empty(), "ARCHITECTURE.md allows `{module}` to import {stale:?}, which it does not");
    }
}

#[test]
fn the_documented_graph_has_no_circle() {
    let mut graph = documented();
    while !graph.is_empty() {
        let free: Vec<String> =
            graph.iter().filter(|(_, imports)| imports.is_empty()).map(|(m, _)| m.clone()).collect();
        assert!(!free.is_empty(), "a circle among {:?}", graph.keys());
        graph.retain(|module, _| !free.contains(module));
        graph.values_mut().for_each(|imports| imports.retain(|module| !free.contains(module)));
    }
}

/// A local rule sends nothing through other stages' weights: only these files may carry an error back, mirrors through weights of
/// their own.
#[test]
fn only_backprop_feedback_alignment_and_mirrors_carry_errors_back() {
    let root = crate_folder().join("src");
    let callers: BTreeSet<String> = modules()
        .into_iter()
        .filter(|(module, _, code)| module != "net" && code.contains("carry_back("))
        .map(|(_, path, _)| path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"))
        .collect();
    let expected = ["credit/backprop.rs", "credit/feedback_alignment.rs", "credit/mirror/rule.rs"];
    assert_eq!(callers, BTreeSet::from(expected.map(str::to_owned)));
}
