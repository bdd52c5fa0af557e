//! Writing NumPy archives.

use std::io::{Cursor, Result, Write};

use zip::write::{SimpleFileOptions, ZipWriter};

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

/// A NumPy archive (`.npz`) in the making, in memory. The same arrays give the same bytes: it holds no time of its making.
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
        self.zip.start_file(format!("{name}.npy"), SimpleFileOptions::default())?;
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
    fn the_same_arrays_give_the_same_bytes() {
        let make = || {
            let mut writer = NpzWriter::new();
            writer.put("a", &[3], &[1.0, 2.0, 3.0]).unwrap();
            writer.put("b", &[1, 2], &[1_i64, -1]).unwrap();
            writer.finish().unwrap()
        };
        let bytes = make();
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(make(), bytes);
    }
}
