//! The alignment of noise with the manifold of signals.

use super::fits::{Fits, fits};
use super::law::NoiseMoments;
use super::measured::{Sums, spectrum};
use super::part::whole;
use super::recorded::Trials;
use super::result::{AlignmentPoint, NoiseAlignment, TrialCosine, TrialsSettings};
use nmnc_core::doing;
use nmnc_core::error::{Error, Result};
use nmnc_learn::manifold::Dimension;

/// How much of the trial-to-trial variability of `trials` lies on the manifold of their condition means, and what correlation with such
/// noise would find of a Jacobian.
///
/// Memory: a copy of the trials for each thread, `[conditions, conditions]` and `[units, curve]` matrices.
///
/// # Errors
/// Settings out of range; trials that do not vary; condition means that differ no more than noise makes them.
pub fn noise_alignment(trials: &Trials, settings: &TrialsSettings) -> Result<NoiseAlignment> {
    let _fitting = doing::now(|| format!("signal and noise of {} conditions", trials.conditions()));
    settings.check()?;
    let (noise, square) = spectrum(&whole(trials));
    if noise == 0.0 {
        return Err(Error::data("trials", "the trials of a condition do not differ")
            .mend("give single trials, not their means"));
    }
    let units = trials.units();
    // What rounding alone leaves of trials that become equal.
    if trials.is_without_gain() && noise <= trials.energy() * (16.0 * f64::EPSILON).powi(2) {
        return Err(Error::data("trials", "the trials of a condition differ by their gain alone")
            .mend("leave the gain in, or give trials that vary otherwise, too"));
    }
    let fits = fits(trials, settings)?;
    let curve = fits.all.dimension().min(fits.axes.dimension);
    if curve == 0 || fits.all.signals <= 0.0 {
        return Err(Error::data("trials", "the means of conditions differ no more than noise makes them")
            .mend("give conditions that evoke different activity, or more repeats"));
    }
    // One direction of all n has the least concentrated spectrum.
    let concentration =
        square.map_or(1.0 / units as f64, |s| (s / (noise * noise)).clamp(1.0 / units as f64, 1.0));
    let mut warnings = Vec::new();
    let dimension = dimension(&fits, curve, settings, &mut warnings)?;
    let points = points(&fits, curve, units, concentration);
    let moments = fits.all.moments(dimension);
    let predicted = |sums: &Sums, probes: usize| sums.moments(dimension).cosine(probes);
    let cosine = |&probes: &usize| TrialCosine {
        probes,
        cosine: moments.cosine(probes),
        standard_error: error(&fits, dimension, &|sums| predicted(sums, probes)),
        on_manifold: NoiseMoments::isotropic(dimension).cosine(probes),
        isotropic: NoiseMoments::isotropic(units).cosine(probes),
    };
    let cosines = settings.probes.iter().map(cosine).collect();
    let mean_signal = |sums: &Sums| sums.signals / sums.fits as f64;
    let signal_error = error(&fits, 0, &mean_signal);
    warn(&fits, &points[dimension - 1], signal_error, &mut warnings);
    let area = trials.unit() * trials.unit();
    let repeats = trials.repeats();
    let end = |most: bool| {
        let found = if most { repeats.iter().max() } else { repeats.iter().min() };
        found.copied().unwrap_or(0)
    };
    let axes = &fits.axes;
    Ok(NoiseAlignment {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        subject: "trials".to_owned(),
        settings: settings.clone(),
        conditions: trials.conditions(),
        repeats: [end(false), end(true)],
        missing: trials.missing(),
        without_gain: trials.is_without_gain(),
        units,
        signal_variance: mean_signal(&fits.all) * area,
        signal_standard_error: signal_error.map(|e| e * area),
        noise_variance: noise * area,
        noise_dimension: square.map(|_| 1.0 / concentration),
        dimension,
        curve: points,
        moments: NoiseMoments {
            along: moments.along * area,
            squared: moments.squared * area * area,
            total: moments.total * area,
        },
        cosines,
        limit: moments.limit(),
        components: (0..curve)
            .flat_map(|k| (0..units).map(move |i| axes.basis[i * axes.dimension + k]))
            .collect(),
        warnings,
    })
}

/// The dimension of the manifold that `settings` ask for.
fn dimension(
    fits: &Fits,
    curve: usize,
    settings: &TrialsSettings,
    warnings: &mut Vec<String>,
) -> Result<usize> {
    match settings.dimension {
        Dimension::Count(count) if count <= curve => Ok(count),
        Dimension::Count(count) => {
            let problem = format!("{count} of the {curve} signal components that were found");
            Err(Error::config("dim", problem)
                .mend(format!("give at most {curve}; more conditions, repeats or units show more")))
        }
        Dimension::Variance(share) => {
            let captured = &fits.all.captured()[..curve];
            let most = captured.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if most <= 0.0 {
                warnings.push("no component has signal variance in repeats that did not define it".into());
                return Ok(1);
            }
            let enough = captured.iter().position(|c| *c >= share * most);
            Ok(enough.map_or(curve, |at| at + 1))
        }
    }
}

fn points(fits: &Fits, curve: usize, units: usize, concentration: f64) -> Vec<AlignmentPoint> {
    let (alpha, uncorrelated) = (fits.all.alpha(), fits.all.alpha_uncorrelated());
    let (captured, conditions, plain) = (fits.all.captured(), fits.shuffled.alpha(), fits.plain.alpha());
    let n = units as f64;
    let point = |at: usize| {
        let d = (at + 1) as f64;
        // As of a Jacobian with the squared singular values w: here the variances of S.
        let single = 2.0 * d * (n - d) / (n * n * (n + 2.0));
        let variance = single * (concentration - (1.0 - concentration) / (n - 1.0).max(1.0));
        AlignmentPoint {
            dimension: at + 1,
            alpha: alpha[at],
            standard_error: error(fits, at + 1, &|sums| sums.alpha()[at]),
            chance: d / n,
            chance_sd: variance.max(0.0).sqrt(),
            shuffled: uncorrelated[at],
            shuffled_conditions: conditions.get(at).copied(),
            plain: plain.get(at).copied(),
            signal: captured[at],
        }
    };
    (0..curve).map(point).collect()
}

/// Standard error of a statistic by the delete-a-group jackknife over conditions (Kott 2001); none where a group leaves fewer than
/// `dimension` components, or there are no groups.
fn error(fits: &Fits, dimension: usize, statistic: &dyn Fn(&Sums) -> f64) -> Option<f64> {
    let groups = fits.without.len();
    if groups < 2 || fits.without.iter().any(|sums| sums.dimension() < dimension) {
        return None;
    }
    let values: Vec<f64> = fits.without.iter().map(statistic).collect();
    let mean = values.iter().sum::<f64>() / groups as f64;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    Some((squares * (groups - 1) as f64 / groups as f64).sqrt())
}

fn warn(fits: &Fits, at: &AlignmentPoint, signal_error: Option<f64>, warnings: &mut Vec<String>) {
    let signal = fits.all.signals / fits.all.fits as f64;
    if signal_error.is_some_and(|error| signal < 2.0 * error) {
        warnings.push(
            "the variance of the signal is within two standard errors of none: there may be no manifold"
                .into(),
        );
    } else if at.signal < 0.5 {
        warnings.push(format!(
            "the {} components hold {:.0} % of the signal variance in the other repeats: they are partly noise, and drawn to where noise \
             is strong; more repeats or conditions, or a smaller dimension, help",
            at.dimension,
            100.0 * at.signal.max(0.0)
        ));
    }
}
