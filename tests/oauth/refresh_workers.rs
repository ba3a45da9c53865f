//! Processes of one host with one rotating refresh token: none of them sends it twice, and nobody is logged out.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use super::refreshing::Scratch;
use super::workers;
use crate::support;
use crate::support::alone::{self, Other, until};
use crate::support::library;
use crate::support::oauth::Rotation;
use crate::support::server::{Authority, Peer, Server, configuration, request};

const KEY: [u8; 32] = [7; 32];
const IDENTIFIER: &str = "mailbox";

/// A token endpoint that rotates and an API, and the directory that the processes share.
pub struct Host {
    pub site: Arc<Rotating>,
    pub scratch: Scratch,
    pub task: Value,
    _authority: Authority,
}

#[derive(Default)]
pub struct Rotating {
    pub rotation: Rotation,
    /// How many of the first requests get no response before `released`, and have rotated nothing till then.
    pub hangs: AtomicUsize,
    pub released: AtomicBool,
    asked: AtomicUsize,
    tokens: Mutex<Vec<String>>,
}

impl Rotating {
    fn serve(&self, peer: &mut Peer<'_>) -> bool {
        while let Some(received) = peer.read() {
            let responded = if received.line().starts_with("POST /token ") {
                let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
                if number <= self.hangs.load(Ordering::SeqCst) && !until(|| self.released.load(Ordering::SeqCst)) {
                    return false;
                }
                peer.write(self.rotation.answer(&received))
            } else {
                let token = received.header("authorization").unwrap_or_default().to_owned();
                self.tokens.lock().expect("no poison").push(token);
                peer.respond("")
            };
            if !responded {
                return false;
            }
        }
        true
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// What the API was sent, in the order of the calls.
    pub fn tokens(&self) -> Vec<String> {
        self.tokens.lock().expect("no poison").clone()
    }
}

impl Host {
    pub fn new() -> Self {
        let (scratch, authority, site) = (Scratch::new(), Authority::new(), Arc::<Rotating>::default());
        let serving = Arc::clone(&site);
        let server =
            Server::start(Some(authority.server(&["localhost"], &[], |_| {})), move |peer| serving.serve(peer));
        let mut configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
        configuration["master_keys"] = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
        configuration["refresh_tokens"] = json!({"directory": scratch.0});
        let host = format!("localhost:{}", server.address.port());
        let task = json!({"configuration": configuration, "host": host, "timeout_ms": 20_000});
        Self { site, scratch, task, _authority: authority }
    }

    /// Starts so many processes, and waits until each is ready to send.
    #[track_caller]
    fn start(&self, test: &str, count: usize) -> Vec<Other> {
        let mut others: Vec<_> = (0..count).map(|_| Other::start(test, &self.task)).collect();
        others.iter_mut().for_each(|other| assert_eq!(other.says(), "ready"));
        others
    }
}

/// What each of the other processes does: it says "ready", and for each line that it reads it makes a call and says its status.
pub fn call_when_told(task: &Value) {
    let (status, engine, head) = library::open(&task["configuration"]);
    assert_eq!((status, &head["warnings"]), (0, &json!([])), "{head}");
    let url = format!("https://{}", task["host"].as_str().expect("a host"));
    let payload = json!({
        "client_id": "c", "client_auth": "none", "refresh_token": "refresh-0", "token_url": format!("{url}/token"),
        "binding": {"hosts": [task["host"]]},
    });
    let sealed = support::seal(payload.to_string().as_bytes(), IDENTIFIER, &KEY, Algorithm::XChaCha20Poly1305);
    let mut request = request("GET", &url, "/api");
    request["timeout_ms"] = task["timeout_ms"].clone();
    request["credentials"] = json!([{"identifier": IDENTIFIER, "type": "oauth2_refresh_token"}]);
    workers::call_for_each_line(engine, &request, &sealed);
}

#[test]
fn thirty_cold_processes_refresh_once() {
    const NAME: &str = "thirty_cold_processes_refresh_once";
    if let Some(task) = alone::task() {
        return call_when_told(&task);
    }
    let host = Host::new();
    host.site.hangs.store(1, Ordering::SeqCst);
    let mut others = host.start(NAME, 30);
    others.iter_mut().for_each(Other::tell);
    assert!(until(|| host.site.asked() == 1));
    host.site.released.store(true, Ordering::SeqCst);
    assert!(others.iter_mut().all(|other| other.says() == "200"));
    assert_eq!((host.site.asked(), host.site.rotation.times()), (1, Some(1)));
    assert_eq!(host.site.tokens(), vec!["Bearer access-1"; 30]);
    assert_eq!(host.start(NAME, 1)[0].report(), "200");
    assert_eq!((host.site.asked(), host.site.tokens().len()), (1, 31));
}

/// Its refresh token has not come to the endpoint's attention yet, or the next one would hear `invalid_grant`.
#[test]
fn a_killed_holder_leaves_the_refresh_to_another() {
    const NAME: &str = "a_killed_holder_leaves_the_refresh_to_another";
    if let Some(task) = alone::task() {
        return call_when_told(&task);
    }
    let host = Host::new();
    host.site.hangs.store(1, Ordering::SeqCst);
    let mut first = host.start(NAME, 1).remove(0);
    first.tell();
    assert!(until(|| host.site.asked() == 1));
    let mut others = host.start(NAME, 4);
    others.iter_mut().for_each(Other::tell);
    drop(first.kill());
    assert!(others.iter_mut().all(|other| other.says() == "200"));
    assert_eq!((host.site.asked(), host.site.rotation.times()), (2, Some(1)));
    assert_eq!(host.site.tokens(), vec!["Bearer access-1"; 4]);
}

/// A process that is stopped has the lease, and nobody sends the token in its place.
#[test]
fn nobody_refreshes_in_the_place_of_a_stopped_holder() {
    const NAME: &str = "nobody_refreshes_in_the_place_of_a_stopped_holder";
    if let Some(task) = alone::task() {
        return call_when_told(&task);
    }
    let mut host = Host::new();
    host.site.hangs.store(1, Ordering::SeqCst);
    let mut stopped = host.start(NAME, 1).remove(0);
    stopped.tell();
    assert!(until(|| host.site.asked() == 1));
    signal(&stopped, Signal::SIGSTOP);

    host.task["timeout_ms"] = json!(1000);
    let mut others = host.start(NAME, 3);
    others.iter_mut().for_each(Other::tell);
    assert!(others.iter_mut().all(|other| other.says() == "timeout.total"));
    assert_eq!(host.site.asked(), 1);

    host.site.released.store(true, Ordering::SeqCst);
    signal(&stopped, Signal::SIGCONT);
    assert_eq!(stopped.says(), "200");
    assert!(others.iter_mut().all(|other| other.report() == "200"));
    assert_eq!((host.site.asked(), host.site.rotation.times()), (1, Some(1)));
}

fn signal(process: &Other, signal: Signal) {
    nix::sys::signal::kill(Pid::from_raw(process.id() as i32), signal).expect("a child");
}
