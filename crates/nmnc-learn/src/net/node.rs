//! Blocks at their places.

use super::block::Block;

/// A block at its place in a network.
#[derive(Debug)]
pub struct Node {
    pub(super) name: String,
    pub(super) block: Box<dyn Block>,
    /// Slots it reads.
    pub(super) sources: Vec<usize>,
}

impl Node {
    /// Its name, with which its parameters' full names begin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it does.
    pub fn block(&self) -> &dyn Block {
        self.block.as_ref()
    }
}

/// A linear map through which an error reaches a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Index of its node.
    pub node: usize,
    /// Which of the block's maps it is.
    pub map: usize,
    /// The stage (from 0) whose activity it reads as it is; none if it reads something made of it.
    pub stage: Option<usize>,
}
