//! Writing: the pickle that `torch.save` makes of a state dictionary, and the numbers stored as they are.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::TorchTensor;
use nmnc_core::error::{Error, Result};
use nmnc_core::files::write_atomically;

/// The archive's folder. PyTorch takes any.
const FOLDER: &str = "archive";

/// Running statistics come with a counter in PyTorch, without which a strict loading refuses them.
const STATISTIC: &str = "running_mean";
const COUNTER: &str = "num_batches_tracked";

/// Writes `tensors` to `path` as `torch.save` would an ordered dictionary of them; `torch.load(path, weights_only=True)` reads it. Beside
/// every `running_mean` stands a `num_batches_tracked` of 0, as in PyTorch's own.
///
/// # Errors
/// If the file system refuses; nothing is half-written.
pub fn write(path: &Path, tensors: &BTreeMap<String, TorchTensor>) -> Result<()> {
    let mut entries: Vec<Entry> = Vec::new();
    for (name, tensor) in tensors {
        let bytes = tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        entries.push(Entry { name: name.clone(), class: "FloatStorage", shape: tensor.shape.clone(), bytes });
        if let Some(layer) = name.strip_suffix(STATISTIC) {
            let name = format!("{layer}{COUNTER}");
            entries.push(Entry { name, class: "LongStorage", shape: Vec::new(), bytes: vec![0; 8] });
        }
    }
    let archive = archive(&entries).map_err(|e| Error::io(path, "write", e))?;
    write_atomically(path, &archive)
}

struct Entry {
    name: String,
    class: &'static str,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

fn archive(entries: &[Entry]) -> std::io::Result<Vec<u8>> {
    // The same bytes for the same tensors: no time is written.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .large_file(true);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |name: &str, bytes: &[u8]| -> std::io::Result<()> {
        // PyTorch maps numbers from the file where they begin at a multiple of 64 bytes.
        zip.start_file(format!("{FOLDER}/{name}"), options.with_alignment(64))?;
        zip.write_all(bytes)
    };
    add("data.pkl", &pickle(entries))?;
    add("byteorder", b"little")?;
    for (key, entry) in entries.iter().enumerate() {
        add(&format!("data/{key}"), &entry.bytes)?;
    }
    add("version", b"3\n")?;
    Ok(zip.finish()?.into_inner())
}

/// An `OrderedDict` of tensors, in protocol 2.
fn pickle(entries: &[Entry]) -> Vec<u8> {
    let mut out = vec![0x80, 2];
    out.extend(b"ccollections\nOrderedDict\n)R(");
    for (key, entry) in entries.iter().enumerate() {
        text(&mut out, &entry.name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n(");
        let count = entry.shape.iter().product::<usize>();
        out.push(b'(');
        text(&mut out, "storage");
        out.extend(format!("ctorch\n{}\n", entry.class).into_bytes());
        text(&mut out, &key.to_string());
        text(&mut out, "cpu");
        integer(&mut out, count);
        out.extend(b"tQ");
        integer(&mut out, 0);
        sizes(&mut out, &entry.shape);
        sizes(&mut out, &strides(&entry.shape));
        // No gradient is wanted, and there are no hooks.
        out.extend([0x89]);
        out.extend(b"ccollections\nOrderedDict\n)RtR");
    }
    out.extend(b"u.");
    out
}

fn strides(shape: &[usize]) -> Vec<usize> {
    (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect()
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

/// An integer of up to eight bytes with its sign.
fn integer(out: &mut Vec<u8>, value: usize) {
    out.extend([0x8a, 8]);
    out.extend((value as i64).to_le_bytes());
}

fn sizes(out: &mut Vec<u8>, sizes: &[usize]) {
    out.push(b'(');
    sizes.iter().for_each(|&size| integer(out, size));
    out.push(b't');
}
