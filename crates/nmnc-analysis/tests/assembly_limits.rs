//! Assemblies that announce more than they hold: one error, before anything is allocated.
#![cfg(feature = "brainio")]

use std::fs;
use std::path::Path;

use nmnc_analysis::brain::{AssemblyOptions, read_assembly};
use nmnc_core::ErrorKind;
use nmnc_testing::golden_path;
use nmnc_testing::memory::{Counting, alone, peak};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Reads `bytes` as an assembly: the error, and the most bytes that were in use.
fn told(bytes: &[u8]) -> (nmnc_core::Error, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.nc");
    fs::write(&path, bytes).unwrap();
    let mut error = None;
    let taken = peak(|| error = read_assembly(&path, &AssemblyOptions::default()).err());
    (error.expect("an error"), taken)
}

/// A classic file of 64-bit offsets with responses `[presentation, neuroid]` of bytes and the numbers of stimuli.
fn classic(shown: u32, units: u32, size: usize) -> Vec<u8> {
    let mut bytes = b"CDF\x02\0\0\0\0".to_vec();
    let number = |bytes: &mut Vec<u8>, n: u32| bytes.extend(n.to_be_bytes());
    let name = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend((text.len() as u32).to_be_bytes());
        bytes.extend(text.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    };
    [10, 2].into_iter().for_each(|n| number(&mut bytes, n));
    for (dimension, places) in [("presentation", shown), ("neuroid", units)] {
        name(&mut bytes, dimension);
        number(&mut bytes, places);
    }
    bytes.extend([0; 8]);
    [11, 2].into_iter().for_each(|n| number(&mut bytes, n));
    for (variable, dimensions, kind) in [("responses", &[0, 1][..], 1), ("stimulus_id", &[0], 4)] {
        name(&mut bytes, variable);
        number(&mut bytes, dimensions.len() as u32);
        dimensions.iter().for_each(|&d| number(&mut bytes, d));
        bytes.extend([0; 8]);
        [kind, u32::MAX].into_iter().for_each(|n| number(&mut bytes, n));
        bytes.extend(512_u64.to_be_bytes());
    }
    bytes.resize(size, 0);
    bytes
}

/// The checksum of object headers in HDF5 (Jenkins 2006, lookup3).
fn lookup3(bytes: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let [mut a, mut b, mut c] = [start; 3];
    let word = |bytes: &[u8]| {
        let mut padded = [0; 4];
        padded[..bytes.len()].copy_from_slice(bytes);
        u32::from_le_bytes(padded)
    };
    let mut rest = bytes;
    loop {
        let (block, after) = rest.split_at(rest.len().min(12));
        let part = |i: usize| word(&block[block.len().min(4 * i)..block.len().min(4 * i + 4)]);
        a = a.wrapping_add(part(0));
        b = b.wrapping_add(part(1));
        c = c.wrapping_add(part(2));
        if after.is_empty() {
            break;
        }
        rest = after;
        for [shift, second, third] in [[4, 6, 8], [16, 19, 4]] {
            a = a.wrapping_sub(c) ^ c.rotate_left(shift);
            c = c.wrapping_add(b);
            b = b.wrapping_sub(a) ^ a.rotate_left(second);
            a = a.wrapping_add(c);
            c = c.wrapping_sub(b) ^ b.rotate_left(third);
            b = b.wrapping_add(a);
        }
    }
    for [x, y, z] in [[14, 11, 25], [16, 4, 14]] {
        c = (c ^ b).wrapping_sub(b.rotate_left(x));
        a = (a ^ c).wrapping_sub(c.rotate_left(y));
        b = (b ^ a).wrapping_sub(a.rotate_left(z));
    }
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

/// The golden file with `from` presentations made to announce `to` in every object header, under valid checksums.
fn announcing(name: &str, from: u64, to: u64) -> Vec<u8> {
    let mut bytes = fs::read(golden_path(name)).unwrap();
    let found: Vec<usize> =
        (0..bytes.len() - 4).filter(|&at| bytes[at..at + 4] == *b"OHDR" && bytes[at + 4] == 2).collect();
    let mut changed = 0;
    for at in found {
        let flags = bytes[at + 5];
        let times = if flags & 0x20 == 0 { 0 } else { 16 };
        let phases = if flags & 0x10 == 0 { 0 } else { 4 };
        let width = 1 << (flags & 3);
        let size_at = at + 6 + times + phases;
        let size = (0..width).fold(0, |size, i| size | usize::from(bytes[size_at + i]) << (8 * i));
        let (first, end) = (size_at + width, size_at + width + size);
        let stored = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap());
        assert_eq!(lookup3(&bytes[at..end]), stored, "the checksum of {name} at {at}");
        let head = if flags & 4 == 0 { 4 } else { 6 };
        let mut message = first;
        while message + head <= end {
            let len = usize::from(u16::from_le_bytes([bytes[message + 1], bytes[message + 2]]));
            let body = message + head;
            if bytes[message] == 1 {
                // A dataspace: version, rank, flags, type, and then the places of each dimension.
                let rank = usize::from(bytes[body + 1]);
                for place in 0..rank {
                    let dimension = body + 4 + 8 * place;
                    if bytes[dimension..dimension + 8] == from.to_le_bytes() {
                        bytes[dimension..dimension + 8].copy_from_slice(&to.to_le_bytes());
                        changed += 1;
                    }
                }
            }
            message = body + len;
        }
        let sum = lookup3(&bytes[at..end]);
        bytes[end..end + 4].copy_from_slice(&sum.to_le_bytes());
    }
    assert!(changed > 1, "{name}: {changed} dataspaces");
    bytes
}

#[test]
fn an_assembly_announces_no_more_than_its_file_can_hold() {
    let _alone = alone();
    let plain = read_assembly(&golden_path("assembly_plain.nc"), &AssemblyOptions::default()).unwrap();
    let shown = plain.stimulus_of.len() as u64;
    let cases = [
        ("classic, 80 TB", classic(u32::MAX >> 2, 80_000, 9_000)),
        ("classic, 1 TB", classic(1 << 20, 1 << 10, 9_000)),
        ("classic, 80 MB", classic(80_000, 1_000, 9_000)),
        ("hdf5, 80 TB", announcing("assembly_plain.nc", shown, 10 << 40)),
        ("hdf5, 1 TB", announcing("assembly_plain.nc", shown, 1 << 36)),
        ("hdf5, 100 MB", announcing("assembly_plain.nc", shown, 20 << 20)),
        ("hdf5, the most there is", announcing("assembly_plain.nc", shown, u64::MAX)),
    ];
    for (what, bytes) in cases {
        let (error, taken) = told(&bytes);
        let line = error.to_string();
        assert!(error.kind() == ErrorKind::Data && !line.contains('\n'), "{what}: {line}");
        assert!(taken < 1 << 20, "{what}: {taken} bytes: {line}");
    }
}

#[test]
fn assemblies_take_twice_their_presentations_and_a_block() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.nc");
    for (shown, units) in [(1000, 100), (10_000, 500)] {
        let content = (shown * units) as usize;
        fs::write(&path, classic(shown, units, 512 + content.max(4 * shown as usize))).unwrap();
        let taken = peak(|| read_assembly(&path, &AssemblyOptions::default()).unwrap());
        assert!(taken < 2 * 8 * content + (96 << 20), "{shown} x {units}: {taken} bytes");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_no_assembly() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, what) in
        [(pipe.as_path(), "a pipe"), (folder.path(), "a folder"), (Path::new("/dev/zero"), "a device")]
    {
        let error = read_assembly(path, &AssemblyOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().contains(&format!("is {what}, not a regular file")), "{error}");
    }
}
