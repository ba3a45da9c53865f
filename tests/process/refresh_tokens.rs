//! What remains of refresh tokens in the process that has exchanged one for another. Another process searches its memory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::signing_keys::{Needles, Seen, searching, tell};
use crate::support::alone;
use crate::support::library::{close, open, send};
use crate::support::oauth::{Site, nth, response, sealed};
use crate::support::server::Received;

/// Refresh token number `n`, which no program has in it as it is.
fn token(n: u8) -> String {
    (0..48_u8).map(|index| char::from(b'a' + index.wrapping_mul(37).wrapping_add(n.wrapping_mul(11)) % 26)).collect()
}

fn needles() -> Needles {
    (0..3).map(|n| (format!("token {n}"), token(n).into_bytes())).collect()
}

/// Makes a call that has to refresh twice, since the API rejects the first access token, and at last has the tokens itself, so that it is seen what the search would find.
fn caller(task: &Value) {
    tell(&task["port"], "before");
    let (_, engine, _) = open(&task["configuration"]);
    let reply = send(engine, &task["request"], b"", task["sealed"].as_str().expect("an envelope"));
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    tell(&task["port"], "after");
    close(engine);
    let tokens = needles();
    tell(&task["port"], "control");
    drop(std::hint::black_box(tokens));
}

#[test]
fn nothing_remains_of_a_refresh_token() {
    if let Some(task) = alone::task() {
        return caller(&task);
    }
    let (needles, seen) = (Arc::new(needles()), Arc::new(Mutex::new(Seen::default())));
    let port = searching(&needles, &seen);
    let site = {
        let (needles, seen) = (Arc::clone(&needles), Arc::clone(&seen));
        let answer = move |n: usize, _: &Received| {
            seen.lock().expect("no poison").look(["during one", "during two"][n], &needles);
            let (access, next) = (nth(n), token(n as u8 + 1));
            response("200 OK", &json!({"access_token": access, "token_type": "bearer", "refresh_token": next}))
        };
        Site::closing_if(answer, |access| access == nth(1))
    };
    let directory = site.authority.directory().join("refresh");
    fs::create_dir(&directory).expect("a directory");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).expect("a mode");
    let mut configuration = site.configuration.clone();
    configuration["refresh_tokens"] = json!({"directory": directory});
    let hosts = [&site.endpoint, &site.api].map(|server| format!("localhost:{}", server.address.port()));
    let mut payload = site.payload();
    payload["refresh_token"] = json!(token(0));
    payload["binding"] = json!({"hosts": hosts});
    let mut request = site.request("GET");
    request["credentials"][0]["type"] = json!("oauth2_refresh_token");
    let task = json!({"configuration": configuration, "request": request, "sealed": sealed(&payload), "port": port});
    alone::run("nothing_remains_of_a_refresh_token", &task);
    let seen = seen.lock().expect("no poison");
    println!("{:?}", seen.stages);
    assert_eq!(seen.at("during one"), ["token 0"]);
    assert_eq!(seen.at("during two"), ["token 0", "token 1"], "as it was sealed, and the one that is sent");
    for stage in ["before", "after"] {
        assert!(seen.at(stage).is_empty(), "{stage}: {:?}", seen.stages);
    }
    assert_eq!(seen.at("control").len(), needles.len());
}
