//! What records that are read must be beyond their types, so that whoever draws or counts them may rely on it.

use super::{Psychometric, Record, StageRecord, Summary};
use crate::statistics::psychometric::MOST_LEVELS;

/// Stages of the deepest network that records can tell of.
pub const MOST_STAGES: usize = 4_096;
/// Characters of the longest name of a rule.
const LONGEST_NAME: usize = 200;
/// Bytes of the longest text: a command line may be long.
const LONGEST_TEXT: usize = 4 << 20;
/// Conditions of a task that records tell of.
const MOST_CONDITIONS: u64 = 256;
/// The most steps, units or the like: larger numbers are not all told apart when they are drawn.
const MOST: u64 = 1 << 53;

/// What is wrong, in words.
type Checked = Result<(), String>;

/// A record that follows one of the step `before`.
pub(super) fn record(record: &Record, before: Option<u64>) -> Checked {
    at_most("step", record.step, MOST)?;
    if let Some(before) = before
        && record.step <= before
    {
        return Err(format!("step {} comes after step {before}", record.step));
    }
    let numbers = [
        ("epoch", record.epoch),
        ("learning_rate", record.learning_rate),
        ("seconds", record.seconds),
        ("waiting", record.waiting),
    ];
    for (name, value) in numbers {
        not_negative(name, value)?;
    }
    at_most("conditions", record.conditions.len() as u64, MOST_CONDITIONS)?;
    for told in &record.conditions {
        at_most("bytes of a condition's name", told.condition.len() as u64, LONGEST_TEXT as u64)?;
        at_most("trials", told.trials as u64, MOST)?;
        not_negative("accuracy of a condition", told.accuracy)?;
    }
    record.psychometric.as_ref().map_or(Ok(()), psychometric)?;
    let mut last = 0;
    for stage in &record.stages {
        if stage.stage <= last || stage.stage > MOST_STAGES {
            return Err(match last {
                0 => format!("stage {} is not one from 1 to {MOST_STAGES}", stage.stage),
                _ => format!("stage {} after stage {last} is not one up to {MOST_STAGES}", stage.stage),
            });
        }
        last = stage.stage;
        of_stage(stage).map_err(|problem| format!("stage {last}: {problem}"))?;
    }
    Ok(())
}

fn of_stage(stage: &StageRecord) -> Checked {
    at_most("units", stage.units as u64, MOST)?;
    for (name, value) in [("rule_dimension", stage.rule_dimension), ("dimension", stage.dimension)] {
        at_most(name, value.unwrap_or(0) as u64, MOST)?;
    }
    for (name, value) in [("norm_ratio", stage.norm_ratio), ("weight_norm_ratio", stage.weight_norm_ratio)] {
        // NaN stands for a number that was not finite.
        not_negative(name, if value.is_nan() { 0.0 } else { value })?;
    }
    Ok(())
}

fn psychometric(told: &Psychometric) -> Checked {
    let within = || {
        at_most("bytes of the name of a strength", told.strength.len() as u64, LONGEST_TEXT as u64)?;
        at_most("levels", told.levels.len() as u64, MOST_LEVELS as u64)?;
        for level in &told.levels {
            at_most("trials", level.trials as u64, MOST)?;
            at_most("chosen", level.chosen as u64, level.trials as u64)?;
        }
        let Some(fit) = &told.fit else { return Ok(()) };
        let errors =
            [Some(fit.mu_se), Some(fit.sigma_se), Some(fit.slope_se), fit.lapse_low_se, fit.lapse_high_se];
        errors.into_iter().flatten().try_for_each(|error| not_negative("a standard error", error))?;
        for (name, lapse) in [("lapse_low", fit.lapse_low), ("lapse_high", fit.lapse_high)] {
            if !(0.0..=0.5).contains(&lapse) {
                return Err(format!("{name}: {lapse} is not a number from 0 to 0.5"));
            }
        }
        match fit.sigma > 0.0 {
            true => Ok(()),
            false => Err(format!("sigma: {} is not above 0", fit.sigma)),
        }
    };
    within().map_err(|problem| format!("psychometric: {problem}"))
}

/// The summary of a run.
pub(super) fn summary(summary: &Summary) -> Checked {
    rule(&summary.rule).map_err(|problem| format!("rule: {problem}"))?;
    at_most("steps", summary.steps, MOST)?;
    at_most("parameters", summary.parameters as u64, MOST)?;
    let numbers = [
        ("epochs", summary.epochs),
        ("seconds", summary.seconds),
        ("probes_per_example", summary.probes_per_example),
    ];
    for (name, value) in numbers {
        not_negative(name, value)?;
    }
    summary.psychometric.as_ref().map_or(Ok(()), psychometric)?;
    at_most("stage_units", summary.stage_units.len() as u64, MOST_STAGES as u64)?;
    let named = summary.environment.iter().flat_map(|(name, value)| [name, value]);
    let texts = [&summary.version, &summary.device, &summary.command, &summary.config_sha256];
    not_negative("loss_factor", summary.loss_factor.unwrap_or(0.0))?;
    match texts.into_iter().chain(named).chain(&summary.warnings).find(|text| text.len() > LONGEST_TEXT) {
        Some(text) => Err(format!("a text of {} bytes is longer than {LONGEST_TEXT}", text.len())),
        None => Ok(()),
    }
}

/// The name of a rule.
pub(super) fn rule(name: &str) -> Checked {
    match name.chars().count() {
        0 => Err("is empty".to_owned()),
        1..=LONGEST_NAME => Ok(()),
        length => Err(format!("a name of {length} characters is longer than {LONGEST_NAME}")),
    }
}

fn at_most(name: &str, value: u64, most: u64) -> Checked {
    if value <= most { Ok(()) } else { Err(format!("{name}: {value} is more than {most}")) }
}

fn not_negative(name: &str, value: f64) -> Checked {
    if value >= 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(format!("{name}: {value} is not a number from 0 on"))
    }
}
