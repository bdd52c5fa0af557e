//! Checkpoints: folders that hold everything the next training step depends on, written under another name and renamed when they are
//! complete and synced.

mod folder;
mod saved;

pub use folder::{latest, list, steps};
pub(crate) use folder::{of_step, prune};
pub use saved::{Checkpoint, load};
pub(crate) use saved::{Contents, glance, save};
