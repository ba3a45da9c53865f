//! The daemon's configuration: one document, which only its administrator writes.

use std::fmt;
use std::path::PathBuf;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::places::{SocketPlace, SocketPlaces};
use crate::document::{self, ServiceHead};
use crate::error::{Code, Error};

/// What a configuration is when it says nothing of the engine.
const LEAST: &str = r#"{"version": 1}"#;

const DAY_MS: u64 = 86_400_000;

/// The daemon's configuration, as it was read. Unknown keys are refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DaemonDocument {
    version: u32,
    /// The configuration of `docs/wire.md`: keys, internal hosts, trust, ceilings.
    #[serde(default)]
    outbound: Option<Box<RawValue>>,
    /// The services by their ids.
    services: ServiceEntries,
    /// Who may ask, and for what.
    pub callers: Vec<CallerSpec>,
    /// Further sockets, each with callers of its own.
    #[serde(default)]
    pub sockets: Vec<SocketSpec>,
    /// Where operators read the metrics. Without it nothing is counted.
    #[serde(default)]
    pub metrics: Option<SocketPlace>,
    /// The directory of the envelopes, one file for each, named by the identifier.
    #[serde(default)]
    pub envelopes: Option<PathBuf>,
    /// The file of the daemon's own records; without it they go to standard error.
    #[serde(default)]
    pub audit_log: Option<PathBuf>,
    /// What all callers together may have.
    #[serde(default)]
    pub limits: TotalLimits,
    /// How long calls may go on when the daemon is to end.
    #[serde(default = "half_a_minute")]
    pub drain_ms: u64,
}

/// A user, and what it may do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerSpec {
    /// Its name or its number.
    pub user: UserSpec,
    /// The ids of its services.
    pub services: Vec<String>,
    /// What it may have at a time.
    #[serde(default)]
    pub limits: CallerLimits,
}

/// A further socket with callers of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketSpec {
    /// Its name.
    pub name: String,
    /// Where it is.
    #[serde(default)]
    pub listen: SocketPlace,
    /// Who may ask there, and for what.
    pub callers: Vec<CallerSpec>,
}

/// A user, by name or by number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum UserSpec {
    /// The number.
    Number(u32),
    /// The name.
    Name(String),
}

/// What one caller may have at a time.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct CallerLimits {
    /// Open connections.
    pub connections: usize,
    /// Calls that are decided about and not responded to.
    pub calls: usize,
    /// Bytes of its calls: each counts its request's body, and the most that its response's body can have.
    pub bytes: u64,
}

impl Default for CallerLimits {
    fn default() -> Self {
        Self { connections: 256, calls: 128, bytes: 1 << 30 }
    }
}

/// What all callers together may have at a time.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TotalLimits {
    /// Open connections.
    pub connections: usize,
    /// Bytes of calls.
    pub bytes: u64,
}

impl Default for TotalLimits {
    fn default() -> Self {
        Self { connections: 4096, bytes: 2 << 30 }
    }
}

/// Whose the envelopes of a service's credentials are.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum EnvelopeOwner {
    /// They lie in the daemon's directory.
    #[default]
    Daemon,
    /// The caller sends them with each call, and only such count whose binding names hosts.
    Caller,
}

/// A service as the daemon has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceEntry {
    base_url: Box<RawValue>,
    policy: Box<RawValue>,
    #[serde(default)]
    idempotency_header: Option<Box<RawValue>>,
    #[serde(default)]
    credentials: Option<Box<RawValue>>,
    #[serde(default)]
    alternatives: Option<Box<RawValue>>,
    #[serde(default)]
    envelopes: EnvelopeOwner,
}

/// The document of a service that the engine reads.
#[derive(Serialize)]
struct ServiceText<'a> {
    version: u32,
    service_id: &'a str,
    base_url: &'a RawValue,
    policy: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_header: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alternatives: Option<&'a RawValue>,
}

/// A service of the daemon's registry, valid in form.
#[derive(Debug)]
pub struct OwnedService {
    /// Its id.
    pub id: String,
    /// Its document, which the engine knows again.
    pub document: Vec<u8>,
    /// The URLs that it leads to, as they were written.
    pub leads_to: String,
    /// The identifiers of its credentials, in their order.
    pub identifiers: Vec<String>,
    /// Whose its envelopes are.
    pub envelopes: EnvelopeOwner,
}

/// The entries of an object in their order. An id that is there twice is refused.
struct ServiceEntries(Vec<(String, ServiceEntry)>);

impl<'de> Deserialize<'de> for ServiceEntries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesReader;
        impl<'de> Visitor<'de> for EntriesReader {
            type Value = ServiceEntries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("services by id")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ServiceEntries, A::Error> {
                let mut entries: Vec<(String, ServiceEntry)> = Vec::new();
                while let Some((id, entry)) = map.next_entry::<String, ServiceEntry>()? {
                    if entries.iter().any(|(known, _)| *known == id) {
                        return Err(A::Error::custom("duplicate field of services"));
                    }
                    entries.push((id, entry));
                }
                Ok(ServiceEntries(entries))
            }
        }
        deserializer.deserialize_map(EntriesReader)
    }
}

impl DaemonDocument {
    /// Reads a configuration.
    pub fn parse(document: &[u8]) -> Result<Self, Error> {
        let read: Self = document::parse(document, Code::ConfigurationInvalid)?;
        let paths = [("envelopes", &read.envelopes), ("audit_log", &read.audit_log)];
        if read.version != 1 {
            return Err(invalid("the daemon's configuration: version must be 1"));
        }
        if let Some((key, _)) = paths.iter().find(|(_, path)| path.as_ref().is_some_and(|path| !path.is_absolute())) {
            return Err(invalid(format!("{key} must be an absolute path")));
        }
        if !(1..=DAY_MS).contains(&read.drain_ms) {
            return Err(invalid(format!("drain_ms must be from 1 to {DAY_MS}")));
        }
        Ok(read)
    }

    /// Where the sockets are.
    pub fn places(&self) -> Result<SocketPlaces, Error> {
        let sockets = self.sockets.iter().map(|socket| (socket.name.as_str(), &socket.listen));
        SocketPlaces::of(sockets, self.metrics.as_ref())
    }

    /// The configuration of the engine.
    pub fn outbound(&self) -> &[u8] {
        self.outbound.as_ref().map_or(LEAST, |raw| raw.get()).as_bytes()
    }

    /// The services. A fault names the service.
    pub fn services(&self) -> Result<Vec<OwnedService>, Error> {
        self.services.0.iter().map(|(id, entry)| entry.service(id)).collect()
    }
}

impl ServiceEntry {
    fn service(&self, id: &str) -> Result<OwnedService, Error> {
        let text = ServiceText {
            version: 1,
            service_id: id,
            base_url: &self.base_url,
            policy: &self.policy,
            idempotency_header: self.idempotency_header.as_deref(),
            credentials: self.credentials.as_deref(),
            alternatives: self.alternatives.as_deref(),
        };
        let fault = |error: Error| invalid(error.message).about(format_args!("services.{id}"));
        let document = serde_json::to_vec(&text).map_err(|_| fault(invalid("cannot be written")))?;
        let head = ServiceHead::parse(&document).map_err(fault)?;
        let methods = head.policy.as_ref().and_then(|policy| policy.allowed_methods.as_ref());
        if head.base_url.is_none() || methods.is_none_or(Vec::is_empty) {
            return Err(fault(invalid("base_url and policy.allowed_methods are required")));
        }
        let identifiers = head.credentials.into_iter().map(|credential| credential.identifier).collect();
        let leads_to = [Some(&self.base_url), self.alternatives.as_ref()].into_iter().flatten().map(|raw| raw.get());
        let leads_to = leads_to.collect();
        Ok(OwnedService { id: id.to_owned(), document, leads_to, identifiers, envelopes: self.envelopes })
    }
}

fn half_a_minute() -> u64 {
    30_000
}

/// What is wrong with the configuration.
pub fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Code::ConfigurationInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::super::frame::{HEAD_BYTES, PAYLOAD_BYTES};
    use super::super::peer::BUFFER;
    use super::*;

    const SERVICE: &str = r#"{"base_url": "https://a.example", "policy": {"allowed_methods": ["GET"]}}"#;

    fn services(services: &str) -> Result<Vec<OwnedService>, Error> {
        let document = format!(r#"{{"version": 1, "callers": [], "services": {services}}}"#);
        DaemonDocument::parse(document.as_bytes()).and_then(|document| document.services())
    }

    #[test]
    fn a_service_becomes_the_document_of_the_engine() {
        let entry = r#"{"envelopes": "caller", "credentials": [{"identifier": "a", "type": "bearer"}],
            "policy": {"allowed_methods": ["GET"]}, "base_url": "https://a.example"}"#;
        let read = services(&format!(r#"{{"shop": {entry}, "other": {SERVICE}}}"#)).expect("services");
        let ids: Vec<_> = read.iter().map(|service| (service.id.as_str(), service.envelopes)).collect();
        assert_eq!(ids, [("shop", EnvelopeOwner::Caller), ("other", EnvelopeOwner::Daemon)]);
        assert_eq!(read[0].identifiers, ["a"]);
        let head = ServiceHead::parse(&read[0].document).expect("a service");
        assert_eq!((head.service_id.as_str(), head.base_url.as_deref()), ("shop", Some("https://a.example")));
    }

    /// Beside what is counted, a connection has what it reads into, and a frame of a document.
    #[test]
    fn the_unit_has_more_memory_than_the_limits_allow() {
        let unit = include_str!("../../packaging/sidecar/secure-outbound-sidecar.service");
        let most = unit.lines().find_map(|line| line.strip_prefix("MemoryMax=")?.strip_suffix('G'));
        let most = most.and_then(|number| number.parse::<u64>().ok()).expect("MemoryMax= in gibibytes") << 30;
        let TotalLimits { connections, bytes } = TotalLimits::default();
        let of_connections = connections as u64 * (BUFFER + 2 * (HEAD_BYTES + PAYLOAD_BYTES)) as u64;
        assert!(bytes + of_connections < most, "{bytes} and {of_connections}");
        assert!(CallerLimits::default().bytes < bytes, "one caller leaves something to the others");
        let example: DaemonDocument =
            serde_json::from_str(include_str!("../../packaging/sidecar/examples/sidecar.json")).expect("the example");
        assert!(example.limits.bytes <= bytes);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, why) in [
            (format!(r#"{{"shop": {SERVICE}, "shop": {SERVICE}}}"#), "duplicate field"),
            (r#"{"shop": {"policy": {"allowed_methods": ["GET"]}}}"#.to_owned(), "missing field `base_url`"),
            (SERVICE.replace("base_url", "version"), "unknown field `version`"),
            (
                SERVICE.replace("{\"allowed", "{\"alowed_hosts\": [], \"allowed"),
                "services.shop: the document has an unknown field",
            ),
            (SERVICE.replace("[\"GET\"]", "[]"), "services.shop: base_url and policy.allowed_methods are required"),
            (SERVICE.replace("\"https://a.example\"", "null"), "services.shop: base_url"),
        ] {
            let text = if text.contains("shop") { text } else { format!(r#"{{"shop": {text}}}"#) };
            let error = services(&text).expect_err(&text);
            assert_eq!(error.code, Code::ConfigurationInvalid);
            assert!(error.message.contains(why), "{text}: {error}");
        }
    }
}
