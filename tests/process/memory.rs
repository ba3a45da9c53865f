//! What remains of a credential in the process that sent it. `php/tests/Preload/MemoryTest.php` tests the same with a php-fpm
//! worker for every placement and every failure; here are a host in Rust, forks, limits and panics.

#![allow(unsafe_code)]

use std::fs;
use std::process::Command;

use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use crate::support::library::{check, end, head, open, read, send, start, wait};
use crate::support::memory::{Canaries, Copy, in_core, in_process};
use crate::support::oauth::{Site, sealed, token};
use crate::support::server::{Authority, Server, configuration, request};
use crate::support::{self, alone, library};

const KEY: [u8; 32] = [1; 32];
/// What reading an exchange gives behind the last byte.
const END: i32 = 3;
const NOBODY: libc::uid_t = 65534;

fn is_kept_key(copy: &Copy) -> bool {
    copy.secret == "key" && copy.locked
}

/// Sends the requests of its task and searches its memory after each call. At the end it plants a secret, which must be found.
fn sender(task: &Value) {
    let canaries = task["canaries"].as_str().expect("a path");
    let (_, engine, _) = open(&task["configuration"]);
    let mut counted = Vec::new();
    for request in task["requests"].as_array().expect("requests") {
        let reply = send(engine, request, b"", task["sealed"].as_str().expect("an envelope"));
        assert_eq!(reply.http_status(), Some(200), "{reply:?}");
        let found = in_process(std::process::id(), canaries);
        assert_eq!(found.iter().filter(|copy| is_kept_key(copy)).count(), 1, "the key is there, and locked: {found:?}");
        counted.push(found.iter().filter(|copy| !is_kept_key(copy)).count());
    }
    let core = in_core(std::process::id(), canaries);
    println!("copies: {counted:?}, in the core: {core:?}");
    let last = counted.pop().expect("a call");
    assert!(counted.iter().all(|copies| *copies <= 1), "{counted:?} while the connection is open");
    assert_eq!((last, core.len()), (0, 0), "the connection is closed: {core:?}");
    let planted = support::base64(&fs::read_to_string(task["planted"].as_str().expect("a path")).expect("a file"));
    assert_eq!(in_process(std::process::id(), canaries).iter().filter(|copy| !is_kept_key(copy)).count(), 1);
    assert_eq!(in_core(std::process::id(), canaries).len(), 1, "what is there is found");
    drop(std::hint::black_box(planted));
}

#[test]
fn nothing_remains_of_a_token_once_its_connection_is_closed() {
    if let Some(task) = alone::task() {
        return sender(&task);
    }
    let authority = Authority::new();
    let canaries = Canaries::make(authority.directory(), &["token", "planted", "KEY:key"]);
    let expected = format!("Bearer {}", canaries.text("token"));
    let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), move |peer| {
        while let Some(received) = peer.read() {
            assert_eq!(received.header("authorization"), Some(expected.as_str()));
            let close = if received.line().contains("/last") { "connection: close\r\n" } else { "" };
            peer.write(format!("HTTP/1.1 200 OK\r\n{close}content-length: 2\r\n\r\nok"));
            if !close.is_empty() {
                break;
            }
        }
        true
    });
    let key: [u8; 32] = canaries.get("key").try_into().expect("32 bytes");
    let key_file = authority.directory().join("vault.key");
    fs::write(&key_file, support::encode(&key)).expect("a file");
    let mut configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
    configuration["master_keys"] = json!([{"provider": "file", "path": key_file}]);
    let requests = ["/first", "/second", "/last"].map(|path| {
        let mut request = request("GET", &server.url("https", "localhost"), path);
        request["credentials"] = json!([{"identifier": "my_api_key", "type": "bearer"}]);
        request
    });
    let payload = json!({"token": canaries.text("token")}).to_string();
    let sealed = support::seal(payload.as_bytes(), "my_api_key", &key, Algorithm::XChaCha20Poly1305);
    let planted = authority.directory().join("planted");
    fs::write(&planted, support::encode(&canaries.get("planted"))).expect("a file");
    let task = json!({
        "configuration": configuration, "requests": requests, "sealed": sealed, "canaries": canaries.file, "planted": planted,
    });
    let output = alone::run("nothing_remains_of_a_token_once_its_connection_is_closed", &task);
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

/// Has envelopes checked, and searches its memory after each check. At the end it plants a secret, which must be found.
fn checker(task: &Value) {
    let canaries = task["canaries"].as_str().expect("a path");
    let (_, engine, _) = open(&task["configuration"]);
    for (kind, code) in [("bearer", None), ("basic", Some("credential.payload_invalid"))] {
        let request = json!({
            "version": 1, "service_id": "crm", "method": "GET", "base_url": "https://api.example.com",
            "credentials": [{"identifier": "my_api_key", "type": kind}], "policy": {"allowed_methods": ["GET"]},
        });
        assert_eq!(check(engine, &request, task["sealed"].as_str().expect("an envelope")).1.as_deref(), code);
        let found = in_process(std::process::id(), canaries);
        assert!(matches!(found.as_slice(), [copy] if is_kept_key(copy)), "{found:?}");
    }
    assert_eq!(in_core(std::process::id(), canaries).len(), 0);
    let planted = support::base64(&fs::read_to_string(task["planted"].as_str().expect("a path")).expect("a file"));
    assert_eq!(in_process(std::process::id(), canaries).len(), 2, "what is there is found");
    drop(std::hint::black_box(planted));
}

#[test]
fn nothing_remains_of_an_envelope_that_was_only_looked_at() {
    if let Some(task) = alone::task() {
        return checker(&task);
    }
    let directory = Authority::new();
    let canaries = Canaries::make(directory.directory(), &["token", "planted", "KEY:key"]);
    let key: [u8; 32] = canaries.get("key").try_into().expect("32 bytes");
    let (key_file, planted) = (directory.directory().join("vault.key"), directory.directory().join("planted"));
    fs::write(&key_file, support::encode(&key)).expect("a file");
    fs::write(&planted, support::encode(&canaries.get("planted"))).expect("a file");
    let payload = json!({"token": canaries.text("token")}).to_string();
    let task = json!({
        "configuration": {"version": 1, "master_keys": [{"provider": "file", "path": key_file}]},
        "sealed": support::seal(payload.as_bytes(), "my_api_key", &key, Algorithm::XChaCha20Poly1305),
        "canaries": canaries.file, "planted": planted,
    });
    alone::run("nothing_remains_of_an_envelope_that_was_only_looked_at", &task);
}

/// Makes a call with a token that the library fetches, and searches its memory while the token is in the cache, and after the
/// engine is closed.
fn holder(task: &Value) {
    let canaries = task["canaries"].as_str().expect("a path");
    let (_, engine, _) = open(&task["configuration"]);
    let sealed = task["sealed"].as_str().expect("an envelope");
    match task["in_pieces"].as_bool() {
        Some(true) => {
            let (status, exchange, refusal) = start(engine, &task["request"], b"", sealed, false);
            assert_eq!((status, refusal), (0, Value::Null));
            while wait(&[exchange], 100).1 != [1] || head(exchange).0 != 0 {}
            while read(exchange, 100).0 != END {
                assert_eq!(wait(&[exchange], 100).0, 0);
            }
            assert_eq!(end(exchange).0, 0);
        }
        _ => assert_eq!(send(engine, &task["request"], b"", sealed).http_status(), Some(200)),
    }
    let cached = in_process(std::process::id(), canaries);
    assert!(matches!(cached.as_slice(), [copy] if copy.secret == "token" && copy.locked), "{cached:?}");
    assert_eq!(in_core(std::process::id(), canaries).len(), 0);
    // SAFETY: a handle is a number.
    assert_eq!(unsafe { (library::library().close)(engine) }, 0);
    assert_eq!(in_process(std::process::id(), canaries).len(), 0, "the engine is closed");
}

/// Both servers end their connections, because the buffers of an open connection may hold a copy.
#[test]
fn of_a_fetched_token_the_cache_alone_has_a_copy() {
    if let Some(task) = alone::task() {
        return holder(&task);
    }
    let directory = Authority::new();
    let canaries = Canaries::make(directory.directory(), &["client secret", "token"]);
    let granted = canaries.text("token");
    let site = Site::closing(move |_, _| token(granted.clone()));
    let mut payload = site.payload();
    payload["client_secret"] = json!(canaries.text("client secret"));
    for (auth, in_pieces) in [("body", false), ("basic", false), ("body", true), ("basic", true)] {
        payload["client_auth"] = json!(auth);
        let task = json!({
            "configuration": site.configuration, "request": site.request("GET"), "sealed": sealed(&payload),
            "canaries": canaries.file, "in_pieces": in_pieces,
        });
        alone::run("of_a_fetched_token_the_cache_alone_has_a_copy", &task);
    }
    assert_eq!(site.asked(), 4, "each process asked once");
}

/// Opens a configuration, drops its own copies, which this binary's allocator wipes, and searches its memory.
fn opener(task: &Value) {
    let canaries = task["canaries"].as_str().expect("a path");
    let document = fs::read(task["configuration"].as_str().expect("a path")).expect("a file");
    let configuration: Value = serde_json::from_slice(&document).expect("JSON");
    drop(document);
    let (status, _, head) = open(&configuration);
    assert_eq!((status, codes(&head)), (0, vec![]), "{head}");
    drop(configuration);
    let found = in_process(std::process::id(), canaries);
    for secret in ["key", "encryption key", "proxy's password"] {
        assert!(found.iter().any(|copy| copy.secret == secret), "{secret} stays, for later calls: {found:?}");
    }
    assert!(found.iter().all(|copy| copy.locked), "{found:?}");
    assert_eq!(in_core(std::process::id(), canaries).len(), 0);
}

#[test]
fn what_stays_of_a_configuration_is_locked() {
    if let Some(task) = alone::task() {
        return opener(&task);
    }
    let directory = Authority::new();
    let canaries = Canaries::make(directory.directory(), &["KEY:key", "encryption key", "proxy's password"]);
    let password =
        percent_encoding::utf8_percent_encode(&canaries.text("proxy's password"), percent_encoding::NON_ALPHANUMERIC)
            .to_string();
    let configuration = json!({
        "version": 1,
        "master_keys": [
            {"id": "given", "provider": "raw", "key_base64": support::encode(&canaries.get("key"))},
            {"provider": "typo3", "encryption_key": canaries.text("encryption key")},
        ],
        "proxy": {"url": format!("http://user:{password}@127.0.0.1:3128")},
    });
    let file = directory.directory().join("configuration.json");
    fs::write(&file, configuration.to_string()).expect("a file");
    let task = json!({"configuration": file, "canaries": canaries.file});
    alone::run("what_stays_of_a_configuration_is_locked", &task);
}

/// The calls are made in a real php-fpm worker, with this build's library.
#[cfg(feature = "test-hooks")]
#[test]
fn nothing_remains_after_a_panic() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/php/tests/Support/Memory/panic.php");
    let output = Command::new("php").arg(script).env("SECURE_OUTBOUND_LIBRARY", library::path()).output().expect("php");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}{}", text(&output.stdout), text(&output.stderr)));
    let panicked = "internal.panic";
    assert_eq!(report["outcomes"], json!({"warm": 201, "closed": panicked, "open": panicked, "after": 201}));
    assert_eq!(report["hung up"], json!({"plain": "connect.refused"}));
    let kept = |copy: &&Value| copy["secret"] == "master key" && copy["locked"] == true;
    let memory = report["memory"].as_array().expect("copies");
    assert_eq!((memory.len(), memory.iter().filter(kept).count()), (1, 1), "{report:#}");
    assert_eq!((&report["core"], &report["texts"]), (&json!([]), &json!([])));
}

fn codes(head: &Value) -> Vec<&str> {
    let warnings = head["warnings"].as_array().expect("warnings");
    warnings.iter().filter_map(|warning| warning["code"].as_str()).collect()
}

#[test]
fn keys_that_cannot_be_locked_are_a_warning() {
    let raw = |key: u8| json!([{"provider": "raw", "key_base64": support::encode(&[key; 32])}]);
    if let Some(task) = alone::task() {
        let (status, _, head) = open(&json!({"version": 1, "master_keys": raw(1)}));
        assert_eq!((status, codes(&head)), (0, vec![]), "inside the limit");
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: changes only this process. The limit does not apply to root, so the process gives up being root.
        assert!(unsafe {
            libc::setrlimit(libc::RLIMIT_MEMLOCK, &none) == 0 && (libc::geteuid() != 0 || libc::setuid(NOBODY) == 0)
        });
        let mut configuration = task["configuration"].clone();
        configuration["master_keys"] = raw(KEY[0]);
        configuration["user_agent"] = json!("another engine");
        let (status, engine, head) = open(&configuration);
        assert_eq!((status, codes(&head)), (0, vec!["memory.not_locked"]), "{head}");
        let reply = send(engine, &task["request"], b"", task["sealed"].as_str().expect("an envelope"));
        assert_eq!(reply.http_status(), Some(200), "{reply:?}");
        return;
    }
    let authority = Authority::new();
    let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), |peer| {
        while peer.read().is_some() && peer.respond("hello") {}
        true
    });
    let mut request = request("GET", &server.url("https", "localhost"), "/");
    request["credentials"] = json!([{"identifier": "my_api_key", "type": "bearer"}]);
    let task = json!({
        "configuration": configuration(&authority, &["localhost"], &[server.address.port()]),
        "request": request,
        "sealed": support::seal(br#"{"token": "s3cr3t"}"#, "my_api_key", &KEY, Algorithm::Aes256Gcm),
    });
    alone::run("keys_that_cannot_be_locked_are_a_warning", &task);
}

/// Bytes of this process's pages that are locked and left out of core dumps.
fn locked_bytes() -> usize {
    let maps = fs::read_to_string("/proc/self/smaps").expect("this process's memory");
    let (mut size, mut locked) = (0, 0);
    for line in maps.lines() {
        if let Some(kilobytes) = line.strip_prefix("Size:").and_then(|rest| rest.trim().strip_suffix(" kB")) {
            size = kilobytes.trim().parse::<usize>().expect("a size") * 1024;
        } else if let Some(flags) = line.strip_prefix("VmFlags:") {
            let flags: Vec<&str> = flags.split_whitespace().collect();
            locked += if flags.contains(&"lo") && flags.contains(&"dd") { size } else { 0 };
        }
    }
    locked
}

#[test]
fn a_forked_child_locks_the_keys_again() {
    alone::in_own_process("a_forked_child_locks_the_keys_again", || {
        assert_eq!(locked_bytes(), 0);
        let key = json!({"id": "one", "provider": "raw", "key_base64": support::encode(&KEY)});
        let (_, engine, _) = open(&json!({"version": 1, "master_keys": [key]}));
        let parents = locked_bytes();
        assert!(parents > 0, "the parent's");
        assert!(alone::in_child(|| {
            assert_eq!(locked_bytes(), 0, "a fork keeps no locks");
            let reply = send(engine, &json!({}), b"", "");
            assert_eq!(reply.code(), "invalid_request.malformed", "{reply:?}");
            assert_eq!(locked_bytes(), parents, "after the first call");
        }));
        assert_eq!(locked_bytes(), parents);
    });
}
