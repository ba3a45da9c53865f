//! A URL and a policy, one per line: a URL that is accepted is canonical, and the policy allows it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secure_outbound::document::Request;
use secure_outbound::policy::{
    Ceiling, Context, HostRule, InternalHosts, PathPattern, ServiceRules, Spelling, Target, decide,
};
use serde_json::json;

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (whole, url, path, hosts, paths) = (line().is_empty(), line(), line(), line(), line());
    let list = |text: &str| text.split(' ').filter(|entry| !entry.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (hosts, paths) = (list(hosts), list(paths));
    let mut document = json!({
        "version": 1, "service_id": "fuzz", "method": "GET",
        "policy": {"allowed_methods": ["GET"], "allowed_hosts": hosts, "allowed_paths": paths, "allow_http": true},
    });
    match whole {
        true => document["url"] = json!(url),
        false => (document["base_url"], document["path"]) = (json!(url), json!(path)),
    }
    let Ok(request) = Request::parse(document.to_string().as_bytes()) else { return };
    let internal_hosts = InternalHosts::default();
    let context =
        Context { internal_hosts: &internal_hosts, request_bytes: 0, filled_headers: &[], signs_for_aws: false };
    let Ok(decision) = decide(&request.call, &ServiceRules::of(&request.service, &Ceiling::default()), 0, &context)
    else {
        return;
    };

    let target = &decision.admitted.target;
    let text = target.text(target.query());
    assert!(text.len() <= 8192 && text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
    let again = Target::from_url(&text, None, false).expect("what is canonical is accepted");
    assert_eq!(again.text(again.query()), text, "a fixed point");
    let allows = |entry: &String| HostRule::parse(entry).is_ok_and(|rule| rule.allows(target.origin()));
    assert!(hosts.iter().any(allows), "{text} with {hosts:?}");
    let matches = |entry: &String| {
        PathPattern::parse(entry, Spelling::default()).is_ok_and(|pattern| pattern.matches(target.path()))
    };
    assert!(paths.iter().any(matches), "{text} with {paths:?}");
});
