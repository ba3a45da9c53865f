//! A request document is read or refused, and no error repeats its values.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secure_outbound::document::Request;
use secure_outbound::error::Code;
use secure_outbound::policy::{Ceiling, Context, InternalHosts, ServiceRules, decide};

fuzz_target!(|document: &[u8]| {
    match Request::parse(document) {
        Ok(request) => {
            let internal_hosts = InternalHosts::default();
            let context = Context {
                internal_hosts: &internal_hosts,
                request_bytes: 1 << 20,
                filled_headers: &[],
                signs_for_aws: false,
            };
            if let Err(error) =
                decide(&request.call, &ServiceRules::of(&request.service, &Ceiling::default()), 0, &context)
            {
                assert!(["invalid_request", "policy"].contains(&error.code.class()), "{error:?}");
            }
            assert!(!format!("{request:?}").contains("canary"), "Debug shows a value");
        }
        Err(error) => {
            assert_eq!(error.code, Code::Malformed);
            // A message may name a key of the document and list the valid keys, and never repeats a value.
            assert!(error.message.len() < 1000 + document.len());
        }
    }
});
