//! Base64 as PHP's `base64_decode($text, true)` reads it, because PHP wrote what is read here.

use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

const ENGINE: GeneralPurpose = engine(&STANDARD);
const URL_SAFE_ENGINE: GeneralPurpose = engine(&URL_SAFE);

/// Padding is judged here and not by the engine: PHP takes none or all of it. It ignores left-over bits as well.
const fn engine(alphabet: &Alphabet) -> GeneralPurpose {
    GeneralPurpose::new(
        alphabet,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::RequireNone)
            .with_decode_allow_trailing_bits(true),
    )
}

/// Decodes; the text may be key material, so every buffer is wiped and none grows.
pub(crate) fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // All of the text is looked at, several bytes at once, which is quicker than ending at the first.
    if !text.iter().fold(false, |found, byte| found | is_space(*byte)) {
        return decode_symbols(text, &ENGINE);
    }
    let mut symbols = Zeroizing::new(Vec::with_capacity(text.len()));
    symbols.extend(text.iter().filter(|byte| !is_space(**byte)));
    decode_symbols(&symbols, &ENGINE)
}

/// The same where no space is ignored.
pub(crate) fn decode_exactly(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    decode_symbols(text, &ENGINE)
}

/// The same with the alphabet of URLs.
pub(crate) fn decode_url_exactly(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    decode_symbols(text, &URL_SAFE_ENGINE)
}

fn is_space(byte: u8) -> bool {
    (byte == b' ') | (byte == b'\t') | (byte == b'\r') | (byte == b'\n')
}

fn decode_symbols(symbols: &[u8], engine: &GeneralPurpose) -> Option<Zeroizing<Vec<u8>>> {
    let data = symbols.iter().rposition(|&byte| byte != b'=').map_or(0, |last| last + 1);
    let padding = symbols.len() - data;
    if padding > 0 && (padding > 2 || !symbols.len().is_multiple_of(4)) {
        return None;
    }
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(data)]);
    let len = engine.decode_slice(symbols.get(..data)?, &mut bytes).ok()?;
    bytes.truncate(len);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::decode;

    /// What PHP 8.2 returns.
    #[test]
    fn agrees_with_php() {
        let cases: [(&str, Option<&[u8]>); 19] = [
            ("", Some(b"")),
            (" \t\r\n", Some(b"")),
            ("QQ", Some(b"A")),
            ("QQ==", Some(b"A")),
            ("QQ= =", Some(b"A")),
            ("QQ==\n", Some(b"A")),
            ("QR", Some(b"A")),
            ("QUI", Some(b"AB")),
            ("QUI=", Some(b"AB")),
            ("QUJ D", Some(b"ABC")),
            ("QQ=", None),
            ("QQ==Q", None),
            ("Q", None),
            ("=", None),
            ("====", None),
            ("QUI==", None),
            ("QUJD=", None),
            ("\u{b}QQ==", None),
            ("_-8=", None),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(text.as_bytes()).as_deref().map(Vec::as_slice), expected, "{text:?}");
        }
    }
}
