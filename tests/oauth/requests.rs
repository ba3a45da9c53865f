//! Token requests: what they send, what is refused before any is sent, and what each response means to the caller.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support;
use crate::support::client::{Client, Over};
use crate::support::oauth::{Site, lasting, requests, response, sealed, token};
use crate::support::server::{Authority, Received};

fn last(site: &Site) -> Received {
    site.endpoint.counts.last()
}

#[test]
fn the_client_authenticates_in_the_body() {
    let site = Site::new(|_, _| token("t"));
    let mut payload = site.payload();
    payload["client_secret"] = json!("s p~a*c+e/&=ä");
    payload["scopes"] = json!(["read", "write:all"]);
    payload["audience"] = json!("https://api.example/");
    payload["resource"] = json!(["urn:a", "urn:b"]);
    assert_eq!(site.call("GET", &payload, |_| {}).http_status(), Some(200));
    let received = last(&site);
    assert_eq!(received.line(), "POST /token HTTP/1.1");
    assert_eq!(
        String::from_utf8_lossy(&received.body),
        "grant_type=client_credentials&client_id=client&client_secret=s+p%7Ea%2Ac%2Be%2F%26%3D%C3%A4\
         &scope=read+write%3Aall&audience=https%3A%2F%2Fapi.example%2F&resource=urn%3Aa&resource=urn%3Ab"
    );
    let mut fields: Vec<_> = received.head.lines().skip(1).filter(|line| !line.is_empty()).collect();
    fields.sort_unstable();
    let expected = [
        "accept-encoding: identity".to_owned(),
        "accept: application/json".to_owned(),
        "connection: close".to_owned(),
        format!("content-length: {}", received.body.len()),
        "content-type: application/x-www-form-urlencoded".to_owned(),
        format!("host: localhost:{}", site.endpoint.address.port()),
        format!("user-agent: secure-outbound/{}", env!("CARGO_PKG_VERSION")),
    ];
    assert_eq!(fields, expected);
}

#[test]
fn the_client_authenticates_by_http_basic() {
    let site = Site::new(|_, _| token("t"));
    let mut payload = site.payload();
    payload["client_auth"] = json!("basic");
    payload["client_id"] = json!("a:b c");
    payload["client_secret"] = json!("s%/ä");
    payload["scopes"] = json!(["read"]);
    assert_eq!(site.call("GET", &payload, |_| {}).http_status(), Some(200));
    let received = last(&site);
    assert_eq!(String::from_utf8_lossy(&received.body), "grant_type=client_credentials&scope=read");
    let expected = format!("Basic {}", support::encode(b"a%3Ab+c:s%25%2F%C3%A4"));
    assert_eq!(received.header("authorization"), Some(expected.as_str()));
}

#[test]
fn a_token_request_has_a_connection_of_its_own() {
    for versions in [json!(["2", "1.1"]), json!(["1.1"])] {
        let change = |configuration: &mut Value| configuration["http_versions"] = versions.clone();
        let site = Site::with(change, |n, _| lasting(format!("t{n}"), json!(3600)), |token| token != "t0");
        assert_eq!(site.get().http_status(), Some(200));
        assert_eq!((site.asked(), site.endpoint.counts.connections()), (2, 2), "{versions}");
        assert!(site.endpoint.counts.wait_closed(2), "none is kept");
    }
}

/// One server is both: the API keeps to the policy's versions, and the token endpoint to the configuration's.
#[test]
fn a_token_request_speaks_what_the_configuration_allows() {
    let authority = Authority::new();
    let tls = authority.server(&["localhost"], &[b"h2", b"http/1.1"], |_| {});
    let client = Client::serving(authority, Some(tls), master_key, {
        support::h2::either(|connection, stream| {
            let body = json!({"access_token": "t", "token_type": "bearer"}).to_string();
            connection.head(stream, &[(":status", b"200")], false) && connection.data(stream, body.as_bytes(), true)
        })
    });
    let url = client.server.url("https", "localhost");
    let payload = json!({"client_id": "c", "client_secret": "s", "token_url": format!("{url}/token")});
    let mut request = support::server::request("GET", &url, "/");
    request["credentials"] = json!([{"identifier": "an_id", "type": "oauth2_client_credentials"}]);
    request["policy"]["http_versions"] = json!(["1.1"]);
    let reply = support::library::send(client.engine, &request, b"", &sealed(&payload));
    assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"by 1.1"[..]), "{}", reply.head);
    assert_eq!(reply.head["audit"]["token_requests"], 1, "{}", reply.head);
}

/// One server, over HTTP/2, is both the token endpoint and the API.
#[test]
fn http_2_serves_as_well() {
    let client = Client::with(Over::Http2, master_key, {
        support::h2::over(|connection| {
            while let Some(stream) = connection.request() {
                let body = json!({"access_token": "t", "token_type": "bearer"}).to_string();
                connection.head(stream, &[(":status", b"200")], false);
                connection.data(stream, body.as_bytes(), true);
            }
            true
        })
    });
    let url = client.server.url("https", "localhost");
    let payload = json!({"client_id": "c", "client_secret": "s", "token_url": format!("{url}/token")});
    let mut request = support::server::request("GET", &url, "/");
    request["credentials"] = json!([{"identifier": "an_id", "type": "oauth2_client_credentials"}]);
    let reply = support::library::send(client.engine, &request, b"", &sealed(&payload));
    assert_eq!((reply.http_status(), &reply.head["http_version"]), (Some(200), &json!("2")), "{}", reply.head);
    assert_eq!((client.counts().requests(), client.counts().connections()), (2, 2));
    assert!(client.counts().wait_closed(1), "the token's connection");
}

/// One server, which refuses HTTP/2 with HTTP_1_1_REQUIRED, is both the token endpoint and the API.
#[test]
fn an_endpoint_that_wants_http_1_has_it() {
    let authority = support::server::Authority::new();
    let tls = authority.server(&["localhost"], &[b"h2", b"http/1.1"], |_| {});
    let client = Client::serving(authority, Some(tls), master_key, |peer| {
        while let Some(begun) = peer.take(3) {
            if begun == b"PRI" {
                let mut connection = support::h2::Connection { peer };
                let settled = connection.peer.take(21).is_some() && connection.frame(support::h2::SETTINGS, 0, 0, b"");
                if settled && connection.request().is_some() {
                    connection.go_away(0, support::h2::HTTP_1_1_REQUIRED);
                }
                return true;
            }
            let body = json!({"access_token": "t", "token_type": "bearer"}).to_string();
            if peer.read().is_none() || !peer.respond(&body) {
                break;
            }
        }
        true
    });
    let url = client.server.url("https", "localhost");
    let payload = json!({"client_id": "c", "client_secret": "s", "token_url": format!("{url}/token")});
    let mut request = support::server::request("POST", &url, "/");
    request["credentials"] = json!([{"identifier": "an_id", "type": "oauth2_client_credentials"}]);
    let reply = support::library::send(client.engine, &request, b"", &sealed(&payload));
    assert_eq!((reply.http_status(), &reply.head["http_version"]), (Some(200), &json!("1.1")), "{}", reply.head);
    // A token request over HTTP/2 and one over HTTP/1.1. The call goes over HTTP/1.1 at once, because the server is known.
    assert_eq!((client.counts().requests(), client.counts().connections()), (3, 3));
}

fn master_key(configuration: &mut Value) {
    configuration["master_keys"] = json!([{"provider": "raw", "key_base64": support::encode(&[7; 32])}]);
}

/// Code and message of a call whose token request gets this response. `not_said` is in the response and may be nowhere else.
fn refusal(response: String, not_said: &str) -> (String, String) {
    let site = Site::new(move |_, _| response.clone());
    let reply = site.get();
    assert_eq!((reply.status, reply.sent(), &reply.head["error"]["http_status"]), (1, "no", &Value::Null));
    let audit = &reply.head["audit"];
    assert_eq!((requests(&reply), &audit["attempts"], &audit["status"]), (1, &json!(0), &Value::Null));
    assert_eq!(audit["error_class"], "oauth");
    assert_eq!(site.api.counts.connections(), 0, "nothing goes to the API");
    let text = reply.head.to_string();
    assert!(not_said.is_empty() || !text.contains(not_said), "{text}");
    assert!(!text.contains("s3cr3t"), "{text}");
    (reply.code().to_owned(), reply.head["error"]["message"].as_str().expect("a message").to_owned())
}

#[test]
fn a_refused_client_is_told_the_error_code_and_nothing_else() {
    let described =
        |error: &str| json!({"error": error, "error_description": "c4nary", "error_uri": "https://c4nary/"});
    for error in ["invalid_client", "invalid_scope", "unauthorized_client", "invalid_target"] {
        for status in ["400 Bad Request", "401 Unauthorized", "200 OK"] {
            let (code, message) = refusal(response(status, &described(error)), "c4nary");
            assert_eq!(code, "oauth.token_endpoint_rejected", "{status}");
            assert_eq!(message, format!("the token endpoint refused the client: {error}"));
        }
    }
    for body in [described("c4nary"), json!({"error": {"c4nary": 1}}), json!("c4nary")] {
        let (code, message) = refusal(response("400 Bad Request", &body), "c4nary");
        assert_eq!(code, "oauth.token_endpoint_rejected", "{body}");
        assert_eq!(message, "the token endpoint refused the client");
    }
}

#[test]
fn a_response_that_is_none_is_refused() {
    let grant = json!({"access_token": "c4nary", "token_type": "bearer", "expires_in": 60});
    let with = |key: &str, value: Value| {
        let mut grant = grant.clone();
        grant[key] = value;
        response("200 OK", &grant)
    };
    let large = format!("c4nary{}", "x".repeat(64 * 1024));
    let unread = "HTTP/1.1 200 OK\r\ncontent-length: 65537\r\n\r\n".to_owned();
    for response in [
        with("token_type", json!("mac")),
        with("access_token", json!("c4nary\n")),
        with("expires_in", json!(0)),
        with("expires_in", json!(-1)),
        with("expires_in", json!("soon c4nary")),
        with("padding", json!(large)),
        unread,
        with("token_type", Value::Null),
        with("token_type", json!("BearerToken")),
        response("204 No Content", &json!({})).replacen("content-length: 2", "content-length: 0", 1).replace("{}", ""),
        response("302 Found", &grant).replacen("\r\n", "\r\nlocation: /c4nary\r\n", 1),
        response("307 Temporary Redirect", &grant).replacen("\r\n", "\r\nlocation: https://localhost/c4nary\r\n", 1),
        response("200 OK", &json!("c4nary")),
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-encoding: c4nary\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
        "c4nary\r\n\r\n".to_owned(),
    ] {
        let (code, message) = refusal(response.clone(), "c4nary");
        assert_eq!(code, "oauth.token_response_invalid", "{response:.300} {message}");
    }
}

#[test]
fn a_response_in_the_form_of_another_server_is_taken() {
    let grant = json!({"access_token": "t", "token_type": "bearer"}).to_string();
    let framed =
        |status: &str, body: &str| format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    for response in [framed("201 Created", &grant), framed("200 OK", &format!("\u{feff}{grant}"))] {
        let site = Site::new(move |_, _| response.clone());
        let reply = site.get();
        assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"t"[..]), "{}", reply.head);
    }
}

/// The sealed payload says which `token_type` of the endpoint means `bearer`; an empty one stands for none.
#[test]
fn a_token_type_that_means_bearer_is_sealed_with_the_client() {
    let absent = Value::Null;
    let grant = |kind: &Value| {
        let mut grant = json!({"access_token": "t", "token_type": kind});
        if kind.is_null() {
            grant.as_object_mut().expect("an object").remove("token_type");
        }
        response("200 OK", &grant)
    };
    for (sealed, said, taken) in [
        (json!("BearerToken"), json!("BearerToken"), true),
        (json!("BearerToken"), json!("bearertoken"), true),
        (json!("BearerToken"), json!("Bearer"), true),
        (json!("BearerToken"), json!("BearerTokens"), false),
        (json!("BearerToken"), json!("mac"), false),
        (json!("BearerToken"), json!(""), false),
        (json!("BearerToken"), json!(["BearerToken"]), false),
        (json!("BearerToken"), absent.clone(), false),
        (json!(""), absent.clone(), true),
        (json!(""), json!(""), true),
        (json!(""), json!("bearer"), true),
        (json!(""), json!("mac"), false),
        (json!(""), json!(7), false),
    ] {
        let response = grant(&said);
        let site = Site::new(move |_, _| response.clone());
        let mut payload = site.payload();
        payload["token_type"] = sealed.clone();
        let reply = site.call("GET", &payload, |_| {});
        let code = if taken { "" } else { "oauth.token_response_invalid" };
        assert_eq!(reply.code(), code, "{sealed} {said}: {}", reply.head);
        assert_eq!(reply.http_status(), taken.then_some(200), "{sealed} {said}");
    }
    for unreadable in [json!(7), absent, json!(["BearerToken"]), json!("a\nb"), json!("a b")] {
        let site = Site::new(|_, _| token("t"));
        let mut payload = site.payload();
        payload["token_type"] = unreadable.clone();
        assert_eq!(site.call("GET", &payload, |_| {}).code(), "credential.payload_invalid", "{unreadable}");
        assert_eq!(site.asked(), 0);
    }
}

#[test]
fn an_endpoint_out_of_order_is_unreachable() {
    for response in [
        response("500 Oops", &json!({"error": "c4nary"})),
        response("503 Service Unavailable", &json!({})),
        response("429 Too Many Requests", &json!({})),
        String::new(),
        "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}".to_owned(),
    ] {
        let (code, message) = refusal(response.clone(), "c4nary");
        assert_eq!(code, "oauth.token_endpoint_unreachable", "{response} {message}");
    }
}

#[test]
fn an_endpoint_that_cannot_be_connected_to_is_unreachable() {
    let site = Site::new(|_, _| token("t"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = taken.local_addr().expect("an address").port();
    drop(taken);
    let mut configuration = site.configuration.clone();
    for host in configuration["internal_hosts"].as_array_mut().expect("hosts") {
        host["ports"].as_array_mut().expect("ports").push(json!(closed));
    }
    let (_, engine, _) = support::library::open(&configuration);
    for (url, what) in [
        (format!("https://localhost:{closed}/"), "nobody listens"),
        // Its certificate is for localhost.
        (format!("https://127.0.0.1:{}/", site.endpoint.address.port()), "certificate"),
    ] {
        let mut payload = site.payload();
        payload["token_url"] = json!(url);
        let reply = support::library::send(engine, &site.request("GET"), b"", &sealed(&payload));
        assert_eq!((reply.code(), reply.sent()), ("oauth.token_endpoint_unreachable", "no"), "{url} {}", reply.head);
        assert!(reply.head["error"]["message"].as_str().is_some_and(|text| text.contains(what)), "{}", reply.head);
    }
    assert_eq!(site.asked(), 0);
}

#[test]
fn a_token_url_passes_the_rules_for_every_url() {
    let site = Site::new(|_, _| token("t"));
    let port = site.endpoint.address.port();
    let unknown_port = if port == 65_000 { 65_001 } else { 65_000 };
    for (url, code, asked) in [
        ("token".to_owned(), "credential.payload_invalid", 0),
        ("https://user@localhost/".to_owned(), "credential.payload_invalid", 0),
        ("https://localhost/#a".to_owned(), "credential.payload_invalid", 0),
        ("ftp://localhost/".to_owned(), "policy.scheme_not_allowed", 0),
        (format!("http://localhost:{port}/"), "policy.scheme_not_allowed", 0),
        ("http://93.184.216.34/".to_owned(), "policy.scheme_not_allowed", 0),
        (format!("https://localhost:{port}/a/../token"), "policy.path_not_canonical", 0),
        (format!("https://localhost:{port}//token"), "policy.path_not_canonical", 0),
        (format!("https://localhost:{unknown_port}/token"), "policy.port_not_allowed", 0),
        ("https://169.254.169.254/token".to_owned(), "policy.address_not_allowed", 1),
        ("https://[::1]/token".to_owned(), "policy.address_not_allowed", 1),
        ("https://127.0.0.2/token".to_owned(), "policy.address_not_allowed", 1),
    ] {
        let mut payload = site.payload();
        payload["token_url"] = json!(url);
        let reply = site.call("GET", &payload, |_| {});
        assert_eq!((reply.code(), reply.sent()), (code, "no"), "{url}: {}", reply.head);
        let message = reply.head["error"]["message"].as_str().expect("a message");
        assert!(message.contains("token"), "it is not the API's: {message}");
        assert_eq!(requests(&reply), asked, "{url}");
    }
    assert_eq!((site.asked(), site.api.counts.connections()), (0, 0));
}

#[test]
fn plain_http_takes_allow_http_and_an_internal_host() {
    let received = Arc::new(Mutex::new(Vec::new()));
    let client = {
        let received = Arc::clone(&received);
        Client::with(Over::Plain, master_key, move |peer| {
            while let Some(request) = peer.read() {
                received.lock().expect("no poison").push(request.line().to_owned());
                if !peer.write(token("t")) {
                    break;
                }
            }
            true
        })
    };
    let url = client.server.url("http", "localhost");
    let payload = sealed(&json!({"client_id": "c", "client_secret": "s", "token_url": format!("{url}/token?a=b")}));
    let mut request = support::server::request("GET", &url, "/thing");
    request["credentials"] = json!([{"identifier": "an_id", "type": "oauth2_client_credentials"}]);
    request["policy"]["allow_http"] = json!(true);
    let reply = support::library::send(client.engine, &request, b"", &payload);
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    assert_eq!(*received.lock().expect("no poison"), ["POST /token?a=b HTTP/1.1", "GET /thing HTTP/1.1"]);
}

#[test]
fn a_bound_credential_asks_its_own_hosts_only() {
    let site = Site::new(|_, _| token("t"));
    let api = format!("localhost:{}", site.api.address.port());
    let endpoint = format!("localhost:{}", site.endpoint.address.port());
    for (binding, code) in [
        (json!({"hosts": [api]}), "policy.binding_violated"),
        (json!({"hosts": [endpoint]}), "policy.binding_violated"),
        (json!({"hosts": [api, endpoint], "expires_at": 1}), "credential.expired"),
        (json!({"hosts": [api, endpoint], "methods": ["GET"], "paths": ["/thing"]}), ""),
        (json!({"methods": ["GET"], "paths": ["/thing"]}), ""),
    ] {
        let mut payload = site.payload();
        payload["binding"] = binding.clone();
        let reply = site.call("GET", &payload, |_| {});
        assert_eq!(reply.code(), code, "{binding}: {}", reply.head);
    }
    assert_eq!(site.asked(), 2);
}

#[test]
fn a_client_that_cannot_be_used_asks_nothing() {
    let site = Site::new(|_, _| token("t"));
    let reply = |change: &dyn Fn(&mut Value)| {
        let mut payload = site.payload();
        change(&mut payload);
        site.call("GET", &payload, |_| {}).code().to_owned()
    };
    assert_eq!(reply(&|payload| payload["client_secret"] = json!("")), "credential.unusable");
    assert_eq!(reply(&|payload| payload["client_id"] = json!("")), "credential.unusable");
    assert_eq!(reply(&|payload| payload["scope"] = json!("read")), "credential.payload_invalid");
    assert_eq!(reply(&|payload| payload["type"] = json!("bearer")), "credential.payload_invalid");
    let two = format!("[{0:?},{0:?}]", sealed(&site.payload()));
    let mut request = site.request("GET");
    request["credentials"] = json!([request["credentials"][0], request["credentials"][0]]);
    assert_eq!(support::library::send(site.engine, &request, b"", &two).code(), "credential.placement_conflict");
    let own = site.call("GET", &site.payload(), |request| request["headers"] = json!([["authorization", "mine"]]));
    assert_eq!(own.code(), "policy.header_not_allowed");
    assert_eq!(site.asked(), 0);
}

#[test]
fn a_token_does_not_come_back_in_a_header() {
    let site = Site::with(|_| {}, |n, _| token(format!("c4nary-{n}")), |token| token == "c4nary-1");
    let reply = site.get();
    let echo = reply.head["headers"].as_array().expect("headers").iter().find(|field| field[0] == "x-echo");
    assert_eq!(echo.map(|field| &field[1]), Some(&json!("[redacted]")), "{}", reply.head);
    assert!(!reply.head.to_string().contains("c4nary"));
    assert_eq!(reply.body, b"c4nary-1", "the body is the caller's");
}

#[test]
fn a_token_endpoint_is_a_host_that_the_configuration_names() {
    let limited = |hosts: Value| move |configuration: &mut Value| configuration["limits"] = json!({"hosts": hosts});
    let site = Site::new(|_, _| token("t"));
    let (api, endpoint) = (site.api.address.port(), site.endpoint.address.port());
    let with = |hosts: Value| {
        let mut configuration = site.configuration.clone();
        limited(hosts)(&mut configuration);
        let (status, engine, head) = support::library::open(&configuration);
        assert_eq!(status, 0, "{head}");
        let reply = support::library::send(engine, &site.request("GET"), b"", &sealed(&site.payload()));
        support::library::close(engine);
        reply
    };
    let reply = with(json!([format!("localhost:{api}")]));
    assert_eq!((reply.code(), reply.sent()), ("policy.host_not_allowed", "no"), "{}", reply.head);
    let message = reply.head["error"]["message"].as_str().expect("a message");
    assert!(message.starts_with("the token URL is refused: ") && message.contains("limits.hosts"), "{message}");
    assert_eq!((site.asked(), site.api.counts.connections(), requests(&reply)), (0, 0, 0));
    let both = json!([format!("localhost:{api}"), format!("localhost:{endpoint}")]);
    assert_eq!(with(both).http_status(), Some(200));
}

#[test]
fn a_client_may_have_to_be_bound_to_hosts() {
    let change = |configuration: &mut Value| configuration["limits"] = json!({"require_binding": true});
    let site = Site::with(change, |_, _| token("t"), |_| true);
    let hosts = [&site.api, &site.endpoint].map(|server| format!("localhost:{}", server.address.port()));
    let mut payload = site.payload();
    for binding in [json!(null), json!({"methods": ["GET"]}), json!({"hosts": hosts})] {
        if !binding.is_null() {
            payload["binding"] = binding.clone();
        }
        let reply = site.call("GET", &payload, |_| {});
        match binding.get("hosts") {
            Some(_) => assert_eq!(reply.http_status(), Some(200), "{}", reply.head),
            None => assert_eq!((reply.code(), site.asked()), ("policy.binding_violated", 0), "{binding}"),
        }
    }
}
