//! The HTTP stack below the engine, on one warm TLS connection: driven by the calling thread, by a thread of its
//! own, and compared with reqwest on the runtime of the calling thread. `docs/decisions.md` has the figures.

#![allow(missing_docs, reason = "criterion makes the functions")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::Request;
use secure_outbound::document::{ByteLimit, Configuration};
use secure_outbound::net::{Content, Guard, Network, NetworkOptions, Roots, Terms, Way};
use secure_outbound::policy::{InternalHosts, Versions};
use support::server::{Authority, Server, configuration};
use tokio::runtime::Builder;
use tokio::time::Instant;

const BODY: &[u8] = b"amount=1";

async fn exchange(network: &Network, url: &str) {
    let mut request = Request::new(Content::Whole(Bytes::from_static(BODY)));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = url.parse().expect("a URL");
    let deadline = Instant::now() + Duration::from_secs(10);
    tokio::task::yield_now().await;
    let terms = Terms { way: Way::Called, deadline, connect: None, beside: false, idle: None, http3: None };
    let exchanged = network.exchange(request, Arc::default(), terms).await;
    let response = exchanged.unwrap_or_else(|failure| panic!("{}", failure.error));
    response.collect(ByteLimit { bytes: 1 << 20, of: "the bench" }, deadline, None, &mut 0).await.expect("a body");
}

fn stack(criterion: &mut Criterion) {
    let authority = Authority::new();
    let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), |peer| {
        while peer.read().is_some() && peer.respond("hello") {}
        true
    });
    let url = format!("{}/v1/charges", server.url("https", "localhost"));
    let document = configuration(&authority, &["localhost"], &[server.address.port()]).to_string();
    let configuration = Configuration::parse(document.as_bytes()).expect("a configuration");
    let internal_hosts = InternalHosts::from_specs(&configuration.internal_hosts).expect("internal hosts");
    let options = NetworkOptions {
        guard: Guard::new(Arc::new(internal_hosts)),
        roots: Roots::load(&configuration.tls).expect("roots"),
        proxy: None,
        connect_timeout: Duration::from_secs(10),
        versions: Versions::default(),
        header_bytes: 65_536,
        post_quantum: true,
    };
    // A connection works only on the runtime on which it was opened, so each runtime has its own pool.
    let network = || Arc::new(Network::new(options.clone(), Arc::default()).expect("a network"));

    let calling = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let pooled = network();
    criterion.bench_function("stack: driven by the calling thread", |bencher| {
        bencher.iter(|| calling.block_on(exchange(&pooled, &url)));
    });

    let own = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let pooled = network();
    criterion.bench_function("stack: driven by a thread of its own", |bencher| {
        bencher.iter(|| {
            let (network, url) = (Arc::clone(&pooled), url.clone());
            own.block_on(async { own.spawn(async move { exchange(&network, &url).await }).await.expect("no panic") });
        });
    });

    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let pem = std::fs::read(authority.file()).expect("the authority");
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&pem).expect("a certificate")])
        .no_proxy()
        .build()
        .expect("a client");
    criterion.bench_function("stack: reqwest, driven by the calling thread", |bencher| {
        bencher.iter(|| {
            calling.block_on(async {
                let response = client.post(&url).body(BODY).send().await.expect("a response");
                response.bytes().await.expect("a body")
            })
        });
    });
}

criterion_group!(benches, stack);
criterion_main!(benches);
