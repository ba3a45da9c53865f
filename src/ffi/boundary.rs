//! What every entry goes through: pointers are checked, panics end here.

use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::process::Process;
use super::result::ResultView;
use super::status::Status;
use crate::engine::{self, Decided, Engine, Reply};

#[cfg(not(panic = "unwind"))]
compile_error!("the C ABI catches panics, which needs panic = \"unwind\"");

/// What audit records call this way into the engine.
pub const TRANSPORT: &str = "rust-ffi";

/// How the ABI was misused.
#[derive(Clone, Copy, Debug)]
pub enum Misuse {
    /// A pointer that must point somewhere is NULL.
    NullPointer,
    /// A length is above `isize::MAX`.
    LengthTooLarge,
    /// No open engine has this handle.
    UnknownEngine,
    /// No decided call has this number.
    UnknownCall,
    /// No exchange has this number.
    UnknownExchange,
}

impl From<Misuse> for Status {
    fn from(misuse: Misuse) -> Self {
        match misuse {
            Misuse::NullPointer => Status::SecureOutboundNullPointer,
            Misuse::LengthTooLarge => Status::SecureOutboundLengthTooLarge,
            Misuse::UnknownEngine => Status::SecureOutboundUnknownEngine,
            Misuse::UnknownCall => Status::SecureOutboundUnknownCall,
            Misuse::UnknownExchange => Status::SecureOutboundUnknownExchange,
        }
    }
}

/// Runs an entry that gives a result: `out` is emptied first, and a panic becomes `internal.panic`.
///
/// # Safety
///
/// `out` is NULL or points to a writable value.
pub unsafe fn enter(out: *mut ResultView, entry: impl FnOnce() -> Result<Reply, Misuse>) -> i32 {
    let status = |reply: &Reply| if reply.ok { Status::SecureOutboundOk } else { Status::SecureOutboundFailed };
    // SAFETY: the caller's promise.
    unsafe { enter_with_status(out, || entry().map(|reply| (status(&reply), Some(reply)))) }
}

/// Runs an entry that gives a status, and a result or none.
///
/// # Safety
///
/// `out` is NULL or points to a writable value.
pub unsafe fn enter_with_status(
    out: *mut ResultView,
    entry: impl FnOnce() -> Result<(Status, Option<Reply>), Misuse>,
) -> i32 {
    silence_panics();
    if out.is_null() {
        return Status::SecureOutboundNullPointer as i32;
    }
    // SAFETY: not null, and the caller's promise.
    unsafe { out.write(ResultView::EMPTY) };
    let kept = |(status, reply): (Status, Option<Reply>)| (status, reply.map_or(ResultView::EMPTY, keep));
    let (status, view) = match caught(|| entry().map(kept)) {
        Some(Ok(result)) => result,
        Some(Err(misuse)) => return Status::from(misuse) as i32,
        None => {
            let last = caught(|| keep(engine::panic_reply(TRANSPORT))).unwrap_or(LAST_WORDS);
            (Status::SecureOutboundFailed, last)
        }
    };
    // SAFETY: as above.
    unsafe { out.write(view) };
    status as i32
}

/// The number of an exchange, 0 where there is none, and what its entry gives.
pub type Begun = (u64, (Status, Option<Reply>));

/// Runs an entry that begins an exchange, whose number is 0 where there is none.
///
/// # Safety
///
/// `exchange` and `out` are NULL or point to writable values.
pub unsafe fn enter_with_exchange(
    exchange: *mut u64,
    out: *mut ResultView,
    entry: impl FnOnce() -> Result<Begun, Misuse>,
) -> i32 {
    // SAFETY: the caller's promise about `out`.
    unsafe {
        enter_with_status(out, || {
            if exchange.is_null() {
                return Err(Misuse::NullPointer);
            }
            // SAFETY: not null, and the caller's promise.
            exchange.write(0);
            let (number, result) = entry()?;
            exchange.write(number);
            Ok(result)
        })
    }
}

fn keep(reply: Reply) -> ResultView {
    Process::current().results.keep(reply.head, reply.body)
}

/// What `work` gives, or nothing where it panics.
fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    // The payload can hold anything, and its destructor can panic again, so it is left where it is.
    catch_unwind(AssertUnwindSafe(work)).map_err(std::mem::forget).ok()
}

/// The result after a panic in making the result of a panic. It has no id: there is nothing to free.
const LAST_WORDS: ResultView = {
    let head = concat!(
        r#"{"version":1,"status":null,"http_version":null,"headers":[],"#,
        r#""error":{"class":"internal","code":"internal.panic","message":"the library has a bug","#,
        r#""retryable":false,"sent":"maybe","http_status":null},"audit":{}}"#
    );
    ResultView { head: head.as_ptr().cast(), head_len: head.len(), ..ResultView::EMPTY }
};

/// Runs an entry that gives nothing but whether it was used as it is meant to be.
pub fn without_result(entry: impl FnOnce() -> Result<(), Misuse>) -> i32 {
    with_status(|| entry().map(|()| Status::SecureOutboundOk))
}

/// Runs an entry that gives only a status.
pub fn with_status(entry: impl FnOnce() -> Result<Status, Misuse>) -> i32 {
    silence_panics();
    match caught(entry) {
        Some(Ok(status)) => status as i32,
        Some(Err(misuse)) => Status::from(misuse) as i32,
        None => Status::SecureOutboundFailed as i32,
    }
}

/// The bytes of an input. NULL with length 0 is an empty one.
///
/// # Safety
///
/// `data` is NULL or points to `len` readable bytes that nobody writes to during the call.
pub unsafe fn input<'a>(data: *const c_char, len: usize) -> Result<&'a [u8], Misuse> {
    if len > isize::MAX as usize {
        return Err(Misuse::LengthTooLarge);
    }
    match (data.is_null(), len) {
        (true, 0) => Ok(&[]),
        (true, _) => Err(Misuse::NullPointer),
        // SAFETY: not null, the length fits, and the caller's promise.
        (false, len) => Ok(unsafe { std::slice::from_raw_parts(data.cast(), len) }),
    }
}

/// The engine with this handle.
pub fn engine(process: &Process, handle: u64) -> Result<Arc<Engine>, Misuse> {
    process.engines().get(handle).ok_or(Misuse::UnknownEngine)
}

/// Takes a call that was decided about, with the engine that decided.
pub fn decided(process: &Process, call: u64) -> Result<(Arc<Engine>, Decided), Misuse> {
    let (handle, decided) = process.decided.take(call).ok_or(Misuse::UnknownCall)?;
    Ok((engine(process, handle)?, decided))
}

/// A panic's text can hold what was being worked on, so the hook of this library's own runtime prints nothing. Not a
/// `Once`: a fork in its middle would leave the child waiting for ever.
fn silence_panics() {
    static SILENCED: AtomicBool = AtomicBool::new(false);
    if !SILENCED.swap(true, Ordering::AcqRel) {
        std::panic::set_hook(Box::new(|_| {}));
    }
}
