//! Pictures as one sees them: transparency, orientation, inks and gray, beside Pillow (`scripts/golden/pictures.py`).

use std::sync::Arc;

use nmnc_testing::golden_path;
use serde_json::Value;

use crate::decode;
use crate::picture::Picture;
use crate::raw::Encoded;
use crate::source::{Entry, Source, Store};

fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn encoded(name: &str, file: Vec<u8>) -> Encoded {
    let entry = Entry { name, offset: 0, len: file.len() as u32, part: 0 };
    let source = Source { name: "golden".to_owned(), store: Store::Memory(file), parts: Vec::new() };
    Encoded { source: Arc::new(source), entries: std::iter::once(entry).collect() }
}

/// How far values differ at most.
fn apart(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn pictures_are_what_pillow_shows() {
    let text = std::fs::read_to_string(golden_path("pictures.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 6 + 16 + 3);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let images = encoded(name, bytes(&case["file"]));
        let [height, width] = [0, 1].map(|at| case["size"][at].as_u64().unwrap() as usize);
        let header = decode::header(&images.read(0).unwrap(), &|| name.to_owned()).unwrap();
        assert_eq!((header.height as usize, header.width as usize), (height, width), "{name}");
        assert_eq!(header.gray, name.starts_with("gray"), "{name}");
        for (channels, key) in [(3, "color"), (1, "gray")] {
            let found = decode::picture(&images, 0, channels).unwrap();
            let expected = Picture { height, width, channels, pixels: bytes(&case[key]) };
            assert_eq!((found.height, found.width), (height, width), "{name}");
            // Decoders of JPEG round the transform of frequencies by themselves.
            let most = if name.ends_with("jpg") { 2 } else { 0 };
            let apart = apart(&found.pixels, &expected.pixels);
            assert!(apart <= most, "{name}, {key}: {apart}");
        }
    }
}

/// Pictures that look equal are equal, whatever color their transparent pixels hide.
#[test]
fn hidden_colors_do_not_count() {
    let picture = |hidden: [u8; 3]| {
        let image = image::RgbaImage::from_fn(8, 8, |x, y| match (x + y) % 3 {
            0 => image::Rgba([hidden[0], hidden[1], hidden[2], 0]),
            _ => image::Rgba([(x * 30) as u8, (y * 30) as u8, 9, 255]),
        });
        let file = super::encode(image.into(), image::ImageFormat::Png);
        decode::picture(&encoded("x.png", file), 0, 3).unwrap()
    };
    let (black, red) = (picture([0; 3]), picture([255, 0, 0]));
    assert_eq!(black, red);
    assert_eq!(black.pixels[..6], [255, 255, 255, 30, 0, 9]);
}
