//! Formats of floating-point numbers in files of others.

/// A format, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatFormat {
    /// IEEE 754 binary16.
    Half,
    /// bfloat16: the upper half of a binary32.
    Brain,
    /// IEEE 754 binary32.
    Single,
    /// IEEE 754 binary64.
    Double,
}

impl FloatFormat {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::Half | Self::Brain => 2,
            Self::Single => 4,
            Self::Double => 8,
        }
    }

    /// The numbers in `bytes` in single precision, rounded where they have more; what is left over at the end is no number.
    pub fn singles(self, bytes: &[u8]) -> Vec<f32> {
        bytes.chunks_exact(self.bytes()).map(|number| self.single(number)).collect()
    }

    fn single(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Self::Half, &[a, b]) => half(u16::from_le_bytes([a, b])),
            (Self::Brain, &[a, b]) => f32::from_bits(u32::from(u16::from_le_bytes([a, b])) << 16),
            (Self::Single, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (Self::Double, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32,
            _ => unreachable!("numbers are cut to their size"),
        }
    }
}

/// A number of 16 bits with 5 of exponent (IEEE 754 binary16).
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) =
        (u32::from(bits >> 15) << 31, u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    match exponent {
        0 => f32::from_bits(sign | (fraction as f32 / (1 << 24) as f32).to_bits()),
        31 => f32::from_bits(sign | 255 << 23 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_the_standard_says() {
        let cases: [(u16, f32); 7] = [
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x7C00, f32::INFINITY),
            (0x8000, -0.0),
        ];
        for (bits, value) in cases {
            let found = FloatFormat::Half.singles(&bits.to_le_bytes());
            assert_eq!(found[0].to_bits(), value.to_bits(), "{bits:x}");
        }
        assert!(FloatFormat::Half.singles(&0x7E00u16.to_le_bytes())[0].is_nan());
        assert_eq!(FloatFormat::Brain.singles(&[0x80, 0x3F, 0, 0xC0, 9]), [1.0, -2.0]);
    }
}
