//! What credentials that are gone have left in the directory.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::lease::{Lease, Paths, is_older};
use super::slot::SlotId;

/// How the name of a token's file ends.
pub(super) const TOKEN: &str = "token";

/// A token lives a day at most, so one that was written so long ago has been over for a month.
const LEFT: Duration = Duration::from_secs(32 * 24 * 60 * 60);

/// Removes tokens that are over for a month, and what was begun and left behind so long ago, each under its own lease.
///
/// A lock never goes: whoever waits for that of a removed file would have it beside the new one's holder, and its time says
/// nothing of its age. It is empty.
pub(super) fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if let Some(slot) = slot(&path)
            && is_older(&path, LEFT)
            && let Ok(Some(lease)) = Lease::take(&slot, Paths::new(directory, &slot, TOKEN), Duration::ZERO, 0)
        {
            lease.remove(&path, LEFT);
        }
    }
}

/// Whose file it is, where it is one that may go.
fn slot(path: &Path) -> Option<SlotId> {
    let kind = path.extension()?.to_str()?;
    let is_begun = kind.strip_prefix("new").is_some_and(|place| place.bytes().all(|byte| byte.is_ascii_digit()));
    let is_ours = kind == TOKEN || is_begun;
    SlotId::from_hex(path.file_stem().filter(|_| is_ours)?.to_str()?)
}
