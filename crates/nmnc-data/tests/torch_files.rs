//! Files of PyTorch: those it wrote, those written for it, and hostile ones.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use nmnc_core::ErrorKind;
use nmnc_data::torch::{TorchTensor, read, write};
use nmnc_testing::golden_path;
use proptest::prelude::*;
use serde_json::Value;

#[test]
fn what_pytorch_saved_is_read() {
    let text = std::fs::read_to_string(golden_path("weights.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let expected = golden["tensors"].as_object().unwrap();
    for file in ["weights.pth", "weights_nested.pth"] {
        let tensors = read(&golden_path(file)).unwrap();
        assert_eq!(
            tensors.keys().collect::<Vec<_>>(),
            expected.keys().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        );
        for (name, tensor) in tensors {
            let list = |key: &str| expected[&name][key].as_array().unwrap().clone();
            let shape: Vec<usize> = list("shape").iter().map(|v| v.as_u64().unwrap() as usize).collect();
            let values: Vec<f32> = list("values").iter().map(|v| v.as_f64().unwrap() as f32).collect();
            assert_eq!(tensor, TorchTensor { shape, values }, "{file}: {name}");
        }
    }
}

fn some() -> BTreeMap<String, TorchTensor> {
    let tensor = |shape: &[usize]| {
        let count = shape.iter().product::<usize>();
        TorchTensor { shape: shape.to_vec(), values: (0..count).map(|i| i as f32 * 0.5 - 1.0).collect() }
    };
    let entries = [
        ("conv1.weight", tensor(&[2, 3, 3, 3])),
        ("bn1.running_mean", tensor(&[2])),
        ("scalar", tensor(&[])),
        ("empty", tensor(&[0, 4])),
    ];
    entries.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect()
}

#[test]
fn what_is_written_is_read_again_and_the_same_bytes_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one.pth", "two.pth"].map(|name| folder.path().join(name));
    write(&one, &some()).unwrap();
    write(&two, &some()).unwrap();
    assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());
    assert_eq!(read(&one).unwrap(), some());
}

/// An archive with this pickle, and eight numbers as storage `0`.
fn archive(path: &Path, pickle: &[u8]) {
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in [("x/data.pkl", pickle), ("x/data/0", &[0; 32][..])] {
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

fn refused(pickle: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    archive(&path, pickle);
    let error = read(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    let line = error.to_string();
    assert_eq!(line.lines().count(), 1);
    line.split_once("x.pth: ").unwrap().1.to_owned()
}

/// A dictionary of one tensor `t` in storage 0 of 8 numbers, of the given sizes, each below 256.
fn tensor(offset: u8, shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let mut out =
        b"\x80\x02}(X\x01\x00\x00\x00tctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage".to_vec();
    out.extend(b"ctorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x08tQK");
    out.push(offset);
    for sizes in [shape, strides] {
        out.push(b'(');
        sizes.iter().for_each(|&size| out.extend([b'K', size]));
        out.push(b't');
    }
    out.extend(b"\x89NtRu.");
    out
}

#[test]
fn nothing_in_a_file_is_run() {
    let system = refused(b"cposix\nsystem\nX\x07\x00\x00\x00echo hi\x85R.");
    assert!(system.starts_with("asks for `posix.system`, and nothing in a file is ever run"), "{system}");
    assert!(refused(b"\x80\x02cbuiltins\neval\n(X\x01\x00\x00\x001tR.").contains("builtins.eval"));
    assert!(refused(b"\x80\x02(i__main__\nX\n.").contains("instruction 0x69"));
    assert!(refused(b"\x80\x04\x8c\x02os\x8c\x06system\x93)R.").contains("os.system"));
}

#[test]
fn tensors_lie_within_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    for (offset, shape, strides) in
        [(0, &[2u8, 4][..], &[4u8, 1][..]), (1, &[7], &[1]), (7, &[], &[]), (0, &[4, 2], &[1, 4])]
    {
        archive(&path, &tensor(offset, shape, strides));
        assert_eq!(
            read(&path).unwrap()["t"].values.len(),
            shape.iter().map(|&s| s as usize).product::<usize>()
        );
    }
    for (offset, shape, strides) in [
        (1, &[2u8, 4][..], &[4u8, 1][..]),
        (8, &[], &[]),
        (0, &[200, 200], &[0, 0]),
        (0, &[2, 2], &[1]),
        (0, &[255, 255, 255, 255, 255, 255, 255, 255, 255], &[255; 9]),
    ] {
        let line = refused(&tensor(offset, shape, strides));
        assert!(line.starts_with("t: does not lie within its numbers"), "{line}");
    }
}

#[test]
fn damage_is_one_line() {
    for (pickle, problem) in [
        (&b""[..], "ends too early"),
        (b"\x80\x02}", "ends too early"),
        (b".", "takes a value that was never given"),
        (b"(0.", "takes a value that was never given"),
        (b"}(NNNu.", "an entry without a value"),
        (b"Nu.", "ends a list that was never begun"),
        (b"N(NNu.", "adds an entry to what is no dictionary"),
        (b"h\x05.", "recalls what was never remembered"),
        (b"Nr\xff\xff\xff\xff.", "at an impossible place"),
        (b"X\xff\xff\xff\xff.", "ends too early"),
        (b"N.", "holds no dictionary"),
        (b"}.", "holds no tensors by name"),
        (b"NQ.", "another kind than a tensor needs"),
    ] {
        let line = refused(pickle);
        assert!(line.starts_with(problem) || line.contains(problem), "{line}");
    }
}

#[test]
fn lists_within_lists_without_end_cost_no_more_than_their_length() {
    // A million lists, each in the next; then each twice in the next, which would be 2^50000 if anything were copied.
    let mut deep = b"]".repeat(1_000_000);
    deep.extend(b"a".repeat(999_999));
    deep.push(b'.');
    assert!(refused(&deep).starts_with("holds no dictionary"));
    let mut wide = b"]".to_vec();
    for _ in 0..50_000 {
        wide.extend(b"q\x00]h\x00ah\x00a");
    }
    wide.push(b'.');
    assert!(refused(&wide).starts_with("holds no dictionary"));
}

/// An archive of twenty storages of 16 MiB, each a few KiB as stored, and of one tensor in each, with so many numbers.
fn expanding(path: &Path, numbers: u32) {
    let text = |out: &mut Vec<u8>, text: &str| {
        out.push(b'X');
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    };
    let mut pickle = b"\x80\x02}(".to_vec();
    for key in 0..20 {
        let key = format!("{key:02}");
        text(&mut pickle, &key);
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut pickle, "storage");
        pickle.extend(b"ctorch\nFloatStorage\n");
        text(&mut pickle, &key);
        text(&mut pickle, "cpu");
        let numbers = [&b"J"[..], &numbers.to_le_bytes()].concat();
        pickle.extend([&numbers[..], b"tQK\x00", &numbers, b"\x85K\x01\x85\x89NtR"].concat());
    }
    pickle.extend(b"u.");
    let options = zip::write::SimpleFileOptions::default();
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    zip.start_file("x/data.pkl", options).unwrap();
    zip.write_all(&pickle).unwrap();
    for key in 0..20 {
        zip.start_file(format!("x/data/{key:02}"), options).unwrap();
        zip.write_all(&vec![0; 1 << 24]).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn numbers_have_a_budget_and_those_that_are_not_asked_for_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    expanding(&path, 3);
    assert!(read(&path).unwrap().values().all(|tensor| tensor.values == [0.0; 3]));
    expanding(&path, 1 << 22);
    let line = read(&path).unwrap_err().to_string();
    assert!(line.contains("its tensors are many times larger than the file"), "{line}");
}

#[test]
fn other_archives_and_old_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    std::fs::write(&path, b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.").unwrap();
    assert!(read(&path).unwrap_err().to_string().contains("is not a file of PyTorch 1.6 or later"));
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    zip.start_file("x.npy", zip::write::SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap();
    assert!(read(&path).unwrap_err().to_string().contains("holds no data.pkl"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a byte becomes, the answer is tensors or a line.
    #[test]
    fn changed_bytes_never_do_worse_than_an_error(at in 0usize..700, to: u8, cut in 0usize..700) {
        let mut pickle = tensor(1, &[2, 2], &[2, 1]);
        let (at, cut) = (at % pickle.len(), cut % pickle.len());
        pickle[at] = to;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pth");
        for pickle in [&pickle[..], &pickle[..cut]] {
            archive(&path, pickle);
            if let Err(error) = read(&path) {
                prop_assert_eq!(error.to_string().lines().count(), 1);
            }
        }
    }
}
