//! Which requests are attempted again, how often, and what each attempt sends. The servers count the requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::{Client, Over};
use crate::support::h2::{self, Connection};
use crate::support::library::Reply;
use crate::support::server::{Authority, Peer};

/// Lets a call make three attempts.
fn thrice(request: &mut Value) {
    request["policy"]["max_attempts"] = json!(3);
}

/// Lets a call make three attempts, with an idempotency key.
fn keyed(request: &mut Value) {
    thrice(request);
    request["idempotency_key"] = json!("order-17");
}

/// The number of attempts, and how each of them failed.
fn attempts(reply: &Reply) -> (u64, Vec<&str>) {
    let audit = &reply.head["audit"];
    let errors = audit["attempt_errors"].as_array().expect("a list");
    (audit["attempts"].as_u64().expect("a number"), errors.iter().map(|error| error.as_str().expect("text")).collect())
}

/// A response of this status, with fields, that keeps the connection.
fn status(status: u64, fields: &str) -> String {
    format!("HTTP/1.1 {status} Some\r\n{fields}content-length: 0\r\n\r\n")
}

/// A server that gives the first requests this response, and 200 to those that follow.
fn recovering(first: usize, response: impl Into<String>) -> Client {
    let (seen, response) = (AtomicUsize::new(0), response.into());
    Client::with(
        Over::Plain,
        |_| {},
        move |peer| {
            while peer.read().is_some() {
                match seen.fetch_add(1, Ordering::SeqCst) < first {
                    true => peer.write(&response),
                    false => peer.respond("done"),
                };
            }
            true
        },
    )
}

/// Servers that read a whole request and close the connection without a response.
fn without_response() -> Vec<(&'static str, Client)> {
    let silent = |peer: &mut Peer<'_>| peer.read().is_none();
    let one_stream = |connection: &mut Connection<'_, '_>| connection.request().is_none();
    vec![
        ("plain", Client::with(Over::Plain, |_| {}, silent)),
        ("HTTP/1.1", Client::http1(silent)),
        ("HTTP/2", Client::http2(one_stream)),
    ]
}

#[test]
fn a_post_without_a_response_is_never_sent_twice() {
    for (over, client) in without_response() {
        let reply = client.call("POST", b"amount=1", thrice);
        assert_eq!((reply.code(), reply.sent()), ("protocol.closed_early", "maybe"), "{over}: {reply:?}");
        assert_eq!(attempts(&reply), (1, vec!["protocol.closed_early"]), "{over}");
        assert_eq!((client.counts().requests(), client.counts().connections()), (1, 1), "{over}");
    }
}

#[test]
fn a_post_with_a_key_and_no_response_is_sent_again_under_the_same_key() {
    for (over, client) in without_response() {
        let reply = client.call("POST", b"amount=1", keyed);
        assert_eq!((reply.code(), reply.sent()), ("protocol.closed_early", "maybe"), "{over}: {reply:?}");
        assert_eq!(attempts(&reply), (3, vec!["protocol.closed_early"; 3]), "{over}");
        assert_eq!(reply.head["audit"]["bytes_out"], 24, "{over}: over all attempts");
        assert_eq!(client.counts().requests(), 3, "{over}");
        for received in client.counts().received.lock().expect("no poison").iter() {
            assert_eq!(received.body, b"amount=1", "{over}");
            // The HTTP/2 server of the tests does not decode header blocks.
            if over != "HTTP/2" {
                assert_eq!(received.header("idempotency-key"), Some("order-17"), "{over}");
            }
        }
    }
}

#[test]
fn the_key_goes_into_the_header_that_the_service_names() {
    let (_, client) = without_response().remove(0);
    client.call("POST", b"", |request| {
        keyed(request);
        request["idempotency_header"] = json!("X-Request-Token");
    });
    let received = client.counts().received.lock().expect("no poison").clone();
    let keys: Vec<_> = received.iter().map(|request| request.header("x-request-token")).collect();
    assert_eq!(keys, [Some("order-17"); 3]);
    assert!(received.iter().all(|request| request.header("idempotency-key").is_none()));
}

#[test]
fn one_attempt_is_made_unless_the_policy_says_more() {
    let (_, client) = without_response().remove(0);
    let reply = client.call("PUT", b"", |request| request["idempotency_key"] = json!("order-17"));
    assert_eq!((attempts(&reply).0, client.counts().requests()), (1, 1), "{reply:?}");
}

#[test]
fn four_responses_are_asked_for_again_where_the_request_is_idempotent() {
    for response in [429, 502, 503, 504] {
        for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
            let client = recovering(2, status(response, ""));
            let reply = client.call(method, b"", thrice);
            assert_eq!(reply.http_status(), Some(200), "{response} {method}: {reply:?}");
            assert_eq!(attempts(&reply), (3, vec![format!("http_{response}").as_str(); 2]), "{response} {method}");
            assert_eq!(client.counts().requests(), 3, "{response} {method}");
            assert_eq!(
                client.counts().connections(),
                1,
                "{response} {method}: a response that ended keeps its connection"
            );
        }
        for method in ["POST", "PATCH"] {
            let client = recovering(2, status(response, ""));
            let reply = client.call(method, b"", thrice);
            assert_eq!(reply.http_status(), Some(response), "{method}: {reply:?}");
            assert_eq!(attempts(&reply), (1, vec![format!("http_{response}").as_str()]), "{method}");
            assert_eq!(client.counts().requests(), 1, "{response} {method}");
            assert_eq!(client.call(method, b"", keyed).http_status(), Some(200), "{response} {method} with a key");
            assert_eq!(client.counts().requests(), 3, "{response} {method} with a key");
        }
    }
}

#[test]
fn other_responses_are_the_callers() {
    for response in [301, 400, 401, 403, 404, 408, 409, 425, 500, 501, 505] {
        let client = recovering(2, status(response, "retry-after: 0\r\n"));
        let reply = client.call("GET", b"", thrice);
        assert_eq!(reply.http_status(), Some(response), "{reply:?}");
        let expected = if response < 400 { Vec::new() } else { vec![format!("http_{response}")] };
        assert_eq!((attempts(&reply).1, client.counts().requests()), (expected.iter().map(|e| &**e).collect(), 1));
    }
}

#[test]
fn the_last_response_is_handed_over_whole() {
    let client = recovering(9, "HTTP/1.1 503 Unavailable\r\ncontent-length: 4\r\n\r\nlate");
    let reply = client.call("GET", b"", thrice);
    assert_eq!((reply.status, reply.http_status(), reply.body.as_slice()), (0, Some(503), &b"late"[..]), "{reply:?}");
    assert_eq!(attempts(&reply), (3, vec!["http_503"; 3]));
    assert_eq!(client.counts().requests(), 3);
}

#[test]
fn a_response_whose_body_breaks_off_has_the_later_error() {
    let client = Client::http1(|peer| {
        peer.read().is_some() && peer.write("HTTP/1.1 503 Unavailable\r\ncontent-length: 9\r\n\r\npart")
    });
    let reply = client.get();
    assert_eq!((reply.code(), reply.sent()), ("protocol.closed_early", "yes"), "{reply:?}");
    assert_eq!(attempts(&reply), (1, vec!["protocol.closed_early"]));
    assert_eq!(reply.head["error"]["http_status"], 503);
}

#[test]
fn the_body_of_a_response_that_is_not_the_last_is_read_during_the_pause() {
    let client = recovering(1, "HTTP/1.1 503 Unavailable\r\nretry-after: 1\r\ncontent-length: 4\r\n\r\nbusy");
    let reply = client.call("GET", b"", thrice);
    assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"done"[..]), "{reply:?}");
    assert_eq!((&reply.head["audit"]["bytes_in"], client.counts().connections()), (&json!(8), 1));
}

#[test]
fn the_body_of_a_response_that_is_not_the_last_is_not_waited_for() {
    let seen = AtomicUsize::new(0);
    let client = Client::http1(move |peer| match (peer.read(), seen.fetch_add(1, Ordering::SeqCst)) {
        (None, _) => true,
        (_, 0) => {
            peer.write("HTTP/1.1 503 Unavailable\r\ncontent-length: 9\r\n\r\npart");
            while peer.take(1).is_some() {}
            false
        }
        _ => peer.respond("done"),
    });
    let reply = client.call("GET", b"", thrice);
    assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"done"[..]), "{reply:?}");
    assert!(client.counts().wait_closed(1), "its connection is given up");
}

/// An HTTP/2 server that does this to the first requests and responds to those that follow.
fn refusing(first: usize, refuse: fn(&mut Connection<'_, '_>, u32, usize) -> bool) -> Client {
    let seen = AtomicUsize::new(0);
    Client::http2(move |connection| {
        while let Some(stream) = connection.request() {
            let number = seen.fetch_add(1, Ordering::SeqCst);
            if number >= first {
                connection.respond(stream, "done");
            } else if !refuse(connection, stream, number) {
                return true;
            }
        }
        true
    })
}

#[test]
fn what_was_not_processed_is_attempted_again_whatever_it_is() {
    // Each attempt sends the request up to four times: one that was certainly not processed is sent again three times.
    let client = refusing(5, |connection, stream, _| connection.rst(stream, h2::REFUSED_STREAM));
    let reply = client.call("POST", b"x", thrice);
    assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"done"[..]), "{reply:?}");
    assert_eq!(attempts(&reply), (2, vec!["protocol.closed_early"]));
    assert_eq!(client.counts().requests(), 6);
}

#[test]
fn sent_is_the_worst_of_all_attempts() {
    let client = refusing(usize::MAX, |connection, stream, number| {
        connection.rst(stream, if number == 0 { h2::INTERNAL_ERROR } else { h2::REFUSED_STREAM })
    });
    let reply = client.call("POST", b"x", keyed);
    assert_eq!((reply.code(), reply.sent()), ("protocol.closed_early", "maybe"), "{reply:?}");
    assert_eq!((attempts(&reply).0, client.counts().requests()), (3, 9));

    let seen = AtomicUsize::new(0);
    let client = Client::http1(move |peer| {
        peer.read().is_some() && seen.fetch_add(1, Ordering::SeqCst) == 0 && peer.write(status(503, ""))
    });
    let reply = client.call("POST", b"x", keyed);
    assert_eq!((reply.code(), reply.sent()), ("protocol.closed_early", "yes"), "{reply:?}");
    assert_eq!(attempts(&reply), (3, vec!["http_503", "protocol.closed_early", "protocol.closed_early"]));
    assert_eq!(reply.head["error"]["http_status"], Value::Null, "it belongs to another attempt");
}

#[test]
fn an_attempt_begins_with_the_first_hop() {
    let client = Client::with(
        Over::Plain,
        |_| {},
        |peer| {
            while let Some(received) = peer.read() {
                match received.line().contains("/end") {
                    true => peer.write(status(503, "")),
                    false => peer.write(status(303, "location: /end\r\n")),
                };
            }
            true
        },
    );
    let follow = |request: &mut Value| {
        thrice(request);
        request["policy"]["max_redirects"] = json!(1);
        request["policy"]["allowed_methods"] = json!(["GET", "POST"]);
    };
    assert_eq!(attempts(&client.call("GET", b"", follow)), (3, vec!["http_503"; 3]));
    let lines: Vec<String> =
        client.counts().received.lock().expect("no poison").iter().map(|request| request.line().to_owned()).collect();
    assert_eq!(lines, ["GET / HTTP/1.1", "GET /end HTTP/1.1"].repeat(3));

    // The redirect shows that the POST was processed, so the GET that follows it may not cause another attempt.
    let reply = client.call("POST", b"x", follow);
    assert_eq!((reply.http_status(), attempts(&reply).0), (Some(503), 1), "{reply:?}");
    assert_eq!(client.counts().requests(), 8);
}

#[test]
fn refusals_and_certificates_stay_what_they_are() {
    let authority = Authority::new();
    let tls = authority.server(&["other.example"], &[], |_| {});
    let client = Client::serving(authority, Some(tls), |_| {}, |peer| peer.read().is_some());
    let reply = client.call("GET", b"", thrice);
    assert_eq!((reply.code(), reply.sent()), ("tls.certificate_invalid", "no"), "{reply:?}");
    assert_eq!((attempts(&reply), client.counts().connections()), ((1, vec!["tls.certificate_invalid"]), 1));

    let client = recovering(9, status(302, "location: //elsewhere.example/\r\n"));
    let reply = client.call("GET", b"", |request| {
        thrice(request);
        request["policy"]["max_redirects"] = json!(3);
    });
    assert_eq!((reply.code(), client.counts().requests()), ("policy.redirect_not_allowed", 1), "{reply:?}");
    assert_eq!(attempts(&reply), (1, vec!["policy.redirect_not_allowed"]));

    let reply = client.call("GET", b"", |request| {
        thrice(request);
        request["policy"]["allowed_methods"] = json!(["POST"]);
    });
    assert_eq!((reply.code(), attempts(&reply)), ("policy.method_not_allowed", (0, vec![])));
}

#[test]
fn what_the_server_asks_for_is_waited() {
    let client = recovering(1, status(503, "retry-after: 1\r\n"));
    let begun = Instant::now();
    assert_eq!(client.call("GET", b"", thrice).http_status(), Some(200));
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn a_pause_that_does_not_fit_is_not_begun() {
    for pause in ["3600", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "Friday, 31-Dec-49 23:59:59 GMT"] {
        let client = recovering(1, status(503, &format!("retry-after: {pause}\r\n")));
        let reply = client.call("GET", b"", thrice);
        assert_eq!((reply.http_status(), attempts(&reply)), (Some(503), (1, vec!["http_503"])), "{pause}: {reply:?}");
        assert_eq!(client.counts().requests(), 1, "{pause}");
    }
    for none in ["0", "Sun, 06 Nov 1994 08:49:37 GMT", "soon", "-5"] {
        let client = recovering(1, status(503, &format!("retry-after: {none}\r\n")));
        assert_eq!(client.call("GET", b"", thrice).http_status(), Some(200), "{none}");
    }
}

#[test]
fn the_deadline_ends_everything() {
    let client = Client::http1(|peer| {
        while peer.read().is_some() {}
        true
    });
    let reply = client.call("GET", b"", |request| {
        thrice(request);
        request["timeout_ms"] = json!(500);
    });
    assert_eq!((reply.code(), attempts(&reply).0), ("timeout.total", 1), "{reply:?}");
    assert!(client.counts().requests() <= 1);
}
