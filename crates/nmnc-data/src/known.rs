//! The well-known sets: where they come from, how large they are, and where they are kept.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use nmnc_core::error::{Error, ErrorKind, Result};

/// One file of a well-known set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Archive {
    pub(crate) file: &'static str,
    /// Folder of the official source, with a closing slash.
    pub(crate) base: &'static str,
    pub(crate) bytes: u64,
    pub(crate) sha256: &'static str,
}

/// A well-known set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownSet {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) archives: &'static [Archive],
    /// Class names, where the files do not hold them.
    pub(crate) classes: Option<&'static [&'static str]>,
}

/// Classes of Fashion-MNIST, by label.
pub(crate) const FASHION_CLASSES: &[&str] = &[
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

const DIGITS: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const TORONTO: &str = "https://www.cs.toronto.edu/~kriz/";
const FASHION: &str = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/";
/// The Common Visual Data Foundation's copy: the author's own site no longer serves the files.
const MNIST: &str = "https://storage.googleapis.com/cvdf-datasets/mnist/";

/// Every set that `fetch` knows.
pub(crate) const KNOWN: &[KnownSet] = &[
    KnownSet {
        name: "cifar10",
        about: "CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 color images 32x32 in 10 classes",
        archives: &[Archive {
            file: "cifar-10-binary.tar.gz",
            base: TORONTO,
            bytes: 170_052_171,
            sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        }],
        classes: None,
    },
    KnownSet {
        name: "cifar100",
        about: "CIFAR-100 (Krizhevsky 2009): 50,000 + 10,000 color images 32x32 in 100 classes",
        archives: &[Archive {
            file: "cifar-100-binary.tar.gz",
            base: TORONTO,
            bytes: 168_513_733,
            sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        }],
        classes: None,
    },
    KnownSet {
        name: "mnist",
        about: "MNIST (LeCun, Cortes, Burges 1998): 60,000 + 10,000 gray digits 28x28",
        archives: &[
            Archive {
                file: "train-images-idx3-ubyte.gz",
                base: MNIST,
                bytes: 9_912_422,
                sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            },
            Archive {
                file: "train-labels-idx1-ubyte.gz",
                base: MNIST,
                bytes: 28_881,
                sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            },
            Archive {
                file: "t10k-images-idx3-ubyte.gz",
                base: MNIST,
                bytes: 1_648_877,
                sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            },
            Archive {
                file: "t10k-labels-idx1-ubyte.gz",
                base: MNIST,
                bytes: 4_542,
                sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            },
        ],
        classes: Some(DIGITS),
    },
    KnownSet {
        name: "fashion-mnist",
        about: "Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 60,000 + 10,000 gray articles of clothing 28x28",
        archives: &[
            Archive {
                file: "train-images-idx3-ubyte.gz",
                base: FASHION,
                bytes: 26_421_880,
                sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            },
            Archive {
                file: "train-labels-idx1-ubyte.gz",
                base: FASHION,
                bytes: 29_515,
                sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            },
            Archive {
                file: "t10k-images-idx3-ubyte.gz",
                base: FASHION,
                bytes: 4_422_102,
                sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            },
            Archive {
                file: "t10k-labels-idx1-ubyte.gz",
                base: FASHION,
                bytes: 5_148,
                sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            },
        ],
        classes: Some(FASHION_CLASSES),
    },
];

impl KnownSet {
    /// Its folder inside the data folder.
    pub(crate) fn folder(&self, data: &Path) -> PathBuf {
        data.join(self.name)
    }

    /// Size of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.archives.iter().map(|archive| archive.bytes).sum()
    }

    /// Whether every file is there with its full size.
    pub(crate) fn present(&self, data: &Path) -> bool {
        self.archives.iter().all(|archive| {
            let path = self.folder(data).join(archive.file);
            path.metadata().is_ok_and(|about| about.is_file() && about.len() == archive.bytes)
        })
    }
}

/// The known set called `name`, if there is one.
pub(crate) fn find(name: &str) -> Option<&'static KnownSet> {
    KNOWN.iter().find(|set| set.name == name)
}

/// The known set called `name`.
pub(crate) fn named(name: &str) -> Result<&'static KnownSet> {
    find(name).ok_or_else(|| {
        Error::config("data set", format!("no known data set is called `{name}`"))
            .suggest(name, KNOWN.iter().map(|set| set.name))
    })
}

/// The folder that fetched sets are kept in: `NMNC_DATA_DIR`, else `data` inside the user's cache folder for nmnc.
///
/// # Errors
/// When the variable is not set and the user has no home folder.
pub fn data_dir() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("NMNC_DATA_DIR").filter(|folder| !folder.is_empty()) {
        return Ok(PathBuf::from(folder));
    }
    let folders = directories::ProjectDirs::from("", "", "nmnc").ok_or_else(|| {
        Error::new(ErrorKind::Io, "data folder", "the system names no home folder")
            .mend("set NMNC_DATA_DIR to a folder for data sets")
    })?;
    Ok(folders.cache_dir().join("data"))
}

/// Lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
