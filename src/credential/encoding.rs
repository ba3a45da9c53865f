//! Bytes as text, and back: keys and signatures that no text holds as they are.

use ::base64::Engine;
use ::base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::envelope::base64;
use crate::secret::Secret;
use crate::secret::json::Invalid;

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Lower-case digits of base 16.
    Hex,
    /// RFC 4648 section 4, with padding.
    Base64,
    /// RFC 4648 section 5, with padding.
    Base64Url,
    /// The same without.
    Base64UrlUnpadded,
}

impl Encoding {
    /// The encoding of this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "hex" => Some(Self::Hex),
            "base64" => Some(Self::Base64),
            "base64url" => Some(Self::Base64Url),
            "base64url_unpadded" => Some(Self::Base64UrlUnpadded),
            _ => None,
        }
    }

    /// The text of these bytes.
    pub(super) fn encode(self, bytes: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Hex => hex(bytes).into_bytes(),
            Self::Base64 => STANDARD.encode(bytes).into_bytes(),
            Self::Base64Url => URL_SAFE.encode(bytes).into_bytes(),
            Self::Base64UrlUnpadded => URL_SAFE_NO_PAD.encode(bytes).into_bytes(),
        })
    }
}

/// Digits of base 16, in lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).flatten().collect()
}

/// How a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyText {
    /// Its bytes are those of the text.
    Text,
    /// Digits of base 16, of either case.
    Hex,
    /// RFC 4648 section 4.
    Base64,
    /// RFC 4648 section 5.
    Base64Url,
}

impl KeyText {
    /// The form of this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "hex" => Some(Self::Hex),
            "base64" => Some(Self::Base64),
            "base64url" => Some(Self::Base64Url),
            _ => None,
        }
    }

    /// The bytes that a text stands for. No copy of them is left behind.
    pub(super) fn decode(self, text: Secret) -> Result<Secret, Invalid> {
        match self {
            Self::Text => Ok(text),
            Self::Hex => from_hex(text.expose()),
            Self::Base64 => base64::decode_exactly(text.expose()).map(Secret::from).ok_or(Invalid),
            Self::Base64Url => base64::decode_url_exactly(text.expose()).map(Secret::from).ok_or(Invalid),
        }
    }
}

fn from_hex(digits: &[u8]) -> Result<Secret, Invalid> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).ok_or(Invalid);
    let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len() / 2));
    for pair in digits.chunks(2) {
        let [high, low] = pair else { return Err(Invalid) };
        bytes.push(value(*high)? << 4 | value(*low)?);
    }
    Ok(Secret::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(form: KeyText, text: &str) -> Option<Vec<u8>> {
        form.decode(Secret::new(text.into())).ok().map(|key| key.expose().to_vec())
    }

    #[test]
    fn texts_of_bytes() {
        let bytes = [0xfb, 0xff, 0x0a, 0x00];
        for (encoding, expected) in [
            (Encoding::Hex, "fbff0a00"),
            (Encoding::Base64, "+/8KAA=="),
            (Encoding::Base64Url, "-_8KAA=="),
            (Encoding::Base64UrlUnpadded, "-_8KAA"),
        ] {
            assert_eq!(*encoding.encode(&bytes), expected.as_bytes());
        }
    }

    #[test]
    fn keys_in_each_form() {
        let key = Some(vec![0xfb, 0xff, 0x0a, 0x00]);
        for (form, texts) in [
            (KeyText::Hex, ["fbff0a00", "FBff0A00"]),
            (KeyText::Base64, ["+/8KAA==", "+/8KAA"]),
            (KeyText::Base64Url, ["-_8KAA==", "-_8KAB"]),
        ] {
            for text in texts {
                assert_eq!(decoded(form, text), key, "{text}");
            }
        }
        assert_eq!(decoded(KeyText::Text, "+/8KAA=="), Some(b"+/8KAA==".to_vec()));
    }

    #[test]
    fn what_is_none_is_refused() {
        for (form, text) in [
            (KeyText::Hex, "abc"),
            (KeyText::Hex, "0x"),
            (KeyText::Hex, "+1"),
            (KeyText::Base64, "-_8KAA=="),
            (KeyText::Base64, "+/8KAA="),
            (KeyText::Base64, "+/8KA"),
            (KeyText::Base64, "+/8KAA==\n"),
            (KeyText::Base64, "+/8K===="),
            (KeyText::Base64Url, "+/8KAA=="),
        ] {
            assert_eq!(decoded(form, text), None, "{text}");
        }
    }
}
