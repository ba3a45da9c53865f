//! Private keys in the textual form of RFC 7468.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::error::{Code, Error};
use crate::secret::Secret;

/// How a key is written inside its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyForm {
    /// RFC 5958, of any kind of key.
    Pkcs8,
    /// RFC 8017, of RSA.
    Pkcs1,
    /// RFC 5915, of a curve.
    Sec1,
}

/// The blocks that are keys, by their labels.
const FORMS: [(&str, KeyForm); 3] =
    [("PRIVATE KEY", KeyForm::Pkcs8), ("RSA PRIVATE KEY", KeyForm::Pkcs1), ("EC PRIVATE KEY", KeyForm::Sec1)];

/// Other blocks that are taken for such a key by mistake. A message names no other label: it would quote what is sealed.
const MISTAKEN: [&str; 6] =
    ["CERTIFICATE", "PUBLIC KEY", "RSA PUBLIC KEY", "EC PARAMETERS", "DSA PRIVATE KEY", "OPENSSH PRIVATE KEY"];

/// The one key that the text holds, as DER.
pub(super) fn decode(text: &Secret) -> Result<(KeyForm, Secret), Error> {
    let block = || {
        let text = std::str::from_utf8(text.expose()).ok()?.trim_ascii();
        let (label, rest) = text.strip_prefix("-----BEGIN ")?.split_once("-----")?;
        let body = rest.strip_suffix("-----")?.strip_suffix(label)?.strip_suffix("-----END ")?;
        Some((label, body))
    };
    let (label, body) = block().ok_or_else(|| unusable("it is not one block of PEM, from BEGIN to END"))?;
    if label == "ENCRYPTED PRIVATE KEY" || body.contains("ENCRYPTED") {
        return Err(unusable("it is encrypted: decrypt it before it is sealed"));
    }
    let Some((_, form)) = FORMS.into_iter().find(|(known, _)| *known == label) else {
        let named = MISTAKEN.into_iter().find(|known| *known == label).unwrap_or("a label that is not known");
        let labels = FORMS.map(|(label, _)| label).join(", ");
        return Err(unusable(format!("its block is {named}, and not one of {labels}")));
    };
    Ok((form, bytes(body).ok_or_else(|| unusable("its block holds no base64"))?))
}

/// Neither buffer grows, so no copy is left behind.
fn bytes(body: &str) -> Option<Secret> {
    let mut digits = Zeroizing::new(Vec::with_capacity(body.len()));
    digits.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    let mut der = Zeroizing::new(vec![0; base64::decoded_len_estimate(digits.len())]);
    let length = STANDARD.decode_slice(&*digits, &mut der).ok()?;
    der.truncate(length);
    Some(Secret::from(der))
}

/// A private key that cannot be used. Says nothing of what it holds.
pub(super) fn unusable(why: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Code::PayloadInvalid, why).about("the private key cannot be used")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(KeyForm, Vec<u8>), String> {
        decode(&Secret::new(text.as_bytes().to_vec()))
            .map(|(form, der)| (form, der.expose().to_vec()))
            .map_err(|error| error.message.into_owned())
    }

    #[test]
    fn one_block_of_a_known_form() {
        for (label, form) in FORMS {
            for text in [
                format!("-----BEGIN {label}-----\nAAEC\nAw==\n-----END {label}-----\n"),
                format!(" \r\n-----BEGIN {label}-----\r\nAAECAw==\r\n-----END {label}----- "),
                format!("-----BEGIN {label}-----AAECAw==-----END {label}-----"),
            ] {
                assert_eq!(read(&text), Ok((form, vec![0, 1, 2, 3])), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_such_block_is_named() {
        let block = |label: &str| format!("-----BEGIN {label}-----\nAAECAw==\n-----END {label}-----\n");
        let key = block("PRIVATE KEY");
        for (text, why) in [
            (String::new(), "not one block"),
            ("AAECAw==".to_owned(), "not one block"),
            (key.replace("END PRIVATE", "END RSA PRIVATE"), "not one block"),
            (key.replace("-----END", "----END"), "not one block"),
            (format!("{key}{key}"), "no base64"),
            (format!("key: 1\n{key}"), "not one block"),
            (key.replace("AAECAw==", "AAECAw"), "no base64"),
            (key.replace("AAECAw==", "AAE-Aw=="), "no base64"),
            (block("ENCRYPTED PRIVATE KEY"), "encrypted"),
            (block("RSA PRIVATE KEY").replace("AAE", "Proc-Type: 4,ENCRYPTED\n\nAAE"), "encrypted"),
            (block("CERTIFICATE"), "its block is CERTIFICATE,"),
            (block("OPENSSH PRIVATE KEY"), "its block is OPENSSH PRIVATE KEY,"),
            (block("s3cr3t"), "its block is a label that is not known, and not one of PRIVATE KEY, RSA"),
        ] {
            let message = read(&text).expect_err("refused");
            assert!(message.contains(why), "{text}: {message}");
            assert!(!message.contains("s3cr3t") && !message.contains("AAE"), "{message}");
        }
    }
}
