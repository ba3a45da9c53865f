//! The payload of `oauth2_client_credentials`: who asks for a token, where, and for what.

use serde_json::value::RawValue;

use super::binding::Binding;
use super::payload::{check_kind, list, utf8};
use crate::document::CredentialKind;
use crate::secret::Secret;
use crate::secret::json::{Invalid, members, text};

/// How the client says to the token endpoint who it is (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// `client_id` and `client_secret` among the parameters of the body.
    #[default]
    Body,
    /// HTTP Basic, both parts form-encoded first.
    Basic,
}

/// A client of RFC 6749 section 4.4, as it was sealed.
pub struct ClientCredentials {
    /// The client's name.
    pub client_id: Secret,
    /// Its password.
    pub client_secret: Secret,
    /// The token endpoint, an absolute URL.
    pub token_url: String,
    /// What the token is to allow, each a scope-token of RFC 6749 section 3.3. None asks for the server's default.
    pub scopes: Vec<String>,
    /// Whom the token is for, as some servers ask to be told.
    pub audience: Option<String>,
    /// Whom the token is for (RFC 8707), one URI each.
    pub resources: Vec<String>,
    /// How the client authenticates.
    pub auth: ClientAuth,
    /// What the token endpoint calls a bearer token, beside `bearer` itself. Empty where it gives its tokens no type.
    pub token_type: Option<String>,
}

/// Reads a payload. The policy judges the URL.
pub(super) fn parse(payload: &[u8]) -> Result<(ClientCredentials, Option<Binding>), Invalid> {
    let names = [
        "client_id",
        "client_secret",
        "token_url",
        "scopes",
        "audience",
        "resource",
        "client_auth",
        "token_type",
        "type",
        "binding",
    ];
    let [client_id, client_secret, token_url, scopes, audience, resource, auth, token_type, kind, binding] =
        members(utf8(payload)?, names)?;
    check_kind(kind, CredentialKind::Oauth2ClientCredentials)?;
    let scopes = scopes.map(list).transpose()?.unwrap_or_default();
    if !scopes.iter().all(|scope| is_scope(scope)) {
        return Err(Invalid);
    }
    let client = ClientCredentials {
        client_id: text(client_id.ok_or(Invalid)?)?,
        client_secret: text(client_secret.ok_or(Invalid)?)?,
        token_url: plain(token_url.ok_or(Invalid)?)?,
        scopes,
        audience: audience.map(plain).transpose()?,
        resources: resource.map(one_or_more).transpose()?.unwrap_or_default(),
        auth: auth.map(client_auth).transpose()?.unwrap_or_default(),
        token_type: token_type.map(name_of_bearer).transpose()?,
    };
    Ok((client, binding.map(Binding::parse).transpose()?))
}

/// RFC 6749 section 3.3. A blank would make two scopes of one.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

fn plain(value: &RawValue) -> Result<String, Invalid> {
    let text: String = serde_json::from_str(value.get()).map_err(|_| Invalid)?;
    if text.is_empty() { Err(Invalid) } else { Ok(text) }
}

/// RFC 8707 lets a request name several resources.
fn one_or_more(value: &RawValue) -> Result<Vec<String>, Invalid> {
    let resources = plain(value).map(|resource| vec![resource]).or_else(|_| list(value))?;
    if resources.iter().any(String::is_empty) { Err(Invalid) } else { Ok(resources) }
}

fn client_auth(value: &RawValue) -> Result<ClientAuth, Invalid> {
    match plain(value)?.as_str() {
        "body" => Ok(ClientAuth::Body),
        "basic" => Ok(ClientAuth::Basic),
        _ => Err(Invalid),
    }
}

/// A name or a URI (RFC 6749 section 8.1). An empty one says that there is none.
fn name_of_bearer(value: &RawValue) -> Result<String, Invalid> {
    let name: String = serde_json::from_str(value.get()).map_err(|_| Invalid)?;
    if name.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(name) } else { Err(Invalid) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    const NEEDED: &str = r#""client_id": "c", "client_secret": "s", "token_url": "https://a.example/token""#;

    fn with(rest: &str) -> Result<ClientCredentials, Invalid> {
        parse(format!("{{{NEEDED}{rest}}}").as_bytes()).map(|(client, _)| client)
    }

    #[test]
    fn what_may_be_left_out_has_a_default() {
        let client = with("").expect("a client");
        assert_eq!((client.client_id.expose(), client.client_secret.expose()), (&b"c"[..], &b"s"[..]));
        assert_eq!(client.token_url, "https://a.example/token");
        assert_eq!((client.scopes, client.audience, client.resources), (vec![], None, vec![]));
        assert_eq!((client.auth, client.token_type), (ClientAuth::Body, None));
    }

    #[test]
    fn what_may_be_said_is_read() {
        let client = with(
            r#", "scopes": ["read", "urn:x/y#z"], "audience": "https://api.example", "resource": "https://r.example",
                "client_auth": "basic", "token_type": "BearerToken", "type": "oauth2_client_credentials", "binding": {"hosts": []}"#,
        )
        .expect("a client");
        assert_eq!(client.scopes, ["read", "urn:x/y#z"]);
        assert_eq!(client.audience.as_deref(), Some("https://api.example"));
        assert_eq!((client.resources, client.auth), (vec!["https://r.example".to_owned()], ClientAuth::Basic));
        assert_eq!(client.token_type.as_deref(), Some("BearerToken"));
        assert_eq!(with(r#", "token_type": """#).expect("a client").token_type.as_deref(), Some(""));
        let several = with(r#", "resource": ["https://r.example", "urn:s"]"#).expect("a client").resources;
        assert_eq!(several, ["https://r.example", "urn:s"]);
    }

    #[test]
    fn misspelt_is_refused() {
        for (payload, is_sound) in section::<Vec<(String, bool)>>("clients") {
            assert_eq!(parse(payload.as_bytes()).is_ok(), is_sound, "{payload}");
        }
    }
}
