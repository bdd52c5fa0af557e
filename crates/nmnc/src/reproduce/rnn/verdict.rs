//! What accuracies show, in sentences made from the numbers.

use super::super::contrast::compared;
use super::super::statistics::{Interval, interval};
use super::conditions::{EXACT, VANILLA};
use super::results::{Cell, Results, Row};
use nmnc_report::text::{count_tick, fixed, list, plural, with_half};

/// Points that a rule may be behind the ideal observer to be called as good.
const CLOSE: f64 = 2.0;
/// Seeds from which both outcomes of a task that is solved or not can be expected to be seen.
const ENOUGH: usize = 8;
/// Points between the worst of the seeds that solve a task and the best of those that do not, from which outcomes part in two.
const PARTED: f64 = 20.0;
/// Tasks on which a rule must be above vanilla noise correlation for the claim.
const WANTED: usize = 3;

pub(super) fn verdict(results: &Results) -> Vec<String> {
    let mut out = vec![heading(results.seeds())];
    if (2..ENOUGH).contains(&results.seeds()) {
        out.push(format!(
            "With fewer than {ENOUGH} seeds an interval can be far too short where runs either solve a task or stay at chance: what it shows \
             should be made again with other seeds (--first-seed)."
        ));
    }
    out.extend(levels(results));
    out.extend(parted(results));
    let probing: Vec<usize> = (0..results.conditions.len())
        .filter(|i| results.conditions[*i].probes && results.conditions[*i].name != VANILLA)
        .collect();
    for budget in results.budgets() {
        for &condition in &probing {
            let rows: Vec<&Row> = results
                .by_task()
                .filter(|r| r.cell.condition == condition && r.budget == Some(budget))
                .collect();
            let gains = places(&rows, |row| row.less_vanilla);
            if !gains.is_empty() {
                let label = &results.conditions[condition].label;
                let probes = count_tick(rows[0].probes.mean);
                let with = format!("VNC at N = {} with {probes} probes", results.units);
                out.push(compared(label, &with, &gains, 1));
                out.extend(claim(label, results.units, &gains));
                let over_isotropic = places(&rows, |row| row.less_isotropic);
                if let Some(name) = &results.conditions[condition].isotropic
                    && let Some(other) = results.conditions.iter().find(|c| c.name == *name)
                    && !over_isotropic.is_empty()
                {
                    let other = format!("{} at N = {} with {probes} probes", other.label, results.units);
                    out.push(compared(label, &other, &over_isotropic, 1));
                }
                let speed = places(&rows, |row| row.mean_less_vanilla);
                out.push(compared(&format!("{label}, mean over training,"), &with, &speed, 1));
            }
        }
    }
    for condition in results.conditions.iter().filter(|c| c.name != EXACT) {
        let best = results.budgets().last().copied().filter(|_| condition.probes);
        let rows: Vec<&Row> =
            results.by_task().filter(|r| r.condition == condition.name && r.budget == best).collect();
        let gaps = places(&rows, |row| row.less_exact);
        if !gaps.is_empty() {
            out.push(compared(&condition.label, "BPTT", &gaps, 1));
        }
    }
    for task in results.scaled() {
        for &condition in &probing {
            let rows = results.over_widths(task, condition);
            let gains: Vec<(String, Interval)> =
                rows.iter().filter_map(|r| Some((format!("N = {}", r.units), r.less_vanilla?))).collect();
            if !gains.is_empty() {
                let label = &results.conditions[condition].label;
                let with = format!("VNC on {} by width", results.tasks[task]);
                out.push(compared(label, &with, &gains, 1));
                let cosines: Vec<(String, Interval)> = rows
                    .iter()
                    .filter_map(|r| Some((format!("N = {}", r.units), r.cosine_less_vanilla?)))
                    .collect();
                if !cosines.is_empty() {
                    let name = format!("{label}, cosine of the recurrent weight’s gradient with BPTT’s,");
                    out.push(compared(&name, &with, &cosines, 2));
                }
            }
        }
    }
    out.extend(alignment(results));
    out
}

fn heading(seeds: usize) -> String {
    if seeds < 2 {
        return "Accuracy on evaluation trials, one seed: differences, in points, have no interval, and nothing can be concluded."
            .to_owned();
    }
    format!(
        "Accuracy on evaluation trials, {}; differences, in points, are between runs of the same seed, and ± is half the 95 % t \
         interval over seeds.",
        plural(seeds, "seed")
    )
}

/// What backpropagation through time reaches, beside the ideal observer.
fn levels(results: &Results) -> Option<String> {
    let rows: Vec<&Row> = results.by_task().filter(|row| row.condition == EXACT).collect();
    let part = |row: &&Row| {
        let ideal = results.ideal[row.cell.task];
        let known = ideal.map_or_else(
            || "ideal level not known".to_owned(),
            |ideal| {
                let (goal, found) = (100.0 * ideal - CLOSE, row.accuracy);
                let word = match found.half {
                    None if found.mean >= goal => "reached by this seed",
                    None => "not reached by this seed",
                    Some(half) if found.mean - half >= goal => "reached",
                    Some(_) if found.below(goal) => "not reached",
                    Some(_) => "not told by these seeds",
                };
                format!("ideal observer {}: {word}", fixed(100.0 * ideal, 1))
            },
        );
        format!("{} {} ({known})", row.task, with_half(Some(row.accuracy), 1))
    };
    let parts: Vec<String> = rows.iter().map(part).collect();
    let points = plural(CLOSE as usize, "point");
    (!parts.is_empty()).then(|| format!("BPTT, in %, reached meaning within {points}: {}.", list(&parts)))
}

/// Where seeds fall into two groups, more than twice as far from each other as either is wide: means say little there.
fn parted(results: &Results) -> Option<String> {
    let part = |cell: &Cell| {
        let mut accuracies: Vec<f64> = results.of(cell).map(|run| 100.0 * run.accuracy).collect();
        accuracies.sort_by(f64::total_cmp);
        let gap = |at: usize| accuracies[at] - accuracies[at - 1];
        let split = (1..accuracies.len()).max_by(|a, b| gap(*a).total_cmp(&gap(*b)))?;
        let (low, high) = accuracies.split_at(split);
        let width = |group: &[f64]| group[group.len() - 1] - group[0];
        let (best, worst) = (low[low.len() - 1], high[0]);
        let apart = accuracies.len() > 2 && gap(split) > (2.0 * width(low).max(width(high))).max(PARTED);
        let condition = &results.conditions[cell.condition].label;
        let with = cell.budget.map_or_else(String::new, |_| {
            format!(
                " with {} probes",
                count_tick(results.of(cell).map(|run| run.probes as f64).fold(0.0, f64::max))
            )
        });
        apart.then(|| {
            format!(
                "{condition} on {} at N = {}{with} ({} of {} at least {}, the rest at most {})",
                results.tasks[cell.task],
                cell.units,
                high.len(),
                accuracies.len(),
                fixed(worst, 1),
                fixed(best, 1)
            )
        })
    };
    let found: Vec<String> = results.cells.iter().filter_map(part).collect();
    (!found.is_empty()).then(|| {
        format!("Seeds fall into two groups, of which neither mean nor interval tells: {}.", list(&found))
    })
}

/// Whether the rule is above vanilla noise correlation on enough tasks, if there are as many.
fn claim(label: &str, units: usize, gains: &[(String, Interval)]) -> Option<String> {
    let of = |keep: fn(&Interval) -> bool| gains.iter().filter(|(_, gain)| keep(gain)).count();
    let (above, below) = (of(|g| g.above(0.0)), of(|g| g.below(0.0)));
    let word = if above >= WANTED { "shown" } else { "not shown" };
    (gains.len() >= WANTED).then(|| {
        format!(
            "That {label} is above VNC at equal probes at N = {units} on {WANTED} tasks or more is {word}: above on {above}, below on \
             {below} of {}.",
            plural(gains.len(), "task")
        )
    })
}

/// Differences with where they were found.
fn places(rows: &[&Row], value: impl Fn(&Row) -> Option<Interval>) -> Vec<(String, Interval)> {
    rows.iter().filter_map(|row| Some((row.task.clone(), value(row)?))).collect()
}

/// Where the lagged Jacobians lie, over tasks.
fn alignment(results: &Results) -> Option<String> {
    let own = |row: &&Row| {
        results.conditions[row.cell.condition].probes.then_some(results.budgets().last().copied())
            == Some(row.budget)
            || row.budget.is_none()
    };
    let rows: Vec<&Row> = results.by_task().filter(own).collect();
    let before = interval(rows.iter().filter_map(|row| Some(row.untrained_alpha?.mean)))?;
    let parts: Vec<String> = results
        .conditions
        .iter()
        .filter_map(|condition| {
            let own = rows.iter().filter(|row| row.condition == condition.name);
            let alpha = interval(own.filter_map(|row| Some(row.alpha?.mean)))?;
            Some(format!("{} {}", condition.label, fixed(alpha.mean, 2)))
        })
        .collect();
    Some(format!(
        "Captured energy of lagged Jacobians, mean over tasks at N = {}: {} before training ({} by chance), after it {}.",
        results.units,
        fixed(before.mean, 2),
        fixed(rows.first()?.chance_alpha, 2),
        list(&parts)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::RecurrentRun;
    use super::super::conditions::conditions;
    use super::super::results::{Plan, Run, tabulate};
    use super::*;
    use nmnc_analysis::analysis::StateAnalysis;
    use nmnc_report::Measurements;

    /// Results of the runs of each cell, of 64 units each.
    fn found<'a>(
        plan: Plan<'a>,
        measured: &'a [Vec<(u64, RecurrentRun)>],
        table: &'a mut Measurements,
    ) -> Results<'a> {
        let cells = plan.cells.iter().zip(measured);
        let runs: Vec<Run<'a>> =
            cells.flat_map(|(cell, runs)| runs.iter().map(move |(seed, run)| (cell, *seed, run))).collect();
        for (cell, seed, run) in &runs {
            tabulate(&cell.place(plan.conditions, plan.tasks), *seed, run, table);
        }
        Results::new(plan, runs, table)
    }

    fn runs(accuracies: [f64; 3], probes: u64) -> Vec<(u64, RecurrentRun)> {
        let run = |accuracy: f64| RecurrentRun {
            accuracy,
            mean_accuracy: 0.5 * accuracy,
            unbroken_accuracy: accuracy,
            fixation_breaks: 0.0,
            misses: 0.0,
            probes,
            probes_per_trial: probes as f64 / 1000.0,
            seconds: 1.0,
            cosine: None,
            weight_cosine: None,
            states: StateAnalysis {
                subject: String::new(),
                task: String::new(),
                step: 0,
                units: 64,
                trials: 100,
                dimension: 16,
                explained: [0.5, 0.2, 0.1],
                pooled: [Some(0.5), Some(0.25)],
                over_time: Vec::new(),
                lags: Vec::new(),
                curves: Vec::new(),
                conditions: Vec::new(),
                warnings: Vec::new(),
            },
        };
        (0..).zip(accuracies.map(run)).collect()
    }

    #[test]
    fn the_sentences_say_what_the_numbers_say() {
        let conditions = conditions(&["bptt", "vnc", "nmnc"].map(str::to_owned)).unwrap();
        let tasks = ["A", "B"].map(str::to_owned);
        let cell = |task, condition, budget| Cell { task, condition, budget, units: 64 };
        let cells = [
            cell(0, 0, None),
            cell(0, 1, Some(0.1)),
            cell(0, 2, Some(0.1)),
            cell(1, 0, None),
            cell(1, 1, Some(0.1)),
            cell(1, 2, Some(0.1)),
        ];
        let measured = [
            runs([0.99, 0.99, 0.99], 0),
            runs([0.80, 0.82, 0.81], 100),
            runs([0.90, 0.92, 0.91], 100),
            runs([0.70, 0.70, 0.70], 0),
            runs([0.60, 0.70, 0.65], 100),
            // Accuracies at different probes are not compared.
            runs([0.90, 0.92, 0.91], 101),
        ];
        let ideal = [Some(1.0), Some(0.9)];
        let plan = Plan { conditions: &conditions, tasks: &tasks, ideal: &ideal, units: 64, cells: &cells };
        let mut table = Measurements::default();
        let results = found(plan, &measured, &mut table);
        assert!(results.rows[5].less_vanilla.is_none());
        let said = verdict(&results);
        assert_eq!(
            said[2..5],
            [
                "BPTT, in %, reached meaning within 2 points: A 99.0 ± 0.0 (ideal observer 100.0: reached) and B 70.0 ± 0.0 (ideal \
                 observer 90.0: not reached).",
                "NMNC against VNC at N = 64 with 100 probes: above: 10.0 ± 0.0 at A.",
                "NMNC, mean over training, against VNC at N = 64 with 100 probes: above: 5.0 ± 0.0 at A.",
            ]
        );
        let gain = interval([10.0, 10.1, 9.9]).unwrap();
        let gains: Vec<(String, Interval)> = ["A", "B", "C"].map(|task| (task.to_owned(), gain)).into();
        assert_eq!(
            claim("NMNC", 64, &gains).unwrap(),
            "That NMNC is above VNC at equal probes at N = 64 on 3 tasks or more is shown: above on 3, below on 0 of 3 tasks."
        );
        assert!(claim("NMNC", 64, &gains[1..]).is_none(), "two tasks cannot show it");
        assert!(said.iter().all(|sentence| !sentence.contains("two groups")));
        assert!(said[5].starts_with("VNC against BPTT: below: −18.0 ± 2.5 at A"), "{}", said[5]);
        assert!(said[1].starts_with("With fewer than 8 seeds"), "{}", said[1]);
        assert_eq!(
            said.last().unwrap(),
            "Captured energy of lagged Jacobians, mean over tasks at N = 64: 0.25 before training (0.25 by chance), after it BPTT 0.50, \
             VNC 0.50 and NMNC 0.50."
        );
    }
    #[test]
    fn cells_whose_seeds_part_in_two_are_named() {
        let conditions = conditions(&["bptt", "vnc"].map(str::to_owned)).unwrap();
        let tasks = ["A", "B"].map(str::to_owned);
        let cells = [(0, 0, None), (0, 1, Some(0.1)), (1, 0, None), (1, 1, Some(0.1))]
            .map(|(task, condition, budget)| Cell { task, condition, budget, units: 64 });
        let measured = [
            runs([0.99, 0.52, 0.98], 0),
            // Spread, but not in two.
            runs([0.50, 0.75, 0.99], 100),
            // Close enough to be one group.
            runs([0.90, 0.75, 0.90], 0),
            runs([0.50, 0.96, 0.48], 100),
        ];
        let ideal = [None, None];
        let plan = Plan { conditions: &conditions, tasks: &tasks, ideal: &ideal, units: 64, cells: &cells };
        let mut table = Measurements::default();
        let results = found(plan, &measured, &mut table);
        let said = verdict(&results);
        let parted: Vec<&String> = said.iter().filter(|sentence| sentence.contains("two groups")).collect();
        assert_eq!(
            parted,
            [
                "Seeds fall into two groups, of which neither mean nor interval tells: BPTT on A at N = 64 (2 of 3 at least 98.0, the rest \
              at most 52.0) and VNC on B at N = 64 with 100 probes (1 of 3 at least 96.0, the rest at most 50.0)."
            ]
        );
    }
}
