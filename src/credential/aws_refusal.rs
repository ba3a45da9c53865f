//! What a refusal of a service of AWS says of the keys that signed.

use http::HeaderMap;

use super::clock::names_any;

/// Names of refusals of temporary keys that are over or unknown, in lower case: those of S3, of the query protocol, and of JSON's.
const NAMES: [&str; 6] = [
    "expiredtoken",
    "invalidtoken",
    "invalidaccesskeyid",
    "invalidclienttokenid",
    "unrecognizedclientexception",
    "the security token included in the request is",
];

/// Whether a refusal, in its header or in the beginning of its body, is one of the keys. New ones may help then.
pub fn rejects_keys(headers: &HeaderMap, body: &[u8]) -> bool {
    names_any(&NAMES, headers, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_keys() {
        let none = HeaderMap::new();
        for body in [
            "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>",
            "<Error><Code>InvalidAccessKeyId</Code></Error>",
            "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code></Error></ErrorResponse>",
            r#"{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"…"}"#,
            r#"{"message":"The security token included in the request is expired"}"#,
        ] {
            assert!(rejects_keys(&none, body.as_bytes()), "{body}");
        }
        for body in
            ["", "<Code>SignatureDoesNotMatch</Code>", "<Code>AccessDenied</Code>", r#"{"error":"invalid_token"}"#]
        {
            assert!(!rejects_keys(&none, body.as_bytes()), "{body}");
        }
        let name = http::HeaderName::from_static("x-amzn-errortype");
        let headers = HeaderMap::from_iter([(name, http::HeaderValue::from_static("UnrecognizedClientException"))]);
        assert!(rejects_keys(&headers, b""));
    }
}
