//! Which versions of HTTP may be spoken: the configuration's list, and what a policy leaves of it.

use super::refusal::malformed;
use crate::document::{HttpVersion, PolicySpec};
use crate::error::Error;

/// The versions that may be spoken. HTTP/3 is never among them: no call speaks it.
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

    /// What a policy leaves of them.
    pub(super) fn narrowed(self, spec: &PolicySpec) -> Result<Self, Error> {
        let wanted = match spec.http_versions.as_deref() {
            Some([]) => return Err(malformed("http_versions of the policy may not be empty")),
            Some(list) if !HttpVersion::any_spoken(list) => {
                let why = "http_versions of the policy needs 2 or 1.1 beside 3, which is not spoken yet";
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
    use serde_json::Value;

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
}
