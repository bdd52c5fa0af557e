//! Figures of the scaling experiment: one panel a stage, one curve a noise, the law beside each.

use super::super::widths::Family;
use super::fits::{NOISES, TARGETS, curve_facet, facet, stages};
use nmnc_analysis::analysis::Target;
use nmnc_report::Measurements;
use nmnc_report::figure::Figure;
use nmnc_report::grid::{Cell, Curve, Scale, figure};
use nmnc_report::look::Style;
use nmnc_report::measurements::{Point, Seeds};

/// The looks of vanilla and manifold noise correlation in every report, and one more.
const STYLES: [Style; 3] = [Style(2), Style(3), Style(4)];

pub(super) fn figures(families: &[Family], table: &Measurements, dimension: usize) -> Vec<Figure> {
    let mut out = Vec::new();
    for family in families {
        let drawn = Drawn { family, table, dimension };
        for (target, name) in TARGETS {
            let jacobian = match target {
                Target::Example => {
                    "Jacobians of single examples, all probes at that example: cross-talk of the noise alone."
                }
                Target::Mean => {
                    "The mean Jacobian, each probe at an example drawn at random: cross-talk and variation over examples."
                }
            };
            out.extend(figure(
                &format!("{} networks: probes to 0.9 of the attainable cosine, {}", family.label, name.to_lowercase()),
                format!(
                    "{jacobian} Both axes logarithmic. Mean over seeds, band ± s.e.m.; thin, in the same color: the law. Widths that the \
                     probes were not enough for are missing, the law goes on."
                ),
                ("Units n", "Probes", Scale::LogLog),
                drawn.cells(|stage| {
                    let facet = facet(family, stage, target);
                    let mut curves = drawn.curves(&facet, "probes");
                    let law = drawn.curves(&facet, "probes_law").into_iter();
                    curves.extend(law.map(|c| Curve { fit: true, label: String::new(), ..c }));
                    curves
                }),
            ));
        }
        out.extend(figure(
            &format!("{} networks: attainable cosine", family.label),
            "√α of the rows of the mean Jacobian, averaged: the most that noise can show of them, 1 for isotropic noise. Mean over seeds, \
             band ± s.e.m. The horizontal axis is logarithmic."
                .to_owned(),
            ("Units n", "√α", Scale::UnitLog),
            drawn.cells(|stage| drawn.curves(&facet(family, stage, Target::Mean), "attainable")),
        ));
        out.extend(figure(
            &format!("{} networks: cosine against probes at the largest width", family.label),
            "As a fraction of the attainable, for single examples; thin, in the same color: the law. Mean over seeds, band ± s.e.m. The \
             horizontal axis is logarithmic."
                .to_owned(),
            ("Probes", "Cosine over attainable", Scale::UnitLog),
            drawn.cells(|stage| drawn.over_probes(stage)),
        ));
    }
    out
}

/// What curves of one family are drawn from.
struct Drawn<'a> {
    family: &'a Family,
    table: &'a Measurements,
    dimension: usize,
}

impl Drawn<'_> {
    /// One cell for each stage; `curves` is given its number.
    fn cells(&self, curves: impl Fn(usize) -> Vec<Curve>) -> Vec<Cell> {
        let cell = |stage: usize| Cell {
            heading: format!("Stage {stage}"),
            note: String::new(),
            curves: curves(stage).into_iter().filter(|c| !c.points.is_empty()).collect(),
        };
        stages(self.family, self.table).map(cell).collect()
    }

    /// A metric averaged over seeds where all of a width have it: one curve a noise.
    fn curves(&self, facet: &str, metric: &str) -> Vec<Curve> {
        let curve = |(noise, style): (&super::fits::Noise, Style)| {
            let points = self.table.curve(noise.name, facet, None, metric, Seeds::Measured);
            Curve::new(style, noise.label(self.dimension), points)
        };
        NOISES.iter().zip(STYLES).map(curve).collect()
    }

    /// The cosines of the widest networks, at the numbers of probes that all seeds have.
    fn over_probes(&self, stage: usize) -> Vec<Curve> {
        let facet = facet(self.family, stage, Target::Example);
        let mut out = Vec::new();
        for (noise, style) in NOISES.iter().zip(STYLES) {
            let Some(&widest) = self.table.abscissas(noise.name, &facet).last() else { continue };
            let facet = curve_facet(&facet, widest);
            let points = |metric| self.table.curve(noise.name, &facet, None, metric, Seeds::All);
            out.push(Curve::new(style, noise.label(self.dimension), points("relative_cosine")));
            let law = points("relative_cosine_law").into_iter().map(|p| Point { sem: None, ..p }).collect();
            out.push(Curve { fit: true, ..Curve::new(style, "", law) });
        }
        out
    }
}
