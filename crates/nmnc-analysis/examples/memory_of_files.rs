//! Peak memory of reading files of each format, by their size, as CSV on standard output. Each file is read in a process of its own,
//! of which the system tells the most memory that it held (Linux).
//!
//!     cargo run --release -p nmnc-analysis --example memory_of_files > results/2026-11-26-trust/memory_of_files.csv

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::Command;

use burn::tensor::{Device, Tensor, TensorData};
use nmnc_analysis::analysis::MappedArray;
use nmnc_analysis::brain::{AssemblyOptions, read_assembly};
use nmnc_core::records::RunRecords;
use nmnc_core::tensor_file::{self, Array};
use nmnc_core::{Result, Seed};
use nmnc_data::{DataConfig, NpzWriter, Standardize, npz};

const MIB: usize = 1 << 20;

/// A format: its name, how a file of about so many bytes of content is made, and how it is read.
type Format = (&'static str, fn(&Path, usize), fn(&Path) -> Result<()>);

const FORMATS: [Format; 12] = [
    ("nothing", |_, _| {}, |_| Ok(())),
    ("idx", |path, len| idx(path, len, false), open),
    ("idx.gz", |path, len| idx(path, len, true), open),
    ("cifar.tar", |path, len| cifar(path, len, false), open_file),
    ("cifar.tar.gz", |path, len| cifar(path, len, true), open_file),
    ("images.tar", |path, len| images(path, len, false), open_file),
    ("images.tar.gz", |path, len| images(path, len, true), open_file),
    ("npz", arrays, |path| {
        npz::Array::read(&path.join("file"), "x")?.expect("it is there").numbers().map(|_| ())
    }),
    ("npy", mapped, |path| MappedArray::open(&path.join("file")).map(|_| ())),
    ("safetensors", tensors, |path| tensor_file::read(&path.join("file")).map(|_| ())),
    ("jsonl", records, |path| RunRecords::read(path).map(|_| ())),
    ("netCDF", assembly, |path| read_assembly(&path.join("file"), &AssemblyOptions::default()).map(|_| ())),
];

fn config(path: &Path) -> DataConfig {
    let source = path.to_str().expect("a temporary folder has a plain name").to_owned();
    DataConfig { source, standardize: Standardize::None, workers: Some(0), ..DataConfig::default() }
}

fn open(path: &Path) -> Result<()> {
    config(path).open(Seed(0)).map(|_| ())
}

fn open_file(path: &Path) -> Result<()> {
    open(&path.join("file"))
}

fn write(path: &Path, name: &str, bytes: &[u8], packed: bool) {
    let file = fs::File::create(path.join(name)).expect("a file");
    if packed {
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        encoder.write_all(bytes).and_then(|()| encoder.finish().map(drop)).expect("written");
    } else {
        (&file).write_all(bytes).expect("written");
    }
}

/// Numbers that deflate makes about three quarters of.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 58) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn idx(path: &Path, len: usize, packed: bool) {
    let array = |dimensions: &[usize], elements: &[u8]| {
        let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
        dimensions.iter().for_each(|&d| bytes.extend((d as u32).to_be_bytes()));
        bytes.extend(elements);
        bytes
    };
    let pixels = noise(len / 2);
    let count = pixels.len() / 1024;
    for split in ["train", "test"] {
        write(path, &format!("{split}-images"), &array(&[count, 32, 32], &pixels[..count * 1024]), packed);
        write(path, &format!("{split}-labels"), &array(&[count], &vec![1; count]), packed);
    }
}

fn archive(members: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &content[..]).expect("a member");
    }
    builder.into_inner().expect("an archive")
}

fn cifar(path: &Path, len: usize, packed: bool) {
    let examples = len / 6 / 3073;
    let mut batch = noise(examples * 3073);
    batch.iter_mut().step_by(3073).for_each(|label| *label %= 10);
    let names =
        ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];
    write(path, "file", &archive(names.iter().map(|name| (format!("{name}.bin"), batch.clone()))), packed);
}

fn images(path: &Path, len: usize, packed: bool) {
    let picture = image::RgbImage::from_raw(64, 64, noise(3 * 64 * 64)).expect("as many pixels");
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, image::ImageFormat::Png).expect("an image");
    let (png, count) = (png.into_inner(), len / (3 * 64 * 64));
    let of = |i: usize| (format!("{}/{}/{i}.png", ["train", "test"][i % 2], i / 2 % 10), png.clone());
    write(path, "file", &archive((0..count).map(of)), packed);
}

fn arrays(path: &Path, len: usize) {
    let mut writer = NpzWriter::new();
    writer.put("x", &[len / 8], &vec![0.5_f64; len / 8]).expect("an array");
    write(path, "file", &writer.finish().expect("an archive"), false);
}

fn mapped(path: &Path, len: usize) {
    let text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}, 8), }}\n", len / 64);
    let header = [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
    write(path, "file", &[header, vec![0; len / 64 * 64]].concat(), false);
}

fn tensors(path: &Path, len: usize) {
    let data = TensorData::new(vec![0.5_f32; len / 4], [len / 4, 1]);
    let array = Array::of_matrix(&Tensor::<2>::from_data(data, &Device::flex()), &[len / 4]);
    let arrays = BTreeMap::from([("x".to_owned(), array)]);
    tensor_file::write(&path.join("file"), &arrays, ("step", "0".to_owned())).expect("written");
}

fn records(path: &Path, len: usize) {
    write(path, "config.toml", b"seed = 0\n[credit]\nrule = 'bp'\n", false);
    let line = |step: usize| {
        format!(
            "{{\"step\":{step},\"epoch\":1.0,\"probes\":0,\"learning_rate\":0.1,\"seconds\":1.5,\
             \"images_per_second\":100.0,\"train\":{{\"loss\":1.25,\"accuracy\":0.5}},\"stages\":[]}}\n"
        )
    };
    let text: String = (1..=len / line(1000).len()).map(line).collect();
    write(path, "metrics.jsonl", text.as_bytes(), false);
}

/// An assembly in classic netCDF: presentations of 64 units, and the number of each presentation's stimulus.
fn assembly(path: &Path, len: usize) {
    let (units, shown) = (64, len / 8 / 64);
    let mut bytes = b"CDF\x02\0\0\0\0".to_vec();
    let number = |bytes: &mut Vec<u8>, n: usize| bytes.extend((n as u32).to_be_bytes());
    let name = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend((text.len() as u32).to_be_bytes());
        bytes.extend(text.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    };
    number(&mut bytes, 10);
    number(&mut bytes, 2);
    for (dimension, size) in [("presentation", shown), ("neuroid", units)] {
        name(&mut bytes, dimension);
        number(&mut bytes, size);
    }
    bytes.extend([0; 8]);
    number(&mut bytes, 11);
    number(&mut bytes, 2);
    let (doubles, ints) = (8 * shown * units, 4 * shown);
    let begin = 512;
    for (variable, dimensions, kind, size, at) in
        [("responses", &[0, 1][..], 6, doubles, begin), ("stimulus_id", &[0], 4, ints, begin + doubles)]
    {
        name(&mut bytes, variable);
        number(&mut bytes, dimensions.len());
        dimensions.iter().for_each(|&d| number(&mut bytes, d));
        bytes.extend([0; 8]);
        number(&mut bytes, kind);
        number(&mut bytes, size);
        bytes.extend((at as u64).to_be_bytes());
    }
    bytes.resize(begin + doubles, 0);
    (0..shown).for_each(|i| number(&mut bytes, i % 100));
    write(path, "file", &bytes, false);
}

fn stored(path: &Path) -> u64 {
    fs::read_dir(path).expect("a folder").map(|e| e.expect("a file").metadata().expect("known").len()).sum()
}

/// The most memory that this process has held, in bytes.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").trim().parse::<usize>().expect("a number") << 10
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [format, path] = &arguments[..] {
        let (_, _, read) = FORMATS.iter().find(|(name, ..)| name == format).expect("a format");
        read(Path::new(path)).expect("a valid file");
        println!("{}", peak());
        return;
    }
    println!("format,content_mib,stored_bytes,peak_bytes");
    for (name, make, _) in FORMATS {
        for size in if name == "nothing" { &[0][..] } else { &[1, 8, 64] } {
            let folder = tempfile::tempdir().expect("a folder");
            make(folder.path(), size * MIB);
            let program = std::env::current_exe().expect("a program");
            let read =
                Command::new(program).arg(name).arg(folder.path()).env("RAYON_NUM_THREADS", "1").output();
            let read = read.expect("a process");
            assert!(read.status.success(), "{name}: {}", String::from_utf8_lossy(&read.stderr));
            let peak = String::from_utf8_lossy(&read.stdout);
            println!("{name},{size},{},{}", stored(folder.path()), peak.trim());
        }
    }
}
