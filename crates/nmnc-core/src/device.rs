//! Devices by name: `flex` (CPU, always there) and, where compiled in, `vulkan`, `wgpu` and `cuda`, with an optional index.

use burn::prelude::Int;
use burn::tensor::{Device, Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Every device name the project knows, whether compiled in or not.
pub const NAMES: [&str; 4] = ["flex", "vulkan", "wgpu", "cuda"];

/// Name of the thread in which an accelerator is tried: a panic there means that there is none, which [`open`] reports as an error.
pub const PROBE_THREAD: &str = "nmnc-device";

/// Numbers in which an accelerator multiplies the factors of a network's maps. What is kept, and all sums, are in single precision, and so
/// is everything that a manifold or a least-squares solution is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// Single precision: 24 significant bits.
    #[default]
    F32,
    /// 11 significant bits and the range of single precision, on matrix units.
    Tf32,
    /// 8 significant bits and the range of single precision, on matrix units.
    Bf16,
}

impl Precision {
    /// Whether it is single precision.
    pub fn is_single(&self) -> bool {
        *self == Self::F32
    }
}

/// Opens the device called `name` as [`open`] does, and has it multiply in `precision`, in the whole process.
///
/// # Errors
/// Those of [`open`]; [`ErrorKind::Config`] where the device has no matrix units for the precision.
pub fn open_with(name: &str, precision: Precision) -> Result<Device> {
    let device = open(name)?;
    let chosen = match precision {
        Precision::F32 => nmnc_kernels::Precision::F32,
        Precision::Tf32 => nmnc_kernels::Precision::Tf32,
        Precision::Bf16 => nmnc_kernels::Precision::Bf16,
    };
    if nmnc_kernels::choose_precision(&device, chosen) {
        return Ok(device);
    }
    Err(Error::config("precision", format!("`{name}` has no matrix units for it")).mend("use \"f32\""))
}

/// The name in records of the device called `name`: `cpu` is `flex`, and `gpu` the first accelerator of `cuda`, `vulkan` and `wgpu` that was
/// compiled in. Every other name is its own, and `gpu` is where there is none.
pub fn canonical(name: &str) -> String {
    let (kind, index) = name.split_once(':').map_or((name, None), |(kind, index)| (kind, Some(index)));
    let kind = match kind {
        "cpu" => "flex",
        "gpu" => ["cuda", "vulkan", "wgpu"].into_iter().find(|kind| compiled(kind)).unwrap_or("gpu"),
        _ => return name.to_owned(),
    };
    index.map_or_else(|| kind.to_owned(), |index| format!("{kind}:{index}"))
}

/// Whether the kind of accelerator was compiled in.
fn compiled(kind: &str) -> bool {
    accelerator(kind, None).is_some()
}

/// Opens the device called `name`, such as `flex`, `vulkan`, `vulkan:1`, `cuda:local` (of the number that the process has among those of its job on
/// this machine), or one of the names that [`canonical`] knows.
///
/// # Errors
/// [`ErrorKind::Config`] for an unknown name or a wrong `NMNC_VECTORS`, [`ErrorKind::Device`] for a device that was not compiled in or that this
/// machine does not have. A device is tried with a small computation before it is returned.
///
/// An accelerator is opened by its driver, in this process. A driver that does not suit the machine may end the process by a signal, hang, or
/// write to standard error, which nobody can turn into an error here. Whoever must not be ended by it calls [`try_out`] in a process of its
/// own first, as the command `nmnc` does; [`has_driver`] tells for which names that is worth while.
pub fn open(name: &str) -> Result<Device> {
    let name = canonical(name);
    let (kind, index) = parse(&name)?;
    nmnc_kernels::check_vector_instructions()
        .map_err(|(variable, problem)| Error::config(variable, problem))?;
    match kind {
        "flex" if index.is_some() => {
            Err(Error::config("device", "the CPU device `flex` takes no number").mend("write `flex`"))
        }
        "flex" => Ok(Device::flex()),
        "vulkan" | "wgpu" | "cuda" => open_accelerator(kind, index),
        "gpu" => Err(Error::new(ErrorKind::Device, "device", "this build has no support of accelerators")
            .mend("rebuild with `--features cuda` or `--features vulkan`, or use `cpu`")),
        _ => Err(Error::config("device", format!("unknown device `{kind}`"))
            .suggest(kind, NAMES.into_iter().chain(["cpu", "gpu"]))),
    }
}

/// Whether a driver is run to open the device called `name`: it is an accelerator that was compiled in.
pub fn has_driver(name: &str) -> bool {
    parse(&canonical(name)).is_ok_and(|(kind, index)| accelerator(kind, index).is_some())
}

/// Opens the device called `name`, has it multiply two small matrices, and forgets it: what a process does that is there to be ended by the
/// driver in place of another.
///
/// # Errors
/// Those of [`open`]; [`ErrorKind::Device`] for a wrong product.
pub fn try_out(name: &str) -> Result<()> {
    let device = open(name)?;
    let side = matrix((1..=16).map(|i| i as f32).collect(), [4, 4], &device);
    match energy(&side.clone().matmul(side)) {
        sum if (sum - 1_927_136.0).abs() < 1e4 => Ok(()),
        _ => Err(useless(name)),
    }
}

/// Where launchers tell a process which of those on its machine it is, from 0: Open MPI, MPICH and its kin, Slurm.
const LOCAL_NUMBERS: [&str; 3] = ["OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"];

/// The kind of device that `name` begins with, and the number behind it.
fn parse(name: &str) -> Result<(&str, Option<usize>)> {
    parse_where(name, |variable| std::env::var(variable).ok())
}

/// The same where `said` has the environment.
fn parse_where(name: &str, said: impl Fn(&str) -> Option<String>) -> Result<(&str, Option<usize>)> {
    let Some((kind, index)) = name.split_once(':') else { return Ok((name, None)) };
    if kind == "flex" {
        // It takes no number, whichever it would be.
        return Ok((kind, Some(0)));
    }
    if index == "local" {
        return match LOCAL_NUMBERS.into_iter().find_map(|variable| said(variable)?.parse().ok()) {
            Some(index) => Ok((kind, Some(index))),
            None => Err(Error::config(
                "device",
                format!("`{name}` is for processes that a launcher numbers on each machine"),
            )
            .mend(format!("start it by mpirun or srun, or write `{kind}:0`"))),
        };
    }
    match index.parse() {
        Ok(index) => Ok((kind, Some(index))),
        Err(_) => Err(Error::config("device", format!("`{index}` in `{name}` is not a device number"))
            .mend("write for example `vulkan:0`")),
    }
}

fn useless(kind: &str) -> Error {
    Error::new(ErrorKind::Device, "device", format!("no usable `{kind}` device on this machine"))
        .mend("check the driver, or use `flex`")
}

fn open_accelerator(kind: &str, index: Option<usize>) -> Result<Device> {
    let Some(create) = accelerator(kind, index) else {
        return Err(Error::new(ErrorKind::Device, "device", format!("this build has no `{kind}` support"))
            .mend(format!("rebuild with `--features {kind}` or use `flex`")));
    };
    // The graphics runtimes panic when there is no adapter, here in a thread of its own. What the panic prints is up to the
    // program's hook, which knows the thread by its name.
    let probe = std::thread::Builder::new().name(PROBE_THREAD.to_owned()).spawn(move || {
        let device = create();
        let one = Tensor::<1>::ones([2], &device).sum().into_scalar::<f32>();
        (one == 2.0).then_some(device)
    });
    match probe.map(std::thread::JoinHandle::join) {
        Ok(Ok(Some(device))) => Ok(device),
        _ => Err(useless(kind)),
    }
}

type Create = Box<dyn FnOnce() -> Device + Send>;

#[allow(unused_variables, unreachable_patterns, clippy::match_single_binding)]
fn accelerator(kind: &str, index: Option<usize>) -> Option<Create> {
    #[cfg(any(feature = "vulkan", feature = "wgpu"))]
    let selected = move || match index {
        None => burn::tensor::DeviceKind::DefaultDevice,
        Some(index) => burn::tensor::DeviceKind::DiscreteGpu(index),
    };
    match kind {
        #[cfg(feature = "vulkan")]
        "vulkan" => Some(Box::new(move || Device::vulkan(selected()))),
        #[cfg(feature = "wgpu")]
        "wgpu" => Some(Box::new(move || Device::wgpu(selected()))),
        #[cfg(feature = "cuda")]
        "cuda" => Some(Box::new(move || Device::cuda(index.unwrap_or(0)))),
        _ => None,
    }
}

/// What the accelerator calls itself; nothing where the processor is the device.
pub fn card(device: &Device) -> Option<String> {
    #[cfg(any(feature = "vulkan", feature = "wgpu", feature = "cuda"))]
    return device.identity().map(|identity| identity.name);
    #[cfg(not(any(feature = "vulkan", feature = "wgpu", feature = "cuda")))]
    {
        let _ = device;
        None
    }
}

/// Copies a row-major `rows x columns` matrix to `device`.
pub fn matrix(values: Vec<f32>, [rows, columns]: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

/// Copies a matrix back, row-major, in the precision asked for.
pub fn values<E: burn::tensor::Element>(matrix: &Tensor<2>) -> Vec<E> {
    matrix.try_to_vec_as::<E>().expect("a float matrix converts to any float type")
}

/// The rows of `matrix` with the given numbers, at least one.
pub fn selected(matrix: &Tensor<2>, rows: &[usize]) -> Tensor<2> {
    let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    let count = rows.len();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &matrix.device());
    matrix.clone().select(0, indices)
}

/// Sum of squares. The sums of rows are added here, in order, so that the bits do not depend on the number of threads (a
/// whole-tensor sum of the CPU backend does).
pub fn energy(matrix: &Tensor<2>) -> f64 {
    nmnc_kernels::row_energies(matrix).iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_suggested() {
        assert!(open("flex").is_ok());
        let message = |name: &str| open(name).unwrap_err().to_string();
        assert_eq!(message("flexx"), "device: unknown device `flexx`; did you mean `flex`?");
        assert_eq!(
            message("vulkan:x"),
            "device: `x` in `vulkan:x` is not a device number; write for example `vulkan:0`"
        );
        for numbered in ["flex:0", "flex:local"] {
            assert_eq!(message(numbered), "device: the CPU device `flex` takes no number; write `flex`");
        }
        assert_eq!(
            message("vulkan:local"),
            "device: `vulkan:local` is for processes that a launcher numbers on each machine; start it by mpirun or srun, or write `vulkan:0`"
        );
        #[cfg(not(feature = "cuda"))]
        assert_eq!(
            message("cuda"),
            "device: this build has no `cuda` support; rebuild with `--features cuda` or use `flex`"
        );
    }

    #[test]
    fn a_process_of_a_job_has_the_device_of_its_number_on_the_machine() {
        for launcher in LOCAL_NUMBERS {
            let said = |variable: &str| (variable == launcher).then(|| "3".to_owned());
            assert_eq!(parse_where("cuda:local", said).unwrap(), ("cuda", Some(3)), "{launcher}");
        }
        assert_eq!(parse_where("cuda:1", |_| Some("3".to_owned())).unwrap(), ("cuda", Some(1)));
        assert!(parse_where("cuda:local", |_| Some("x".to_owned())).is_err());
    }
}
