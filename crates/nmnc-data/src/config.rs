//! The `[data]` table of a configuration.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};

use super::augment::Augment;
use super::embedded;
use super::kind::Format;
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;
use nmnc_core::ranges::{self, Range};

/// Sides of images.
const SIDES: Range = Range::closed(1.0, guard::IMAGE_SIDE as f64);

/// Where examples come from and what is done to them before the network sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// `fashion-mnist-sample` (embedded), the name of a fetched set (`cifar10`, `cifar100`, `mnist`, `fashion-mnist`), a path to
    /// a file or folder, or shards as `train-{000..146}.tar`.
    pub source: String,
    /// Shards to evaluate on, where they do not lie in the folder `source` beside those to train on: a pattern, a folder or a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_source: Option<String>,
    /// How the source is stored. Detected when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Use at most this many training examples: the first ones in the order of the files, unless that order is grouped by
    /// class and the first ones lack a class; then a seeded random subset, with a warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::COUNT.stated())]
    pub train_limit: Option<usize>,
    /// Use at most this many test examples, chosen like the training examples. With `validation` there are none to limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::COUNT.stated())]
    pub test_limit: Option<usize>,
    /// Hold out this many training examples (a seeded choice, class-balanced as far as possible, made before `train_limit`
    /// applies) and evaluate on them instead of on the test split, so that tuning never sees the test data.
    #[schemars(transform = ranges::COUNT_OR_NONE.stated())]
    pub validation: usize,
    /// Scale the shorter side of every image to this many pixels and crop the center square. Without it all images must have
    /// the same size.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = SIDES.stated())]
    pub image_size: Option<usize>,
    /// Scale the shorter side of JPEG and PNG images to this many pixels instead, and crop the center square of `image_size` from that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = SIDES.stated())]
    pub resize: Option<usize>,
    /// How pixel values (bytes are first divided by 255, floats are kept) are shifted and scaled.
    pub standardize: Standardize,
    /// Random changes to training images.
    pub augment: Augment,
    /// Threads that decode batches ahead; 0 decodes on the calling thread. By default one when the images are held decoded in
    /// memory, else one per core. The results do not depend on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = Range::closed(0.0, 1024.0).stated())]
    pub workers: Option<usize>,
    /// Images are decoded once into memory when all of them fit in this many MiB, and decoded anew for every batch otherwise; training
    /// images also when `augment.resized_crop` asks for other parts of them each time.
    #[schemars(transform = ranges::COUNT_OR_NONE.stated())]
    pub cache_mib: usize,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            source: embedded::NAME.to_owned(),
            test_source: None,
            format: None,
            train_limit: None,
            test_limit: None,
            validation: 0,
            image_size: None,
            resize: None,
            standardize: Standardize::default(),
            augment: Augment::default(),
            workers: None,
            cache_mib: 1024,
        }
    }
}

impl DataConfig {
    /// Checks what can be checked without opening the source. [`DataConfig::open`] calls it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](nmnc_core::ErrorKind::Config) at the offending key.
    pub fn check(&self) -> Result<()> {
        ranges::check(self).map_err(|e| e.under("data"))?;
        if self.source.is_empty() {
            return Err(Error::config("data.source", "is empty").mend("give a name or a path"));
        }
        if let Standardize::Fixed { mean, sd } = &self.standardize
            && mean.len() != sd.len()
        {
            return Err(Error::config(
                "data.standardize",
                format!("{} means but {} standard deviations", mean.len(), sd.len()),
            )
            .mend("give one of each per channel"));
        }
        if let Some(short) = self.resize
            && self.image_size.is_none_or(|size| size > short)
        {
            return Err(Error::config("data.resize", "is what `data.image_size` is cropped from")
                .mend(format!("set `data.image_size` to {short} or less")));
        }
        self.augment.check()
    }

    /// A setting that only encoded images can have, if there is one.
    pub(crate) fn needs_pictures(&self) -> Option<&'static str> {
        self.resize.is_some().then_some("data.resize")
    }

    /// The cache limit in bytes.
    pub(crate) fn cache_bytes(&self) -> u64 {
        (self.cache_mib as u64).saturating_mul(1 << 20)
    }
}

/// How pixel values are shifted and scaled: `"train"`, `"none"` or `{ mean = [...], sd = [...] }`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Standardize {
    /// Subtract the mean and divide by the standard deviation of each channel over the training examples used.
    #[default]
    Train,
    /// Leave values as they are: bytes divided by 255, floats as stored.
    None,
    /// Subtract and divide by these numbers, one per channel, in units of byte / 255 or of the stored floats.
    Fixed {
        /// Mean of each channel.
        mean: Vec<f64>,
        /// Standard deviation of each channel.
        sd: Vec<f64>,
    },
}

impl Serialize for Standardize {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Train => serializer.serialize_str("train"),
            Self::None => serializer.serialize_str("none"),
            Self::Fixed { mean, sd } => {
                let mut table = serializer.serialize_struct("Standardize", 2)?;
                table.serialize_field("mean", mean)?;
                table.serialize_field("sd", sd)?;
                table.end()
            }
        }
    }
}

/// Written by hand because a derived untagged enum can only say that no variant matched.
impl<'de> Deserialize<'de> for Standardize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = Standardize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"train\", \"none\" or { mean = [...], sd = [...] }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Standardize, E> {
                match text {
                    "train" => Ok(Standardize::Train),
                    "none" => Ok(Standardize::None),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Standardize, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Table {
                    mean: Vec<f64>,
                    sd: Vec<f64>,
                }
                let Table { mean, sd } = Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Standardize::Fixed { mean, sd })
            }
        }

        deserializer.deserialize_any(Form)
    }
}

impl JsonSchema for Standardize {
    fn schema_name() -> Cow<'static, str> {
        "Standardize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let list = |range: Range, about: &str| {
            let mut schema =
                json_schema!({ "description": about, "type": "array", "items": { "type": "number" } });
            range.stated()(&mut schema);
            schema
        };
        json_schema!({
            "description": "How pixel values are shifted and scaled.",
            "anyOf": [
                {
                    "description": "By mean and standard deviation of each channel over the training examples that are used.",
                    "type": "string",
                    "const": "train",
                },
                { "description": "Not at all.", "type": "string", "const": "none" },
                {
                    "type": "object",
                    "properties": {
                        "mean": list(Range::closed(-1e30, 1e30), "What is subtracted, one number a channel."),
                        "sd": list(Range::above_zero(1e30), "What divides, one number a channel."),
                    },
                    "required": ["mean", "sd"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}
