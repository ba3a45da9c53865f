//! Every URL of the WHATWG's test cases that this library accepts has the meaning that the WHATWG's standard gives it. The
//! cases come with the url crate, which is a dependency.

use std::path::PathBuf;
use std::process::Command;

use secure_outbound::policy::{Spelling, Target};
use serde_json::Value;

/// The output of a cargo command, which has to succeed.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).output().expect("cargo");
    let (said, complaint) = (String::from_utf8(output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "cargo {}: {complaint}", arguments.join(" "));
    said.expect("UTF-8")
}

/// The cases, from the url crate's own package.
fn cases() -> Vec<Value> {
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    // Without this filter, cargo needs crates of other platforms, which the build does not fetch.
    let platform = ["--filter-platform", host, "--manifest-path", manifest];
    let metadata = cargo(&[&["metadata", "--format-version", "1", "--offline", "--locked"][..], &platform].concat());
    let metadata: Value = serde_json::from_str(&metadata).expect("metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    let manifest =
        packages.iter().find(|package| package["name"] == "url").expect("a dependency")["manifest_path"].as_str();
    let file = PathBuf::from(manifest.expect("a path")).with_file_name("tests").join("urltestdata.json");
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(file).expect("the cases")).expect("JSON");
    cases.into_iter().filter(Value::is_object).collect()
}

/// The targets that this library makes of a case, if it accepts it: as a whole URL, and as a redirect from its base.
fn accepted(case: &Value) -> impl Iterator<Item = Target> {
    let input = case["input"].as_str().expect("text").to_owned();
    let whole = Target::from_url(&input, None, true);
    let base = case["base"].as_str().and_then(|base| Target::from_url(base, None, true).ok());
    // A field's value has no white space around it (RFC 9110 section 5.5).
    let location = (input.trim() == input).then_some(&input);
    let hop = base
        .zip(location)
        .and_then(|(from, location)| from.redirect(location, Spelling { encoded_slash: true, uri_encode: false }).ok());
    whole.into_iter().chain(hop)
}

/// This library percent-encodes brackets in a path, as RFC 3986 says, and browsers do not.
fn bare_brackets(url: &str) -> String {
    url.replace("%5B", "[").replace("%5D", "]")
}

#[test]
fn whatever_is_accepted_means_what_a_browser_takes_it_for() {
    let cases = cases();
    let mut compared = 0;
    for case in &cases {
        for target in accepted(case) {
            let text = target.text(target.query());
            let href = case["href"].as_str().unwrap_or_else(|| panic!("accepted as {text}: {case}"));
            let (href, _) = href.split_once('#').unwrap_or((href, ""));
            let parsed = url::Url::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}: {case}"));
            assert_eq!(bare_brackets(parsed.as_str()), bare_brackets(href), "{case}");
            compared += 1;
        }
    }
    println!("{compared} of {} cases are accepted", cases.len());
    assert!(compared >= 100, "only {compared}: the rules or the cases are not what they were");
}
