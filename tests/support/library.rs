//! The shared library as a host sees it: loaded from its file, called through the C ABI.

#![allow(unsafe_code)]

use std::ffi::c_char;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

/// A result struct as the header declares it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Frame {
    pub id: u64,
    pub head: *const c_char,
    pub head_len: usize,
    pub body: *const c_char,
    pub body_len: usize,
}

impl Frame {
    /// A struct with arbitrary bytes, as a caller may have on its stack.
    pub fn rubbish() -> Self {
        let pointer = std::ptr::without_provenance(0x5a5a);
        Self { id: u64::MAX, head: pointer, head_len: 0x5a5a, body: pointer, body_len: 0x5a5a }
    }

    /// The head and the body, copied.
    pub fn read(&self) -> (Value, Vec<u8>) {
        let bytes = |data: *const c_char, len: usize| {
            assert_eq!(data.is_null(), len == 0, "NULL where there is none");
            match data.is_null() {
                true => Vec::new(),
                // SAFETY: pointer and length are valid until the frame is freed.
                false => unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) }.to_vec(),
            }
        };
        let head = bytes(self.head, self.head_len);
        let head = if head.is_empty() { Value::Null } else { serde_json::from_slice(&head).expect("a JSON head") };
        (head, bytes(self.body, self.body_len))
    }
}

type Open = unsafe extern "C" fn(*const c_char, usize, *mut u64, *mut Frame) -> i32;
type Send =
    unsafe extern "C" fn(u64, *const c_char, usize, *const c_char, usize, *const c_char, usize, *mut Frame) -> i32;
type Explain = unsafe extern "C" fn(u64, *const c_char, usize, usize, *mut Frame) -> i32;
type Check = unsafe extern "C" fn(u64, *const c_char, usize, *const c_char, usize, *mut Frame) -> i32;
type Decide = unsafe extern "C" fn(u64, *const c_char, usize, *const c_char, usize, usize, *mut u64, *mut Frame) -> i32;
type SendDecided = unsafe extern "C" fn(u64, *const c_char, usize, *const c_char, usize, *mut Frame) -> i32;
type Start = unsafe extern "C" fn(
    u64,
    *const c_char,
    usize,
    *const c_char,
    usize,
    *const c_char,
    usize,
    i32,
    u64,
    *mut u64,
    *mut Frame,
) -> i32;
type StartDecided =
    unsafe extern "C" fn(u64, *const c_char, usize, *const c_char, usize, i32, u64, *mut u64, *mut Frame) -> i32;
type StartUpload =
    unsafe extern "C" fn(u64, *const c_char, usize, i64, *const c_char, usize, i32, u64, *mut u64, *mut Frame) -> i32;
type StartDecidedUpload = unsafe extern "C" fn(u64, i64, *const c_char, usize, i32, u64, *mut u64, *mut Frame) -> i32;
type Close = unsafe extern "C" fn(u64) -> i32;
type Free = unsafe extern "C" fn(*mut Frame);

/// The functions that the header declares.
pub struct Library {
    pub abi_version: unsafe extern "C" fn() -> u32,
    pub version: unsafe extern "C" fn() -> *const c_char,
    pub open: Open,
    pub send: Send,
    pub explain: Explain,
    pub check: Check,
    pub decide: Decide,
    pub send_decided: SendDecided,
    pub decided_free: unsafe extern "C" fn(u64),
    pub thread_results_free: unsafe extern "C" fn(),
    pub start: Start,
    pub start_decided: StartDecided,
    pub start_upload: StartUpload,
    pub start_decided_upload: StartDecidedUpload,
    pub write: unsafe extern "C" fn(u64, *const c_char, usize, i32, *mut usize) -> i32,
    pub event: unsafe extern "C" fn(*mut i32, *mut i32) -> i32,
    pub wait: unsafe extern "C" fn(*const u64, usize, u32, *mut u64) -> i32,
    pub head: unsafe extern "C" fn(u64, *mut Frame) -> i32,
    pub read: unsafe extern "C" fn(u64, usize, *mut Frame) -> i32,
    pub cancel: unsafe extern "C" fn(u64) -> i32,
    pub end: unsafe extern "C" fn(u64, *mut Frame) -> i32,
    pub close: Close,
    pub free: Free,
}

/// The path of the library that was built with this test, or of the one that `SECURE_OUTBOUND_LIBRARY` names.
pub fn path() -> PathBuf {
    if let Some(path) = std::env::var_os("SECURE_OUTBOUND_LIBRARY") {
        return path.into();
    }
    let mut path = std::env::current_exe().expect("a path");
    path.pop();
    path.push("libsecure_outbound.so");
    path
}

/// The library, loaded once.
pub fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        // SAFETY: the library has no constructor, and the types are the header's.
        unsafe {
            let file = Box::leak(Box::new(libloading::Library::new(path()).expect("the shared library")));
            let symbol = |name: &str| format!("secure_outbound_{name}");
            Library {
                abi_version: *file.get(symbol("abi_version").as_bytes()).expect("abi_version"),
                version: *file.get(symbol("version").as_bytes()).expect("version"),
                open: *file.get(symbol("open").as_bytes()).expect("open"),
                send: *file.get(symbol("send").as_bytes()).expect("send"),
                explain: *file.get(symbol("explain").as_bytes()).expect("explain"),
                check: *file.get(symbol("check").as_bytes()).expect("check"),
                decide: *file.get(symbol("decide").as_bytes()).expect("decide"),
                send_decided: *file.get(symbol("send_decided").as_bytes()).expect("send_decided"),
                decided_free: *file.get(symbol("decided_free").as_bytes()).expect("decided_free"),
                thread_results_free: *file.get(symbol("thread_results_free").as_bytes()).expect("thread_results_free"),
                start: *file.get(symbol("start").as_bytes()).expect("start"),
                start_decided: *file.get(symbol("start_decided").as_bytes()).expect("start_decided"),
                start_upload: *file.get(symbol("start_upload").as_bytes()).expect("start_upload"),
                start_decided_upload: *file
                    .get(symbol("start_decided_upload").as_bytes())
                    .expect("start_decided_upload"),
                write: *file.get(symbol("write").as_bytes()).expect("write"),
                event: *file.get(symbol("event").as_bytes()).expect("event"),
                wait: *file.get(symbol("wait").as_bytes()).expect("wait"),
                head: *file.get(symbol("head").as_bytes()).expect("head"),
                read: *file.get(symbol("read").as_bytes()).expect("read"),
                cancel: *file.get(symbol("cancel").as_bytes()).expect("cancel"),
                end: *file.get(symbol("end").as_bytes()).expect("end"),
                close: *file.get(symbol("close").as_bytes()).expect("close"),
                free: *file.get(symbol("result_free").as_bytes()).expect("result_free"),
            }
        }
    })
}

/// The result of `send`.
#[derive(Debug)]
pub struct Reply {
    pub status: i32,
    pub head: Value,
    pub body: Vec<u8>,
}

impl Reply {
    /// The HTTP status, if a response came.
    pub fn http_status(&self) -> Option<u64> {
        self.head["status"].as_u64()
    }

    /// The error's code, or nothing.
    pub fn code(&self) -> &str {
        self.head["error"]["code"].as_str().unwrap_or_default()
    }

    /// The error's `sent`.
    pub fn sent(&self) -> &str {
        self.head["error"]["sent"].as_str().unwrap_or_default()
    }
}

/// Opens an engine and gives its handle and head.
pub fn open(configuration: &Value) -> (i32, u64, Value) {
    let text = configuration.to_string();
    let (mut handle, mut frame) = (0, Frame::rubbish());
    // SAFETY: every pointer is to a live value.
    let status = unsafe { (library().open)(text.as_ptr().cast(), text.len(), &mut handle, &mut frame) };
    let (head, _) = frame.read();
    // SAFETY: as above.
    unsafe { (library().free)(&mut frame) };
    (status, handle, head)
}

/// Closes an engine. It may have been closed or displaced before.
pub fn close(engine: u64) {
    // SAFETY: a handle is a number.
    unsafe { (library().close)(engine) };
}

/// Sends a request.
pub fn send(engine: u64, request: &Value, body: &[u8], sealed: &str) -> Reply {
    let text = request.to_string();
    let mut frame = Frame::rubbish();
    // SAFETY: every pointer is to a live value.
    let status = unsafe {
        (library().send)(
            engine,
            text.as_ptr().cast(),
            text.len(),
            body.as_ptr().cast(),
            body.len(),
            sealed.as_ptr().cast(),
            sealed.len(),
            &mut frame,
        )
    };
    let (head, body) = frame.read();
    // SAFETY: as above.
    unsafe { (library().free)(&mut frame) };
    Reply { status, head, body }
}

/// Asks for the decision about a request, and gives the status and the head.
pub fn explain(engine: u64, request: &Value, body_len: usize) -> (i32, Value) {
    let text = request.to_string();
    let mut frame = Frame::rubbish();
    // SAFETY: every pointer is to a live value.
    let status = unsafe { (library().explain)(engine, text.as_ptr().cast(), text.len(), body_len, &mut frame) };
    let (head, body) = frame.read();
    assert!(body.is_empty());
    // SAFETY: as above.
    unsafe { (library().free)(&mut frame) };
    (status, head)
}

/// Has a request decided, and gives the status, the number of the call that can be sent, and the decision.
pub fn decide(engine: u64, service: Option<&Value>, request: &Value, body_len: usize) -> (i32, u64, Value) {
    let (service, request) = (service.map(Value::to_string).unwrap_or_default(), request.to_string());
    let (mut call, mut frame) = (u64::MAX, Frame::rubbish());
    let (head, head_len) = (request.as_ptr().cast(), request.len());
    // SAFETY: every pointer is to a live value.
    let status = unsafe {
        (library().decide)(
            engine,
            service.as_ptr().cast(),
            service.len(),
            head,
            head_len,
            body_len,
            &mut call,
            &mut frame,
        )
    };
    let (head, body) = frame.read();
    assert!(body.is_empty());
    // SAFETY: as above.
    unsafe { (library().free)(&mut frame) };
    (status, call, head)
}

/// Sends a call that was decided before.
pub fn send_decided(call: u64, body: &[u8], sealed: &str) -> Reply {
    let mut frame = Frame::rubbish();
    let (sealed, sealed_len) = (sealed.as_ptr().cast(), sealed.len());
    // SAFETY: every pointer is to a live value.
    let status =
        unsafe { (library().send_decided)(call, body.as_ptr().cast(), body.len(), sealed, sealed_len, &mut frame) };
    let (head, body) = frame.read();
    // SAFETY: as above.
    unsafe { (library().free)(&mut frame) };
    Reply { status, head, body }
}

/// Has the credentials of a request checked, and gives the status and the code.
pub fn check(engine: u64, request: &Value, sealed: &str) -> (i32, Option<String>) {
    let text = request.to_string();
    let mut frame = Frame::rubbish();
    let (sealed, sealed_len) = (sealed.as_ptr().cast(), sealed.len());
    // SAFETY: every pointer is to a live value.
    let status = unsafe { (library().check)(engine, text.as_ptr().cast(), text.len(), sealed, sealed_len, &mut frame) };
    let (head, body) = frame.read();
    assert!(body.is_empty());
    let keys: Vec<_> = head.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!((keys, head["version"].as_u64()), (vec!["code", "version"], Some(1)), "a code, and nothing of the rest");
    // SAFETY: as above.
    unsafe { (library().free)(&mut frame) };
    (status, head["code"].as_str().map(str::to_owned))
}

/// Begins a call, and gives the status, the number of the exchange, and the head of a refusal.
pub fn start(engine: u64, request: &Value, body: &[u8], sealed: &str, whole: bool) -> (i32, u64, Value) {
    let text = request.to_string();
    let (mut exchange, mut frame) = (u64::MAX, Frame::rubbish());
    // SAFETY: every pointer is to a live value.
    let status = unsafe {
        (library().start)(
            engine,
            text.as_ptr().cast(),
            text.len(),
            body.as_ptr().cast(),
            body.len(),
            sealed.as_ptr().cast(),
            sealed.len(),
            i32::from(whole),
            0,
            &mut exchange,
            &mut frame,
        )
    };
    (status, exchange, taken(frame).0)
}

/// The same of a call that was decided before.
pub fn start_decided(call: u64, body: &[u8]) -> (i32, u64, Value) {
    let (mut exchange, mut frame) = (u64::MAX, Frame::rubbish());
    let (body, body_len) = (body.as_ptr().cast(), body.len());
    // SAFETY: every pointer is to a live value.
    let status = unsafe {
        (library().start_decided)(call, body, body_len, std::ptr::null(), 0, 0, 0, &mut exchange, &mut frame)
    };
    (status, exchange, taken(frame).0)
}

/// Begins a call whose body comes by `write`, with an idle time or 0.
pub fn start_upload(
    engine: u64,
    request: &Value,
    length: Option<i64>,
    sealed: &str,
    idle_timeout_ms: u64,
) -> (i32, u64, Value) {
    let text = request.to_string();
    let (mut exchange, mut frame) = (u64::MAX, Frame::rubbish());
    // SAFETY: every pointer is to a live value.
    let status = unsafe {
        (library().start_upload)(
            engine,
            text.as_ptr().cast(),
            text.len(),
            length.unwrap_or(-1),
            sealed.as_ptr().cast(),
            sealed.len(),
            0,
            idle_timeout_ms,
            &mut exchange,
            &mut frame,
        )
    };
    (status, exchange, taken(frame).0)
}

/// The same of a call that was decided before.
pub fn start_decided_upload(call: u64, length: Option<i64>) -> (i32, u64, Value) {
    let (mut exchange, mut frame) = (u64::MAX, Frame::rubbish());
    let (out, sealed) = (&mut frame, std::ptr::null());
    // SAFETY: every pointer is to a live value.
    let status =
        unsafe { (library().start_decided_upload)(call, length.unwrap_or(-1), sealed, 0, 0, 0, &mut exchange, out) };
    (status, exchange, taken(frame).0)
}

/// Hands over bytes of a body, and gives the status and how many were taken.
pub fn write(exchange: u64, bytes: &[u8], last: i32) -> (i32, usize) {
    let mut taken = usize::MAX;
    // SAFETY: every pointer is to a live value.
    let status = unsafe { (library().write)(exchange, bytes.as_ptr().cast(), bytes.len(), last, &mut taken) };
    (status, taken)
}

/// The status, the descriptor and the time for an event loop.
pub fn event() -> (i32, i32, i32) {
    let (mut fd, mut timeout_ms) = (i32::MIN, i32::MIN);
    // SAFETY: both pointers are to live values.
    let status = unsafe { (library().event)(&mut fd, &mut timeout_ms) };
    (status, fd, timeout_ms)
}

/// Waits for one of these, and says which have something.
pub fn wait(exchanges: &[u64], timeout_ms: u32) -> (i32, Vec<u64>) {
    let mut ready = vec![9; exchanges.len()];
    // SAFETY: every pointer is to a live value.
    let status = unsafe { (library().wait)(exchanges.as_ptr(), exchanges.len(), timeout_ms, ready.as_mut_ptr()) };
    (status, ready)
}

/// The head of an exchange.
pub fn head(exchange: u64) -> (i32, Value) {
    let mut frame = Frame::rubbish();
    // SAFETY: the pointer is to a live value.
    let status = unsafe { (library().head)(exchange, &mut frame) };
    (status, taken(frame).0)
}

/// The next bytes of an exchange.
pub fn read(exchange: u64, max: usize) -> (i32, Value, Vec<u8>) {
    let mut frame = Frame::rubbish();
    // SAFETY: the pointer is to a live value.
    let status = unsafe { (library().read)(exchange, max, &mut frame) };
    let (head, body) = taken(frame);
    (status, head, body)
}

/// Cancels an exchange.
pub fn cancel(exchange: u64) -> i32 {
    // SAFETY: an exchange is a number.
    unsafe { (library().cancel)(exchange) }
}

/// Ends an exchange, and gives the status and the record.
pub fn end(exchange: u64) -> (i32, Value) {
    let mut frame = Frame::rubbish();
    // SAFETY: the pointer is to a live value.
    let status = unsafe { (library().end)(exchange, &mut frame) };
    (status, taken(frame).0["audit"].take())
}

/// What a host calls at the end of its work on a thread.
pub fn end_of_thread() {
    // SAFETY: it takes nothing.
    unsafe { (library().thread_results_free)() };
}

fn taken(mut frame: Frame) -> (Value, Vec<u8>) {
    let read = frame.read();
    // SAFETY: the library wrote it.
    unsafe { (library().free)(&mut frame) };
    read
}
