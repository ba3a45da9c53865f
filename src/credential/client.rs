//! The payload of `oauth2_client_credentials`: who asks for a token, where, and for what.

use serde_json::value::RawValue;

use super::binding::Binding;
use super::grant::{Authority, Client, ClientAuth, Grant};
use super::payload::{check_kind, list, name_of_bearer, plain, scopes, utf8};
use crate::document::CredentialKind;
use crate::secret::json::{Invalid, members, text};

/// Reads a payload. The policy judges the URL.
pub(super) fn parse(payload: &[u8]) -> Result<(Grant, Option<Binding>), Invalid> {
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
    let [id, secret, url, scope, audience, resource, auth, token_type, kind, binding] = members(utf8(payload)?, names)?;
    check_kind(kind, CredentialKind::Oauth2ClientCredentials)?;
    let client = Client {
        id: text(id.ok_or(Invalid)?)?,
        secret: text(secret.ok_or(Invalid)?)?,
        audience: audience.map(plain).transpose()?,
        resources: resource.map(one_or_more).transpose()?.unwrap_or_default(),
        auth: auth.map(client_auth).transpose()?.unwrap_or_default(),
    };
    let grant = Grant {
        token_url: plain(url.ok_or(Invalid)?)?,
        scopes: scope.map(scopes).transpose()?.unwrap_or_default(),
        token_type: token_type.map(name_of_bearer).transpose()?,
        by: Authority::Client(client),
    };
    Ok((grant, binding.map(Binding::parse).transpose()?))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    const NEEDED: &str = r#""client_id": "c", "client_secret": "s", "token_url": "https://a.example/token""#;

    /// The grant with its client taken out.
    fn with(rest: &str) -> (Client, Vec<String>, Option<String>) {
        let (grant, _) = parse(format!("{{{NEEDED}{rest}}}").as_bytes()).expect("a payload");
        assert_eq!((grant.token_url.as_str(), grant.token_member()), ("https://a.example/token", "access_token"));
        match grant.by {
            Authority::Client(client) => (client, grant.scopes, grant.token_type),
            Authority::Assertion(_) => panic!("a client asks by itself"),
        }
    }

    #[test]
    fn what_may_be_left_out_has_a_default() {
        let (client, scopes, token_type) = with("");
        assert_eq!((client.id.expose(), client.secret.expose()), (&b"c"[..], &b"s"[..]));
        assert_eq!((scopes, client.audience, client.resources), (vec![], None, vec![]));
        assert_eq!((client.auth, token_type), (ClientAuth::Body, None));
    }

    #[test]
    fn what_may_be_said_is_read() {
        let (client, scopes, token_type) = with(
            r#", "scopes": ["read", "urn:x/y#z"], "audience": "https://api.example", "resource": "https://r.example",
                "client_auth": "basic", "token_type": "BearerToken", "type": "oauth2_client_credentials", "binding": {"hosts": []}"#,
        );
        assert_eq!(scopes, ["read", "urn:x/y#z"]);
        assert_eq!(client.audience.as_deref(), Some("https://api.example"));
        assert_eq!((client.resources, client.auth), (vec!["https://r.example".to_owned()], ClientAuth::Basic));
        assert_eq!(token_type.as_deref(), Some("BearerToken"));
        assert_eq!(with(r#", "token_type": """#).2.as_deref(), Some(""));
        assert_eq!(with(r#", "resource": ["https://r.example", "urn:s"]"#).0.resources, ["https://r.example", "urn:s"]);
    }

    #[test]
    fn misspelt_is_refused() {
        for (payload, is_sound) in section::<Vec<(String, bool)>>("clients") {
            assert_eq!(parse(payload.as_bytes()).is_ok(), is_sound, "{payload}");
        }
    }
}
