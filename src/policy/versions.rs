//! Which versions of HTTP may be spoken: the configuration's list, and what a policy leaves of it.

use super::refusal::malformed;
use crate::document::{Http3, HttpVersion, PolicySpec};
use crate::error::Error;

/// The versions that may be spoken over TCP, where connections with other ones are connections apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// HTTP/1.1.
    pub http1: bool,
    /// HTTP/2.
    pub http2: bool,
}

impl Default for Versions {
    fn default() -> Self {
        Self { http1: true, http2: true }
    }
}

impl Versions {
    /// Those of a list.
    pub fn of(list: &[HttpVersion]) -> Self {
        Self { http1: list.contains(&HttpVersion::Http11), http2: list.contains(&HttpVersion::Http2) }
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [("2", self.http2), ("1.1", self.http1)].into_iter().filter(|(_, may)| *may).map(|(name, _)| name)
    }

    /// Whether HTTP/3 may be tried beside them. A library that was built without it never does.
    pub fn has_http3(list: &[HttpVersion]) -> bool {
        cfg!(feature = "http3") && list.contains(&HttpVersion::Http3)
    }

    /// How a policy knows that its API has HTTP/3, if it has it tried.
    pub(super) fn http3(spec: &PolicySpec) -> Option<Http3> {
        spec.http3.filter(|_| spec.http_versions.as_deref().is_none_or(Self::has_http3))
    }

    /// What a policy leaves of them.
    pub(super) fn narrowed(self, spec: &PolicySpec) -> Result<Self, Error> {
        let wanted = match spec.http_versions.as_deref() {
            Some([]) => return Err(malformed("http_versions of the policy may not be empty")),
            Some(list) if !HttpVersion::any_over_tcp(list) => {
                let why = "http_versions of the policy needs 2 or 1.1 beside 3, which does not get through everywhere";
                return Err(malformed(why));
            }
            Some(list) => Self::of(list),
            None => self,
        };
        let left = Self { http1: self.http1 && wanted.http1, http2: self.http2 && wanted.http2 };
        if !left.http1 && !left.http2 {
            let why =
                "http_versions of the policy has neither 2 nor 1.1 in common with http_versions of the configuration";
            return Err(malformed(why));
        }
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Code;
    use crate::policy::vectors::section;

    #[test]
    fn a_policy_only_narrows_what_the_configuration_allows() {
        type Case = (Vec<HttpVersion>, Value, Option<Vec<HttpVersion>>);
        for (configured, changes, expected) in section::<Vec<Case>>("http_versions") {
            let spec = crate::document::parse::<PolicySpec>(changes.to_string().as_bytes(), Code::Malformed);
            let found = spec.and_then(|spec| Versions::of(&configured).narrowed(&spec)).map_err(|error| error.code);
            let expected = expected.as_deref().map(Versions::of).ok_or(Code::Malformed);
            assert_eq!(found, expected, "{configured:?} {changes}");
        }
    }

    #[test]
    fn http_3_is_tried_where_it_is_said_how_the_api_is_known_to_have_it() {
        let is_built_in = cfg!(feature = "http3");
        for (changes, expected) in [
            (json!({"http3": "registered", "http_versions": ["3", "2"]}), Some(Http3::Registered)),
            (json!({"http3": "alt-svc", "http_versions": ["1.1", "3"]}), Some(Http3::AltSvc)),
            (json!({"http3": "registered", "http_versions": ["2", "1.1"]}), None),
            (json!({"http_versions": ["3", "2"]}), None),
        ] {
            let spec = crate::document::parse(changes.to_string().as_bytes(), Code::Malformed).expect("a policy");
            assert_eq!(Versions::http3(&spec), expected.filter(|_| is_built_in), "{changes}");
        }
        // Without a list of its own, it is the configuration's that tells.
        for (changes, expected) in [(json!({"http3": "registered"}), Some(Http3::Registered)), (json!({}), None)] {
            let spec = crate::document::parse(changes.to_string().as_bytes(), Code::Malformed).expect("a policy");
            assert_eq!(Versions::http3(&spec), expected, "{changes}");
        }
        assert_eq!(Versions::has_http3(&[HttpVersion::Http3, HttpVersion::Http2]), is_built_in);
        assert!(!Versions::has_http3(&[HttpVersion::Http2]));
    }
}
