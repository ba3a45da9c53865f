//! What the memory of this process has come to at most.

/// What `work` costs in KiB at its highest, beyond what was resident before. It is the memory of the whole process, so the
/// test has one of its own (`alone::in_own_process`).
pub fn cost<T>(work: impl FnOnce() -> T) -> (T, u64) {
    forget();
    let before = peak();
    let done = work();
    // The kernel's counters are a few pages off at times.
    (done, peak().saturating_sub(before))
}

/// Peak of the resident memory in KiB since it was forgotten.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn forget() {
    std::fs::write("/proc/self/clear_refs", "5").expect("one's own peak may be reset");
}
