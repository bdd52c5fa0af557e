//! What a rule looks like in every figure.

/// Look of a rule in every panel: color, dashes and marker, each telling it apart alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style(pub usize);

/// How many looks there are beside backprop's before colors repeat.
const OTHERS: usize = 8;

const DASHES: [&str; 1 + OTHERS] =
    ["7 4", "", "9 3 2 3", "2.5 3", "13 4", "5 2 1.5 2 1.5 2", "4 2", "1.5 2", "16 3 4 3"];

impl Style {
    /// The style numbers of color, dashes and marker: 0 is backprop's alone, and where the others repeat, dashes and
    /// markers shift against the colors.
    fn parts(self) -> [usize; 3] {
        let Some(other) = self.0.checked_sub(1) else { return [0; 3] };
        let (round, place) = (other / OTHERS, other % OTHERS);
        [1 + place, 1 + (place + 2 * round) % OTHERS, 1 + (place + 3 * round) % OTHERS]
    }

    /// The same color with other dashes and another marker, for a variant of what has this look.
    ///
    /// # Panics
    /// For backprop's look, which is its alone.
    pub fn variant(self) -> Self {
        assert!(self.0 > 0, "backprop's look is its alone");
        Self(self.0 + OTHERS)
    }

    /// Class that sets the color.
    pub fn class(self) -> String {
        format!("c{}", self.parts()[0])
    }

    /// Dashes.
    pub fn dash(self) -> &'static str {
        DASHES[self.parts()[1]]
    }

    /// The marker as SVG around a point.
    pub fn marker(self, x: f64, y: f64) -> String {
        let polygon = |corners: &[(f64, f64)]| {
            let corners: Vec<_> =
                corners.iter().map(|(dx, dy)| format!("{:.1},{:.1}", x + dx, y + dy)).collect();
            format!("<polygon class=\"marker\" points=\"{}\"/>", corners.join(" "))
        };
        match self.parts()[2] {
            0 => format!("<circle class=\"marker hollow\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\"/>"),
            1 => format!("<circle class=\"marker\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.4\"/>"),
            2 => polygon(&[(-3.1, -3.1), (3.1, -3.1), (3.1, 3.1), (-3.1, 3.1)]),
            3 => polygon(&[(0.0, -4.2), (4.0, 3.0), (-4.0, 3.0)]),
            4 => polygon(&[(0.0, -4.4), (4.4, 0.0), (0.0, 4.4), (-4.4, 0.0)]),
            5 => polygon(&[(0.0, 4.2), (4.0, -3.0), (-4.0, -3.0)]),
            6 => polygon(&[(-1.8, -4.2), (1.8, -4.2), (1.8, 4.2), (-1.8, 4.2)]),
            7 => polygon(&[(-4.2, -1.8), (4.2, -1.8), (4.2, 1.8), (-4.2, 1.8)]),
            _ => polygon(&[(-3.8, -3.4), (0.0, -1.4), (3.8, -3.4), (3.8, 3.4), (0.0, 1.4), (-3.8, 3.4)]),
        }
    }
}

/// Rules with a look of their own, so that a color means the same in every report. Backprop has the neutral one. The last two share the colors
/// of node perturbation, which they seldom stand beside, with other dashes and markers.
const AT_HOME: [(&str, usize); 11] = [
    ("bp", 0),
    ("dfa", 1),
    ("vnc", 2),
    ("nmnc", 3),
    ("fa", 4),
    ("node-perturbation", 5),
    ("manifold-node-perturbation", 6),
    ("weight-mirror", 7),
    ("manifold-mirror", 8),
    ("mean-jacobian", 13),
    ("direct-mirror", 14),
];

/// The first look that belongs to no rule, as those after it do.
pub const HOMES: usize = 15;

/// The number of a rule's own look.
pub fn home(rule: &str) -> Option<usize> {
    AT_HOME.iter().find(|(name, _)| *name == rule).map(|(_, look)| *look)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rules_look_the_same() {
        let looks: std::collections::BTreeSet<_> =
            AT_HOME.iter().map(|(_, look)| Style(*look).parts()).collect();
        assert_eq!(looks.len(), AT_HOME.len());
        assert!(AT_HOME.iter().all(|(_, look)| *look < HOMES));
    }

    #[test]
    fn report_styles_repeat_late() {
        let looks: std::collections::BTreeSet<_> = (0..17).map(|i| Style(i).parts()).collect();
        assert_eq!(looks.len(), 17);
    }
}
