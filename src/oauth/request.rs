//! The token request of RFC 6749 section 4.4.2, and of RFC 7523 section 2.1.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use zeroize::Zeroizing;

use super::assertion;
use crate::credential::{self, Authority, Client, ClientAuth, Grant};
use crate::error::Error;
use crate::secret::Secret;

/// What a form does not hold as it is (RFC 6749 appendix B), but for the blank, which becomes a plus.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// `grant_type` of RFC 7523 section 8.1.
const JWT_BEARER: &[u8] = b"urn:ietf:params:oauth:grant-type:jwt-bearer";

/// `client_assertion_type` of the same section.
const CLIENT_ASSERTION: &[u8] = b"urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The request, whose secrets are wiped when it goes. An assertion in it is valid from now on, in Unix seconds. A consent is shown by
/// this refresh token, or by its first.
pub fn token_request(
    grant: &Grant,
    refresh: Option<&Secret>,
    uri: &Uri,
    user_agent: &HeaderValue,
    now: u64,
) -> Result<Request<Bytes>, Error> {
    let mut request = post(uri, user_agent, Written::UrlEncoded, Bytes::from_owner(body(grant, refresh, now)?));
    if let Some(client) = grant.client()
        && let ClientAuth::Basic(secret) = &client.auth
    {
        request.headers_mut().insert(AUTHORIZATION, basic(&client.id, secret)?);
    }
    Ok(request)
}

/// How the body of a request is written.
pub enum Written {
    /// As a form of HTML.
    UrlEncoded,
    /// As JSON.
    Json,
}

/// What every request for a token has. Its connection ends with it.
pub fn post(uri: &Uri, user_agent: &HeaderValue, form: Written, body: Bytes) -> Request<Bytes> {
    let content_type = match form {
        Written::UrlEncoded => "application/x-www-form-urlencoded",
        Written::Json => "application/json",
    };
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    // A decoder would keep copies.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(USER_AGENT, user_agent.clone());
    request
}

fn body(grant: &Grant, refresh: Option<&Secret>, now: u64) -> Result<Zeroizing<Vec<u8>>, Error> {
    let assertion;
    let scope = grant.scopes.join(" ");
    let scope = (!scope.is_empty()).then_some(("scope", scope.as_bytes()));
    let mut fields: Vec<(&str, &[u8])> = Vec::new();
    match &grant.by {
        Authority::Client(client) => {
            assertion = assertion_of(client, &grant.token_url, now)?;
            fields.push(("grant_type", b"client_credentials"));
            authenticate(&mut fields, client, assertion.as_ref());
            fields.extend(scope);
            fields.extend(client.audience.as_deref().map(|audience| ("audience", audience.as_bytes())));
            fields.extend(client.resources.iter().map(|resource| ("resource", resource.as_bytes())));
        }
        Authority::Assertion(bearer) => {
            assertion = Some(assertion::of_bearer(bearer, &grant.token_url, now)?);
            fields.push(("grant_type", JWT_BEARER));
            fields.extend(assertion.as_ref().map(|assertion| ("assertion", assertion.expose())));
            fields.extend(scope);
            fields.extend(bearer.fields.iter().map(|(name, value)| (name.as_str(), value.expose())));
        }
        Authority::Consent(consent) => {
            assertion = assertion_of(&consent.client, &grant.token_url, now)?;
            fields.push(("grant_type", b"refresh_token"));
            fields.push(("refresh_token", refresh.unwrap_or(&consent.first).expose()));
            authenticate(&mut fields, &consent.client, assertion.as_ref());
            fields.extend(scope);
        }
    }
    Ok(encoded(&fields))
}

/// The assertion that shows who the client is, where one does.
fn assertion_of(client: &Client, token_url: &str, now: u64) -> Result<Option<Secret>, Error> {
    match &client.auth {
        ClientAuth::Assertion(signer) => assertion::of_client(client, signer, token_url, now).map(Some),
        _ => Ok(None),
    }
}

/// Adds what shows who the client is. With HTTP Basic that is a header.
fn authenticate<'a>(fields: &mut Vec<(&'a str, &'a [u8])>, client: &'a Client, assertion: Option<&'a Secret>) {
    if !matches!(client.auth, ClientAuth::Basic(_)) {
        fields.push(("client_id", client.id.expose()));
    }
    if let ClientAuth::Body(secret) = &client.auth {
        fields.push(("client_secret", secret.expose()));
    }
    if let Some(assertion) = assertion {
        fields.push(("client_assertion_type", CLIENT_ASSERTION));
        fields.push(("client_assertion", assertion.expose()));
    }
}

/// A form of these fields, which is wiped when it goes.
pub fn encoded(fields: &[(&str, &[u8])]) -> Zeroizing<Vec<u8>> {
    let longest = |(name, value): &(&str, &[u8])| 3 * (name.len() + value.len()) + "&=".len();
    // It never grows, so no copy is left behind.
    let mut body = Zeroizing::new(Vec::with_capacity(fields.iter().map(longest).sum()));
    for (name, value) in fields {
        if !body.is_empty() {
            body.push(b'&');
        }
        extend_encoded(&mut body, name.as_bytes());
        body.push(b'=');
        extend_encoded(&mut body, value);
    }
    body
}

/// RFC 6749 section 2.3.1: both are form-encoded first, so that a colon in the name is no end of it.
fn basic(id: &Secret, secret: &Secret) -> Result<HeaderValue, Error> {
    let encoded = |secret: &Secret| {
        let mut text = Zeroizing::new(Vec::with_capacity(3 * secret.expose().len()));
        extend_encoded(&mut text, secret.expose());
        text
    };
    credential::basic(&encoded(id), &encoded(secret))
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
