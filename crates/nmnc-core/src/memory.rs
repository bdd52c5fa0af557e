//! What the system gives of memory, and what its allocator does with what is no longer used.

/// Keeps freed memory in the process for the next allocation, up to a gigabyte.
///
/// A training step allocates and frees the same few buffers of megabytes. By default the GNU C library gives such memory back to the
/// system at once and takes it again, zeroed page by page, which costs a step of a small network as much time as its arithmetic
/// (docs/performance.md). To be called once, when a program starts; it does nothing with another C library, or where the environment
/// tunes the allocator (`MALLOC_...`, `GLIBC_TUNABLES`). No result depends on it.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let tuned = |name: &str| std::env::var_os(name).is_some();
        let names = ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES"];
        if names.into_iter().any(tuned) {
            return;
        }
        // The largest block that may come from the heap: more is refused.
        const LARGEST: libc::c_int = 32 << 20;
        // SAFETY: `mallopt` takes any parameter and value, and changes the policy of later calls only.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST);
            libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 30);
            libc::mallopt(libc::M_TOP_PAD, 64 << 20);
        }
    }
}

/// Lets this process have at most `bytes` of addresses from now on: more is refused by the system, which ends a program that does not
/// expect it. For a process whose only work may fail; it does nothing where the system knows no such limit.
pub fn limit(bytes: u64) {
    #[cfg(unix)]
    {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointers are to a structure that lives as long as the calls.
        unsafe {
            if libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) == 0 {
                limit.rlim_cur = limit.rlim_max.min(bytes as libc::rlim_t);
                limit.rlim_max = limit.rlim_cur;
                libc::setrlimit(libc::RLIMIT_AS, &raw const limit);
            }
        }
    }
    #[cfg(not(unix))]
    let _ = bytes;
}
