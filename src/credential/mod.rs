//! Opened credentials: what a payload means, where its parts go, and how they are found in a response.
//!
//! [`declared`] judges what a request says of its credentials, [`Credential`] reads what an envelope held, [`placement`] puts it into a request, [`Redactor`] looks for it in what comes
//! back. A [`Signature`] is made last, over the request as it leaves, anew for every attempt. Below are `document`, which has what the request declares of a credential, `policy`, which says what fields nobody may
//! fill, `sign`, whose keys a payload may hold, and `secret`. Above, `engine` opens the envelopes and brings both together, and
//! `oauth` gets the token whose [`Provenance`] was sealed.

mod assume_role;
mod aws_keys;
mod aws_refusal;
mod aws_request;
mod aws_signature;
mod aws_sigv4;
mod binding;
mod body;
mod client;
pub mod clock;
mod consent;
pub mod declared;
mod encoding;
mod grant;
mod header;
mod hmac;
mod jwt;
mod jwt_bearer;
mod mtls;
mod opened;
mod payload;
pub mod placement;
mod provenance;
mod redact;
mod role;
mod signature;
mod template;
mod unsigned;
mod urlencoded;

pub use assume_role::AssumeRole;
pub use aws_keys::AwsKeys;
pub use aws_refusal::rejects_keys;
pub use binding::Binding;
pub use grant::{ACCESS_TOKEN, Authority, Client, ClientAuth, Consent, Grant, JwtBearer, Signer};
pub(crate) use header::basic;
pub use jwt::{Jwt, TokenExchange};
pub use opened::Credential;
pub use provenance::Provenance;
pub use redact::{REDACTED, Redactor};
pub use signature::Signature;
pub use unsigned::{Fresh, Signed, Unsigned};
