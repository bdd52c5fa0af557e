//! Exact Jacobians of a network.

use burn::tensor::Element;

use nmnc_core::device::values;
use nmnc_learn::credit::{jacobian_rows, one_output};
use nmnc_learn::net::{ForwardPass, Network};

/// The Jacobian dy/dx_l of every example of `pass` for each stage l, row-major `[batch, outputs, n_l]`: one backward pass an output.
pub fn jacobians<E: Element>(network: &Network, pass: &ForwardPass) -> Vec<Vec<E>> {
    let [batch, outputs] = pass.output.dims();
    let units = network.stage_units();
    let mut out: Vec<Vec<E>> = units.iter().map(|n| vec![E::from_elem(0.0); batch * outputs * n]).collect();
    for output in 0..outputs {
        let rows = jacobian_rows(network, pass, one_output(output, outputs));
        for ((rows, out), &n) in rows.iter().zip(&mut out).zip(&units) {
            for (example, row) in values::<E>(rows).chunks_exact(n).enumerate() {
                let start = (example * outputs + output) * n;
                out[start..start + n].copy_from_slice(row);
            }
        }
    }
    out
}
