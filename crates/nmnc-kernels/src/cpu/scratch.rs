//! Work buffers kept per thread, so that the groups of a batch do not allocate.

use std::cell::Cell;

/// What buffers are for. Uses that nest on one thread need different ones.
#[derive(Clone, Copy)]
pub(super) enum Use {
    /// The work of one group of images.
    Group,
    /// What the groups of a chunk of images leave for the chunk's products.
    Chunk,
}

thread_local! {
    static BUFFERS: [Cell<Vec<Vec<f32>>>; 2] = const { [Cell::new(Vec::new()), Cell::new(Vec::new())] };
}

/// Lends buffers of at least the given lengths, cut to them. Their contents are whatever the last borrower left.
///
/// A nested call for the same use on the same thread gets fresh buffers instead of panicking.
pub(super) fn with<const N: usize, R>(
    kind: Use,
    lengths: [usize; N],
    work: impl FnOnce([&mut [f32]; N]) -> R,
) -> R {
    let mut buffers = BUFFERS.with(|all| all[kind as usize].take());
    buffers.resize_with(buffers.len().max(N), Vec::new);
    for (buffer, length) in buffers.iter_mut().zip(lengths) {
        if buffer.len() < length {
            buffer.resize(length, 0.0);
        }
    }
    let mut lent = buffers.iter_mut().zip(lengths).map(|(buffer, length)| &mut buffer[..length]);
    let result = work(std::array::from_fn(|_| lent.next().expect("one buffer a length")));
    drop(lent);
    BUFFERS.with(|all| all[kind as usize].set(buffers));
    result
}
