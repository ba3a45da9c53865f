//! Services, read and compiled once.

use std::sync::Arc;

use http::HeaderName;

use crate::cache::ByBytes;
use crate::credential::declared;
use crate::document::{CredentialKind, ServiceHead};
use crate::error::Error;
use crate::policy::{Ceiling, ServiceRules};

/// Of all documents whose services are kept. One with a thousand patterns is 50 KiB.
const BYTES: usize = 2 << 20;

/// A service as its calls need it. What is wrong with it is told in its turn among the errors of a call.
pub struct Service {
    /// As it was handed in.
    pub head: ServiceHead,
    /// Base URL, policy and patterns.
    pub rules: ServiceRules,
    /// The header fields that its credentials will fill.
    pub filled_headers: Vec<HeaderName>,
    /// Whether one of its credentials signs for AWS.
    pub signs_for_aws: bool,
    /// Whether its declarations of credentials make sense.
    pub placements: Result<(), Error>,
}

impl Service {
    /// Compiles a service that was read.
    pub fn of(head: ServiceHead, ceiling: &Ceiling) -> Self {
        Self {
            rules: ServiceRules::of(&head, ceiling),
            filled_headers: declared::filled_headers(&head.credentials),
            signs_for_aws: head.credentials.iter().any(|spec| spec.kind == CredentialKind::AwsSigv4),
            placements: declared::check(&head.credentials),
            head,
        }
    }
}

/// The services of an engine by their documents.
pub struct Services(ByBytes<Service>);

impl Default for Services {
    fn default() -> Self {
        Self(ByBytes::new(BYTES))
    }
}

impl Services {
    /// The service of a document.
    pub fn get(&self, document: &[u8], ceiling: &Ceiling) -> Result<Arc<Service>, Error> {
        self.0.get_or_make(document, || Ok(Service::of(ServiceHead::parse(document)?, ceiling)))
    }
}
