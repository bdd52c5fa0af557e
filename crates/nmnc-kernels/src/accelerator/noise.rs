//! Random numbers, made where they are needed: the same bits as the processor's, for any law of `nmnc-core`'s streams.

use burn::tensor::{Device, Tensor};
use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::operand::{REACH, accelerator, buffer, empty, whole};
use crate::kinds::{Law, Place};
use crate::spec::area;

/// Units of a cube.
const UNITS: u32 = 256;
/// Blocks of four words that make a group of numbers.
const LANES: u32 = 16;

/// As [`draw`](crate::draw); nothing where `device` is no accelerator.
pub fn draw(law: Law, place: Place, shape: [usize; 2], device: &Device) -> Option<Tensor<2>> {
    let device = accelerator(device)?;
    assert!(area(shape[0], shape[1]) < REACH, "numbers beyond what indices of 32 bits reach");
    let output = empty(&device.client(), &device, shape);
    let length = shape[0] * shape[1];
    let Place { key, counter, offset } = place;
    let group = law.group();
    let skipped = offset / group;
    let lead = offset % group;
    let blocks = (lead + length).div_ceil(group) * LANES as usize;
    let first = counter[0].wrapping_add((skipped * LANES as usize) as u32);
    // SAFETY: the kernel writes within the length it is given.
    unsafe {
        draw_kernel::launch_unchecked(
            &output.client,
            CubeCount::Static(blocks.div_ceil(UNITS as usize) as u32, 1, 1),
            CubeDim::new_1d(UNITS),
            buffer(&output),
            lead as u32,
            length as u32,
            first,
            counter[1],
            counter[2],
            counter[3],
            key[0],
            key[1],
            0,
            law,
        );
    }
    Some(whole(output))
}

/// A unit makes the numbers of one block of words. `nothing` is zero, which the compiler must not know: see [`rounded`].
#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments)]
fn draw_kernel(
    output: &mut [f32],
    lead: u32,
    length: u32,
    first: u32,
    second: u32,
    third: u32,
    fourth: u32,
    low_key: u32,
    high_key: u32,
    nothing: u32,
    #[comptime] law: Law,
) {
    let block = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    let (group, lane) = (block / comptime!(LANES), block % comptime!(LANES));
    let mut words = Array::<u32>::new(4usize);
    words[0] = first + block;
    words[1] = second;
    words[2] = third;
    words[3] = fourth;
    philox(&mut words, low_key, high_key);
    let start = group * comptime!(law.group() as u32) + lane;
    if comptime!(law == Law::Normal) {
        #[unroll]
        for pair in 0..2u32 {
            let radius =
                rounded(-2.0f32 * ln(unit(words[comptime!(2 * pair as usize)]), nothing), nothing).sqrt();
            let angle = words[comptime!(2 * pair as usize + 1)];
            let at = start + comptime!(2 * pair * LANES);
            put(output, at, lead, length, radius * cosine(angle, nothing));
            put(output, at + comptime!(LANES), lead, length, radius * sine(angle, nothing));
        }
    } else {
        #[unroll]
        for word in 0..4u32 {
            for bit in 0..32u32 {
                let flip = (words[word as usize] >> bit) << 31u32;
                let at = start + bit * comptime!(4 * LANES) + comptime!(word * LANES);
                put(output, at, lead, length, f32::from_bits(0x3f80_0000u32 | flip));
            }
        }
    }
}

/// Puts the number at `at` of the groups where it belongs, if it was asked for.
#[cube]
fn put(output: &mut [f32], at: u32, lead: u32, length: u32, value: f32) {
    if at >= lead && at - lead < length {
        output[(at - lead) as usize] = value;
    }
}

/// Ten rounds of Philox4x32 (Salmon et al., SC 2011).
#[cube]
fn philox(words: &mut Array<u32>, low_key: u32, high_key: u32) {
    #[unroll]
    for round in 0..10u32 {
        let low = low_key + comptime!(round.wrapping_mul(0x9e37_79b9));
        let high = high_key + comptime!(round.wrapping_mul(0xbb67_ae85));
        let first = u32::mul_hi(words[0], 0xd251_1f53u32);
        let first_low = words[0] * 0xd251_1f53u32;
        let second = u32::mul_hi(words[2], 0xcd9e_8d57u32);
        let second_low = words[2] * 0xcd9e_8d57u32;
        words[0] = second ^ words[1] ^ low;
        words[1] = second_low;
        words[2] = first ^ words[3] ^ high;
        words[3] = first_low;
    }
}

/// A product that is rounded before anything is added to it. Compilers for accelerators like to make one operation of a product and a sum,
/// which rounds once and so gives other bits than the processor's two.
#[cube]
fn rounded(product: f32, nothing: u32) -> f32 {
    f32::from_bits(product.to_bits() ^ nothing)
}

/// Uniform on the middles of 2³¹ parts of (0, 1), rounded.
#[cube]
fn unit(word: u32) -> f32 {
    (f32::cast_from(word >> 1u32) + 0.5f32) * comptime!(1.0f32 / 2_147_483_648.0)
}

/// Natural logarithm of a normal number, operation by operation that of `nmnc-core`.
#[cube]
fn ln(u: f32, nothing: u32) -> f32 {
    let shifted = u.to_bits() - 0x3f35_04f3u32;
    // The exponent is at most zero here: an arithmetic shift, spelled out.
    let exponent =
        f32::cast_from(i32::cast_from(shifted >> 23u32) - i32::cast_from((shifted >> 31u32) << 9u32));
    let f = f32::from_bits((shifted & 0x007f_ffffu32) + 0x3f35_04f3u32) - 1.0f32;
    let mut p = f32::new(-0.076_343_44f32);
    p = rounded(p * f, nothing) + 0.127_615_15f32;
    p = rounded(p * f, nothing) + -0.131_602_1f32;
    p = rounded(p * f, nothing) + 0.142_017_68f32;
    p = rounded(p * f, nothing) + -0.166_233_55f32;
    p = rounded(p * f, nothing) + 0.200_012_27f32;
    p = rounded(p * f, nothing) + -0.250_008_23f32;
    p = rounded(p * f, nothing) + 0.333_333_3f32;
    let square = rounded(f * f, nothing);
    let small =
        rounded(rounded(square * f, nothing) * p, nothing) + rounded(exponent * 1.428_606_8e-6f32, nothing);
    ((small - rounded(0.5f32 * square, nothing)) + f) + rounded(exponent * 0.693_145_75f32, nothing)
}

/// Angle of `word` beyond its nearest quarter turn, in radians.
#[cube]
fn beyond_quarter(word: u32, nothing: u32) -> f32 {
    let rest = i32::cast_from((word + 0x2000_0000u32) & 0x3fff_ffffu32) - 0x2000_0000i32;
    rounded(f32::cast_from(rest) * comptime!(std::f32::consts::TAU / 4_294_967_296.0), nothing)
}

/// Sine within an eighth of a turn.
#[cube]
fn small_sine(x: f32, nothing: u32) -> f32 {
    let z = rounded(x * x, nothing);
    let mut p = rounded(-0.000_195_172_32f32 * z, nothing) + 0.008_332_178f32;
    p = rounded(p * z, nothing) + -0.166_666_55f32;
    x + rounded(rounded(x * z, nothing) * p, nothing)
}

/// Cosine within an eighth of a turn.
#[cube]
fn small_cosine(x: f32, nothing: u32) -> f32 {
    let z = rounded(x * x, nothing);
    let mut p = rounded(2.443_837_2e-5f32 * z, nothing) + -0.001_388_736_7f32;
    p = rounded(p * z, nothing) + 0.041_666_646f32;
    (1.0f32 - rounded(0.5f32 * z, nothing)) + rounded(rounded(z * z, nothing) * p, nothing)
}

/// Sine of the angle `word` · 2π / 2³².
#[cube]
fn sine(word: u32, nothing: u32) -> f32 {
    let turned = word + 0x2000_0000u32;
    let x = beyond_quarter(word, nothing);
    let mut value = small_sine(x, nothing);
    if turned & 0x4000_0000u32 != 0u32 {
        value = small_cosine(x, nothing);
    }
    f32::from_bits(value.to_bits() ^ (turned & 0x8000_0000u32))
}

/// Cosine of the angle `word` · 2π / 2³².
#[cube]
fn cosine(word: u32, nothing: u32) -> f32 {
    let turned = word + 0x2000_0000u32;
    let x = beyond_quarter(word, nothing);
    let mut value = small_cosine(x, nothing);
    if turned & 0x4000_0000u32 != 0u32 {
        value = small_sine(x, nothing);
    }
    f32::from_bits(value.to_bits() ^ ((turned ^ (turned << 1u32)) & 0x8000_0000u32))
}
