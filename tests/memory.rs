//! What remains of a credential in the process that sent it.

mod support;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};
use support::alone;
use support::library::{library, open, send};
use support::oauth::{Site, sealed, token};
use support::server::{Authority, Server, configuration, request};

const KEY: [u8; 32] = [1; 32];
/// The token as the process that searches for it has it, so that the search does not find itself.
const MASK: u8 = 0x55;
const CHUNK: usize = 1 << 20;

/// How often the masked bytes stand unmasked in the writable memory of this process.
fn copies(masked: &[u8]) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").expect("this process's memory");
    let memory = File::open("/proc/self/mem").expect("this process's memory");
    let mut found = 0;
    let mut chunk = vec![0; CHUNK + masked.len()];
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let range = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
        let address = |text| u64::from_str_radix(text, 16).expect("an address");
        let (mut at, end) = (address(range.0), address(range.1));
        while at < end {
            let wanted = (end - at).min(chunk.len() as u64) as usize;
            // Guard pages and the like cannot be read; nothing stands there.
            let read = memory.read_at(&mut chunk[..wanted], at).unwrap_or(0);
            let hit = |window: &&[u8]| window.iter().zip(masked).all(|(byte, masked)| *byte == masked ^ MASK);
            found += chunk[..read].windows(masked.len()).filter(hit).count();
            chunk[..read].fill(0);
            at += CHUNK as u64;
        }
    }
    found
}

fn sender(task: &Value) {
    let masked: Vec<u8> = serde_json::from_value(task["masked"].clone()).expect("bytes");
    let (_, engine, _) = open(&task["configuration"]);
    let mut counted = Vec::new();
    for request in task["requests"].as_array().expect("requests") {
        let reply = send(engine, request, b"", task["sealed"].as_str().expect("an envelope"));
        assert_eq!(reply.http_status(), Some(200), "{reply:?}");
        counted.push(copies(&masked));
    }
    let planted: Vec<u8> = masked.iter().map(|byte| byte ^ MASK).collect();
    let control = copies(&masked);
    assert_eq!(planted.len(), masked.len());
    println!("copies: {counted:?}, with one planted: {control}");
    assert!(control > counted[counted.len() - 1], "a copy that is there is found");
    assert_eq!(counted[counted.len() - 1], 0, "the connection is closed");
}

#[test]
fn nothing_remains_of_a_token_once_its_connection_is_closed() {
    if let Some(task) = alone::task() {
        return sender(&task);
    }
    let token = b"c4n4ry-memory-51f0a9";
    let authority = Authority::new();
    let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), |peer| {
        while let Some(received) = peer.read() {
            assert_eq!(received.header("authorization"), Some("Bearer c4n4ry-memory-51f0a9"));
            let close = if received.line().contains("/last") { "connection: close\r\n" } else { "" };
            peer.write(format!("HTTP/1.1 200 OK\r\n{close}content-length: 2\r\n\r\nok"));
            if !close.is_empty() {
                break;
            }
        }
        true
    });
    let mut configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
    configuration["master_keys"] = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
    let requests = ["/first", "/second", "/last"].map(|path| {
        let mut request = request("GET", &server.url("https", "localhost"), path);
        request["credentials"] = json!([{"identifier": "my_api_key", "type": "bearer"}]);
        request
    });
    let payload = json!({"token": String::from_utf8_lossy(token)}).to_string();
    let sealed = support::seal(payload.as_bytes(), "my_api_key", &KEY, Algorithm::XChaCha20Poly1305);
    let masked: Vec<u8> = token.iter().map(|byte| byte ^ MASK).collect();
    let task = json!({"configuration": configuration, "requests": requests, "sealed": sealed, "masked": masked});
    let output = alone::run("nothing_remains_of_a_token_once_its_connection_is_closed", &task);
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

#[allow(unsafe_code)]
fn holder(task: &Value) {
    let masked = |name: &str| serde_json::from_value::<Vec<u8>>(task[name].clone()).expect("bytes");
    let (secret, token) = (masked("secret"), masked("token"));
    let (_, engine, _) = open(&task["configuration"]);
    let reply = send(engine, &task["request"], b"", task["sealed"].as_str().expect("an envelope"));
    assert_eq!(reply.http_status(), Some(200), "{reply:?}");
    drop(reply);
    let (secrets, tokens) = (copies(&secret), copies(&token));
    // SAFETY: a handle is a number.
    assert_eq!(unsafe { (library().close)(engine) }, 0);
    let after = copies(&token);
    println!("client secret: {secrets}, token: {tokens}, when the engine is closed: {after}");
    let planted: Vec<u8> = token.iter().map(|byte| byte ^ MASK).collect();
    assert!(copies(&token) > after, "a copy that is there is found");
    assert_eq!((secrets, tokens, after, planted.len()), (0, 1, 0, token.len()), "the cache has one");
}

/// The API ends its connection, which has a copy in its buffers as long as it lives.
#[test]
fn of_a_fetched_token_the_cache_alone_has_a_copy() {
    if let Some(task) = alone::task() {
        return holder(&task);
    }
    let (secret, access) = (b"c4n4ry-secret-0f3b72", b"c4n4ry-access-99d1e4");
    let site = Site::closing(|_, _| token("c4n4ry-access-99d1e4"));
    let mut payload = site.payload();
    payload["client_secret"] = json!(String::from_utf8_lossy(secret));
    let mask = |bytes: &[u8]| bytes.iter().map(|byte| byte ^ MASK).collect::<Vec<_>>();
    for auth in ["body", "basic"] {
        payload["client_auth"] = json!(auth);
        let task = json!({
            "configuration": site.configuration, "request": site.request("GET"), "sealed": sealed(&payload),
            "secret": mask(secret), "token": mask(access),
        });
        let output = alone::run("of_a_fetched_token_the_cache_alone_has_a_copy", &task);
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}
