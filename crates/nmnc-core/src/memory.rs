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

/// Bytes that the system can still give to this process: what `/proc/meminfo` calls available, or less where a control group limits it.
/// Nothing where the system does not tell.
pub fn available() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = field(&read("/proc/meminfo")?, "MemAvailable:")?.saturating_mul(1024);
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    Some(group_paths(&groups).filter_map(|group| group.room(&read)).fold(machine, u64::min))
}

/// The number after a name, at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// A control group that may limit memory, and the names of its files.
struct Group {
    folder: String,
    limit: &'static str,
    usage: &'static str,
    /// What of the usage is given back when it is needed.
    cached: &'static str,
}

impl Group {
    fn room(&self, read: &impl Fn(&str) -> Option<String>) -> Option<u64> {
        let file = |name: &str| read(&format!("{}/{name}", self.folder));
        let number = |name: &str| file(name)?.trim().parse::<u64>().ok();
        let (limit, usage) = (number(self.limit)?, number(self.usage)?);
        let cached = file("memory.stat").and_then(|text| field(&text, self.cached)).unwrap_or(0);
        Some(limit.saturating_sub(usage.saturating_sub(cached)))
    }
}

/// The groups of a process, as `/proc/self/cgroup` lists them, and those around each: version 2, and the memory controller of version 1.
fn group_paths(text: &str) -> impl Iterator<Item = Group> {
    let of = |line: &str| -> Option<([&'static str; 4], String)> {
        let mut parts = line.splitn(3, ':');
        let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        match (number, controllers) {
            ("0", "") => {
                Some((["/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"], path.to_owned()))
            }
            (_, controllers) if controllers.split(',').any(|name| name == "memory") => {
                let names = ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"];
                Some((["/sys/fs/cgroup/memory", names[0], names[1], names[2]], path.to_owned()))
            }
            _ => None,
        }
    };
    let found: Vec<_> = text.lines().filter_map(of).collect();
    found.into_iter().flat_map(|([root, limit, usage, cached], path)| {
        let path = path.trim_end_matches('/').to_owned();
        let ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).chain([path.len()]).collect();
        ends.into_iter().map(move |end| Group {
            folder: format!("{root}{}", &path[..end]),
            limit,
            usage,
            cached,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_control_groups_are_found_at_every_level() {
        let read = |path: &str| {
            let text = match path {
                "/sys/fs/cgroup/a/memory.max" => "1000\n",
                "/sys/fs/cgroup/a/memory.current" => "700",
                "/sys/fs/cgroup/a/memory.stat" => "anon 500\ninactive_file 100\n",
                "/sys/fs/cgroup/a/b/memory.max" => "max\n",
                "/sys/fs/cgroup/memory/c/memory.limit_in_bytes" => "300\n",
                "/sys/fs/cgroup/memory/c/memory.usage_in_bytes" => "400\n",
                _ => return None,
            };
            Some(text.to_owned())
        };
        let rooms = |text: &str| group_paths(text).filter_map(|group| group.room(&read)).collect::<Vec<_>>();
        assert_eq!(rooms("0::/a/b\n"), [400]);
        assert_eq!(rooms("5:cpu,memory:/c\n3:cpuset:/a\n"), [0]);
        assert!(rooms("0::/\nnonsense\n").is_empty());
        assert_eq!(
            group_paths("0::/a/b\n").map(|group| group.folder).collect::<Vec<_>>(),
            ["/sys/fs/cgroup", "/sys/fs/cgroup/a", "/sys/fs/cgroup/a/b"]
        );
    }

    #[test]
    fn fields_are_read_by_name() {
        let text = "MemTotal:       24 kB\nMemAvailable:   12 kB\n";
        assert_eq!((field(text, "MemAvailable:"), field(text, "Available:")), (Some(12), None));
    }
}
