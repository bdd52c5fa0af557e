//! Work buffers kept per thread, so that the groups of a batch do not allocate.

use std::cell::Cell;

thread_local! {
    static BUFFERS: Cell<[Vec<f32>; 2]> = const { Cell::new([Vec::new(), Vec::new()]) };
}

/// Lends two buffers of at least the given lengths, cut to them. Their contents are whatever the last
/// borrower left.
///
/// A nested call on the same thread gets fresh buffers instead of panicking.
pub(super) fn with<R>(lengths: [usize; 2], work: impl FnOnce(&mut [f32], &mut [f32]) -> R) -> R {
    let mut buffers = BUFFERS.take();
    for (buffer, length) in buffers.iter_mut().zip(lengths) {
        if buffer.len() < length {
            buffer.resize(length, 0.0);
        }
    }
    let [first, second] = &mut buffers;
    let result = work(&mut first[..lengths[0]], &mut second[..lengths[1]]);
    BUFFERS.set(buffers);
    result
}
