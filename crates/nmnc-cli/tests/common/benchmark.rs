//! A made-up benchmark of `nmnc brain`.

use std::fs;
use std::io::Write;

use super::{Folder, npy_header};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Pictures.
pub const STIMULI: usize = 18;
/// Subjects of `area A`.
pub const SUBJECTS: usize = 3;

/// Its description.
pub const BENCHMARK: &str = "\
name = \"made up\"
description = \"squares, bars and noise\"

[stimuli]
folder = \"pictures\"
table = \"stimuli.csv\"
category = \"kind\"

[[target]]
name = \"area A\"
rdm = { file = \"rdms.npz\", array = \"area\" }

[[target]]
name = \"area B\"
rdm = { file = \"rdms.npz\", array = \"one\" }

[[control]]
name = \"kinds\"
rdm = { file = \"rdms.npz\", array = \"kinds\" }
";

/// Numbers that look random.
pub fn noise(at: usize) -> f64 {
    (at as f64 * 12.9898).sin() * 43_758.547 % 1.0
}

/// A benchmark folder `bench`: pictures of three kinds, three subjects that tell kinds apart, one that does not.
pub fn benchmark(folder: &Folder) {
    folder.write("bench/benchmark.toml", BENCHMARK);
    let mut table = String::from("file,kind\n");
    fs::create_dir_all(folder.path("bench/pictures")).unwrap();
    for at in 0..STIMULI {
        let kind = at % 3;
        let picture = image::RgbImage::from_fn(40, 40, |x, y| {
            let inside = match kind {
                0 => x.abs_diff(20) < 12 && y.abs_diff(20) < 12,
                1 => (y / 4 + at as u32 / 3).is_multiple_of(2),
                _ => noise(at * 1600 + (y * 40 + x) as usize).abs() > 0.5,
            };
            let level = if inside { 200 - 5 * at as u8 } else { 30 + 3 * at as u8 };
            image::Rgb([level, level, level])
        });
        let name = format!("{at:02}.png");
        picture.save(folder.path("bench/pictures").join(&name)).unwrap();
        table += &format!("{name},{}\n", ["square", "bars", "noise"][kind]);
    }
    folder.write("bench/stimuli.csv", &table);
    let square = |entry: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
        let pairs = (0..STIMULI * STIMULI).map(|at| (at / STIMULI, at % STIMULI));
        pairs.map(|(i, j)| if i == j { 0.0 } else { entry(i.min(j), i.max(j)) }).collect()
    };
    let kinds = |i: usize, j: usize| f64::from(u8::from(i % 3 != j % 3));
    let area: Vec<f64> = (0..SUBJECTS)
        .flat_map(|s| square(&|i, j| 1.0 + kinds(i, j) + 0.6 * noise(s * 1000 + i * STIMULI + j)))
        .collect();
    let flat = format!("({STIMULI}, {STIMULI})");
    let arrays = [
        ("area", format!("({SUBJECTS}, {STIMULI}, {STIMULI})"), area),
        ("one", flat.clone(), square(&|i, j| 2.0 + noise(7 + i * STIMULI + j))),
        ("kinds", flat, square(&kinds)),
    ];
    let file = fs::File::create(folder.path("bench/rdms.npz")).unwrap();
    let mut writer = ZipWriter::new(file);
    for (name, shape, values) in arrays {
        writer.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        writer.write_all(&npy_header("<f8", &shape)).unwrap();
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        writer.write_all(&bytes).unwrap();
    }
    writer.finish().unwrap();
}
