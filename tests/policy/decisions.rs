//! Decisions from outside: a request document goes in, a target or the first error comes out.

use std::collections::BTreeMap;

use secure_outbound::document::{CallHead, InternalHostSpec, Request, ServiceHead};
use secure_outbound::error::{Code, Error};
use secure_outbound::policy::{
    Bound, Ceiling, Context, Decision, Host, InternalHosts, Redirect, Rules, ServiceRules, Spelling, Target, decide,
    parse_method,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A request of the vectors, and its verdict.
#[derive(Deserialize)]
struct Case {
    request: Value,
    code: Option<String>,
    url: Option<String>,
    path_template: Option<String>,
}

/// A redirect of the vectors.
#[derive(Deserialize)]
struct Hop {
    #[serde(flatten)]
    case: Case,
    location: String,
    method: String,
    has_credential: bool,
}

fn section<T: DeserializeOwned>(name: &str) -> T {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/policy.json")).expect("JSON");
    T::deserialize(&vectors[name]).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A request to the service of most tests, with some keys replaced; null removes one, and `policy` is merged key by key.
fn request(changes: Value) -> Result<Request, Error> {
    let mut document = json!({
        "version": 1, "service_id": "test", "method": "GET", "base_url": "https://api.example.com/v1",
        "policy": { "allowed_methods": ["GET", "POST"] },
    });
    merge(&mut document, changes);
    let whole = Request::parse(document.to_string().as_bytes());
    // Only the codes: the messages of two documents may name other places than that of one.
    assert_eq!(
        whole.as_ref().map(drop).map_err(|error| error.code),
        in_two(&document).map(drop).map_err(|error| error.code)
    );
    whole
}

/// Reads the same request from two documents: that of its service, and that of the call.
fn in_two(document: &Value) -> Result<Request, Error> {
    let keys = ["version", "service_id", "base_url", "idempotency_header", "credentials", "policy", "alternatives"];
    let (mut service, mut own) = (json!({}), json!({ "version": document["version"] }));
    for (key, value) in document.as_object().expect("an object") {
        let into = if keys.contains(&key.as_str()) { &mut service } else { &mut own };
        into[key] = value.clone();
    }
    let service = ServiceHead::parse(service.to_string().as_bytes())?;
    let call = CallHead::parse(own.to_string().as_bytes(), &service)?;
    Ok(Request { service, call })
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
    let request = request(changes)?;
    decide(
        &request.call,
        &ServiceRules::of(&request.service, &Ceiling::default()),
        100,
        &Context {
            internal_hosts: &internal_hosts,
            request_bytes: 1000,
            filled_headers: &authorization,
            signs_for_aws: false,
        },
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
fn every_request_has_its_verdict() {
    let groups: BTreeMap<String, Vec<Case>> = section("requests");
    assert!(groups.len() > 10);
    for (group, cases) in groups {
        for case in cases {
            let found = judge(case.request.clone());
            let code = found.as_ref().err().map(|error| error.code.as_str());
            assert_eq!(code, case.code.as_deref(), "{group}: {}", case.request);
            let admitted = found.ok().map(|decision| decision.admitted);
            let found = admitted.as_ref().map(|admitted| admitted.target.text(admitted.target.query()));
            assert_eq!(found, case.url, "{group}: {}", case.request);
            assert_eq!(admitted.and_then(|admitted| admitted.path_template), case.path_template, "{}", case.request);
        }
    }
}

#[test]
fn a_url_has_at_most_8192_bytes() {
    let room = 8192 - "https://api.example.com/v1/".len();
    assert_eq!(url(json!({"path": "a".repeat(room)})).len(), 8192);
    assert_eq!(refusal(json!({"path": "a".repeat(room + 1)})), Code::PathNotCanonical);
    // The limit is on the length of the percent-encoded form.
    assert_eq!(refusal(json!({"path": "ü".repeat(room / 6 + 1)})), Code::PathNotCanonical);
    assert_eq!(refusal(json!({"query": [["q", "a".repeat(8192)]]})), Code::PathNotCanonical);
}

#[test]
fn the_smaller_limit_of_the_body_counts() {
    assert!(judge(json!({"policy": {"request_bytes": 100}})).is_ok());
    assert_eq!(refusal(json!({"policy": {"request_bytes": 99}})), Code::RequestTooLarge);
    let internal_hosts = InternalHosts::default();
    let context =
        Context { internal_hosts: &internal_hosts, request_bytes: 1000, filled_headers: &[], signs_for_aws: false };
    let generous = request(json!({"policy": {"request_bytes": 5000}})).expect("a request document");
    assert!(decide(&generous.call, &ServiceRules::of(&generous.service, &Ceiling::default()), 1000, &context).is_ok());
    assert_eq!(
        decide(&generous.call, &ServiceRules::of(&generous.service, &Ceiling::default()), 1001, &context)
            .map_err(|error| error.code)
            .err(),
        Some(Code::RequestTooLarge)
    );
}

/// A request with every fault. They are fixed one by one, and each time the next error in the order of `docs/wire.md` must be
/// reported.
#[test]
fn the_first_error_counts() {
    let case: Value = section("first_error");
    let mut document = case["request"].clone();
    let steps = case["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 10);
    for step in steps {
        assert_eq!(refusal(document.clone()).as_str(), step["code"], "{document}");
        merge(&mut document, step["fix"].clone());
    }
    assert!(judge(document).is_ok());
}

#[test]
fn every_redirect_is_judged_like_a_request() {
    for hop in section::<Vec<Hop>>("hops") {
        let Decision { policy, admitted, .. } = judge(hop.case.request.clone()).expect("allowed");
        let method = parse_method(&hop.method).expect("a method");
        let asked = Redirect {
            from: &admitted.target,
            location: &hop.location,
            method: &method,
            has_credential: hop.has_credential,
        };
        let found = policy
            .redirect(&asked, &internal_hosts())
            .map(|next| (next.target.text(next.target.query()), next.path_template))
            .map_err(|error| error.code);
        let expected = hop.case.url.map(|url| (url, hop.case.path_template)).ok_or(Code::RedirectNotAllowed);
        assert_eq!(found, expected, "{} {}", hop.location, hop.method);
    }
}

#[test]
fn rules_serve_a_binding_as_well() {
    let list = |entries: &[&str]| entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>();
    let target = Target::from_url("https://api.example.com/v1/a", None, false).expect("canonical");
    let get = http::Method::GET;
    let hosts = list(&["api.example.com"]);
    let sealed = |methods: Option<&[String]>, paths: Option<&[String]>| {
        let rules = Rules::parse_sealed(Some(&hosts), methods, paths, Spelling::default()).expect("valid");
        Bound::new("an_id", rules).allows(&target, &get).map_err(|error| (error.code, error.message.to_string()))
    };
    assert_eq!(sealed(None, None), Ok(()));
    let violated =
        |why: &str| Err((Code::BindingViolated, format!("the credential \"an_id\" is bound elsewhere: {why}")));
    assert_eq!(sealed(Some(&list(&["POST"])), None), violated("the method is not among the allowed methods"));
    assert_eq!(sealed(None, Some(&list(&["/v2/**"]))), violated("the path matches no allowed pattern"));
}

#[test]
fn a_bound_client_asks_over_https_unless_it_is_sealed_otherwise() {
    let endpoint = |url: &str| Target::from_url(url, None, false).expect("canonical").origin().clone();
    let asks = |host: &str, url: &str| {
        let rules = Rules::parse_sealed(Some(&[host.to_owned()]), None, Some(&[]), Spelling::default()).expect("valid");
        Bound::new("an_id", rules).allows_token_endpoint(&endpoint(url))
    };
    assert_eq!(asks("idp.internal:81", "https://idp.internal:81/token"), Ok(()));
    assert_eq!(asks("http://idp.internal:81", "http://idp.internal:81/token"), Ok(()));
    let refusal = asks("idp.internal:81", "http://idp.internal:81/token").expect_err("in clear text");
    assert_eq!(refusal.code, Code::BindingViolated);
    assert!(refusal.message.starts_with("the token URL is refused: the credential \"an_id\""), "{}", refusal.message);
    assert!(refusal.message.contains("seal \"http://idp.internal:81\" among the hosts"), "{}", refusal.message);
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
        json!({"url": "https://api.example.com/v1?canary\u{7f}canary"}),
        json!({"headers": [["canary x", "canary"]]}),
        json!({"headers": [["proxy-x", "canary"]]}),
        json!({"headers": [["x-a", "canary\u{7f}"]]}),
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
