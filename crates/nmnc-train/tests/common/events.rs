//! A reader of TensorBoard's event files that shares nothing with what writes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// An event: its step, when it was, and its scalars by tag.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub step: u64,
    pub time: f64,
    pub scalars: BTreeMap<String, f32>,
}

/// The event files in a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.file_name().unwrap().to_string_lossy().contains("tfevents")).collect()
}

/// The events of the only event file in a folder after the one that names the version. What is wrong with it is a panic.
pub fn read(folder: &Path) -> Vec<Event> {
    let files = files(folder);
    assert_eq!(files.len(), 1, "{files:?}");
    let bytes = fs::read(&files[0]).unwrap();
    let mut events = frames(&bytes).into_iter();
    let version = fields(events.next().unwrap());
    assert_eq!(text(&version[1]), (3, "brain.Event:2"));
    events.map(event).collect()
}

/// The contents of all frames, whose checksums are right.
fn frames(mut bytes: &[u8]) -> Vec<&[u8]> {
    let table = table();
    let checked = |content: &[u8], sum: &[u8]| {
        let crc = !content
            .iter()
            .fold(u32::MAX, |crc, byte| table[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8));
        let masked = u32::from_le_bytes(sum.try_into().unwrap()).wrapping_sub(0xa282_ead8);
        assert_eq!(masked.rotate_left(15), crc, "checksum");
    };
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        checked(&bytes[..8], &bytes[8..12]);
        let (content, rest) = bytes[12..].split_at(length);
        checked(content, &rest[..4]);
        found.push(content);
        bytes = &rest[4..];
    }
    found
}

/// What each byte adds to a checksum, by the definition: remainders of x^32 times the byte, bits in reversed order.
fn table() -> [u32; 256] {
    std::array::from_fn(|byte| {
        let mut remainder = (byte as u32).reverse_bits();
        for _ in 0..8 {
            let out = remainder >> 31;
            remainder = (remainder << 1) ^ (out * 0x1edc_6f41);
        }
        remainder.reverse_bits()
    })
}

/// A field of a message of protocol buffers: its number and its bytes, or its value as bytes.
type Field = (u64, Vec<u8>);

fn fields(mut bytes: &[u8]) -> Vec<Field> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                found.push((key >> 3, varint(&mut bytes).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            kind => panic!("a field of kind {kind}"),
        };
        let (value, rest) = bytes.split_at(length);
        found.push((key >> 3, value.to_vec()));
        bytes = rest;
    }
    found
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let (value, rest) = bytes.split_at(length);
    *bytes = rest;
    value.iter().rev().fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7f))
}

fn text(field: &Field) -> (u64, &str) {
    (field.0, std::str::from_utf8(&field.1).unwrap())
}

fn event(bytes: &[u8]) -> Event {
    let all = fields(bytes);
    let numbers: Vec<u64> = all.iter().map(|field| field.0).collect();
    assert_eq!(numbers, [1, 2, 5]);
    let eight = |field: &Field| <[u8; 8]>::try_from(&field.1[..]).unwrap();
    let scalar = |(number, bytes): Field| {
        assert_eq!(number, 1);
        let value = fields(&bytes);
        let (tag, number) = (text(&value[0]), f32::from_le_bytes(value[1].1[..].try_into().unwrap()));
        assert_eq!((tag.0, value[1].0, value.len()), (1, 2, 2));
        (tag.1.to_owned(), number)
    };
    Event {
        time: f64::from_le_bytes(eight(&all[0])),
        step: u64::from_le_bytes(eight(&all[1])),
        scalars: fields(&all[2].1).into_iter().map(scalar).collect(),
    }
}
