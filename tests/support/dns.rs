//! A name server that can give different answers to the same question, and counts the questions.

use std::collections::HashMap;
use std::net::{IpAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

const A: u16 = 1;
const AAAA: u16 = 28;

/// The answer of the server to one lookup of a name.
#[derive(Clone, Debug)]
pub enum Answer {
    /// These addresses, each to the question of its family.
    Addresses(Vec<IpAddr>),
    /// NXDOMAIN.
    NotFound,
    /// SERVFAIL.
    Failure,
    /// Nothing at all.
    Silence,
}

/// The answer of these addresses.
pub fn addresses(texts: &[&str]) -> Answer {
    Answer::Addresses(texts.iter().map(|text| text.parse().expect("an address")).collect())
}

/// A name server at 127.0.0.1:53, for a test that has a network of its own.
pub struct Dns(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// For every name the answers to its first lookup, to its second, and so on. The last one is given to all further lookups.
    zone: HashMap<String, Vec<Answer>>,
    questions: HashMap<(String, u16), usize>,
}

impl Dns {
    pub fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:53").expect("port 53 of the test's own network");
        let state = Arc::new(Mutex::new(State::default()));
        let served = Arc::clone(&state);
        thread::spawn(move || {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                let reply = reply(&packet[..length], &mut served.lock().expect("no poison"));
                if let Some(reply) = reply {
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
        Self(state)
    }

    /// Sets the answers to the lookups of a name, from now on.
    pub fn set(&self, name: &str, answers: Vec<Answer>) {
        let mut state = self.0.lock().expect("no poison");
        state.zone.insert(name.to_owned(), answers);
        state.questions.retain(|(asked, _), _| asked != name);
    }

    /// How often the name's IPv4 and IPv6 addresses were asked for since it was set.
    pub fn questions(&self, name: &str) -> (usize, usize) {
        let state = self.0.lock().expect("no poison");
        let of = |kind| state.questions.get(&(name.to_owned(), kind)).copied().unwrap_or(0);
        (of(A), of(AAAA))
    }

    /// How often the server was asked anything.
    pub fn all_questions(&self) -> usize {
        self.0.lock().expect("no poison").questions.values().sum()
    }
}

/// The reply to a packet of one question (RFC 1035 section 4), or none.
fn reply(packet: &[u8], state: &mut State) -> Option<Vec<u8>> {
    let (mut name, mut at) = (Vec::new(), 12);
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        name.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let (name, kind) = (name.join("."), u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    let asked = state.questions.entry((name.clone(), kind)).or_default();
    let answers = state.zone.get(&name).map_or(&[Answer::NotFound][..], Vec::as_slice);
    let answer = answers.get(*asked).or(answers.last())?;
    *asked += 1;

    let (code, addresses) = match answer {
        Answer::Silence => return None,
        Answer::Failure => (2, &[][..]),
        Answer::NotFound => (3, &[][..]),
        Answer::Addresses(addresses) => (0, addresses.as_slice()),
    };
    let records: Vec<Vec<u8>> = addresses
        .iter()
        .filter_map(|address| match address {
            IpAddr::V4(address) if kind == A => Some(address.octets().to_vec()),
            IpAddr::V6(address) if kind == AAAA => Some(address.octets().to_vec()),
            _ => None,
        })
        .collect();
    let mut reply = packet[..2].to_vec();
    reply.extend([0x81, 0x80 | code, 0, 1, 0, u8::try_from(records.len()).ok()?, 0, 0, 0, 0]);
    reply.extend(&packet[12..at + 4]);
    for record in records {
        let [high, low] = kind.to_be_bytes();
        // A pointer to the name in the question, the class IN, and a TTL of 0, so that nobody caches the answer.
        reply.extend([0xc0, 12, high, low, 0, 1, 0, 0, 0, 0, 0, u8::try_from(record.len()).ok()?]);
        reply.extend(record);
    }
    Some(reply)
}
