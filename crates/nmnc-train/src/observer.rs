//! What a training run tells whoever is watching.

use std::path::Path;

use nmnc_core::records::{Record, Summary};

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Training steps done.
    pub step: u64,
    /// Training steps in all.
    pub total: u64,
    /// Loss of the last batch.
    pub loss: f64,
    /// Training images per second since the run was started or resumed.
    pub images_per_second: f64,
}

/// Watches a run. Nothing an observer does can change a result.
pub trait Observer {
    /// The run starts or goes on: a line for people that says what will run and where.
    fn started(&mut self, _description: &str, _progress: Progress) {}

    /// A training step is done.
    fn progress(&mut self, _progress: Progress) {}

    /// A record was written.
    fn record(&mut self, _record: &Record) {}

    /// Something is not as it should be, but the run goes on. Each text is given once a run.
    fn warning(&mut self, _text: &str) {}

    /// A checkpoint was written.
    fn checkpoint(&mut self, _path: &Path) {}

    /// Asked after every training step: whether to stop there. The run then keeps a checkpoint to go on from, and ends with
    /// [`ErrorKind::Stopped`](nmnc_core::ErrorKind::Stopped).
    fn stop(&mut self) -> bool {
        false
    }

    /// The run has ended.
    fn finished(&mut self, _summary: &Summary) {}
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
