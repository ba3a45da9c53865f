//! The sockets of this process, as the kernel reports them.

use std::collections::BTreeSet;

/// This process's TCP sockets in this state: 01 is ESTABLISHED, 08 is CLOSE_WAIT.
pub fn sockets(state: &str) -> Vec<String> {
    let links = std::fs::read_dir("/proc/self/fd").expect("this process's files").flatten();
    let own: BTreeSet<_> = links
        .filter_map(|file| std::fs::read_link(file.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("the kernel's table");
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found =
        rows.filter(|row| row.get(3) == Some(&state)).filter_map(|row| row.get(9).map(|inode| (*inode).to_owned()));
    // The kernel lists a socket twice where others come and go while the table is read.
    found.filter(|inode| own.contains(inode)).collect::<BTreeSet<_>>().into_iter().collect()
}
