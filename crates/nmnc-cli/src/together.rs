//! The processes that this one was started with, by `mpirun` or `srun`.

use std::env;
use std::sync::Arc;

use nmnc::Result;
use nmnc::train::replicas::Processes;

/// Where launchers say how many processes they have started: Open MPI, MPICH and its kin, Slurm with PMIx.
const COUNTS: [&str; 2] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];

/// How many processes were started together; 1 where nobody says so.
fn launched() -> usize {
    let said = |name| env::var(name).ok()?.parse().ok();
    let by_slurm = || env::var_os("PMIX_RANK").and_then(|_| said("SLURM_NTASKS"));
    COUNTS.into_iter().find_map(said).or_else(by_slurm).unwrap_or(1)
}

/// The processes of the job, where there are several.
///
/// # Errors
/// If there are and this program knows no MPI.
pub fn processes() -> Result<Option<Arc<dyn Processes>>> {
    match launched() {
        0 | 1 => Ok(None),
        several => join(several),
    }
}

#[cfg(feature = "mpi")]
fn join(_: usize) -> Result<Option<Arc<dyn Processes>>> {
    let world = nmnc::mpi::World::join()?;
    if world.number() > 0 {
        // One voice is enough.
        crate::output::mute();
    }
    Ok(Some(Arc::new(world)))
}

#[cfg(not(feature = "mpi"))]
fn join(several: usize) -> Result<Option<Arc<dyn Processes>>> {
    let problem = format!("{several} processes were started together, and this nmnc was built without MPI");
    Err(nmnc::Error::config("nmnc train", problem).mend("build it with --features mpi, or start one process"))
}
