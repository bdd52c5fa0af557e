//! Headers of NumPy arrays.

use std::io::Read;

use nmnc_core::error::{Error, Result};
use nmnc_core::guard;

/// What the header of an array says.
#[derive(Debug, PartialEq)]
pub struct Header {
    /// Byte order of the elements.
    pub big_endian: bool,
    /// `b`, `i`, `u` or `f`.
    pub kind: char,
    /// Bytes of one element.
    pub size: usize,
    /// Shape, outermost first.
    pub shape: Vec<usize>,
    /// Whether the first index runs fastest.
    pub fortran: bool,
    /// Bytes of all elements.
    pub len: u64,
}

impl Header {
    /// Reads magic number, version and header from the start of an array at `place`, and tells how many bytes they take.
    ///
    /// # Errors
    /// If it is no NumPy array, or one of other elements than numbers, or of an absurd shape.
    pub fn read(reader: &mut impl Read, place: &str) -> Result<(Self, usize)> {
        let damaged = |e: std::io::Error| guard::damaged(place, e);
        let magic: [u8; 8] = guard::read_array(reader).map_err(damaged)?;
        let [0x93, b'N', b'U', b'M', b'P', b'Y', major, _] = magic else {
            return Err(Error::data(place, "is no NumPy array"));
        };
        let (prefix, header_len) = if major == 1 {
            (10, usize::from(u16::from_le_bytes(guard::read_array(reader).map_err(damaged)?)))
        } else {
            (12, u32::from_le_bytes(guard::read_array(reader).map_err(damaged)?) as usize)
        };
        if header_len > guard::HEADER {
            return Err(Error::data(place, format!("a header of {header_len} bytes")));
        }
        let text = guard::read_len(reader, header_len as u64).map_err(damaged)?;
        let header = Self::parse(&String::from_utf8_lossy(&text)).map_err(|e| e.within(place))?;
        Ok((header, prefix + header_len))
    }

    /// Reads the Python literal `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
    fn parse(text: &str) -> Result<Self> {
        let bad = |why: String| Error::data("header", why);
        let value = |key: &str| {
            let quoted = format!("'{key}'");
            let after = text.split_once(quoted.as_str()).map(|(_, after)| after.trim_start());
            after
                .and_then(|after| after.strip_prefix(':'))
                .map(str::trim_start)
                .ok_or_else(|| bad(format!("no `{key}`")))
        };
        let descr = value("descr")?;
        let descr = descr
            .strip_prefix('\'')
            .and_then(|rest| rest.split_once('\''))
            .map(|(descr, _)| descr)
            .ok_or_else(|| bad("elements are records, not numbers".to_owned()))?;
        let unsupported = || {
            bad(format!("elements of type `{descr}` instead of numbers"))
                .mend("save it as floats: numpy.save(path, numpy.asarray(array, dtype=float))")
        };
        let mut letters = descr.chars();
        let (order, kind) = (letters.next(), letters.next());
        let (Some(order @ ('<' | '>' | '|' | '=')), Some(kind @ ('b' | 'i' | 'u' | 'f'))) = (order, kind)
        else {
            return Err(unsupported());
        };
        let size: usize = letters.as_str().parse().map_err(|_| unsupported())?;
        match (kind, size) {
            ('b', 1) | ('i' | 'u', 1 | 2 | 4 | 8) | ('f', 2 | 4 | 8) => {}
            _ => return Err(unsupported()),
        }
        let fortran = !value("fortran_order")?.starts_with("False");
        let shape = value("shape")?;
        let shape = shape
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(')'))
            .map(|(shape, _)| shape)
            .ok_or_else(|| bad("no shape".to_owned()))?;
        let shape: Vec<usize> = (shape.split(',').map(str::trim))
            .filter(|dimension| !dimension.is_empty())
            // Python 2 wrote long integers.
            .map(|dimension| dimension.strip_suffix('L').unwrap_or(dimension))
            .map(|dimension| dimension.parse().map_err(|_| bad(format!("shape ({shape})"))))
            .collect::<Result<_>>()?;
        if shape.len() > guard::DIMENSIONS {
            let most = guard::DIMENSIONS;
            return Err(bad(format!("{} dimensions, where NumPy has at most {most}", shape.len())));
        }
        let len = (shape.iter())
            .try_fold(size as u64, |product, &dimension| product.checked_mul(dimension as u64))
            .ok_or_else(|| bad(format!("claims the absurd shape {shape:?}")))?;
        let big_endian = order == '>' || (order == '=' && cfg!(target_endian = "big"));
        Ok(Self { big_endian, kind, size, shape, fortran, len })
    }

    /// Checks that a file of `length` bytes, `start` of them up to the elements, holds what the header announces.
    ///
    /// # Errors
    /// If not.
    pub fn check_length(&self, start: usize, length: u64, place: &str) -> Result<()> {
        let expected = (start as u64).saturating_add(self.len);
        if length != expected {
            return Err(Error::data(place, format!("has {length} bytes, its header announces {expected}"))
                .mend("save it again"));
        }
        Ok(())
    }

    /// The element stored as `bytes`, of which there are as many as one takes.
    pub fn number(&self, bytes: &[u8]) -> f64 {
        let mut padded = [0; 8];
        padded[..self.size].copy_from_slice(&bytes[..self.size]);
        if self.big_endian {
            padded[..self.size].reverse();
        }
        let whole = u64::from_le_bytes(padded);
        // Signed ones have their sign where those of eight bytes have it.
        let unused = 64 - 8 * self.size as u32;
        match (self.kind, self.size) {
            ('b', _) => f64::from(u8::from(whole != 0)),
            ('u', _) => whole as f64,
            ('i', _) => (((whole << unused) as i64) >> unused) as f64,
            ('f', 2) => half(whole as u16),
            ('f', 4) => f64::from(f32::from_bits(whole as u32)),
            _ => f64::from_bits(whole),
        }
    }

    /// Elements in C order, as bytes, of `bytes` as they are stored: [`Header::len`] of them. The work for an element does not
    /// depend on the number of dimensions.
    ///
    /// # Panics
    /// If there are not as many bytes as the header says.
    pub fn in_c_order(&self, bytes: Vec<u8>) -> Vec<u8> {
        assert_eq!(bytes.len() as u64, self.len, "bytes of shape {:?}", self.shape);
        // Those of a single place change no order; what is left doubles the number of elements each time.
        let wide = self.shape.iter().copied().filter(|&places| places != 1);
        let axes: Vec<(usize, usize)> = wide
            .scan(self.size, |stride, places| Some((std::mem::replace(stride, *stride * places), places)))
            .collect();
        if !self.fortran || axes.len() < 2 || bytes.is_empty() {
            return bytes;
        }
        let mut out = Vec::with_capacity(bytes.len());
        let mut index = vec![0; axes.len()];
        let mut at = 0;
        while out.len() < bytes.len() {
            out.extend_from_slice(&bytes[at..at + self.size]);
            for (i, &(stride, places)) in index.iter_mut().zip(&axes).rev() {
                *i += 1;
                at += stride;
                if *i < places {
                    break;
                }
                at -= stride * places;
                *i = 0;
            }
        }
        out
    }
}

/// A number of half precision (IEEE 754 binary16): a sign, 5 bits of exponent, 10 of the fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff) / 1024.0);
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * 2f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_those_of_the_standard() {
        let cases = [
            (0x0000, 0.0),
            (0x0001, 5.960464477539063e-8),
            (0x03ff, 6.097555160522461e-5),
            (0x0400, 6.103515625e-5),
            (0x3555, 0.333251953125),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0xfc00, f64::NEG_INFINITY),
        ];
        cases.iter().for_each(|&(bits, value)| assert_eq!(half(bits), value, "{bits:x}"));
        assert!(half(0x7e00).is_nan() && half(0x8000).is_sign_negative());
    }

    /// The element of each place, found by its index.
    fn by_index(shape: &[usize], elements: &[u16]) -> Vec<u16> {
        let mut out = Vec::new();
        for mut place in 0..elements.len() {
            let mut index = vec![0; shape.len()];
            for (i, n) in index.iter_mut().zip(shape).rev() {
                (*i, place) = (place % n, place / n);
            }
            out.push(elements[index.iter().zip(shape).rev().fold(0, |at, (i, n)| at * n + i)]);
        }
        out
    }

    #[test]
    fn fortran_order_becomes_c_order() {
        for shape in
            [&[][..], &[3], &[2, 3], &[1, 3, 1, 2], &[4, 1, 2, 3, 1], &[2, 2, 2, 2, 2], &[3, 0, 2], &[1, 1]]
        {
            let places = shape.iter().product::<usize>();
            let elements: Vec<u16> = (0..places as u16).collect();
            let bytes: Vec<u8> = elements.iter().flat_map(|e| e.to_le_bytes()).collect();
            let header = Header {
                big_endian: false,
                kind: 'u',
                size: 2,
                shape: shape.to_vec(),
                fortran: true,
                len: bytes.len() as u64,
            };
            let expected: Vec<u8> = by_index(shape, &elements).iter().flat_map(|e| e.to_le_bytes()).collect();
            assert_eq!(header.in_c_order(bytes), expected, "{shape:?}");
        }
    }
}
