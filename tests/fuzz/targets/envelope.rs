//! An envelope is opened, or refused with one of its codes. With its form in the cache of forms, it is never opened under another
//! identifier or with another key.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secure_outbound::envelope::{Forms, MasterKey};
use secure_outbound::error::Code;
use secure_outbound::secret::Secret;

const IDENTIFIER: &str = "01937b6e-4b6c-7abc-8def-0123456789ab";

fuzz_target!(|sealed: &[u8]| {
    let key = |byte| MasterKey::new(Secret::new(vec![byte; 32])).expect("32 bytes");
    let forms = Forms::default();
    match forms.open(sealed, IDENTIFIER, &[key(1)]) {
        Ok(_) => {
            assert!(forms.open(sealed, "another", &[key(1)]).is_err(), "the identifier is authenticated");
            assert!(forms.open(sealed, IDENTIFIER, &[key(2)]).is_err(), "the key matters");
            assert!(forms.open(sealed, IDENTIFIER, &[key(2), key(1)]).is_ok(), "keys are tried in turn");
        }
        Err(error) => assert!(
            [Code::CredentialMalformed, Code::CredentialUnsupported, Code::AuthenticationFailed].contains(&error.code),
            "{error:?}"
        ),
    }
});
