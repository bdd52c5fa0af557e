//! Peak memory and time of scoring many features against recordings: features streamed through a random projection, then
//! partial least squares and ridge regression with ten splits each.
//!
//!     cargo run --release -p nmnc --example brain_memory [IMAGES FEATURES UNITS]
//!
//! 3,000 images, 100,000 features (2.4 GB in f64, made on the fly and never held) and 168 units recorded four times, unless told
//! otherwise. Features mix 40 latent variables and noise; units read the same latent variables through noise.

use std::ops::Range;
use std::time::Instant;

use nmnc::dimension::Rows;
use nmnc::seed::Role;
use nmnc::similarity::{
    PlsSettings, PredictivitySettings, Projection, Regression, Responses, RidgeSettings, predictivity,
};
use nmnc::{Result, Seed};

const LATENT: usize = 40;
const REPETITIONS: usize = 4;
const COMPONENTS: usize = 1000;

fn normal(index: usize, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    Seed(1).stream(Role::Analysis, index, 0).fill_normal(&mut values);
    values
}

/// Features made when they are read.
struct Features {
    latent: Vec<f32>,
    mix: Vec<f32>,
    features: usize,
}

impl Rows for Features {
    fn samples(&self) -> usize {
        self.latent.len() / LATENT
    }

    fn units(&self) -> usize {
        self.features
    }

    fn row(&self, sample: usize, columns: Range<usize>, out: &mut [f64]) {
        let mut noise = vec![0.0; self.features];
        Seed(2).stream(Role::Analysis, sample, 0).fill_normal(&mut noise);
        let latent = &self.latent[sample * LATENT..(sample + 1) * LATENT];
        for (out, feature) in out.iter_mut().zip(columns) {
            let mix = &self.mix[feature * LATENT..(feature + 1) * LATENT];
            let signal: f32 = mix.iter().zip(latent).map(|(m, z)| m * z).sum();
            *out = f64::from((signal + 2.0 * noise[feature]).max(0.0));
        }
    }
}

/// Peak resident memory of this process in MiB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this example needs Linux's /proc");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM");
    let number = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
    number.expect("a number of KiB") / 1024.0
}

fn main() -> Result<()> {
    let given: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().expect("a number")).collect();
    let [images, features, units] = <[usize; 3]>::try_from(given).unwrap_or([3_000, 100_000, 168]);
    let latent = normal(0, images * LATENT);
    let reads = normal(1, LATENT * units);
    let noise = normal(2, images * REPETITIONS * units);
    let signal = |image: usize, unit: usize| -> f32 {
        (0..LATENT).map(|k| latent[image * LATENT + k] * reads[k * units + unit]).sum()
    };
    let presentations: Vec<f64> = (0..images * REPETITIONS * units)
        .map(|at| f64::from(signal(at / units % images, at % units) + 8.0 * noise[at]))
        .collect();
    let stimulus_of: Vec<usize> = (0..images * REPETITIONS).map(|at| at % images).collect();
    let responses = Responses { presentations: &presentations, stimulus_of: &stimulus_of, stimuli: images };
    let source = Features { latent, mix: normal(3, features * LATENT), features };

    let report = |what: &str, since: Instant, result: String| {
        println!("{what:<12} {:>7.1} s   peak {:>6.0} MiB   {result}", since.elapsed().as_secs_f64(), peak());
    };
    println!("{images} images, {features} features, {units} units, {REPETITIONS} repetitions");
    let start = Instant::now();
    let projection = Projection::new(features, COMPONENTS, Seed(0))?;
    let projected = projection.project(&source)?;
    report("projection", start, format!("{} entries", projection.entries()));
    let regressions = [
        ("PLS", Regression::Pls(PlsSettings::default())),
        ("ridge", Regression::Ridge(RidgeSettings::default())),
    ];
    for (name, regression) in regressions {
        let start = Instant::now();
        let settings = PredictivitySettings { regression, ..Default::default() };
        let found = predictivity(&projected, &responses, &settings, Seed(0))?;
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.3}"));
        let result = format!(
            "median r {}, ceiling {}, score {} ± {}",
            number(found.median_r),
            number(found.ceiling),
            number(found.score),
            number(found.standard_error)
        );
        report(name, start, result);
    }
    Ok(())
}
