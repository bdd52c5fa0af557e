//! Work on many things by a few threads that come and go with it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use nmnc_core::error::{Error, Result};

/// Does `work` on each of `items` on up to `threads` threads, the calling one among them. No item is begun after one has failed.
///
/// # Errors
/// That of the first item that failed, whichever thread had it.
pub(crate) fn for_each<T: Send>(
    items: impl Iterator<Item = T> + Send,
    threads: usize,
    work: impl Fn(T) -> Result<()> + Sync,
) -> Result<()> {
    let left = Mutex::new(items.enumerate());
    let failed: Mutex<Option<(usize, Error)>> = Mutex::new(None);
    let member = || {
        while lock(&failed).is_none() {
            let Some((at, item)) = lock(&left).next() else { return };
            if let Err(error) = work(item) {
                // Items are begun in order: one before it that fails too has been begun.
                let mut failed = lock(&failed);
                if failed.as_ref().is_none_or(|(first, _)| at < *first) {
                    *failed = Some((at, error));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Where the system grants no thread, those that it did grant do the work.
            if Builder::new().name("nmnc-data".to_owned()).spawn_scoped(scope, member).is_err() {
                break;
            }
        }
        member();
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), |(_, error)| Err(error))
}

/// What is locked is never left half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn everything_is_done_once_and_the_first_error_is_told() {
        for threads in [0, 1, 3, 8] {
            let done: Vec<AtomicUsize> = (0..50).map(|_| AtomicUsize::new(0)).collect();
            for_each(done.iter(), threads, |count| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
            .unwrap();
            assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
            let error = for_each(0..50, threads, |at| match at {
                20.. => Err(Error::data(at, "is too much")),
                _ => Ok(()),
            });
            assert_eq!(error.unwrap_err().to_string(), "20: is too much");
        }
    }
}
