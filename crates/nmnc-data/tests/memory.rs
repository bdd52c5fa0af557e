//! Bytes that reading a file may allocate, as a function of its size: docs/formats.md states what holds here.

use std::io::{Cursor, Write};
use std::path::Path;

use image::{DynamicImage, ImageFormat};
use nmnc_core::Seed;
use nmnc_data::npz::Array;
use nmnc_data::tasks::import;
use nmnc_data::{DataConfig, Element, ImageShape, NpzWriter, Standardize, Statistics, stimuli};
use nmnc_testing::memory::{Counting, alone};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes in use during `work`, on one thread.
fn peak<T: Send>(work: impl FnOnce() -> T + Send) -> usize {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| nmnc_testing::memory::peak(work))
}

/// What any reading may take beside what the tables say.
const FIXED: usize = 2 << 20;

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

fn npz(arrays: &[(&str, &[usize], Numbers)]) -> Vec<u8> {
    fn put<T: Element>(writer: &mut NpzWriter, name: &str, shape: &[usize], value: T) {
        writer.put(name, shape, &vec![value; shape.iter().product()]).unwrap();
    }
    let mut writer = NpzWriter::new();
    for &(name, shape, kind) in arrays {
        match kind {
            Numbers::U8 => put(&mut writer, name, shape, 1_u8),
            Numbers::I64 => put(&mut writer, name, shape, 1_i64),
            Numbers::F32 => put(&mut writer, name, shape, 1_f32),
            Numbers::F64 => put(&mut writer, name, shape, 1_f64),
        }
    }
    writer.finish().unwrap()
}

#[derive(Clone, Copy)]
enum Numbers {
    U8,
    I64,
    F32,
    F64,
}

fn idx(dimensions: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|dimension| bytes.extend(dimension.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

fn tar(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &content[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Numbers that deflate cannot do much with.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn encode(image: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The reading of each kind of file takes so many times its content, in bytes, whatever its size.
#[test]
fn memory_grows_with_the_content_of_a_file() {
    let _alone = alone();
    for count in [256_usize, 2048] {
        let folder = tempfile::tempdir().unwrap();
        let pixels = noise(count * 1024);
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, bytes: &[u8]| {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            std::fs::write(at(name), bytes).unwrap();
        };
        let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
        for split in ["train", "test"] {
            let images = idx(&[count as u32, 32, 32], &pixels);
            write(&format!("idx/{split}-images"), &images);
            write(&format!("idx.gz/{split}-images.gz"), &gzip(&images));
            write(&format!("idx/{split}-labels"), &idx(&[count as u32], &labels));
            write(&format!("idx.gz/{split}-labels.gz"), &gzip(&idx(&[count as u32], &labels)));
        }
        for (name, kind) in [("bytes", Numbers::U8), ("floats", Numbers::F32), ("doubles", Numbers::F64)] {
            let x = [count, 32, 32];
            let arrays = [("x_train", &x[..], kind), ("y_train", &[count][..], Numbers::I64)];
            let test = [("x_test", &x[..], kind), ("y_test", &[count][..], Numbers::I64)];
            write(&format!("{name}.npz"), &npz(&[arrays, test].concat()));
        }
        let example: Vec<u8> = [vec![1], noise(3072)].concat();
        let batch = example.repeat(count / 8);
        let names =
            ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];
        let batches: Vec<_> = names.map(|name| (format!("{name}.bin"), batch.clone())).into();
        write("cifar.tar", &tar(&batches));
        write("cifar.tar.gz", &gzip(&tar(&batches)));
        batches.iter().for_each(|(name, bytes)| write(&format!("cifar/{name}"), bytes));
        let picture = image::GrayImage::from_raw(32, 32, noise(1024)).unwrap();
        let png = encode(picture.into(), ImageFormat::Png);
        let of = |split: &str, i: usize| (format!("{split}/{}/{i}.png", i % 10), png.clone());
        let members: Vec<_> = (0..2 * count).map(|i| of(["train", "test"][i % 2], i / 2)).collect();
        write("images.tar", &tar(&members));
        write("images.tar.gz", &gzip(&tar(&members)));
        members.iter().take(count / 4).for_each(|(name, bytes)| write(&format!("images/{name}"), bytes));
        let (content, cifar) = (2 * pixels.len(), 6 * batch.len());

        let sets = [
            ("idx", content, 3),
            ("idx.gz", content, 3),
            ("bytes.npz", content, 3),
            ("floats.npz", 4 * content, 3),
            ("doubles.npz", 8 * content, 3),
            ("cifar", cifar, 3),
            ("cifar.tar", cifar, 3),
            ("cifar.tar.gz", cifar, 3),
            ("images", content / 8, 3),
            ("images.tar", content, 3),
            ("images.tar.gz", content, 3),
        ];
        for (name, content, times) in sets {
            let taken = peak(|| config(&at(name)).open(Seed(0)).unwrap());
            eprintln!("{name} {count}: {taken} of {content}: {:.2}", taken as f64 / content as f64);
            assert!(taken <= FIXED + times * content, "{name}: {taken} bytes for {content}");
        }

        let (t, b) = (16, count);
        let trials = [("inputs", &[t, b, 8][..], Numbers::F32), ("targets", &[t, b][..], Numbers::I64)];
        write("trials.npz", &npz(&trials));
        let content = t * b * (8 * 4 + 8);
        let taken = peak(|| import(&at("trials.npz")).unwrap());
        eprintln!("trials {count}: {taken} of {content}: {:.2}", taken as f64 / content as f64);
        assert!(taken <= FIXED + 4 * content, "trials: {taken} bytes for {content}");

        for (kind, size, times) in [(Numbers::U8, 1, 10), (Numbers::F32, 4, 4), (Numbers::F64, 8, 3)] {
            write("array.npz", &npz(&[("x", &[count, 1024][..], kind)]));
            let content = size * count * 1024;
            let numbers = || Array::read(&at("array.npz"), "x").unwrap().unwrap().numbers().unwrap();
            let taken = peak(numbers);
            eprintln!("array {size} {count}: {taken} of {content}: {:.2}", taken as f64 / content as f64);
            assert!(taken <= FIXED + times * content, "array of {size} bytes: {taken} bytes for {content}");
        }
    }
}

/// The bytes a pixel that an image is refused by are those that it takes.
#[test]
fn images_take_what_their_budget_says() {
    let _alone = alone();
    const SIDE: u32 = 1024;
    let folder = tempfile::tempdir().unwrap();
    let colored = image::RgbImage::from_raw(SIDE, SIDE, noise(3 * (SIDE * SIDE) as usize)).unwrap();
    let image = DynamicImage::from(colored);
    let cases = [
        ("l8.png", image.to_luma8().into(), 7),
        ("la8.png", image.to_luma_alpha8().into(), 7),
        ("rgb8.png", image.clone(), 7),
        ("rgba8.png", image.to_rgba8().into(), 7),
        ("l16.png", image.to_luma16().into(), 7),
        ("la16.png", image.to_luma_alpha16().into(), 7),
        ("rgb16.png", image.to_rgb16().into(), 9),
        ("rgba16.png", image.to_rgba16().into(), 11),
        ("l8.jpg", DynamicImage::from(image.to_luma8()), 7),
        ("rgb8.jpg", image.clone(), 11),
    ];
    for (name, image, of_a_pixel) in cases {
        let format = if name.ends_with("png") { ImageFormat::Png } else { ImageFormat::Jpeg };
        let bytes = encode(image, format);
        std::fs::write(folder.path().join(name), &bytes).unwrap();
        let shape = ImageShape { channels: 3, height: 8, width: 8 };
        let statistics = Statistics { mean: vec![0.0; 3], sd: vec![1.0; 3] };
        let shown = stimuli(folder.path(), &[name.to_owned()], shape, &statistics).unwrap();
        let taken = peak(|| shown.batch(&[0]).unwrap());
        let budget = of_a_pixel * (SIDE * SIDE) as usize + 2 * bytes.len();
        eprintln!(
            "{name}: {:.2} bytes a pixel",
            (taken - 2 * bytes.len().min(taken / 2)) as f64 / (SIDE * SIDE) as f64
        );
        assert!(taken <= FIXED + budget, "{name}: {taken} bytes, budget {budget}");
    }
}

/// What a header merely claims is not allocated.
#[test]
fn claims_cost_nothing() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let labels = idx(&[1], &[0]);
    for dimensions in [&[60_000_u32, 60_000, 60_000][..], &[u32::MAX; 3], &[1 << 30, 1, 1]] {
        std::fs::write(at("train-images.gz"), gzip(&idx(dimensions, &[1; 9]))).unwrap();
        std::fs::write(at("train-labels"), &labels).unwrap();
        let taken = peak(|| config(folder.path()).open(Seed(0)).map(|_| ()).unwrap_err().to_string());
        assert!(taken < FIXED, "idx {dimensions:?}: {taken} bytes");
    }
    for size in [1_u64 << 40, 1 << 30, 20 << 20] {
        let mut header = tar::Header::new_ustar();
        header.set_path("train/a/x.png").unwrap();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        for bytes in [header.as_bytes().to_vec(), gzip(header.as_bytes())] {
            std::fs::write(at("set.tar"), &bytes).unwrap();
            let taken = peak(|| config(&at("set.tar")).open(Seed(0)).map(|_| ()).unwrap_err().to_string());
            assert!(taken < FIXED, "tar {size}: {taken} bytes");
        }
    }
    let header = "{'descr': '<f8', 'fortran_order': True, 'shape': (1099511627776, 1, 1), }\n";
    let array = [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("x.npy", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&array).unwrap();
    std::fs::write(at("array.npz"), zip.finish().unwrap().into_inner()).unwrap();
    let taken = peak(|| Array::read(&at("array.npz"), "x").map(|_| ()).unwrap_err().to_string());
    assert!(taken < FIXED, "npz: {taken} bytes");
}
