//! Header fields that carry a credential.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::error::{Code, Error};
use crate::policy::is_connections;

/// Where an API key goes if nothing else is said.
pub(super) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The field of this name, if it is a name and a credential may fill it.
pub(super) fn settable(name: &[u8]) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(name).ok()?;
    (!is_connections(&name)).then_some(name)
}

/// A field's value of these parts; its memory is wiped when the last user lets it go.
pub(super) fn value(prefix: &[u8], secret: &[u8]) -> Result<HeaderValue, Error> {
    if secret.is_empty() {
        return Err(Error::new(Code::CredentialUnusable, "the secret is empty"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(prefix.len() + secret.len()));
    bytes.extend_from_slice(prefix);
    bytes.extend_from_slice(secret);
    // HTTP does not count outer blanks to the value: HTTP/1.1 loses them, HTTP/2 calls the request malformed.
    if bytes.first().is_some_and(is_blank) || bytes.last().is_some_and(is_blank) {
        return Err(Error::new(Code::CredentialUnusable, "the secret starts or ends with a blank"));
    }
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(bytes)).map_err(|_| {
        Error::new(Code::CredentialUnusable, "the secret holds a control character, which no header can carry")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Basic` and the base64 of both, joined by a colon.
pub(crate) fn basic(username: &[u8], password: &[u8]) -> Result<HeaderValue, Error> {
    let refuse = |message: &'static str| Error::new(Code::CredentialUnusable, message);
    if username.is_empty() && password.is_empty() {
        return Err(refuse("the secret is empty"));
    }
    if username.contains(&b':') {
        return Err(refuse("the user name holds a colon, which ends it for the receiver"));
    }
    // RFC 7617. A line break here is a mistake that would show only as a refused log-in.
    if [username, password].iter().any(|part| part.iter().any(u8::is_ascii_control)) {
        return Err(refuse("the user name or the password holds a control character"));
    }
    let pair = pair(username, password);
    let capacity = base64::encoded_len(pair.len(), true).ok_or_else(|| refuse("the secret is too long"))?;
    let mut encoded = Zeroizing::new(vec![0; capacity]);
    STANDARD.encode_slice(&*pair, &mut encoded).map_err(|_| refuse("the secret is too long"))?;
    value(b"Basic ", &encoded)
}

/// `user:password`.
pub(super) fn pair(username: &[u8], password: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut pair = Zeroizing::new(Vec::with_capacity(username.len() + 1 + password.len()));
    pair.extend_from_slice(username);
    pair.push(b':');
    pair.extend_from_slice(password);
    pair
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_hold_what_headers_can() {
        for byte in 0..=u8::MAX {
            let inside = [b'a', byte, b'z'];
            let allowed = matches!(byte, b'\t' | 0x20..=0x7e | 0x80..);
            assert_eq!(value(b"", &inside).is_ok(), allowed, "{byte:#x}");
        }
        let ready = value(b"Key ", b"s3cr3t").expect("a value");
        assert!(ready.is_sensitive());
        assert_eq!(ready.as_bytes(), b"Key s3cr3t");
        for secret in [&b""[..], b"s3cr3t ", b"s3cr3t\t", b"s3cr3t\n"] {
            let error = value(b"Bearer ", secret).expect_err("unusable");
            assert_eq!(error.code, Code::CredentialUnusable);
            assert!(!error.message.contains("s3cr3t"));
        }
    }

    #[test]
    fn basic_pairs() {
        assert_eq!(basic(b"Aladdin", b"open sesame").expect("a value"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(basic(b"sk_live", b"").expect("a value"), "Basic c2tfbGl2ZTo=");
        assert_eq!(basic(b"", b"a:b").expect("a value"), "Basic OmE6Yg==");
        for (username, password) in [(&b""[..], &b""[..]), (b"a:b", b"c"), (b"a", b"b\n"), (b"\0", b"b")] {
            assert_eq!(basic(username, password).expect_err("unusable").code, Code::CredentialUnusable);
        }
    }

    #[test]
    fn reserved_names() {
        assert_eq!(settable(b"X-Goog-Api-Key").expect("a name"), "x-goog-api-key");
        for name in ["Host", "Content-Length", "TE", "Proxy-Authorization", "Accept-Encoding", "", "a b", "a:"] {
            assert_eq!(settable(name.as_bytes()), None, "{name:?}");
        }
    }
}
