//! The one error type: a stable code, a text without anything secret, and how far the request had got. And what is no error
//! yet: a warning. Every room makes them, `document` writes them down for the caller, `docs/wire.md` lists the codes.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// How much of a request can have reached the other side (`sent` in documents).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sent {
    /// Certainly not processed.
    No,
    /// Nobody can tell.
    Maybe,
    /// A response's status line was seen.
    Yes,
}

impl Sent {
    /// The word used in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Sent::No => "no",
            Sent::Maybe => "maybe",
            Sent::Yes => "yes",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What went wrong, as `class.reason`. Codes are only ever added; `docs/wire.md` has the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in the order of the table in `docs/wire.md`.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The stable text, `class.reason`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// A document, or a value in it, does not have the form that `docs/wire.md` gives it.
    Malformed = "invalid_request.malformed";
    /// The request carries no policy.
    PolicyMissing = "policy.missing";
    /// The scheme is not `https`, or `http` is not allowed there.
    SchemeNotAllowed = "policy.scheme_not_allowed";
    /// The host is in no `allowed_hosts` entry.
    HostNotAllowed = "policy.host_not_allowed";
    /// The host is allowed, its port is not.
    PortNotAllowed = "policy.port_not_allowed";
    /// The method is not in `allowed_methods`.
    MethodNotAllowed = "policy.method_not_allowed";
    /// No pattern of `allowed_paths` matches.
    PathNotAllowed = "policy.path_not_allowed";
    /// The path could be read in two ways.
    PathNotCanonical = "policy.path_not_canonical";
    /// The guard refuses an address of the host.
    AddressNotAllowed = "policy.address_not_allowed";
    /// The caller set a header that is not the caller's to set.
    HeaderNotAllowed = "policy.header_not_allowed";
    /// The body is larger than allowed, or the head than the server takes.
    RequestTooLarge = "policy.request_too_large";
    /// A redirect leads where none may.
    RedirectNotAllowed = "policy.redirect_not_allowed";
    /// The binding sealed with the credential does not allow this request.
    BindingViolated = "policy.binding_violated";
    /// The service has failed too often, and gets no requests for a while.
    CircuitOpen = "policy.circuit_open";
    /// The envelope is not one.
    CredentialMalformed = "credential.malformed";
    /// The envelope's version or algorithm, or the credential's type, is not supported.
    CredentialUnsupported = "credential.unsupported";
    /// No master key opens the envelope for this identifier.
    AuthenticationFailed = "credential.authentication_failed";
    /// The opened payload does not have the form its type gives it.
    PayloadInvalid = "credential.payload_invalid";
    /// The sealed `expires_at` has passed.
    CredentialExpired = "credential.expired";
    /// The value cannot be put where it is to go.
    CredentialUnusable = "credential.unusable";
    /// The place is already taken.
    PlacementConflict = "credential.placement_conflict";
    /// This host's clock is off, so what was signed is refused.
    ClockSkew = "credential.clock_skew";
    /// No usable master key.
    KeyUnavailable = "credential.key_unavailable";
    /// The token endpoint refused the client.
    TokenEndpointRejected = "oauth.token_endpoint_rejected";
    /// What the token endpoint sent is not a token response.
    TokenResponseInvalid = "oauth.token_response_invalid";
    /// The token endpoint cannot be reached.
    TokenEndpointUnreachable = "oauth.token_endpoint_unreachable";
    /// The refresh token serves no more.
    ConsentRequired = "oauth.consent_required";
    /// Refresh tokens cannot be kept.
    RefreshStoreUnavailable = "oauth.store_unavailable";
    /// The name does not exist.
    DnsNotFound = "dns.not_found";
    /// The name could not be resolved now.
    DnsFailed = "dns.failed";
    /// Nobody listens there.
    ConnectRefused = "connect.refused";
    /// The connection could not be made.
    ConnectFailed = "connect.failed";
    /// The proxy would not open a tunnel.
    ProxyRefused = "connect.proxy_refused";
    /// The server's certificate is not accepted.
    CertificateInvalid = "tls.certificate_invalid";
    /// TLS could not be agreed.
    HandshakeFailed = "tls.handshake_failed";
    /// The server refused the client's certificate.
    ClientCertificateRefused = "tls.client_certificate_refused";
    /// Connecting took longer than `connect_timeout_ms`.
    ConnectTimeout = "timeout.connect";
    /// The whole took longer than `timeout_ms`.
    TotalTimeout = "timeout.total";
    /// Nothing came of a response for `idle_timeout_ms`.
    IdleTimeout = "timeout.idle";
    /// The caller cancelled the call.
    CancelledRequested = "cancelled.requested";
    /// The caller let the call go before its end.
    CancelledAbandoned = "cancelled.abandoned";
    /// The connection ended before the response did.
    ClosedEarly = "protocol.closed_early";
    /// The response is not HTTP as the library accepts it.
    ProtocolInvalid = "protocol.invalid";
    /// The response's body cannot be decoded.
    DecodingFailed = "response.decoding_failed";
    /// The response's body is larger than allowed.
    ResponseTooLarge = "response.too_large";
    /// The configuration does not have the form that `docs/wire.md` gives it.
    ConfigurationInvalid = "configuration.invalid";
    /// A bug of ours; nothing else of the process is affected.
    Panic = "internal.panic";
}

impl Code {
    /// The part before the dot.
    pub fn class(self) -> &'static str {
        self.as_str().split_once('.').map_or("internal", |(class, _)| class)
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Code::CircuitOpen
                | Code::DnsFailed
                | Code::ConnectRefused
                | Code::ConnectFailed
                | Code::HandshakeFailed
                | Code::ConnectTimeout
                | Code::TotalTimeout
                | Code::IdleTimeout
                | Code::ClosedEarly
                | Code::TokenEndpointUnreachable
        )
    }
}

/// A refusal or a failure. Its text never holds a path, a query, a header value, a body or a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What went wrong.
    pub code: Code,
    /// What the caller can do about it.
    pub message: Cow<'static, str>,
    /// How far the request had got.
    pub sent: Sent,
    /// The status of the response whose reading failed.
    pub http_status: Option<u16>,
}

impl Error {
    /// An error before anything left the process.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), sent: Sent::No, http_status: None }
    }

    /// The same error, with what it is about in front.
    pub fn about(mut self, subject: impl fmt::Display) -> Self {
        self.message = format!("{subject}: {}", self.message).into();
        self
    }

    /// The same error, of the credential with this identifier: a request can have several.
    pub fn of_credential(self, identifier: &str) -> Self {
        self.about(format_args!("the credential \"{identifier}\""))
    }

    /// The same error of a request that had got this far.
    pub fn sent(mut self, sent: Sent) -> Self {
        self.sent = sent;
        self
    }

    /// The same error, of a response with this status: its status line was seen.
    pub fn with_status(mut self, status: u16) -> Self {
        self.sent = Sent::Yes;
        self.http_status = Some(status);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Error {}

/// Something an administrator should look at, though the configuration works as far as it can.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Stable name.
    pub code: &'static str,
    /// What is wrong, and where in the configuration.
    pub message: String,
}
