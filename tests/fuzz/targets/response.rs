//! What a server sends, on a real connection over loopback: every input ends in a response or in a known error.
//!
//! The lowest bit of the first byte selects the version of HTTP, the next one whether the connection is closed after the response.

#![no_main]
#![allow(unsafe_code)]

use std::ffi::c_char;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use libfuzzer_sys::fuzz_target;
use secure_outbound::ffi::{
    ResultView, secure_outbound_close, secure_outbound_open, secure_outbound_result_free, secure_outbound_send,
};
use serde_json::{Value, json};

mod server;

use server::server;

const CLASSES: [&str; 4] = ["protocol", "response", "timeout", "connect"];

fn serve(tcp: &mut TcpStream, response: &[u8]) {
    let (choice, response) = response.split_first().unwrap_or((&0, &[]));
    // One read is enough: the content of the request does not matter here.
    let _ = tcp.read(&mut [0; 1024]);
    if choice & 1 == 1 {
        let _ = tcp.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
    }
    let _ = tcp.write_all(response);
    if choice & 2 == 0 {
        let _ = tcp.shutdown(Shutdown::Write);
    }
    let _ = std::io::copy(tcp, &mut std::io::sink());
}

fn request(port: u16) -> String {
    json!({
        "version": 1, "service_id": "fuzz", "method": "POST", "base_url": format!("http://127.0.0.1:{port}"), "path": "/",
        "timeout_ms": 100, "policy": {"allowed_methods": ["POST"], "allow_http": true, "response_bytes": 65536},
    })
    .to_string()
}

fuzz_target!(|response: &[u8]| {
    let server = server(serve);
    server.respond(response);
    let version = if response.first().is_some_and(|choice| choice & 1 == 1) { "2" } else { "1.1" };
    let (configuration, request) = (server.configuration(version), request(server.port));
    let (mut engine, mut view) = (0, ResultView::EMPTY);
    // SAFETY: every pointer is to a live value of the length beside it.
    let head = unsafe {
        let text = (configuration.as_ptr().cast::<c_char>(), configuration.len());
        assert_eq!(secure_outbound_open(text.0, text.1, &mut engine, &mut view), 0);
        secure_outbound_result_free(&mut view);
        let none = (std::ptr::null(), 0);
        let text = (request.as_ptr().cast::<c_char>(), request.len());
        let status = secure_outbound_send(engine, text.0, text.1, none.0, none.1, none.0, none.1, &mut view);
        let head = std::slice::from_raw_parts(view.head.cast::<u8>(), view.head_len);
        let head: Value = serde_json::from_slice(head).expect("a head is JSON");
        assert_eq!(status == 0, head["error"].is_null(), "{head}");
        assert!(view.body_len <= 65536);
        secure_outbound_result_free(&mut view);
        head
    };
    // The engine is closed with its connections, so that the next response is sent on a new one.
    assert_eq!(secure_outbound_close(engine), 0);
    if head["error"].is_null() {
        assert!(head["status"].as_u64().is_some_and(|status| (200..600).contains(&status)), "{head}");
    } else {
        assert!(CLASSES.contains(&head["error"]["class"].as_str().unwrap_or_default()), "{head}");
        assert!(version == "2" || head["error"]["sent"] != "no", "only HTTP/2 hands a request back: {head}");
    }
});
