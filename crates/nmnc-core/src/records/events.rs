//! Records as event files of TensorBoard.
//!
//! A file is a sequence of frames (TFRecord: length, checksum of the length, content, checksum of the content), each an `Event` in
//! protocol buffers: a first one that names the version, then one a record, whose `Summary` has a scalar for each measured value. Format:
//! `tensorflow/core/lib/io/record_writer.h`, `tensorflow/core/util/event.proto` and `tensorflow/core/framework/summary.proto`.

use super::Record;
use super::columns::Layout;

/// Writes records of one run.
#[derive(Clone, Debug)]
pub struct Events {
    origin: f64,
    layout: Layout,
    tags: Vec<String>,
}

impl Events {
    /// Of a run whose table is laid out so. `origin` is when training would have begun without a pause, in seconds since 1970: each event stands
    /// at this time and the record's seconds of training, so that TensorBoard's relative time is the column `seconds`.
    pub fn new(origin: f64, layout: Layout) -> Self {
        Self { origin, layout, tags: layout.names().iter().map(|column| tag(column)).collect() }
    }

    /// The frame that a file begins with.
    pub fn header(&self) -> Vec<u8> {
        let mut event = Vec::new();
        double(&mut event, 1, self.origin);
        bytes(&mut event, 3, b"brain.Event:2");
        frame(&event)
    }

    /// The frame of `record`. Its step is the event's; every other value is a scalar in single precision, as TensorBoard has them.
    pub fn row(&self, record: &Record) -> Vec<u8> {
        let mut summary = Vec::new();
        for (tag, value) in self.tags.iter().zip(self.layout.values(record)).skip(1) {
            let Some(value) = value else { continue };
            let mut scalar = Vec::new();
            bytes(&mut scalar, 1, tag.as_bytes());
            key(&mut scalar, 2, FOUR_BYTES);
            scalar.extend((value as f32).to_le_bytes());
            bytes(&mut summary, 1, &scalar);
        }
        let mut event = Vec::new();
        double(&mut event, 1, self.origin + record.seconds);
        key(&mut event, 2, VARINT);
        varint(&mut event, record.step);
        bytes(&mut event, 5, &summary);
        frame(&event)
    }
}

/// The name of a column as TensorBoard groups them: `train/loss`, `stage1/cosine`.
fn tag(column: &str) -> String {
    let split = ["train_", "test_", "psychometric_"]
        .into_iter()
        .find_map(|group| column.strip_prefix(group).map(|c| (group, c)));
    match split {
        Some((group, value)) => format!("{}/{value}", group.trim_end_matches('_')),
        None => column.replacen('.', "/", 1),
    }
}

// Kinds of fields in protocol buffers.
const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const LENGTH: u64 = 2;
const FOUR_BYTES: u64 = 5;

fn key(out: &mut Vec<u8>, field: u64, kind: u64) {
    varint(out, field << 3 | kind);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn double(out: &mut Vec<u8>, field: u64, value: f64) {
    key(out, field, EIGHT_BYTES);
    out.extend(value.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    key(out, field, LENGTH);
    varint(out, value.len() as u64);
    out.extend(value);
}

fn frame(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    let sums = [masked(&length), masked(content)];
    [&length[..], &sums[0].to_le_bytes(), content, &sums[1].to_le_bytes()].concat()
}

/// A checksum that may itself stand in what a checksum is taken of.
fn masked(content: &[u8]) -> u32 {
    crc32c(content).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The cyclic redundancy check of Castagnoli, bit by bit: a record is few bytes.
fn crc32c(content: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let bit = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ POLYNOMIAL } else { sum >> 1 };
    !content.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&rising), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn columns_become_groups() {
        let tags: Vec<String> =
            Layout { stages: 1, ..Layout::default() }.names().iter().map(|column| tag(column)).collect();
        let expected = ["train/loss", "test/top5", "learning_rate", "stage1/weight_cosine"];
        assert!(expected.iter().all(|name| tags.iter().any(|tag| tag == name)), "{tags:?}");
    }
}
