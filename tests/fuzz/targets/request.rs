//! A request document: read or refused, without an echo of what it holds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secure_outbound::document::Request;
use secure_outbound::error::Code;
use secure_outbound::policy::{Context, InternalHosts, ServiceRules, decide};

fuzz_target!(|document: &[u8]| {
    match Request::parse(document) {
        Ok(request) => {
            let internal_hosts = InternalHosts::default();
            let context = Context {
                internal_hosts: &internal_hosts,
               
                request_bytes: 1 << 20,
                filled_headers: &[],
            };
            if let Err(error) = decide(&request.call, &ServiceRules::of(&request.service, None), 0, &context) {
                assert!(["invalid_request", "policy"].contains(&error.code.class()), "{error:?}");
            }
            assert!(!format!("{request:?}").contains("canary"), "Debug shows a value");
        }
        Err(error) => {
            assert_eq!(error.code, Code::Malformed);
            // A key may be named, and a key is the caller's own, with the names that there are; a value never is.
            assert!(error.message.len() < 1000 + document.len());
        }
    }
});
