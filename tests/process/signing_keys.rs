//! What remains of a private key in the process that signed with it. Another process searches its memory: for the key as PEM and as
//! DER, and for each of its numbers in both orders of bytes.

use std::fs;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use memchr::memmem;
use secure_outbound::secret::Secret;
use secure_outbound::sign::{SigningAlgorithm, SigningKey};
use serde_json::{Value, json};

use crate::support::alone;
use crate::support::library::{close, open, send};
use crate::support::oauth::{Site, sealed, token};

/// Bytes of a number that are looked for: its middle, so that a part of it is found too.
const PART: usize = 24;

/// Bytes of memory that are read at once, and those that are read twice: more than the longest key has.
const CHUNK: usize = 1 << 18;
const OVERLAP: usize = 1 << 12;

/// What is looked for, by its name.
pub(super) type Needles = Vec<(String, Vec<u8>)>;

/// The numbers of a DER text that are as long as a secret one: of PKCS#1 n, d, p, q, dP, dQ and qInv, of SEC1 the key.
fn numbers(der: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = der;
    while let [tag, length, behind @ ..] = rest {
        let (length, behind) = match length {
            0x81 => (usize::from(behind[0]), &behind[1..]),
            0x82 => (usize::from(behind[0]) << 8 | usize::from(behind[1]), &behind[2..]),
            short => (usize::from(*short), behind),
        };
        if *tag == 0x30 {
            // Its elements come next.
            rest = behind;
            continue;
        }
        if matches!(tag, 0x02 | 0x04) && length >= 32 {
            found.push(behind[..length].to_vec());
        }
        rest = &behind[length..];
    }
    found
}

pub(super) fn needles(pem: &str) -> Needles {
    let line = pem.lines().nth(2).expect("a line of base64");
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = crate::support::base64(&body);
    let mut numbers = numbers(&der);
    let names: &[&str] = if numbers.len() == 1 { &["d"] } else { &["d", "p", "q", "dP", "dQ", "qInv"] };
    if numbers.len() > 1 {
        // The modulus is no secret.
        numbers.remove(0);
    }
    assert_eq!(numbers.len(), names.len());
    let mut needles = vec![("PEM".to_owned(), line.as_bytes().to_vec()), ("DER".to_owned(), der)];
    for (name, number) in names.iter().zip(numbers) {
        let middle = (number.len() - PART) / 2;
        let part = number[middle..middle + PART].to_vec();
        needles.push((format!("{name}, low byte first"), part.iter().rev().copied().collect()));
        needles.push((format!("{name}, high byte first"), part));
    }
    needles
}

/// The names of what is in the memory of a process.
pub(super) fn found(pid: u32, needles: &Needles) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("a process");
    let mut memory = fs::File::open(format!("/proc/{pid}/mem")).expect("a process");
    let empty = vec![0; CHUNK + OVERLAP];
    let mut found = Vec::new();
    let mut searched = 0;
    for line in maps.lines() {
        let (range, rest) = line.split_once(' ').expect("a mapping");
        let (from, to) = range.split_once('-').expect("a range");
        let [from, to] = [from, to].map(|address| u64::from_str_radix(address, 16).expect("an address"));
        if !rest.starts_with('r') || rest.contains("[v") {
            continue;
        }
        for start in (from..to).step_by(CHUNK) {
            // A copy may begin in one chunk and end in the next.
            let mut bytes = vec![0; (CHUNK + OVERLAP).min((to - start) as usize)];
            memory.seek(SeekFrom::Start(start)).expect("an address");
            if memory.read_exact(&mut bytes).is_err() || bytes == empty[..bytes.len()] {
                continue;
            }
            searched += bytes.len();
            let there = needles.iter().filter(|(_, needle)| memmem::find(&bytes, needle).is_some());
            found.extend(there.map(|(name, _)| name.clone()));
        }
    }
    assert!(searched > 1 << 20, "its memory was read");
    found.sort();
    found.dedup();
    found
}

/// Tells the searching process how far this one is, and waits until it has looked.
pub(super) fn tell(port: &Value, stage: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", port.as_u64().expect("a port") as u16)).expect("a listener");
    writeln!(stream, "{} {stage}", std::process::id()).expect("a stream");
    BufReader::new(stream).read_line(&mut String::new()).expect("a word");
}

/// Makes a call, and at last has the key itself, parsed and as DER, so that it is seen what the search would find.
fn signer(task: &Value) {
    tell(&task["port"], "before");
    let (_, engine, _) = open(&task["configuration"]);
    let reply = send(engine, &task["request"], b"", task["sealed"].as_str().expect("an envelope"));
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    tell(&task["port"], "after");
    close(engine);
    let pem = fs::read(task["key"].as_str().expect("a path")).expect("a file");
    let algorithm = SigningAlgorithm::from_name(task["alg"].as_str().expect("a name")).expect("an algorithm");
    let body: String = String::from_utf8_lossy(&pem).lines().filter(|line| !line.starts_with('-')).collect();
    let der = crate::support::base64(&body);
    let key = SigningKey::read(&Secret::new(pem), algorithm).expect("a key");
    tell(&task["port"], "parsed");
    drop(std::hint::black_box((der, key)));
}

/// What a process had in its memory at each stage: its pid as it told it, and what was found.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) pid: u32,
    pub(super) stages: Vec<(String, Vec<String>)>,
}

impl Seen {
    /// Looks into the process.
    pub(super) fn look(&mut self, stage: &str, needles: &Needles) {
        self.stages.push((stage.to_owned(), found(self.pid, needles)));
    }

    /// What was found at a stage.
    pub(super) fn at(&self, stage: &str) -> &[String] {
        &self.stages.iter().find(|(name, _)| name == stage).expect("a stage").1
    }
}

/// Looks into each process that tells how far it is, on the port that this gives.
pub(super) fn searching(needles: &Arc<Needles>, seen: &Arc<Mutex<Seen>>) -> u16 {
    let needles = Arc::clone(needles);
    searching_for(move |look| look(&needles), seen)
}

/// The same for what is known only as it goes on.
pub(super) fn searching_for(with: impl Fn(&mut dyn FnMut(&Needles)) + Send + 'static, seen: &Arc<Mutex<Seen>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let seen = Arc::clone(seen);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a stream");
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).expect("a line");
            let (pid, stage) = line.trim().split_once(' ').expect("who, and how far");
            let mut seen = seen.lock().expect("no poison");
            seen.pid = pid.parse().expect("a number");
            with(&mut |needles| seen.look(stage, needles));
            writeln!(stream).expect("a stream");
        }
    });
    port
}

/// Runs the signer and gives what was found at each stage: `during` is when the token endpoint is asked, and of a `jwt` the API.
fn stages(kind: &str, name: &str, alg: &str) -> Seen {
    let file = format!("{}/tests/vectors/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    let pem = fs::read_to_string(&file).expect("a key");
    let needles = Arc::new(needles(&pem));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let port = searching(&needles, &seen);
    let look = {
        let (needles, seen) = (Arc::clone(&needles), Arc::clone(&seen));
        move || seen.lock().expect("no poison").look("during", &needles)
    };
    let site = match kind {
        "jwt" => Site::closing_after(look),
        _ => Site::closing(move |_, _| {
            look();
            token("t")
        }),
    };
    let hosts = [&site.endpoint, &site.api].map(|server| format!("localhost:{}", server.address.port()));
    let mut payload = json!({"private_key": pem, "alg": alg, "iss": "robot", "binding": {"hosts": hosts}});
    if kind != "jwt" {
        payload["token_url"] = json!(site.token_url());
    }
    if kind == "oauth2_client_credentials" {
        payload.as_object_mut().expect("an object").remove("iss");
        payload["client_id"] = json!("robot");
        payload["client_auth"] = json!("private_key_jwt");
    }
    let mut request = site.request("GET");
    request["credentials"][0]["type"] = json!(kind);
    let task = json!({
        "configuration": site.configuration, "request": request, "sealed": sealed(&payload), "port": port, "key": file, "alg": alg,
    });
    alone::run("nothing_remains_of_a_key_that_signed", &task);
    std::mem::take(&mut *seen.lock().expect("no poison"))
}

#[test]
fn nothing_remains_of_a_key_that_signed() {
    if let Some(task) = alone::task() {
        return signer(&task);
    }
    let of_rsa = &["d", "p", "q", "dP", "dQ", "qInv"][..];
    for (kind, name, alg, names) in [
        ("oauth2_jwt_bearer", "rsa-pkcs1", "RS256", of_rsa),
        ("oauth2_jwt_bearer", "p256-sec1", "ES256", &["d"]),
        ("oauth2_client_credentials", "p256-sec1", "ES256", &["d"]),
        ("jwt", "rsa-pkcs1", "PS256", of_rsa),
    ] {
        let seen = stages(kind, name, alg);
        let (stages, at) = (&seen.stages, |stage: &str| seen.at(stage));
        println!("{name}: {stages:?}");
        assert!(at("before").is_empty(), "{name}: {stages:?}");
        assert_eq!(
            at("during"),
            &["PEM"],
            "{kind} {name}: the sealed text is there while its token is asked for or used, and nothing parsed"
        );
        assert!(at("after").is_empty(), "{name}: {stages:?}");
        let parsed = at("parsed");
        assert!(parsed.contains(&"DER".to_owned()), "{name}: {stages:?}");
        for number in names {
            for order in ["low byte first", "high byte first"] {
                assert!(
                    parsed.contains(&format!("{number}, {order}")),
                    "{name}: {number} {order} is found: {stages:?}"
                );
            }
        }
    }
}
