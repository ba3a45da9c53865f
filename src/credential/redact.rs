//! Finds injected secrets in the header fields of a response.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use memchr::memmem;
use percent_encoding::percent_decode;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// What a value that holds a secret is replaced with.
pub const REDACTED: &str = "[redacted]";

/// A location may carry a location that carries a query.
const DECODINGS: usize = 3;

/// What was put into a request. Wipes itself.
#[derive(Default)]
pub struct Redactor {
    secrets: Vec<Secret>,
    /// The base64 characters that all texts with the secret in them have in common, for each of its three offsets.
    encoded: Vec<Zeroizing<Vec<u8>>>,
}

impl Redactor {
    /// Adds a secret to look for. An empty one is in every value, so it is left out.
    pub fn add(&mut self, secret: Secret) {
        if !secret.expose().is_empty() {
            self.encoded.extend((0..3).filter_map(|offset| base64_core(secret.expose(), offset)));
            self.secrets.push(secret);
        }
    }

    /// Whether a value holds a secret: as it is, percent-encoded in whole or in part, or in base64 of either alphabet.
    pub fn finds(&self, value: &[u8]) -> bool {
        if self.secrets.is_empty() {
            return false;
        }
        // A `+` may be one, or a space.
        self.finds_decoded(value)
            || value.contains(&b'+') && {
                let spaced = value.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte });
                self.finds_decoded(&Zeroizing::new(spaced.collect::<Vec<_>>()))
            }
    }

    /// Decoding a value finds every way of encoding it.
    fn finds_decoded(&self, value: &[u8]) -> bool {
        if self.finds_plain(value) {
            return true;
        }
        let mut current = Cow::Borrowed(value);
        for _ in 0..DECODINGS {
            // The allocator wipes this copy, as every block that is freed.
            let decoded = match Cow::from(percent_decode(&current)) {
                Cow::Borrowed(_) => return false,
                Cow::Owned(decoded) => decoded,
            };
            current = Cow::Owned(decoded);
            if self.finds_plain(&current) {
                return true;
            }
        }
        false
    }

    fn finds_plain(&self, value: &[u8]) -> bool {
        let holds = |text: &[u8], part: &[u8]| memmem::find(text, part).is_some();
        if self.secrets.iter().any(|secret| holds(value, secret.expose())) {
            return true;
        }
        let url_safe = value.iter().any(|byte| b"-_".contains(byte));
        let standard =
            Zeroizing::new(if url_safe { value.iter().map(to_standard_alphabet).collect() } else { Vec::new() });
        let text = if url_safe { &standard } else { value };
        self.encoded.iter().any(|core| holds(text, core))
    }
}

/// The base64 characters that depend on the secret alone where so many bytes, modulo three, come before it.
fn base64_core(secret: &[u8], offset: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(offset + secret.len()));
    text.resize(offset, 0);
    text.extend_from_slice(secret);
    let mut encoded = Zeroizing::new(vec![0; base64::encoded_len(text.len(), false)?]);
    STANDARD_NO_PAD.encode_slice(&*text, &mut encoded).ok()?;
    // Characters of six bits: the first whole one behind the offset, and the last whole one.
    let core = encoded.get((offset * 8).div_ceil(6)..text.len() * 8 / 6)?;
    (!core.is_empty()).then(|| Zeroizing::new(core.to_vec()))
}

fn to_standard_alphabet(byte: &u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
    use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

    use super::*;

    const SECRET: &[u8] = b"s3 cr/t+\xfb\xff?";

    fn redactor(secret: &[u8]) -> Redactor {
        let mut redactor = Redactor::default();
        redactor.add(Secret::new(secret.to_vec()));
        redactor
    }

    #[test]
    fn finds_it_raw_and_percent_encoded() {
        let redactor = redactor(SECRET);
        let encoded = percent_encode(SECRET, NON_ALPHANUMERIC).to_string();
        let lower = encoded.replace("%2F", "%2f").replace("%FB", "%fB");
        let doubled = encoded.replace('%', "%25");
        for text in
            [encoded.clone(), lower, doubled, encoded.replace("%20", "+"), format!("https://a/?k={encoded}&l=%zz")]
        {
            assert!(redactor.finds(text.as_bytes()), "{text}");
        }
        assert!(redactor.finds(&[b"before ", SECRET, b" after"].concat()));
        assert!(!redactor.finds(b"nothing of the kind"));
    }

    #[test]
    fn finds_it_in_base64_wherever_it_starts_and_ends() {
        let redactor = redactor(SECRET);
        for before in 0..4 {
            for after in 0..4 {
                let text = [&b"\xa5\x5a\xff\x00"[..before], SECRET, &b"\xff\x00\xa5\x5a"[..after]].concat();
                for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
                    let encoded = engine.encode(&text);
                    assert!(redactor.finds(format!("Basic {encoded}").as_bytes()), "{encoded}");
                    let query = format!("?k={}", percent_encode(encoded.as_bytes(), NON_ALPHANUMERIC));
                    assert!(redactor.finds(query.as_bytes()), "{query}");
                }
            }
        }
    }

    #[test]
    fn short_and_empty_secrets() {
        assert!(!redactor(b"").finds(b"anything") && !redactor(b"").finds(b""));
        assert!(redactor(b"q").finds(b"a q b"));
        assert!(!redactor(b"abcd").finds(b"abc"));
    }
}
