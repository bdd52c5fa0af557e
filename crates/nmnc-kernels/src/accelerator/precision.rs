//! In which numbers an accelerator multiplies: chosen once for a device, when it is opened.

use std::sync::RwLock;

use burn_cubecl::CubeDevice;

use super::operand::Operand;
use crate::kinds::Precision;

/// What devices were opened with; the others multiply in single precision.
static CHOSEN: RwLock<Vec<(CubeDevice, Precision)>> = RwLock::new(Vec::new());

/// Has `device` multiply in `precision` from now on.
pub fn choose(device: CubeDevice, precision: Precision) {
    let mut chosen = CHOSEN.write().expect("nobody panics while choosing");
    chosen.retain(|(known, _)| *known != device);
    chosen.push((device, precision));
}

/// In what the device that holds `operand` multiplies.
pub fn of(operand: &Operand) -> Precision {
    let chosen = CHOSEN.read().expect("nobody panics while choosing");
    chosen
        .iter()
        .find(|(device, _)| *device == operand.device)
        .map_or(Precision::F32, |(_, precision)| *precision)
}

/// Whether `device` has matrix units for `precision`.
pub fn is_offered(device: &CubeDevice, precision: Precision) -> bool {
    use burn_cubecl::cubecl::ir::{ElemType, FloatKind};
    let (kind, depth) = match precision {
        Precision::F32 => return true,
        Precision::Tf32 => (FloatKind::TF32, 8),
        Precision::Bf16 => (FloatKind::BF16, 16),
    };
    let client = device.client();
    let offers = &client.features().matmul.mma;
    let factor = ElemType::Float(kind);
    let sum = ElemType::Float(FloatKind::F32);
    offers.iter().any(|offer| {
        offer.a_type == factor && offer.cd_type == sum && (offer.m, offer.n, offer.k) == (16, 8, depth)
    })
}
