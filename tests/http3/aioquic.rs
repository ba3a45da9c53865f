//! Attacks below HTTP, by aioquic, which can send what quinn cannot: `.ci/http3-servers` fetches it for `.ci/hardening --only=http3`.
//!
//! Which attack is shown where:
//!
//! | what a server does | test |
//! |---|---|
//! | garbage, frames of reserved types, heads without end, large field sections, pushes, settings, resets | `hostile` |
//! | GOAWAY, REQUEST_REJECTED, VERSION_FALLBACK, an early response | `honest` |
//! | a body that is shorter or longer than its content-length | `net::http3::tests` |
//! | bodies that nobody reads | `beside` |
//! | frames of QUIC that break its rules, or come without end | here |

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::nginx::registered;
use crate::support::alone;
use crate::support::library::{close, open, send};
use crate::support::peak;
use crate::support::server::{Authority, configuration};

const ROOM: u64 = 8 << 10;
const SOON: u64 = 1000;
const NEVER: u64 = 10_000;

const INVALID: (&str, &str) = ("protocol.invalid", "maybe");
const LATE: (&str, &str) = ("timeout.total", "maybe");

/// Attacks, when the call is given up, and its error.
const ATTACKS: [(&str, u64, (&str, &str)); 18] = [
    ("a frame of no known type", NEVER, INVALID),
    ("an acknowledgement of nothing", NEVER, INVALID),
    ("half a frame", NEVER, INVALID),
    ("an empty token", NEVER, INVALID),
    ("a datagram that nobody agreed to", NEVER, INVALID),
    ("connection ids without end", NEVER, INVALID),
    ("a limit of streams beyond all", NEVER, INVALID),
    ("a window of a stream that is not", NEVER, INVALID),
    ("a stream that the client does not take", NEVER, INVALID),
    ("more of a stream than its window", NEVER, INVALID),
    ("more of a stream than there can be", NEVER, INVALID),
    ("two ends of a stream", NEVER, INVALID),
    ("a reset without a state", NEVER, ("protocol.closed_early", "maybe")),
    ("challenges without end", SOON, LATE),
    ("pings without end", SOON, LATE),
    ("retirements without end", NEVER, INVALID),
    ("nothing more", SOON, LATE),
    ("an answer", NEVER, ("", "")),
];

struct Attacker {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
    port: u16,
}

impl Attacker {
    fn start(authority: &Authority, attack: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (certificate, key) = authority.files(&["localhost"]);
        let mut command = Command::new(root.join("target/http3-servers/pypi/bin/python"));
        command.arg(root.join("tests/http3/servers/attacks.py")).args([&certificate, &key]).arg(attack);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect(".ci/http3-servers");
        let mut said = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        said.read_line(&mut line).expect("a line");
        Self { port: line.trim().parse().expect("a port"), child, said }
    }

    /// Ends it, and says how many requests had come.
    fn requests(mut self) -> usize {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).expect("text");
        self.child.wait().expect("a child");
        rest.lines().filter(|line| *line == "request").count()
    }
}

#[test]
#[ignore = "needs .ci/http3-servers"]
fn frames_of_quic_end_in_a_known_error_with_bounded_memory() {
    alone::in_own_process("frames_of_quic_end_in_a_known_error_with_bounded_memory", || {
        let mut wrong = Vec::new();
        for (attack, deadline, expected) in ATTACKS {
            let authority = Authority::new();
            let server = Attacker::start(&authority, attack);
            let mut document = configuration(&authority, &["localhost"], &[server.port]);
            document["http_versions"] = json!(["3", "2", "1.1"]);
            let (status, engine, head) = open(&document);
            assert_eq!(status, 0, "{head}");
            let mut request = registered(&format!("https://localhost:{}", server.port), "POST", "/");
            request["timeout_ms"] = json!(deadline);
            let (reply, cost) = peak::cost(|| send(engine, &request, b"once", ""));
            close(engine);
            let found = (reply.code(), reply.sent());
            println!("{attack}: {found:?}, {cost} KiB, {} us", reply.head["audit"]["duration_us"]);
            let requests = server.requests();
            let is_by_3 = reply.head["audit"]["http_version"] == "3";
            if found != expected || cost >= ROOM || requests != 1 || !is_by_3 {
                wrong.push(format!("{attack}: {cost} KiB, {requests} requests, {}", reply.head["error"]));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}
