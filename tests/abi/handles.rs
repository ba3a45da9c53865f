//! Engines: when `open` gives a new handle, when it gives an earlier one again, and when a handle ends.

#![allow(unsafe_code)]

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use crate::support;
use crate::support::alone;
use crate::support::library::{Frame, Reply, library, open, send};
use crate::support::server::{Authority, Server, configuration, request};

const UNKNOWN_ENGINE: i32 = -3;
const ENGINES: usize = 16;

/// All engines of a process share one table, so these tests run one after another.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn opened(configuration: &Value) -> u64 {
    let (status, handle, head) = open(configuration);
    assert_eq!(status, 0, "{head}");
    handle
}

fn refused(configuration: &Value) -> Value {
    let (status, handle, head) = open(configuration);
    assert_eq!((status, handle), (1, 0), "{head}");
    assert_eq!((&head["version"], &head["warnings"]), (&json!(1), &json!([])));
    head["error"].clone()
}

fn close(handle: u64) -> i32 {
    // SAFETY: a handle is a number.
    unsafe { (library().close)(handle) }
}

fn named(name: &str) -> Value {
    json!({"version": 1, "user_agent": name})
}

fn is_known(handle: u64) -> bool {
    match send(handle, &json!({}), b"", "").status {
        1 => true,
        UNKNOWN_ENGINE => false,
        status => panic!("status {status}"),
    }
}

#[test]
fn handles_count_from_one_and_are_never_used_again() {
    alone::in_own_process("handles_count_from_one_and_are_never_used_again", || {
        assert_eq!(opened(&named("first")), 1);
        let mut seen = HashSet::from([1]);
        for _ in 0..40 {
            let handle = opened(&named("again"));
            assert!(seen.insert(handle), "{handle} was used before");
            assert!(handle <= 1 << 53);
            assert_eq!((close(handle), close(handle)), (0, UNKNOWN_ENGINE));
            assert!(!is_known(handle));
        }
        assert_eq!(opened(&named("first")), 1, "the others came and went, this one stayed");
    });
}

#[test]
fn the_same_configuration_is_the_same_engine() {
    let _turn = turn();
    let raw = |text: &str| {
        let (mut handle, mut frame) = (0, Frame::rubbish());
        // SAFETY: every pointer is to a live value.
        let status = unsafe { (library().open)(text.as_ptr().cast(), text.len(), &mut handle, &mut frame) };
        // SAFETY: as above.
        unsafe { (library().free)(&mut frame) };
        assert_eq!(status, 0);
        handle
    };
    let one = raw(r#"{"version": 1, "user_agent": "same", "limits": {"timeout_ms": 1000, "request_bytes": 10}}"#);
    let two = raw(r#"{"limits":{"request_bytes":10,"timeout_ms":1000},"user_agent":"s\u0061me","version":1}"#);
    assert_eq!(one, two);
    let other = raw(r#"{"version": 1, "user_agent": "same", "limits": {"timeout_ms": 1000, "request_bytes": 11}}"#);
    assert_ne!(one, other);

    let with = |key: Value| opened(&json!({"version": 1, "user_agent": "keys", "master_keys": [key]}));
    let first = with(json!({"id": "a", "provider": "raw", "key_base64": support::encode(&[1; 32])}));
    assert_eq!(with(json!({"id": "a", "provider": "raw", "key_base64": support::encode(&[2; 32])})), first);
    assert_eq!(with(json!({"id": "a"})), first, "material is no part of what makes a configuration");
    assert_ne!(
        with(json!({"provider": "raw", "key_base64": support::encode(&[1; 32])})),
        first,
        "a key without an id is"
    );
    let other = with(json!({"id": "b", "provider": "raw", "key_base64": support::encode(&[1; 32])}));
    assert_ne!(other, first, "and so is the id");
}

#[test]
fn the_least_recently_used_engine_goes() {
    alone::in_own_process("the_least_recently_used_engine_goes", || {
        let handles: Vec<_> = (0..ENGINES).map(|at| opened(&named(&format!("lru {at}")))).collect();
        assert!(handles.iter().all(|handle| is_known(*handle)), "sixteen live side by side");

        assert_eq!(opened(&named("lru 0")), handles[0], "opening again is use");
        assert!(is_known(handles[1]), "sending is use");
        opened(&named("lru 16"));
        assert_eq!(close(handles[2]), UNKNOWN_ENGINE, "so the third was the one to go");
        assert!(handles.iter().all(|handle| is_known(*handle) != (*handle == handles[2])));

        let again = opened(&named("lru 2"));
        assert!(!handles.contains(&again), "a displaced configuration gets a new handle");
    });
}

#[test]
fn a_closed_engine_hangs_up() {
    let _turn = turn();
    let authority = Authority::new();
    let ended = Arc::new(AtomicUsize::new(0));
    let ending = Arc::clone(&ended);
    let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), move |peer| {
        while peer.read().is_some() && peer.respond("") {}
        ending.fetch_add(1, Ordering::SeqCst);
        true
    });
    let engine = opened(&configuration(&authority, &["localhost"], &[server.address.port()]));
    let request = request("GET", &server.url("https", "localhost"), "/");
    assert_eq!(send(engine, &request, b"", "").http_status(), Some(200));
    assert_eq!(ended.load(Ordering::SeqCst), 0, "the connection waits for the next call");
    assert_eq!(close(engine), 0);
    assert!(alone::until(|| ended.load(Ordering::SeqCst) == 1), "no other call is needed for it");
}

const OLD: [u8; 32] = [1; 32];
const NEW: [u8; 32] = [2; 32];

/// A server that counts its requests, and configurations for it with different entries of `master_keys`.
struct Vault {
    authority: Authority,
    server: Server,
}

impl Vault {
    fn new() -> Self {
        let authority = Authority::new();
        let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), |peer| {
            while peer.read().is_some() && peer.respond("") {}
            true
        });
        Self { authority, server }
    }

    fn configuration(&self, name: &str, key: Value) -> Value {
        let mut configuration = configuration(&self.authority, &["localhost"], &[self.server.address.port()]);
        configuration["user_agent"] = name.into();
        configuration["master_keys"] = json!([key]);
        configuration
    }

    fn send_sealed(&self, engine: u64, key: &[u8; 32]) -> Reply {
        let mut request = request("GET", &self.server.url("https", "localhost"), "/");
        request["credentials"] = json!([{"identifier": "token", "type": "bearer"}]);
        let sealed = support::seal(br#"{"token": "t"}"#, "token", key, Algorithm::Aes256Gcm);
        send(engine, &request, b"", &sealed)
    }
}

fn raw(id: &str, key: &[u8]) -> Value {
    json!({"id": id, "provider": "raw", "key_base64": support::encode(key)})
}

#[test]
fn an_id_stands_for_a_key_that_the_process_knows() {
    let _turn = turn();
    let vault = Vault::new();
    let by_id = |name| vault.configuration(name, json!({"id": "known later"}));
    assert_eq!(refused(&by_id("one"))["code"], "credential.key_unavailable");

    let one = opened(&vault.configuration("one", raw("known later", &OLD)));
    assert_eq!(vault.send_sealed(one, &OLD).http_status(), Some(200));
    assert_eq!(opened(&by_id("one")), one);
    let two = opened(&by_id("two"));
    assert_eq!(vault.send_sealed(two, &OLD).http_status(), Some(200), "another engine of the process may name it");

    assert_eq!((close(one), close(two)), (0, 0));
    assert_eq!(refused(&by_id("one"))["code"], "credential.key_unavailable", "no engine has it any more");
}

#[test]
fn new_material_under_an_id_replaces_the_old() {
    let _turn = turn();
    let vault = Vault::new();
    let engine = opened(&vault.configuration("rotation", raw("rotated", &OLD)));
    assert_eq!(opened(&vault.configuration("rotation", raw("rotated", &NEW))), engine);
    assert_eq!(vault.send_sealed(engine, &NEW).http_status(), Some(200));
    let old = vault.send_sealed(engine, &OLD);
    assert_eq!((old.code(), old.sent()), ("credential.authentication_failed", "no"));

    let broken = refused(&vault.configuration("rotation", raw("rotated", b"too short")));
    assert_eq!(broken["code"], "configuration.invalid");
    assert_eq!(vault.send_sealed(engine, &NEW).http_status(), Some(200), "what cannot be used replaces nothing");
    assert_eq!(vault.server.counts.requests(), 2);
}

#[test]
fn of_several_keys_all_are_replaced_or_none() {
    let _turn = turn();
    let vault = Vault::new();
    let with = |first: Value, second: Value| {
        let mut configuration = vault.configuration("several", first);
        configuration["master_keys"].as_array_mut().expect("a list").push(second);
        configuration
    };
    let engine = opened(&with(raw("first", &OLD), raw("second", &[9; 32])));
    refused(&with(raw("first", &NEW), raw("second", b"too short")));
    assert_eq!(vault.send_sealed(engine, &OLD).http_status(), Some(200));
    assert_eq!(vault.send_sealed(engine, &NEW).code(), "credential.authentication_failed");
}

#[test]
fn a_refused_configuration_names_the_key_and_quotes_no_value() {
    let _turn = turn();
    let secret = "c2VjcmV0LXZhbHVl";
    let cases = [
        (json!({"version": 1, "internal_host": [secret]}), Some("internal_host")),
        (json!({"version": 1, "tls": {"root": secret}}), Some("root")),
        (json!({"version": 1, "limits": {"timeout": secret}}), Some("timeout")),
        (json!({"version": 1, "master_keys": [{"provider": "raw", "key": secret}]}), Some("key")),
        (json!({"user_agent": secret}), Some("version")),
        (json!({"version": secret}), None),
        (json!({"version": 1, "http_versions": [secret]}), None),
        (json!({"version": 1, "tls": {"roots": secret}}), None),
        (json!({"version": 1, "master_keys": [{"provider": secret}]}), None),
        (json!({"version": 1, "master_keys": [{"provider": "raw", "key_base64": secret}]}), None),
        (json!({"version": 1, "proxy": {"url": format!("socks5://user:{secret}@proxy")}}), None),
        (json!({"version": 1, "internal_hosts": [{"host": secret, "networks": [secret], "ports": [1]}]}), None),
        (json!(secret), None),
    ];
    for (configuration, key) in cases {
        let error = refused(&configuration);
        let message = error["message"].as_str().expect("a message");
        assert_eq!((&error["code"], &error["class"]), (&json!("configuration.invalid"), &json!("configuration")));
        assert_eq!((&error["sent"], &error["retryable"]), (&json!("no"), &json!(false)));
        assert!(!message.contains(secret), "{message}");
        assert!(key.is_none_or(|key| message.contains(&format!("`{key}`"))), "{message}");
        let is_known = key.is_none_or(|key| key == "version");
        assert!(is_known || message.contains(", expected "), "the keys that there are: {message}");
    }
}
