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
        let unsupported = || bad(format!("elements of type `{descr}` instead of numbers"));
        let mut letters = descr.chars();
        let (order, kind) = (letters.next(), letters.next());
        let (Some(order @ ('<' | '>' | '|' | '=')), Some(kind @ ('b' | 'i' | 'u' | 'f'))) = (order, kind)
        else {
            return Err(unsupported());
        };
        let size: usize = letters.as_str().parse().map_err(|_| unsupported())?;
        if !matches!(size, 1 | 2 | 4 | 8) {
            return Err(unsupported());
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

#[cfg(test)]
mod tests {
    use super::*;

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
