//! The plan of the house, as far as the compiler does not hold it: crates depend on each other as ARCHITECTURE.md draws them, files
//! are small, and no files of a crate import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines a source file may have.
const LONGEST: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The crates' folders by name.
fn crates() -> BTreeMap<String, PathBuf> {
    let folders = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    folders.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path)).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_crate_carries_the_licences() {
    for (name, folder) in crates() {
        for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
            assert_eq!(read(&folder.join(file)), read(&root().join(file)), "{name}: ln -s ../../{file}");
        }
    }
}

#[test]
fn crates_depend_on_each_other_as_the_architecture_draws_them() {
    let text = read(&root().join("ARCHITECTURE.md"));
    let block =
        text.split("```crates\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block `crates`");
    let line = |line: &str| {
        let (name, others) = line.split_once(':').expect("crate: crates it depends on");
        let others = others.split(',').map(str::trim).filter(|other| !other.is_empty());
        (name.trim().to_owned(), others.map(str::to_owned).collect::<BTreeSet<_>>())
    };
    let drawn: BTreeMap<_, _> = block.lines().filter(|l| !l.trim().is_empty()).map(line).collect();
    let found: BTreeMap<_, _> = crates()
        .into_iter()
        .map(|(name, folder)| {
            let manifest: toml::Table = read(&folder.join("Cargo.toml")).parse().unwrap();
            let dependencies =
                manifest.get("dependencies").and_then(toml::Value::as_table).cloned().unwrap_or_default();
            let own = dependencies.keys().filter(|key| key.starts_with("nmnc")).cloned().collect();
            (name, own)
        })
        .collect();
    assert_eq!(drawn, found);
}

#[test]
fn every_file_of_tests_is_run() {
    for (name, folder) in crates() {
        let main = folder.join("tests/main.rs");
        if !main.exists() {
            continue;
        }
        let (main, manifest) = (read(&main), read(&folder.join("Cargo.toml")));
        assert!(manifest.contains("autotests = false"), "{name}: tests of main.rs would run twice");
        for entry in fs::read_dir(folder.join("tests")).unwrap() {
            let path = entry.unwrap().path();
            let module = path.file_stem().unwrap().to_string_lossy().into_owned();
            let is_module = path.is_file() && module != "main" || path.join("mod.rs").exists();
            let named = main.contains(&format!("\nmod {module};"))
                || manifest.contains(&format!("[[test]]\nname = \"{module}\""));
            assert!(
                named || !is_module,
                "{name}: `mod {module};` is missing in tests/main.rs, or `[[test]]` in Cargo.toml"
            );
        }
    }
}

#[test]
fn files_are_small() {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    assert!(files.len() > 300, "{} files", files.len());
    let long: Vec<_> = files.iter().filter(|path| read(path).lines().count() > LONGEST).collect();
    assert!(long.is_empty(), "more than {LONGEST} lines: {long:?}");
}

/// The files of one crate, by the path of their module (`["credit", "mirror"]`), and what each names of others.
struct House {
    files: BTreeMap<Vec<String>, PathBuf>,
    /// The code of each module, without tests and comments.
    code: BTreeMap<Vec<String>, String>,
}

impl House {
    fn of(source: &Path) -> Self {
        let mut paths = Vec::new();
        sources(source, &mut paths);
        let module = |path: &Path| -> Vec<String> {
            let inner = path.strip_prefix(source).unwrap().with_extension("");
            let mut parts: Vec<String> =
                inner.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            if parts.last().is_some_and(|last| last == "mod" || last == "lib" || last == "main") {
                parts.pop();
            }
            parts
        };
        let production = |path: &Path| {
            let text = read(path);
            let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
        };
        paths.retain(|path| !path.iter().any(|part| part == "tests" || part == "tests.rs"));
        let files: BTreeMap<_, _> = paths.into_iter().map(|path| (module(&path), path)).collect();
        let code = files.iter().map(|(module, path)| (module.clone(), production(path))).collect();
        Self { files, code }
    }

    /// Whether a module only holds others together, which its file does by nature.
    fn is_face(&self, module: &[String]) -> bool {
        self.files[module].file_stem().is_some_and(|stem| stem == "mod" || stem == "lib" || stem == "main")
    }

    /// The module that defines what `path` names, seen from the crate's root.
    fn home(&self, path: &[String], depth: usize) -> Option<Vec<String>> {
        let known =
            (0..=path.len()).rev().map(|len| &path[..len]).find(|part| self.files.contains_key(*part))?;
        let item = path.get(known.len());
        let (Some(item), true, true) = (item, self.is_face(known), depth < 4) else {
            return Some(known.to_vec());
        };
        // What a face hands on belongs to whom it has it from.
        for used in paths_of(&self.code[known]).into_iter().filter(|used| used.last() == Some(item)) {
            let absolute = self.absolute(known, &used);
            if absolute != path
                && let Some(home) = self.home(&absolute, depth + 1)
                && home != known
            {
                return Some(home);
            }
        }
        Some(known.to_vec())
    }

    fn absolute(&self, module: &[String], path: &[String]) -> Vec<String> {
        let mut own = module.to_vec();
        let mut rest = path;
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "crate" => own.clear(),
                "self" => {}
                "super" => drop(own.pop()),
                _ => break,
            }
            rest = others;
        }
        own.extend(rest.iter().cloned());
        own
    }

    /// Which modules each module imports, faces left out.
    fn imports(&self) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
        let of = |module: &Vec<String>| {
            let paths = paths_of(&self.code[module]);
            let inner = paths.iter().filter(|path| matches!(path[0].as_str(), "crate" | "super" | "self"));
            let homes = inner.filter_map(|path| self.home(&self.absolute(module, path), 0));
            homes.filter(|home| home != module && !self.is_face(home)).collect()
        };
        self.files.keys().filter(|module| !self.is_face(module)).map(|m| (m.clone(), of(m))).collect()
    }
}

/// Every path of the `use` declarations in `code`, and those written out in it from `crate` or `super` on.
fn paths_of(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in code.split_inclusive('\n') {
        let declaration = line.trim_start();
        let visible = declaration.strip_prefix("pub").map_or(declaration, |rest| {
            let rest = rest.trim_start();
            rest.strip_prefix('(').and_then(|inner| inner.split_once(')')).map_or(rest, |(_, rest)| rest)
        });
        if visible.trim_start().starts_with("use ") {
            let own = code[at..].split_once("use ").map_or("", |(_, own)| own);
            let own = own.split(';').next().unwrap_or_default();
            expand(&[], &own.split_whitespace().collect::<Vec<_>>().join(" "), &mut found);
        }
        at += line.len();
    }
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let path: String =
                code[at..].chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
            let parts: Vec<String> = path.split("::").filter(|p| !p.is_empty()).map(str::to_owned).collect();
            if parts.len() > 1 {
                found.push(parts);
            }
        }
    }
    found
}

/// The paths of `text`, such as `a::{b, c::{d, e}}`, after `prefix`.
fn expand(prefix: &[String], text: &str, found: &mut Vec<Vec<String>>) {
    let text = text.trim();
    let (head, group) = match text.find('{') {
        Some(open) => (&text[..open], Some(&text[open + 1..text.rfind('}').unwrap_or(text.len())])),
        None => (text, None),
    };
    let head = head.split(" as ").next().unwrap_or_default();
    let mut path = prefix.to_vec();
    path.extend(head.split("::").map(str::trim).filter(|p| !p.is_empty()).map(str::to_owned));
    let Some(group) = group else {
        if !path.is_empty() {
            found.push(path);
        }
        return;
    };
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !group[start..at].trim().is_empty() {
                    expand(&path, &group[start..at], found);
                }
                start = (at + 1).min(group.len());
            }
            _ => {}
        }
    }
}

/// A circle in the graph, if there is one: modules that no order of removal frees.
fn circle(mut graph: BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Vec<Vec<String>> {
    loop {
        let free: Vec<_> =
            graph.iter().filter(|(_, to)| to.is_empty()).map(|(from, _)| from.clone()).collect();
        if free.is_empty() {
            break;
        }
        graph.retain(|from, _| !free.contains(from));
        graph.values_mut().for_each(|to| to.retain(|other| !free.contains(other)));
    }
    // What only leads into a circle is no part of it.
    loop {
        let needed: BTreeSet<_> = graph.values().flatten().cloned().collect();
        let before = graph.len();
        graph.retain(|from, _| needed.contains(from));
        if graph.len() == before {
            return graph.into_keys().collect();
        }
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut arrows = 0;
    for (name, folder) in crates() {
        let house = House::of(&folder.join("src"));
        let mut graph = house.imports();
        arrows += graph.values().map(BTreeSet::len).sum::<usize>();
        // Settings build their rule, and the rule reads its settings.
        let settings: Vec<Vec<String>> =
            graph.keys().filter(|m| m.last().is_some_and(|l| l == "config")).cloned().collect();
        for config in settings {
            let parent = &config[..config.len() - 1];
            let rule = [parent, &["rule".to_owned()]].concat();
            graph.get_mut(&config).unwrap().remove(&rule);
        }
        let found = circle(graph);
        assert!(found.is_empty(), "{name}: a circle among {found:?}");
    }
    assert!(arrows > 300, "only {arrows} imports were found");
}

#[test]
fn circles_are_found() {
    let graph = |arrows: &[(&str, &str)]| {
        let name = |text: &str| vec![text.to_owned()];
        let mut graph: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (from, to) in arrows {
            graph.entry(name(from)).or_default().insert(name(to));
            graph.entry(name(to)).or_default();
        }
        circle(graph).concat()
    };
    assert_eq!(graph(&[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]), ["b", "c"]);
    assert!(graph(&[("a", "b"), ("b", "c"), ("a", "c")]).is_empty());
    let paths = paths_of("use super::{a::B, c};\nfn f() { crate::d::e() }");
    assert_eq!(paths, [vec!["super", "a", "B"], vec!["super", "c"], vec!["crate", "d", "e"]]);
}
