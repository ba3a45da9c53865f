//! Properties of every URL that the rules let pass, over generated input from a fixed seed.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use secure_outbound::document::{InternalHostSpec, Request};
use secure_outbound::error::Error;
use secure_outbound::policy::{Ceiling, Context, InternalHosts, PathPattern, ServiceRules, Spelling, Target, decide};
use serde_json::json;

/// A list from which the generators select values, and PHP's generators too.
fn listed(name: &str) -> Vec<String> {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../vectors/policy.json")).expect("JSON");
    serde_json::from_value(vectors[name].clone()).expect("texts")
}

/// Pieces of which dangerous and ordinary paths are made.
fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof![9 => select(listed("pieces")), 1 => any::<char>().prop_map(String::from)], 0..12)
        .prop_map(|pieces| pieces.concat())
}

fn bases() -> impl Strategy<Value = String> {
    select(listed("bases"))
}

/// The target of a request whose policy allows everything below its base URL.
fn below(base: &str, path: &str, query: &[(String, String)], allow_encoded_slash: bool) -> Result<Target, Error> {
    let policy = json!({"allowed_methods": ["GET"], "allow_http": true, "allow_encoded_slash": allow_encoded_slash});
    let document = json!({
        "version": 1, "service_id": "test", "method": "GET", "base_url": base, "path": path, "query": query, "policy": policy,
    });
    let plain = InternalHostSpec { host: "::1".to_owned(), networks: vec!["::1/128".to_owned()], ports: vec![80] };
    let internal_hosts = &InternalHosts::from_specs(&[plain]).expect("valid");
    let context = Context { internal_hosts, request_bytes: 0, filled_headers: &[], signs_for_aws: false };
    let request = Request::parse(document.to_string().as_bytes())?;
    decide(&request.call, &ServiceRules::of(&request.service, &Ceiling::default()), 0, &context)
        .map(|decision| decision.admitted.target)
}

/// What holds for every accepted target, wherever it came from.
fn check(target: &Target, allow_encoded_slash: bool) -> Result<(), TestCaseError> {
    let text = &target.text(target.query());
    let again = Target::from_url(text, None, allow_encoded_slash);
    prop_assert_eq!(
        again.map(|target| target.text(target.query())),
        Ok(text.clone()),
        "canonical text is a fixed point"
    );
    // A WHATWG parser reads the same URL. It only writes `'` in a query as `%27`.
    let parsed = url::Url::parse(text).map(|url| url.as_str().replace("%27", "'"));
    prop_assert_eq!(parsed, Ok(text.replace("%27", "'")), "a browser's parser reads the same URL");
    prop_assert_eq!(
        http::Uri::try_from(text.as_str()).map(|uri| uri.to_string()).ok(),
        Some(text.clone()),
        "so does the HTTP stack's"
    );
    prop_assert!(
        http::Uri::try_from(text).is_ok_and(|uri| uri.path() == target.path()),
        "the HTTP stack takes it as it is"
    );
    prop_assert!(text.len() <= 8192 && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'));

    let decoded = percent_encoding::percent_decode_str(target.path()).collect::<Vec<u8>>();
    prop_assert!(!decoded.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\'));
    let names = decoded.split(|byte| *byte == b'/').filter_map(|part| part.split(|byte| *byte == b';').next());
    prop_assert_eq!(
        names.filter(|name| matches!(*name, b"." | b"..")).count(),
        0,
        "no dot segment, however it is written"
    );
    prop_assert!(!target.path().contains("//"));
    Ok(())
}

/// Every run has the same cases, so failures need not be stored.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 4000,
        rng_seed: RngSeed::Fixed(0x5ec0),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_path_stays_below_its_base(base in bases(), path in pieces(), allow in any::<bool>(), name in ".{0,6}", value in ".{0,6}") {
        let root = below(&base, "", &[], allow).expect("bases are canonical");
        if let Ok(target) = below(&base, &path, &[(name, value)], allow) {
            check(&target, allow)?;
            prop_assert_eq!(target.origin(), root.origin());
            let prefix = root.path().trim_end_matches('/');
            prop_assert!(target.path() == root.path() || target.path().strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/')));
            prop_assert!(Target::from_url(&target.text(target.query()), Some(&base), allow).is_ok());
        }
    }

    #[test]
    fn a_whole_url_is_a_fixed_point(path in pieces(), query in pieces(), allow in any::<bool>()) {
        if let Ok(target) = Target::from_url(&format!("https://api.example.com/{path}?{query}"), None, allow) {
            check(&target, allow)?;
        }
    }

    #[test]
    fn any_text_as_a_host_is_refused_or_agreed_upon(host in prop_oneof![pieces(), "[0-9xa-f.:\\[\\]%]{1,16}", ".{1,8}"]) {
        if let Ok(target) = Target::from_url(&format!("https://{host}/"), None, false) {
            check(&target, false)?;
        }
    }

    #[test]
    fn a_redirect_is_a_fixed_point(location in pieces(), allow in any::<bool>()) {
        let from = Target::from_url("https://api.example.com/v1/a/b?q", None, false).expect("canonical");
        if let Ok(target) = from.redirect(&location, Spelling { encoded_slash: allow, uri_encode: false }) {
            check(&target, allow)?;
        }
    }

    #[test]
    fn a_path_without_placeholders_is_its_own_pattern(path in pieces()) {
        if let Ok(target) = below("https://api.example.com", &path, &[], true)
            && let Ok(pattern) = PathPattern::parse(target.path(), Spelling::default())
        {
            prop_assert!(pattern.matches(target.path()));
        }
    }
}
