//! What a token is asked for with, whatever the type of the credential: where, for what, and by whom.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;

use crate::error::Error;
use crate::secret::Secret;
use crate::sign::{ClientCertificate, SigningAlgorithm, SigningKey};

/// The member of a response that has the token, unless an ID token is asked for.
pub const ACCESS_TOKEN: &str = "access_token";

/// What an access token is asked for with, as it was sealed.
pub struct Grant {
    /// The token endpoint, an absolute URL.
    pub token_url: String,
    /// What the token is to allow, each a scope-token of RFC 6749 section 3.3. None asks for the server's default.
    pub scopes: Vec<String>,
    /// What the token endpoint calls a bearer token, beside `bearer` itself. Empty where it gives its tokens no type.
    pub token_type: Option<String>,
    /// Who asks, and how that is shown.
    pub by: Authority,
}

/// What entitles to a token.
pub enum Authority {
    /// A client by itself, RFC 6749 section 4.4.
    Client(Client),
    /// An assertion that a key signs, RFC 7523 section 2.1.
    Assertion(JwtBearer),
    /// A refresh token, RFC 6749 section 6.
    Consent(Consent),
}

/// How the client says to the token endpoint who it is.
pub enum ClientAuth {
    /// `client_id` and this `client_secret` among the parameters of the body (RFC 6749 section 2.3.1).
    Body(Secret),
    /// HTTP Basic with this password, both parts form-encoded first.
    Basic(Secret),
    /// An assertion in the body that a key signs, RFC 7523 section 2.2.
    Assertion(Box<Signer>),
    /// `client_id` alone: a client that cannot keep a secret (RFC 6749 section 2.1).
    Public,
    /// `client_id` in the body, and this certificate in the handshake, RFC 8705.
    OwnCertificate {
        /// It and its key.
        certificate: Arc<ClientCertificate>,
        /// Whether the token is bound to it, so that the API sees it as well.
        is_bound: bool,
    },
    /// The same with the certificate of another credential of the service.
    CertificateBeside,
}

/// A client of RFC 6749 section 4.4, as it was sealed.
pub struct Client {
    /// Its name.
    pub id: Secret,
    /// Whom the token is for, as some servers ask to be told.
    pub audience: Option<String>,
    /// Whom the token is for (RFC 8707), one URI each.
    pub resources: Vec<String>,
    /// How it authenticates.
    pub auth: ClientAuth,
}

impl Client {
    fn is_empty(&self) -> bool {
        let is_empty = match &self.auth {
            ClientAuth::Body(secret) | ClientAuth::Basic(secret) => secret.expose().is_empty(),
            ClientAuth::Assertion(signer) => signer.private_key.expose().is_empty(),
            ClientAuth::OwnCertificate { certificate, .. } => certificate.is_empty(),
            ClientAuth::Public | ClientAuth::CertificateBeside => false,
        };
        self.id.expose().is_empty() || is_empty
    }
}

/// What somebody has consented to, as it was sealed.
pub struct Consent {
    /// Who was given the consent.
    pub client: Client,
    /// The refresh token that came with the consent. The token endpoint may have replaced it since.
    pub first: Secret,
}

/// Who signs assertions, and for whom.
pub struct Signer {
    /// The private key in PEM, as it was sealed.
    pub private_key: Secret,
    /// How it signs.
    pub algorithm: SigningAlgorithm,
    /// How the receiver finds the public key.
    pub key_id: Option<String>,
    /// The same by the SHA-256 of its certificate, in base64url.
    pub thumbprint: Option<String>,
    /// Whom the assertion is for; the token endpoint's URL where that was not sealed.
    pub audience: Option<String>,
    /// How long an assertion is valid.
    pub lifetime: Duration,
}

impl Signer {
    /// The parsed key.
    pub fn key(&self) -> Result<SigningKey, Error> {
        SigningKey::read(&self.private_key, self.algorithm)
    }
}

/// An authorization grant of RFC 7523 section 2.1, as it was sealed.
pub struct JwtBearer {
    /// Who signs.
    pub signer: Signer,
    /// Who says so.
    pub issuer: String,
    /// For whom the token is asked.
    pub subject: Option<String>,
    /// Whom an ID token is asked for, as Google's endpoint takes it.
    pub target_audience: Option<String>,
    /// What else the assertion says: names, and JSON.
    pub claims: Vec<(String, Box<RawValue>)>,
    /// What else the token request has.
    pub fields: Vec<(String, Secret)>,
}

impl Grant {
    /// Refuses what the next token request would be refused for before it leaves: a key that cannot sign.
    pub fn check(&self) -> Result<(), Error> {
        match &self.by {
            Authority::Client(client) | Authority::Consent(Consent { client, .. }) => match &client.auth {
                ClientAuth::Assertion(signer) => signer.key().map(drop),
                ClientAuth::OwnCertificate { certificate, .. } => certificate.check().map(drop),
                _ => Ok(()),
            },
            Authority::Assertion(bearer) => bearer.signer.key().map(drop),
        }
    }

    /// Whether a secret that every such grant has is empty.
    pub(super) fn is_empty(&self) -> bool {
        match &self.by {
            Authority::Client(client) => client.is_empty(),
            Authority::Assertion(bearer) => bearer.signer.private_key.expose().is_empty(),
            Authority::Consent(consent) => consent.client.is_empty() || consent.first.expose().is_empty(),
        }
    }

    /// Whether an assertion shows who asks, which says when it was made.
    pub fn is_signed(&self) -> bool {
        match &self.by {
            Authority::Client(client) | Authority::Consent(Consent { client, .. }) => {
                matches!(client.auth, ClientAuth::Assertion(_))
            }
            Authority::Assertion(_) => true,
        }
    }

    /// The certificate that was sealed with it, for the token endpoint.
    pub fn certificate(&self) -> Option<&Arc<ClientCertificate>> {
        self.own_certificate().map(|(certificate, _)| certificate)
    }

    /// The same for the API, where the token is bound to it.
    pub(super) fn bound_certificate(&self) -> Option<&Arc<ClientCertificate>> {
        self.own_certificate().and_then(|(certificate, is_bound)| is_bound.then_some(certificate))
    }

    fn own_certificate(&self) -> Option<(&Arc<ClientCertificate>, bool)> {
        match self.client().map(|client| &client.auth) {
            Some(ClientAuth::OwnCertificate { certificate, is_bound }) => Some((certificate, *is_bound)),
            _ => None,
        }
    }

    /// Whether it needs the certificate of another credential.
    pub fn needs_certificate(&self) -> bool {
        self.client().is_some_and(|client| matches!(client.auth, ClientAuth::CertificateBeside))
    }

    /// Who asks, where it is a client that authenticates.
    pub fn client(&self) -> Option<&Client> {
        match &self.by {
            Authority::Client(client) | Authority::Consent(Consent { client, .. }) => Some(client),
            Authority::Assertion(_) => None,
        }
    }

    /// The member of the token endpoint's response that has the token.
    pub fn token_member(&self) -> &'static str {
        match &self.by {
            Authority::Assertion(bearer) if bearer.target_audience.is_some() => "id_token",
            _ => ACCESS_TOKEN,
        }
    }
}
