//! A host in C makes many calls, of which some fail, whole and as exchanges. The memory and the descriptors of the process do not grow, and no invalid
//! memory is accessed.
//!
//! `make test` makes some thousands of calls, and some more under Valgrind. `make hardening` makes more of them
//! (`SECURE_OUTBOUND_CALLS`), with a library that is built with AddressSanitizer (`SECURE_OUTBOUND_SANITIZED`).

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};

use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use crate::c_host::compile;
use crate::support;
use crate::support::coding;
use crate::support::h2::{self, Connection};
use crate::support::server::{Authority, Peer, Server, configuration, request};

const KEY: [u8; 32] = [7; 32];
const THREADS: usize = 4;
const WARM: usize = 2_000;
const CALLS: usize = 8_000;
/// By how many KiB the resident memory may differ between the two measurements.
const NOISE: i64 = 1_024;
/// Descriptors that may come and go: each of the threads may have a connection to each of the servers.
const CONNECTIONS: i64 = (THREADS * 4) as i64;

/// Servers, and the calls that a host makes of them.
struct Upstream {
    authority: Authority,
    _servers: [Server; 4],
    tasks: PathBuf,
}

impl Upstream {
    fn new() -> Self {
        let authority = Authority::new();
        let http1 = |handler| Server::start(Some(authority.server(&["localhost"], &[], |_| {})), handler);
        let http2 =
            |handler| Server::start(Some(authority.server(&["localhost"], &[b"h2"], |_| {})), h2::over(handler));
        let servers =
            [http1(respond as fn(&mut Peer<'_>) -> bool), http1(end_early), http2(respond2 as Handler2), http2(reset)];
        let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();

        let ports: Vec<_> = servers.iter().map(|server| server.address.port()).chain([closed]).collect();
        let mut one = configuration(&authority, &["localhost"], &ports);
        one["master_keys"] = json!([{"id": "own", "provider": "raw", "key_base64": support::encode(&KEY)}]);
        let mut other = one.clone();
        other["user_agent"] = "the other engine".into();

        let urls: Vec<_> = ports.iter().map(|port| format!("https://localhost:{port}")).collect();
        let mut lines = format!("engine\t{one}\nengine\t{other}\n");
        for (number, (status, request, body, sealed)) in calls(&urls).into_iter().enumerate() {
            lines += &format!("call\t{status}\t{}\t{request}\t{body}\t{sealed}\n", number % 2);
        }
        let tasks = authority.directory().join("tasks");
        std::fs::write(&tasks, lines).expect("a file");
        Self { authority, _servers: servers, tasks }
    }

    /// Runs tests/c/calls.c.
    fn run(&self, tool: &Tool, threads: usize, warm: usize, calls: usize, mode: &str) -> Output {
        let program = compile("calls.c", self.authority.directory(), tool.flags);
        let mut line = tool.wrapper.iter().map(Into::into).chain([program.into_os_string()]);
        Command::new(line.next().expect("a program"))
            .args(line)
            .arg(&self.tasks)
            .args([threads, warm, calls].map(|number| number.to_string()))
            .arg(mode)
            .output()
            .expect("the host")
    }

    /// KiB of memory, descriptors and threads of the host, after the first calls and at the end, as it reports them.
    fn held(&self, warm: usize, calls: usize, mode: &str) -> [Vec<i64>; 2] {
        let output = self.run(&Tool::none(), THREADS, warm, calls, mode);
        let (stdout, stderr) = text(&output);
        assert!(output.status.success(), "{}\n{stderr}", output.status);
        println!("{mode}: KiB, descriptors, threads after {warm} and {calls} calls:\n{stdout}");
        let lines: Vec<Vec<_>> = stdout
            .lines()
            .map(|line| line.split(' ').map(|number| number.parse().expect("a number")).collect())
            .collect();
        lines.try_into().expect("two lines")
    }
}

type Handler2 = fn(&mut Connection<'_, '_>) -> bool;

/// The status that `send` returns, the request, its body and its envelope, for every outcome of a call except deadlines, and
/// except panics, whose payload is not freed, by design.
fn calls(urls: &[String]) -> Vec<(i32, String, String, String)> {
    let [http1, early, http2, reset, closed] = urls else { panic!("five servers") };
    let sealed = support::seal(br#"{"token": "t"}"#, "token", &KEY, Algorithm::Aes256Gcm);
    let tampered = support::seal(br#"{"token": "t"}"#, "token", &[8; 32], Algorithm::Aes256Gcm);
    let post = |url: &String, change: fn(&mut Value)| {
        let mut request = request("POST", url, "/");
        request["credentials"] = json!([{"identifier": "token", "type": "bearer"}]);
        change(&mut request);
        request.to_string()
    };
    let body = "b".repeat(2_000);
    let mut calls = Vec::new();
    for (good, bad) in [(http1, early), (http2, reset)] {
        calls.extend([
            (0, post(good, |_| {}), body.clone(), sealed.clone()),
            (0, request("GET", good, "/").to_string(), String::new(), String::new()),
            (1, post(good, |request| request["path"] = "/a/../b".into()), body.clone(), sealed.clone()),
            (1, post(good, |_| {}), body.clone(), tampered.clone()),
            (1, post(good, |request| request["policy"]["response_bytes"] = 10.into()), String::new(), sealed.clone()),
            (1, post(bad, |_| {}), body.clone(), sealed.clone()),
        ]);
    }
    calls.push((1, post(closed, |_| {}), String::new(), sealed.clone()));
    calls.push((1, "no document".to_owned(), String::new(), String::new()));
    calls
}

fn respond(peer: &mut Peer<'_>) -> bool {
    let body = coding::encode("gzip", &[b'a'; 5_000]);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
    while peer.read().is_some() && peer.write([head.as_bytes(), &body].concat()) {}
    true
}

fn end_early(peer: &mut Peer<'_>) -> bool {
    let _ = peer.read().is_some() && peer.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    false
}

fn respond2(connection: &mut Connection<'_, '_>) -> bool {
    let body = "a".repeat(5_000);
    take_anything(connection);
    while connection.request().is_some_and(|stream| connection.respond(stream, &body)) {}
    true
}

fn reset(connection: &mut Connection<'_, '_>) -> bool {
    take_anything(connection);
    while connection.request().is_some_and(|stream| connection.rst(stream, h2::INTERNAL_ERROR)) {}
    true
}

/// Opens a flow-control window that is large enough for all requests on the connection.
fn take_anything(connection: &mut Connection<'_, '_>) {
    connection.frame(h2::WINDOW_UPDATE, 0, 0, &1_000_000_000_u32.to_be_bytes());
}

/// A tool that finds errors of memory in the host.
struct Tool {
    wrapper: &'static [&'static str],
    flags: &'static [&'static str],
    /// How many calls the host can make with the tool in a reasonable time.
    calls: usize,
}

impl Tool {
    fn none() -> Self {
        Self { wrapper: &[], flags: &[], calls: 0 }
    }

    /// AddressSanitizer where the library is built for it, else Valgrind. Either ends the host with code 99.
    fn of_this_run() -> Self {
        match std::env::var_os("SECURE_OUTBOUND_SANITIZED") {
            Some(_) => Self {
                wrapper: &["env", "ASAN_OPTIONS=exitcode=99:detect_leaks=1"],
                flags: &["-fsanitize=address"],
                calls: wanted(10_000),
            },
            None => Self {
                wrapper: &[
                    "valgrind",
                    "--quiet",
                    "--error-exitcode=99",
                    "--leak-check=full",
                    "--errors-for-leak-kinds=definite,indirect",
                    "--show-leak-kinds=definite,indirect",
                ],
                flags: &[],
                calls: wanted(60),
            },
        }
    }
}

/// The number of calls from the environment, or else this one.
fn wanted(default: usize) -> usize {
    std::env::var("SECURE_OUTBOUND_CALLS").map_or(default, |text| text.parse().expect("a number of calls"))
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_the_process_holds_does_not_grow() {
    let [warm, end] = Upstream::new().held(WARM, wanted(CALLS), "well");
    assert!(end[0] - warm[0] < NOISE, "resident memory grew from {} to {} KiB", warm[0], end[0]);
    assert!(end[1] - warm[1] <= CONNECTIONS, "{} descriptors were open, {} are", warm[1], end[1]);
    assert_eq!((warm[2], end[2]), (1, 1), "threads");
}

/// Shows that the test above can fail: here the host frees no result, or ends no exchange.
#[test]
fn what_is_kept_is_seen_to_grow() {
    for mode in ["keep", "open"] {
        let [warm, end] = Upstream::new().held(200, 1_000, mode);
        assert!(end[0] - warm[0] >= NOISE, "{mode}: {} KiB and {} KiB", warm[0], end[0]);
    }
}

#[test]
fn no_call_touches_memory_that_is_not_its_own() {
    let tool = Tool::of_this_run();
    let output = Upstream::new().run(&tool, THREADS, 0, tool.calls, "well");
    let (stdout, stderr) = text(&output);
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    assert_eq!(stdout.lines().count(), 2, "{stdout}");
}

/// Shows that the tool of the test above finds errors: in the host's own code, and in what the host passes to the library.
#[test]
fn a_result_that_is_read_once_freed_and_a_length_that_is_too_long_are_found() {
    let tool = Tool::of_this_run();
    let upstream = Upstream::new();
    for (mode, wrong) in [("after", "let_go"), ("beyond", "secure_outbound_send")] {
        let output = upstream.run(&tool, 1, 0, 2, mode);
        let (stdout, stderr) = text(&output);
        assert_eq!(output.status.code(), Some(99), "{mode}: {stdout}\n{stderr}");
        let found = ["Invalid read of size 1", "heap-use-after-free", "heap-buffer-overflow"];
        assert!(found.iter().any(|found| stderr.contains(found)), "{mode}: {stderr}");
        assert!(stderr.contains(wrong), "{mode}: {stderr}");
    }
}
