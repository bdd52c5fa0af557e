//! Reading.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use zip::ZipArchive;
use zip::read::ZipFile;

use super::TorchTensor;
use super::pickle::{Pickle, Storage, Value, View};
use nmnc_core::error::{Error, Result};
use nmnc_core::floats::FloatFormat;
use nmnc_core::guard::{self, Bounded};

/// Keys under which people keep a state dictionary beside other things.
const WITHIN: [&str; 3] = ["state_dict", "model", "model_state_dict"];

/// The tensors of floating-point numbers of the state dictionary `path`, by name; counters are left out. A dictionary that holds the
/// state dictionary as `state_dict`, `model` or `model_state_dict` will do.
///
/// # Errors
/// A file of another kind, a damaged one, one that holds anything but tensors, or a tensor that is larger than its numbers.
pub fn read(path: &Path) -> Result<BTreeMap<String, TorchTensor>> {
    let (file, stored) = guard::open(path)?;
    let mut file = Archive::open(file, path, stored)?;
    let pickle = file.member("data.pkl", guard::TEXT)?;
    let pickle = Pickle::parse(&pickle, &path.display().to_string())?;
    if file.has("byteorder") && file.member("byteorder", guard::NAME)? != b"little" {
        return Err(Error::data(path.display(), "was saved on a machine with another order of bytes")
            .mend("load and save it again on a machine with little-endian numbers"));
    }
    let mut tensors = BTreeMap::new();
    let mut storages = BTreeMap::new();
    // Several names may share numbers, but not without end.
    let mut left = guard::expanded(stored);
    for &(name, value) in state_dictionary(&pickle, path)? {
        let (Value::Text(name), Value::Tensor(view)) = (pickle.value(name), pickle.value(value)) else {
            continue;
        };
        let Some(format) = format(&view.storage.class) else { continue };
        let place = || format!("{}: {name}", path.display());
        let count = elements(view).ok_or_else(|| {
            Error::data(place(), "does not lie within its numbers").mend("the file is damaged: get it again")
        })?;
        left = left.checked_sub(count.saturating_mul(4)).ok_or_else(|| {
            Error::data(path.display(), "its tensors are many times larger than the file")
                .mend("save it again")
        })?;
        let numbers = match storages.entry(view.storage.key.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(file.numbers(&view.storage, format)?),
        };
        if (numbers.len() as u64) < view.storage.length {
            return Err(Error::data(place(), "shares numbers with a tensor that has fewer"));
        }
        let shape: Vec<usize> = view.shape.iter().map(|&size| size as usize).collect();
        tensors.insert(name.clone(), TorchTensor { values: gathered(view, numbers, count as usize), shape });
    }
    if tensors.is_empty() {
        return Err(Error::data(path.display(), "holds no tensors by name")
            .mend("save a state dictionary: torch.save(model.state_dict(), path)"));
    }
    Ok(tensors)
}

fn state_dictionary<'a>(pickle: &'a Pickle, path: &Path) -> Result<&'a [(usize, usize)]> {
    let Value::Entries(entries) = pickle.root() else {
        return Err(Error::data(path.display(), "holds no dictionary")
            .mend("save a state dictionary: torch.save(model.state_dict(), path)"));
    };
    let within = entries.iter().find_map(|&(key, value)| match (pickle.value(key), pickle.value(value)) {
        (Value::Text(key), Value::Entries(inner)) if WITHIN.contains(&key.as_str()) => Some(inner),
        _ => None,
    });
    Ok(within.unwrap_or(entries))
}

/// Number of elements of a tensor, if all of them lie within its storage and none stands for more than one.
fn elements(view: &View) -> Option<u64> {
    let count = view.shape.iter().try_fold(1u64, |count, &size| count.checked_mul(size))?;
    if count == 0 {
        return Some(0);
    }
    let last =
        view.shape.iter().zip(&view.strides).try_fold(view.offset, |last, (&size, &stride)| {
            last.checked_add((size - 1).checked_mul(stride)?)
        })?;
    let within = view.shape.len() == view.strides.len() && last < view.storage.length;
    (within && count <= view.storage.length).then_some(count)
}

/// The numbers of a tensor, row-major.
fn gathered(view: &View, numbers: &[f32], count: usize) -> Vec<f32> {
    let mut index = vec![0u64; view.shape.len()];
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        let place: u64 = index.iter().zip(&view.strides).map(|(i, stride)| i * stride).sum();
        values.push(numbers[(view.offset + place) as usize]);
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            if index[axis] < view.shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    values
}

/// The format of a storage's numbers, if they are floating-point numbers.
fn format(class: &str) -> Option<FloatFormat> {
    match class {
        "HalfStorage" => Some(FloatFormat::Half),
        "BFloat16Storage" => Some(FloatFormat::Brain),
        "FloatStorage" => Some(FloatFormat::Single),
        "DoubleStorage" => Some(FloatFormat::Double),
        _ => None,
    }
}

/// The archive, whose files lie in one folder of any name.
struct Archive<'a> {
    zip: ZipArchive<BufReader<File>>,
    folder: String,
    stored: u64,
    path: &'a Path,
}

impl<'a> Archive<'a> {
    fn open(file: File, path: &'a Path, stored: u64) -> Result<Self> {
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|e| {
            Error::data(path.display(), format!("is not a file of PyTorch 1.6 or later: {e}"))
                .mend("load it and save it again with a newer PyTorch, or as safetensors")
        })?;
        let folder = zip.file_names().find_map(|name| Some(name.ok()?.strip_suffix("data.pkl")?.to_owned()));
        let folder = folder
            .ok_or_else(|| Error::data(path.display(), "holds no data.pkl, so it is no file of PyTorch"))?;
        Ok(Self { zip, folder, stored, path })
    }

    fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(&format!("{}{name}", self.folder)).is_some()
    }

    fn member(&mut self, name: &str, most: u64) -> Result<Vec<u8>> {
        let limit = most.min(guard::expanded(self.stored));
        self.read(name, |member| {
            let mut bytes = Vec::new();
            Bounded::new(member, limit).read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    }

    fn read(
        &mut self,
        name: &str,
        take: impl FnOnce(&mut ZipFile<BufReader<File>>) -> std::io::Result<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        let place = format!("{}: {name}", self.path.display());
        let mut member = self
            .zip
            .by_name(&format!("{}{name}", self.folder))
            .map_err(|e| guard::damaged(&place, e.into()))?;
        take(&mut member).map_err(|e| guard::damaged(&place, e))
    }

    fn numbers(&mut self, storage: &Storage, format: FloatFormat) -> Result<Vec<f32>> {
        let name = format!("data/{}", storage.key);
        // What lies behind the numbers that are asked for is not read.
        let bytes =
            self.read(&name, |member| guard::read_len(member, storage.length * format.bytes() as u64))?;
        Ok(format.singles(&bytes))
    }
}
