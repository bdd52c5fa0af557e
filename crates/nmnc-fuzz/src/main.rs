//! Hunts for inputs that break what nmnc promises, for one target in this process.
//!
//!     nmnc-fuzz list
//!     nmnc-fuzz TARGET SECONDS SEED FOLDER     hunts; failures and new inputs are kept in FOLDER
//!     nmnc-fuzz TARGET try FILE...             reads inputs again, and says what they come to

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nmnc_fuzz::{Hunt, Outcome, TARGETS, Target, hunt, remember_panics, try_input, watch};
use nmnc_testing::memory::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds");

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => {
            TARGETS.iter().for_each(|target| println!("{:10} {}", target.name, target.what));
            ExitCode::SUCCESS
        }
        [target, "try", ..] => again(named(target), &arguments[2..]).expect("a file system that works"),
        [target, seconds, seed, folder] => {
            let (seconds, seed) = (seconds.parse().expect("seconds"), seed.parse().expect("a seed"));
            run(named(target), seconds, seed, Path::new(folder)).expect("a file system that works")
        }
        _ => panic!("nmnc-fuzz list | TARGET SECONDS SEED FOLDER | TARGET try FILE..."),
    }
}

fn named(name: &str) -> &'static Target {
    Target::named(name).unwrap_or_else(|| panic!("no target `{name}`; see nmnc-fuzz list"))
}

/// An empty folder that becomes the current one.
fn scratch() -> io::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("nmnc-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    std::env::set_current_dir(&folder)?;
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().map_err(io::Error::other)?;
    Ok(folder)
}

fn again(target: &Target, files: &[String]) -> io::Result<ExitCode> {
    let inputs = files.iter().map(fs::read).collect::<io::Result<Vec<_>>>()?;
    let folder = scratch()?;
    // What a target makes as a seed is also what it compares with.
    target.seeds(Path::new(SEEDS), &folder.join("made"))?;
    let mut broken = false;
    for (file, input) in files.iter().zip(&inputs) {
        let tried = try_input(target, input, &folder);
        broken |= matches!(tried.outcome, Outcome::Broken(..));
        println!("{file}: {:?}, {} KiB, {} ms", tried.outcome, tried.peak >> 10, tried.milliseconds);
    }
    fs::remove_dir_all(folder)?;
    Ok(ExitCode::from(u8::from(broken)))
}

fn run(target: &Target, seconds: u64, seed: u64, kept: &Path) -> io::Result<ExitCode> {
    fs::create_dir_all(kept.join("corpus"))?;
    let kept = kept.canonicalize()?;
    let folder = scratch()?;
    let seeds = target.seeds(Path::new(SEEDS), &folder.join("made"))?;
    let mut seeds: Vec<Vec<u8>> = seeds.into_iter().map(|(_, seed)| seed).collect();
    for entry in fs::read_dir(kept.join("corpus"))? {
        seeds.push(fs::read(entry?.path())?);
    }
    watch::keep_fatal(&kept.join("fatal"));
    remember_panics();
    let begun = Instant::now();
    let options = Hunt {
        seed,
        inputs: u64::MAX / 2,
        time: Duration::from_secs(seconds),
        seeds: &seeds,
        folder: &folder,
    };
    let found = hunt(target, &options);
    for input in found.corpus.iter().skip(seeds.len()) {
        fs::write(kept.join("corpus").join(name(input)), input)?;
    }
    for (place, (message, input)) in &found.broken {
        let file = kept.join(format!("broken-{}", name(input)));
        fs::write(&file, input)?;
        println!("{}: {place}: {message}: {}", target.name, file.display());
    }
    fs::remove_dir_all(folder)?;
    println!(
        "{},{},{},{:.1},{},{},{},{},{},{}",
        target.name,
        found.inputs,
        found.read,
        begun.elapsed().as_secs_f64(),
        found.edges.0,
        found.edges.1,
        found.corpus.len(),
        found.peak >> 10,
        found.slowest,
        found.broken.len()
    );
    Ok(ExitCode::from(u8::from(!found.broken.is_empty())))
}

/// A name that one input always has.
fn name(input: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
