//! The documents of `docs/wire.md`, as types, and nothing else: no input, no output, no decision.
//!
//! What is handed in is named after its key and ends in `Spec` where another room makes something of it: policy, credential,
//! keys and net do. Below is `secret`, for the key material that a configuration can hold. Every room above imports this one.

mod configuration;
mod credential;
mod limit;
mod master_key;
mod parse;
mod request;
mod response;

pub use configuration::{
    Configuration, Defaults, HttpVersion, InternalHostSpec, Limits, ProxySpec, Resolution, RootSource, SidecarSpec,
    TlsSpec, TokenCacheSpec,
};
pub use credential::{CredentialKind, CredentialSpec, Placement, S3};
pub use limit::ByteLimit;
pub use master_key::{KeySourceSpec, MasterKeySpec};
pub use parse::parse;
pub use request::{AlternativeSpec, BreakerSpec, CallHead, Http3, PolicySpec, Request, ServiceHead};
pub use response::{AuditRecord, CheckHead, DecisionHead, OpenHead, RecordHead, ResponseHead, StreamHead};
