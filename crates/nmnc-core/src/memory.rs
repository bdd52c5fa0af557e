//! What the system's allocator does with memory that is no longer used.

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
