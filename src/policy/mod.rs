//! Decides whether a request may go where it wants to go. Pure: no input, no output, and nothing of HTTP but names and methods.
//!
//! [`decide`] judges a request before any credential is opened, [`Policy::redirect`] each hop after it, and [`Bound`] what is
//! sealed with a credential. They leave the addresses to [`InternalHosts`], which is asked for the host first and again for
//! everything it resolves to.
//!
//! A URL goes through these stages, each with an error of its own, in the order of `docs/wire.md`:
//!
//! | stage | what is known | what it refuses |
//! |---|---|---|
//! | `Wanted` | it has the form of a URL | `invalid_request.malformed` |
//! | `Destination` | scheme, host and port | `policy.scheme_not_allowed` |
//! | [`Target`] | the one spelling of path and query | `policy.path_not_canonical` |
//! | [`Admitted`] | the pattern that allows the path | `policy.path_not_allowed` |
//! | [`Decision`] | that headers and body may go there too | `policy.header_not_allowed`, `policy.request_too_large` |
//!
//! Between the second and the third, scheme, host, port and method are judged, which needs no path.
//!
//! Below is `document`, which has policies and requests as they were handed in. Above, `engine` asks for decisions, `net` has
//! every address judged, and `credential` reads the fields that no credential may fill.

mod address;
mod alternative;
mod bound;
mod canonical;
mod decision;
mod destination;
mod headers;
mod host;
mod internal;
mod path;
mod patterns;
mod redirect;
mod refusal;
mod rules;
mod service;
mod url;
#[cfg(test)]
pub(crate) mod vectors;
mod versions;

pub use address::{AddressReason, classify};
pub use alternative::Alternative;
pub use bound::Bound;
pub use canonical::{Spelling, plus_in_query, uri_encode};
pub use decision::{Context, Decision, OriginDecision, decide, decide_origin, origin, request_limit};
pub use headers::{filled_with_key, is_connections, parse_method};
pub use host::HostRule;
pub use internal::InternalHosts;
pub use path::PathPattern;
pub use redirect::Redirect;
pub use rules::Rules;
pub use service::{Admitted, Ceiling, Policy, ServiceRules};
pub use url::{Origin, Scheme, Target};
pub use versions::Versions;

pub use ::url::Host;
