//! Analysis of arrays that a user brings.

use super::captured::{Accumulator, Gathered};
use super::result::{Analysis, StageAnalysis};
use super::settings::AnalysisSettings;
use super::stage_alignment::alignment;
use crate::dimension::{self, Chosen, Components, Rows, shuffled};
use nmnc_core::error::{Error, Result};

/// Jacobians `[examples, outputs, units]` of outputs with respect to units, read one example at a time.
pub trait Jacobians {
    /// The file or whatever else it is, for errors.
    fn place(&self) -> String {
        "jacobian".to_owned()
    }

    /// Examples, outputs and units.
    fn shape(&self) -> [usize; 3];

    /// The Jacobian of one example, row-major `[outputs, units]`, over the unit.
    fn example(&self, index: usize) -> Vec<f32>;

    /// What one is in the numbers of [`Jacobians::example`], for Jacobians beyond the range of single precision.
    fn unit(&self) -> f64 {
        1.0
    }
}

/// Analyzes recorded activity, and a Jacobian against it if there is one.
///
/// Memory: principal axes, two f32 matrices `[units, settings.curve + 10]`; one block of samples; the shuffled control of as many
/// samples as fit into `settings.memory` bytes.
///
/// # Errors
/// Settings out of range, shapes that disagree, values that are not finite. Those of the Jacobian have its [place](Jacobians::place).
pub fn arrays(
    activity: &dyn Rows,
    jacobian: Option<&dyn Jacobians>,
    settings: &AnalysisSettings,
) -> Result<Analysis> {
    settings.check()?;
    let settings = &settings.for_outputs(jacobian.map_or(0, |j| j.shape()[1]));
    let units = activity.units();
    if let Some(jacobian) = jacobian
        && jacobian.shape()[2] != units
    {
        let problem = format!("has {} columns, the activity {units} units", jacobian.shape()[2]);
        return Err(
            Error::data(jacobian.place(), problem).mend("give dy/dx for the same units, in the same order")
        );
    }
    let (dimensions, axes) = dimension::measure(activity, &settings.dimension())?;
    let mut warnings = Vec::new();
    if dimensions.points < dimensions.samples {
        warnings.push(format!(
            "neighbors were found among {} of the {} samples, drawn at random",
            dimensions.points, dimensions.samples
        ));
    }
    if dimensions.total_variance == 0.0 {
        warnings.push("activity does not vary, so it has no dimension".into());
    } else {
        warnings.extend(dimensions.notes.iter().cloned());
    }
    let mut alignment_found = None;
    if let Some(jacobian) = jacobian {
        // Samples are held once in f64 and once in f32.
        let affordable = (settings.memory / (12 * units as u64)) as usize;
        let kept = Chosen::draw(activity, affordable.max(2), settings.seed);
        let control = dimension::components(&shuffled(&kept, settings.seed), settings.curve, settings.seed)?;
        if kept.samples() < activity.samples() {
            warnings.push(format!(
                "the shuffled control uses {} of the {} samples, as many as fit into {} MiB",
                kept.samples(),
                activity.samples(),
                settings.memory >> 20
            ));
        }
        let gathered = gather(jacobian, &[&axes, &control], settings)?;
        alignment_found = alignment(&gathered, &axes, None, kept.samples(), 0, settings)?;
        if let Some(found) = &mut alignment_found {
            found.singular_values.iter_mut().for_each(|value| *value *= jacobian.unit());
        } else {
            warnings
                .push("activity does not vary or the mean Jacobian is zero, so there is no alignment".into());
        }
    }
    let stage = StageAnalysis {
        stage: 1,
        units,
        dimensions,
        spectrum_complete: axes.complete,
        variances: axes.variances,
        alignment: alignment_found,
        probes: Vec::new(),
    };
    Ok(Analysis {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        subject: "arrays".to_owned(),
        step: None,
        settings: settings.clone(),
        stages: vec![stage],
        warnings,
    })
}

fn gather(
    jacobian: &dyn Jacobians,
    manifolds: &[&Components],
    settings: &AnalysisSettings,
) -> Result<Gathered> {
    let [examples, outputs, units] = jacobian.shape();
    let mut sums = Accumulator::new(outputs, units, settings.centered, manifolds);
    for index in 0..examples {
        let values = jacobian.example(index);
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            let place = format!("example {index}, output {}, unit {}", at / units, at % units);
            return Err(Error::data(jacobian.place(), format!("{place} is not finite"))
                .mend("leave out such examples, or units from both arrays"));
        }
        sums.add(values)?;
    }
    Ok(sums.finish())
}
