//! Hosts in C, compiled against the committed header and linked to the built library.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::c_host::compile;
use crate::support::alone::until;
use crate::support::server::{Authority, Server, configuration, request};

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// An HTTPS server that responds with `hello`, and what a client needs to reach it.
fn hello(authority: &Authority) -> (Server, Value, Value) {
    let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), |peer| {
        while peer.read().is_some() && peer.respond("hello") {}
        true
    });
    let configuration = configuration(authority, &["localhost"], &[server.address.port()]);
    let request = request("POST", &server.url("https", "localhost"), "/");
    (server, configuration, request)
}

fn run_client(wrapper: &[&str]) {
    let authority = Authority::new();
    let (server, configuration, request) = hello(&authority);
    let client = compile("client.c", authority.directory(), &[]);
    let mut line = wrapper.iter().map(Into::into).chain([client.into_os_string()]);
    let output = Command::new(line.next().expect("a program"))
        .args(line)
        .args([configuration.to_string(), request.to_string(), "100000".to_owned()])
        .output()
        .expect("the client");
    let (stdout, stderr) = text(&output);
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    assert!(stdout.starts_with(concat!("version ", env!("CARGO_PKG_VERSION"), "\nopened ")), "{stdout}");
    assert!(stdout.ends_with("body 5\nhello\n"), "{stdout}");
    assert_eq!(server.counts.last().body.len(), 100_000);
    assert_eq!(server.counts.requests(), 1);
}

#[test]
fn a_client_in_c_sends_and_frees() {
    run_client(&[]);
}

/// For a leak or an invalid access, in the host or in the library, Valgrind ends with an exit code of its own.
#[test]
fn the_same_client_is_clean_under_valgrind() {
    run_client(&[
        "valgrind",
        "--quiet",
        "--error-exitcode=99",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite,indirect",
        "--show-leak-kinds=definite,indirect",
    ]);
}

#[test]
fn a_thread_frees_what_its_calls_have_left_and_nothing_of_another() {
    // Larger than any memory that the allocator keeps after it was freed.
    const RESPONSE: usize = 40 << 20;
    let authority = Authority::new();
    let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), |peer| {
        let body = "x".repeat(RESPONSE);
        while peer.read().is_some() && peer.respond(&body) {}
        true
    });
    let configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
    let mut request = request("GET", &server.url("https", "localhost"), "/");
    request["policy"]["response_bytes"] = RESPONSE.into();

    let output = Command::new(compile("threads.c", authority.directory(), &[]))
        .args([configuration.to_string(), request.to_string()])
        .output()
        .expect("the host");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output).1);
    assert_eq!(server.counts.requests(), 3);
}

/// A server that reads a part of the request, shuts down its side and closes with unread data, so the client's next write
/// raises SIGPIPE.
fn rude() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 100]);
            let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
            let _ = stream.shutdown(Shutdown::Write);
        }
    });
    port
}

fn signals(mode: &str, configuration: &Value, request: &Value, calls: u32) -> Command {
    let directory =
        configuration["tls"]["ca_file"].as_str().map(Path::new).and_then(Path::parent).expect("a directory");
    let mut command = Command::new(compile("signals.c", directory, &[]));
    command.args([mode, &configuration.to_string(), &request.to_string(), &calls.to_string()]);
    command
}

#[test]
fn a_host_that_does_not_ignore_sigpipe_lives_and_finds_its_signals_as_they_were() {
    const CALLS: u32 = 50;
    let authority = Authority::new();
    let port = rude();
    let configuration = configuration(&authority, &["localhost"], &[port]);
    let mut request = request("POST", &format!("http://localhost:{port}"), "/");
    request["policy"]["allow_http"] = true.into();
    for mode in ["pipe", "pending"] {
        let output = signals(mode, &configuration, &request, CALLS).output().expect("the client");
        assert!(output.status.success(), "{mode}: {}", output.status);
        assert_eq!(text(&output).0.trim(), format!("failed {CALLS}"), "{mode}");
    }
}

#[test]
fn a_call_outlives_interruptions_by_signals() {
    let authority = Authority::new();
    let seen = Arc::new(AtomicUsize::new(0));
    let interruptions = Arc::clone(&seen);
    let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), move |peer| {
        while peer.read().is_some() {
            let before = interruptions.load(Ordering::SeqCst);
            assert!(until(|| interruptions.load(Ordering::SeqCst) >= before + 20));
            if !peer.respond("") {
                break;
            }
        }
        true
    });
    let configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
    let request = request("POST", &server.url("https", "localhost"), "/");

    let mut client = signals("timer", &configuration, &request, 3).stdout(Stdio::piped()).spawn().expect("the client");
    let mut stdout = client.stdout.take().expect("a pipe");
    let mut byte = [0];
    while matches!(stdout.read(&mut byte), Ok(1)) && byte == *b"." {
        seen.fetch_add(1, Ordering::SeqCst);
    }
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("text");
    assert!(client.wait().expect("an end").success(), "{rest}");
    assert!(rest.contains("failed 0"), "{rest}");
    assert_eq!(server.counts.requests(), 3);
}
