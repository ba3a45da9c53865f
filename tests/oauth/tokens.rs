//! The tokens of one process: how many are requested, which calls wait for them, and which tokens are sent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::alone;
use crate::support::library::{Reply, end, head, open, read, send, start, start_upload, wait, write};
use crate::support::oauth::{Gate, Site, lasting, nth, requests, response, sealed, token};

fn in_threads(count: usize, call: impl Fn() -> Reply + Sync) -> Vec<Reply> {
    thread::scope(|scope| {
        let calls: Vec<_> = (0..count).map(|_| scope.spawn(&call)).collect();
        calls.into_iter().map(|call| call.join().expect("no panic")).collect()
    })
}

fn all_ok(replies: &[Reply]) -> bool {
    replies.iter().all(|reply| reply.http_status() == Some(200))
}

#[test]
fn a_hundred_threads_ask_once() {
    let site = Site::new(|n, _| token(nth(n)));
    let replies = in_threads(100, || site.get());
    assert!(all_ok(&replies), "{:?}", replies.iter().find(|reply| reply.http_status() != Some(200)));
    assert!(replies.iter().all(|reply| reply.body == b"token-0"));
    assert_eq!((site.asked(), site.api.counts.requests()), (1, 100));
    assert_eq!(replies.iter().map(requests).sum::<u64>(), 1, "one record counts it");

    let later = site.get();
    assert_eq!((later.http_status(), requests(&later), site.asked()), (Some(200), 0, 1));
}

#[test]
fn a_rotated_credential_never_uses_the_old_token() {
    let site = Site::new(|n, _| token(nth(n)));
    let mut rotated = site.payload();
    rotated["client_secret"] = json!("another");
    for (payload, body) in
        [(&site.payload(), "token-0"), (&rotated, "token-1"), (&site.payload(), "token-0"), (&rotated, "token-1")]
    {
        assert_eq!(site.call("GET", payload, |_| {}).body, body.as_bytes());
    }
    let other = site.call("GET", &site.payload(), |request| {
        request["credentials"][0]["identifier"] = json!("another_id");
    });
    assert_eq!(other.code(), "credential.authentication_failed", "the envelope is another identifier's");
    assert_eq!(site.asked(), 2);
}

#[test]
fn a_401_renews_once_and_repeats_once() {
    for method in ["GET", "POST"] {
        let site = Site::with(|_| {}, |n, _| token(nth(n)), |token| token == "token-1");
        let reply = site.call(method, &site.payload(), |_| {});
        assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"token-1"[..]), "{method}");
        assert_eq!(reply.head["audit"]["attempts"], 2, "{method}: {}", reply.head);
        assert_eq!((requests(&reply), site.asked(), site.api.counts.requests()), (2, 2, 2), "{method}");

        let later = site.call(method, &site.payload(), |_| {});
        assert_eq!((later.http_status(), &later.head["audit"]["attempts"]), (Some(200), &json!(1)));
        assert_eq!((requests(&later), site.asked()), (0, 2));
    }
}

#[test]
fn a_second_401_goes_to_the_caller() {
    let site = Site::with(|_| {}, |n, _| token(nth(n)), |_| false);
    let reply = site.call("GET", &site.payload(), |request| request["policy"]["max_attempts"] = json!(3));
    assert_eq!((reply.status, reply.http_status(), reply.body.as_slice()), (0, Some(401), &b"no"[..]));
    assert_eq!((&reply.head["audit"]["attempts"], site.asked(), site.api.counts.requests()), (&json!(2), 2, 2));
}

/// Sends a body in pieces, and sees a 401.
fn upload(site: &Site) {
    let (status, exchange, refusal) =
        start_upload(site.engine, &site.request("POST"), Some(3), &sealed(&site.payload()), 0);
    assert_eq!((status, write(exchange, b"abc", 1)), (0, (0, 3)), "{refusal}");
    while wait(&[exchange], 100) != (0, vec![1]) {}
    assert_eq!((head(exchange).1["status"].clone(), end(exchange).1["attempts"].clone()), (json!(401), json!(1)));
}

#[test]
fn a_401_to_a_body_in_pieces_goes_to_the_caller_and_the_next_call_has_another_token() {
    let site = Site::with(|_| {}, |n, _| token(nth(n)), |token| token == "token-1");
    upload(&site);
    assert_eq!((site.asked(), site.api.counts.requests(), site.api.counts.last().body), (1, 1, b"abc".to_vec()));

    let later = site.get();
    assert_eq!((later.http_status(), &later.head["audit"]["attempts"], site.asked()), (Some(200), &json!(1), 2));
}

#[test]
fn a_401_is_settled_before_there_is_a_head_of_a_response_in_pieces() {
    let site = Site::with(|_| {}, |n, _| token(nth(n)), |token| token == "token-1");
    let (status, exchange, refusal) =
        start(site.engine, &site.request("POST"), b"abc", &sealed(&site.payload()), false);
    assert_eq!((status, &refusal), (0, &Value::Null));
    let mut body = Vec::new();
    loop {
        match read(exchange, 100) {
            (0, _, bytes) => body.extend(bytes),
            (2, ..) => drop((wait(&[exchange], 100), head(exchange))),
            (ended, failure, _) => break assert_eq!(ended, 3, "{failure}"),
        }
    }
    assert_eq!((&head(exchange).1["status"], body.as_slice()), (&json!(200), &b"token-1"[..]));
    let (_, record) = end(exchange);
    assert_eq!((&record["attempts"], &record["token_requests"]), (&json!(2), &json!(2)), "{record}");
    let received = site.api.counts.received.lock().expect("no poison");
    let bodies: Vec<_> = received.iter().map(|received| received.body.as_slice()).collect();
    assert_eq!((bodies, site.asked()), (vec![&b"abc"[..]; 2], 2));
}

/// For an API that always responds with 401, not every call requests a new token.
#[test]
fn a_renewal_that_did_not_help_is_believed() {
    let site = Site::with(|_| {}, |n, _| token(nth(n)), |_| false);
    let replies: Vec<_> = (0..10).map(|_| site.get()).collect();
    assert!(replies.iter().all(|reply| reply.http_status() == Some(401)), "{replies:?}");
    assert_eq!((site.asked(), site.api.counts.requests()), (2, 11), "the first call renews and repeats, and no other");
    assert!(replies.iter().skip(1).all(|reply| reply.head["audit"]["attempts"] == 1 && requests(reply) == 0));
}

/// The same holds where no call can repeat its request.
#[test]
fn a_new_token_that_is_rejected_too_is_kept() {
    let site = Site::with(|_| {}, |n, _| token(nth(n)), |_| false);
    (0..5).for_each(|_| upload(&site));
    assert_eq!((site.asked(), site.api.counts.requests()), (2, 5));
    assert_eq!((site.get().http_status(), site.asked()), (Some(401), 2), "nor does one that can");
}

/// The same holds where the token that got a 401 expires and is replaced.
#[test]
fn that_a_renewal_did_not_help_outlives_the_token() {
    let seen = Arc::new(Mutex::new(HashMap::<String, usize>::new()));
    let site = {
        let seen = Arc::clone(&seen);
        let refuse = move |token: &str| {
            *seen.lock().expect("no panic").entry(token.to_owned()).or_default() += 1;
            false
        };
        Site::with(|_| {}, |n, _| lasting(nth(n), json!(2)), refuse)
    };
    assert!(alone::until(|| site.get().http_status() == Some(401) && site.asked() >= 4));
    let seen = seen.lock().expect("no panic");
    assert!(seen.get(&nth(2)).is_some_and(|times| *times > 1), "calls went on with the third token: {seen:?}");
}

#[test]
fn renewals_that_help_are_made_as_often_as_they_do() {
    let valid = Arc::new(AtomicUsize::new(0));
    let site = {
        let valid = Arc::clone(&valid);
        Site::with(|_| {}, |n, _| token(nth(n)), move |token| token == nth(valid.load(Ordering::SeqCst)))
    };
    for n in 0..4 {
        valid.store(n, Ordering::SeqCst);
        let reply = site.get();
        assert_eq!((reply.http_status(), reply.body, site.asked()), (Some(200), nth(n).into_bytes(), n + 1));
    }
}

#[test]
fn a_call_without_a_token_of_ours_repeats_nothing_after_a_401() {
    let site = Site::with(|_| {}, |n, _| token(nth(n)), |_| false);
    let mut request = site.request("GET");
    request["credentials"][0]["type"] = json!("bearer");
    let reply = send(site.engine, &request, b"", &sealed(&json!({"token": "t"})));
    assert_eq!((reply.http_status(), site.api.counts.requests(), site.asked()), (Some(401), 1, 0));
    assert_eq!((&reply.head["audit"]["attempts"], requests(&reply)), (&json!(1), 0));
}

/// All callers send the same token and get a 401 before any of them can renew it.
#[test]
fn callers_with_one_rejected_token_renew_it_once() {
    const CALLERS: usize = 8;
    let (arrived, gate) = (Arc::new(AtomicUsize::new(0)), Gate::default());
    let site = {
        let (arrived, gate) = (Arc::clone(&arrived), gate.clone());
        Site::with(
            |configuration| configuration["http_versions"] = json!(["1.1"]),
            |n, _| token(nth(n)),
            move |token| {
                if token == "token-0" && arrived.fetch_add(1, Ordering::SeqCst) + 1 == CALLERS {
                    gate.open();
                }
                if token == "token-0" {
                    gate.pass();
                }
                token != "token-0"
            },
        )
    };
    let replies = in_threads(CALLERS, || site.get());
    assert!(all_ok(&replies) && replies.iter().all(|reply| reply.body == b"token-1"));
    assert_eq!((arrived.load(Ordering::SeqCst), site.asked()), (CALLERS, 2));
    assert!(replies.iter().all(|reply| reply.head["audit"]["attempts"] == 2));
}

/// The late 401 is for a token that has been replaced in the meantime.
#[test]
fn a_late_401_does_not_renew_again() {
    let (late, renewed) = (Gate::default(), Gate::default());
    let calls = Arc::new(AtomicUsize::new(0));
    let site = {
        let (late, renewed, calls) = (late.clone(), renewed.clone(), Arc::clone(&calls));
        Site::with(
            |_| {},
            |n, _| token(nth(n)),
            move |token| {
                if token == "token-0" && calls.fetch_add(1, Ordering::SeqCst) == 0 {
                    late.open();
                    renewed.pass();
                }
                token != "token-0"
            },
        )
    };
    thread::scope(|scope| {
        let slow = scope.spawn(|| site.get());
        late.pass();
        let quick = site.get();
        assert_eq!((quick.body.as_slice(), site.asked()), (&b"token-1"[..], 2));
        renewed.open();
        let slow = slow.join().expect("no panic");
        assert_eq!((slow.body.as_slice(), &slow.head["audit"]["attempts"]), (&b"token-1"[..], &json!(2)));
    });
    assert_eq!(site.asked(), 2, "the token was another one already");
}

#[test]
fn where_the_endpoint_stands_by_its_token_the_401_stands_too() {
    let site = Site::with(|_| {}, |_, _| token("one"), |_| false);
    let reply = site.get();
    assert_eq!((reply.http_status(), site.asked(), site.api.counts.requests()), (Some(401), 2, 1));
    assert_eq!(reply.head["audit"]["attempts"], 1, "nothing is gained by sending it again");
}

#[test]
fn where_no_new_token_comes_the_401_is_the_answer() {
    let refusing =
        |n: usize| if n == 0 { token("one") } else { response("400 Bad Request", &json!({"error": "invalid_client"})) };
    let site = Site::with(|_| {}, move |n, _| refusing(n), |_| false);
    let reply = site.get();
    assert_eq!((reply.status, reply.http_status(), reply.body.as_slice()), (0, Some(401), &b"no"[..]));
    let next = site.get();
    assert_eq!(next.code(), "oauth.token_endpoint_rejected", "the rejected token is not sent again");
    assert_eq!((next.sent(), site.api.counts.requests()), ("no", 1));
}

/// Not even where the token endpoint gives no other.
#[test]
fn an_expired_token_is_not_sent() {
    let outage = || response("503 Service Unavailable", &json!({}));
    let site = Site::new(move |n, _| if n == 0 { lasting("short", json!(2)) } else { outage() });
    assert_eq!(site.get().body, b"short");
    let came = Instant::now();
    assert!(alone::until(|| {
        let before = came.elapsed();
        let reply = site.get();
        let is_sent = reply.http_status() == Some(200);
        assert!(is_sent || reply.code() == "oauth.token_endpoint_unreachable", "{}", reply.head);
        assert!(!is_sent || before < Duration::from_secs(2), "it expires two seconds after it came, or sooner");
        !is_sent
    }));
}

#[test]
fn waiters_keep_their_own_deadlines() {
    let (asked, gate) = (Gate::default(), Gate::default());
    let site = {
        let (asked, gate) = (asked.clone(), gate.clone());
        Site::new(move |n, _| {
            asked.open();
            gate.pass();
            token(nth(n))
        })
    };
    thread::scope(|scope| {
        let patient = scope.spawn(|| site.get());
        asked.pass();
        let begun = Instant::now();
        let hasty = site.call("GET", &site.payload(), |request| request["timeout_ms"] = json!(150));
        assert_eq!((hasty.code(), hasty.sent()), ("timeout.total", "no"), "{}", hasty.head);
        assert!(begun.elapsed() >= Duration::from_millis(150));
        assert_eq!(hasty.head["error"]["retryable"], true);
        gate.open();
        assert_eq!(patient.join().expect("no panic").body, b"token-0");
    });
    assert_eq!(site.asked(), 1);
}

/// Between the two calls no code of the library runs, and the response waits in the socket.
#[test]
fn a_paused_fetch_goes_on_with_the_next_call() {
    let gate = Gate::default();
    let site = {
        let gate = gate.clone();
        Site::new(move |n, _| {
            gate.pass();
            token(nth(n))
        })
    };
    let left = site.call("GET", &site.payload(), |request| request["timeout_ms"] = json!(300));
    assert_eq!((left.code(), left.sent()), ("timeout.total", "no"));
    gate.open();
    let next = site.get();
    assert_eq!((next.body.as_slice(), site.asked()), (&b"token-0"[..], 1), "{}", next.head);
}

#[test]
fn what_befalls_a_paused_fetch_is_no_failure() {
    let gate = Gate::default();
    let site = {
        let gate = gate.clone();
        Site::new(move |n, _| {
            if n == 0 {
                gate.pass();
                return String::new();
            }
            token(nth(n))
        })
    };
    let left = site.call("GET", &site.payload(), |request| request["timeout_ms"] = json!(300));
    assert_eq!(left.code(), "timeout.total");
    gate.open();
    assert!(site.endpoint.counts.wait_ended(1), "the endpoint has hung up");
    let next = site.get();
    assert_eq!((next.body.as_slice(), site.asked()), (&b"token-1"[..], 2), "{}", next.head);
}

#[test]
fn a_paused_fetch_that_is_too_late_gives_way_to_another() {
    let gate = Gate::default();
    let site = {
        let gate = gate.clone();
        Site::with(
            |configuration| configuration["defaults"] = json!({"timeout_ms": 3000}),
            move |n, _| {
                if n == 0 {
                    gate.pass();
                }
                token(nth(n))
            },
            |_| true,
        )
    };
    let left = site.call("GET", &site.payload(), |request| request["timeout_ms"] = json!(300));
    assert_eq!(left.code(), "timeout.total");
    thread::sleep(Duration::from_millis(3000));
    let next = site.call("GET", &site.payload(), |request| request["timeout_ms"] = json!(30_000));
    assert_eq!((next.body.as_slice(), site.asked()), (&b"token-1"[..], 2), "{}", next.head);
    gate.open();
}

#[test]
fn an_outage_is_not_hammered() {
    let site = Site::new(|_, _| response("503 Service Unavailable", &json!({})));
    let begun = Instant::now();
    let mut replies = in_threads(20, || site.get());
    replies.extend((0..20).map(|_| site.get()));
    assert!(replies.iter().all(|reply| reply.code() == "oauth.token_endpoint_unreachable"), "{:?}", replies[0]);
    assert!(replies.iter().all(|reply| reply.sent() == "no" && reply.head["error"]["retryable"] == true));
    let allowed = 1 + begun.elapsed().as_secs() as usize / 2;
    assert!((1..=allowed).contains(&site.asked()), "{} in {:?}", site.asked(), begun.elapsed());
    assert_eq!((replies.iter().map(requests).sum::<u64>() as usize, site.api.counts.connections()), (site.asked(), 0));
}

#[test]
fn a_failure_is_forgotten() {
    let site = Site::new(|n, _| if n == 0 { response("500 Oops", &json!({})) } else { token(nth(n)) });
    assert_eq!(site.get().code(), "oauth.token_endpoint_unreachable");
    assert!(alone::until(|| site.get().body == b"token-1"));
    assert_eq!(site.asked(), 2);
}

fn inside(task: &Value) {
    let (_, engine, _) = open(&task["configuration"]);
    let call = || send(engine, &task["request"], b"", task["sealed"].as_str().expect("an envelope"));
    let left = call();
    assert_eq!(left.code(), "timeout.total");
    // The child's memory says that a fetch is under way, but that is the parent's and never ends in the child.
    assert!(alone::in_child(|| {
        let mut request = task["request"].clone();
        request["timeout_ms"] = json!(30_000);
        let reply = send(engine, &request, b"", task["sealed"].as_str().expect("an envelope"));
        assert_eq!(reply.body, b"token-1", "{}", reply.head);
    }));
}

#[test]
fn a_child_does_not_wait_for_its_parents_fetch() {
    if let Some(task) = alone::task() {
        return inside(&task);
    }
    let gate = Gate::default();
    let site = {
        let gate = gate.clone();
        Site::new(move |n, _| {
            if n == 0 {
                gate.pass();
            }
            token(nth(n))
        })
    };
    let mut request = site.request("GET");
    request["timeout_ms"] = json!(300);
    let task = json!({"configuration": site.configuration, "request": request, "sealed": sealed(&site.payload())});
    alone::run("a_child_does_not_wait_for_its_parents_fetch", &task);
    assert_eq!(site.asked(), 2);
    gate.open();
}
