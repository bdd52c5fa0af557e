//! Everything that was measured, by cell, with differences to the rules that others are compared with.

use serde::Serialize;

use super::super::statistics::{Interval, interval};
use super::RecurrentRun;
use super::conditions::{Condition, EXACT, VANILLA};
use nmnc_report::Measurements;
use nmnc_report::measurements::Place;

/// One condition on one task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    /// Index of the task.
    pub task: usize,
    /// Index of the condition.
    pub condition: usize,
    /// Probes per training trial asked for; none for rules that perturb nothing.
    pub budget: Option<f64>,
    /// Number N of units.
    pub units: usize,
}

/// A cell over seeds. Accuracies, breaks and misses are in percent, differences in points.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub task: String,
    pub condition: String,
    #[serde(skip)]
    pub cell: Cell,
    pub units: usize,
    pub budget: Option<f64>,
    pub probes: Interval,
    pub probes_per_trial: Interval,
    pub accuracy: Interval,
    pub unbroken_accuracy: Interval,
    /// Mean over the epochs of training.
    pub mean_accuracy: Interval,
    pub fixation_breaks: Interval,
    pub misses: Interval,
    /// Less backpropagation through time at the same width and seed.
    pub less_exact: Option<Interval>,
    /// Less vanilla noise correlation at the same width, budget and seed, where both spent as many probes.
    pub less_vanilla: Option<Interval>,
    /// Less the same estimator with isotropic noise, where that is another condition than vanilla noise correlation.
    pub less_isotropic: Option<Interval>,
    /// Less vanilla noise correlation, of the mean accuracy over training.
    pub mean_less_vanilla: Option<Interval>,
    /// The same of the cosine of the recurrent weight's gradient.
    pub cosine_less_vanilla: Option<Interval>,
    pub cosine: Option<Interval>,
    pub weight_cosine: Option<Interval>,
    /// Captured energy of lagged Jacobians after training, before, and by chance.
    pub alpha: Option<Interval>,
    pub untrained_alpha: Option<Interval>,
    pub chance_alpha: f64,
    /// Seconds of training, mean over seeds.
    pub seconds: f64,
}

/// The cell and the seed of a run, and what was measured.
pub(super) type Run<'a> = (&'a Cell, u64, &'a RecurrentRun);

/// What was to be measured.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    pub conditions: &'a [Condition],
    pub tasks: &'a [String],
    pub ideal: &'a [Option<f64>],
    /// N of the comparison of tasks.
    pub units: usize,
    pub cells: &'a [Cell],
}

/// All of it.
pub(super) struct Results<'a> {
    pub plan: Plan<'a>,
    /// In the order of cells.
    pub runs: Vec<Run<'a>>,
    pub table: &'a Measurements,
    /// One for each cell of which a run did not diverge.
    pub rows: Vec<Row>,
}

impl<'a> std::ops::Deref for Results<'a> {
    type Target = Plan<'a>;

    fn deref(&self) -> &Plan<'a> {
        &self.plan
    }
}

impl Cell {
    /// Where its measurements stand.
    pub fn place(&self, conditions: &[Condition], tasks: &[String]) -> Place {
        let facet = format!("{}, N = {}", tasks[self.task], self.units);
        Place::new(&conditions[self.condition].name, facet, self.budget)
    }
}

/// The facet of a place with what was measured against the lag of Jacobians, in milliseconds.
pub(super) fn by_lag(place: &Place) -> String {
    format!("{}{}, by lag", place.facet, budget(place))
}

/// The facet of a place with what was measured against the time in trials, in milliseconds from the response period.
pub(super) fn by_time(place: &Place) -> String {
    format!("{}{}, by time", place.facet, budget(place))
}

fn budget(place: &Place) -> String {
    place.x.map_or_else(String::new, |probes| format!(", {probes} probes per trial"))
}

/// Adds what was measured of a run.
pub(super) fn tabulate(place: &Place, seed: u64, run: &RecurrentRun, table: &mut Measurements) {
    let metrics = [
        ("accuracy", Some(run.accuracy)),
        ("unbroken_accuracy", Some(run.unbroken_accuracy)),
        ("mean_accuracy", Some(run.mean_accuracy)),
        ("fixation_breaks", Some(run.fixation_breaks)),
        ("misses", Some(run.misses)),
        ("probes", Some(run.probes as f64)),
        ("probes_per_trial", Some(run.probes_per_trial)),
        ("seconds", Some(run.seconds)),
        ("cosine", run.cosine),
        ("weight_cosine", run.weight_cosine),
        ("alpha", run.states.pooled[0]),
        ("untrained_alpha", run.states.pooled[1]),
        ("chance_alpha", Some(run.states.chance())),
    ];
    table.add(place, seed, metrics);
    for lag in &run.states.lags {
        let at = Place::new(place.condition.as_str(), by_lag(place), lag.ms);
        table.add(&at, seed, [("alpha", lag.alpha), ("untrained_alpha", lag.untrained)]);
    }
    for moment in &run.states.over_time {
        let at = Place::new(place.condition.as_str(), by_time(place), moment.ms);
        table.add(&at, seed, [("participation_ratio", moment.participation)]);
    }
}

impl<'a> Results<'a> {
    pub fn new(plan: Plan<'a>, runs: Vec<Run<'a>>, table: &'a Measurements) -> Self {
        let mut results = Self { plan, runs, table, rows: Vec::new() };
        results.rows = plan.cells.iter().filter_map(|cell| results.row(cell)).collect();
        results
    }

    /// Where the measurements of a cell stand.
    pub fn place(&self, cell: &Cell) -> Place {
        cell.place(self.conditions, self.tasks)
    }

    fn twin(&self, cell: &Cell, name: &str, budget: Option<f64>) -> Option<Place> {
        let condition = self.conditions.iter().position(|c| c.name == name)?;
        let wanted = Cell { condition, budget, ..*cell };
        (wanted != *cell && self.cells.contains(&wanted)).then(|| self.place(&wanted))
    }

    fn row(&self, cell: &Cell) -> Option<Row> {
        let place = self.place(cell);
        let over = |metric: &str| self.table.over_seeds(&place, metric);
        let percent =
            |metric: &str| interval(self.table.by_seed(&place, metric).map(|(_, value)| 100.0 * value));
        // Seed by seed; with `alike`, where both spent as many probes.
        let less = |other: Option<Place>, alike: bool, metric: &str, scale: f64| {
            let other = other?;
            let probes = self.table.pairs(&place, &other, "probes").into_iter();
            let kept: Vec<Option<u64>> =
                probes.filter(|(_, [a, b])| !alike || a == b).map(|(seed, _)| seed).collect();
            let pairs = self.table.pairs(&place, &other, metric).into_iter();
            interval(pairs.filter(|(seed, _)| kept.contains(seed)).map(|(_, [a, b])| scale * a - scale * b))
        };
        let vanilla = || cell.budget.and_then(|budget| self.twin(cell, VANILLA, Some(budget)));
        let isotropic = self.conditions[cell.condition].isotropic.as_deref();
        let isotropic = isotropic.and_then(|name| self.twin(cell, name, cell.budget));
        let seconds: Vec<f64> = self.table.by_seed(&place, "seconds").map(|(_, seconds)| seconds).collect();
        Some(Row {
            task: self.tasks[cell.task].clone(),
            condition: self.conditions[cell.condition].name.clone(),
            cell: *cell,
            units: cell.units,
            budget: cell.budget,
            probes: over("probes")?,
            probes_per_trial: over("probes_per_trial")?,
            accuracy: percent("accuracy")?,
            unbroken_accuracy: percent("unbroken_accuracy")?,
            mean_accuracy: percent("mean_accuracy")?,
            fixation_breaks: percent("fixation_breaks")?,
            misses: percent("misses")?,
            less_exact: less(self.twin(cell, EXACT, None), false, "accuracy", 100.0),
            less_vanilla: less(vanilla(), true, "accuracy", 100.0),
            less_isotropic: less(isotropic, true, "accuracy", 100.0),
            mean_less_vanilla: less(vanilla(), true, "mean_accuracy", 100.0),
            cosine_less_vanilla: less(vanilla(), true, "weight_cosine", 1.0),
            cosine: over("cosine"),
            weight_cosine: over("weight_cosine"),
            alpha: over("alpha"),
            untrained_alpha: over("untrained_alpha"),
            chance_alpha: self.table.by_seed(&place, "chance_alpha").next()?.1,
            seconds: seconds.iter().sum::<f64>() / seconds.len() as f64,
        })
    }

    /// Rows of the comparison of tasks.
    pub fn by_task(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.units == self.units)
    }

    /// Tasks at more than one width.
    pub fn scaled(&self) -> Vec<usize> {
        let wide = |task: &usize| self.rows.iter().any(|r| r.cell.task == *task && r.units != self.units);
        (0..self.tasks.len()).filter(wide).collect()
    }

    /// Rows of one task and condition at every width, narrow first, with the largest budget.
    pub fn over_widths(&self, task: usize, condition: usize) -> Vec<&Row> {
        let budget = self.budgets().last().copied().filter(|_| self.conditions[condition].probes);
        let own = |r: &&Row| r.cell.task == task && r.cell.condition == condition && r.budget == budget;
        let mut rows: Vec<&Row> = self.rows.iter().filter(own).collect();
        rows.sort_by_key(|row| row.units);
        rows
    }

    /// Budgets, rising.
    pub fn budgets(&self) -> Vec<f64> {
        let mut budgets: Vec<f64> = self.rows.iter().filter_map(|row| row.budget).collect();
        budgets.sort_by(f64::total_cmp);
        budgets.dedup();
        budgets
    }

    /// The cell of a condition on a task in the comparison of tasks, with the largest budget.
    pub fn headline(&self, task: usize, condition: usize) -> Cell {
        let budget = self.budgets().last().copied().filter(|_| self.conditions[condition].probes);
        Cell { task, condition, budget, units: self.units }
    }

    /// The runs of a cell.
    pub fn of<'r>(&'r self, cell: &'r Cell) -> impl Iterator<Item = &'a RecurrentRun> + 'r {
        self.runs.iter().filter(move |(own, ..)| *own == cell).map(|(.., run)| *run)
    }

    /// Number of seeds: the most of any cell.
    pub fn seeds(&self) -> usize {
        self.cells.iter().map(|cell| self.of(cell).count()).max().unwrap_or(0)
    }
}
