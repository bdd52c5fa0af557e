//! Figures of the alignment experiment: one panel a stage, one curve a condition.

use super::{Condition, Found, facet, over_training};
use nmnc_analysis::analysis::training::figures::{STEP, place};
use nmnc_report::figure::Figure;
use nmnc_report::grid::{Cell, Curve, Scale, figure};
use nmnc_report::look::Style;
use nmnc_report::measurements::{Point, Seeds};

const UNTRAINED: Style = Style(5);
const RANDOM: Style = Style(0);

pub(super) fn figures(found: &Found<'_>) -> Vec<Figure> {
    let captured = "α_d = ‖J U_d‖² / ‖J‖² against the dimension d, after training. Mean over seeds, band ± s.e.m. Untrained: the same \
                    networks before training. Thin: a random subspace, d/n.";
    let against_step =
        "Mean over seeds, band ± s.e.m. The step is logarithmic, and the untrained network stands at ½.";
    let d = found.headline;
    let figures = [
        figure(
            "Energy of the mean Jacobian captured by the manifold",
            captured.to_owned(),
            ("d", "Captured energy α", Scale::UnitLog),
            found.cells(&|stage| found.over_d(stage, "mean_jacobian")),
        ),
        figure(
            "Energy of each example’s Jacobian captured by the manifold",
            captured.to_owned(),
            ("d", "Captured energy α", Scale::UnitLog),
            found.cells(&|stage| found.over_d(stage, "per_example")),
        ),
        figure(
            "Captured energy over training",
            format!("α of the mean Jacobian at d = {d}. {against_step} Thin: d/n."),
            (STEP, "Captured energy α", Scale::UnitLog),
            found.cells(&|stage| {
                let mut curves = found.over_steps(stage, "alpha_mean_jacobian");
                let chance = found.over_steps(stage, "chance").into_iter().take(1);
                curves.extend(chance.map(|c| Curve {
                    fit: true,
                    style: RANDOM,
                    label: "Random".into(),
                    ..c
                }));
                curves
            }),
        ),
        figure(
            "What is left of the initial weights, and the law of decay",
            format!(
                "⟨W, W₀⟩ / ‖W₀‖² of the weight that reads the stage’s activity. Thin, in the same color: what decay alone leaves, \
                 exp(−r λ t) by the optimizer’s own recursion (1 without decay). {against_step}"
            ),
            (STEP, "Fraction", Scale::UnitLog),
            found.cells(&|stage| {
                let mut curves = found.over_steps(stage, "initial_weight");
                let law = found.over_steps(stage, "decay_law").into_iter();
                curves.extend(law.map(|c| Curve { fit: true, label: String::new(), ..c }));
                curves
            }),
        ),
        figure(
            "Energy of the Jacobian off the manifold",
            format!(
                "1 − α of the mean Jacobian at the largest d of the table. The law of decay is about the weights that the Jacobian is \
                 made of: this fraction falls with them where the rest of the Jacobian does not. {against_step}"
            ),
            (STEP, "1 − α", Scale::UnitLog),
            found.cells(&|stage| found.over_steps(stage, "off_manifold")),
        ),
        figure(
            "Dimension of the manifold over training",
            format!("Participation ratio, corrected for the number of samples. {against_step}"),
            (STEP, "Participation ratio", Scale::UnitLog),
            found.cells(&|stage| found.over_steps(stage, "participation_ratio")),
        ),
        figure(
            "Agreement with backprop over training",
            format!("Cosine of the rule’s error signals and backprop’s, which has 1 itself. {against_step}"),
            (STEP, "Cosine", Scale::UnitLog),
            found.cells(&|stage| found.over_steps(stage, "cosine")),
        ),
    ];
    figures.into_iter().flatten().collect()
}

impl Found<'_> {
    /// One cell for each stage; `curves` is given its number.
    fn cells(&self, curves: &dyn Fn(usize) -> Vec<Curve>) -> Vec<Cell> {
        let cell = |&(stage, units): &(usize, usize)| Cell {
            heading: format!("Stage {stage}"),
            note: format!("n = {units}"),
            curves: curves(stage).into_iter().filter(|c| !c.points.is_empty()).collect(),
        };
        self.stages.iter().map(cell).collect()
    }

    fn styles(&self) -> impl Iterator<Item = (Style, &Condition)> {
        self.conditions.iter().enumerate().map(|(i, c)| (Style(i + 1), c))
    }

    /// Captured energy against d, of the mean Jacobian or per example.
    fn over_d(&self, stage: usize, of: &str) -> Vec<Curve> {
        let facet = facet(stage);
        let points = |condition: &Condition, metric: &str| {
            self.table.curve(condition.name, &facet, None, metric, Seeds::All)
        };
        let own =
            self.styles().map(|(style, c)| Curve::new(style, c.label, points(c, &format!("alpha_{of}"))));
        let mut curves: Vec<Curve> = own.collect();
        // Conditions share their seeds and so their untrained networks.
        if let Some(first) = self.conditions.first() {
            curves.push(Curve::new(UNTRAINED, "Untrained", points(first, &format!("untrained_{of}"))));
            let random = points(first, "random").into_iter().map(|p| Point { sem: None, ..p }).collect();
            curves.push(Curve { fit: true, ..Curve::new(RANDOM, "Random", random) });
        }
        curves
    }

    /// A metric against step: one curve a condition, where all of its seeds have it.
    fn over_steps(&self, stage: usize, metric: &str) -> Vec<Curve> {
        let facet = over_training(stage);
        let curve = |(style, condition): (Style, &Condition)| {
            let points = self.table.curve(condition.name, &facet, None, metric, Seeds::All);
            let placed = points.into_iter().map(|p| Point { x: place(p.x as u64), ..p });
            Curve::new(style, condition.label, placed.collect())
        };
        self.styles().map(curve).collect()
    }
}
