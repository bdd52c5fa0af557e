//! Making inputs of inputs.

use crate::LONGEST;
use crate::random::Random;

/// Numbers at which things go wrong.
const NUMBERS: [i128; 21] = [
    0,
    1,
    -1,
    2,
    7,
    16,
    64,
    127,
    128,
    255,
    256,
    1000,
    32767,
    65535,
    65536,
    2147483647,
    2147483648,
    4294967295,
    4611686018427387904,
    9223372036854775807,
    18446744073709551615,
];

/// The same as text, and what else numbers can be.
const TEXTS: [&str; 16] = [
    "0",
    "-1",
    "1",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "4611686018427387904",
    "1e308",
    "-1.7e308",
    "1e-320",
    "nan",
    "inf",
    "0.5",
    "\"\"",
    "[]",
];

/// Makes inputs of a corpus and of the words in its seeds.
pub(crate) struct Mutator {
    words: Vec<Vec<u8>>,
}

impl Mutator {
    /// With the words of `seeds`: runs of letters and digits.
    pub fn new(seeds: &[Vec<u8>]) -> Self {
        let word = |byte: &u8| !(byte.is_ascii_alphanumeric() || b"_-.".contains(byte));
        let words = seeds.iter().flat_map(|seed| seed.split(word)).filter(|w| (2..40).contains(&w.len()));
        let mut words: Vec<Vec<u8>> = words.map(<[u8]>::to_vec).collect();
        words.sort_unstable();
        words.dedup();
        Self { words }
    }

    /// One of `corpus`, changed in one to eight places.
    pub fn mutant(&self, corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
        let mut input = random.pick(corpus).clone();
        for _ in 0..1 << random.below(4) {
            self.change(&mut input, corpus, random);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&self, input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
        if input.is_empty() {
            input.push(random.next() as u8);
            return;
        }
        let at = random.below(input.len());
        let most = 1 << random.below(10);
        let length = 1 + random.below(most.min(input.len() - at));
        match random.below(12) {
            0 => input[at] ^= 1 << random.below(8),
            1 => input[at] = random.next() as u8,
            2 => replace_number(input, at, random),
            3 => drop(input.drain(at..at + length)),
            4 => {
                let copy = input[at..at + length].to_vec();
                let to = random.below(input.len() + 1);
                (0..1 + random.below(4)).for_each(|_| drop(input.splice(to..to, copy.iter().copied())));
            }
            5 => input.truncate(at),
            6 => {
                let other = random.pick(corpus);
                let from = random.below(other.len().max(1)).min(other.len());
                let to = (from + length).min(other.len());
                input.splice(at..at + length, other[from..to].iter().copied());
            }
            7 if !self.words.is_empty() => {
                let word = random.pick(&self.words).clone();
                let end = word_end(input, at);
                input.splice(at..end, word);
            }
            8 => replace_text(input, at, random),
            9 => input[at..at + length].fill(*random.pick(&[0, 0xff, b' ', b'9'])),
            10 => {
                let line = line_of(input, at);
                let copy = input[line.clone()].to_vec();
                let to = line_of(input, random.below(input.len())).start;
                input.splice(to..to, copy);
            }
            _ => drop(input.drain(line_of(input, at))),
        }
    }
}

/// Writes one of [`NUMBERS`], or a neighbour of what is there, in one to eight bytes of either order.
fn replace_number(input: &mut [u8], at: usize, random: &mut Random) {
    let width = (1 << random.below(4)).min(input.len() - at);
    let there = &mut input[at..at + width];
    let mut bytes = [0; 16];
    if random.below(2) == 0 {
        bytes = random.pick(&NUMBERS).to_le_bytes();
    } else {
        bytes[..width].copy_from_slice(there);
        bytes = (u128::from_le_bytes(bytes).wrapping_add(random.below(32) as u128).wrapping_sub(16))
            .to_le_bytes();
    }
    there.copy_from_slice(&bytes[..width]);
    if random.below(2) == 0 {
        there.reverse();
    }
}

/// Replaces the next number in a text.
fn replace_text(input: &mut Vec<u8>, at: usize, random: &mut Random) {
    let Some(from) = input[at..].iter().position(u8::is_ascii_digit).map(|n| at + n) else { return };
    let digit = |byte: &u8| byte.is_ascii_digit() || b".eE+-".contains(byte);
    let to = from + input[from..].iter().position(|byte| !digit(byte)).unwrap_or(input.len() - from);
    input.splice(from..to, random.pick(&TEXTS).bytes());
}

fn word_end(input: &[u8], at: usize) -> usize {
    at + input[at..].iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(input.len() - at)
}

/// The line around `at`, with its end.
fn line_of(input: &[u8], at: usize) -> std::ops::Range<usize> {
    let start = input[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |n| n + 1);
    let end = input[at..].iter().position(|byte| *byte == b'\n').map_or(input.len(), |n| at + n + 1);
    start..end
}
