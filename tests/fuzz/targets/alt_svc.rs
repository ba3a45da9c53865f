//! A host, the field `age` and the fields `alt-svc`, one per line: whatever they are, what is read of them leads to the same host, for a bounded
//! time, and written anew it is read the same.

#![no_main]

use std::time::Duration;

use http::header::{AGE, ALT_SVC, HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use secure_outbound::net::AltSvc;

const DAY: Duration = Duration::from_secs(86_400);

fn headers(age: &[u8], fields: &[&[u8]]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    if !age.is_empty() {
        headers.append(AGE, HeaderValue::from_bytes(age).ok()?);
    }
    for field in fields {
        headers.append(ALT_SVC, HeaderValue::from_bytes(field).ok()?);
    }
    Some(headers)
}

/// The ports that are named in quotes after this host or none, found by looking for them: a backslash stands for what follows it.
fn named(fields: &[&[u8]], host: &str) -> Vec<u16> {
    let mut text = fields.join(&b',');
    let mut place = 0;
    while let Some(found) = text[place..].iter().position(|byte| *byte == b'\\') {
        text.remove(place + found);
        place += found + 1;
        place = place.min(text.len());
    }
    let text = String::from_utf8_lossy(&text).to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    let ports = text.split('"').filter_map(|quoted| {
        let port = quoted.strip_prefix(&host).unwrap_or(quoted).strip_prefix(':')?;
        port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok())?
    });
    ports.collect()
}

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Ok(host) = str::from_utf8(lines.next().unwrap_or_default()) else { return };
    let age = lines.next().unwrap_or_default();
    let fields: Vec<_> = lines.collect();
    // A host is one of a URL that was accepted.
    let (address, of_address): (_, &[u8]) = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => (address, b":."),
        None => (host, b"-."),
    };
    if address.is_empty() || !address.bytes().all(|byte| byte.is_ascii_alphanumeric() || of_address.contains(&byte)) {
        return;
    }
    let Some(with_age) = headers(age, &fields) else { return };
    let Some(AltSvc::At(ports)) = AltSvc::of(&with_age, host) else { return };
    let named = named(&fields, host);
    assert!(ports.len() <= 4);
    for (port, lifetime) in &ports {
        assert!(*port > 0 && *lifetime <= DAY, "{port} {lifetime:?}");
        assert!(named.contains(port), "{port} of {named:?}");
    }

    let fresh = headers(b"", &fields).and_then(|headers| AltSvc::of(&headers, host));
    let Some(AltSvc::At(fresh)) = fresh else { panic!("the age decides about time alone") };
    assert!(ports.iter().zip(&fresh).all(|(old, new)| old.0 == new.0 && old.1 <= new.1), "{ports:?} {fresh:?}");
    assert_eq!(ports.len(), fresh.len());

    let canonical: Vec<_> = ports.iter().map(|(port, time)| format!("h3=\":{port}\";ma={}", time.as_secs())).collect();
    let again = headers(b"", &[canonical.join(", ").as_bytes()]).and_then(|headers| AltSvc::of(&headers, host));
    if !ports.is_empty() {
        assert_eq!(again, Some(AltSvc::At(ports)), "{canonical:?}");
    }
});
