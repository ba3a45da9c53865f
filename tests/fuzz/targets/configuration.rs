//! A configuration: read or refused. Nothing that it names is opened here.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secure_outbound::document::Configuration;
use secure_outbound::error::Code;
use secure_outbound::net::Proxy;
use secure_outbound::policy::InternalHosts;
use serde_json::Value;

/// The values of the keys that hold secrets, if they are so long that they are in no other place by chance.
fn secrets(document: &[u8]) -> Vec<String> {
    let value: Value = serde_json::from_slice(document).unwrap_or_default();
    let keys = value["master_keys"].as_array().into_iter().flatten();
    let material = keys.flat_map(|key| [&key["encryption_key"], &key["key_base64"]]);
    let texts = material.chain([&value["proxy"]["url"]]).filter_map(Value::as_str);
    let all = value.to_string();
    texts.filter(|text| text.len() >= 16 && all.matches(text).count() == 1).map(str::to_owned).collect()
}

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
            let shown = format!("{configuration:?}");
            for secret in secrets(document) {
                assert!(!shown.contains(&secret), "Debug shows a key or a password");
            }
        }
        Err(error) => assert_eq!(error.code, Code::ConfigurationInvalid),
    }
});
