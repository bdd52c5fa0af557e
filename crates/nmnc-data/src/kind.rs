//! What a source is: how it is stored, and the size of its images.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a source is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The sample of Fashion-MNIST that is part of the library.
    Embedded,
    /// A folder of IDX files, gzipped or not, as MNIST has them.
    Idx,
    /// The binary version of CIFAR-10 or CIFAR-100: the official `.tar.gz` or a folder.
    Cifar,
    /// JPEG and PNG files in one folder per class, on disk or in a `.tar` or `.tar.gz`.
    ImageFolder,
    /// Shards as WebDataset writes them: archives of `key.jpg` or `key.png` and `key.cls`.
    Webdataset,
    /// NumPy arrays of images and labels.
    Npz,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Embedded => "embedded",
            Self::Idx => "idx",
            Self::Cifar => "cifar",
            Self::ImageFolder => "image-folder",
            Self::Webdataset => "webdataset",
            Self::Npz => "npz",
        })
    }
}

/// Size of every image of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageShape {
    /// Channels: 1 (gray) or 3 (red, green, blue); of examples without a geometry, features.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageShape {
    /// Number of values of one image.
    #[expect(clippy::len_without_is_empty, reason = "no image is empty")]
    pub fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether these are examples without a geometry: a single pixel of other channels than images have.
    pub fn is_features(&self) -> bool {
        (self.height, self.width) == (1, 1) && !matches!(self.channels, 1 | 3)
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_features() {
            return write!(f, "{} features", self.channels);
        }
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}
