//! How an engine's connections are made.

use std::sync::Arc;
use std::time::Duration;

use super::guard::Guard;
use super::proxy::Proxy;
use super::tls::Roots;
use crate::document::Resolution;
use crate::policy::{Scheme, Target, Versions};

/// How an engine's connections are made.
#[derive(Clone)]
pub struct NetworkOptions {
    /// Resolves and judges.
    pub guard: Guard,
    /// Trust anchors.
    pub roots: Roots,
    /// The proxy, if any.
    pub proxy: Option<Arc<Proxy>>,
    /// Limit of resolving, TCP, CONNECT and TLS together.
    pub connect_timeout: Duration,
    /// What may be spoken.
    pub versions: Versions,
    /// TLS offers key exchanges that a quantum computer does not break.
    pub post_quantum: bool,
    /// Cap of a response's head.
    pub header_bytes: u32,
}

impl NetworkOptions {
    /// Whether HTTP/3 may be tried there: over TLS, and past no proxy.
    pub fn may_speak_http3(&self, target: &Target) -> bool {
        target.origin().scheme == Scheme::Https && self.proxy_resolution(target).is_none()
    }

    /// Who resolves a target's name, where the proxy serves it.
    pub fn proxy_resolution(&self, target: &Target) -> Option<&'static str> {
        let origin = target.origin();
        let proxy = self.proxy.as_ref().filter(|proxy| proxy.serves(origin.scheme == Scheme::Https, &origin.host))?;
        Some(match proxy.resolution {
            Resolution::Local => "local",
            Resolution::Proxy => "proxy",
        })
    }
}
