//! NumPy arrays mapped into memory.

use std::io::BufReader;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;

use super::arrays::Jacobians;
use crate::dimension::Rows;
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;
use nmnc_core::scale;
use nmnc_data::npy::Header;

/// A `.npy` file of 32- or 64-bit floats in C order, of which only the parts in use are in memory.
pub struct MappedArray {
    map: Mmap,
    start: usize,
    /// Bytes of one element.
    size: usize,
    big_endian: bool,
    shape: Vec<usize>,
}

impl MappedArray {
    /// Opens the array at `path`.
    ///
    /// # Errors
    /// If it cannot be read, is no NumPy array of floats in C order, or is shorter or longer than its header says.
    pub fn open(path: &Path) -> Result<Self> {
        let place = path.display().to_string();
        let numpy = "give a .npy file, as numpy.save writes it";
        let (file, length) = guard::regular(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::data(&place, "no such file").mend(numpy),
            std::io::ErrorKind::InvalidInput => guard::refused(path, e).mend(numpy),
            _ => Error::io(path, "read", e),
        })?;
        let (header, start) = Header::read(&mut BufReader::new(&file), &place).map_err(|e| {
            e.mend("give floats in C order: numpy.save(path, numpy.ascontiguousarray(array))")
        })?;
        if header.fortran {
            return Err(Error::data(&place, "header: is in Fortran order")
                .mend("give floats in C order: numpy.save(path, numpy.ascontiguousarray(array))"));
        }
        if !(header.kind == 'f' && matches!(header.size, 4 | 8)) {
            return Err(Error::data(&place, format!("elements of type {}{}", header.kind, header.size))
                .mend("use float32 or float64"));
        }
        let expected = (start as u64).saturating_add(header.len);
        if length != expected {
            return Err(Error::data(&place, format!("has {length} bytes, its header announces {expected}"))
                .mend("save it again"));
        }
        // SAFETY: the map is only read, as bytes. Should another process shorten the file meanwhile, reading beyond its new end
        // ends this process with a signal, and should it change the values, the numbers found change with them.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| Error::io(path, "map", e))?;
        Ok(Self { map, start, size: header.size, big_endian: header.big_endian, shape: header.shape })
    }

    /// Shape, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// All numbers, row-major, finite or not.
    pub fn values(&self) -> Vec<f64> {
        self.elements(0..self.shape.iter().product()).collect()
    }

    /// The array as activity `[samples, units]`.
    ///
    /// # Errors
    /// If it has another number of dimensions.
    pub fn activity(self, path: &Path) -> Result<MappedActivity> {
        if self.shape.len() != 2 {
            let problem = format!("activity of shape {:?} instead of [samples, units]", self.shape);
            return Err(Error::data(path.display(), problem).mend("reshape it to two dimensions"));
        }
        Ok(MappedActivity(self))
    }

    /// The array as Jacobians: `[outputs, units]` or `[examples, outputs, units]`.
    ///
    /// # Errors
    /// If it has another number of dimensions, or none of some.
    pub fn jacobians(self, path: &Path) -> Result<MappedJacobians> {
        let shape = match self.shape[..] {
            [outputs, units] => [1, outputs, units],
            [examples, outputs, units] => [examples, outputs, units],
            _ => [0; 3],
        };
        if shape.contains(&0) {
            let problem = format!(
                "a Jacobian of shape {:?} instead of [outputs, units] or [samples, outputs, units]",
                self.shape
            );
            return Err(
                Error::data(path.display(), problem).mend("one row for each output, one column a unit")
            );
        }
        let unit = match self.size {
            4 => 1.0,
            // Double precision is looked through for what single precision would not hold.
            _ => scale::single_unit(scale::largest(self.elements(0..shape.iter().product()))),
        };
        Ok(MappedJacobians { array: self, shape, unit })
    }

    fn elements(&self, range: Range<usize>) -> impl Iterator<Item = f64> {
        let bytes = &self.map[self.start + range.start * self.size..self.start + range.end * self.size];
        bytes.chunks_exact(self.size).map(|element| {
            let mut padded = [0; 8];
            padded[..self.size].copy_from_slice(element);
            if self.big_endian {
                padded[..self.size].reverse();
            }
            match self.size {
                4 => f64::from(f32::from_le_bytes([padded[0], padded[1], padded[2], padded[3]])),
                _ => f64::from_le_bytes(padded),
            }
        })
    }
}

/// Activity in a file.
pub struct MappedActivity(MappedArray);

impl Rows for MappedActivity {
    fn samples(&self) -> usize {
        self.0.shape[0]
    }

    fn units(&self) -> usize {
        self.0.shape[1]
    }

    fn row(&self, sample: usize, columns: Range<usize>, out: &mut [f64]) {
        let start = sample * self.units();
        let values = self.0.elements(start + columns.start..start + columns.end);
        out.iter_mut().zip(values).for_each(|(o, v)| *o = v);
    }
}

/// Jacobians in a file.
pub struct MappedJacobians {
    array: MappedArray,
    shape: [usize; 3],
    unit: f64,
}

impl Jacobians for MappedJacobians {
    fn shape(&self) -> [usize; 3] {
        self.shape
    }

    fn example(&self, index: usize) -> Vec<f32> {
        let size = self.shape[1] * self.shape[2];
        self.array.elements(index * size..(index + 1) * size).map(|v| (v / self.unit) as f32).collect()
    }

    fn unit(&self) -> f64 {
        self.unit
    }
}
