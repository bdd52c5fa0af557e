//! Damaged, mislabelled and malicious input: each gives one clear line, soon, and without eating the memory.

use super::bombs::{claiming_jpeg, claiming_png};
use super::*;
use nmnc_core::error::ErrorKind;

/// Opens a file of these bytes and gives the error.
pub(super) fn error_of(name: &str, bytes: &[u8]) -> nmnc_core::Error {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    open(&path).map(|_| ()).expect_err(name)
}

/// Checks that the error is a data error of one line that contains `part`.
pub(super) fn expect(what: &str, error: &nmnc_core::Error, part: &str) {
    let line = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Data, "{what}: {line}");
    assert!(line.contains(part) && !line.contains('\n'), "{what}: {line}");
}

#[test]
fn archives() {
    let good = png(4, 4, [1, 2, 3]);
    let train = member("train/a/0.png", &good);
    let regular = tar::EntryType::Regular;
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("parent", tar(&[member("train/../../etc/x.png", &good)]), "a path with `..`"),
        ("backslash parent", tar(&[member("train/a\\..\\x.png", &good)]), "a path with `..`"),
        ("absolute", tar(&[member("/train/a/x.png", &good)]), "an absolute path"),
        ("drive", tar(&[member("C:/train/a/x.png", &good)]), "an absolute path"),
        ("symbolic link", tar(&[entry("train/a/x.png", 0, tar::EntryType::Symlink, &[])]), "kind Symlink"),
        ("hard link", tar(&[entry("train/a/x.png", 0, tar::EntryType::Link, &[])]), "kind Link"),
        ("device", tar(&[entry("train/a/x.png", 0, tar::EntryType::Block, &[])]), "kind Block"),
        ("absurd member", tar(&[entry("train/a/x.png", 1 << 50, regular, &good)]), "too many for an image"),
        ("absurd other", tar(&[entry("train/a/x.txt", 1 << 62, regular, &good)]), "bytes early"),
        (
            "absurd name",
            tar(&[entry("x", 1 << 40, tar::EntryType::GNULongName, &[])]),
            "an extended header of",
        ),
        ("absurd pax", tar(&[entry("x", 1 << 40, tar::EntryType::XHeader, &[])]), "an extended header of"),
        ("cut member", train[..512 + 20].to_vec(), "bytes early"),
        ("no end mark", train.clone(), "without the end mark"),
        ("no images", tar(&[member("train/a/x.txt", b"")]), "no training images"),
        ("no class", tar(&[member("train/x.png", &good)]), "outside any class"),
        ("no split", tar(&[member("a/b/x.png", &good)]), "has no test split"),
        (
            "two tests",
            tar(&[train.clone(), member("val/a/x.png", &good), member("test/a/x.png", &good)]),
            "more than one",
        ),
        ("no image", tar(&[train.clone(), member("test/a/x.png", b"hello")]), "neither JPEG nor PNG"),
        ("cut image", tar(&[train.clone(), member("test/a/x.png", &good[..good.len() / 2])]), "test/a/x.png"),
        ("empty image", tar(&[train.clone(), member("test/a/x.png", b"")]), "neither JPEG nor PNG"),
        (
            "huge png",
            tar(&[train.clone(), member("test/a/x.png", &claiming_png(60_000, 60_000, 8, 0))]),
            "test/a/x.png",
        ),
        (
            "huge jpeg",
            tar(&[
                train.clone(),
                member("test/a/x.jpg", &claiming_jpeg(60_000, 60_000, image::GrayImage::new(8, 8).into())),
            ]),
            "test/a/x.jpg",
        ),
        ("empty", Vec::new(), "is neither .npz nor .tar"),
        ("text", b"hello, world".to_vec(), "is neither .npz nor .tar"),
    ];
    for (what, bytes, part) in cases {
        expect(what, &error_of("set.tar", &bytes), part);
        // Gzipped, the same bytes give an error too, if for the empty ones another one.
        if !bytes.is_empty() {
            let error = error_of("set.tar.gz", &gzip(&bytes));
            let part = if part == "bytes early" { "early" } else { part };
            expect(what, &error, part);
        }
    }
    let test = member("test/a/0.png", &good);
    let mut flipped = tar(&[train.clone(), test.clone()]);
    let pixels = good.windows(4).position(|kind| kind == b"IDAT").unwrap() + 6;
    flipped[train.len() + 512 + pixels] ^= 1;
    expect("flipped pixel data", &error_of("set.tar", &flipped), "test/a/0.png: cannot be decoded");
    let jpeg = encode(
        image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8, y as u8, 7])).into(),
        image::ImageFormat::Jpeg,
    );
    for cut in [2, 30] {
        let cut = member("test/a/0.jpg", &jpeg[..jpeg.len() - cut]);
        let error = error_of("set.tar", &tar(&[member("train/a/0.jpg", &jpeg), cut]));
        expect("cut jpeg", &error, "test/a/0.jpg: ends before the end mark of a JPEG");
    }
    let mut header = tar(&[train.clone(), train.clone()]);
    header[train.len() + 3] ^= 1;
    expect("flipped header", &error_of("set.tar", &header), "damaged tar header");
    let packed = gzip(&tar(std::slice::from_ref(&train)));
    expect("cut gzip", &error_of("set.tar.gz", &packed[..packed.len() - 6]), "truncated or damaged");
    let mut sum = packed.clone();
    let at = sum.len() - 5;
    sum[at] ^= 1;
    expect("gzip checksum", &error_of("set.tar.gz", &sum), "truncated or damaged");
}

#[test]
fn idx_files() {
    let labels = idx(&[2], &[0, 1]);
    let images = idx(&[2, 1, 1], &[5, 6]);
    let cases: Vec<(&str, Vec<u8>, Vec<u8>, &str)> = vec![
        ("cut header", images[..9].to_vec(), labels.clone(), "ends inside its header"),
        ("cut", images[..17].to_vec(), labels.clone(), "need 18 bytes, the file has 17"),
        ("too long", [&images[..], b"x"].concat(), labels.clone(), "need 18 bytes, the file has 19"),
        ("magic", [&[1, 2, 3, 4], &images[4..]].concat(), labels.clone(), "magic number of IDX"),
        ("type", [&[0, 0, 13, 3], &images[4..]].concat(), labels.clone(), "instead of unsigned bytes"),
        ("rank", [&[0, 0, 8, 200], &images[4..]].concat(), labels.clone(), "200 dimensions"),
        ("overflow", idx(&[u32::MAX; 3], &[]), labels.clone(), "absurd dimensions"),
        ("absurd", idx(&[60_000, 60_000, 60_000], &[]), labels.clone(), "the file has 16"),
        ("no pixels", idx(&[2, 0, 1], &[]), labels.clone(), "images of size"),
        ("channels", idx(&[1, 2, 1, 1], &[1, 2]), idx(&[1], &[0]), "2 channels"),
        ("no examples", idx(&[0, 1, 1], &[]), idx(&[0], &[]), "no examples"),
        ("count", images.clone(), idx(&[3], &[0, 1, 0]), "3 labels for 2 images"),
        ("swapped", images.clone(), images.clone(), "labels must have one dimension"),
        ("labels as images", labels.clone(), labels.clone(), "1 dimensions instead of 3"),
    ];
    for (what, images, labels, part) in cases {
        for packed in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let store = |bytes: &[u8]| if packed { gzip(bytes) } else { bytes.to_vec() };
            std::fs::write(folder.path().join("train-images.gz"), store(&images)).unwrap();
            std::fs::write(folder.path().join("train-labels.gz"), store(&labels)).unwrap();
            // Compressed, the length of the whole is not known in advance.
            let part = match what {
                "cut" | "absurd" if packed => "bytes early",
                "too long" if packed => "goes on after",
                _ => part,
            };
            expect(what, &open(folder.path()).unwrap_err(), part);
        }
    }
}

#[test]
fn labels_beyond_the_classes() {
    let folder = tempfile::tempdir().unwrap();
    for (split, labels) in [("train", [0, 1]), ("test", [1, 2])] {
        std::fs::write(folder.path().join(format!("{split}-images")), idx(&[2, 1, 1], &[5, 6])).unwrap();
        std::fs::write(folder.path().join(format!("{split}-labels")), idx(&[2], &labels)).unwrap();
    }
    expect("test label", &open(folder.path()).unwrap_err(), "label 2 of example 1 is beyond the 2 classes");
    std::fs::write(folder.path().join("test-images"), idx(&[2, 2, 1], &[5; 4])).unwrap();
    std::fs::write(folder.path().join("test-labels"), idx(&[2], &[0, 1])).unwrap();
    expect("shapes", &open(folder.path()).unwrap_err(), "images are 1x2x1 but the training images 1x1x1");
}

#[test]
fn cifar_files() {
    let example = |label: u8| [vec![label], vec![0; 3072]].concat();
    let names =
        ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];
    let set = |name: &str, bytes: Vec<u8>| -> Vec<Vec<u8>> {
        let content = |other: &&str| if *other == name { bytes.clone() } else { example(0) };
        names.iter().map(|other| member(&format!("{other}.bin"), &content(other))).collect()
    };
    let cases = [
        ("label", tar(&set("data_batch_2", example(10))), "data_batch_2.bin: label 10 of example 0"),
        ("cut", tar(&set("test_batch", example(1)[..3000].to_vec())), "not a whole number of examples"),
        ("empty", tar(&set("data_batch_5", Vec::new())), "not a whole number of examples"),
        ("missing", tar(&set("", Vec::new())[..5]), "test_batch.bin: is missing"),
        ("twice", tar(&[set("", Vec::new()), set("", Vec::new())].concat()), "is there twice"),
        (
            "absurd",
            tar(&[entry("data_batch_1.bin", 1 << 50, tar::EntryType::Regular, &[])]),
            "claims the absurd size",
        ),
        (
            "names",
            tar(&[set("", Vec::new()), vec![member("batches.meta.txt", b"one\ntwo\n")]].concat()),
            "2 class names instead of 10",
        ),
    ];
    for (what, bytes, part) in cases {
        expect(what, &error_of("set.tar", &bytes), part);
        expect(what, &error_of("set.tar.gz", &gzip(&bytes)), part);
    }
}

#[test]
fn npz_files() {
    let x = npy("|u1", "(2, 1, 1)", &[1, 2]);
    let y = npy("|u1", "(2,)", &[0, 1]);
    let nan: Vec<u8> = [1.0f32, f32::NAN].iter().flat_map(|v| v.to_le_bytes()).collect();
    let mut long_header = b"\x93NUMPY\x02\x00".to_vec();
    long_header.extend(u32::MAX.to_le_bytes());
    type Arrays<'a> = Vec<(&'a str, Vec<u8>)>;
    let cases: Vec<(&str, Arrays, &str)> = vec![
        ("names", vec![("a", x.clone()), ("b", y.clone())], "name the arrays"),
        ("no labels", vec![("x", x.clone())], "`x` without `y`"),
        (
            "pickle",
            vec![("x", npy("|O", "(2, 1, 1)", &[0; 16])), ("y", y.clone())],
            "type `|O` instead of numbers",
        ),
        ("count", vec![("x", x.clone()), ("y", npy("|u1", "(3,)", &[0; 3]))], "2 images but 3 labels"),
        (
            "one-hot",
            vec![("x", x.clone()), ("y", npy("|u1", "(2, 2)", &[0; 4]))],
            "instead of [N]; store the number",
        ),
        ("float labels", vec![("x", x.clone()), ("y", npy("<f4", "(2,)", &[0; 8]))], "must be integers"),
        (
            "negative",
            vec![("x", x.clone()), ("y", npy("|i1", "(2,)", &[0, 255]))],
            "example 1 has the label -1",
        ),
        (
            "wide",
            vec![("x", x.clone()), ("y", npy("<i4", "(2,)", &[0, 0, 0, 0, 0, 0, 0, 64]))],
            "number classes from 0",
        ),
        ("rank", vec![("x", npy("|u1", "(2,)", &[1, 2])), ("y", y.clone())], "images of shape [2]"),
        (
            "channels",
            vec![("x", npy("|u1", "(1, 2, 2, 2)", &[0; 8])), ("y", y.clone())],
            "with 1 or 3 channels",
        ),
        ("type", vec![("x", npy("<i4", "(1, 1, 1)", &[0; 4])), ("y", npy("|u1", "(1,)", &[0]))], "use uint8"),
        (
            "not finite",
            vec![("x", npy("<f4", "(2, 1, 1)", &nan)), ("y", y.clone())],
            "image 1 holds a number that is not finite",
        ),
        ("cut", vec![("x", npy("|u1", "(2, 1, 1)", &[1])), ("y", y.clone())], "ends 1 bytes early"),
        ("long", vec![("x", npy("|u1", "(2, 1, 1)", &[1; 3])), ("y", y.clone())], "goes on after"),
        (
            "absurd",
            vec![("x", npy("<f8", "(4294967296, 4294967296, 9)", &[])), ("y", y.clone())],
            "absurd shape",
        ),
        ("large", vec![("x", npy("|u1", "(60000, 60000, 60000)", &[])), ("y", y.clone())], "bytes early"),
        ("no pixels", vec![("x", npy("|u1", "(2, 0, 1)", &[])), ("y", y.clone())], "images of size"),
        ("no array", vec![("x", b"hello, this is text".to_vec()), ("y", y.clone())], "is no NumPy array"),
        ("header", vec![("x", long_header), ("y", y.clone())], "a header of 4294967295 bytes"),
        ("nested", vec![("x", npy("|u1", &"(".repeat(10_000), &[])), ("y", y.clone())], "no shape"),
    ];
    for (what, arrays, part) in cases {
        expect(what, &error_of("set.npz", &npz(&arrays)), part);
    }
    let whole = npz(&[("x", x), ("y", y)]);
    expect("cut zip", &error_of("set.npz", &whole[..whole.len() - 30]), "truncated or damaged");
}
