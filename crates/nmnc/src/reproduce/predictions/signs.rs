//! What is looked at to tell rules apart.

use nmnc_analysis::analysis::SessionPoint;

/// Something that a session shows.
#[derive(Clone, Copy)]
pub(super) struct Sign {
    /// Name of its metric.
    pub name: &'static str,
    /// Name for readers, as an axis has it.
    pub label: &'static str,
    pub of: fn(&SessionPoint) -> Option<f64>,
}

/// In the order of what they take: variability alone, two sessions, the loss of every trial with what is learned from it.
pub(super) const SIGNS: [Sign; 5] = [
    Sign {
        name: "noise_on_manifold",
        label: "Noise on the manifold",
        of: |point| Some(point.noise_on_manifold),
    },
    Sign { name: "noise_dimension", label: "Dimension of noise", of: |point| point.noise_dimension },
    Sign {
        name: "learning_on_manifold",
        label: "Learning on the manifold",
        of: |point| point.learning_on_manifold,
    },
    Sign { name: "follows", label: "Learning follows noise", of: |point| Some(point.follows_own) },
    Sign {
        name: "follows_specifically",
        label: "Follows own noise more",
        of: |point| Some(point.specific()),
    },
];
