//! What the exponents show, in sentences made from the numbers.

use super::super::table::with_range;
use super::fits::{Data, Fit, NOISES, Noise, TARGETS};
use nmnc_analysis::analysis::{ProbesNeeded, Target};
use nmnc_report::text::{count, fixed, list};

pub(super) fn verdict(fits: &[Fit], data: &Data, most: usize) -> Vec<String> {
    let mut out = Vec::new();
    if fits.iter().all(|fit| fit.exponent.half.is_none()) {
        out.push("One seed: exponents have no interval, and nothing can be concluded.".to_owned());
    }
    let mut families: Vec<&str> = fits.iter().map(|fit| fit.family_label).collect();
    families.dedup();
    for (family, (target, ..)) in families.iter().flat_map(|f| TARGETS.map(|t| (f, t))) {
        let of_noise = |noise: &Noise| {
            let own = fits.iter().filter(|f| f.family_label == *family && f.target == target);
            let own: Vec<&Fit> = own.filter(|f| f.noise == noise.name).collect();
            let exponents: Vec<String> = own.iter().map(|f| with_range(&f.exponent, 2)).collect();
            let theory = own.first()?.theory;
            let theory = theory.map_or_else(String::new, |t| format!(" (theory {})", fixed(t, 0)));
            Some(format!("{}: {}{theory}", own[0].noise_label.to_lowercase(), list(&exponents)))
        };
        let parts: Vec<String> = NOISES.iter().filter_map(of_noise).collect();
        if !parts.is_empty() {
            out.push(format!(
                "{family} networks, {}: exponents of the probes needed against n, by stage: {}.",
                jacobian(target),
                parts.join("; ")
            ));
        }
    }
    out.extend(against_law(data));
    out.extend(attainable(data));
    out.extend(unreached(data, most));
    out
}

fn jacobian(target: Target) -> &'static str {
    match target {
        Target::Example => "Jacobian of one example",
        Target::Mean => "mean Jacobian",
    }
}

fn all<'a>(data: &'a Data, noise: &'a Noise) -> impl Iterator<Item = &'a ProbesNeeded> {
    data.iter().flat_map(|(_, _, run)| &run.stages).flat_map(|stage| (noise.of)(stage))
}

/// "Probes needed over those of the law: ..."
fn against_law(data: &Data) -> Option<String> {
    let ratios =
        NOISES.iter().flat_map(|noise| all(data, noise)).filter_map(|n| Some(n.needed? / n.needed_law));
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    let (least, most) = (ratios.first()?, ratios.last()?);
    Some(format!(
        "Probes needed over those that the law asks for: median {}, from {} to {} in {} measurements.",
        fixed(ratios[ratios.len() / 2], 2),
        fixed(*least, 2),
        fixed(*most, 2),
        ratios.len()
    ))
}

/// What noise on a manifold gives up: a smaller attainable cosine.
fn attainable(data: &Data) -> Option<String> {
    let span = |noise: &Noise| {
        let mut values: Vec<f64> = all(data, noise).map(|n| n.attainable).collect();
        values.sort_by(f64::total_cmp);
        Some(format!("{} to {}", fixed(*values.first()?, 2), fixed(*values.last()?, 2)))
    };
    Some(format!(
        "These probes buy 0.9 of the attainable cosine √α, which is 1 for isotropic noise, {} for the manifold of given d and {} for that \
         of 90 % of the variance.",
        span(&NOISES[1])?,
        span(&NOISES[2])?
    ))
}

fn unreached(data: &Data, most: usize) -> Option<String> {
    let entries: Vec<&ProbesNeeded> = NOISES.iter().flat_map(|noise| all(data, noise)).collect();
    let missing: Vec<&&ProbesNeeded> = entries.iter().filter(|n| n.needed.is_none()).collect();
    let law = missing.iter().map(|n| n.needed_law).fold(0.0, f64::max);
    (!missing.is_empty()).then(|| {
        format!(
            "Not reached with {most} probes, and left out of the exponents: {} of {} measurements (the law asks for up to {}).",
            missing.len(),
            entries.len(),
            count(law.round())
        )
    })
}
