//! Which addresses are refused, by the shared vectors: every address, and every host as it is written in a URL.

use std::net::IpAddr;

use secure_outbound::error::Code;
use secure_outbound::policy::{InternalHosts, Target, classify};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    addresses: Vec<Address>,
    hosts: Vec<HostText>,
}

#[derive(Deserialize)]
struct Address {
    address: IpAddr,
    verdict: Verdict,
    why: String,
}

#[derive(Deserialize)]
struct HostText {
    host: String,
    verdict: Verdict,
    why: String,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Allowed,
    Blocked,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../vectors/addresses.json")).expect("the vectors are valid JSON")
}

#[test]
fn every_address_has_its_verdict() {
    let addresses = vectors().addresses;
    assert_eq!(addresses.len(), 212);
    for Address { address, verdict, why } in addresses {
        let refused = classify(address);
        assert_eq!(refused.is_some(), verdict == Verdict::Blocked, "{address} ({why}): {refused:?}");
    }
}

#[test]
fn every_address_has_its_verdict_as_an_answer_and_as_a_literal() {
    let internal = InternalHosts::default();
    let named = Target::from_url("https://api.example.com/", None, false).expect("canonical");
    for Address { address, verdict, why } in vectors().addresses {
        let literal = match address {
            IpAddr::V4(_) => format!("https://{address}/"),
            IpAddr::V6(_) => format!("https://[{address}]/"),
        };
        let literal = Target::from_url(&literal, None, false).expect("a literal is canonical");
        let public: IpAddr = [93, 184, 216, 34].into();
        for judged in [
            internal.judge(&named.origin().host, &[address]),
            internal.judge(&named.origin().host, &[public, address]),
            internal.judge_host(&literal.origin().host),
        ] {
            let expected = if verdict == Verdict::Allowed { Ok(()) } else { Err(Code::AddressNotAllowed) };
            assert_eq!(judged.map_err(|error| error.code), expected, "{address} ({why})");
        }
    }
}

#[test]
fn every_host_is_refused_without_resolving() {
    let hosts = vectors().hosts;
    assert_eq!(hosts.len(), 26);
    for HostText { host, verdict, why } in hosts {
        assert!(verdict == Verdict::Blocked, "{host}: only refusals are known here");
        let refusal = Target::from_url(&format!("https://{host}/v1"), None, false)
            .and_then(|target| InternalHosts::default().judge_host(&target.origin().host))
            .expect_err(&host);
        assert!(matches!(refusal.code, Code::Malformed | Code::AddressNotAllowed), "{host} ({why}): {refusal}");
        assert!(!refusal.message.contains(&host) || host == "0", "{host}: the text repeats the host");
    }
}
