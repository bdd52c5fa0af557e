//! What the exponents show, in sentences made from the numbers.

use super::fits::{Fit, NOISES, Noise, TARGETS};
use nmnc_analysis::analysis::Target;
use nmnc_report::text::{count, fixed, list, with_range};
use nmnc_report::{Measurement, Measurements};

pub(super) fn verdict(fits: &[Fit], table: &Measurements, most: usize) -> Vec<String> {
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
    out.extend(against_law(table));
    out.extend(attainable(table));
    out.extend(unreached(table, most));
    out
}

fn jacobian(target: Target) -> &'static str {
    match target {
        Target::Example => "Jacobian of one example",
        Target::Mean => "mean Jacobian",
    }
}

/// "Probes needed over those of the law: ..."
fn against_law(table: &Measurements) -> Option<String> {
    let needed = table.rows().iter().filter(|row| row.metric == "probes");
    let mut ratios: Vec<f64> =
        needed.filter_map(|row| Some(row.value / table.beside(row, "probes_law")?)).collect();
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
fn attainable(table: &Measurements) -> Option<String> {
    let span = |noise: &Noise| {
        let own = table.rows().iter().filter(|row| row.metric == "attainable" && row.condition == noise.name);
        let mut values: Vec<f64> = own.map(|row| row.value).collect();
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

fn unreached(table: &Measurements, most: usize) -> Option<String> {
    let laws: Vec<&Measurement> = table.rows().iter().filter(|row| row.metric == "probes_law").collect();
    let missing: Vec<&&Measurement> =
        laws.iter().filter(|row| table.beside(row, "probes").is_none()).collect();
    let law = missing.iter().map(|row| row.value).fold(0.0, f64::max);
    (!missing.is_empty()).then(|| {
        format!(
            "Not reached with {most} probes, and left out of the exponents: {} of {} measurements (the law asks for up to {}).",
            missing.len(),
            laws.len(),
            count(law.round())
        )
    })
}
