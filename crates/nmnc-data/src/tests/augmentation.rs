//! Augmentation beside Pillow and torchvision, whose results `scripts/golden/augmentations.py` keeps, and its laws.

use nmnc_core::seed::{Role, Seed};
use nmnc_testing::golden_path;
use serde_json::Value;

use super::*;
use crate::augment::{Augment, Jitter, ResizedCrop, View};
use crate::picture::{Cut, Picture};
use crate::resample::{resample, shorter_side};
use crate::tint::Tint;

fn golden() -> Value {
    let text = std::fs::read_to_string(golden_path("augmentations.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn cases(golden: &Value, key: &str) -> Vec<Value> {
    golden[key].as_array().unwrap().clone()
}

fn numbers<const N: usize>(value: &Value) -> [usize; N] {
    let list = value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect::<Vec<_>>();
    list.try_into().unwrap()
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The formula of the script.
fn picture([height, width]: [usize; 2], channels: usize) -> Picture {
    let value = |row: usize, column: usize, channel: usize| {
        (row * 31 + column * 17 + channel * 97 + row * column * (channel + 1) + column * column / 7) as u8
    };
    let at = |at: usize| value(at / channels / width, at / channels % width, at % channels);
    Picture { height, width, channels, pixels: (0..height * width * channels).map(at).collect() }
}

fn colors() -> Picture {
    let pixel = |row: usize, column: usize| match row {
        15 => [(column * 17) as u8; 3],
        _ => [(row * 17) as u8, (column * 17) as u8, (row * 51 + column * 85) as u8],
    };
    let pixels = (0..256).flat_map(|at| pixel(at / 16, at % 16)).collect();
    Picture { height: 16, width: 16, channels: 3, pixels }
}

#[test]
fn scaled_images_are_pillows_to_the_byte() {
    let golden = golden();
    for case in cases(&golden, "whole") {
        let size = numbers(&case["size"]);
        let (short, crop) = (number(&case["short"]), number(&case["crop"]));
        let to = shorter_side(size, short);
        let image = picture(size, number(&case["channels"]));
        let fitted = resample(&image, Cut::whole(size), to, Cut::middle(to, [crop; 2]));
        assert_eq!(fitted.pixels, bytes(&case["pixels"]), "{size:?} to {short} and {crop}");
    }
    for case in cases(&golden, "parts") {
        let [top, left, height, width] = numbers(&case["part"]);
        let to = [number(&case["to"]); 2];
        let cut = Cut { top, left, height, width };
        let part = resample(&picture(numbers(&case["size"]), 3), cut, to, Cut::whole(to));
        assert_eq!(part.pixels, bytes(&case["pixels"]), "{cut:?}");
    }
}

#[test]
fn changed_colors_are_torchvisions_to_the_byte() {
    for case in cases(&golden(), "tints") {
        let (name, factor) = (case["name"].as_str().unwrap(), case["factor"].as_f64().unwrap());
        let tint = match name {
            "brightness" => Tint::Brightness(factor),
            "contrast" => Tint::Contrast(factor),
            "saturation" => Tint::Saturation(factor),
            _ => Tint::Hue(factor),
        };
        let mut image = colors();
        tint.apply(&mut image);
        assert_eq!(image.pixels, bytes(&case["pixels"]), "{name} {factor}");
    }
}

#[test]
fn a_jpeg_is_decoded_as_by_pillow_but_for_rounding() {
    let folder = tempfile::tempdir().unwrap();
    let jpeg = std::fs::read(golden_path("picture.jpg")).unwrap();
    let members = ["train", "test"].map(|split| member(&format!("{split}/a/0.jpg"), &jpeg));
    let path = folder.path().join("set.tar");
    std::fs::write(&path, tar(&members)).unwrap();
    let splits = open(&path).unwrap();
    let found = splits.train.batch(&[0]).unwrap().images;
    let plane = found.len() / 3;
    let expected = bytes(&golden()["jpeg"]);
    let errors: Vec<f32> = (0..found.len())
        .map(|at| (found[at % 3 * plane + at / 3] * 255.0 - f32::from(expected[at])).abs())
        .collect();
    let mean = errors.iter().sum::<f32>() / errors.len() as f32;
    assert!(errors.iter().all(|&error| error < 4.0) && mean < 0.5, "{mean}");
}

fn stream(index: usize) -> nmnc_core::seed::Stream {
    Seed(3).stream(Role::Augmentation, index, 0)
}

fn drawn(law: &Augment, size: [usize; 2], count: usize) -> Vec<View> {
    (0..count).map(|index| law.draw(&mut stream(index), size)).collect()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// Within an image from which no try can fail, share and logarithm of the ratio are uniform and independent, and so are places.
#[test]
fn crops_have_the_shares_ratios_and_places_of_their_law() {
    let (scale, ratio) = ([0.1, 0.4], [0.5, 2.0]);
    let law = Augment { resized_crop: Some(ResizedCrop { scale, ratio }), ..Augment::default() };
    let count = 20_000;
    let cuts: Vec<Cut> = drawn(&law, [1000, 1000], count).into_iter().map(|view| view.cut.unwrap()).collect();
    let share = |cut: &Cut| (cut.height * cut.width) as f64 / 1e6;
    let turned = |cut: &Cut| (cut.width as f64 / cut.height as f64).ln();
    let range = f64::from(2.0f32).ln();
    // Uniform numbers: mean and standard deviation, each within five standard errors.
    let uniform = |what: &str, values: Vec<f64>, [low, high]: [f64; 2]| {
        let spread = (high - low) / 12f64.sqrt();
        let found = mean(values.iter().copied());
        let variance = mean(values.iter().map(|value| (value - found).powi(2)));
        let error = spread / (count as f64).sqrt();
        assert!((found - (low + high) / 2.0).abs() < 5.0 * error, "{what}: mean {found}");
        assert!((variance.sqrt() - spread).abs() < 5.0 * error, "{what}: deviation {}", variance.sqrt());
        assert!(values.iter().all(|value| (low - 0.01..=high + 0.01).contains(value)), "{what}");
        values
    };
    let shares = uniform("share", cuts.iter().map(share).collect(), scale);
    let ratios = uniform("ratio", cuts.iter().map(turned).collect(), [-range, range]);
    let place = |at: usize, len: usize| at as f64 / (1000 - len) as f64;
    uniform("top", cuts.iter().map(|cut| place(cut.top, cut.height)).collect(), [0.0, 1.0]);
    uniform("left", cuts.iter().map(|cut| place(cut.left, cut.width)).collect(), [0.0, 1.0]);
    let together = mean(shares.iter().zip(&ratios).map(|(share, ratio)| (share - 0.25) * ratio));
    assert!(together.abs() < 5.0 * 0.0866 * 0.4 / (count as f64).sqrt(), "{together}");
}

#[test]
fn where_no_crop_fits_the_middle_is_torchvisions() {
    let law = ResizedCrop { scale: [1.0, 1.0], ratio: [0.9999, 1.0001] };
    let law = Augment { resized_crop: Some(law), ..Augment::default() };
    for case in cases(&golden(), "middle") {
        let [top, left, height, width] = numbers(&case["part"]);
        let size = numbers(&case["size"]);
        let cut = law.draw(&mut stream(0), size).cut;
        assert_eq!(cut, Some(Cut { top, left, height, width }), "{size:?}");
    }
}

#[test]
fn colors_are_changed_within_their_ranges_in_every_order() {
    let jitter = Jitter { brightness: 0.4, contrast: 2.0, saturation: 0.0, hue: 0.1 };
    let law = Augment { jitter: Some(jitter), ..Augment::default() };
    let mut orders = std::collections::BTreeMap::new();
    let (mut bright, mut turned) = (Vec::new(), Vec::new());
    for view in drawn(&law, [8, 8], 6000) {
        let kinds: Vec<char> = (view.tints.iter())
            .map(|tint| match *tint {
                Tint::Brightness(factor) => {
                    bright.push(factor);
                    'b'
                }
                Tint::Contrast(factor) => {
                    assert!((0.0..=3.0).contains(&factor));
                    'c'
                }
                Tint::Saturation(_) => 's',
                Tint::Hue(turns) => {
                    turned.push(turns);
                    'h'
                }
            })
            .collect();
        *orders.entry(kinds).or_insert(0) += 1;
    }
    assert_eq!(orders.len(), 6, "{orders:?}");
    assert!(orders.values().all(|&count| (850..1150).contains(&count)), "{orders:?}");
    for (values, [low, high]) in [(bright, [0.6, 1.4]), (turned, [-0.1, 0.1])] {
        assert!(values.iter().all(|value| (low..=high).contains(value)));
        let error = (high - low) / 12f64.sqrt() / 6000f64.sqrt();
        assert!((mean(values.iter().copied()) - (low + high) / 2.0).abs() < 5.0 * error);
    }
}

/// A set of two pictures of 40 x 53 pixels in one class, its images scaled to 16 pixels.
fn set(folder: &Path, augment: Augment) -> DataConfig {
    let image = |value: u8| {
        let Picture { height, width, pixels, .. } = picture([40, 53], 3);
        let pixels = pixels.into_iter().map(|byte| byte ^ value).collect();
        encode(
            image::RgbImage::from_raw(width as u32, height as u32, pixels).unwrap().into(),
            image::ImageFormat::Png,
        )
    };
    let members = [("train/a/0", 0), ("train/a/1", 255), ("test/a/0", 0)]
        .map(|(name, value)| member(&format!("{name}.png"), &image(value)));
    let path = folder.join("set.tar");
    std::fs::write(&path, tar(&members)).unwrap();
    DataConfig { image_size: Some(16), augment, ..config(&path) }
}

#[test]
fn a_training_image_is_the_view_that_is_drawn_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let augment = Augment {
        flip: true,
        resized_crop: Some(ResizedCrop::default()),
        jitter: Some(Jitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }),
        ..Augment::default()
    };
    let splits = set(folder.path(), augment).open(Seed(1)).unwrap();
    for epoch in 0..6 {
        let found = splits.train.batches(vec![0], 1, Some((Seed(1), epoch))).next().unwrap().unwrap().images;
        let view = augment.draw(&mut Seed(1).stream(Role::Augmentation, 0, epoch), [40, 53]);
        let mut image = resample(&picture([40, 53], 3), view.cut.unwrap(), [16; 2], Cut::whole([16; 2]));
        view.tints.iter().for_each(|tint| tint.apply(&mut image));
        for (at, found) in found.into_iter().enumerate() {
            let (channel, row, column) = (at / 256, at / 16 % 16, at % 16);
            let column = if view.flip { 15 - column } else { column };
            let expected = f32::from(image.pixels[(row * 16 + column) * 3 + channel]) / 255.0;
            assert!((found - expected).abs() < 1e-6, "epoch {epoch}, {at}");
        }
    }
    // Without a seed, and on evaluation images with one, the middle of the scaled whole.
    let to = shorter_side([40, 53], 16);
    let middle = resample(&picture([40, 53], 3), Cut::whole([40, 53]), to, Cut::middle(to, [16; 2]));
    let red: Vec<f32> = middle.pixels.iter().step_by(3).map(|&value| f32::from(value) / 255.0).collect();
    assert_eq!(splits.train.batch(&[0]).unwrap().images[..256], red);
    let evaluated = splits.evaluation.batches(vec![0], 1, Some((Seed(1), 0))).next().unwrap().unwrap();
    assert_eq!(evaluated.images[..256], red);
}

#[test]
fn the_shorter_side_can_be_scaled_to_more_than_is_cropped() {
    let folder = tempfile::tempdir().unwrap();
    let config = DataConfig { resize: Some(24), ..set(folder.path(), Augment::default()) };
    for cache_mib in [0, 1] {
        let splits = DataConfig { cache_mib, ..config.clone() }.open(Seed(1)).unwrap();
        let to = shorter_side([40, 53], 24);
        let middle = resample(&picture([40, 53], 3), Cut::whole([40, 53]), to, Cut::middle(to, [16; 2]));
        let red: Vec<f32> = middle.pixels.iter().step_by(3).map(|&value| f32::from(value) / 255.0).collect();
        assert_eq!(splits.train.batch(&[0]).unwrap().images[..256], red);
    }
}

/// The same crop of an array held in memory as of an encoded image.
#[test]
fn arrays_of_bytes_are_cropped_too_and_those_of_floats_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.npz");
    let pixels = picture([12, 12], 1).pixels;
    let crops = Augment { resized_crop: Some(ResizedCrop::default()), ..Augment::default() };
    let labels = npy("|u1", "(1,)", &[0]);
    let write = |x: Vec<u8>| {
        let arrays =
            [("x_train", x.clone()), ("y_train", labels.clone()), ("x_test", x), ("y_test", labels.clone())];
        std::fs::write(&path, npz(&arrays)).unwrap();
        DataConfig { augment: crops, ..config(&path) }.open(Seed(1))
    };
    let splits = write(npy("|u1", "(1, 12, 12)", &pixels)).unwrap();
    let found = splits.train.batches(vec![0], 1, Some((Seed(2), 4))).next().unwrap().unwrap().images;
    let view = crops.draw(&mut Seed(2).stream(Role::Augmentation, 0, 4), [12, 12]);
    let cut = resample(&picture([12, 12], 1), view.cut.unwrap(), [12; 2], Cut::whole([12; 2]));
    assert_eq!(found, cut.pixels.iter().map(|&value| f32::from(value) / 255.0).collect::<Vec<_>>());
    let floats: Vec<u8> = pixels.iter().flat_map(|&value| f32::from(value).to_le_bytes()).collect();
    let error = write(npy("<f4", "(1, 12, 12)", &floats)).unwrap_err().to_string();
    assert!(error.contains("data.augment: crops of other sizes and changes of color are for"), "{error}");
}

#[test]
fn settings_that_contradict_each_other_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let whole = set(folder.path(), Augment::default());
    let error = |config: DataConfig| config.open(Seed(0)).unwrap_err().to_string();
    let crops = |law: ResizedCrop, crop: usize| {
        error(set(folder.path(), Augment { crop, resized_crop: Some(law), ..Augment::default() }))
    };
    let law = ResizedCrop::default();
    assert!(crops(law, 2).starts_with("data.augment.crop: goes with whole images"));
    assert!(
        crops(ResizedCrop { scale: [0.5, 0.2], ..law }, 0).starts_with("data.augment.resized_crop.scale: ")
    );
    assert!(
        crops(ResizedCrop { ratio: [0.0, 1.0], ..law }, 0).starts_with("data.augment.resized_crop.ratio")
    );
    let small = error(DataConfig { resize: Some(15), ..whole.clone() });
    assert!(small.starts_with("data.resize: is what `data.image_size` is cropped from; set"), "{small}");
    let hue = Jitter { hue: 0.6, ..Jitter::default() };
    let hue = error(set(folder.path(), Augment { jitter: Some(hue), ..Augment::default() }));
    assert!(hue.starts_with("data.augment.jitter.hue: 0.6 is not from 0 to 0.5"), "{hue}");
    let apart = error(DataConfig { test_source: Some("x".into()), ..whole });
    assert!(apart.starts_with("data.test_source: is for shards, and this set is `image-folder`"), "{apart}");
}
