//! Why there is no estimate of a dimension.

use std::fmt;

/// What an estimate from neighbors lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Points in different places.
    Points {
        /// Those there are.
        distinct: usize,
        /// Those needed.
        needed: usize,
    },
    /// As many points in different places as give each of a half of them its neighbors.
    Neighbors {
        /// Neighbors k asked for.
        neighbors: usize,
        /// Points in different places.
        distinct: usize,
    },
    /// Distances that differ: at most points the neighbors are equally far, within [`TIE`](super::TIE).
    Differences {
        /// Neighbors compared.
        neighbors: usize,
        /// Points at which they are equally far.
        tied: usize,
        /// Points in different places.
        distinct: usize,
    },
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Points { distinct, needed } => {
                let lie = if *distinct == 1 {
                    "all points lie in one place".to_owned()
                } else {
                    format!("only {distinct} points lie in different places")
                };
                write!(f, "{lie}, where {needed} are needed")
            }
            Self::Neighbors { neighbors, distinct } => write!(
                f,
                "{neighbors} neighbors in halves of the points need {} in different places, and there are {distinct}",
                2 * (neighbors + 1)
            ),
            Self::Differences { neighbors, tied, distinct } => write!(
                f,
                "the nearest {neighbors} neighbors of {tied} of {distinct} points are equally far, as of values on a grid or rounded ones"
            ),
        }
    }
}
