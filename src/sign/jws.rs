//! JSON Web Signatures in their compact form (RFC 7515 section 7.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::key::SigningKey;
use crate::error::Error;
use crate::secret::Secret;

/// Header, payload and signature in one text. Whoever has it can present it, so it is as secret as a token.
pub fn compact(key: &SigningKey, header: &[u8], payload: &[u8]) -> Result<Secret, Error> {
    let mut signed = Zeroizing::new(Vec::with_capacity(length(header) + ".".len() + length(payload)));
    append(&mut signed, header);
    signed.push(b'.');
    append(&mut signed, payload);
    let signature = key.sign(&signed)?;
    let whole = signed.len() + ".".len() + length(signature.expose());
    let mut text = Zeroizing::new(Vec::with_capacity(whole));
    text.extend_from_slice(&signed);
    text.push(b'.');
    append(&mut text, signature.expose());
    Ok(Secret::from(text))
}

/// These bytes in base64url, without padding.
pub fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn length(bytes: &[u8]) -> usize {
    base64::encoded_len(bytes.len(), false).unwrap_or(usize::MAX)
}

/// The buffer has room for it and does not move.
fn append(text: &mut Vec<u8>, bytes: &[u8]) {
    let start = text.len();
    text.resize(start + length(bytes), 0);
    if let Some(place) = text.get_mut(start..) {
        // It has exactly the length that this needs.
        let _ = URL_SAFE_NO_PAD.encode_slice(bytes, place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::SigningAlgorithm;

    fn key(name: &str, algorithm: SigningAlgorithm) -> SigningKey {
        let file = format!("{}/tests/vectors/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
        SigningKey::read(&Secret::new(std::fs::read(file).expect("a file")), algorithm).expect("a key")
    }

    /// RFC 7515 appendix A.2.1.
    const PAYLOAD: &[u8] = b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

    #[test]
    fn rs256_is_that_of_the_rfc() {
        let expected = "eyJhbGciOiJSUzI1NiJ9\
            .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
            .cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU\
            Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d\
            O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig\
            cN_IoypGlUPQGe77Rw";
        for form in ["rsa-pkcs1", "rsa-pkcs8"] {
            let signed = compact(&key(form, SigningAlgorithm::Rs256), br#"{"alg":"RS256"}"#, PAYLOAD).expect("signs");
            assert_eq!(std::str::from_utf8(signed.expose()), Ok(expected), "{form}");
        }
    }

    #[test]
    fn es256_has_both_numbers_in_full() {
        let key = key("p256-pkcs8", SigningAlgorithm::Es256);
        // A number has a leading zero byte in every 256th signature; DER would leave it out.
        for _ in 0..600 {
            assert_eq!(key.sign(PAYLOAD).expect("signs").expose().len(), 64);
        }
    }
}
