//! What a request declares of its credentials.

use serde::Deserialize;

/// A credential beside the request; its envelope travels apart.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialSpec {
    /// The identifier that the envelope is sealed to, as it is.
    pub identifier: String,
    /// Which payload the envelope holds.
    #[serde(rename = "type")]
    pub kind: CredentialKind,
    /// Where a plain secret goes; only and always for `secret`.
    #[serde(default)]
    pub placement: Option<Placement>,
    /// The service of AWS that an `aws_sigv4` signs for; required where that is `s3`.
    #[serde(default)]
    pub service: Option<String>,
}

impl CredentialSpec {
    /// Whether it signs for S3, whose URLs are spelt in a way of their own.
    pub fn is_s3(&self) -> bool {
        self.kind == CredentialKind::AwsSigv4 && self.service.as_deref() == Some(S3)
    }
}

/// S3 among the services of AWS.
pub const S3: &str = "s3";

/// The types of credentials.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// RFC 6750 bearer token.
    Bearer,
    /// A key in a header.
    ApiKey,
    /// RFC 7617 user and password.
    Basic,
    /// RFC 6749 section 4.4.
    Oauth2ClientCredentials,
    /// RFC 7523 section 2.1.
    Oauth2JwtBearer,
    /// RFC 6749 section 6.
    Oauth2RefreshToken,
    /// A JWT that a sealed key signs.
    Jwt,
    /// AWS Signature Version 4.
    AwsSigv4,
    /// A keyed hash of an owner's template.
    Hmac,
    /// A client certificate, shown in the handshake of TLS.
    Mtls,
    /// The bytes themselves.
    Secret,
}

impl CredentialKind {
    /// The name in documents and in a payload's `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            CredentialKind::Bearer => "bearer",
            CredentialKind::ApiKey => "api_key",
            CredentialKind::Basic => "basic",
            CredentialKind::Oauth2ClientCredentials => "oauth2_client_credentials",
            CredentialKind::Oauth2JwtBearer => "oauth2_jwt_bearer",
            CredentialKind::Oauth2RefreshToken => "oauth2_refresh_token",
            CredentialKind::Jwt => "jwt",
            CredentialKind::AwsSigv4 => "aws_sigv4",
            CredentialKind::Hmac => "hmac",
            CredentialKind::Mtls => "mtls",
            CredentialKind::Secret => "secret",
        }
    }

    /// Whether the request carries a token in its place, which is kept.
    pub fn fetches_token(self) -> bool {
        matches!(self, Self::Oauth2ClientCredentials | Self::Oauth2JwtBearer | Self::Oauth2RefreshToken | Self::Jwt)
    }

    /// Whether the request carries the secret itself, and nothing that was made with it.
    pub fn is_sent(self) -> bool {
        !self.fetches_token() && !self.signs() && self != Self::Mtls
    }

    /// Whether it signs the request.
    pub fn signs(self) -> bool {
        matches!(self, Self::AwsSigv4 | Self::Hmac)
    }
}

/// Where a plain secret goes: `"bearer"`, or `{"type": "header", "name": "X-Key", "prefix": "Key "}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "PlacementForm")]
pub enum Placement {
    /// `Authorization: Bearer …`.
    Bearer,
    /// A header of this name, the prefix in front as it is written.
    Header {
        /// Header name.
        name: String,
        /// Written in front of the secret.
        prefix: String,
    },
    /// `X-API-Key`.
    ApiKey,
    /// `Authorization: Basic …` of a secret that is `user:password`.
    Basic,
    /// The user half of `Authorization: Basic …`.
    BasicUsername,
    /// The password half of `Authorization: Basic …`.
    BasicPassword,
    /// A query parameter of this name.
    Query {
        /// Parameter name.
        name: String,
    },
    /// A field of a JSON or form body.
    BodyField {
        /// Field name.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PlacementForm {
    Word(String),
    Object(PlacementObject),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlacementObject {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    prefix: Option<String>,
}

impl TryFrom<PlacementForm> for Placement {
    type Error = &'static str;

    fn try_from(form: PlacementForm) -> Result<Self, &'static str> {
        let (kind, name, prefix) = match form {
            PlacementForm::Word(kind) => (kind, None, None),
            PlacementForm::Object(object) => (object.kind, object.name, object.prefix),
        };
        match (kind.as_str(), name, prefix) {
            ("bearer", None, None) => Ok(Placement::Bearer),
            ("header", Some(name), prefix) => Ok(Placement::Header { name, prefix: prefix.unwrap_or_default() }),
            ("api_key", None, None) => Ok(Placement::ApiKey),
            ("basic", None, None) => Ok(Placement::Basic),
            ("basic_username", None, None) => Ok(Placement::BasicUsername),
            ("basic_password", None, None) => Ok(Placement::BasicPassword),
            ("query", Some(name), None) => Ok(Placement::Query { name }),
            ("body_field", Some(name), None) => Ok(Placement::BodyField { name }),
            _ => Err("placement is unknown, or its name or prefix is missing or does not belong there"),
        }
    }
}
