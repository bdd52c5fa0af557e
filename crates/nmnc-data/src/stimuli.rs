//! Pictures shown to a network that was trained on others.

use std::path::{Component, Path};
use std::sync::Arc;

use super::augment::Augment;
use super::dataset::Dataset;
use super::decode::{self, Fit, Target};
use super::kind::ImageShape;
use super::raw::Encoded;
use super::source::Entry;
use super::source::{self, Source};
use super::standardize::Statistics;
use super::store::Store;
use nmnc_core::error::{Error, Result};

/// The pictures `files` of `folder` (JPEG or PNG), in that order, scaled so that the shorter side fits `shape`, cropped to its center,
/// and shifted and scaled by `statistics`, as the images were that a network was trained on. Every label is 0.
///
/// # Errors
/// If there is no picture, a name leaves the folder, or a picture is missing or unreadable.
pub fn stimuli(
    folder: &Path,
    files: &[String],
    shape: ImageShape,
    statistics: &Statistics,
) -> Result<Dataset> {
    if files.is_empty() {
        return Err(Error::data(folder.display(), "there are no stimuli"));
    }
    if shape.is_features() {
        return Err(Error::data(
            folder.display(),
            format!("pictures, where the network was trained on examples of {shape}"),
        ));
    }
    for file in files {
        let inside = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside {
            return Err(Error::data(file, "is no name of a file inside the folder of stimuli"));
        }
    }
    let entries = files.iter().map(|name| Entry { name, offset: 0, len: 0, part: 0 }).collect();
    let name = folder.display().to_string();
    let images = Encoded {
        source: Arc::new(Source { name, store: source::Store::Folder(folder.to_owned()), parts: Vec::new() }),
        entries,
    };
    for index in 0..files.len() {
        decode::header(&images.read(index)?, &|| images.place(index))?;
    }
    let target = Target { shape, fit: Fit::Cover };
    let store = Store::Streamed { images, target };
    let labels = vec![0; files.len()];
    let classes = Arc::from(["stimulus".to_owned()]);
    Ok(Dataset::new(store, shape, labels, classes, statistics.clone(), Augment::default(), Some(0)))
}
