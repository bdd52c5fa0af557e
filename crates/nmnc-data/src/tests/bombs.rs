//! Files that would take more than they are worth: small ones that claim or expand to much, and what is no file at all.

use std::io::Read;

use super::hostile::{error_of, expect};
use super::*;
use crate::npz::Array;
use crate::{ImageShape, Statistics, info, stimuli};

/// A PNG of which the header claims other sizes, bits and colors than it has pixels for.
pub(super) fn claiming_png(width: u32, height: u32, bits: u8, color: u8) -> Vec<u8> {
    let mut bytes = gray(1, 1, 0);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    (bytes[24], bytes[25]) = (bits, color);
    let mut sum = flate2::Crc::new();
    sum.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.sum().to_be_bytes());
    bytes
}

/// A JPEG of which the header claims another size than it has pixels for.
pub(super) fn claiming_jpeg(width: u16, height: u16, image: image::DynamicImage) -> Vec<u8> {
    let mut bytes = encode(image, image::ImageFormat::Jpeg);
    let frame = bytes.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

/// A gzip stream of `mib` MiB of zeros after `head`.
fn bomb(head: &[u8], mib: u64) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(head).unwrap();
    std::io::copy(&mut std::io::repeat(0).take(mib << 20), &mut encoder).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_expands_without_end_is_stopped() {
    let error =
        error_of("set.tar.gz", &bomb(&entry("train/a/x.txt", 200 << 20, tar::EntryType::Regular, &[]), 200));
    expect("tar.gz", &error, "looks like a decompression bomb; if it is genuine, store it uncompressed");
    let folder = tempfile::tempdir().unwrap();
    let images = bomb(&idx(&[200 << 10, 32, 32], &[]), 200);
    std::fs::write(folder.path().join("train-images.gz"), images).unwrap();
    std::fs::write(folder.path().join("train-labels"), idx(&[1], &[0])).unwrap();
    expect("idx.gz", &open(folder.path()).unwrap_err(), "looks like a decompression bomb");
    let x = npy("|u1", "(204800, 32, 32)", &vec![0; 200 << 20]);
    let error = error_of("set.npz", &npz(&[("x", x), ("y", npy("|u1", "(1,)", &[0]))]));
    expect("npz", &error, "looks like a decompression bomb");
}

/// The work of reordering an array must not grow with dimensions that its header has for nothing.
#[test]
fn arrays_have_as_many_dimensions_as_numpys() {
    let shape = format!("({}2, 1, 1)", "1, ".repeat(4997));
    let x = npy("|u1", &shape, &[0; 2]);
    let fortran = String::from_utf8_lossy(&x).contains("False");
    assert!(fortran);
    let at = x.windows(5).position(|part| part == b"False").unwrap();
    let x = [&x[..at], b"True ", &x[at + 5..]].concat();
    let y = npy("|u1", "(2,)", &[0, 1]);
    expect(
        "rank 5000",
        &error_of("set.npz", &npz(&[("x", x), ("y", y)])),
        "5000 dimensions, where NumPy has",
    );
}

#[test]
fn images_are_refused_by_what_they_would_take() {
    let small = png(4, 4, [1, 2, 3]);
    let noise =
        image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8 * 3, y as u8 * 5, (x * y) as u8]));
    let jpeg = |width, height| claiming_jpeg(width, height, noise.clone().into());
    assert!((1_500..4_000).contains(&jpeg(64, 48).len()), "{}", jpeg(64, 48).len());
    let gray = image::GrayImage::from_pixel(64, 64, image::Luma([9]));
    let cases = [
        ("16-bit png", "png", claiming_png(8192, 8192, 16, 6), "which take 768 MiB to decode, more than 256"),
        ("png", "png", claiming_png(8192, 8192, 8, 2), "which take 448 MiB to decode, more than 256"),
        ("empty 16-bit png", "png", claiming_png(4096, 4096, 16, 6), "bytes of PNG can hold"),
        ("empty png", "png", claiming_png(512, 4096, 8, 2), "bytes of PNG can hold"),
        ("black and white", "png", claiming_png(8192, 4096, 1, 0), "bytes of PNG can hold"),
        ("wide jpeg", "jpg", jpeg(16_384, 4_096), "which take 704 MiB to decode, more than 256"),
        ("jpeg", "jpg", jpeg(16_384, 1_024), "bytes of JPEG can hold"),
        ("gray jpeg", "jpg", claiming_jpeg(4_096, 4_096, gray.into()), "bytes of JPEG can hold"),
        ("flat jpeg", "jpg", jpeg(64, 0), "is no readable image"),
    ];
    for (what, ending, bytes, part) in cases {
        let test = member(&format!("test/a/x.{ending}"), &bytes);
        let error = error_of("set.tar", &tar(&[member("train/a/0.png", &small), test]));
        expect(what, &error, part);
    }
    // The emptiest images there are pass.
    let black = |w, h| image::DynamicImage::from(image::GrayImage::new(w, h));
    for (name, format) in [("0.png", image::ImageFormat::Png), ("0.jpg", image::ImageFormat::Jpeg)] {
        let bytes = encode(black(1024, 2048), format);
        let members = ["train", "test"].map(|split| member(&format!("{split}/a/{name}"), &bytes));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.tar");
        std::fs::write(&path, tar(&members)).unwrap();
        assert_eq!(open(&path).unwrap().train.shape().len(), 1024 * 2048, "{name}");
    }
}

/// There is a name for each condition, up to the last.
#[test]
fn trials_have_no_more_conditions_than_can_be_listed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trials.npz");
    let inputs = npy("|u1", "(1, 2, 1)", &[1, 2]);
    let targets = npy("|u1", "(1, 2)", &[1, 1]);
    for (condition, listed) in [(1_u64 << 60, false), (1 << 20, false), ((1 << 20) - 1, true)] {
        let conditions = npy("<u8", "(2,)", &[condition.to_le_bytes(), [0; 8]].concat());
        let arrays = [("inputs", inputs.clone()), ("targets", targets.clone()), ("conditions", conditions)];
        std::fs::write(&path, npz(&arrays)).unwrap();
        match crate::tasks::import(&path) {
            Ok(_) => assert!(listed, "{condition}"),
            Err(error) => {
                assert!(!listed, "{condition}");
                expect("conditions", &error, "conditions: holds the condition");
            }
        }
    }
}

/// A pipe that nobody writes into at each place where a file is expected. Were it opened, the test would wait for ever.
#[cfg(unix)]
#[test]
fn a_pipe_is_told_and_never_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let made = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
    assert!(made.success());
    let told =
        |what: &str, error: nmnc_core::Error| expect(what, &error, "pipe: is a pipe, not a regular file");
    for format in
        [None, Some(crate::Format::Npz), Some(crate::Format::Cifar), Some(crate::Format::ImageFolder)]
    {
        told("source", DataConfig { format, ..config(&at("pipe")) }.open(Seed(0)).map(|_| ()).unwrap_err());
    }
    told("info", info(at("pipe").to_str().unwrap()).unwrap_err());
    told("array", Array::read(&at("pipe"), "x").map(|_| ()).unwrap_err());
    told("names", Array::names(&at("pipe")).unwrap_err());
    told("trials", crate::tasks::import(&at("pipe")).map(|_| ()).unwrap_err());
    let shape = ImageShape { channels: 3, height: 4, width: 4 };
    let statistics = Statistics { mean: vec![0.0; 3], sd: vec![1.0; 3] };
    let shown = stimuli(folder.path(), &["pipe".to_owned()], shape, &statistics);
    told("stimuli", shown.map(|_| ()).unwrap_err());

    // As the file of a folder of any kind.
    let link = |name: &str| {
        std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(at("pipe"), at(name)).unwrap();
    };
    for name in ["a/train.npz", "b/train-images", "b/train-labels", "c/data_batch_1.bin", "d/train.tar.gz"] {
        link(name);
    }
    for set in ["a", "b", "c", "d"] {
        expect(set, &open(&at(set)).map(|_| ()).unwrap_err(), "is not recognized as a data set");
    }
    link("e/train/a/x.png");
    link("e/test/a/x.png");
    expect("image", &open(&at("e")).map(|_| ()).unwrap_err(), "x.png: is a pipe, not a regular file");
    let device = open(Path::new("/dev/zero")).map(|_| ()).unwrap_err();
    expect("device", &device, "/dev/zero: is a device, not a regular file");
}
