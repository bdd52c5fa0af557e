//! What the system says of this process, where it has `/proc` (Linux).

use std::fs;

/// Minor page faults so far: pages of memory that the system had to hand over.
pub(super) fn faults() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name, in parentheses, may hold anything; the eighth field after it is `minflt` (proc(5)).
    stat.rsplit_once(')')?.1.split_whitespace().nth(7)?.parse().ok()
}

/// Largest resident memory so far, in bytes.
pub(super) fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The processor's name.
pub(super) fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn touching_fresh_memory_shows_in_both_numbers() {
        const BYTES: usize = 256 << 20;
        let (faults_before, peak_before) = (faults().unwrap(), peak_memory().unwrap());
        // Kept from the optimizer, which would not allocate at all.
        let block = std::hint::black_box(vec![1u8; BYTES]);
        assert_eq!(block[BYTES / 2], 1);
        // Pages may be huge (2 MiB), and other tests run in this process beside this one.
        assert!(faults().unwrap() - faults_before >= 100);
        assert!(peak_memory().unwrap() >= BYTES as u64 && peak_memory().unwrap() >= peak_before);
    }
}
