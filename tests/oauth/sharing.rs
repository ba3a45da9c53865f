//! Processes of one host that share a token cache: how many token requests they make, and what happens when one of them dies.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use secure_outbound::envelope::aead::Algorithm;
use secure_outbound::oauth::{SlotId, Store, StoredToken};
use secure_outbound::secret::Secret;
use serde_json::{Value, json};

use super::workers;
use crate::support;
use crate::support::alone::{self, Other, until};
use crate::support::library;
use crate::support::server::{Authority, Peer, Server, configuration, request};

const KEY: [u8; 32] = [7; 32];
const IDENTIFIER: &str = "api_client";

/// A token endpoint and an API that takes its tokens, and the directory that the processes share.
struct Host {
    endpoint: Arc<Endpoint>,
    directory: PathBuf,
    task: Value,
    _authority: Authority,
}

/// The token endpoint: its n-th response is the token `token-n`.
#[derive(Default)]
struct Endpoint {
    asked: AtomicUsize,
    /// How many of the first requests get no response before `released`.
    hangs: AtomicUsize,
    released: AtomicBool,
    /// Whether the API gives no response for now.
    api_hangs: AtomicBool,
    /// The values of Authorization that the API received.
    authorizations: Mutex<Vec<String>>,
}

impl Endpoint {
    fn serve(&self, peer: &mut Peer<'_>) -> bool {
        while let Some(received) = peer.read() {
            let responded = if received.line().starts_with("POST /token ") {
                let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
                if number <= self.hangs.load(Ordering::SeqCst) && !until(|| self.released.load(Ordering::SeqCst)) {
                    return false;
                }
                let body =
                    json!({"access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": 3600});
                peer.respond(&body.to_string())
            } else {
                let authorization = received.header("authorization").unwrap_or_default().to_owned();
                self.authorizations.lock().expect("no poison").push(authorization);
                until(|| !self.api_hangs.load(Ordering::SeqCst)) && peer.respond("")
            };
            if !responded {
                return false;
            }
        }
        true
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The values of Authorization that the API received, in the order of the calls.
    fn authorizations(&self) -> Vec<String> {
        self.authorizations.lock().expect("no poison").clone()
    }

    /// Whether the last call to the API had this token.
    fn saw_last(&self, token: &str) -> bool {
        self.authorizations().last().is_some_and(|last| *last == format!("Bearer {token}"))
    }
}

impl Host {
    fn new(name: &str) -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir(&directory).expect("a directory");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).expect("a mode");
        let authority = Authority::new();
        let endpoint = Arc::<Endpoint>::default();
        let serving = Arc::clone(&endpoint);
        let tls = authority.server(&["localhost"], &[], |_| {});
        let server = Server::start(Some(tls), move |peer| serving.serve(peer));
        let mut configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
        configuration["master_keys"] = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
        configuration["token_cache"] = json!({"directory": directory});
        let task = json!({"configuration": configuration, "url": server.url("https", "localhost")});
        Self { endpoint, directory, task, _authority: authority }
    }

    /// Starts so many processes, and waits until each is ready to send.
    fn start(&self, test: &str, count: usize) -> Vec<Other> {
        let mut others: Vec<_> = (0..count).map(|_| Other::start(test, &self.task)).collect();
        others.iter_mut().for_each(|other| assert_eq!(other.says(), "ready"));
        others
    }

    /// Stores a token that was valid for an hour and has less than a minute left: a process may still send it, and renews it.
    fn store_due_token(&self) {
        let envelope = envelope(self.task["url"].as_str().expect("a URL"));
        let slot = SlotId::new(IDENTIFIER, envelope.as_bytes());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let token =
            StoredToken { token: Secret::new(b"token-0".to_vec()), issued_at: now - 3550, expires_at: now + 50 };
        let store = Store::new(self.directory.clone());
        let lease = store.try_lease(&slot).expect("usable").expect("free");
        store.write(&lease, &token, &[support::master_key(&KEY)]).expect("writes");
    }

    /// The process that holds the lease, if one does.
    fn holder(&self) -> Option<u32> {
        self.holders().first().copied()
    }

    /// Waits for the one token request, and removes the process that makes it from these.
    fn renewer(&self, others: &mut Vec<Other>) -> Other {
        assert!(until(|| self.endpoint.asked() == 1));
        let holder = self.holder().expect("who asks has the lease");
        let at = others.iter().position(|other| other.id() == holder).expect("one of them");
        others.remove(at)
    }

    /// The processes that make token requests: the holder of the lease, and one that has taken over from it.
    fn holders(&self) -> Vec<u32> {
        self.lock().map(|lock| holders_of(&lock)).unwrap_or_default()
    }

    /// Makes the lock file say that a process began a renewal so many seconds ago. Nobody holds the lock.
    fn mark_begun(&self, ago: u64) {
        let lock = fs::File::options().write(true).open(self.lock().expect("a lock file")).expect("opens");
        lock.set_modified(SystemTime::now() - Duration::from_secs(ago)).expect("a time");
    }

    fn lock(&self) -> Option<PathBuf> {
        let mut files = fs::read_dir(&self.directory).expect("lists").flatten().map(|entry| entry.path());
        files.find(|path| path.extension().is_some_and(|extension| extension == "lock"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The processes with a record lock on this file, from lines of the kernel such as
/// `1: POSIX ADVISORY WRITE 4711 08:01:1234 0 EOF`.
fn holders_of(file: &Path) -> Vec<u32> {
    let Ok(metadata) = fs::metadata(file) else { return Vec::new() };
    let locks = fs::read_to_string("/proc/locks").expect("the kernel's locks");
    let holder = |line: &str| {
        let mut words = line.split_whitespace().skip(4);
        let (holder, place) = (words.next()?, words.next()?);
        (place.rsplit(':').next() == Some(&metadata.ino().to_string())).then(|| holder.parse().ok()).flatten()
    };
    locks.lines().filter_map(holder).collect()
}

fn signal(process: u32, signal: Signal) {
    nix::sys::signal::kill(Pid::from_raw(process as i32), signal).expect("a child");
}

fn envelope(url: &str) -> String {
    let payload = json!({"client_id": "c", "client_secret": "s", "token_url": format!("{url}/token")});
    support::seal(payload.to_string().as_bytes(), IDENTIFIER, &KEY, Algorithm::XChaCha20Poly1305)
}

/// What each of the other processes does: it says "ready", and for each line that it reads it makes a call and says its status.
fn call_when_told(task: &Value) {
    let (status, engine, head) = library::open(&task["configuration"]);
    assert_eq!((status, &head["warnings"]), (0, &json!([])), "{head}");
    let url = task["url"].as_str().expect("a URL");
    let sealed = envelope(url);
    let mut request = request("GET", url, "/api");
    // Less than the time for which others leave an early renewal to the process that began it. A process without a token may not
    // wait that long.
    request["timeout_ms"] = json!(20_000);
    request["credentials"] = json!([{"identifier": IDENTIFIER, "type": "oauth2_client_credentials"}]);
    workers::call_for_each_line(engine, &request, &sealed);
}

#[test]
fn thirty_cold_processes_make_one_token_request() {
    const NAME: &str = "thirty_cold_processes_make_one_token_request";
    if let Some(task) = alone::task() {
        return call_when_told(&task);
    }
    let host = Host::new("cold");
    host.endpoint.hangs.store(1, Ordering::SeqCst);
    let mut others = host.start(NAME, 30);
    others.iter_mut().for_each(Other::tell);
    // One process waits for the response to its token request, and the others wait for that process.
    assert!(until(|| host.endpoint.asked() == 1));
    host.endpoint.released.store(true, Ordering::SeqCst);
    assert!(others.iter_mut().all(|other| other.says() == "200"));
    assert_eq!(host.endpoint.asked(), 1);
    assert_eq!(host.endpoint.authorizations(), vec!["Bearer token-1"; 30]);

    // A process that starts later finds the token as well.
    assert_eq!(host.start(NAME, 1)[0].report(), "200");
    assert_eq!((host.endpoint.asked(), host.endpoint.authorizations().len()), (1, 31));
    drop(others);
}

#[test]
fn a_killed_renewer_does_not_block_the_others() {
    const NAME: &str = "a_killed_renewer_does_not_block_the_others";
    if let Some(task) = alone::task() {
        return call_when_told(&task);
    }
    let host = Host::new("killed");
    host.endpoint.hangs.store(1, Ordering::SeqCst);
    let mut others = host.start(NAME, 6);
    others.iter_mut().for_each(Other::tell);
    drop(host.renewer(&mut others).kill());

    assert!(others.iter_mut().all(|other| other.says() == "200"));
    assert_eq!(host.endpoint.asked(), 2, "the one that was killed, and one of the others");
    assert_eq!(host.endpoint.authorizations(), vec!["Bearer token-2"; 5]);
    host.endpoint.released.store(true, Ordering::SeqCst);
}

/// A process that is stopped and not killed still has its lock and its connection to the token endpoint.
#[test]
fn a_stopped_renewer_does_not_block_the_others() {
    const NAME: &str = "a_stopped_renewer_does_not_block_the_others";
    if let Some(task) = alone::task() {
        return call_when_told(&task);
    }
    let host = Host::new("stopped");
    host.endpoint.hangs.store(1, Ordering::SeqCst);
    let mut others = host.start(NAME, 6);
    others.iter_mut().for_each(Other::tell);
    let mut stopped = host.renewer(&mut others);
    signal(stopped.id(), Signal::SIGSTOP);

    assert!(others.iter_mut().all(|other| other.says() == "200"));
    assert_eq!(host.endpoint.asked(), 2, "the one that is stopped, and one of the others in its place");
    assert_eq!(host.endpoint.authorizations(), vec!["Bearer token-2"; 5]);
    assert_eq!(host.start(NAME, 1)[0].report(), "200");
    assert_eq!(host.endpoint.asked(), 2, "and what that one was given is everybody's");

    // The stopped process goes on. Its token is the older one, and must not replace the newer one.
    host.endpoint.released.store(true, Ordering::SeqCst);
    signal(stopped.id(), Signal::SIGCONT);
    assert!(until(|| stopped.says() == "200"));
    assert_eq!(host.start(NAME, 1)[0].report(), "200");
    assert!(host.endpoint.saw_last("token-2"), "{:?}", host.endpoint.authorizations());
    assert_eq!(host.endpoint.asked(), 2);
}

#[test]
fn as_many_may_be_stopped_as_there_are_parts_of_the_deadline() {
    const NAME: &str = "as_many_may_be_stopped_as_there_are_parts_of_the_deadline";
    if let Some(task) = alone::task() {
        return call_when_told(&task);
    }
    let host = Host::new("several-stopped");
    host.endpoint.hangs.store(2, Ordering::SeqCst);
    let mut others = host.start(NAME, 5);
    others.iter_mut().for_each(Other::tell);
    let mut stopped = Vec::new();
    for asked in 1..=2 {
        assert!(until(|| host.endpoint.asked() == asked));
        let holders: Vec<_> = host.holders().into_iter().filter(|holder| !stopped.contains(holder)).collect();
        assert_eq!(holders.len(), 1, "{holders:?} beside {stopped:?}");
        signal(holders[0], Signal::SIGSTOP);
        stopped.push(holders[0]);
    }
    assert!(others.iter_mut().filter(|other| !stopped.contains(&other.id())).all(|other| other.says() == "200"));
    assert_eq!(host.endpoint.asked(), 3);
    assert_eq!(host.endpoint.authorizations(), vec!["Bearer token-3"; 3]);
    host.endpoint.released.store(true, Ordering::SeqCst);
}

#[test]
fn while_one_renews_the_others_use_the_token_that_still_serves() {
    const NAME: &str = "while_one_renews_the_others_use_the_token_that_still_serves";
    if let Some(task) = alone::task() {
        return call_when_told(&task);
    }
    let host = Host::new("due");
    host.endpoint.hangs.store(1, Ordering::SeqCst);
    host.endpoint.api_hangs.store(true, Ordering::SeqCst);
    host.store_due_token();
    let mut others = host.start(NAME, 6);
    others.iter_mut().for_each(Other::tell);
    assert!(until(|| host.endpoint.asked() == 1 && host.endpoint.authorizations().len() == 6), "nobody waits");
    let renewer = host.holder().expect("who asks has the lease");

    // The renewer's call ends before the token comes, so the renewal pauses. The others still leave it to the renewer.
    host.endpoint.api_hangs.store(false, Ordering::SeqCst);
    assert!(others.iter_mut().all(|other| other.says() == "200"));
    assert_eq!(host.holder(), None);
    host.mark_begun(0);
    assert!(others.iter_mut().filter(|other| other.id() != renewer).all(|other| other.report() == "200"));
    assert_eq!(host.endpoint.authorizations(), vec!["Bearer token-0"; 11]);
    assert_eq!(host.endpoint.asked(), 1);

    // One of the renewer's next calls receives the token, and then the others have it as well.
    host.endpoint.released.store(true, Ordering::SeqCst);
    host.mark_begun(0);
    let renewing = others.iter_mut().find(|other| other.id() == renewer).expect("one of them");
    assert!(until(|| renewing.report() == "200" && host.endpoint.saw_last("token-1")));
    assert!(others.iter_mut().all(|other| until(|| other.report() == "200" && host.endpoint.saw_last("token-1"))));
    assert_eq!(host.endpoint.asked(), 1);
}

#[test]
fn a_renewal_that_came_to_nothing_is_left_to_another_in_time() {
    const NAME: &str = "a_renewal_that_came_to_nothing_is_left_to_another_in_time";
    if let Some(task) = alone::task() {
        return call_when_told(&task);
    }
    let host = Host::new("abandoned");
    host.store_due_token();
    host.mark_begun(0);
    let mut other = host.start(NAME, 1).remove(0);
    assert_eq!((other.report().as_str(), host.endpoint.asked()), ("200", 0));
    host.mark_begun(60);
    assert!(until(|| other.report() == "200" && host.endpoint.asked() == 1));
}
