//! Tests across the parts of this module, and the small files they are made of.

mod augmentation;
mod batches;
mod bombs;
mod fetch;
mod formats;
mod hostile;
mod images;
// Elsewhere a folder does not let its time of change be set.
#[cfg(unix)]
mod indexed;
mod layouts;
mod mutations;
mod pictures;
mod shards;
mod shared;

use std::io::{Cursor, Write};
use std::path::Path;

use super::{DataConfig, Splits, Standardize};
use nmnc_core::error::Result;
use nmnc_core::seed::Seed;

/// Opens `source` without standardization, so that values are those of the files (bytes divided by 255).
fn open(source: &Path) -> Result<Splits> {
    config(source).open(Seed(1))
}

fn config(source: &Path) -> DataConfig {
    DataConfig {
        source: source.to_str().unwrap().to_owned(),
        standardize: Standardize::None,
        ..DataConfig::default()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An IDX file of unsigned bytes.
fn idx(dimensions: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|dimension| bytes.extend(dimension.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

/// One member of a tar archive, its name taken literally.
fn member(name: &str, content: &[u8]) -> Vec<u8> {
    entry(name, content.len() as u64, tar::EntryType::Regular, content)
}

/// A member that claims `size` whatever its content is.
fn entry(name: &str, size: u64, kind: tar::EntryType, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(size);
    header.set_mode(0o644);
    header.set_entry_type(kind);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// A tar archive of `members`.
fn tar(members: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = members.concat();
    bytes.extend([0; 1024]);
    bytes
}

/// A PNG of one color.
fn png(width: u32, height: u32, color: [u8; 3]) -> Vec<u8> {
    encode(image::RgbImage::from_pixel(width, height, image::Rgb(color)).into(), image::ImageFormat::Png)
}

/// A gray PNG of one value.
fn gray(width: u32, height: u32, value: u8) -> Vec<u8> {
    encode(image::GrayImage::from_pixel(width, height, image::Luma([value])).into(), image::ImageFormat::Png)
}

fn encode(image: image::DynamicImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A NumPy array; `shape` as Python writes it.
fn npy(descr: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(elements);
    bytes
}

/// A zip file of arrays.
fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = zip::ZipWriter::new(&mut bytes);
    for (name, array) in arrays {
        writer.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(array).unwrap();
    }
    writer.finish().unwrap();
    bytes.into_inner()
}
