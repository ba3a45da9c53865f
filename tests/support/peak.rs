//! The peak of the memory of this process.

/// By how many KiB the resident memory is higher at its peak during `work` than before. It is the memory of the whole process,
/// so the test needs a process of its own (`alone::in_own_process`).
pub fn cost<T>(work: impl FnOnce() -> T) -> (T, u64) {
    forget();
    let before = peak();
    let done = work();
    // The kernel's counters may be wrong by a few pages.
    (done, peak().saturating_sub(before))
}

/// Peak of the resident memory in KiB since `forget`.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn forget() {
    std::fs::write("/proc/self/clear_refs", "5").expect("one's own peak may be reset");
}
