//! Requests through a real proxy, tinyproxy.

use serde_json::{Value, json};

use crate::support::alone;
use crate::support::dns::{Dns, addresses};
use crate::support::library::{Reply, open, send};
use crate::support::namespace::{add_address, in_own_network, resolve_here};
use crate::support::server::{Authority, Server, configuration, request};
use crate::support::tinyproxy::{Tinyproxy, free_port};

const NAME: &str = "api.example.com";

fn server(authority: &Authority, names: &[&str]) -> Server {
    Server::start(Some(authority.server(names, &[], |_| {})), |peer| {
        while peer.read().is_some() && peer.respond("behind the proxy") {}
        true
    })
}

fn call(configuration: &Value, url: &str) -> Reply {
    let (status, engine, head) = open(configuration);
    assert_eq!(status, 0, "{head}");
    let mut request = request("GET", url, "/v1");
    request["policy"]["allow_http"] = json!(true);
    send(engine, &request, b"", "")
}

/// The configuration of a test without a network of its own, and its server.
fn local(proxy: Value) -> (Authority, Server, Value) {
    let authority = Authority::new();
    let server = server(&authority, &["localhost"]);
    let mut configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
    configuration["proxy"] = proxy;
    (authority, server, configuration)
}

#[test]
fn a_tunnel_reaches_the_server() {
    let (authority, server, mut configuration) = local(Value::Null);
    for (userinfo, lines) in [("", ""), ("us%65r:p%61ss@", "BasicAuth user pass")] {
        let proxy = Tinyproxy::start(&authority, lines, None);
        configuration["proxy"] = json!({"url": proxy.url(userinfo)});
        let reply = call(&configuration, &server.url("https", "localhost"));
        assert_eq!((reply.http_status(), &*reply.body), (Some(200), &b"behind the proxy"[..]), "{reply:?}");
        assert_eq!(reply.head["audit"]["proxy_resolve"], "local");
        assert!(proxy.opened(&format!("localhost:{}", server.address.port())));
        assert_eq!(server.counts.last().header("proxy-authorization"), None);
        // The tunnel stays open for the next call.
        let reply = call(&configuration, &server.url("https", "localhost"));
        assert_eq!((&reply.head["audit"]["connection_reused"], proxy.connections()), (&json!(true), 1));
    }
    assert_eq!(server.counts.connections(), 2);
}

#[test]
fn a_proxy_that_refuses_has_its_own_code() {
    let (authority, server, mut configuration) = local(Value::Null);
    let proxy = Tinyproxy::start(&authority, "BasicAuth user right", None);
    for userinfo in ["", "user:wrong@", "user@"] {
        configuration["proxy"] = json!({"url": proxy.url(userinfo)});
        let reply = call(&configuration, &server.url("https", "localhost"));
        assert_eq!((reply.code(), reply.sent()), ("connect.proxy_refused", "no"), "{userinfo}: {reply:?}");
        assert!(!reply.head.to_string().contains("wrong"), "{reply:?}");
    }
    let proxy = Tinyproxy::start(&authority, "ConnectPort 1", None);
    configuration["proxy"] = json!({"url": proxy.url("")});
    let reply = call(&configuration, &server.url("https", "localhost"));
    assert_eq!((reply.code(), reply.sent()), ("connect.proxy_refused", "no"), "{reply:?}");

    configuration["proxy"] = json!({"url": format!("http://127.0.0.1:{}", free_port())});
    let reply = call(&configuration, &server.url("https", "localhost"));
    assert_eq!((reply.code(), reply.sent()), ("connect.refused", "no"), "{reply:?}");
    assert_eq!(server.counts.connections(), 0);
}

#[test]
fn what_is_judged_here_does_not_reach_the_proxy() {
    in_own_network("what_is_judged_here_does_not_reach_the_proxy", || {
        let authority = Authority::new();
        resolve_here(authority.directory(), "");
        let dns = Dns::start();
        dns.set("inside.example.com", vec![addresses(&["127.0.0.1"])]);
        dns.set("mixed.example.com", vec![addresses(&["93.184.216.34", "10.0.0.1"])]);
        let proxy = Tinyproxy::start(&authority, "", None);
        let server = server(&authority, &[NAME]);
        for (resolve, hosts) in [
            ("local", &["inside.example.com", "mixed.example.com", "127.0.0.1", "[::1]", "localhost"][..]),
            ("proxy", &["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "metadata.google.internal"]),
        ] {
            let configuration = json!({"version": 1, "proxy": {"url": proxy.url(""), "resolve": resolve}});
            for host in hosts {
                let reply = call(&configuration, &server.url("https", host));
                assert_eq!(reply.code(), "policy.address_not_allowed", "{resolve} {host}: {reply:?}");
            }
        }
        let local = json!({"version": 1, "proxy": {"url": proxy.url("")}});
        assert_eq!(call(&local, &server.url("https", "missing.example.com")).code(), "dns.not_found");
        assert_eq!((proxy.connections(), server.counts.connections()), (0, 0));
    });
}

#[test]
fn a_proxy_that_resolves_is_the_only_one_that_does() {
    in_own_network("a_proxy_that_resolves_is_the_only_one_that_does", || {
        let authority = Authority::new();
        resolve_here(authority.directory(), "127.0.0.1 the.proxy\n");
        let dns = Dns::start();
        let server = server(&authority, &[NAME]);
        let proxy = Tinyproxy::start(&authority, "", Some(&format!("127.0.0.1 {NAME}\n")));
        let url = format!("http://the.proxy:{}", proxy.port);
        let configuration = |resolve: &str| {
            json!({
                "version": 1, "tls": {"roots": "file", "ca_file": authority.file()},
                "proxy": {"url": url, "resolve": resolve},
            })
        };
        let reply = call(&configuration("proxy"), &server.url("https", NAME));
        assert_eq!(reply.http_status(), Some(200), "{reply:?}");
        assert_eq!(reply.head["audit"]["proxy_resolve"], "proxy");
        assert_eq!((dns.all_questions(), proxy.connections(), server.counts.connections()), (0, 1, 1));

        let reply = call(&configuration("local"), &server.url("https", NAME));
        assert_eq!((reply.code(), proxy.connections()), ("dns.not_found", 1), "{reply:?}");
        assert_eq!(dns.questions(NAME), (1, 1));
    });
}

#[test]
fn hosts_of_no_proxy_are_judged_and_dialled_here() {
    in_own_network("hosts_of_no_proxy_are_judged_and_dialled_here", || {
        let authority = Authority::new();
        resolve_here(authority.directory(), "93.184.216.34 api.example.com\n127.0.0.1 bad.example.com\n");
        add_address("93.184.216.34");
        let listener = std::net::TcpListener::bind("93.184.216.34:443").expect("a port");
        let direct = Server::listen(listener, Some(authority.server(&[NAME], &[], |_| {})), |peer| {
            while peer.read().is_some() && peer.respond("direct") {}
            true
        });
        let proxy = Tinyproxy::start(&authority, "", None);
        for (entry, resolve) in [("*.example.com", "local"), ("API.example.com.", "proxy")] {
            let configuration = json!({
                "version": 1, "tls": {"roots": "file", "ca_file": authority.file()},
                "proxy": {"url": proxy.url(""), "no_proxy": [entry, "*.example.com"], "resolve": resolve},
            });
            let reply = call(&configuration, &format!("https://{NAME}"));
            assert_eq!(reply.body, b"direct", "{reply:?}");
            assert_eq!(reply.head["audit"]["proxy_resolve"], Value::Null);
            assert_eq!(reply.head["audit"]["remote_address"], "93.184.216.34");
            assert_eq!(call(&configuration, "https://bad.example.com").code(), "policy.address_not_allowed");
        }
        assert_eq!((proxy.connections(), direct.counts.connections()), (0, 2));
    });
}

#[test]
fn plain_http_to_an_internal_host_goes_there_directly() {
    let authority = Authority::new();
    let server = Server::start(None, |peer| {
        while peer.read().is_some() && peer.respond("plain") {}
        true
    });
    let proxy = Tinyproxy::start(&authority, "", None);
    let mut configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
    configuration["proxy"] = json!({"url": proxy.url("")});
    let reply = call(&configuration, &server.url("http", "localhost"));
    assert_eq!((&*reply.body, &reply.head["audit"]["proxy_resolve"]), (&b"plain"[..], &Value::Null), "{reply:?}");
    assert_eq!((proxy.connections(), server.counts.requests()), (0, 1));
}

#[test]
fn proxies_of_the_environment_have_no_say() {
    if alone::task().is_some() {
        let (_authority, server, configuration) = local(Value::Null);
        let reply = call(&configuration, &server.url("https", "localhost"));
        assert_eq!((reply.http_status(), server.counts.connections()), (Some(200), 1), "{reply:?}");
        return;
    }
    let authority = Authority::new();
    let proxy = Tinyproxy::start(&authority, "", None);
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let settings = names.map(|name| format!("{name}={}", proxy.url("")));
    let wrapper: Vec<&str> = ["env", "-u", "NO_PROXY"].into_iter().chain(settings.iter().map(String::as_str)).collect();
    alone::run_under(&wrapper, "proxies_of_the_environment_have_no_say", &json!({}));
    assert_eq!(proxy.connections(), 0);
}

#[test]
fn a_proxy_that_cannot_be_meant_is_refused_at_open() {
    for proxy in [
        json!({"url": "https://proxy.example:3128"}),
        json!({"url": "socks5://proxy.example:1080"}),
        json!({"url": "proxy.example:3128"}),
        json!({"url": "http://proxy.example/path"}),
        json!({"url": "http://proxy.example?query"}),
        json!({"url": "http://proxy.example#fragment"}),
        json!({"url": ""}),
        json!({"url": "http://proxy.example", "no_proxy": [""]}),
        json!({"url": "http://proxy.example", "no_proxy": ["*"]}),
        json!({"url": "http://proxy.example", "no_proxy": ["10.0.0.0/8"]}),
        json!({"url": "http://proxy.example", "no_proxy": ["inside.example.com:443"]}),
        json!({"url": "http://proxy.example", "no_proxy": ["*.example.com:8443"]}),
        json!({"url": "http://proxy.example", "no_proxy": ["[::1]:443"]}),
        json!({"url": "http://proxy.example", "resolve": "both"}),
        json!({"url": "http://proxy.example", "noproxy": []}),
    ] {
        let (status, engine, head) = open(&json!({"version": 1, "proxy": proxy}));
        assert_eq!((status, engine), (1, 0), "{proxy}");
        assert_eq!(head["error"]["code"], "configuration.invalid", "{proxy}: {head}");
    }
    let (status, ..) = open(&json!({"version": 1, "proxy": {"url": "http://proxy.example", "no_proxy": ["[::1]"]}}));
    assert_eq!(status, 0);
}
