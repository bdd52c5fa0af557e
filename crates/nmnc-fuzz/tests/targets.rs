//! Every seed is read or refused as its name says, damage is refused, and what breaks a promise is noticed.

use std::path::Path;
use std::time::Duration;

use nmnc_fuzz::{BUDGET, Bundle, Hunt, Outcome, TARGETS, Target, hunt, remember_panics, try_input};
use nmnc_testing::memory::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds");

/// One test, because the current folder is one.
#[test]
fn seeds_are_read_and_damaged_ones_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::env::set_current_dir(folder.path()).unwrap();
    remember_panics();
    broken_promises_are_noticed(folder.path());
    // An assertion within the loop would be remembered as a panic of a target, and not be shown.
    let mut wrong = Vec::new();
    for target in TARGETS {
        let made = folder.path().join(target.name);
        let seeds = target.seeds(Path::new(SEEDS), &made).unwrap();
        for (name, seed) in &seeds {
            let outcome = try_input(target, seed, folder.path()).outcome;
            let expected = match name.starts_with("refused-") {
                true => matches!(outcome, Outcome::Refused(_)),
                false => outcome == Outcome::Read,
            };
            if !expected {
                wrong.push(format!("{}: seed {name}: {outcome:?}", target.name));
            }
        }
        let seeds: Vec<Vec<u8>> = seeds.into_iter().map(|(_, seed)| seed).collect();
        let (seed, time) = (1, Duration::from_secs(60));
        let found = hunt(target, &Hunt { seed, inputs: 40, time, seeds: &seeds, folder: folder.path() });
        let broken: Vec<_> =
            found.broken.iter().map(|(place, (message, _))| format!("{place}: {message}")).collect();
        wrong.extend(broken.into_iter().map(|broken| format!("{}: {broken}", target.name)));
        if found.read >= found.inputs {
            wrong.push(format!("{}: nothing is refused", target.name));
        }
    }
    let text = wrong.join("\n");
    std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).unwrap();
    assert!(wrong.is_empty());
}

/// What a target does that breaks each promise, by the first byte of its file.
fn faulty(files: &Bundle<'_>, _: &Path) -> nmnc_core::Result<()> {
    match files.get("file").and_then(|bytes| bytes.first()) {
        Some(b'p') => panic!("it panics"),
        Some(b'm') => {
            std::hint::black_box(vec![1u8; BUDGET + 1]);
            Ok(())
        }
        Some(b'r') => Err(nmnc_core::Error::data("file", "is refused")),
        _ => Ok(()),
    }
}

fn broken_promises_are_noticed(folder: &Path) {
    let target = Target { name: "faulty", what: "nothing", read: faulty, make: None };
    let outcome = |kind: &str| try_input(&target, format!("==== file\n{kind}").as_bytes(), folder).outcome;
    assert_eq!(outcome("valid"), Outcome::Read);
    assert_eq!(outcome("refused"), Outcome::Refused("file: is refused".to_owned()));
    let place = |kind: &str| match outcome(kind) {
        Outcome::Broken(place, message) => format!("{place}: {message}"),
        other => panic!("{kind}: {other:?}"),
    };
    assert!(place("panic").contains("targets.rs"), "{}", place("panic"));
    assert_eq!(place("memory"), format!("memory: {} MiB", BUDGET >> 20));
    // And found: `v` becomes another letter sooner or later.
    let seeds = [b"==== file\nvalid".to_vec()];
    let found =
        hunt(&target, &Hunt { seed: 0, inputs: 4000, time: Duration::from_secs(60), seeds: &seeds, folder });
    assert!(!found.broken.is_empty(), "{} inputs", found.inputs);
}
