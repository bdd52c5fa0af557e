//! What blocks keep of a pass.

use std::any::{Any, type_name};
use std::fmt::Debug;

/// What a block keeps of a forward pass for its vector-Jacobian products and for replays, of the block's own type.
pub struct Trace(Box<dyn Any + Send + Sync>);

impl Trace {
    /// A trace that keeps `kept`.
    pub fn new(kept: impl Any + Send + Sync) -> Self {
        Self(Box::new(kept))
    }

    /// What was kept.
    ///
    /// # Panics
    /// If it is of another type: the trace came from another block.
    pub fn of<T: Any>(&self) -> &T {
        let wanted = type_name::<T>();
        self.0.downcast_ref().unwrap_or_else(|| panic!("this trace is another block's, not a {wanted}"))
    }
}

impl Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trace")
    }
}
