//! Wipes what work has left on the stack.

use std::mem::MaybeUninit;

/// Bytes below the caller's frame that work may have used. Opening envelopes and placing what they hold takes a fraction of it.
const DEPTH: usize = if cfg!(debug_assertions) { 128 << 10 } else { 64 << 10 };

/// Works, and wipes the stack that the work had, after a panic as well. Ciphers leave blocks of what they decrypt in their
/// frames, and whatever reads a secret may, and a host that does nothing afterwards would keep them for as long as it waits.
pub fn wiped<T>(work: impl FnOnce() -> T) -> T {
    let _wipe = Wipe;
    below(work)
}

struct Wipe;

impl Drop for Wipe {
    fn drop(&mut self) {
        wipe();
    }
}

/// A frame of its own, so that all of the work lies where `wipe` writes.
#[inline(never)]
fn below<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn wipe() {
    let mut space = MaybeUninit::<[u8; DEPTH]>::uninit();
    // SAFETY: the bytes are this frame's own. A plain write to what nobody reads is a dead store to the compiler.
    unsafe { libc::explicit_bzero(space.as_mut_ptr().cast(), DEPTH) };
}
