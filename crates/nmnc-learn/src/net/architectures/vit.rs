//! Vision transformer (Dosovitskiy et al. 2021) in the smallest size of Touvron et al. 2021, as torchvision lays it out.

use super::maker::{Kernel, Law, Maker};
use super::{Architecture, Request, refuse};
use crate::net::{Activation, Add, Attention, ClassToken, GroupNorm, Network, TokenDense, Tokens, Value};
use nmnc_core::error::Result;

pub(super) const VIT_TINY: Architecture = Architecture {
    name: "vit-tiny",
    summary: "vision transformer of 12 layers, 192 units, 3 heads (Touvron et al. 2021); patches of 16 px, of 4 px below 64 px",
    build,
};

const LAYERS: usize = 12;
const HEADS: usize = 3;
const HEAD_UNITS: usize = 64;
/// Units between the two dense maps of a layer, by units of a token.
const EXPANSION: usize = 4;
const EPSILON: f64 = 1e-6;

fn build(mut make: Maker, request: Request) -> Result<Network> {
    let [_, height, width] = request.input;
    let patch = if height.min(width) < 64 { 4 } else { 16 };
    if !height.is_multiple_of(patch) || !width.is_multiple_of(patch) || height.min(width) == 0 {
        let problem = format!("divides images into patches of {patch} px, and these have {height} x {width}");
        return Err(refuse("vit-tiny", problem, "set data.resize to a multiple of that"));
    }
    // Every head gets its share of the width, so that their number stays.
    let units = request.width(HEAD_UNITS, 1) * HEADS;
    let law = Law::Normal(0.02);
    let image = make.image()?;
    let patches = make.conv(
        "conv_proj",
        image,
        units,
        Kernel(patch, patch, 0),
        Some(Activation::Identity),
        Law::Of(crate::net::Init::Lecun),
    )?;
    let tokens = patches.shape[1] * patches.shape[2] + 1;
    let class = make.zeros(units);
    let places = make.weight([tokens, units], units, law)?;
    let mut stream = make.node(super::TOKENS, Tokens::new(class, places), &[patches.value])?;
    make.stage(stream)?;
    for layer in 0..LAYERS {
        let name = format!("encoder.layers.encoder_layer_{layer}.");
        stream = attended(&mut make, &name, stream, tokens, units)?;
        stream = transformed(&mut make, &name, stream, tokens, units)?;
        make.stage(stream)?;
    }
    let norm = GroupNorm::of_tokens(tokens, units, EPSILON, make.device());
    let normal = make.node("encoder.ln", norm, &[stream])?;
    let class = make.node("class", ClassToken::new(tokens, units), &[normal])?;
    let output = make.dense("heads.head", (class, units), request.outputs, Activation::Identity, law)?;
    make.finish(output)
}

/// x + attention(norm(x)).
fn attended(make: &mut Maker, name: &str, from: Value, tokens: usize, units: usize) -> Result<Value> {
    let norm = GroupNorm::of_tokens(tokens, units, EPSILON, make.device());
    let normal = make.node(&format!("{name}ln_1"), norm, &[from])?;
    let inward = (
        make.weight([3 * units, units], 3 * units, Law::Of(crate::net::Init::Xavier))?,
        make.zeros(3 * units),
    );
    let outward = (make.weight([units, units], units, Law::Normal(0.02))?, make.zeros(units));
    let attention = Attention::new(tokens, HEADS, [inward, outward]);
    let heard = make.node(&format!("{name}self_attention"), attention, &[normal])?;
    make.node(&format!("{name}sum_1"), Add::new(2, tokens * units), &[from, heard])
}

/// x + dense(gelu(dense(norm(x)))).
fn transformed(make: &mut Maker, name: &str, from: Value, tokens: usize, units: usize) -> Result<Value> {
    let norm = GroupNorm::of_tokens(tokens, units, EPSILON, make.device());
    let mut value = make.node(&format!("{name}ln_2"), norm, &[from])?;
    let inner = units * EXPANSION;
    for (place, shape, activation) in
        [(0, [inner, units], Activation::Gelu), (3, [units, inner], Activation::Identity)]
    {
        let weight = make.weight(shape, shape[0], Law::Of(crate::net::Init::Xavier))?;
        let block = TokenDense::new(tokens, weight, make.zeros(shape[0]), activation);
        value = make.node(&format!("{name}mlp.{place}"), block, &[value])?;
    }
    make.node(&format!("{name}sum_2"), Add::new(2, tokens * units), &[from, value])
}
