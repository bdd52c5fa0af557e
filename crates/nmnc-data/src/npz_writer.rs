//! Writing NumPy archives.

use std::io::{Cursor, Result, Write};

use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

/// What an array of a NumPy archive can hold.
pub trait Element: Copy {
    /// NumPy's name of the type, little-endian.
    const DESCR: &'static str;

    /// Appends the element's bytes.
    fn append(self, bytes: &mut Vec<u8>);
}

macro_rules! element {
    ($($kind:ty: $descr:literal),*) => {$(
        impl Element for $kind {
            const DESCR: &'static str = $descr;

            fn append(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
        }
    )*};
}

element!(u8: "|u1", i32: "<i4", i64: "<i8", u32: "<u4", u64: "<u8", f32: "<f4", f64: "<f8");

/// A NumPy archive (`.npz`) in the making, in memory. The same arrays, put in the same order, give the same bytes: it holds no time of
/// its making, and is compressed the same way each time.
pub struct NpzWriter {
    zip: ZipWriter<Cursor<Vec<u8>>>,
}

impl Default for NpzWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl NpzWriter {
    /// An archive without arrays.
    pub fn new() -> Self {
        Self { zip: ZipWriter::new(Cursor::new(Vec::new())) }
    }

    /// Adds the array `name` of the given shape, outermost index first.
    ///
    /// # Errors
    /// A name that is taken.
    ///
    /// # Panics
    /// If there are not as many values as the shape has places.
    pub fn put<T: Element>(&mut self, name: &str, shape: &[usize], values: &[T]) -> Result<()> {
        let mut elements = Vec::with_capacity(size_of_val(values));
        values.iter().for_each(|value| value.append(&mut elements));
        let places = shape.iter().product::<usize>();
        assert_eq!(elements.len(), places * size_of::<T>(), "{name}: number of values for shape {shape:?}");
        self.zip.start_file(format!("{name}.npy"), options())?;
        self.zip.write_all(&header(T::DESCR, shape))?;
        self.zip.write_all(&elements)
    }

    /// The archive's bytes.
    ///
    /// # Errors
    /// Those of the zip writer.
    pub fn finish(self) -> Result<Vec<u8>> {
        Ok(self.zip.finish()?.into_inner())
    }
}

/// The bytes of a NumPy array file (`.npy`) of the given shape, outermost index first.
///
/// # Panics
/// If there are not as many values as the shape has places.
pub fn npy_file<T: Element>(shape: &[usize], values: &[T]) -> Vec<u8> {
    assert_eq!(values.len(), shape.iter().product::<usize>(), "number of values for shape {shape:?}");
    let mut bytes = header(T::DESCR, shape);
    bytes.reserve(size_of_val(values));
    values.iter().for_each(|value| value.append(&mut bytes));
    bytes
}

/// How an array is stored. All is said here: what is left to the zip library may depend on the clock.
fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644)
}

/// The header of an array in C order, format version 1.0, padded so that the elements begin at a multiple of 64 bytes.
fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let places: String = shape.iter().map(|n| format!("{n}, ")).collect();
    // A single place keeps its comma, as Python writes it.
    let places = if shape.len() == 1 { places.trim_end() } else { places.trim_end_matches(", ") };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({places}), }}");
    let bare = 10 + text.len() + 1;
    text += &" ".repeat(bare.next_multiple_of(64) - bare);
    text.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((text.len() as u16).to_le_bytes());
    out.extend(text.into_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_numpys() {
        // As numpy.lib.format.header_data_from_array_1_0 and write_array_header_1_0 lay them down.
        let expected =
            |text: &str| [b"\x93NUMPY\x01\x00\x76\x00", format!("{text:<117}\n").as_bytes()].concat();
        let text = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }";
        assert_eq!(header("<f8", &[2, 3]), expected(text));
        let text = "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }";
        assert_eq!(header("|u1", &[4]), expected(text));
        let text = "{'descr': '<i8', 'fortran_order': False, 'shape': (), }";
        assert_eq!(header("<i8", &[]), expected(text));
    }

    #[test]
    fn archives_hold_no_time_of_their_making() {
        let make = || {
            let mut writer = NpzWriter::new();
            writer.put("a", &[3], &[1.0, 2.0, 3.0]).unwrap();
            writer.put("b", &[1, 2], &[1_i64, -1]).unwrap();
            writer.finish().unwrap()
        };
        let bytes = make();
        assert_eq!(make(), bytes);
        // The first of January 1980 at midnight, after the marks of members and of their entries in the directory.
        let times = |mark: [u8; 4], at: usize| -> Vec<[u8; 4]> {
            let found = (0..bytes.len() - 4).filter(|&start| bytes[start..start + 4] == mark);
            found.map(|start| bytes[start + at..start + at + 4].try_into().unwrap()).collect()
        };
        assert_eq!(times(*b"PK\x03\x04", 10), [[0, 0, 0x21, 0]; 2]);
        assert_eq!(times(*b"PK\x01\x02", 12), [[0, 0, 0x21, 0]; 2]);
    }
}
