//! What the experiment shows, in sentences made from the numbers.

use super::super::contrast::compared;
use super::super::statistics::Interval;
use super::predictors::Predictor;
use super::rows::{Found, Row};
use nmnc_report::text::{fixed, plural, with_half};

pub(super) fn verdict(found: &Found<'_>, predictors: &[Predictor]) -> Vec<String> {
    let over = |value: fn(&Row) -> Option<Interval>| -> Vec<(String, Interval)> {
        found.rows.iter().filter_map(|row| Some((row.label.clone(), value(row)?))).collect()
    };
    let seeds = found.rows.iter().filter_map(|row| row.gain).map(|gain| gain.n).min().unwrap_or(0);
    let shown = if seeds < 2 {
        "one seed: differences have no interval, and nothing can be concluded.".to_owned()
    } else {
        format!("{}; ± is half the 95 % t interval over seeds.", plural(seeds, "seed"))
    };
    let mut out = vec![format!("{}, {shown}", plural(found.rows.len(), "network"))];
    out.push(compared("NMNC’s accuracy in points", "VNC’s", &over(|row| row.gain), 1));
    out.extend(predictors.iter().filter_map(|predictor| foretold(predictor, found)));
    let alpha = over(|row| row.alpha);
    let extreme = |sign: f64| alpha.iter().max_by(|a, b| (sign * a.1.mean).total_cmp(&(sign * b.1.mean)));
    if let (Some((low, least)), Some((high, most))) = (extreme(-1.0), extreme(1.0)) {
        out.push(format!(
            "α of the mean Jacobian, mean over stages, is {} ({low}) to {} ({high}).",
            with_half(Some(*least), 3),
            with_half(Some(*most), 3)
        ));
    }
    let less = over(|row| row.alpha_less_base);
    if let (Some(first), false) = (found.networks.first(), less.is_empty()) {
        out.push(compared("α", &format!("that of {}", first.label), &less, 3));
    }
    out
}

/// How the gain goes with a predictor.
fn foretold(predictor: &Predictor, found: &Found<'_>) -> Option<String> {
    let (rho, (low, high)) = (predictor.spearman?, predictor.interval?);
    let shown = match (low > 0.0, high < 0.0) {
        (true, _) => "the gain grows with it",
        (_, true) => "the gain falls with it",
        _ => "no relation is shown",
    };
    // Signs tell where a rule of thumb, to take the manifold where the number is above 0, would be wrong.
    let wrong = predictor.networks.iter().filter(|(_, x, gain)| x.signum() != gain.signum());
    let surely = |at: usize| found.rows[at].gain.is_some_and(|gain| gain.above(0.0) || gain.below(0.0));
    let wrong = wrong.filter(|(at, ..)| surely(*at)).count();
    let sure = predictor.networks.iter().filter(|(at, ..)| surely(*at)).count();
    Some(format!(
        "{}: Spearman’s ρ with NMNC’s gain is {} [{}, {}] over {} ({shown}); of {sure} gains and losses that are shown it has the sign of {}.",
        predictor.label,
        fixed(rho, 2),
        fixed(low, 2),
        fixed(high, 2),
        plural(predictor.networks.len(), "network"),
        sure - wrong
    ))
}
