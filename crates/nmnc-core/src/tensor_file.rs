//! Named arrays in safetensors files.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use burn::tensor::{DType, Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::{Error, Result};
use crate::files::write_atomically;
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
    let bytes = guard::whole(path, guard::TENSORS).map_err(|e| match e.kind() {
        ErrorKind::InvalidInput | ErrorKind::FileTooLarge => {
            Error::checkpoint(path.display(), &e).caused_by(e)
        }
        _ => Error::io(path, "read", e),
    })?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|e| Error::checkpoint(path.display(), "is not a whole safetensors file").caused_by(e))?;
    file.iter()
        .map(|(name, view)| {
            let dtype = match view.dtype() {
                Dtype::F32 => DType::F32,
                Dtype::F64 => DType::F64,
                other => return Err(Error::checkpoint(path.display(), format!("{name} has type {other:?}"))),
            };
            let array = Array { shape: view.shape().to_vec(), bytes: view.data().to_vec(), dtype };
            Ok((name.to_owned(), array))
        })
        .collect()
}
