//! `nmnc plan`.

use nmnc::Result;
use nmnc::plan::{Amount, DataSize, Plan, StagePlan, Timed, plan};
use nmnc::train::{AnyConfig, RunConfig};
use serde_json::{Value, json};

use crate::cli;
use crate::output::Output;
use crate::plan_table;
use crate::trial;

/// Plans, and prints what comes out.
pub fn run(arguments: &cli::Plan, out: Output) -> Result<()> {
    let config = AnyConfig::read(&arguments.config, &arguments.overrides.settings())?.resolve()?;
    trial::check(config.device())?;
    let given = (arguments.image, arguments.classes, arguments.examples);
    let size = match given {
        (Some(image), Some(classes), Some(examples)) => Some(DataSize { image, classes, examples }),
        _ => None,
    };
    let plan = plan(&config, size, !arguments.untimed)?;
    if out.json {
        events(&plan, out);
        return Ok(());
    }
    out.payload(&plan_table::text(&plan))
}

fn events(plan: &Plan, out: Output) {
    out.event(
        "plan",
        json!({
            "rule": plan.rule,
            "subject": plan.subject,
            "device": plan.device,
            "threads": rayon::current_num_threads(),
            "batch": plan.batch,
            "steps_per_epoch": plan.steps_per_epoch,
            "epochs": plan.epochs,
            "parameters": plan.parameters,
            "memory_bytes": u64::try_from(plan.need.total()).unwrap_or(u64::MAX),
            "step": amount(plan.step()),
            "evaluation": amount(plan.evaluation),
            "epoch": amount(plan.epoch()),
            "run": amount(plan.run()),
        }),
    );
    for stage in &plan.stages {
        out.event("stage", fields(stage));
    }
    for Timed { operation, seconds, flops, bytes } in &plan.timed {
        out.event(
            "timed",
            json!({ "operation": operation, "seconds": seconds, "flops": flops, "bytes": bytes }),
        );
    }
}

fn fields(stage: &StagePlan) -> Value {
    json!({
        "stage": stage.stage,
        "units": stage.units,
        "dimension": stage.dimension,
        "parameters": stage.parameters,
        "step": amount(stage.step()),
        "training": amount(stage.training),
        "signals": amount(stage.signals),
        "probe": amount(stage.probe),
        "probes_per_step": stage.probes,
        "refresh": amount(stage.refresh),
        "refreshes_per_step": stage.refreshes,
        "start": amount(stage.start),
    })
}

fn amount(amount: Amount) -> Value {
    json!({ "flops": amount.flops, "bytes": amount.bytes, "seconds": amount.seconds })
}
