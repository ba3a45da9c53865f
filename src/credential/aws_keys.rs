//! Keys of AWS: an identifier, a secret, and with temporary ones a session token.

use std::str;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::payload::of_bytes;
use crate::secret::Secret;
use crate::secret::json::{Invalid, text};

/// Bytes of a secret key at least. Those of AWS have 40, those of other stores fewer.
const SHORTEST_KEY: usize = 8;

/// What signs.
pub struct AwsKeys {
    pub(super) id: String,
    pub(super) secret: Secret,
    pub(super) session_token: Option<Secret>,
}

impl AwsKeys {
    /// Reads those of a payload.
    pub(super) fn sealed(
        id: Option<&RawValue>,
        secret: Option<&RawValue>,
        session_token: Option<&RawValue>,
    ) -> Result<Self, Invalid> {
        Self {
            id: of_bytes(id, is_in_id)?,
            secret: text(secret.ok_or(Invalid)?)?,
            session_token: session_token.map(text).transpose()?,
        }
        .checked()
    }

    /// Makes one secret of temporary keys, as they are kept: three lines. None where one of them is no such key.
    pub fn joined(id: &str, secret: &str, session_token: &str) -> Option<Secret> {
        let lines = [id, secret, session_token];
        // It never grows, so no copy is left behind.
        let mut joined = Zeroizing::new(Vec::with_capacity(lines.iter().map(|line| line.len() + 1).sum()));
        for line in lines {
            joined.extend_from_slice(line.as_bytes());
            joined.push(b'\n');
        }
        joined.pop();
        Self::split(&joined).map(|_| Secret::from(joined))
    }

    /// What [`joined`](Self::joined) has made one of.
    pub(super) fn split(joined: &[u8]) -> Option<Self> {
        let mut lines = str::from_utf8(joined).ok()?.split('\n');
        let [Some(id), Some(secret), Some(token), None] = [lines.next(), lines.next(), lines.next(), lines.next()]
        else {
            return None;
        };
        let is_graphic = secret.bytes().all(|byte| byte.is_ascii_graphic());
        if id.is_empty() || !id.bytes().all(is_in_id) || !is_graphic {
            return None;
        }
        let of = |text: &str| Secret::new(text.as_bytes().to_vec());
        Self { id: id.to_owned(), secret: of(secret), session_token: Some(of(token)) }.checked().ok()
    }

    /// What has to be found in a response, beside this signature.
    pub(super) fn secrets(&self, signature: String) -> Vec<Secret> {
        let token = self.session_token.as_ref().map(|token| Secret::new(token.expose().to_vec()));
        [Secret::new(signature.into_bytes())].into_iter().chain(token).collect()
    }

    fn checked(self) -> Result<Self, Invalid> {
        let is_token = |token: &Secret| !token.expose().is_empty() && token.expose().iter().all(u8::is_ascii_graphic);
        let is_sound = self.secret.expose().len() >= SHORTEST_KEY && self.session_token.as_ref().is_none_or(is_token);
        if is_sound { Ok(self) } else { Err(Invalid) }
    }
}

/// Whether identifiers of keys have this byte. The others end one where it is sent.
fn is_in_id(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"/,=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_joined_is_split_again() {
        let joined = AwsKeys::joined("ASIAEXAMPLE", "wJalrXUtnFEMI/K7", "AQoD//+=").expect("keys");
        let keys = AwsKeys::split(joined.expose()).expect("keys");
        assert_eq!((keys.id.as_str(), keys.secret.expose()), ("ASIAEXAMPLE", &b"wJalrXUtnFEMI/K7"[..]));
        assert_eq!(keys.session_token.expect("a token").expose(), b"AQoD//+=");
        for [id, secret, token] in [
            ["", "wJalrXUtnFEMI/K7", "AQoD"],
            ["A/B", "wJalrXUtnFEMI/K7", "AQoD"],
            ["ASIA", "1234567", "AQoD"],
            ["ASIA", "wJalrXUt nFEMI", "AQoD"],
            ["ASIA", "wJalrXUt\nFEMI", "AQoD"],
            ["ASIA", "wJalrXUtnFEMI/K7", ""],
            ["ASIA", "wJalrXUtnFEMI/K7", "a\u{e4}"],
            ["ASIA", "wJalrXUtnFEMI/K7", "AQoD\n"],
        ] {
            assert!(AwsKeys::joined(id, secret, token).is_none(), "{id} {secret} {token}");
        }
        assert!(AwsKeys::split(b"a token of another kind").is_none());
    }
}
