//! Activations and slopes of single values.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::wide::wide;
use super::{Operand, rows, special, tensor, values};
use crate::spec::Activation;

/// A nonlinearity known at compile time, so that loops over it contain no branch.
pub(super) trait Pointwise: Sync {
    /// Whether `φ` never decreases: pooling may then pick winners before activating.
    const INCREASING: bool;
    /// `φ(z)`.
    fn value(z: f32) -> f32;
    /// `φ(z)` and `φ'(z)`.
    fn both(z: f32) -> (f32, f32);
}

pub(super) struct Identity;
pub(super) struct Relu;
pub(super) struct Tanh;
pub(super) struct Gelu;
pub(super) struct Softplus;

impl Pointwise for Identity {
    const INCREASING: bool = true;

    #[inline(always)]
    fn value(z: f32) -> f32 {
        z
    }

    #[inline(always)]
    fn both(z: f32) -> (f32, f32) {
        (z, 1.0)
    }
}

impl Pointwise for Relu {
    const INCREASING: bool = true;

    // Written so that a NaN goes through, as it does elsewhere: a diverged network should look like one.
    #[inline(always)]
    fn value(z: f32) -> f32 {
        if z <= 0.0 { 0.0 } else { z }
    }

    #[inline(always)]
    fn both(z: f32) -> (f32, f32) {
        (Self::value(z), if z > 0.0 { 1.0 } else { 0.0 })
    }
}

impl Pointwise for Tanh {
    const INCREASING: bool = true;

    #[inline(always)]
    fn value(z: f32) -> f32 {
        special::tanh(z)
    }

    #[inline(always)]
    fn both(z: f32) -> (f32, f32) {
        let t = special::tanh(z);
        (t, 1.0 - t * t)
    }
}

impl Pointwise for Gelu {
    const INCREASING: bool = false;

    #[inline(always)]
    fn value(z: f32) -> f32 {
        z * special::normal(z).0
    }

    #[inline(always)]
    fn both(z: f32) -> (f32, f32) {
        let (distribution, density) = special::normal(z);
        (z * distribution, distribution + z * density)
    }
}

impl Pointwise for Softplus {
    const INCREASING: bool = true;

    #[inline(always)]
    fn value(z: f32) -> f32 {
        special::softplus(z)
    }

    #[inline(always)]
    fn both(z: f32) -> (f32, f32) {
        (special::softplus(z), special::sigmoid(z))
    }
}

/// Runs a generic body with the type of an activation.
macro_rules! with_activation {
    ($kind:expr, $name:ident => $body:expr) => {
        match $kind {
            $crate::spec::Activation::Identity => {
                type $name = $crate::cpu::pointwise::Identity;
                $body
            }
            $crate::spec::Activation::Relu => {
                type $name = $crate::cpu::pointwise::Relu;
                $body
            }
            $crate::spec::Activation::Tanh => {
                type $name = $crate::cpu::pointwise::Tanh;
                $body
            }
            $crate::spec::Activation::Gelu => {
                type $name = $crate::cpu::pointwise::Gelu;
                $body
            }
            $crate::spec::Activation::Softplus => {
                type $name = $crate::cpu::pointwise::Softplus;
                $body
            }
        }
    };
}
pub(super) use with_activation;

/// `φ(z)` of every entry.
pub(crate) fn activate(kind: Activation, z: &Operand) -> Tensor<2> {
    with_activation!(kind, A => map(z, A::value))
}

/// `φ'(z)` of every entry.
pub(crate) fn slope(kind: Activation, z: &Operand) -> Tensor<2> {
    with_activation!(kind, A => map(z, #[inline(always)] |z| A::both(z).1))
}

fn map(z: &Operand, function: impl Fn(f32) -> f32 + Sync) -> Tensor<2> {
    const BLOCK: usize = 1 << 14;
    let source = values(z);
    let mut out = vec![0.0; source.len()];
    out.par_chunks_mut(BLOCK).zip(source.par_chunks(BLOCK)).for_each(|(out, source)| {
        wide(
            #[inline(always)]
            || {
                for (out, z) in out.iter_mut().zip(source) {
                    *out = function(*z);
                }
            },
        );
    });
    let columns = z.layout().shape()[1];
    tensor(out, rows(z), columns)
}
