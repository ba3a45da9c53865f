//! A configuration: read or refused. Nothing that it names is opened here.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secure_outbound::error::Code;
use secure_outbound::net::Proxy;
use secure_outbound::policy::InternalHosts;
use secure_outbound::spec::Configuration;

fuzz_target!(|document: &[u8]| {
    match Configuration::parse(document) {
        Ok(configuration) => {
            for error in [
                InternalHosts::from_specs(&configuration.internal_hosts).err(),
                configuration.proxy.as_ref().and_then(|proxy| Proxy::from_spec(proxy).err()),
            ]
            .into_iter()
            .flatten()
            {
                assert_eq!(error.code, Code::ConfigurationInvalid);
            }
            assert!(!format!("{configuration:?}").contains("canary"), "Debug shows a key or a password");
        }
        Err(error) => assert_eq!(error.code, Code::ConfigurationInvalid),
    }
});
