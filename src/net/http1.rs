//! Which servers have asked for HTTP/1.1.

use std::collections::VecDeque;
use std::sync::Mutex;

use http::Uri;

use crate::sys::lock;

/// The first to be forgotten is the one that has been known longest.
const ORIGINS: usize = 256;

/// Origins that have refused HTTP/2 with HTTP_1_1_REQUIRED (RFC 9113 section 7).
#[derive(Default)]
pub struct Http1Origins(Mutex<VecDeque<String>>);

impl Http1Origins {
    /// Takes note of one.
    pub fn insert(&self, origin: &str) {
        let mut origins = lock(&self.0);
        if !origins.iter().any(|known| known == origin) {
            if origins.len() == ORIGINS {
                origins.pop_front();
            }
            origins.push_back(origin.to_owned());
        }
    }

    /// Whether this is one of them.
    pub fn contains(&self, origin: &str) -> bool {
        lock(&self.0).iter().any(|known| known == origin)
    }
}

/// Scheme and authority of a URL.
pub fn origin(target: &Uri) -> String {
    let authority = target.authority().map(|authority| authority.as_str());
    format!("{}://{}", target.scheme_str().unwrap_or_default(), authority.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_newest() {
        let origins = Http1Origins::default();
        for number in 0..=ORIGINS {
            origins.insert(&format!("https://{number}.example"));
            origins.insert("https://256.example");
        }
        let known = |number: usize| origins.contains(&format!("https://{number}.example"));
        assert!(!known(0) && known(2) && known(ORIGINS), "one went for each that came");
        assert_eq!(lock(&origins.0).len(), ORIGINS);
    }
}
