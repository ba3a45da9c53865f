//! JSON Web Tokens as their receiver reads them, and OpenSSL, which verifies them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn keys() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/keys")
}

/// A private key of the vectors.
pub fn key(name: &str) -> String {
    fs::read_to_string(keys().join(format!("{name}.pem"))).expect("a key")
}

/// Header, claims, what was signed, and the signature.
pub fn read_jwt(text: &str) -> (Value, Value, String, Vec<u8>) {
    let parts: Vec<&str> = text.split('.').collect();
    let bytes = |part: &str| super::base64(&padded(&part.replace('-', "+").replace('_', "/")));
    let read = |part: &str| serde_json::from_slice(&bytes(part)).expect("JSON");
    (read(parts[0]), read(parts[1]), format!("{}.{}", parts[0], parts[1]), bytes(parts[2]))
}

fn padded(digits: &str) -> String {
    format!("{digits}{}", "=".repeat(digits.len().wrapping_neg() % 4))
}

/// Whether OpenSSL verifies it. Of P-256 it reads the two numbers in DER.
pub fn verifies(directory: &Path, name: &str, signed: &str, signature: &[u8]) -> bool {
    verifies_with(directory, name, &[], signed, signature)
}

/// The same with options of its own.
pub fn verifies_with(directory: &Path, name: &str, options: &[&str], signed: &str, signature: &[u8]) -> bool {
    let number = |bytes: &[u8]| {
        let digits = bytes.iter().position(|byte| *byte != 0).map_or(&[0][..], |start| &bytes[start..]);
        let sign: &[u8] = if digits[0] >= 0x80 { &[0] } else { &[] };
        [&[2, (sign.len() + digits.len()) as u8][..], sign, digits].concat()
    };
    let signature = if name == "p256" {
        let numbers = [number(&signature[..32]), number(&signature[32..])].concat();
        [&[0x30, numbers.len() as u8][..], &numbers].concat()
    } else {
        signature.to_vec()
    };
    fs::write(directory.join("signed"), signed).expect("a file");
    fs::write(directory.join("signature"), signature).expect("a file");
    let public = keys().join(format!("{name}-public.pem"));
    let verify = Command::new("openssl")
        .args(["dgst", "-sha256", "-verify", public.to_str().expect("text")])
        .args(options)
        .args(["-signature", "signature", "signed"])
        .current_dir(directory)
        .output();
    verify.expect("openssl, which Debian has").status.success()
}
