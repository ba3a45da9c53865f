//! A daemon as a process of its own, and callers on its socket.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use secure_outbound::envelope::aead::Algorithm;
use secure_outbound::sidecar::{
    Credit, HEAD_BYTES, Kind, PAYLOAD_BYTES, SocketFrame, Taken, write_document, write_piece,
};
use serde_json::{Value, json};

use crate::support::server::{Authority, Peer, Server, configuration};
use crate::support::{alone, encode, seal};

/// The user whom the tests run as, and two whom they play.
pub const ROOT: u32 = 0;
pub const SHOP: u32 = 33;
pub const STRANGER: u32 = 65_533;

/// The user that the daemon has in some of them.
pub const DAEMON: u32 = 1;

pub const TOKEN: &str = "t0ken-of-the-shop";
pub const IDENTIFIER: &str = "shop-token";

/// A daemon, and the server that its services lead to.
pub struct Sidecar {
    pub authority: Authority,
    pub server: Server,
    pub document: Value,
    pub child: Child,
}

/// A server that responds to every request with its body.
pub fn echo(peer: &mut Peer<'_>) -> bool {
    while let Some(received) = peer.read() {
        let body = String::from_utf8_lossy(&received.body).into_owned();
        if !peer.respond(&body) {
            return false;
        }
    }
    true
}

impl Sidecar {
    /// One with a server that echoes.
    pub fn new() -> Self {
        Self::with(echo, |_| {})
    }

    /// One with a server of the test's, and a changed configuration.
    pub fn with(
        handler: impl Fn(&mut Peer<'_>) -> bool + Send + Sync + 'static,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let authority = Authority::new();
        let tls = authority.server(&["localhost"], &[], |_| {});
        let server = Server::start(Some(tls), handler);
        let directory = authority.directory();
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("a directory");
        let vault = directory.join("vault");
        fs::create_dir(&vault).expect("a directory");
        let sealed = seal(json!({"token": TOKEN}).to_string().as_bytes(), IDENTIFIER, &[1; 32], Algorithm::Aes256Gcm);
        fs::write(vault.join(IDENTIFIER), sealed).expect("an envelope");
        let mut outbound = configuration(&authority, &["localhost"], &[server.address.port()]);
        outbound["master_keys"] = json!([{"provider": "raw", "key_base64": encode(&[1; 32])}]);
        let service = json!({
            "base_url": server.url("https", "localhost") + "/v1",
            "policy": {"allowed_methods": ["GET", "POST"], "request_bytes": 16 << 20, "response_bytes": 16 << 20},
            "credentials": [{"identifier": IDENTIFIER, "type": "bearer"}],
        });
        let mut document = json!({
            "version": 1, "outbound": outbound, "envelopes": vault, "audit_log": directory.join("audit.jsonl"),
            "services": {"shop": service.clone(), "other": service},
            "callers": [{"user": ROOT, "services": ["shop", "other"]}, {"user": SHOP, "services": ["shop"]}],
        });
        change(&mut document);
        fs::write(directory.join("sidecar.json"), document.to_string()).expect("a configuration");
        let child = start(directory);
        let sidecar = Self { authority, server, document, child };
        sidecar.wait_for_socket();
        sidecar
    }

    fn wait_for_socket(&self) {
        assert!(alone::until(|| UnixStream::connect(self.socket()).is_ok()), "the daemon listens");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.authority.directory().join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.path("v1.sock")
    }

    /// A connection of the user whom the test runs as, which has greeted.
    pub fn caller(&self) -> Caller {
        Caller::greeted(UnixStream::connect(self.socket()).expect("a connection"))
    }

    /// Makes the daemon read another configuration, and waits until it says what became of it.
    pub fn reload(&mut self, change: impl FnOnce(&mut Value)) -> String {
        change(&mut self.document);
        fs::write(self.path("sidecar.json"), self.document.to_string()).expect("a configuration");
        self.signal(Signal::SIGHUP);
        self.says("configuration")
    }

    /// The next line of the daemon's standard error with this word.
    pub fn says(&mut self, word: &str) -> String {
        // Byte by byte: what a buffer took would be missing the next time.
        let output = self.child.stderr.as_mut().expect("standard error");
        loop {
            let (mut line, mut byte) = (Vec::new(), [0]);
            while output.read(&mut byte).expect("a byte") == 1 && byte[0] != b'\n' {
                line.push(byte[0]);
            }
            let line = String::from_utf8(line).expect("UTF-8");
            assert!(!line.is_empty(), "the daemon never says {word}");
            if line.contains(word) {
                return line;
            }
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the daemon runs");
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a number of a process"))
    }

    /// Ends it by a signal, and starts it once more.
    pub fn restart(&mut self, signal: Signal) {
        self.signal(signal);
        self.child.wait().expect("an end");
        self.child = start(self.authority.directory());
        self.wait_for_socket();
    }

    /// Ends it, and starts it once more as the units have it: configuration and envelopes are root's and readable by the daemon's group, the
    /// daemon has a user of its own, no capabilities, and these limits. Gives the path of its socket.
    pub fn restart_as_its_user(&mut self, limits: &[&str]) -> PathBuf {
        self.signal(Signal::SIGTERM);
        self.child.wait().expect("an end");
        let run = self.path("run");
        fs::create_dir(&run).expect("a directory");
        // The daemon made the file when it started; a restart under another user finds it.
        for (name, owner, mode) in [
            ("run", DAEMON, 0o755),
            ("audit.jsonl", DAEMON, 0o640),
            ("sidecar.json", 0, 0o640),
            ("vault", 0, 0o750),
            ("vault/shop-token", 0, 0o640),
        ] {
            let path = self.path(name);
            chown(&path, Some(owner), Some(DAEMON)).expect("an owner");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        }
        let socket = run.join("v1.sock");
        let ids = [format!("--reuid={DAEMON}"), format!("--regid={DAEMON}")];
        // Each program becomes the next one, so that the number of the process is the daemon's.
        self.child = Command::new("prlimit")
            .args(limits)
            .args(["setpriv", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"])
            .args(ids)
            .arg(env!("CARGO_BIN_EXE_secure-outbound-sidecar"))
            .arg("--config")
            .arg(self.path("sidecar.json"))
            .arg("--listen")
            .arg(&socket)
            .args(["--mode", "0666"])
            .current_dir(&run)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the Debian package util-linux");
        self.says("is ready");
        socket
    }

    /// Ends it, and starts it once more as systemd does: with these sockets and their names, if they have any.
    pub fn handed_over(&mut self, sockets: &[(&str, &str)]) {
        self.signal(Signal::SIGTERM);
        assert!(self.child.wait().expect("an end").success());
        let mut command = Command::new("systemd-socket-activate");
        for (file, _) in sockets {
            command.arg("--listen").arg(self.path(file));
        }
        let names: Vec<_> = sockets.iter().map(|(_, name)| *name).filter(|name| !name.is_empty()).collect();
        if !names.is_empty() {
            command.arg(format!("--fdname={}", names.join(":")));
        }
        self.child = command
            .arg(env!("CARGO_BIN_EXE_secure-outbound-sidecar"))
            .arg("--config")
            .arg(self.path("sidecar.json"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the Debian package systemd");
        // The first connection is what starts it; the sockets are there one after the other.
        let is_there = |(file, _): &(&str, &str)| UnixStream::connect(self.path(file)).is_ok();
        assert!(alone::until(|| sockets.iter().all(is_there)));
    }

    /// The lines of its records.
    pub fn records(&self) -> Vec<Value> {
        let file = fs::File::open(self.path("audit.jsonl")).expect("the records");
        let line = |line: std::io::Result<String>| serde_json::from_str(&line.expect("a line")).expect("JSON");
        BufReader::new(file).lines().map(line).collect()
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the daemon with the configuration of a directory.
pub fn start(directory: &std::path::Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_secure-outbound-sidecar"))
        .arg("--config")
        .arg(directory.join("sidecar.json"))
        .arg("--listen")
        .arg(directory.join("v1.sock"))
        .args(["--mode", "0666"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the daemon")
}

/// What work gives that a thread does as another user. The kernel's call changes that thread alone.
#[allow(unsafe_code)]
pub fn as_user<T: Send>(uid: u32, work: impl FnOnce() -> T + Send) -> T {
    let changed = move || {
        // SAFETY: it takes numbers, and changes the ids of this thread only.
        let changed = unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) };
        assert_eq!(changed, 0, "the test runs as root");
        work()
    };
    thread::scope(|scope| scope.spawn(changed).join().expect("no panic"))
}

/// The same as a user who is in one further group, and in no other.
#[allow(unsafe_code)]
pub fn as_member<T: Send>(uid: u32, gid: u32, work: impl FnOnce() -> T + Send) -> T {
    let changed = move || {
        // SAFETY: the pointer is to one group, as the count says; it changes the groups of this thread only.
        let changed = unsafe { libc::syscall(libc::SYS_setgroups, 1, &raw const gid) };
        assert_eq!(changed, 0, "the test runs as root");
        as_user(uid, work)
    };
    thread::scope(|scope| scope.spawn(changed).join().expect("no panic"))
}

/// A caller on its connection.
pub struct Caller {
    pub stream: UnixStream,
}

/// How a call ended.
#[derive(Debug)]
pub struct Answer {
    pub head: Value,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.head["error"]["code"].as_str().unwrap_or("")
    }

    pub fn sent(&self) -> &str {
        self.head["error"]["sent"].as_str().unwrap_or("")
    }
}

/// An id that no earlier call has.
pub fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The own part of a request.
pub fn own(method: &str) -> Value {
    json!({"version": 1, "method": method, "path": "/notes"})
}

impl Caller {
    /// One who exchanges greetings first.
    pub fn greeted(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        let mut caller = Self { stream };
        caller.tell(Kind::Hello, 0, br#"{"version":1,"client":"test"}"#);
        let (frame, hello) = caller.frame().expect("a greeting");
        let hello: Value = serde_json::from_slice(&hello).expect("JSON");
        assert_eq!((frame.kind, &hello["version"]), (Kind::Hello, &json!(1)));
        caller
    }

    pub fn tell(&mut self, kind: Kind, id: u64, document: &[u8]) {
        let mut bytes = Vec::new();
        write_document(&mut bytes, kind, id, document);
        // Where the daemon has hung up, what it said before is read next.
        let _ = self.stream.write_all(&bytes);
    }

    /// The next frame, or nothing where the connection has ended.
    pub fn frame(&mut self) -> Option<(SocketFrame, Vec<u8>)> {
        let mut head = [0; HEAD_BYTES];
        self.stream.read_exact(&mut head).ok()?;
        let head = SocketFrame::decode(head).expect("a frame");
        let mut payload = vec![0; head.length];
        self.stream.read_exact(&mut payload).ok()?;
        Some((head, payload))
    }

    /// The next document of this kind; `None` where the connection ends before.
    pub fn document(&mut self, kind: Kind) -> Option<Value> {
        let mut document = Vec::new();
        loop {
            let (frame, payload) = self.frame()?;
            assert_eq!(frame.kind, kind);
            document.extend(payload);
            if frame.last {
                return Some(serde_json::from_slice(&document).expect("JSON"));
            }
        }
    }

    /// Asks for a decision.
    pub fn decide(&mut self, id: u64, service: &str, own: &Value, body_bytes: usize) -> Option<Value> {
        let document = json!({"version": 1, "service_id": service, "body_bytes": body_bytes, "request": own});
        self.tell(Kind::Call, id, document.to_string().as_bytes());
        self.document(Kind::Decision)
    }

    /// A call from its beginning to its end.
    pub fn call(&mut self, service: &str, own: &Value, body: &[u8]) -> Answer {
        let id = next_id();
        let decision = self.decide(id, service, own, body.len()).expect("a decision");
        if decision["decision"]["allowed"] != true {
            return Answer { head: decision["decision"].clone(), body: Vec::new() };
        }
        self.send(id, body);
        self.answer(id).expect("an answer")
    }

    /// Hands the body over, as credit comes.
    pub fn send(&mut self, id: u64, body: &[u8]) {
        let (mut credit, mut rest) = (Credit::default(), body);
        loop {
            let (piece, more) = rest.split_at(rest.len().min(PAYLOAD_BYTES).min(credit.left()));
            if piece.is_empty() && !rest.is_empty() {
                let (frame, given) = self.frame().expect("credit");
                assert_eq!((frame.kind, frame.id), (Kind::Credit, id));
                credit.give(u32::from_be_bytes(given.try_into().expect("4 bytes"))).expect("no more than a window");
                continue;
            }
            let mut bytes = Vec::new();
            write_piece(&mut bytes, Kind::Body, id, piece, more.is_empty());
            let _ = self.stream.write_all(&bytes);
            credit.spend(piece.len()).expect("enough");
            rest = more;
            if rest.is_empty() {
                return;
            }
        }
    }

    /// The answer; `None` where the connection ends before.
    pub fn answer(&mut self, id: u64) -> Option<Answer> {
        let mut head = Vec::new();
        let mut body = Vec::new();
        let mut taken = Taken::default();
        loop {
            let (frame, payload) = self.frame()?;
            match frame.kind {
                Kind::Response => head.extend(payload),
                Kind::Body => {
                    assert_eq!(frame.id, id);
                    if let Some(more) = taken.take(payload.len()).expect("no more than was given") {
                        self.tell(Kind::Credit, id, &more.to_be_bytes());
                    }
                    body.extend(payload);
                    if frame.last {
                        return Some(Answer { head: serde_json::from_slice(&head).expect("JSON"), body });
                    }
                }
                Kind::Credit => {}
                kind => panic!("{kind:?} in place of a response"),
            }
        }
    }

    /// The id in the farewell that comes next, and nothing after it.
    pub fn bye(&mut self) -> u64 {
        let (frame, id) = self.frame().expect("a farewell");
        assert_eq!(frame.kind, Kind::Bye);
        assert!(self.frame().is_none(), "the connection ends");
        u64::from_be_bytes(id.try_into().expect("8 bytes"))
    }
}
