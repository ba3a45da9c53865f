//! A host that forks: parent and child each have connections of their own, and neither ends those of the other.

use serde_json::{Value, json};

use crate::servers::Client;
use crate::support::alone::{self, in_child};
use crate::support::library::{close, open, send};

/// A call in the process that forks: whether it had a connection already.
fn reused(engine: u64, request: &Value) -> bool {
    let reply = send(engine, request, b"x", "");
    assert_eq!((reply.body.as_slice(), &reply.head["http_version"]), (&b"done"[..], &json!("3")), "{reply:?}");
    reply.head["audit"]["connection_reused"].as_bool().expect("known")
}

#[test]
fn a_child_makes_connections_of_its_own_and_ends_none_of_its_parent() {
    let name = "a_child_makes_connections_of_its_own_and_ends_none_of_its_parent";
    let Some(task) = alone::task() else {
        let client = Client::new(|exchange| {
            Box::pin(async move {
                exchange.read().await;
                exchange.respond(b"done").await;
            })
        });
        let task = json!({"configuration": client.document, "request": client.request("GET", |_| {})});
        alone::run(name, &task);
        assert_eq!(client.counts(), (9, 4, 0), "the parent's two, and one of each child");
        return;
    };
    let (status, engine, head) = open(&task["configuration"]);
    assert_eq!(status, 0, "{head}");
    let request = &task["request"];
    // A child of a process that has none yet.
    assert!(in_child(|| assert_eq!([reused(engine, request), reused(engine, request)], [false, true])));
    assert_eq!([reused(engine, request), reused(engine, request)], [false, true]);
    // One of a process that has one; a child that ends, or closes its engine, says goodbye to nobody.
    assert!(in_child(|| assert_eq!([reused(engine, request), reused(engine, request)], [false, true])));
    assert!(reused(engine, request));
    assert!(in_child(|| {
        assert!(!reused(engine, request));
        close(engine);
    }));
    assert!(reused(engine, request));
    close(engine);
}
