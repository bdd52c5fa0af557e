//! What came out, in sentences.

use super::contrasts::Contrast;
use super::scores::{Scores, TargetScores};
use nmnc_report::text::{fixed, list};

/// One sentence a target on the similarities, and one for each pair of conditions on their difference.
pub fn verdict(scores: &Scores) -> Vec<String> {
    let mut out = Vec::new();
    for target in &scores.targets {
        out.push(similarities(scores, target));
    }
    for pair in pairs(scores) {
        for target in &scores.targets {
            out.extend(difference(scores, target, &pair));
        }
    }
    out
}

fn pairs(scores: &Scores) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for contrast in scores.targets.iter().flat_map(|t| &t.contrasts) {
        let pair = (contrast.condition.clone(), contrast.less.clone());
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    pairs
}

fn label<'a>(scores: &'a Scores, name: &'a str) -> &'a str {
    scores.conditions.iter().find(|c| c.name == name).map_or(name, |c| c.label.as_str())
}

fn similarities(scores: &Scores, target: &TargetScores) -> String {
    let parts: Vec<String> = target
        .conditions
        .iter()
        .map(|c| format!("{} {}", label(scores, &c.condition), fixed(c.reported.seeds.mean, 3)))
        .collect();
    let ceiling = target.reported_ceiling.map_or_else(String::new, |ceiling| {
        format!(" (noise ceiling {} to {})", fixed(ceiling.lower, 2), fixed(ceiling.upper, 2))
    });
    format!(
        "{}, {} of the stage chosen on the other half of the stimuli: {}{ceiling}.",
        target.target,
        scores.settings.comparison.title(),
        list(&parts)
    )
}

/// "NMNC less VNC, monkey IT: 0.032 at the chosen stage (95 %: seeds −0.007 to 0.071, stimuli −0.021 to 0.086), no difference shown;
/// over all stimuli shown at stage 2 (0.039), not shown at stage 1 (0.016)."
fn difference(scores: &Scores, target: &TargetScores, (a, b): &(String, String)) -> Option<String> {
    let own: Vec<&Contrast> = target.contrasts.iter().filter(|c| c.condition == *a && c.less == *b).collect();
    let chosen = own.iter().find(|c| c.stage.is_none())?;
    let mut text = format!("{} less {}, {}: ", label(scores, a), label(scores, b), target.target);
    text += &format!(
        "{} at the chosen stage ({}), {}",
        fixed(chosen.seeds.mean, 3),
        intervals(chosen),
        said(chosen)
    );
    let at = |contrasts: &[&&Contrast]| {
        let one = |c: &&&Contrast| format!("stage {} ({})", c.stage.unwrap_or(0), fixed(c.seeds.mean, 3));
        list(&contrasts.iter().map(one).collect::<Vec<_>>())
    };
    let staged: Vec<&&Contrast> = own.iter().filter(|c| c.stage.is_some()).collect();
    // With chance at 5 % a difference, of many some would come out by chance.
    type Kept = fn(&Contrast) -> bool;
    let groups: [(&str, Kept); 3] = [
        ("shown", |c| c.shown()),
        ("shown before correction for all differences only", |c| !c.shown() && c.p < 0.05),
        ("not shown", |c| !c.shown() && c.p.partial_cmp(&0.05).is_none_or(|order| order.is_ge())),
    ];
    let parts: Vec<String> = groups
        .iter()
        .filter_map(|(words, keep)| {
            let kept: Vec<&&Contrast> = staged.iter().copied().filter(|c| keep(c)).collect();
            (!kept.is_empty()).then(|| format!("{words} at {}", at(&kept)))
        })
        .collect();
    if !parts.is_empty() {
        text += &format!("; over all stimuli {}", parts.join(", "));
    }
    Some(text + ".")
}

fn said(contrast: &Contrast) -> &'static str {
    if contrast.shown() { "a difference" } else { "no difference shown" }
}

fn intervals(contrast: &Contrast) -> String {
    let ends = |low: f64, high: f64| format!("{} to {}", fixed(low, 3), fixed(high, 3));
    let stimuli = format!("stimuli {}", ends(contrast.stimuli.low, contrast.stimuli.high));
    match contrast.seeds.half {
        Some(half) => {
            let mean = contrast.seeds.mean;
            format!("95 %: seeds {}, {stimuli}", ends(mean - half, mean + half))
        }
        None => format!("one seed; 95 %: {stimuli}"),
    }
}
