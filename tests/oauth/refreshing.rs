//! Refresh tokens: what is sent, what is kept, what is told, and that nothing is lost.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use secure_outbound::envelope::aead::Algorithm;
use secure_outbound::oauth::{Record, RefreshStore, SlotId, StoredToken};
use secure_outbound::secret::Secret;
use serde_json::{Value, json};

use crate::support;
use crate::support::alone;
use crate::support::library::{self, Reply, open, send};
use crate::support::oauth::{Gate, Rotation, Site, requests, response};
use crate::support::server::Received;

const KEY: [u8; 32] = [7; 32];
const NEXT_KEY: [u8; 32] = [8; 32];

/// A directory of this test's own, removed at its end.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("refresh-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&path).expect("a directory");
        set_mode(&path, 0o700);
        Self(path)
    }

    /// The files whose names end so.
    pub fn files(&self, extension: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.0).expect("lists").flatten().map(|entry| entry.path());
        files.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
    }

    fn file(&self) -> PathBuf {
        let files = self.files("refresh");
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    /// The refresh token that is kept, opened with this key.
    pub fn kept(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        let slot = SlotId::from_hex(self.file().file_stem()?.to_str()?)?;
        match RefreshStore::new(self.0.clone()).read(&slot, &[support::master_key(key)]).ok()?? {
            Record::Serves { refresh, .. } => Some(refresh.expose().to_vec()),
            Record::Refused => Some(b"refused".to_vec()),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

/// A site whose credential is a refresh token, and the directory in which it is kept.
struct Refreshing {
    scratch: Scratch,
    site: Site,
}

impl Refreshing {
    fn new(
        answer: impl Fn(usize, &Received) -> String + Send + Sync + 'static,
        accepts: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        let scratch = Scratch::new();
        let directory = scratch.0.clone();
        let site = Site::with(|document| document["refresh_tokens"] = json!({"directory": directory}), answer, accepts);
        Self { scratch, site }
    }

    fn rotating(rotation: &Rotation) -> Self {
        let rotation = rotation.clone();
        Self::new(move |_, received| rotation.answer(received), |_| true)
    }

    fn payload(&self) -> Value {
        let mut payload = self.site.payload();
        payload["refresh_token"] = json!("refresh-0");
        payload["binding"] = json!({"hosts": self.hosts()});
        payload
    }

    fn hosts(&self) -> [String; 2] {
        [&self.site.endpoint, &self.site.api].map(|server| format!("localhost:{}", server.address.port()))
    }

    fn request(&self) -> Value {
        let mut request = self.site.request("GET");
        request["credentials"][0]["type"] = json!("oauth2_refresh_token");
        request
    }

    /// An engine that shares nothing with the others, as another process.
    fn process(&self, name: &str, change: impl FnOnce(&mut Value)) -> Process {
        let mut configuration = self.site.configuration.clone();
        configuration["user_agent"] = json!(name);
        change(&mut configuration);
        let (status, engine, head) = open(&configuration);
        assert_eq!(status, 0, "{head}");
        Process(engine)
    }

    fn get(&self) -> Reply {
        send(self.site.engine, &self.request(), b"", &sealed(&self.payload(), &KEY))
    }

    fn get_by(&self, process: &Process, payload: &Value) -> Reply {
        send(process.0, &self.request(), b"", &sealed(payload, &KEY))
    }

    /// The same in a process of this name alone.
    fn get_in(&self, name: &str, payload: &Value) -> Reply {
        self.get_by(&self.process(name, |_| {}), payload)
    }
}

/// An engine that shares nothing with the others but the directory. A process has only so many.
struct Process(u64);

impl Drop for Process {
    fn drop(&mut self) {
        library::close(self.0);
    }
}

fn sealed(payload: &Value, key: &[u8; 32]) -> String {
    support::seal(payload.to_string().as_bytes(), "an_id", key, Algorithm::Aes256Gcm)
}

fn keys(keys: &[[u8; 32]]) -> Value {
    keys.iter().map(|key| json!({"provider": "raw", "key_base64": support::encode(key)})).collect()
}

fn body(reply: &Reply) -> &str {
    assert_eq!(reply.status, 0, "{}", reply.head);
    std::str::from_utf8(&reply.body).expect("text")
}

#[test]
fn a_refresh_token_is_exchanged_and_the_next_one_kept() {
    let rotation = Rotation::default();
    let refreshing = Refreshing::rotating(&rotation);
    let reply = refreshing.get();
    assert_eq!((body(&reply), requests(&reply)), ("access-1", 1), "{}", reply.head);
    let received = refreshing.site.endpoint.counts.last();
    assert_eq!(
        String::from_utf8_lossy(&received.body),
        "grant_type=refresh_token&refresh_token=refresh-0&client_id=client&client_secret=s3cr3t"
    );
    assert_eq!(body(&refreshing.get()), "access-1");

    // Another process finds what this one was given.
    let another = refreshing.get_in("another", &refreshing.payload());
    assert_eq!((body(&another), requests(&another), rotation.times()), ("access-1", 0, Some(1)));
    assert_eq!(refreshing.scratch.kept(&KEY).as_deref(), Some(&b"refresh-1"[..]));
    let file = refreshing.scratch.file();
    assert_eq!(fs::metadata(&file).expect("a file").mode() & 0o777, 0o600);
    let contents = fs::read(file).expect("a file");
    for secret in [&b"refresh-1"[..], b"access-1", b"refresh-0", b"client"] {
        assert!(!contents.windows(secret.len()).any(|window| window == secret));
    }
    assert!(refreshing.scratch.files("new").is_empty());
}

#[test]
fn the_client_authenticates_as_it_is_sealed() {
    let refreshing = Refreshing::new(|_, _| response("400 Bad Request", &json!({"error": "invalid_client"})), |_| true);
    let mut public = refreshing.payload();
    public["client_auth"] = json!("none");
    public["scopes"] = json!(["mail", "calendar"]);
    let secret = public.as_object_mut().and_then(|payload| payload.remove("client_secret"));
    assert!(secret.is_some());
    let reply = refreshing.get_in("public", &public);
    assert_eq!(reply.code(), "oauth.token_endpoint_rejected", "{}", reply.head);
    let form = "grant_type=refresh_token&refresh_token=refresh-0&client_id=client&scope=mail+calendar";
    assert_eq!(String::from_utf8_lossy(&refreshing.site.endpoint.counts.last().body), form);

    let mut basic = refreshing.payload();
    basic["client_auth"] = json!("basic");
    let reply = refreshing.get_in("basic", &basic);
    assert_eq!(reply.code(), "oauth.token_endpoint_rejected", "{}", reply.head);
    let received = refreshing.site.endpoint.counts.last();
    assert_eq!(String::from_utf8_lossy(&received.body), "grant_type=refresh_token&refresh_token=refresh-0");
    assert_eq!(received.header("authorization"), Some("Basic Y2xpZW50OnMzY3IzdA=="));
    // Neither was refused for the token's sake, so there is nothing to remember.
    assert!(refreshing.scratch.files("new").is_empty() && refreshing.scratch.files("refresh").is_empty());
}

#[test]
fn a_401_has_it_refreshed_with_the_last_token() {
    let rotation = Rotation::default();
    let refreshing = {
        let rotation = rotation.clone();
        Refreshing::new(move |_, received| rotation.answer(received), |token| token != "access-1")
    };
    let reply = refreshing.get();
    assert_eq!((body(&reply), requests(&reply), rotation.times()), ("access-2", 2, Some(2)), "{}", reply.head);
    assert_eq!(refreshing.scratch.kept(&KEY).as_deref(), Some(&b"refresh-2"[..]));
}

/// Google's do not, unless they have to.
#[test]
fn an_endpoint_that_does_not_rotate_gets_the_same_token_again() {
    let refreshing = Refreshing::new(
        |n, _| {
            let mut token = json!({"access_token": format!("access-{n}"), "token_type": "Bearer", "expires_in": 3600});
            // None of these is another one.
            token["refresh_token"] = [json!(null), json!(""), json!(7)][n % 3].clone();
            response("200 OK", &token)
        },
        |token| token == "access-2",
    );
    assert_eq!(body(&refreshing.get()), "no");
    let reply = refreshing.get_in("later", &refreshing.payload());
    assert_eq!(body(&reply), "access-2", "{}", reply.head);
    let received = refreshing.site.endpoint.counts.received.lock().expect("no poison").clone();
    assert!(received.iter().all(|one| String::from_utf8_lossy(&one.body).contains("refresh_token=refresh-0")));
    assert_eq!(refreshing.scratch.kept(&KEY).as_deref(), Some(&b"refresh-0"[..]));
}

#[test]
fn without_a_store_nothing_is_sent() {
    let rotation = Rotation::default();
    let refreshing = Refreshing::rotating(&rotation);
    let path = &refreshing.scratch.0;
    let refused = |name: &str, why: &str| {
        let reply = refreshing.get_in(name, &refreshing.payload());
        assert_eq!((reply.code(), reply.sent()), ("oauth.store_unavailable", "no"), "{name}: {}", reply.head);
        assert_eq!(reply.head["error"]["retryable"], json!(false), "{name}");
        let message = reply.head["error"]["message"].as_str().expect("a text");
        assert!(message.contains(why), "{name}: {message}");
    };
    set_mode(path, 0o770);
    refused("permissions", "can be written by others");
    set_mode(path, 0o500);
    if !nix::unistd::Uid::effective().is_root() {
        refused("read only", "cannot be written by its owner");
    }
    set_mode(path, 0o700);
    let moved = path.with_extension("moved");
    fs::rename(path, &moved).expect("moves");
    refused("missing", "does not exist");
    fs::write(path, "").expect("a file");
    refused("file", "is not a directory");
    fs::remove_file(path).expect("a file");
    fs::rename(&moved, path).expect("moves back");
    let none = refreshing.process("none", |document| {
        document.as_object_mut().expect("an object").remove("refresh_tokens");
    });
    let reply = refreshing.get_by(&none, &refreshing.payload());
    assert_eq!(reply.code(), "oauth.store_unavailable", "{}", reply.head);
    assert!(reply.head["error"]["message"].as_str().is_some_and(|text| text.contains("is not configured")));
    assert_eq!((refreshing.site.asked(), rotation.times()), (0, Some(0)));

    // What is repaired is used.
    assert_eq!(body(&refreshing.get_in("repaired", &refreshing.payload())), "access-1");
}

/// The command line runs as root, and the workers do not.
#[test]
fn another_user_neither_refreshes_nor_leaves_files() {
    let rotation = Rotation::default();
    let refreshing = Refreshing::rotating(&rotation);
    std::os::unix::fs::chown(&refreshing.scratch.0, Some(65_534), None).expect("this test runs as root");
    let reply = refreshing.get();
    assert_eq!(reply.code(), "oauth.store_unavailable", "{}", reply.head);
    assert!(reply.head["error"]["message"].as_str().is_some_and(|text| text.contains("belongs to another user")));
    assert_eq!((refreshing.site.asked(), fs::read_dir(&refreshing.scratch.0).expect("lists").count()), (0, 0));
    let (_, _, head) = open(&refreshing.site.configuration);
    assert_eq!(head["warnings"][0]["code"], "refresh_tokens.owner", "{head}");
}

#[test]
fn a_refused_token_is_not_sent_again_until_somebody_has_consented_anew() {
    let refused = Arc::new(AtomicUsize::new(0));
    let rotation = Rotation::default();
    let refreshing = {
        let (rotation, refused) = (rotation.clone(), Arc::clone(&refused));
        let answer = move |_, received: &Received| match refused.load(Ordering::SeqCst) {
            0 => response("400 Bad Request", &json!({"error": "invalid_grant"})),
            _ => rotation.answer(received),
        };
        Refreshing::new(answer, |_| true)
    };
    let reply = refreshing.get();
    assert_eq!((reply.code(), reply.sent()), ("oauth.consent_required", "no"), "{}", reply.head);
    assert_eq!(reply.head["error"]["retryable"], json!(false));
    assert_eq!(refreshing.scratch.kept(&KEY).as_deref(), Some(&b"refused"[..]));
    for name in ["second", "third"] {
        let reply = refreshing.get_in(name, &refreshing.payload());
        assert_eq!(reply.code(), "oauth.consent_required", "{}", reply.head);
    }
    assert_eq!(refreshing.site.asked(), 1, "whoever comes later does not ask");

    // What somebody consents to anew has another name, and the old one is not touched.
    refused.store(1, Ordering::SeqCst);
    let (mut anew, engine) = (refreshing.payload(), refreshing.process("anew", |_| {}));
    anew["client_id"] = json!("another");
    assert_eq!(body(&refreshing.get_by(&engine, &anew)), "access-1");
    let names: Vec<_> = refreshing.scratch.files("refresh");
    let stems: Vec<_> = names.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
    assert_eq!(stems.len(), 2);
    assert_eq!(stems[0][..32], stems[1][..32], "both are of one identifier");
}

/// Nobody knows then whether the endpoint has rotated it.
#[test]
fn after_a_lost_answer_the_old_token_is_tried_once_more() {
    for rotates in [false, true] {
        let rotation = Rotation::default();
        let refreshing = {
            let rotation = rotation.clone();
            let answer = move |n, received: &Received| {
                if n > 0 || rotates {
                    let answer = rotation.answer(received);
                    if n > 0 {
                        return answer;
                    }
                }
                "HTTP/1.1 500 Lost\r\ncontent-length: 0\r\n\r\n".to_owned()
            };
            Refreshing::new(answer, |_| true)
        };
        let lost = refreshing.get();
        assert_eq!((lost.code(), lost.sent()), ("oauth.token_endpoint_unreachable", "no"), "{}", lost.head);
        assert_eq!(refreshing.scratch.files("new").len(), 1, "it is known that one was begun");
        let next = refreshing.get_in("next", &refreshing.payload());
        assert!(refreshing.scratch.files("new").is_empty());
        assert_eq!(refreshing.site.asked(), 2);
        if rotates {
            assert_eq!(next.code(), "oauth.consent_required", "{}", next.head);
            assert!(next.head["error"]["message"].as_str().is_some_and(|text| text.contains("whose answer was lost")));
        } else {
            assert_eq!(body(&next), "access-1", "{}", next.head);
        }
    }
}

#[test]
fn a_request_that_never_left_leaves_no_mark() {
    let refreshing = Refreshing::new(|_, _| String::new(), |_| true);
    let closed = support::server::ClosedPort::new();
    let mut payload = refreshing.payload();
    payload["token_url"] = json!(format!("https://localhost:{}/token", closed.number()));
    payload["binding"]["hosts"] = json!([format!("localhost:{}", closed.number()), refreshing.hosts()[1]]);
    let engine = refreshing.process("closed", |document| {
        document["internal_hosts"][0]["ports"].as_array_mut().expect("ports").push(json!(closed.number()));
    });
    let reply = refreshing.get_by(&engine, &payload);
    assert_eq!(reply.code(), "oauth.token_endpoint_unreachable", "{}", reply.head);
    assert!(refreshing.scratch.files("new").is_empty());
}

#[test]
fn what_no_key_opens_is_neither_replaced_nor_passed_over() {
    let rotation = Rotation::default();
    let refreshing = Refreshing::rotating(&rotation);
    assert_eq!(body(&refreshing.get()), "access-1");
    let file = refreshing.scratch.file();
    let sound = fs::read(&file).expect("a file");
    let refused = |name: &str| {
        let reply = refreshing.get_in(name, &refreshing.payload());
        assert_eq!(reply.code(), "oauth.store_unavailable", "{name}: {}", reply.head);
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(reply.head["error"]["message"].as_str().is_some_and(|text| text.contains(name)), "{}", reply.head);
    };
    for (name, contents) in [("empty", &b""[..]), ("cut", &sound[..sound.len() - 1]), ("foreign", b"SOBREF01")] {
        fs::write(&file, contents).expect("a file");
        refused(name);
        assert_eq!(fs::read(&file).expect("a file"), contents, "{name}");
    }
    fs::write(&file, &sound).expect("a file");
    // The credential is sealed with the new key, and what it has come to with the old one, which is gone.
    let engine = refreshing.process("key gone", |document| document["master_keys"] = keys(&[NEXT_KEY]));
    let reply = send(engine.0, &refreshing.request(), b"", &sealed(&refreshing.payload(), &NEXT_KEY));
    assert_eq!(reply.code(), "oauth.store_unavailable", "{}", reply.head);
    let (_, _, head) = open(&{
        let mut configuration = refreshing.site.configuration.clone();
        configuration["master_keys"] = keys(&[NEXT_KEY]);
        configuration
    });
    assert_eq!(head["warnings"][0]["code"], "refresh_tokens.unreadable", "{head}");
    assert_eq!(refreshing.site.asked(), 1);
}

#[test]
fn a_new_master_key_and_a_rewrapped_envelope_find_it() {
    let rotation = Rotation::default();
    let refreshing = {
        let rotation = rotation.clone();
        Refreshing::new(move |_, received| rotation.answer(received), |token| token != "access-1")
    };
    // Two consents, of which only one is in use.
    let idle = SlotId::new("idle", b"");
    let store = RefreshStore::new(refreshing.scratch.0.clone());
    let now = Timestamp::now().as_second() as u64;
    let access = || StoredToken { token: Secret::new(b"access-1".to_vec()), issued_at: now, expires_at: now + 3600 };
    {
        let lease = store.try_lease(&idle, Duration::ZERO).expect("a store").expect("free");
        let record = Record::Serves { refresh: Secret::new(b"idle".to_vec()), access: access() };
        store.keep(&lease, &record, &[support::master_key(&KEY)]).expect("keeps");
    }
    let first = refreshing.get();
    assert_eq!((body(&first), rotation.times()), ("access-2", Some(2)), "{}", first.head);

    let both = |document: &mut Value| document["master_keys"] = keys(&[NEXT_KEY, KEY]);
    let engine = refreshing.process("rotated", both);
    let warnings = || {
        let mut configuration = refreshing.site.configuration.clone();
        configuration["user_agent"] = json!("rotated");
        both(&mut configuration);
        open(&configuration).2["warnings"].clone()
    };
    assert_eq!(warnings()[0]["code"], "refresh_tokens.old_key");
    assert!(warnings()[0]["message"].as_str().is_some_and(|text| text.starts_with("2 of the files")), "{}", warnings());
    // The envelope is another one, sealed with the new key.
    let found = send(engine.0, &refreshing.request(), b"", &sealed(&refreshing.payload(), &NEXT_KEY));
    assert_eq!((body(&found), requests(&found)), ("access-2", 0), "{}", found.head);

    // With the next refresh all of them are sealed again, and the old key may go.
    let slot = |path: &PathBuf| SlotId::from_hex(path.file_stem()?.to_str()?);
    for path in refreshing.scratch.files("refresh") {
        let slot = slot(&path).expect("a slot");
        if slot != idle {
            let lease = store.try_lease(&slot, Duration::ZERO).expect("a store").expect("free");
            let record = Record::Serves { refresh: Secret::new(b"refresh-2".to_vec()), access: access() };
            store.keep(&lease, &record, &[support::master_key(&KEY)]).expect("keeps");
        }
    }
    let engine = refreshing.process("again", both);
    let reply = send(engine.0, &refreshing.request(), b"", &sealed(&refreshing.payload(), &NEXT_KEY));
    assert_eq!((body(&reply), rotation.times()), ("access-3", Some(3)), "{}", reply.head);
    assert_eq!(warnings(), json!([]));
    let alone = refreshing.process("alone", |document| document["master_keys"] = keys(&[NEXT_KEY]));
    let reply = send(alone.0, &refreshing.request(), b"", &sealed(&refreshing.payload(), &NEXT_KEY));
    assert_eq!((body(&reply), rotation.times()), ("access-3", Some(3)), "{}", reply.head);
    let Ok(Some(Record::Serves { refresh, .. })) = store.read(&idle, &[support::master_key(&NEXT_KEY)]) else {
        panic!("it is sealed with the new key")
    };
    assert_eq!(refresh.expose(), b"idle");
}

/// A record whose access token is due: valid for another minute, of an hour.
fn keep_due(refreshing: &Refreshing) {
    let slot = SlotId::from_hex(refreshing.scratch.file().file_stem().and_then(|stem| stem.to_str()).expect("a name"));
    let (slot, store) = (slot.expect("a slot"), RefreshStore::new(refreshing.scratch.0.clone()));
    let now = Timestamp::now().as_second() as u64;
    let access = StoredToken { token: Secret::new(b"due".to_vec()), issued_at: now - 36_000, expires_at: now + 59 };
    let record = Record::Serves { refresh: Secret::new(b"refresh-1".to_vec()), access };
    let lease = store.try_lease(&slot, Duration::ZERO).expect("a store").expect("free");
    store.keep(&lease, &record, &[support::master_key(&KEY)]).expect("keeps");
}

#[test]
fn a_token_that_is_due_is_refreshed_by_the_call_that_finds_it() {
    let rotation = Rotation::default();
    let refreshing = Refreshing::rotating(&rotation);
    assert_eq!(body(&refreshing.get()), "access-1");
    keep_due(&refreshing);
    let reply = refreshing.get_in("due", &refreshing.payload());
    assert_eq!((body(&reply), requests(&reply), rotation.times()), ("access-2", 1, Some(2)), "{}", reply.head);
}

#[test]
fn while_it_cannot_be_refreshed_what_is_due_still_serves() {
    let (rotation, fails) = (Rotation::default(), Arc::new(AtomicUsize::new(0)));
    let refreshing = {
        let (rotation, fails) = (rotation.clone(), Arc::clone(&fails));
        let answer = move |_, received: &Received| match fails.load(Ordering::SeqCst) {
            0 => rotation.answer(received),
            _ => "HTTP/1.1 503 Later\r\ncontent-length: 0\r\n\r\n".to_owned(),
        };
        Refreshing::new(answer, |_| true)
    };
    assert_eq!(body(&refreshing.get()), "access-1");
    keep_due(&refreshing);
    fails.store(1, Ordering::SeqCst);
    let engine = refreshing.process("due", |_| {});
    for n in 0..4 {
        let reply = refreshing.get_by(&engine, &refreshing.payload());
        assert_eq!(body(&reply), "due", "{n}: {}", reply.head);
    }
    assert_eq!(refreshing.site.asked(), 2, "a failure is not repeated at once");

    // Another process leaves it alone as well, for the one that has just begun, and while one holds the lease.
    let other = refreshing.process("other", |_| {});
    for n in 0..2 {
        assert_eq!(body(&refreshing.get_by(&other, &refreshing.payload())), "due", "{n}");
    }
    assert_eq!(refreshing.site.asked(), 2);
    let lock = fs::File::options().write(true).open(&refreshing.scratch.files("lock")[0]).expect("a lock");
    lock.set_modified(SystemTime::UNIX_EPOCH).expect("a time");
    let slot = SlotId::from_hex(refreshing.scratch.file().file_stem().and_then(|stem| stem.to_str()).expect("a name"));
    let store = RefreshStore::new(refreshing.scratch.0.clone());
    let held = store.try_lease(&slot.expect("a slot"), Duration::ZERO).expect("a store").expect("free");
    let third = refreshing.process("third", |_| {});
    for n in 0..2 {
        assert_eq!(body(&refreshing.get_by(&third, &refreshing.payload())), "due", "{n}");
    }
    assert_eq!(refreshing.site.asked(), 2);
    drop(held);
}

/// An endpoint that holds its answer back, and the moment at which it was asked.
fn held_back(rotation: &Rotation, gate: &Gate, asked: &Arc<Gate>) -> Refreshing {
    let (rotation, gate, asked) = (rotation.clone(), gate.clone(), Arc::clone(asked));
    let answer = move |_, received: &Received| {
        let answer = rotation.answer(received);
        asked.open();
        gate.pass();
        answer
    };
    Refreshing::new(answer, |_| true)
}

type End = fn(&Refreshing) -> Value;

/// Whatever ends the call, what the refresh token was exchanged for is kept before the host has its thread back.
#[test]
fn a_refresh_that_was_sent_outlasts_its_call() {
    let ends: [(&str, End); 3] = [
        ("deadline", |refreshing| {
            let mut request = refreshing.request();
            request["timeout_ms"] = json!(200);
            send(refreshing.site.engine, &request, b"", &sealed(&refreshing.payload(), &KEY)).head
        }),
        ("cancelled", |refreshing| {
            let exchange = begun(refreshing);
            assert_eq!(library::cancel(exchange), 0);
            library::end(exchange).1
        }),
        ("dropped", |refreshing| library::end(begun(refreshing)).1),
    ];
    for (name, end) in ends {
        let (rotation, gate, asked) = (Rotation::default(), Gate::default(), Arc::new(Gate::default()));
        let refreshing = held_back(&rotation, &gate, &asked);
        let opener = {
            let (gate, asked) = (gate.clone(), Arc::clone(&asked));
            std::thread::spawn(move || {
                asked.pass();
                // Longer than the call of the first case may take.
                std::thread::sleep(Duration::from_millis(300));
                gate.open();
            })
        };
        let head = end(&refreshing);
        assert_eq!(refreshing.scratch.kept(&KEY).as_deref(), Some(&b"refresh-1"[..]), "{name}: {head}");
        opener.join().expect("a thread");
        let next = refreshing.get();
        assert_eq!((body(&next), requests(&next), rotation.times()), ("access-1", 0, Some(1)), "{name}: {}", next.head);
    }
}

/// An exchange that goes on beside its host, and is driven for the first time.
fn begun(refreshing: &Refreshing) -> u64 {
    let sealed = sealed(&refreshing.payload(), &KEY);
    let (status, exchange, head) = library::start(refreshing.site.engine, &refreshing.request(), b"", &sealed, true);
    assert_eq!(status, 0, "{head}");
    assert_eq!(library::wait(&[exchange], 1).0, 0);
    exchange
}

#[test]
fn an_answer_that_does_not_come_is_waited_for_ten_seconds_and_no_longer() {
    // Whoever drives the same runtime waits as well.
    alone::in_own_process("an_answer_that_does_not_come_is_waited_for_ten_seconds_and_no_longer", wait_in_vain);
}

fn wait_in_vain() {
    let (rotation, gate, asked) = (Rotation::default(), Gate::default(), Arc::new(Gate::default()));
    let refreshing = held_back(&rotation, &gate, &asked);
    let begun = std::time::Instant::now();
    let mut request = refreshing.request();
    request["timeout_ms"] = json!(100);
    let reply = send(refreshing.site.engine, &request, b"", &sealed(&refreshing.payload(), &KEY));
    assert_eq!(reply.code(), "timeout.total", "{}", reply.head);
    assert!(begun.elapsed() >= Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(refreshing.scratch.files("new").len(), 1, "the mark says that one was begun");
    gate.open();
}
