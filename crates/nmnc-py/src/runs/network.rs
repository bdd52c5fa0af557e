//! Networks of runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::tensor::{Device, Tensor};
use nmnc::analysis::{ExampleSplit, Loaded, Source, TaskLoaded};
use nmnc::data::ImageShape;
use nmnc::device::matrix;
use nmnc::net::{Weights, shared_name};
use nmnc::recurrent::RecurrentNetwork;
use nmnc::tensor_file::Array;
use nmnc::train::{AnyConfig, EVALUATION_BATCH, SharedWeights};
use numpy::{PyArray2, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::shaped;
use crate::arrays::array;
use crate::errors::{Raise, refuse};

/// See `python/nmnc/_native.pyi`.
#[pyclass(module = "nmnc", name = "Network", subclass)]
pub struct Network {
    kind: Kind,
    device: Device,
    origin: String,
    step: u64,
}

enum Kind {
    Layered { network: Box<nmnc::net::Network>, input: ImageShape },
    Recurrent(Box<RecurrentNetwork>),
}

/// What to do with the network, whichever it is.
macro_rules! each {
    ($kind:expr, $network:ident => $work:expr) => {
        match $kind {
            Kind::Layered { network: $network, .. } => {
                let $network = &**$network;
                $work
            }
            Kind::Recurrent($network) => {
                let $network = &**$network;
                $work
            }
        }
    };
}

#[pymethods]
impl Network {
    /// That of the latest checkpoint of a run, or of a checkpoint.
    #[new]
    fn new(py: Python<'_>, run: PathBuf, checkpoint: PathBuf) -> PyResult<Self> {
        let open = || {
            let origin = checkpoint.display().to_string();
            Ok(match AnyConfig::read(&run.join("config.toml"), &[])? {
                AnyConfig::Images(_) => {
                    let source =
                        Source { path: checkpoint, data: None, split: ExampleSplit::Test, device: None };
                    let loaded = Loaded::open(&source)?;
                    let (device, input, step) = (loaded.device().clone(), loaded.data.shape(), loaded.step);
                    Self {
                        kind: Kind::Layered { network: Box::new(loaded.network), input },
                        device,
                        origin,
                        step,
                    }
                }
                AnyConfig::Trials(_) => {
                    let TaskLoaded { network, device, step, .. } = TaskLoaded::open(&checkpoint, None)?;
                    Self { kind: Kind::Recurrent(Box::new(network)), device, origin, step }
                }
            })
        };
        py.detach(open).raise(py)
    }

    /// Shape of one example: channels, height and width, or the inputs of a step.
    #[getter]
    fn input_shape(&self) -> Vec<usize> {
        match &self.kind {
            Kind::Layered { input, .. } => vec![input.channels, input.height, input.width],
            Kind::Recurrent(network) => vec![network.inputs()],
        }
    }

    /// Number of outputs.
    #[getter]
    fn outputs(&self) -> usize {
        each!(&self.kind, network => network.outputs())
    }

    /// Whether inputs are sequences.
    #[getter]
    fn recurrent(&self) -> bool {
        matches!(self.kind, Kind::Recurrent(_))
    }

    /// Units by name of the stage, first to last.
    #[getter]
    fn stages<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let all = PyDict::new(py);
        match &self.kind {
            Kind::Layered { network, .. } => {
                for (node, units) in network.stages().zip(network.stage_units()) {
                    all.set_item(node.name(), units)?;
                }
            }
            Kind::Recurrent(network) => all.set_item(STATES, network.units())?,
        }
        Ok(all)
    }

    /// Training steps that made it.
    #[getter]
    fn step(&self) -> u64 {
        self.step
    }

    #[getter]
    fn origin(&self) -> &str {
        &self.origin
    }

    /// Output `[rows, outputs]` of inputs `[rows, inputs]`; of sequences, rows are steps times `batch` trials.
    fn _output<'py>(
        &self,
        py: Python<'py>,
        x: PyReadonlyArrayDyn<'py, f32>,
        batch: usize,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let inputs = self.inputs(&x)?;
        let output = match &self.kind {
            Kind::Layered { network, .. } => {
                self.parts(py, &inputs, |part| vec![network.output(part)])?.remove(0)
            }
            Kind::Recurrent(network) => {
                py.detach(|| network.evaluate(&inputs.numbers, [inputs.rows / batch.max(1), batch])).0
            }
        };
        array(py, &output)
    }

    /// Activities `[rows, units]` by name of the stage.
    fn _activities<'py>(
        &self,
        py: Python<'py>,
        x: PyReadonlyArrayDyn<'py, f32>,
        batch: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        let inputs = self.inputs(&x)?;
        let all = PyDict::new(py);
        match &self.kind {
            Kind::Layered { network, .. } => {
                let activities = self.parts(py, &inputs, |part| network.activities(part))?;
                for (node, activity) in network.stages().zip(&activities) {
                    all.set_item(node.name(), array(py, activity)?)?;
                }
            }
            Kind::Recurrent(network) => {
                let size = [inputs.rows / batch.max(1), batch];
                let states = py.detach(|| network.evaluate(&inputs.numbers, size)).1;
                all.set_item(STATES, array(py, &states)?)?;
            }
        }
        Ok(all)
    }

    /// Parameters and buffers by the names and in the shapes of PyTorch.
    fn state_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let all = PyDict::new(py);
        for (name, values) in self.shared().arrays {
            all.set_item(name, shaped(py, values.singles(), &values.shape)?)?;
        }
        Ok(all)
    }

    /// Names of the parameters among [`Network::state_dict`].
    fn _parameter_names(&self) -> Vec<String> {
        let named = |name: &String| shared_name(name).to_owned();
        each!(&self.kind, network => network.parameters().iter().map(|(name, _)| named(name)).collect())
    }

    /// Takes weights of these names and shapes.
    fn _load(
        &mut self,
        py: Python<'_>,
        arrays: BTreeMap<String, PyReadonlyArrayDyn<'_, f32>>,
    ) -> PyResult<()> {
        let mut all = BTreeMap::new();
        for (name, values) in arrays {
            all.insert(name, Array::of_singles(values.shape().to_vec(), &values.to_vec()?));
        }
        self.give(&SharedWeights { arrays: all, origin: "state_dict".to_owned() }).raise(py)
    }

    /// Writes the weights to a file of safetensors or PyTorch.
    fn _save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.shared().write(&path)).raise(py)
    }

    /// Takes the weights of a file of safetensors or PyTorch.
    fn _read(&mut self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.give(&SharedWeights::read(&path)?)).raise(py)
    }
}

/// The one stage of recurrent networks.
const STATES: &str = "states";

/// Inputs as they were given: rows of as many numbers as the network has inputs.
struct Inputs {
    numbers: Vec<f32>,
    rows: usize,
    columns: usize,
}

impl Network {
    fn inputs(&self, x: &PyReadonlyArrayDyn<'_, f32>) -> PyResult<Inputs> {
        let columns: usize = self.input_shape().iter().product();
        let [rows, own] = *x.shape() else { unreachable!("Python gives rows") };
        assert_eq!(own, columns, "Python checks the width");
        Ok(Inputs { numbers: x.to_vec()?, rows, columns })
    }

    /// What `work` gives of the inputs in parts that fit memory, each joined.
    fn parts(
        &self,
        py: Python<'_>,
        inputs: &Inputs,
        work: impl Fn(Tensor<2>) -> Vec<Tensor<2>> + Sync,
    ) -> PyResult<Vec<Tensor<2>>> {
        let mut found: Vec<Vec<Tensor<2>>> = Vec::new();
        for part in inputs.numbers.chunks(EVALUATION_BATCH * inputs.columns.max(1)) {
            py.check_signals()?;
            let size = [part.len() / inputs.columns.max(1), inputs.columns];
            let tensors = py.detach(|| work(matrix(part.to_vec(), size, &self.device)));
            match found.is_empty() {
                true => found = tensors.into_iter().map(|tensor| vec![tensor]).collect(),
                false => found.iter_mut().zip(tensors).for_each(|(all, tensor)| all.push(tensor)),
            }
        }
        if inputs.rows == 0 {
            return Err(refuse(py, "x", "holds no example", "give at least one"));
        }
        Ok(py.detach(|| found.into_iter().map(|all| Tensor::cat(all, 0)).collect()))
    }

    fn shared(&self) -> SharedWeights {
        each!(&self.kind, network => SharedWeights::of(network, &self.origin))
    }

    /// Takes all of `weights` or none.
    fn give(&mut self, weights: &SharedWeights) -> nmnc::Result<()> {
        let before = self.shared();
        let given = self.overwrite(weights);
        if given.is_err() {
            self.overwrite(&before)?;
        }
        given
    }

    fn overwrite(&mut self, weights: &SharedWeights) -> nmnc::Result<()> {
        match &mut self.kind {
            Kind::Layered { network, .. } => weights.give(&mut **network, &[], &self.device),
            Kind::Recurrent(network) => weights.give(&mut **network, &[], &self.device),
        }
    }
}
