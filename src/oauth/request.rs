//! The token request of RFC 6749 section 4.4.2.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use zeroize::Zeroizing;

use crate::credential::{self, ClientAuth, ClientCredentials};
use crate::error::Error;
use crate::secret::Secret;

/// What a form does not hold as it is (RFC 6749 appendix B), but for the blank, which becomes a plus.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// The request, whose secrets are wiped when it goes.
pub fn token_request(client: &ClientCredentials, uri: &Uri, user_agent: &HeaderValue) -> Result<Request<Bytes>, Error> {
    let mut request = Request::new(Bytes::from_owner(body(client)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    // A decoder would keep copies.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(USER_AGENT, user_agent.clone());
    if client.auth == ClientAuth::Basic {
        headers.insert(AUTHORIZATION, basic(client)?);
    }
    Ok(request)
}

fn body(client: &ClientCredentials) -> Zeroizing<Vec<u8>> {
    let scope = client.scopes.join(" ");
    let mut fields: Vec<(&str, &[u8])> = vec![("grant_type", b"client_credentials")];
    if client.auth == ClientAuth::Body {
        fields.push(("client_id", client.client_id.expose()));
        fields.push(("client_secret", client.client_secret.expose()));
    }
    if !scope.is_empty() {
        fields.push(("scope", scope.as_bytes()));
    }
    fields.extend(client.audience.as_deref().map(|audience| ("audience", audience.as_bytes())));
    fields.extend(client.resources.iter().map(|resource| ("resource", resource.as_bytes())));

    let longest = |(name, value): &(&str, &[u8])| name.len() + 3 * value.len() + "&=".len();
    // It never grows, so no copy is left behind.
    let mut body = Zeroizing::new(Vec::with_capacity(fields.iter().map(longest).sum()));
    for (name, value) in fields {
        if !body.is_empty() {
            body.push(b'&');
        }
        body.extend_from_slice(name.as_bytes());
        body.push(b'=');
        extend_encoded(&mut body, value);
    }
    body
}

/// RFC 6749 section 2.3.1: both are form-encoded first, so that a colon in the name is no end of it.
fn basic(client: &ClientCredentials) -> Result<HeaderValue, Error> {
    let encoded = |secret: &Secret| {
        let mut text = Zeroizing::new(Vec::with_capacity(3 * secret.expose().len()));
        extend_encoded(&mut text, secret.expose());
        text
    };
    credential::basic(&encoded(&client.client_id), &encoded(&client.client_secret))
}

fn extend_encoded(buffer: &mut Vec<u8>, bytes: &[u8]) {
    for (index, part) in bytes.split(|byte| *byte == b' ').enumerate() {
        if index > 0 {
            buffer.push(b'+');
        }
        percent_encode(part, ENCODED).for_each(|part| buffer.extend_from_slice(part.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded_as_browsers_and_php_do() {
        let mut buffer = Vec::new();
        extend_encoded(&mut buffer, "a b  ~*-._+%&=/:\u{e4}\n".as_bytes());
        assert_eq!(String::from_utf8_lossy(&buffer), "a+b++%7E%2A-._%2B%25%26%3D%2F%3A%C3%A4%0A");
    }
}
