//! Weights as they are shared: by the names others know them by, in files of safetensors or PyTorch.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use burn::tensor::{Device, Tensor};

use crate::checkpoint::{self, Checkpoint};
use crate::config::WeightsConfig;
use nmnc_core::error::{Error, ErrorKind, Result, closest};
use nmnc_core::guard;
use nmnc_core::tensor_file::{self, Array};
use nmnc_data::torch::{self, TorchTensor};
use nmnc_learn::net::{Parameter, Weights, shared_name};

/// Extensions of PyTorch's files.
const TORCH: [&str; 3] = ["pth", "pt", "bin"];
const SAFETENSORS: &str = "safetensors";
/// How zip archives begin, which PyTorch's files are.
const ZIP: [u8; 4] = *b"PK\x03\x04";
/// What wrappers of models put before every name.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];
/// Names that a message lists.
const LISTED: usize = 3;

/// Parameters and buffers by name, in single precision.
#[derive(Clone, Debug)]
pub struct SharedWeights {
    /// The arrays, in the shapes of PyTorch's layers.
    pub arrays: BTreeMap<String, Array>,
    /// Where they are from, for people.
    pub origin: String,
}

impl SharedWeights {
    /// Reads a file of either kind, told apart by its content, or the latest checkpoint of a run, or a checkpoint.
    ///
    /// # Errors
    /// A path that is none of these; a file that is damaged or holds no weights.
    pub fn read(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Self::of_checkpoint(&found(path)?);
        }
        let mut head = [0; 4];
        let (mut file, _) = guard::open(path)?;
        let arrays = match file.read_exact(&mut head) {
            Err(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => {
                return Err(Error::io(path, "read", e));
            }
            Ok(()) if head == ZIP => {
                let array = |tensor: TorchTensor| Array::of_singles(tensor.shape, &tensor.values);
                torch::read(path)?.into_iter().map(|(name, tensor)| (name, array(tensor))).collect()
            }
            _ => tensor_file::read_singles(path).map_err(|e| match e.kind() {
                ErrorKind::Checkpoint => Error::data(path.display(), "is no whole file of weights")
                    .mend("give one of safetensors, one of PyTorch 1.6 or later, or a run folder")
                    .caused_by(e),
                _ => e,
            })?,
        };
        Self { arrays, origin: path.display().to_string() }.unwrapped()
    }

    /// Those of a network, which is `origin` to people.
    pub fn of(network: &impl Weights, origin: &str) -> Self {
        let all = network.parameters().into_iter().chain(network.buffers());
        let named = |(name, parameter): (String, &Parameter)| {
            let array = Array::of_matrix(&parameter.value, &parameter.shape);
            (shared_name(&name).to_owned(), Array::of_singles(array.shape.clone(), &array.singles()))
        };
        Self { arrays: all.map(named).collect(), origin: origin.to_owned() }
    }

    /// What a checkpoint holds of the network.
    fn of_checkpoint(checkpoint: &Checkpoint) -> Result<Self> {
        let named = |(name, array): (&String, &Array)| {
            (shared_name(name).to_owned(), Array::of_singles(array.shape.clone(), &array.singles()))
        };
        let arrays = checkpoint.weights.iter().map(named).collect();
        Self { arrays, origin: checkpoint.path.display().to_string() }.unwrapped()
    }

    /// Without what wrappers of models put before every name.
    fn unwrapped(mut self) -> Result<Self> {
        if self.arrays.is_empty() {
            return Err(Error::data(&self.origin, "holds no weights"));
        }
        while let Some(wrapper) =
            WRAPPERS.into_iter().find(|wrapper| self.arrays.keys().all(|name| name.starts_with(wrapper)))
        {
            let bare = |(name, array): (String, Array)| (name[wrapper.len()..].to_owned(), array);
            self.arrays = self.arrays.into_iter().map(bare).collect();
        }
        Ok(self)
    }

    /// Writes them as the extension of `path` says, whole or not at all: `.safetensors`, or `.pth`, which `torch.load` reads with
    /// `weights_only=True`.
    ///
    /// # Errors
    /// Another extension; a file system that refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if extension == SAFETENSORS {
            return tensor_file::write(path, &self.arrays, ("format", "pt".to_owned()));
        }
        if TORCH.contains(&extension) {
            let tensor = |array: &Array| TorchTensor { shape: array.shape.clone(), values: array.singles() };
            let tensors = self.arrays.iter().map(|(name, array)| (name.clone(), tensor(array)));
            return torch::write(path, &tensors.collect());
        }
        Err(Error::config(path.display(), "has no extension of a format of weights")
            .mend("let it end in .safetensors or .pth"))
    }

    /// Gives them to `network`, whose parameters and buffers they must be by name and shape, but for layers under `except`.
    ///
    /// # Errors
    /// The first that is missing, superfluous or of another shape; an exception that excepts nothing.
    pub fn give(&self, network: &mut impl Weights, except: &[String], device: &Device) -> Result<()> {
        let [parameters, buffers] = shapes(network);
        let known: Vec<&str> = parameters.iter().chain(&buffers).map(|(name, _)| name.as_str()).collect();
        self.check_names(&known, except)?;
        self.put(network, except, device)
    }

    /// Puts all that is here into `network`.
    fn put(&self, network: &mut impl Weights, except: &[String], device: &Device) -> Result<()> {
        let [parameters, buffers] = shapes(network);
        self.take(&parameters, network.values_mut(), except, device)?;
        self.take(&buffers, network.buffer_values_mut(), except, device)
    }

    /// Those that `network` has by name and shape, but for layers under `except`, and in words which these are. `give` takes them.
    ///
    /// # Errors
    /// If there are none.
    fn fitting(&self, network: &impl Weights, except: &[String]) -> Result<(Self, String)> {
        let known: BTreeMap<String, Vec<usize>> = shapes(network).into_iter().flatten().collect();
        let fits = |name: &String, array: &Array| {
            known.get(name) == Some(&array.shape) && !except.iter().any(|prefix| is_under(name, prefix))
        };
        let (taken, unused): (Vec<_>, Vec<_>) =
            self.arrays.iter().partition(|(name, array)| fits(name, array));
        let arrays: BTreeMap<String, Array> =
            taken.into_iter().map(|(name, array)| (name.clone(), array.clone())).collect();
        if arrays.is_empty() {
            return Err(Error::data(&self.origin, "holds nothing that the network has by name and shape")
                .mend("`nmnc weights list` shows names and shapes, of a file and of a run"));
        }
        let names: Vec<&str> = arrays.keys().map(String::as_str).collect();
        let left: Vec<&str> =
            known.keys().filter(|name| !arrays.contains_key(*name)).map(String::as_str).collect();
        let unused: Vec<&str> = unused.into_iter().map(|(name, _)| name.as_str()).collect();
        let or_none = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { listed(names) };
        let words = format!(
            "{} of {} arrays of the network are from {}: {}; left at their initial values: {}; not used: {}",
            names.len(),
            known.len(),
            self.origin,
            listed(&names),
            or_none(&left),
            or_none(&unused)
        );
        Ok((Self { arrays, origin: self.origin.clone() }, words))
    }

    fn check_names(&self, known: &[&str], except: &[String]) -> Result<()> {
        let here = |name: &str| except.iter().any(|prefix| is_under(name, prefix));
        for prefix in except {
            if !known.iter().any(|name| is_under(name, prefix)) {
                return Err(Error::config("weights.except", format!("the network has no layer `{prefix}`"))
                    .suggest(prefix, layers(known)));
            }
        }
        let missing: Vec<&str> =
            known.iter().copied().filter(|name| !self.arrays.contains_key(*name) && !here(name)).collect();
        let beyond: Vec<&str> = self
            .arrays
            .keys()
            .map(String::as_str)
            .filter(|name| !known.contains(name) && !here(name))
            .collect();
        match (missing.first(), beyond.first()) {
            (None, None) => Ok(()),
            (Some(first), _) => {
                let error = Error::data(&self.origin, format!("lacks {} of the network", listed(&missing)));
                Err(match closest(first, &beyond) {
                    Some(near) => error.mend(format!("it holds {near}: is it of another network?")),
                    None => error.mend("use weights of this network, or name layers in weights.except"),
                })
            }
            (None, Some(_)) => Err(Error::data(
                &self.origin,
                format!("holds {}, which the network has not", listed(&beyond)),
            )
            .mend("use weights of this network, or name layers in weights.except")),
        }
    }

    fn take(
        &self,
        names: &[(String, Vec<usize>)],
        values: Vec<&mut Tensor<2>>,
        except: &[String],
        device: &Device,
    ) -> Result<()> {
        let taken = |name: &str| {
            let excepted = except.iter().any(|prefix| is_under(name, prefix));
            self.arrays.get(name).filter(|_| !excepted)
        };
        let other: Vec<&(String, Vec<usize>)> = names
            .iter()
            .filter(|(name, shape)| taken(name).is_some_and(|array| array.shape != *shape))
            .collect();
        if let Some((name, shape)) = other.first() {
            let problem =
                format!("{name} has shape {:?}, the network needs {shape:?}", self.arrays[name].shape);
            let (layer, error) = (layer(name), Error::data(&self.origin, problem));
            return Err(match other.iter().all(|(name, _)| is_under(name, layer)) {
                true => error
                    .mend(format!("weights.except = [\"{layer}\"] leaves that layer at its initial weights")),
                false => error
                    .mend(format!("so have {} more; is it of a network of another width?", other.len() - 1)),
            });
        }
        for ((name, _), value) in names.iter().zip(values) {
            if let Some(array) = taken(name) {
                *value = array.matrix(value.dims(), device).cast(value.dtype());
            }
        }
        Ok(())
    }
}

impl WeightsConfig {
    /// Gives `network` what it is to start from.
    ///
    /// # Errors
    /// A file that cannot be read or is of another network.
    pub(crate) fn give(&self, network: &mut impl Weights, device: &Device) -> Result<()> {
        let Some(from) = &self.from else { return Ok(()) };
        let given = SharedWeights::read(Path::new(from))?;
        match self.partial {
            true => given.fitting(network, &self.except)?.0.put(network, &self.except, device),
            false => given.give(network, &self.except, device),
        }
    }

    /// Which of `network`'s weights are given and which are not, where they may be some.
    ///
    /// # Errors
    /// As [`WeightsConfig::give`].
    pub(crate) fn told(&self, network: &impl Weights) -> Result<Option<String>> {
        match &self.from {
            Some(from) if self.partial => {
                Ok(Some(SharedWeights::read(Path::new(from))?.fitting(network, &self.except)?.1))
            }
            _ => Ok(None),
        }
    }
}

/// Parameters and buffers of a network by the names that others know, with their shapes.
fn shapes(network: &impl Weights) -> [Vec<(String, Vec<usize>)>; 2] {
    [network.parameters(), network.buffers()].map(|all| {
        let own = |(name, array): (String, &Parameter)| (shared_name(&name).to_owned(), array.shape.clone());
        all.into_iter().map(own).collect()
    })
}

/// The checkpoint that a folder stands for.
fn found(path: &Path) -> Result<Checkpoint> {
    let device = Device::flex();
    if path.join("state.json").is_file() {
        return checkpoint::load(path, &device);
    }
    let none = || {
        Error::checkpoint(path.display(), "holds no checkpoint")
            .mend("give a file of weights, a run folder, or a folder in its checkpoints/")
    };
    checkpoint::latest(&path.join("checkpoints"), &device)?.0.ok_or_else(none)
}

/// Whether `name` is `prefix` or lies under it.
fn is_under(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The layer that a parameter of this name belongs to.
fn layer(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(layer, _)| layer)
}

/// The layers that parameters of these names belong to.
fn layers(names: &[&str]) -> Vec<String> {
    let mut layers: Vec<String> = names.iter().map(|name| layer(name).to_owned()).collect();
    layers.dedup();
    layers
}

/// The first of `names`, and how many more there are.
fn listed(names: &[&str]) -> String {
    let first = names[..names.len().min(LISTED)].join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
