//! Bytes that a replica gives away in a step, by rule: gradients, which every rule has, and what the rule itself has to say, that of its manifolds'
//! one refresh among it.
//!
//! ```sh
//! cargo run --release -p nmnc --example replica_traffic
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use nmnc::train::{Config, Problem};
use nmnc::workers::{Contribution, Workers};
use nmnc::{Error, Result};
use nmnc_testing::threads::Threads;

const REPLICAS: usize = 2;
const STEPS: u64 = 60;

/// Settings of each rule. Noise correlation learns every tenth step, as in the paper's form, from manifolds of 64 dimensions.
const RULES: [(&str, &str); 8] = [
    ("bp", "rule = 'bp'"),
    ("dfa", "rule = 'dfa'"),
    ("vnc", "rule = 'vnc', interval = 10"),
    ("nmnc", "rule = 'nmnc', interval = 10"),
    ("nmnc in coordinates", "rule = 'nmnc', interval = 10, feedback = 'coordinates'"),
    ("nmnc, budget 0.1", "rule = 'nmnc', budget = 0.1"),
    ("manifold-mirror", "rule = 'manifold-mirror'"),
    ("direct-mirror", "rule = 'direct-mirror'"),
];

/// One of several threads, whose bytes are counted.
struct Counted {
    threads: Threads,
    given: Arc<AtomicU64>,
}

fn bytes(given: &Contribution) -> u64 {
    let matrices: usize = given.matrices.iter().map(|matrix| matrix.as_bytes().len()).sum();
    (8 * given.numbers.len() + matrices) as u64
}

impl Workers for Counted {
    fn count(&self) -> usize {
        self.threads.count()
    }

    fn number(&self) -> usize {
        self.threads.number()
    }

    fn gather(&self, own: Contribution) -> Result<Vec<Contribution>> {
        self.given.fetch_add(bytes(&own), Ordering::Relaxed);
        self.threads.gather(own)
    }
}

/// Trains for some steps, and gives the bytes of one replica for gradients and beside them, a step.
fn traffic(settings: &str) -> Result<[f64; 2]> {
    let text = format!(
        "network = {{ preset = 'conv3', widths = [32, 64, 128] }}\ndata = {{ train_limit = 2000 }}\n\
         metrics = {{ alignment_interval = 0 }}\ncredit = {{ {settings} }}"
    );
    let config = Config::parse(&text, "traffic", &[])?.resolve()?;
    let (given, own) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(0));
    thread::scope(|scope| {
        let replicas: Vec<_> = Threads::of(REPLICAS)
            .into_iter()
            .map(|threads| {
                // Those of the first replica count.
                let given = if threads.number() == 0 { given.clone() } else { Default::default() };
                let workers = Counted { threads, given };
                scope.spawn(|| -> Result<()> {
                    let mut images = config.images()?.shared(workers);
                    own.store(4 * images.network().parameter_count() as u64, Ordering::Relaxed);
                    let mut learner = config.learner(images.steps_per_epoch());
                    for step in 0..STEPS {
                        let batch = images.batch(step)?;
                        let (assessed, _) = images.assess(batch, step, false)?;
                        let whole = assessed.of_all(images.workers())?;
                        learner.update(images.network_mut(), whole)?;
                    }
                    Ok(())
                })
            })
            .collect();
        replicas.into_iter().try_for_each(|replica| replica.join().expect("a replica does not panic"))
    })?;
    let gradients = own.into_inner() as f64;
    Ok([gradients, given.load(Ordering::Relaxed) as f64 / STEPS as f64 - gradients])
}

fn main() -> Result<()> {
    println!("{:20} {:>14} {:>14} {:>8}", "rule", "gradients, kB", "more, kB", "of bp");
    let mut of_bp = None;
    for (name, settings) in RULES {
        let [gradients, more] = traffic(settings).map_err(|error: Error| error.within(name))?;
        let all = gradients + more;
        let bp = *of_bp.get_or_insert(all);
        println!("{name:20} {:14.1} {:14.2} {:8.3}", gradients / 1e3, more / 1e3, all / bp);
    }
    Ok(())
}
