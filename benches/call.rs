//! A warm call through the C interface: policy, envelope, placement, and one exchange on a pooled connection.

#![allow(missing_docs, reason = "criterion makes the functions")]

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use secure_outbound::envelope::aead::Algorithm;
use serde_json::json;
use support::library::{open, send};
use support::server::{Authority, Server, configuration, request};

fn warm_call(criterion: &mut Criterion) {
    let key = [1; 32];
    let authority = Authority::new();
    let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), |peer| {
        while peer.read().is_some() && peer.respond("hello") {}
        true
    });
    let mut configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
    configuration["master_keys"] = json!([{"provider": "raw", "key_base64": support::encode(&key)}]);
    let (_, engine, _) = open(&configuration);
    let mut request = request("POST", &server.url("https", "localhost"), "/v1/charges");
    let plain = request.clone();
    request["credentials"] = json!([{"identifier": "my_api_key", "type": "bearer"}]);
    let sealed = support::seal(br#"{"token": "s3cr3t"}"#, "my_api_key", &key, Algorithm::XChaCha20Poly1305);
    criterion.bench_function("warm call", |bencher| {
        bencher.iter(|| assert_eq!(send(engine, &request, b"amount=1", &sealed).status, 0));
    });
    criterion.bench_function("warm call without credential", |bencher| {
        bencher.iter(|| assert_eq!(send(engine, &plain, b"amount=1", "").status, 0));
    });
    criterion.bench_function("open again", |bencher| bencher.iter(|| open(&configuration)));
    assert_eq!(server.counts.connections(), 1, "every call was warm");
}

criterion_group!(benches, warm_call);
criterion_main!(benches);
