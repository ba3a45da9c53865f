//! Hosts, methods and path patterns: the form that a policy and a credential's binding have in common.

use http::Method;

use super::canonical::Spelling;
use super::headers::parse_method;
use super::host::HostRule;
use super::path::PathPattern;
use super::patterns::Patterns;
use super::refusal::refuse;
use super::url::{Origin, Scheme, Target};
use crate::error::{Code, Error};

/// What is allowed. A list that is absent restricts nothing, an empty one allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The hosts, with their ports.
    pub hosts: Option<Vec<HostRule>>,
    /// The methods.
    pub methods: Option<Vec<Method>>,
    /// The path patterns; the first that matches counts.
    pub paths: Option<Patterns>,
}

impl Rules {
    /// Reads the lists of a policy. An entry that cannot be read is `invalid_request.malformed`.
    pub fn parse(
        hosts: Option<&[String]>,
        methods: Option<&[String]>,
        paths: Option<&[String]>,
        spelling: Spelling,
    ) -> Result<Self, Error> {
        Ok(Self {
            hosts: parse_named("allowed_hosts", hosts, HostRule::parse)?,
            methods: parse_named("allowed_methods", methods, parse_method)?,
            paths: parse_named("allowed_paths", paths, |path| PathPattern::parse(path, spelling))?.map(Patterns::from),
        })
    }

    /// Reads the list of hosts that the configuration has under this name, and restricts nothing else.
    pub fn parse_hosts(name: &str, hosts: &[String]) -> Result<Self, Error> {
        let hosts = parse_named(name, Some(hosts), HostRule::parse);
        let hosts = hosts.map_err(|error| Error { code: Code::ConfigurationInvalid, ..error })?;
        Ok(Self { hosts, ..Self::default() })
    }

    /// Reads the lists of a binding, which allow less than the same lists of a policy. Their entries are in no message.
    pub fn parse_sealed(
        hosts: Option<&[String]>,
        methods: Option<&[String]>,
        paths: Option<&[String]>,
        spelling: Spelling,
    ) -> Result<Self, Error> {
        Ok(Self {
            hosts: parse_list(hosts, HostRule::parse_sealed)?,
            methods: parse_list(methods, parse_method)?,
            paths: parse_list(paths, |path| PathPattern::parse_sealed(path, spelling))?.map(Patterns::from),
        })
    }

    /// Whether this request is allowed, in this order: host, port, method, path. The pattern that matched is returned.
    pub fn allows(&self, target: &Target, method: &Method) -> Result<Option<&PathPattern>, Error> {
        self.allows_origin(target.origin())?;
        self.allows_method(method)?;
        self.allows_path(target.path())
    }

    /// Whether this host and port are allowed and, where the rules were sealed, this scheme.
    pub fn allows_origin(&self, origin: &Origin) -> Result<(), Error> {
        let Some(rules) = &self.hosts else { return Ok(()) };
        if rules.iter().any(|rule| rule.allows(origin)) {
            Ok(())
        } else if rules.iter().any(|rule| rule.allows_in_any_scheme(origin)) {
            let (other, entry) = match origin.scheme {
                Scheme::Http => (Scheme::Https, origin.to_string()),
                Scheme::Https => (Scheme::Http, origin.authority()),
            };
            let (other, scheme) = (other.as_str(), origin.scheme.as_str());
            let why =
                format!("the entry for the host is for {other}; seal {entry:?} among the hosts to allow {scheme}");
            Err(Error::new(Code::SchemeNotAllowed, why))
        } else if rules.iter().any(|rule| rule.names(&origin.host)) {
            refuse(Code::PortNotAllowed, "the host is allowed, but not on this port")
        } else {
            refuse(Code::HostNotAllowed, "the host is not among the allowed hosts")
        }
    }

    pub(super) fn allows_method(&self, method: &Method) -> Result<(), Error> {
        match &self.methods {
            Some(methods) if !methods.contains(method) => {
                refuse(Code::MethodNotAllowed, "the method is not among the allowed methods")
            }
            _ => Ok(()),
        }
    }

    pub(super) fn allows_path(&self, path: &str) -> Result<Option<&PathPattern>, Error> {
        let Some(patterns) = &self.paths else { return Ok(None) };
        match patterns.first(path) {
            None => refuse(Code::PathNotAllowed, "the path matches no allowed pattern"),
            found => Ok(found),
        }
    }
}

/// What cannot be read may be anything, so an error names its place in the list and does not repeat it.
fn parse_named<T>(
    name: &str,
    list: Option<&[String]>,
    parse: impl Fn(&str) -> Result<T, Error>,
) -> Result<Option<Vec<T>>, Error> {
    let read =
        |(index, entry): (usize, &String)| parse(entry).map_err(|error| error.about(format_args!("{name}[{index}]")));
    list.map(|entries| entries.iter().enumerate().map(read).collect()).transpose()
}

fn parse_list<T>(list: Option<&[String]>, parse: impl Fn(&str) -> Result<T, Error>) -> Result<Option<Vec<T>>, Error> {
    list.map(|entries| entries.iter().map(|entry| parse(entry)).collect()).transpose()
}
