//! Named arrays in safetensors files.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use burn::tensor::{DType, Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::{Error, Result};
use crate::files::write_atomically;
use crate::floats::FloatFormat;
use crate::guard;

/// An array of any rank, on the host.
#[derive(Clone, Debug)]
pub struct Array {
    /// Shape for people and other tools.
    pub shape: Vec<usize>,
    bytes: Vec<u8>,
    dtype: DType,
}

impl Array {
    /// The values of `matrix` under another shape with as many elements.
    pub fn of_matrix(matrix: &Tensor<2>, shape: &[usize]) -> Self {
        let data = matrix.to_data();
        let dtype = data.dtype();
        Self { shape: shape.to_vec(), bytes: data.into_bytes().to_vec(), dtype }
    }

    /// Numbers in single precision, row-major, as many as the shape says.
    pub fn of_singles(shape: Vec<usize>, numbers: &[f32]) -> Self {
        let bytes = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self { shape, bytes, dtype: DType::F32 }
    }

    /// A list of numbers.
    pub fn of_list(list: &[f64]) -> Self {
        let bytes = list.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self { shape: vec![list.len()], bytes, dtype: DType::F64 }
    }

    /// The values as a matrix `[rows, columns]` on `device`, in the precision they were saved in.
    ///
    /// # Panics
    /// If the array has another number of elements.
    pub fn matrix(&self, [rows, columns]: [usize; 2], device: &Device) -> Tensor<2> {
        assert_eq!(self.shape.iter().product::<usize>(), rows * columns, "number of elements");
        let data = TensorData::from_bytes_vec(self.bytes.clone(), [rows, columns], self.dtype);
        Tensor::from_data(data, (device, self.dtype))
    }

    /// Type of the numbers.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The values in single precision, row-major.
    pub fn singles(&self) -> Vec<f32> {
        let format = if self.dtype == DType::F64 { FloatFormat::Double } else { FloatFormat::Single };
        format.singles(&self.bytes)
    }

    /// The values of a list, if they are 64-bit numbers.
    pub fn list(&self) -> Option<Vec<f64>> {
        let numbers =
            self.bytes.chunks_exact(8).map(|c| f64::from_le_bytes(c.try_into().expect("eight bytes")));
        (self.dtype == DType::F64 && self.shape.len() == 1).then(|| numbers.collect())
    }
}

/// Writes `arrays` and a note to `path`, whole or not at all.
///
/// # Errors
/// If the file system refuses.
pub fn write(path: &Path, arrays: &BTreeMap<String, Array>, note: (&str, String)) -> Result<()> {
    let views = arrays.iter().map(|(name, array)| {
        let dtype = match array.dtype {
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
            other => return Err(Error::checkpoint(name, format!("cannot save numbers of type {other:?}"))),
        };
        let view = TensorView::new(dtype, array.shape.clone(), &array.bytes);
        Ok((name, view.map_err(|e| Error::checkpoint(name, e))?))
    });
    // One entry of metadata: with more, the order in the file would be random.
    let metadata = [(note.0.to_owned(), note.1)];
    let bytes = safetensors::serialize(views.collect::<Result<Vec<_>>>()?, Some(metadata.into()))
        .map_err(|e| Error::checkpoint(path.display(), e))?;
    write_atomically(path, &bytes)
}

/// Reads the arrays of `path`. Whoever takes one checks its shape and its type of numbers: a file may hold any.
///
/// # Errors
/// If the file cannot be read, is damaged, or holds numbers that are not 32- or 64-bit floats.
pub fn read(path: &Path) -> Result<BTreeMap<String, Array>> {
    read_as(path, |name, view| {
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::F64 => DType::F64,
            other => return Err(Error::checkpoint(path.display(), format!("{name} has type {other:?}"))),
        };
        Ok(Some(Array { shape: view.shape().to_vec(), bytes: view.data().to_vec(), dtype }))
    })
}

/// Reads the floating-point numbers of a file of anybody's in single precision; counters and other numbers are left out.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn read_singles(path: &Path) -> Result<BTreeMap<String, Array>> {
    read_as(path, |_, view| {
        let format = match view.dtype() {
            Dtype::F16 => FloatFormat::Half,
            Dtype::BF16 => FloatFormat::Brain,
            Dtype::F32 => FloatFormat::Single,
            Dtype::F64 => FloatFormat::Double,
            _ => return Ok(None),
        };
        Ok(Some(Array::of_singles(view.shape().to_vec(), &format.singles(view.data()))))
    })
}

fn read_as(
    path: &Path,
    taken: impl Fn(&str, &TensorView) -> Result<Option<Array>>,
) -> Result<BTreeMap<String, Array>> {
    let bytes = guard::whole(path, guard::TENSORS).map_err(|e| match e.kind() {
        ErrorKind::InvalidInput | ErrorKind::FileTooLarge => {
            Error::checkpoint(path.display(), &e).caused_by(e)
        }
        _ => Error::io(path, "read", e),
    })?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|e| Error::checkpoint(path.display(), "is not a whole safetensors file").caused_by(e))?;
    let arrays =
        file.iter().map(|(name, view)| Ok(taken(name, &view)?.map(|array| (name.to_owned(), array))));
    arrays.filter_map(Result::transpose).collect()
}
