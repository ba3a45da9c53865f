//! Exchanges that go on beside each other: begun, waited for, read in pieces, and ended, each by its number.

use std::ffi::c_char;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::boundary::{self, Begun, Misuse, TRANSPORT, enter_with_exchange, enter_with_status, input};
use super::process::Process;
use super::result::ResultView;
use super::runtime::Runtime;
use super::status::Status;
use crate::engine::{self, Call, Delivery, Exchange, Ongoing, Piece, Ready, Reply, RequestBody, Rest};

/// No call waits longer: a host has signals to handle.
const LONGEST: Duration = Duration::from_millis(100);

/// Begins a call like `secure_outbound_send`, and returns at once. With `whole` 0 its response is read in pieces, and not more than
/// 64 KiB of it, and what its connection has on the way, is held before it is read: `defaults.timeout_ms` covers the time to the
/// first byte of its body. Otherwise it is there when it is whole, with the times of `secure_outbound_send`. `idle_timeout_ms` is how
/// long nothing may come of it while somebody waits, beside what the documents say, and 0 is no limit of its own: the least holds.
///
/// `*exchange` is from 1 to 2^53, and 0 where there is none. It goes on while any call of the library waits, and ends with
/// `secure_outbound_end`, or with `secure_outbound_thread_results_free` of this thread. A forked child has none of its parent's.
///
/// Returns `SECURE_OUTBOUND_OK` without a head, `SECURE_OUTBOUND_FAILED` with the head of a refusal, or a negative status.
///
/// # Safety
///
/// `request`, `body` and `sealed` point to as many readable bytes as their lengths say; `exchange` and `out` point to writable
/// values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_start(
    engine: u64,
    request: *const c_char,
    request_len: usize,
    body: *const c_char,
    body_len: usize,
    sealed: *const c_char,
    sealed_len: usize,
    whole: i32,
    idle_timeout_ms: u64,
    exchange: *mut u64,
    out: *mut ResultView,
) -> i32 {
    // SAFETY: the caller's promises about the pointers.
    unsafe {
        enter_with_exchange(exchange, out, || {
            let call = Call {
                request: input(request, request_len)?,
                body: RequestBody::Whole(input(body, body_len)?),
                sealed: input(sealed, sealed_len)?,
            };
            start(engine, call, whole, idle_timeout_ms)
        })
    }
}

/// Begins a call like `secure_outbound_start` whose request's body comes by `secure_outbound_write`, while it is sent. `body_len` is
/// how long it is, and negative where nobody knows. It is sent once: redirects that would repeat it, and responses that would
/// have it sent again, are the call's response, and no attempt follows after some of it has left.
///
/// Returns what `secure_outbound_start` returns.
///
/// # Safety
///
/// `request` and `sealed` point to as many readable bytes as their lengths say; `exchange` and `out` point to writable values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_start_upload(
    engine: u64,
    request: *const c_char,
    request_len: usize,
    body_len: i64,
    sealed: *const c_char,
    sealed_len: usize,
    whole: i32,
    idle_timeout_ms: u64,
    exchange: *mut u64,
    out: *mut ResultView,
) -> i32 {
    // SAFETY: the caller's promises about the pointers.
    unsafe {
        enter_with_exchange(exchange, out, || {
            let call = Call {
                request: input(request, request_len)?,
                body: in_pieces(body_len),
                sealed: input(sealed, sealed_len)?,
            };
            start(engine, call, whole, idle_timeout_ms)
        })
    }
}

/// Begins a call that was decided about, as `secure_outbound_start` begins one. `body` is as long as it was said to be. The number of
/// the decided call is gone afterwards.
///
/// Returns what `secure_outbound_start` returns, and `SECURE_OUTBOUND_UNKNOWN_CALL` where the call is gone already. Where its engine
/// was closed since, that is `SECURE_OUTBOUND_UNKNOWN_ENGINE`.
///
/// # Safety
///
/// `body` and `sealed` point to as many readable bytes as their lengths say; `exchange` and `out` point to writable values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_start_decided(
    call: u64,
    body: *const c_char,
    body_len: usize,
    sealed: *const c_char,
    sealed_len: usize,
    whole: i32,
    idle_timeout_ms: u64,
    exchange: *mut u64,
    out: *mut ResultView,
) -> i32 {
    // SAFETY: the caller's promises about the pointers.
    unsafe {
        enter_with_exchange(exchange, out, || {
            let body = RequestBody::Whole(input(body, body_len)?);
            start_decided(call, body, input(sealed, sealed_len)?, whole, idle_timeout_ms)
        })
    }
}

/// Begins a call that was decided about, with a body as `secure_outbound_start_upload` has it. One whose length is known is as long as
/// it was said to be.
///
/// Returns what `secure_outbound_start_decided` returns.
///
/// # Safety
///
/// `sealed` points to `sealed_len` readable bytes; `exchange` and `out` point to writable values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_start_decided_upload(
    call: u64,
    body_len: i64,
    sealed: *const c_char,
    sealed_len: usize,
    whole: i32,
    idle_timeout_ms: u64,
    exchange: *mut u64,
    out: *mut ResultView,
) -> i32 {
    // SAFETY: the caller's promises about the pointers.
    unsafe {
        enter_with_exchange(exchange, out, || {
            start_decided(call, in_pieces(body_len), input(sealed, sealed_len)?, whole, idle_timeout_ms)
        })
    }
}

/// Hands over the next bytes of a request's body that comes in pieces. `*taken` is how many of them were taken, at most 64 KiB more
/// than the connection has; the rest is handed over again once `secure_outbound_wait` says that there is room. It counts where all
/// were taken what `last` says: 0, more follows; 1, they are the last; a negative number, the body breaks off behind them, and the
/// exchange ends with `cancelled.requested`. A body that is shorter or longer than its length, or larger than it may be, ends the
/// exchange behind what came before.
///
/// Returns `SECURE_OUTBOUND_OK`, `SECURE_OUTBOUND_END` where no more of the body is wanted and none was taken, or a negative status.
///
/// # Safety
///
/// `bytes` points to `len` readable bytes, and `taken` to a writable number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_write(
    exchange: u64,
    bytes: *const c_char,
    len: usize,
    last: i32,
    taken: *mut usize,
) -> i32 {
    boundary::with_status(|| {
        if taken.is_null() {
            return Err(Misuse::NullPointer);
        }
        // SAFETY: not null, and the caller's promise.
        unsafe { taken.write(0) };
        // SAFETY: the caller's promise about the bytes.
        let bytes = unsafe { input(bytes, len) }?;
        let rest = match last {
            0 => Rest::Follows,
            1.. => Rest::Ends,
            _ => Rest::BreaksOff,
        };
        let Some(now) = ongoing(exchange)?.write(bytes, rest) else { return Ok(Status::SecureOutboundEnd) };
        // SAFETY: as above.
        unsafe { taken.write(now) };
        Ok(Status::SecureOutboundOk)
    })
}

/// Waits until one of these exchanges has something that was not taken yet, its head, bytes, its end or its failure, at most
/// `timeout_ms` and never longer than 100 ms. `ready[i]` is 1 where the exchange has, and else 0; 2 is added where there is room for
/// bytes of its request's body that `secure_outbound_write` had none for, or no more are wanted. All exchanges go on meanwhile.
///
/// Returns `SECURE_OUTBOUND_OK`, whether any has something or not, or a negative status: where one of the exchanges is not there,
/// nobody waits.
///
/// # Safety
///
/// `exchanges` points to `count` readable numbers and `ready` to as many writable ones.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_wait(
    exchanges: *const u64,
    count: usize,
    timeout_ms: u32,
    ready: *mut u64,
) -> i32 {
    boundary::without_result(|| {
        if count == 0 {
            Process::current().settle();
            return Ok(());
        }
        if exchanges.is_null() || ready.is_null() {
            return Err(Misuse::NullPointer);
        }
        if count > isize::MAX as usize / size_of::<u64>() {
            return Err(Misuse::LengthTooLarge);
        }
        // SAFETY: not null, the length fits, and the caller's promise.
        let numbers = unsafe { std::slice::from_raw_parts(exchanges, count) };
        let process = Process::current();
        let ongoing = |number: &u64| process.ongoing.get(*number).ok_or(Misuse::UnknownExchange);
        let ongoing: Vec<_> = numbers.iter().map(ongoing).collect::<Result<_, _>>()?;
        let limit = Duration::from_millis(timeout_ms.into()).min(LONGEST);
        let found = process.runtime().ok().and_then(|runtime| {
            if limit.is_zero() && runtime.is_watched() {
                return runtime.settle_and_wipe(Ongoing::any_ready(&ongoing));
            }
            runtime.poll_sockets();
            runtime.block_on_and_wipe(async { timeout(limit, Ongoing::any_ready(&ongoing)).await.ok() })
        });
        for place in 0..count {
            let Ready { response, room } =
                found.as_ref().and_then(|found| found.get(place)).copied().unwrap_or_default();
            // SAFETY: not null, inside the length, and the caller's promise.
            unsafe { ready.add(place).write(u64::from(response) + 2 * u64::from(room)) };
        }
        Ok(())
    })
}

/// For a host with an event loop of its own, which waits there and not in `secure_outbound_wait`. `*fd` is readable where there is
/// something to do: `secure_outbound_wait` with `timeout_ms` 0 does it, and says which exchanges have something. It belongs to the
/// library, is the same each time, and is not to be read or closed. `*timeout_ms` is how long the host may wait for it, as poll(2) has
/// it: 100 while this thread has exchanges, and else -1. Time that passes until the next `secure_outbound_wait` counts as waited.
///
/// A forked child asks anew: its descriptor is another one.
///
/// Returns `SECURE_OUTBOUND_OK`, `SECURE_OUTBOUND_FAILED` with `*fd` -1 where the process has no descriptor left, or a negative status.
///
/// # Safety
///
/// `fd` and `timeout_ms` point to writable numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_event(fd: *mut i32, timeout_ms: *mut i32) -> i32 {
    boundary::with_status(|| {
        if fd.is_null() || timeout_ms.is_null() {
            return Err(Misuse::NullPointer);
        }
        let process = Process::current();
        let descriptor = process.runtime().ok().and_then(Runtime::descriptor);
        let ongoing = process.ongoing.of_this_thread();
        ongoing.iter().for_each(|ongoing| ongoing.wait_outside());
        let timeout = if ongoing.is_empty() { -1 } else { i32::try_from(LONGEST.as_millis()).unwrap_or(i32::MAX) };
        // SAFETY: not null, and the caller's promise.
        unsafe {
            fd.write(descriptor.unwrap_or(-1));
            timeout_ms.write(timeout);
        }
        Ok(if descriptor.is_some() { Status::SecureOutboundOk } else { Status::SecureOutboundFailed })
    })
}

/// The head of a response: a document with its status, version and header fields.
///
/// Returns `SECURE_OUTBOUND_OK` with it, `SECURE_OUTBOUND_PENDING` where it has not come yet, `SECURE_OUTBOUND_FAILED` with the head
/// that `secure_outbound_send` would give, or a negative status.
///
/// # Safety
///
/// `out` points to a writable value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_head(exchange: u64, out: *mut ResultView) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        enter_with_status(out, || {
            let head = ongoing(exchange)?.head();
            Ok(head.map_or((Status::SecureOutboundPending, None), whole))
        })
    }
}

/// The next bytes of a response's body, at most `max` of them, content codings undone.
///
/// Returns `SECURE_OUTBOUND_OK` with them, `SECURE_OUTBOUND_PENDING` where none are there yet, `SECURE_OUTBOUND_END` where the body
/// is whole and all of it was given, `SECURE_OUTBOUND_FAILED` with the head that `secure_outbound_send` would give once all is given
/// that came before, or a negative status.
///
/// # Safety
///
/// `out` points to a writable value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_read(exchange: u64, max: usize, out: *mut ResultView) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        enter_with_status(out, || {
            Ok(match ongoing(exchange)?.read(max.max(1)) {
                Piece::Nothing => (Status::SecureOutboundPending, None),
                Piece::Bytes(body) => (Status::SecureOutboundOk, Some(Reply { ok: true, head: Vec::new(), body })),
                Piece::End => (Status::SecureOutboundEnd, None),
                Piece::Failed(reply) => failed(reply),
            })
        })
    }
}

/// Has a call end with `cancelled.requested`: HTTP/1.1 closes its connection, HTTP/2 resets its stream. It changes nothing where the
/// call has ended. Returns `SECURE_OUTBOUND_OK` or a negative status.
#[unsafe(no_mangle)]
pub extern "C" fn secure_outbound_cancel(exchange: u64) -> i32 {
    boundary::without_result(|| {
        ongoing(exchange)?.cancel();
        Process::current().poll_sockets();
        Ok(())
    })
}

/// Ends an exchange, with `cancelled.abandoned` where it has not ended yet, and gives its record, a document. The number is gone
/// afterwards.
///
/// Returns `SECURE_OUTBOUND_OK` with the record, or a negative status.
///
/// # Safety
///
/// `out` points to a writable value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_end(exchange: u64, out: *mut ResultView) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        enter_with_status(out, || {
            let process = Process::current();
            let ongoing = process.ongoing.take(exchange).ok_or(Misuse::UnknownExchange)?;
            // Its task ends when it is polled the next time: nothing is waited for but the turn of another thread.
            let record = process.runtime().ok().and_then(|runtime| {
                let record = runtime.block_on_and_wipe(ongoing.end());
                runtime.poll_sockets();
                record
            });
            Ok(match record {
                Some(record) => (Status::SecureOutboundOk, Some(record)),
                None => failed(engine::panic_reply(TRANSPORT)),
            })
        })
    }
}

fn ongoing(exchange: u64) -> Result<Arc<Ongoing>, Misuse> {
    Process::current().ongoing.get(exchange).ok_or(Misuse::UnknownExchange)
}

fn start(engine: u64, call: Call<'_>, whole: i32, idle_ms: u64) -> Result<Begun, Misuse> {
    let process = Process::current();
    let engine = boundary::engine(process, engine)?;
    Ok(begin(process, engine.start(call, TRANSPORT), whole, idle_ms))
}

fn start_decided(call: u64, body: RequestBody<'_>, sealed: &[u8], whole: i32, idle_ms: u64) -> Result<Begun, Misuse> {
    let process = Process::current();
    let (engine, decided) = boundary::decided(process, call)?;
    Ok(begin(process, decided.start(&engine, body, sealed), whole, idle_ms))
}

fn in_pieces(body_len: i64) -> RequestBody<'static> {
    RequestBody::InPieces { length: u64::try_from(body_len).ok() }
}

/// Has an exchange go on.
fn begin(process: &Process, started: Result<Exchange, Reply>, whole: i32, idle_ms: u64) -> Begun {
    let exchange = match started {
        Ok(exchange) => exchange,
        Err(refusal) => return (0, failed(refusal)),
    };
    let runtime = match process.runtime() {
        Ok(runtime) => runtime,
        Err(error) => return (0, failed(exchange.fail(&error))),
    };
    let idle = (idle_ms > 0).then(|| Duration::from_millis(idle_ms));
    let delivery = if whole == 0 { Delivery::InPieces { idle } } else { Delivery::Whole { idle } };
    let (ongoing, task) = exchange.begin(delivery);
    runtime.spawn(task);
    (process.ongoing.keep(Arc::new(ongoing)), (Status::SecureOutboundOk, None))
}

fn whole(reply: Reply) -> (Status, Option<Reply>) {
    let status = if reply.ok { Status::SecureOutboundOk } else { Status::SecureOutboundFailed };
    (status, Some(reply))
}

fn failed(reply: Reply) -> (Status, Option<Reply>) {
    (Status::SecureOutboundFailed, Some(reply))
}
