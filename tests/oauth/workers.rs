//! Engines that share their tokens through a directory, as the workers of a host do: a token that one renews is used by all.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use secure_outbound::oauth::{SlotId, Store, StoredToken};
use secure_outbound::secret::Secret;
use serde_json::{Value, json};

use crate::support;
use crate::support::alone::{self, listen, say};
use crate::support::library::{Reply, open, send};
use crate::support::oauth::{Gate, Site, nth, requests, sealed, token};

fn directory(authority: &support::server::Authority) -> PathBuf {
    let directory = authority.directory().join("tokens");
    fs::create_dir(&directory).expect("a directory");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).expect("a mode");
    directory
}

/// A site, and the configuration of the engines that share a directory.
fn sharing(
    response: impl Fn(usize) -> String + Send + Sync + 'static,
    accepts: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> (Site, Value) {
    let site = Site::with(|_| {}, move |n, _| response(n), accepts);
    let mut configuration = site.configuration.clone();
    configuration["token_cache"] = json!({"directory": directory(&site.authority)});
    (site, configuration)
}

/// What another process does: it says "ready", and for each line that it reads it makes this call and says its status, or its code.
pub fn call_for_each_line(engine: u64, request: &Value, sealed: &str) {
    say("ready");
    while listen() {
        let reply = send(engine, request, b"", sealed);
        say(&reply.http_status().map_or_else(|| reply.code().to_owned(), |status| status.to_string()));
    }
}

/// An engine that shares only the directory with the others.
fn worker(configuration: &Value, name: &str) -> u64 {
    let mut configuration = configuration.clone();
    configuration["user_agent"] = json!(name);
    let (status, engine, head) = open(&configuration);
    assert_eq!(status, 0, "{head}");
    engine
}

fn get(site: &Site, engine: u64) -> Reply {
    send(engine, &site.request("GET"), b"", &sealed(&site.payload()))
}

fn path(configuration: &Value) -> PathBuf {
    configuration["token_cache"]["directory"].as_str().expect("a path").into()
}

fn slot(site: &Site) -> SlotId {
    SlotId::new("an_id", sealed(&site.payload()).as_bytes())
}

#[test]
fn a_renewal_of_another_worker_is_found() {
    let valid = Arc::new(AtomicUsize::new(0));
    let (site, configuration) = {
        let valid = Arc::clone(&valid);
        sharing(|n| token(nth(n)), move |token| token == nth(valid.load(Ordering::SeqCst)))
    };
    let (one, other) = (worker(&configuration, "one"), worker(&configuration, "other"));
    assert_eq!([get(&site, one).body, get(&site, other).body], [b"token-0", b"token-0"]);
    assert_eq!(site.asked(), 1);

    valid.store(1, Ordering::SeqCst);
    let (renews, finds) = (get(&site, one), get(&site, other));
    assert_eq!((renews.body.as_slice(), requests(&renews)), (&b"token-1"[..], 1));
    assert_eq!((finds.body.as_slice(), requests(&finds)), (&b"token-1"[..], 0), "{}", finds.head);
    assert_eq!([&renews, &finds].map(|reply| &reply.head["audit"]["attempts"]), [&json!(2), &json!(2)]);
    assert_eq!(site.asked(), 2);
}

/// The token in the directory is due for renewal, and valid for another minute.
#[test]
fn a_token_is_renewed_while_it_still_serves() {
    let gate = Gate::default();
    let (site, configuration) = {
        let gate = gate.clone();
        let response = move |n| {
            gate.pass();
            token(nth(n))
        };
        sharing(response, |_| true)
    };
    let now = Timestamp::now().as_second() as u64;
    let due = StoredToken { token: Secret::new(b"due".to_vec()), issued_at: now - 36_000, expires_at: now + 59 };
    let store = Store::new(path(&configuration));
    let lease = store.try_lease(&slot(&site)).expect("a directory").expect("nobody has it");
    store.write(&lease, &due, &[support::master_key(&[7; 32])]).expect("writes");
    drop(lease);

    let engine = worker(&configuration, "worker");
    // The renewal goes on during calls only, and no call waits for it.
    let mut counted = 0;
    assert!(alone::until(|| {
        let reply = get(&site, engine);
        counted += requests(&reply);
        assert_eq!(reply.body, b"due");
        site.asked() == 1
    }));
    gate.open();
    assert!(alone::until(|| {
        let reply = get(&site, engine);
        counted += requests(&reply);
        assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
        reply.body == b"token-0"
    }));
    assert_eq!((site.asked(), counted), (1, 1));
    let found = get(&site, worker(&configuration, "another"));
    assert_eq!((found.body.as_slice(), requests(&found), site.asked()), (&b"token-0"[..], 0, 1));
}

#[test]
fn whoever_pauses_does_not_keep_the_others() {
    let gate = Gate::default();
    let (site, configuration) = {
        let gate = gate.clone();
        let response = move |n| {
            if n == 0 {
                gate.pass();
            }
            token(nth(n))
        };
        sharing(response, |_| true)
    };
    let mut request = site.request("GET");
    request["timeout_ms"] = json!(300);
    let left = send(worker(&configuration, "leaves"), &request, b"", &sealed(&site.payload()));
    assert_eq!(left.code(), "timeout.total");
    // The paused renewal may take another 29 seconds, which is longer than this call waits.
    request["timeout_ms"] = json!(15_000);
    let reply = send(worker(&configuration, "stays"), &request, b"", &sealed(&site.payload()));
    assert_eq!((reply.body.as_slice(), site.asked()), (&b"token-1"[..], 2), "{}", reply.head);
    gate.open();
}

#[test]
fn a_directory_that_cannot_be_used_shares_nothing_and_stops_nobody() {
    let (site, configuration) = sharing(|n| token(nth(n)), |_| true);
    fs::set_permissions(path(&configuration), fs::Permissions::from_mode(0o777)).expect("a mode");
    for n in 0..2 {
        let reply = get(&site, worker(&configuration, &nth(n)));
        assert_eq!((reply.body, site.asked()), (nth(n).into_bytes(), n + 1));
    }
}
