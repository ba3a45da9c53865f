//! Decisions from outside: a request document goes in, a target or the first error comes out.

use secure_outbound::error::{Code, Error};
use secure_outbound::policy::{Context, Decision, Host, InternalHosts, Redirect, Rules, Target, decide, parse_method};
use secure_outbound::spec::{InternalHostSpec, Request};
use serde_json::{Value, json};

/// A request to the service of most tests, with some keys replaced; null removes one, and `policy` is merged key by key.
fn request(changes: Value) -> Request {
    let mut document = json!({
        "version": 1, "service_id": "test", "method": "GET", "base_url": "https://api.example.com/v1",
        "policy": { "allowed_methods": ["GET", "POST"] },
    });
    merge(&mut document, changes);
    Request::parse(document.to_string().as_bytes()).expect("a request document")
}

fn merge(into: &mut Value, changes: Value) {
    match (into, changes) {
        (Value::Object(into), Value::Object(changes)) => {
            for (key, change) in changes {
                match change {
                    Value::Null => drop(into.remove(&key)),
                    change => merge(into.entry(key).or_insert(Value::Null), change),
                }
            }
        }
        (into, changes) => *into = changes,
    }
}

fn internal_hosts() -> InternalHosts {
    let networks = vec!["172.18.0.0/16".to_owned()];
    InternalHosts::from_specs(&[InternalHostSpec {
        host: "ollama.internal".to_owned(),
        networks,
        ports: vec![11434, 8443],
    }])
    .expect("valid")
}

fn judge(changes: Value) -> Result<Decision, Error> {
    let authorization = [http::header::AUTHORIZATION];
    let internal_hosts = internal_hosts();
    decide(
        &request(changes),
        100,
        &Context { internal_hosts: &internal_hosts, request_bytes: 1000, filled_headers: &authorization },
    )
}

fn url(changes: Value) -> String {
    let target = judge(changes.clone()).unwrap_or_else(|error| panic!("{changes}: {error}")).admitted.target;
    target.text(target.query())
}

fn refusal(changes: Value) -> Code {
    judge(changes.clone()).err().unwrap_or_else(|| panic!("{changes} was allowed")).code
}

#[test]
fn a_path_is_appended_below_the_base() {
    for (base, path, expected) in [
        ("https://api.example.com/v1", "/customers", "https://api.example.com/v1/customers"),
        ("https://api.example.com/v1", "customers", "https://api.example.com/v1/customers"),
        ("https://api.example.com/v1/", "/customers", "https://api.example.com/v1/customers"),
        ("https://api.example.com/v1", "", "https://api.example.com/v1"),
        ("https://api.example.com/v1/", "", "https://api.example.com/v1/"),
        ("https://api.example.com/v1", "/", "https://api.example.com/v1/"),
        ("https://api.example.com", "", "https://api.example.com/"),
        ("https://api.example.com", "/", "https://api.example.com/"),
        ("https://api.example.com", "a", "https://api.example.com/a"),
        ("HTTPS://API.Example.COM.:443/V1", "A b/ü%2e", "https://api.example.com/V1/A%20b/%C3%BC%2e"),
        ("https://bücher.example:8443/ä", "", "https://xn--bcher-kva.example:8443/%C3%A4"),
        ("https://[2606:4700:0::1111]/", "x:y@z", "https://[2606:4700::1111]/x:y@z"),
    ] {
        assert_eq!(url(json!({"base_url": base, "path": path})), expected, "{base} + {path}");
    }
}

#[test]
fn queries_are_encoded_or_kept() {
    assert_eq!(
        url(json!({"path": "/a", "query": [["expand[]", "a b"], ["q", "ü&="]]})),
        "https://api.example.com/v1/a?expand%5B%5D=a%20b&q=%C3%BC%26%3D"
    );
    assert_eq!(url(json!({"path": "/a", "query": []})), "https://api.example.com/v1/a");
    assert_eq!(url(json!({"url": "https://api.example.com/v1/a?"})), "https://api.example.com/v1/a?");
    assert_eq!(
        url(json!({"url": "https://api.example.com/v1/a?x[]=%zz&{y}=`|^\\&c=%2F%2f?'"})),
        "https://api.example.com/v1/a?x[]=%zz&{y}=`|^\\&c=%2F%2f?'"
    );
}

#[test]
fn what_is_not_well_formed_is_malformed() {
    for base in [
        "",
        "/v1",
        "api.example.com",
        "//api.example.com/",
        "https:/api.example.com",
        "https:api.example.com",
        "https://",
        "https:///v1",
        "https://user@api.example.com/",
        "https://user:password@api.example.com/",
        "https://@api.example.com/",
        "https://api.example.com/?q",
        "https://api.example.com/?",
        "https://api.example.com/#f",
        "https://api.example.com\\@evil.example/",
        "https://api.example.com:0/",
        "https://api.example.com:/",
        "https://a b/",
        " https://api.example.com/",
        "https://1.2.3/",
        "https://api%2eexample.com/",
        "ht\ntps://api.example.com/",
    ] {
        assert_eq!(refusal(json!({"base_url": base})), Code::Malformed, "{base}");
    }
    for changes in [
        json!({"url": "https://api.example.com/v1#f"}),
        json!({"url": "https://api.example.com/v1?a b"}),
        json!({"url": "https://api.example.com/v1?ü"}),
        json!({"url": "https://api.example.com/v1?\n"}),
        json!({"url": "https://user@api.example.com/v1"}),
        json!({"method": "get"}),
        json!({"method": ""}),
        json!({"headers": [["a b", "c"]]}),
        json!({"headers": [["a", "b\r\nc: d"]]}),
        json!({"headers": [["a", "€"]]}),
        json!({"policy": {"allowed_hosts": ["*"]}}),
        json!({"policy": {"allowed_hosts": ["https://api.example.com"]}}),
        json!({"policy": {"allowed_methods": ["get"]}}),
        json!({"policy": {"allowed_paths": ["v1"]}}),
        json!({"policy": {"timeout_ms": 0}}),
        json!({"policy": {"max_attempts": 0}}),
        json!({"policy": {"max_attempts": 11}}),
    ] {
        assert_eq!(refusal(changes.clone()), Code::Malformed, "{changes}");
    }
}

#[test]
fn paths_that_read_in_two_ways_are_refused() {
    for path in [
        "a?b", "a#b", "..", "/../v1/a", "a/./b", "%2e%2e/a", "a/%2E", "..;p=1/a", "a%5cb", "a\\b", "//a", "a//b",
        "a%00", "a%0a", "a\tb", "a%7f", "%", "%g0", "a%2fb",
    ] {
        assert_eq!(refusal(json!({"path": path})), Code::PathNotCanonical, "{path}");
        let whole = format!("https://api.example.com/v1/{}", path.trim_start_matches('/'));
        if !path.contains(['?', '#']) && !path.starts_with('/') {
            assert_eq!(refusal(json!({"url": whole})), Code::PathNotCanonical, "{whole}");
        }
    }
    for base in ["https://api.example.com/v1/../a", "https://api.example.com//", "https://api.example.com/a%2fb"] {
        assert_eq!(refusal(json!({"base_url": base})), Code::PathNotCanonical, "{base}");
    }
    let encoded_slash = json!({"path": "/projects/group%2Fname", "policy": {"allow_encoded_slash": true, "allowed_paths": ["/v1/projects/{id}"]}});
    assert_eq!(url(encoded_slash), "https://api.example.com/v1/projects/group%2Fname");
}

#[test]
fn a_url_has_at_most_8192_bytes() {
    let room = 8192 - "https://api.example.com/v1/".len();
    assert_eq!(url(json!({"path": "a".repeat(room)})).len(), 8192);
    assert_eq!(refusal(json!({"path": "a".repeat(room + 1)})), Code::PathNotCanonical);
    // What counts is the encoded form.
    assert_eq!(refusal(json!({"path": "ü".repeat(room / 6 + 1)})), Code::PathNotCanonical);
    assert_eq!(refusal(json!({"query": [["q", "a".repeat(8192)]]})), Code::PathNotCanonical);
}

#[test]
fn hosts_and_ports_follow_the_rules() {
    for (hosts, base, expected) in [
        (json!(["API.example.com."]), "https://api.example.com", None),
        (json!(["api.example.com:443"]), "https://api.example.com", None),
        (json!(["other.example", "*.example.com"]), "https://a.b.example.com", None),
        (json!(["*.bücher.example"]), "https://a.xn--bcher-kva.example", None),
        (json!(["*.example.com:8443"]), "https://api.example.com:8443", None),
        (json!(["[2606:4700:0:0::1]"]), "https://[2606:4700::1]", None),
        (json!(["[2606:4700::1]:8443"]), "https://[2606:4700::1]:8443", None),
        (json!([]), "https://api.example.com", Some(Code::HostNotAllowed)),
        (json!(["*.example.com"]), "https://example.com", Some(Code::HostNotAllowed)),
        (json!(["*.example.com"]), "https://evilexample.com", Some(Code::HostNotAllowed)),
        (json!(["example.com"]), "https://example.com.evil.example", Some(Code::HostNotAllowed)),
        (json!(["api.example.com"]), "https://api.example.com:8443", Some(Code::PortNotAllowed)),
        (json!(["api.example.com:8443"]), "https://api.example.com", Some(Code::PortNotAllowed)),
        (json!(["*.example.com:8443"]), "https://a.example.com", Some(Code::PortNotAllowed)),
        (json!(["[2606:4700::1]"]), "https://[2606:4700::2]", Some(Code::HostNotAllowed)),
    ] {
        let result = judge(json!({"base_url": base, "policy": {"allowed_hosts": hosts}}));
        assert_eq!(result.err().map(|error| error.code), expected, "{hosts} for {base}");
    }
}

#[test]
fn a_whole_url_needs_a_base_or_a_list_of_hosts() {
    let alone = "https://api.example.com/any?q=1";
    assert_eq!(refusal(json!({"base_url": null, "url": alone})), Code::HostNotAllowed);
    assert_eq!(url(json!({"base_url": null, "url": alone, "policy": {"allowed_hosts": ["api.example.com"]}})), alone);
    for (whole, expected) in [
        ("https://api.example.com/v1", None),
        ("https://api.example.com/v1/a", None),
        ("https://api.example.com/v10", Some(Code::PathNotAllowed)),
        ("https://api.example.com/", Some(Code::PathNotAllowed)),
        ("https://api.example.com", Some(Code::PathNotAllowed)),
        ("https://evil.example/v1", Some(Code::HostNotAllowed)),
        ("https://api.example.com:8443/v1", Some(Code::HostNotAllowed)),
        ("http://api.example.com/v1", Some(Code::SchemeNotAllowed)),
        ("ftp://api.example.com/v1", Some(Code::SchemeNotAllowed)),
    ] {
        let result = judge(
            json!({"url": whole, "policy": {"allowed_hosts": ["api.example.com", "evil.example", "*.example.com:8443"]}}),
        );
        assert_eq!(result.err().map(|error| error.code), expected, "{whole}");
    }
}

#[test]
fn plain_http_is_for_internal_hosts() {
    let internal = "http://ollama.internal:11434/api";
    assert_eq!(url(json!({"base_url": internal, "policy": {"allow_http": true}})), internal);
    assert_eq!(refusal(json!({"base_url": internal})), Code::SchemeNotAllowed);
    for base in
        ["http://api.example.com", "http://ollama.internal", "http://ollama.internal:443", "http://127.0.0.1:11434"]
    {
        assert_eq!(
            refusal(json!({"base_url": base, "policy": {"allow_http": true}})),
            Code::SchemeNotAllowed,
            "{base}"
        );
    }
    assert_eq!(url(json!({"base_url": "https://ollama.internal:8443"})), "https://ollama.internal:8443/");
    assert_eq!(refusal(json!({"base_url": "https://ollama.internal"})), Code::PortNotAllowed);
    for base in ["file:///etc/passwd", "ftp://api.example.com/", "javascript:alert(1)"] {
        assert_eq!(refusal(json!({"base_url": base})), Code::SchemeNotAllowed, "{base}");
    }
}

#[test]
fn the_first_pattern_that_matches_is_the_template() {
    let patterns = json!(["/v1/customers/{id}", "/v1/charges/**", "/v1/**"]);
    for (path, template) in
        [("customers/1", "/v1/customers/{id}"), ("charges/", "/v1/charges/**"), ("customers/", "/v1/**")]
    {
        let decision = judge(json!({"path": path, "policy": {"allowed_paths": patterns}})).expect("allowed");
        assert_eq!(decision.admitted.path_template.as_deref(), Some(template), "{path}");
    }
    assert_eq!(refusal(json!({"path": "a", "policy": {"allowed_paths": ["/v1/b", "/a"]}})), Code::PathNotAllowed);
    assert_eq!(refusal(json!({"path": "a", "policy": {"allowed_paths": []}})), Code::PathNotAllowed);
    assert_eq!(judge(json!({"path": "a"})).expect("allowed").admitted.path_template, None);
}

#[test]
fn methods_follow_the_list_but_for_two() {
    assert_eq!(refusal(json!({"method": "DELETE"})), Code::MethodNotAllowed);
    for method in ["CONNECT", "TRACE"] {
        assert_eq!(refusal(json!({"method": method, "policy": {"allowed_methods": [method]}})), Code::MethodNotAllowed);
    }
    assert_eq!(judge(json!({"method": "POST"})).expect("allowed").method, http::Method::POST);
}

#[test]
fn some_headers_are_not_the_callers() {
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "accept-encoding",
        "http2-settings",
        "Proxy-Authorization",
        "proxy-x",
        "AUTHORIZATION",
    ] {
        assert_eq!(refusal(json!({"headers": [["accept", "*/*"], [name, "x"]]})), Code::HeaderNotAllowed, "{name}");
    }
    let key = json!([["Idempotency-Key", "mine"]]);
    assert_eq!(refusal(json!({"headers": key, "idempotency_key": "k"})), Code::HeaderNotAllowed);
    let decision = judge(json!({"headers": key})).expect("allowed without a key");
    assert_eq!(decision.headers.get("idempotency-key").map(|value| value.as_bytes()), Some(&b"mine"[..]));
}

#[test]
fn the_smaller_limit_of_the_body_counts() {
    assert!(judge(json!({"policy": {"request_bytes": 100}})).is_ok());
    assert_eq!(refusal(json!({"policy": {"request_bytes": 99}})), Code::RequestTooLarge);
    let internal_hosts = InternalHosts::default();
    let context = Context { internal_hosts: &internal_hosts, request_bytes: 1000, filled_headers: &[] };
    let generous = request(json!({"policy": {"request_bytes": 5000}}));
    assert!(decide(&generous, 1000, &context).is_ok());
    assert_eq!(decide(&generous, 1001, &context).map_err(|error| error.code).err(), Some(Code::RequestTooLarge));
}

/// A request with every fault, mended one by one: each time the next error of the contract's order must come to light.
#[test]
fn the_first_error_counts() {
    let mut document = json!({
        "base_url": "http://api.example.com:8443/v1", "path": "a//b", "method": "lower",
        "headers": [["host", "x"]],
        "policy": null,
    });
    let policy = json!({
        "allowed_hosts": ["other.example"], "allowed_methods": ["POST"], "allowed_paths": ["/v2/**"], "request_bytes": 1,
    });
    let steps = [
        (Code::Malformed, json!({"method": "GET"})),
        (Code::PolicyMissing, json!({"policy": policy})),
        (Code::SchemeNotAllowed, json!({"base_url": "https://api.example.com:8443/v1"})),
        (Code::HostNotAllowed, json!({"policy": {"allowed_hosts": ["api.example.com"]}})),
        (Code::PortNotAllowed, json!({"policy": {"allowed_hosts": ["api.example.com:8443"]}})),
        (Code::MethodNotAllowed, json!({"policy": {"allowed_methods": ["GET"]}})),
        (Code::PathNotCanonical, json!({"path": "a/b"})),
        (Code::PathNotAllowed, json!({"policy": {"allowed_paths": ["/v1/**"]}})),
        (Code::HeaderNotAllowed, json!({"headers": []})),
        (Code::RequestTooLarge, json!({"policy": {"request_bytes": 100}})),
    ];
    for (code, mend) in steps {
        assert_eq!(refusal(document.clone()), code, "{document}");
        // Unlike `merge`, this keeps the null that takes the policy away.
        match (document.get("policy"), &mend) {
            (Some(Value::Null), mend) if mend.get("policy").is_some() => document["policy"] = mend["policy"].clone(),
            _ => merge(&mut document, mend),
        }
    }
    assert!(judge(document).is_ok());
    assert_eq!(refusal(json!({"policy": {"allowed_methods": []}})), Code::PolicyMissing);
    assert_eq!(refusal(json!({"policy": {"allowed_methods": null}})), Code::PolicyMissing);
}

#[test]
fn every_redirect_is_judged_like_a_request() {
    let hop = |changes: Value, location: &str, method: &str, has_credential: bool| {
        let Decision { policy, admitted, .. } = judge(changes).expect("allowed");
        let method = parse_method(method).expect("a method");
        policy
            .redirect(
                &Redirect { from: &admitted.target, location, method: &method, has_credential },
                &internal_hosts(),
            )
            .map(|next| (next.target.text(next.target.query()), next.path_template))
            .map_err(|error| error.code)
    };
    let two_hosts = json!({"path": "a/b", "policy": {"allowed_hosts": ["api.example.com", "cdn.example.com"]}});
    let patterns =
        json!({"path": "a", "policy": {"allowed_paths": ["/v1/a", "/v2/{id}"], "allowed_hosts": ["*.example.com"]}});
    let refused = Err(Code::RedirectNotAllowed);
    for (changes, location, method, has_credential, expected) in [
        (&two_hosts, "../c", "GET", true, Ok(("https://api.example.com/v1/c".to_owned(), None))),
        (&two_hosts, "/v1/c#top", "POST", true, Ok(("https://api.example.com/v1/c".to_owned(), None))),
        (
            &two_hosts,
            "https://cdn.example.com/v1/c",
            "GET",
            false,
            Ok(("https://cdn.example.com/v1/c".to_owned(), None)),
        ),
        (&patterns, "/v2/x", "GET", true, Ok(("https://api.example.com/v2/x".to_owned(), Some("/v2/{id}".to_owned())))),
        (&two_hosts, "https://cdn.example.com/v1/c", "GET", true, refused.clone()),
        (&two_hosts, "/v2", "GET", false, refused.clone()),
        (&two_hosts, "https://evil.example/v1/c", "GET", false, refused.clone()),
        (&two_hosts, "https://api.example.com:8443/v1/c", "GET", false, refused.clone()),
        (&two_hosts, "http://api.example.com/v1/c", "GET", false, refused.clone()),
        (&two_hosts, "/v1/c", "DELETE", false, refused.clone()),
        (&two_hosts, "/v1//c", "GET", false, refused.clone()),
        (&patterns, "/v1/b", "GET", false, refused.clone()),
    ] {
        assert_eq!(hop(changes.clone(), location, method, has_credential), expected, "{location} {method}");
    }
    // Plain HTTP may be allowed for a host; a way down from HTTPS never is.
    let down = json!({"base_url": "https://ollama.internal:8443/", "policy": {
        "allow_http": true, "allowed_hosts": ["ollama.internal:8443", "ollama.internal:11434"]}});
    assert_eq!(hop(down.clone(), "http://ollama.internal:11434/", "GET", false), refused);
    let up = json!({"base_url": "http://ollama.internal:11434/", "policy": down["policy"]});
    assert!(hop(up, "https://ollama.internal:8443/", "GET", false).is_ok());
}

#[test]
fn rules_serve_a_binding_as_well() {
    let list = |entries: &[&str]| entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>();
    let target = Target::from_url("https://api.example.com/v1/a", None, false).expect("canonical");
    let get = http::Method::GET;
    let hosts = list(&["api.example.com"]);
    let bound = Rules::parse(Some(&hosts), None, None).expect("valid");
    assert_eq!(bound.allows(&target, &get).map(|pattern| pattern.is_some()), Ok(false));
    let bound = Rules::parse(Some(&hosts), Some(&list(&["POST"])), None).expect("valid");
    assert_eq!(bound.allows(&target, &get).map_err(|error| error.code), Err(Code::MethodNotAllowed));
    let bound = Rules::parse(Some(&hosts), None, Some(&list(&["/v2/**"]))).expect("valid");
    assert_eq!(bound.allows(&target, &get).map_err(|error| error.code), Err(Code::PathNotAllowed));
}

#[test]
fn no_text_repeats_what_the_caller_wrote() {
    let canary = "canary";
    for changes in [
        json!({"base_url": "https://canary@api.example.com/"}),
        json!({"base_url": "https://canary%00/"}),
        json!({"base_url": "canary://api.example.com/"}),
        json!({"base_url": "https://canary.example/", "policy": {"allowed_hosts": ["a.example"]}}),
        json!({"path": "canary/../b"}),
        json!({"url": "https://api.example.com/canary"}),
        json!({"url": "https://api.example.com/v1?canary canary"}),
        json!({"headers": [["canary x", "canary"]]}),
        json!({"headers": [["proxy-canary", "canary"]]}),
        json!({"method": "canary"}),
        json!({"policy": {"allowed_paths": ["canary"]}}),
        json!({"policy": {"allowed_hosts": ["canary:canary"]}}),
    ] {
        let error = judge(changes.clone()).expect_err("refused");
        assert!(!error.to_string().contains(canary), "{changes}: {error}");
    }
    let decision = judge(json!({"path": "canary", "query": [["canary", "canary"]], "headers": [["x-a", "canary"]]}))
        .expect("allowed");
    assert!(!format!("{decision:?}").contains(canary), "{decision:?}");
    let host = Host::Domain("canary.localhost".to_owned());
    let error = InternalHosts::default().judge_host(&host).expect_err("refused");
    assert_eq!(error.to_string(), "policy.address_not_allowed: an address of the host is not allowed: loopback");
}
