//! How long a set of very many images takes to open: the first time, when all of it is looked through, and again, from the kept index.
//!
//!     NMNC_DATA_DIR=/tmp/index cargo run --release -p nmnc-data --example index_time -- /tmp/tiny 100000
//!
//! Makes the files in the folder if it is not there: a thousand classes of tiny images, as files and as shards of a thousand.

use std::io::{BufWriter, Cursor, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use nmnc_core::Seed;
use nmnc_data::{DataConfig, Standardize};

const CLASSES: usize = 1000;
const SHARD: usize = 1000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, count] = &arguments[..] else { return Err("usage: index_time FOLDER IMAGES".into()) };
    let (folder, count) = (Path::new(folder), count.parse::<usize>()?);
    if std::env::var_os("NMNC_DATA_DIR").is_none() {
        return Err("set NMNC_DATA_DIR to an empty folder for the index".into());
    }
    if !folder.exists() {
        make(folder, count)?;
        // An index of what has just changed is not kept.
        std::thread::sleep(Duration::from_secs(3));
    }
    for part in ["files", "shards"] {
        let config = DataConfig {
            source: folder.join(part).display().to_string(),
            image_size: Some(4),
            standardize: Standardize::None,
            cache_mib: 0,
            ..DataConfig::default()
        };
        for time in ["first", "again"] {
            let started = Instant::now();
            let splits = config.open(Seed(0))?;
            let opened = started.elapsed();
            let batch = splits.train.batches((0..256).collect(), 256, None).next().ok_or("a batch")??;
            let each = opened.as_secs_f64() * 1e6 / splits.train.len() as f64;
            println!(
                "{part}, {time}: {} images opened in {:.3} s, {each:.2} us each; first batch of {} after {:.3} s",
                splits.train.len(),
                opened.as_secs_f64(),
                batch.labels.len(),
                started.elapsed().as_secs_f64(),
            );
        }
    }
    Ok(())
}

fn make(folder: &Path, count: usize) -> Result<(), Box<dyn std::error::Error>> {
    let mut png = Cursor::new(Vec::new());
    image::RgbImage::from_pixel(4, 4, image::Rgb([9, 8, 7])).write_to(&mut png, image::ImageFormat::Png)?;
    let png = png.into_inner();
    let class = |image: usize| image * CLASSES / count;
    for (split, count) in [("train", count), ("val", 1)] {
        for image in 0..count {
            let below = folder.join("files").join(split).join(format!("n{:08}", class(image)));
            std::fs::create_dir_all(&below)?;
            std::fs::write(below.join(format!("n{:08}_{image}.png", class(image))), &png)?;
        }
        std::fs::create_dir_all(folder.join("shards"))?;
        for (shard, first) in (0..count).step_by(SHARD).enumerate() {
            let path = folder.join("shards").join(format!("{split}-{shard:04}.tar"));
            let mut archive = tar::Builder::new(BufWriter::new(std::fs::File::create(path)?));
            for image in first..count.min(first + SHARD) {
                let class = class(image).to_string();
                for (ending, content) in [("png", &png[..]), ("cls", class.as_bytes())] {
                    let mut header = tar::Header::new_ustar();
                    header.set_size(content.len() as u64);
                    header.set_mode(0o644);
                    archive.append_data(&mut header, format!("{image:08}.{ending}"), content)?;
                }
            }
            archive.into_inner()?.flush()?;
        }
    }
    Ok(())
}
