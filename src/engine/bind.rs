//! Compares opened credentials with the bindings that were sealed with them.

use std::sync::Arc;

use http::Uri;
use jiff::Timestamp;

use super::state::Engine;
use crate::credential::{Binding, Credential};
use crate::document::CredentialSpec;
use crate::error::{Code, Error};
use crate::oauth::endpoint;
use crate::policy::{Bound, Policy, Rules, Spelling};
use crate::sign::ClientCertificate;

/// What the credentials of a call are bound to.
#[derive(Default)]
pub struct Bindings {
    /// Each of them has to allow every hop.
    pub bounds: Vec<Bound>,
    /// The token endpoint of the credential that has one.
    pub token_uri: Option<Uri>,
    /// The certificate of a credential that is bound to the token endpoint's host as well.
    pub token_certificate: Option<Arc<ClientCertificate>>,
}

/// Judges credentials by their bindings: `allows` says whether one covers the request. A token endpoint is judged by its
/// credential's binding and by the policy.
pub fn bind(
    engine: &Engine,
    specs: &[CredentialSpec],
    credentials: &[Credential],
    policy: &Policy,
    allows: impl Fn(&Bound) -> Result<(), Error>,
) -> Result<Bindings, Error> {
    let settings = &*engine.settings;
    let mut bindings = Bindings::default();
    let (mut asked, mut certificate) = (None, None);
    for (spec, credential) in specs.iter().zip(credentials) {
        if settings.limits.require_binding && credential.binding().is_none_or(|binding| binding.hosts.is_none()) {
            return Err(unbound(&spec.identifier));
        }
        let mut bound =
            credential.binding().map(|binding| bound(&spec.identifier, binding, policy.spelling())).transpose()?;
        bound.as_ref().map(&allows).transpose()?;
        credential.check_service(spec)?;
        if let Some(url) = credential.token_url() {
            let (uri, target) = endpoint::check(url, policy, bound.as_ref(), &settings.internal_hosts)?;
            bindings.token_uri = Some(uri);
            asked = Some(target.origin().clone());
            if credential.is_exchanged() {
                bound = bound.map(|bound| bound.with_exchange(target));
                bound.as_ref().map(&allows).transpose()?;
            }
        }
        certificate = certificate.or(credential.certificate().zip(bound.clone()));
        bindings.bounds.extend(bound);
    }
    // What is sealed for other hosts is not for the token endpoint to see.
    if let (Some(asked), Some((certificate, bound))) = (asked, certificate)
        && bound.allows_token_endpoint(&asked).is_ok()
    {
        bindings.token_certificate = Some(Arc::clone(certificate));
    }
    Ok(bindings)
}

fn unbound(identifier: &str) -> Error {
    let why = "has no hosts in its binding, and limits.require_binding demands them: seal it again with binding.hosts";
    Error::new(Code::BindingViolated, format!("the credential \"{identifier}\" {why}"))
}

/// What a binding that has not expired allows.
fn bound(identifier: &str, binding: &Binding, spelling: Spelling) -> Result<Bound, Error> {
    let of_credential = |error: Error| error.of_credential(identifier);
    binding.check_expiry(Timestamp::now()).map_err(of_credential)?;
    let (hosts, methods) = (binding.hosts.as_deref(), binding.methods.as_deref());
    Rules::parse_sealed(hosts, methods, binding.paths.as_deref(), spelling)
        .map(|rules| Bound::new(identifier, rules))
        .map_err(|_| Error::new(Code::PayloadInvalid, "its binding has an entry that cannot be read"))
        .map_err(of_credential)
}
