//! What a step gains where gradients are on their way while the rest of it is worked out: seconds a step of two replicas, joined by a link of a
//! given bandwidth, with gradients given as they are found and all at the end. Backprop finds those of the last layers first, rules with
//! direct feedback those of the first.
//!
//! ```sh
//! cargo run --release -p nmnc --example overlap
//! ```

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nmnc::train::replicas::{Numbers, Processes, Replica, Sums, Team};
use nmnc::train::{Config, Problem};
use nmnc::workers::{Contribution, Pending, Workers};
use nmnc::{Error, ErrorKind, Result};

const STEPS: u64 = 20;
const TURNS: usize = 5;
const LATENCY: Duration = Duration::from_micros(50);

/// Networks whose gradients are small and large for the work of a step.
const NETWORKS: [(&str, &str); 2] = [
    ("conv3", "network = { preset = 'conv3', widths = [32, 64, 128] }"),
    ("mlp", "network = { preset = 'mlp', widths = [1024, 1024, 512] }"),
];
const RULES: [(&str, &str); 3] =
    [("bp", "rule = 'bp'"), ("dfa", "rule = 'dfa'"), ("nmnc", "rule = 'nmnc', interval = 10")];
/// Megabytes a second: of networks of 1 and of 10 gigabits.
const BANDWIDTHS: [f64; 2] = [125.0, 1250.0];

/// One of two threads that stand for processes on two machines.
#[derive(Debug)]
struct Linked {
    number: usize,
    bandwidth: f64,
    to: Sender<Vec<u8>>,
    from: Mutex<Receiver<Vec<u8>>>,
}

impl Linked {
    fn pair(bandwidth: f64) -> [Arc<dyn Processes>; 2] {
        let ((to, from), (back, forth)) = (channel(), channel());
        let end = |number, to, from| {
            Arc::new(Self { number, bandwidth: bandwidth * 1e6, to, from: Mutex::new(from) })
                as Arc<dyn Processes>
        };
        [end(0, to, forth), end(1, back, from)]
    }
}

impl Processes for Linked {
    fn count(&self) -> usize {
        2
    }

    fn number(&self) -> usize {
        self.number
    }

    fn gather(&self, own: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        let gone = || Error::new(ErrorKind::Io, "link", "the other is gone");
        self.to.send(own.clone()).map_err(|_| gone())?;
        let other = self.from.lock().expect("no thread panics").recv().map_err(|_| gone())?;
        // Both directions at once, from when both have something to say.
        thread::sleep(LATENCY + Duration::from_secs_f64(own.len().max(other.len()) as f64 / self.bandwidth));
        Ok(if self.number == 0 { vec![own, other] } else { vec![other, own] })
    }

    fn sum(&self, _: Numbers) -> Result<()> {
        unreachable!("sums are ordered")
    }
}

/// A replica that says nothing before the end of a step.
struct Late(Arc<Replica>);

impl Workers for Late {
    fn count(&self) -> usize {
        self.0.count()
    }

    fn number(&self) -> usize {
        self.0.number()
    }

    fn gather(&self, own: Contribution) -> Result<Vec<Contribution>> {
        self.0.gather(own)
    }

    fn sum(&self, own: Contribution) -> Result<Contribution> {
        self.0.sum(own)
    }

    fn begin_sum(&self, own: Contribution) -> Result<Pending> {
        let replica = self.0.clone();
        Ok(Pending::new(move || replica.sum(own.clone())))
    }
}

/// Milliseconds of a step.
fn milliseconds(settings: &str, bandwidth: f64, late: bool) -> Result<f64> {
    let text = format!("{settings}\nmetrics = {{ alignment_interval = 0 }}");
    let config = Config::parse(&text, "overlap", &[])?.resolve()?;
    let times = thread::scope(|scope| {
        let replicas: Vec<_> = Linked::pair(bandwidth)
            .into_iter()
            .map(|processes| {
                scope.spawn(|| -> Result<f64> {
                    let team = Team::new(processes, 2, Sums::Ordered)?;
                    let replica = team.replicas().next().expect("one of two");
                    let images = config.images()?;
                    let mut images =
                        if late { images.shared(Late(Arc::new(replica))) } else { images.shared(replica) };
                    let mut learner = config.learner(images.steps_per_epoch());
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
                    let mut began = Instant::now();
                    for step in 0..=STEPS {
                        if step == 1 {
                            // The first step warms up.
                            began = Instant::now();
                        }
                        let batch = images.batch(step)?;
                        pool.install(|| -> Result<()> {
                            let (assessed, _) = images.assess(batch, step, false)?;
                            let whole = assessed.of_all(images.workers())?;
                            learner.update(images.network_mut(), whole)
                        })?;
                    }
                    Ok(began.elapsed().as_secs_f64() * 1e3 / STEPS as f64)
                })
            })
            .collect();
        replicas
            .into_iter()
            .map(|replica| replica.join().expect("a replica does not panic"))
            .collect::<Result<Vec<_>>>()
    })?;
    Ok(times[0])
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() -> Result<()> {
    nmnc::memory::keep_freed();
    println!("network,rule,megabytes_per_second,turn,at_the_end_ms,as_found_ms");
    for (network, of_network) in NETWORKS {
        for (rule, of_rule) in RULES {
            let settings = format!("{of_network}\ncredit = {{ {of_rule} }}");
            for bandwidth in BANDWIDTHS {
                let mut gains = Vec::new();
                for turn in 1..=TURNS {
                    let [late, early] = [true, false].map(|late| milliseconds(&settings, bandwidth, late));
                    let (late, early) = (late?, early?);
                    println!("{network},{rule},{bandwidth},{turn},{late:.3},{early:.3}");
                    gains.push(late - early);
                }
                eprintln!("{network} {rule} at {bandwidth} MB/s: {:.2} ms less a step", median(gains));
            }
        }
    }
    Ok(())
}
