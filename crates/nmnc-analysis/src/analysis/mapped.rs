//! Arrays in files: NumPy's mapped into memory, others held in it.

use std::io::BufReader;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;

use super::arrays::Jacobians;
use crate::dimension::Rows;
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;
use nmnc_core::scale;
use nmnc_data::ArrayFile;
use nmnc_data::npy::Header;
use nmnc_data::npz::Array;

/// An array of numbers of any type and order. Of a `.npy` file only the parts in use are in memory.
pub struct MappedArray {
    bytes: Bytes,
    /// Where the elements begin.
    start: usize,
    header: Header,
    /// Elements between two neighbors along each dimension.
    strides: Vec<usize>,
    /// The file, for errors.
    place: String,
}

enum Bytes {
    Mapped(Mmap),
    Held(Vec<u8>),
}

impl MappedArray {
    /// Opens the only array in the file at `path`.
    ///
    /// # Errors
    /// As of [`MappedArray::find`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::find(path, None, &[])
    }

    /// Opens an array in the file at `path`, as [`Array::open`] finds it.
    ///
    /// # Errors
    /// As there; a `.npy` file that is shorter or longer than its header says.
    pub fn find(path: &Path, name: Option<&str>, usual: &[&str]) -> Result<Self> {
        let place = path.display().to_string();
        if ArrayFile::of(path)? != ArrayFile::Npy {
            let array = Array::open(path, name, usual)?;
            let place = array.place().to_owned();
            let (header, bytes) = array.into_parts();
            return Ok(Self::new(Bytes::Held(bytes), 0, header, place));
        }
        let (file, length) = guard::open(path)?;
        let (header, start) = Header::read(&mut BufReader::new(&file), &place)?;
        header.check_length(start, length, &place)?;
        // SAFETY: the map is only read, as bytes. Should another process shorten the file meanwhile, reading beyond its new end
        // ends this process with a signal, and should it change the values, the numbers found change with them.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| Error::io(path, "map", e))?;
        Ok(Self::new(Bytes::Mapped(map), start, header, place))
    }

    fn new(bytes: Bytes, start: usize, header: Header, place: String) -> Self {
        let mut strides = vec![1; header.shape.len()];
        let mut stride = 1;
        let mut step = |at: usize| {
            strides[at] = stride;
            stride *= header.shape[at];
        };
        match header.fortran {
            true => (0..header.shape.len()).for_each(&mut step),
            false => (0..header.shape.len()).rev().for_each(&mut step),
        }
        Self { bytes, start, header, strides, place }
    }

    /// Shape, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// All numbers, row-major, finite or not.
    pub fn values(&self) -> Vec<f64> {
        self.elements(0..self.shape().iter().product()).collect()
    }

    /// The array as activity `[samples, units]`.
    ///
    /// # Errors
    /// If it has another number of dimensions.
    pub fn activity(self) -> Result<MappedActivity> {
        if self.shape().len() != 2 {
            let problem = format!("activity of shape {:?} instead of [samples, units]", self.shape());
            return Err(Error::data(&self.place, problem).mend("reshape it to two dimensions"));
        }
        Ok(MappedActivity(self))
    }

    /// The array as Jacobians: `[outputs, units]` or `[examples, outputs, units]`.
    ///
    /// # Errors
    /// If it has another number of dimensions, or none of some.
    pub fn jacobians(self) -> Result<MappedJacobians> {
        let shape = match *self.shape() {
            [outputs, units] => [1, outputs, units],
            [examples, outputs, units] => [examples, outputs, units],
            _ => [0; 3],
        };
        if shape.contains(&0) {
            let problem = format!(
                "a Jacobian of shape {:?} instead of [outputs, units] or [samples, outputs, units]",
                self.shape()
            );
            return Err(Error::data(&self.place, problem).mend("one row for each output, one column a unit"));
        }
        let unit = match self.header.size {
            8 => {
                // Double precision is looked through for what single precision would not hold.
                scale::single_unit(scale::largest(self.elements(0..shape.iter().product())))
            }
            _ => 1.0,
        };
        Ok(MappedJacobians { array: self, shape, unit })
    }

    /// The elements of a range of places, counted row-major.
    fn elements(&self, range: Range<usize>) -> impl Iterator<Item = f64> {
        let size = self.header.size;
        let bytes = match &self.bytes {
            Bytes::Mapped(map) => &map[self.start..],
            Bytes::Held(bytes) => &bytes[self.start..],
        };
        range.map(move |place| {
            let at = size * if self.header.fortran { self.element(place) } else { place };
            self.header.number(&bytes[at..at + size])
        })
    }

    /// Where the element of a place, counted row-major, is stored.
    fn element(&self, place: usize) -> usize {
        let dimensions = self.header.shape.iter().zip(&self.strides).rev();
        let (_, at) = dimensions
            .fold((place, 0), |(left, at), (&size, stride)| (left / size, at + left % size * stride));
        at
    }
}

/// Activity in a file.
pub struct MappedActivity(MappedArray);

impl Rows for MappedActivity {
    fn samples(&self) -> usize {
        self.0.header.shape[0]
    }

    fn units(&self) -> usize {
        self.0.header.shape[1]
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
    fn place(&self) -> String {
        self.array.place.clone()
    }

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
