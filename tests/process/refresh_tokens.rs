//! What remains of refresh tokens in the process that has exchanged one for another. Another process searches its memory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use rcgen::KeyPair;
use serde_json::{Value, json};

use super::client_keys::tell_parsed;
use super::signing_keys::{Needles, Seen, searching, tell};
use crate::support::alone;
use crate::support::library::{close, open, send};
use crate::support::oauth::{Site, nth, response, sealed};
use crate::support::server::{Authority, Received};

/// Refresh token number `n`, which no program has in it as it is.
fn token(n: u8) -> String {
    (0..48_u8).map(|index| char::from(b'a' + index.wrapping_mul(37).wrapping_add(n.wrapping_mul(11)) % 26)).collect()
}

fn needles() -> Needles {
    (0..3).map(|n| (format!("token {n}"), token(n).into_bytes())).collect()
}

/// Makes a call that has to refresh twice, since the API rejects the first access token, and at last has the tokens itself, and the key
/// where there is one, so that it is seen what the search would find.
fn caller(task: &Value) {
    tell(&task["port"], "before");
    let (_, engine, _) = open(&task["configuration"]);
    let reply = send(engine, &task["request"], b"", task["sealed"].as_str().expect("an envelope"));
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    tell(&task["port"], "after");
    close(engine);
    if !task["key"].is_null() {
        tell_parsed(task);
    }
    let tokens = needles();
    tell(&task["port"], "control");
    drop(std::hint::black_box(tokens));
}

/// What is found while `name` calls in a process of its own, with a payload that has this too.
fn stages(name: &str, more: Needles, authority: Authority, client: &Value) -> Seen {
    let needles = Arc::new([needles(), more].concat());
    let seen = Arc::new(Mutex::new(Seen::default()));
    let port = searching(&needles, &seen);
    let site = {
        let (needles, seen) = (Arc::clone(&needles), Arc::clone(&seen));
        let answer = move |n: usize, _: &Received| {
            seen.lock().expect("no poison").look(["during one", "during two"][n], &needles);
            let (access, next) = (nth(n), token(n as u8 + 1));
            response("200 OK", &json!({"access_token": access, "token_type": "bearer", "refresh_token": next}))
        };
        Site::closing_if(authority, !client["key"].is_null(), answer, |access| access == nth(1))
    };
    let directory = site.authority.directory().join("refresh");
    fs::create_dir(&directory).expect("a directory");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).expect("a mode");
    let mut configuration = site.configuration.clone();
    configuration["refresh_tokens"] = json!({"directory": directory});
    let hosts = [&site.endpoint, &site.api].map(|server| format!("localhost:{}", server.address.port()));
    let mut payload = json!({
        "client_id": "client", "token_url": site.token_url(), "refresh_token": token(0), "binding": {"hosts": hosts},
    });
    payload.as_object_mut().expect("an object").extend(client["payload"].as_object().cloned().expect("an object"));
    let mut request = site.request("GET");
    request["credentials"][0]["type"] = json!("oauth2_refresh_token");
    let task = json!({
        "configuration": configuration, "request": request, "sealed": sealed(&payload), "port": port,
        "key": client["key"], "chain": client["payload"]["certificate_chain"],
    });
    alone::run(name, &task);
    let seen = std::mem::take(&mut *seen.lock().expect("no poison"));
    println!("{:?}", seen.stages);
    for stage in ["before", "after"] {
        assert!(seen.at(stage).is_empty(), "{stage}: {:?}", seen.stages);
    }
    assert_eq!(seen.at("control").iter().filter(|name| name.starts_with("token")).count(), 3);
    seen
}

#[test]
fn nothing_remains_of_a_refresh_token() {
    if let Some(task) = alone::task() {
        return caller(&task);
    }
    let client = json!({"payload": {"client_secret": "s3cr3t"}});
    let seen = stages("nothing_remains_of_a_refresh_token", Vec::new(), Authority::new(), &client);
    assert_eq!(seen.at("during one"), ["token 0"]);
    assert_eq!(seen.at("during two"), ["token 0", "token 1"], "as it was sealed, and the one that is sent");
}

#[test]
fn nothing_remains_of_the_key_that_a_refresh_token_goes_with() {
    if let Some(task) = alone::task() {
        return caller(&task);
    }
    let file = |name: &str| format!("{}/tests/vectors/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(file(name)).expect("a key");
    let authority = Authority::new();
    // The certificate's maker takes the key in this form only, and the call has it in the other.
    let pair = authority.client_of(&KeyPair::from_pem(&read("rsa-pkcs8")).expect("a key"), "client", |_| {});
    let client = json!({
        "key": file("rsa-pkcs1"),
        "payload": {
            "client_auth": "tls_client_auth", "private_key": read("rsa-pkcs1"), "certificate_chain": pair.certificate_chain,
        },
    });
    let name = "nothing_remains_of_the_key_that_a_refresh_token_goes_with";
    let seen = stages(name, super::signing_keys::needles(&read("rsa-pkcs1")), authority, &client);
    assert_eq!(seen.at("during one"), ["PEM", "token 0"], "the sealed text is there for another connection");
    assert_eq!(seen.at("during two"), ["PEM", "token 0", "token 1"]);
    let parsed = seen.at("parsed");
    for number in ["d", "p", "q", "dP", "dQ", "qInv"] {
        let is_found = |order: &&str| parsed.contains(&format!("{number}, {order}"));
        assert!(["low byte first", "high byte first"].iter().all(is_found), "{number}: {:?}", seen.stages);
    }
    assert!(["PEM", "DER"].iter().all(|form| parsed.contains(&(*form).to_owned())), "{:?}", seen.stages);
}
