//! The decision about a request, including the parsing of its document, and the check of an address by the guard.

#![allow(missing_docs, reason = "criterion makes the functions")]

use criterion::{Criterion, criterion_group, criterion_main};
use secure_outbound::document::Request;
use secure_outbound::policy::{Ceiling, Context, InternalHosts, ServiceRules, classify, decide};

const REQUEST: &[u8] = br#"{ "version": 1, "service_id": "stripe", "method": "POST",
  "base_url": "https://api.stripe.com/v1", "path": "/customers/cus_1/sources", "query": [["expand[]", "data"]],
  "headers": [["accept", "application/json"], ["content-type", "application/json"]], "timeout_ms": 10000,
  "policy": { "allowed_hosts": ["api.stripe.com"], "allowed_methods": ["GET", "POST"],
              "allowed_paths": ["/v1/charges/**", "/v1/customers/{id}/sources"] } }"#;

fn decision(criterion: &mut Criterion) {
    let internal_hosts = InternalHosts::default();
    let context =
        Context { internal_hosts: &internal_hosts, request_bytes: 1 << 20, filled_headers: &[], signs_for_aws: false };
    let request = Request::parse(REQUEST).expect("a request");
    criterion.bench_function("policy parse", |bencher| bencher.iter(|| Request::parse(REQUEST)));
    let rules = ServiceRules::of(&request.service, &Ceiling::default());
    criterion.bench_function("policy compile", |bencher| {
        bencher.iter(|| ServiceRules::of(&request.service, &Ceiling::default()));
    });
    criterion.bench_function("policy decide", |bencher| bencher.iter(|| decide(&request.call, &rules, 100, &context)));
    let address = "2606:4700::1".parse().expect("an address");
    criterion.bench_function("address classify", |bencher| bencher.iter(|| classify(address)));
}

criterion_group!(benches, decision);
criterion_main!(benches);
