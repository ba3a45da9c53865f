//! What tests of several rooms need.

#![allow(dead_code, reason = "each test uses its own part")]

pub mod alone;
pub mod client;
pub mod clock;
pub mod coding;
pub mod dns;
pub mod h2;
pub mod hpack;
pub mod jwt;
pub mod library;
pub mod memory;
pub mod namespace;
pub mod nginx;
pub mod oauth;
pub mod openssl;
pub mod peak;
pub mod server;
pub mod silent;
pub mod sockets;
pub mod tinyproxy;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Nonce, Payload};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::XChaCha20Poly1305;
use secure_outbound::envelope::MasterKey;
use secure_outbound::envelope::aead::Algorithm;
use secure_outbound::secret::Secret;

/// Seals as nr-vault does, with the same data key and nonces every time.
pub fn seal(plaintext: &[u8], identifier: &str, master_key: &[u8; 32], algorithm: Algorithm) -> String {
    let data_key = [2; 32];
    let (key_nonce, value_nonce) = (vec![3; algorithm.nonce_len()], vec![4; algorithm.nonce_len()]);
    let document = serde_json::json!({
        "encrypted_value": STANDARD.encode(seal_layer(plaintext, identifier, &data_key, &value_nonce, algorithm)),
        "encrypted_dek": STANDARD.encode(seal_layer(&data_key, identifier, master_key, &key_nonce, algorithm)),
        "dek_nonce": STANDARD.encode(key_nonce),
        "value_nonce": STANDARD.encode(value_nonce),
        "encryption_version": 2,
        "encryption_algorithm": algorithm.name(),
    });
    format!("nrv1:{}", STANDARD.encode(document.to_string().replace('/', "\\/")))
}

/// The master key of these bytes.
pub fn master_key(bytes: &[u8]) -> MasterKey {
    MasterKey::new(Secret::new(bytes.to_vec())).expect("32 bytes")
}

/// The bytes of this base64.
pub fn base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base64")
}

fn seal_layer(plaintext: &[u8], identifier: &str, key: &[u8; 32], nonce: &[u8], algorithm: Algorithm) -> Vec<u8> {
    fn encrypt<A: Aead + KeyInit>(key: &[u8], nonce: &[u8], payload: Payload<'_, '_>) -> Vec<u8> {
        let nonce = Nonce::<A>::try_from(nonce).expect("a nonce's length");
        A::new_from_slice(key).expect("a key's length").encrypt(&nonce, payload).expect("short enough")
    }
    let payload = Payload { msg: plaintext, aad: identifier.as_bytes() };
    match algorithm {
        Algorithm::XChaCha20Poly1305 => encrypt::<XChaCha20Poly1305>(key, nonce, payload),
        Algorithm::Aes256Gcm => encrypt::<Aes256Gcm>(key, nonce, payload),
    }
}

/// These bytes in base64.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
