//! The C ABI, version 1. Its `unsafe` is about what C hands in, and none of it hands out a pointer to a Rust object.
//!
//! It is the host of `engine`: `process` keeps what lives as long as the process, for which a forked child gets its own;
//! `runtime` drives an exchange on the thread that called; `result` keeps what C reads until it is freed; and every entry goes
//! through `boundary`. No room imports this one; `engine` knows neither C nor a process.
//!
//! `include/secure_outbound.h` is made of this module; `docs/abi.md` explains it to C and PHP.

#![allow(unsafe_code)]

mod boundary;
mod by_thread;
mod exchanges;
mod process;
mod result;
mod runtime;
mod status;

use std::ffi::c_char;

pub use exchanges::{
    secure_outbound_cancel, secure_outbound_end, secure_outbound_event, secure_outbound_head, secure_outbound_read,
    secure_outbound_start, secure_outbound_start_decided, secure_outbound_start_decided_upload,
    secure_outbound_start_upload, secure_outbound_wait, secure_outbound_write,
};
pub use result::ResultView;
pub use status::Status;

use boundary::{Misuse, TRANSPORT, enter, input};
use process::Process;

use crate::document::OpenHead;
use crate::engine::{self, Call, Exchange, Reply, RequestBody, RequestHead};

/// The version of this ABI. It changes when a declared function changes, which is never meant to be.
pub const ABI_VERSION: u32 = 1;

/// Calls of a process that are decided about and not sent. More than threads that a host has, unless it forgets them.
const DECIDED_CALLS: usize = 256;

/// The version of the ABI, 1. A caller checks it before it calls anything else.
#[unsafe(no_mangle)]
pub extern "C" fn secure_outbound_abi_version() -> u32 {
    ABI_VERSION
}

/// The version of the library, as a NUL-terminated text that is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn secure_outbound_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Opens an engine for a configuration (`config`, JSON), or finds the one that the same configuration has in this process.
/// Starts no thread and opens no socket. `*engine` is its handle, from 1 to 2^53, and 0 where there is none.
///
/// Returns `SECURE_OUTBOUND_OK` or `SECURE_OUTBOUND_FAILED`, each with a head in `*out`, or a negative status.
///
/// # Safety
///
/// `config` points to `config_len` readable bytes; `engine` and `out` point to writable values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_open(
    config: *const c_char,
    config_len: usize,
    engine: *mut u64,
    out: *mut ResultView,
) -> i32 {
    // SAFETY: the caller's promise about `out`.
    unsafe {
        enter(out, || {
            if engine.is_null() {
                return Err(Misuse::NullPointer);
            }
            // SAFETY: not null, and the caller's promise about `engine` and `config`.
            engine.write(0);
            let config = input(config, config_len)?;
            match Process::current().change(|engines| engines.open(config)) {
                Ok((handle, warnings)) => {
                    engine.write(handle);
                    Ok(engine::document(true, &OpenHead::opened(warnings)))
                }
                Err(error) => Ok(engine::document(false, &OpenHead::refused(&error))),
            }
        })
    }
}

/// Sends one request through an engine and waits for the whole response. `request` is a request head (JSON), `body` its body,
/// `sealed` the envelope of its credential, or a JSON array of the envelopes of several.
///
/// Returns `SECURE_OUTBOUND_OK` where an HTTP response arrived, whatever its status, `SECURE_OUTBOUND_FAILED` where none did
/// or may be shown, each with a head in `*out`, or a negative status. Any thread may call it at any time.
///
/// # Safety
///
/// `request`, `body` and `sealed` point to as many readable bytes as their lengths say; `out` points to a writable value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_send(
    engine: u64,
    request: *const c_char,
    request_len: usize,
    body: *const c_char,
    body_len: usize,
    sealed: *const c_char,
    sealed_len: usize,
    out: *mut ResultView,
) -> i32 {
    // SAFETY: the caller's promises about the pointers.
    unsafe {
        enter(out, || {
            let call = Call {
                request: input(request, request_len)?,
                body: RequestBody::Whole(input(body, body_len)?),
                sealed: input(sealed, sealed_len)?,
            };
            let process = Process::current();
            let engine = boundary::engine(process, engine)?;
            Ok(collect(process, engine.start(call, TRANSPORT)))
        })
    }
}

/// Decides about a request head (`request`, JSON) with a body of `body_len` bytes, and sends nothing: no envelope is opened and
/// no name is resolved.
///
/// Returns `SECURE_OUTBOUND_OK` where the policy allows it, `SECURE_OUTBOUND_FAILED` where it does not, each with a decision in
/// `*out`, or a negative status.
///
/// # Safety
///
/// `request` points to `request_len` readable bytes; `out` points to a writable value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_explain(
    engine: u64,
    request: *const c_char,
    request_len: usize,
    body_len: usize,
    out: *mut ResultView,
) -> i32 {
    // SAFETY: the caller's promises about the pointers.
    unsafe {
        enter(out, || {
            let request = input(request, request_len)?;
            let engine = boundary::engine(Process::current(), engine)?;
            Ok(engine.explain(RequestHead { service: None, request }, body_len as u64, TRANSPORT))
        })
    }
}

/// Decides about a request with a body of `body_len` bytes like `secure_outbound_explain`, and keeps the call for
/// `secure_outbound_send_decided` where it is allowed. `request` is a request head (JSON), or what of it is the request's own
/// where `service` is the document of its service, which an engine reads once; NULL with length 0 is none. `*call` is from 1 to
/// 2^53, and 0 where there is none. The deadline of the call runs from here.
///
/// A call that is not sent is let go by `secure_outbound_decided_free` or `secure_outbound_thread_results_free`, and the oldest one
/// where a process has more than 256 of them. A forked child has none of its parent's.
///
/// # Safety
///
/// `service` and `request` point to as many readable bytes as their lengths say; `call` and `out` point to writable values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_decide(
    engine: u64,
    service: *const c_char,
    service_len: usize,
    request: *const c_char,
    request_len: usize,
    body_len: usize,
    call: *mut u64,
    out: *mut ResultView,
) -> i32 {
    // SAFETY: the caller's promises about the pointers.
    unsafe {
        enter(out, || {
            if call.is_null() {
                return Err(Misuse::NullPointer);
            }
            // SAFETY: not null, and the caller's promise.
            call.write(0);
            let (service, request) = (input(service, service_len)?, input(request, request_len)?);
            let process = Process::current();
            let decider = boundary::engine(process, engine)?;
            let head = RequestHead { service: (!service.is_empty()).then_some(service), request };
            let (reply, decided) = decider.decide(head, body_len as u64, TRANSPORT);
            if let Some(decided) = decided {
                call.write(process.decided.keep_at_most((engine, decided), DECIDED_CALLS));
            }
            Ok(reply)
        })
    }
}

/// Sends a call that was decided about and waits for the whole response. `body` is as long as it was said to be, `sealed` as
/// `secure_outbound_send` has it. The call is gone afterwards, whatever comes of it.
///
/// Returns what `secure_outbound_send` returns, and `SECURE_OUTBOUND_UNKNOWN_CALL` where the call is gone already. Where its engine
/// was closed since, that is `SECURE_OUTBOUND_UNKNOWN_ENGINE`.
///
/// # Safety
///
/// `body` and `sealed` point to as many readable bytes as their lengths say; `out` points to a writable value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_send_decided(
    call: u64,
    body: *const c_char,
    body_len: usize,
    sealed: *const c_char,
    sealed_len: usize,
    out: *mut ResultView,
) -> i32 {
    // SAFETY: the caller's promises about the pointers.
    unsafe {
        enter(out, || {
            let (body, sealed) = (input(body, body_len)?, input(sealed, sealed_len)?);
            let process = Process::current();
            let (engine, decided) = boundary::decided(process, call)?;
            Ok(collect(process, decided.start(&engine, RequestBody::Whole(body), sealed)))
        })
    }
}

/// Lets a call go that was decided about and is not sent. One that is gone already does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn secure_outbound_decided_free(call: u64) {
    boundary::without_result(|| {
        drop(Process::current().decided.take(call));
        Ok(())
    });
}

/// Drives an exchange to its end.
fn collect(process: &Process, started: Result<Exchange, Reply>) -> Reply {
    let exchange = match started {
        Ok(exchange) => exchange,
        Err(refused) => return refused,
    };
    match process.runtime() {
        Ok(runtime) if exchange.has_token() => runtime.block_on_and_wipe(exchange.collect()),
        Ok(runtime) => runtime.block_on(exchange.collect()),
        Err(error) => exchange.fail(&error),
    }
}

/// Opens the envelopes of a request head (`request`, JSON) and wipes them again, `sealed` as `secure_outbound_send` has it. Key,
/// type, binding and expiry are judged for the request's method and origin, its path is not. Nothing is sent, resolved, counted
/// or recorded, so this is no call.
///
/// Returns `SECURE_OUTBOUND_OK` where the credentials can be used, `SECURE_OUTBOUND_FAILED` where they cannot, each with a head in
/// `*out` that holds a code and no text, or a negative status.
///
/// # Safety
///
/// `request` and `sealed` point to as many readable bytes as their lengths say; `out` points to a writable value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_check(
    engine: u64,
    request: *const c_char,
    request_len: usize,
    sealed: *const c_char,
    sealed_len: usize,
    out: *mut ResultView,
) -> i32 {
    // SAFETY: the caller's promises about the pointers.
    unsafe {
        enter(out, || {
            let (request, sealed) = (input(request, request_len)?, input(sealed, sealed_len)?);
            let engine = boundary::engine(Process::current(), engine)?;
            Ok(engine.check(request, sealed))
        })
    }
}

/// Ends a handle. What runs on it finishes; its idle connections hang up. Returns `SECURE_OUTBOUND_OK` or a
/// negative status.
#[unsafe(no_mangle)]
pub extern "C" fn secure_outbound_close(engine: u64) -> i32 {
    boundary::without_result(|| {
        let process = Process::current();
        if !process.change(|engines| engines.close(engine)) {
            return Err(Misuse::UnknownEngine);
        }
        process.poll_sockets();
        Ok(())
    })
}

/// Frees a result by its id and empties the struct. NULL, a struct that was freed and a copy of one do nothing.
///
/// # Safety
///
/// `result` is NULL or points to a result that the library wrote.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn secure_outbound_result_free(result: *mut ResultView) {
    boundary::without_result(|| {
        // SAFETY: the caller's promise, and NULL is no reference.
        if let Some(result) = unsafe { result.as_mut() } {
            let id = std::mem::replace(result, ResultView::EMPTY).id;
            if id != 0 {
                Process::current().results.free(id);
            }
        }
        Ok(())
    });
}

/// Frees what is left of the results that calls of this thread gave, by their ids, lets the calls go that it decided about and
/// did not send, and ends the exchanges that it began; those of other threads stay, and freeing one once more does nothing. For a host that ends its work on a thread
/// without ending its calls, as PHP does after a fatal error.
#[unsafe(no_mangle)]
pub extern "C" fn secure_outbound_thread_results_free() {
    boundary::without_result(|| {
        let process = Process::current();
        process.results.free_of_this_thread();
        process.decided.free_of_this_thread();
        if process.ongoing.free_of_this_thread() {
            process.poll_sockets();
        }
        Ok(())
    });
}
