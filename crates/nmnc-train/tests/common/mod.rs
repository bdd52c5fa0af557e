//! What tests of whole runs share.

use std::fs;
use std::path::Path;

use nmnc_core::records::{Record, RunRecords};
use nmnc_train::{Observer, Progress, checkpoint};

/// Records without what a clock decides, and the weights of the last checkpoint, byte by byte.
#[allow(dead_code, reason = "each test file uses some of these")]
pub fn outcome(folder: &Path) -> (Vec<Record>, Vec<u8>) {
    let mut records = RunRecords::read(folder).unwrap().records;
    for record in &mut records {
        (record.seconds, record.images_per_second, record.waiting) = (0.0, 0.0, 0.0);
    }
    let last = checkpoint::list(&folder.join("checkpoints")).unwrap().pop().expect("a checkpoint");
    (records, fs::read(last.join("weights.safetensors")).unwrap())
}

#[allow(dead_code, reason = "each test file uses some of these")]
pub fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// Stops a run in the middle of a step, the hard way.
#[allow(dead_code, reason = "each test file uses some of these")]
pub struct StopAt(pub u64);

impl Observer for StopAt {
    fn progress(&mut self, progress: Progress) {
        assert_ne!(progress.step, self.0, "stop here");
    }
}
