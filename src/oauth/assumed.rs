//! STS's `AssumeRole`, version 2011-06-15: a form that a key of AWS signs, and a response that has temporary keys.
//!
//! The response is XML, which every such server gives. JSON would be asked for by `Accept`, which AWS's reference of STS does not promise.

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use jiff::Timestamp;

use super::exchanged::until;
use super::request::{Written, encoded, post};
use super::response::{Granted, failed, invalid, unreachable};
use super::xml::{NoXml, texts};
use crate::credential::{AssumeRole, AwsKeys};
use crate::error::{Code, Error};

/// What a response may be refused with that says what to do. Whatever else it says is not repeated.
const ERRORS: [&str; 11] = [
    "AccessDenied",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidParameterValue",
    "MissingParameter",
    "PackedPolicyTooLarge",
    "RegionDisabledException",
    "SignatureDoesNotMatch",
    "ValidationError",
];

/// When the keys are over, in a response.
const EXPIRATION: &str = "Expiration";

/// Refusals that pass.
const PASSING: [&str; 3] = ["Throttling", "ThrottlingException", "RequestLimitExceeded"];

/// The request, signed in that moment, in Unix seconds.
pub fn request(assumes: &AssumeRole, uri: &Uri, user_agent: &HeaderValue, now: u64) -> Result<Request<Bytes>, Error> {
    let role = &assumes.role;
    let seconds = role.lifetime.as_secs().to_string();
    let mut fields: Vec<(&str, &[u8])> = vec![
        ("Action", b"AssumeRole"),
        ("Version", b"2011-06-15"),
        ("RoleArn", role.arn.as_bytes()),
        ("RoleSessionName", role.session_name.as_bytes()),
        ("DurationSeconds", seconds.as_bytes()),
    ];
    fields.extend(role.external_id.as_deref().map(|id| ("ExternalId", id.as_bytes())));
    let body = Bytes::from_owner(encoded(&fields));
    let mut request = post(uri, user_agent, Written::UrlEncoded, body.clone());
    request.headers_mut().remove(ACCEPT);
    let time = i64::try_from(now).ok().and_then(|now| Timestamp::from_second(now).ok()).unwrap_or_else(Timestamp::now);
    let signed = assumes.sign(uri, request.headers(), &body, time)?;
    request.headers_mut().extend(signed.headers);
    Ok(request)
}

/// What a response grants: keys as one secret.
pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Granted, Error> {
    if status != StatusCode::OK {
        return Err(failed(status, || rejected(body)));
    }
    let keys = |name| ["AssumeRoleResponse", "AssumeRoleResult", "Credentials", name];
    let paths = ["AccessKeyId", "SecretAccessKey", "SessionToken", EXPIRATION].map(keys);
    let found = texts(body, paths.each_ref().map(<[&str; 4]>::as_slice));
    let [Some(id), Some(secret), Some(session_token), Some(end)] =
        found.map_err(|NoXml| invalid("it is not the XML of STS"))?
    else {
        return Err(invalid("it has not all of AccessKeyId, SecretAccessKey, SessionToken and Expiration"));
    };
    let token = AwsKeys::joined(id, secret, session_token)
        .ok_or_else(|| invalid("its AccessKeyId, SecretAccessKey or SessionToken cannot be one"))?;
    Ok(Granted { token, lifetime: until(end, EXPIRATION, headers)?, refresh: None })
}

fn rejected(body: &[u8]) -> Error {
    let said = texts(body, [&["ErrorResponse", "Error", "Code"]]).ok().and_then(|[code]| code);
    if said.is_some_and(|said| PASSING.contains(&said)) {
        return unreachable("it takes no more requests for now");
    }
    let known = said.and_then(|said| ERRORS.into_iter().find(|known| *known == said));
    let code = known.map(|known| format!(": {known}")).unwrap_or_default();
    Error::new(Code::TokenEndpointRejected, format!("STS refused to let the role be assumed{code}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::header::DATE;

    use super::*;

    const KEYS: &str = "<AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>wJalrXUtnFEMI/K7</SecretAccessKey>\
        <SessionToken>AQoD//+=</SessionToken><Expiration>2026-11-21T23:20:48Z</Expiration>";

    /// What a response with these credentials is read as.
    fn granted(credentials: &str) -> Result<Granted, Error> {
        let headers = HeaderMap::from_iter([(DATE, HeaderValue::from_static("Sat, 21 Nov 2026 22:20:48 GMT"))]);
        let body = format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n<AssumeRoleResult>\n\
             <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/a/b&amp;</Arn></AssumedRoleUser>\
             <Credentials>{credentials}</Credentials>\n</AssumeRoleResult></AssumeRoleResponse>\n"
        );
        read(StatusCode::OK, &headers, body.as_bytes())
    }

    #[test]
    fn keys_live_until_their_end_by_the_clock_of_sts() {
        let granted = granted(KEYS).expect("keys");
        assert_eq!(granted.token.expose(), b"ASIAEXAMPLE\nwJalrXUtnFEMI/K7\nAQoD//+=");
        assert_eq!(granted.lifetime, Duration::from_secs(3600));
    }

    #[test]
    fn what_is_no_such_response_is_refused() {
        for (from, to, why) in [
            ("AccessKeyId", "KeyId", "it has not all"),
            ("<SessionToken>AQoD//+=</SessionToken>", "", "it has not all"),
            ("AQoD//+=", "", "cannot be one"),
            ("wJalrXUtnFEMI/K7", "1234567", "cannot be one"),
            ("ASIAEXAMPLE", "ASIA/", "cannot be one"),
            ("//+=", "&#47;", "not the XML"),
            ("</Expiration>", "</Expiration><AccessKeyId>b</AccessKeyId>", "not the XML"),
            ("<Expiration>", "<!-- -->", "not the XML"),
            ("2026-11-21T23:20:48Z", "soon", "Expiration is not a time"),
            ("2026-11-21T23", "2026-11-21T22", "expired already"),
        ] {
            let error = granted(&KEYS.replace(from, to)).err().unwrap_or_else(|| panic!("{from}"));
            assert_eq!(error.code, Code::TokenResponseInvalid, "{from}");
            assert!(error.message.contains(why), "{from}: {}", error.message);
            assert!(!error.message.contains("wJal"), "{}", error.message);
        }
    }

    #[test]
    fn a_refusal_is_named_where_its_name_says_what_to_do() {
        let refused = |status: u16, code: &str| {
            let body = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>s3cr3t</Message></Error></ErrorResponse>"
            );
            let read = read(StatusCode::from_u16(status).expect("a status"), &HeaderMap::new(), body.as_bytes());
            let error = read.err().expect("no keys");
            assert!(!error.message.contains("s3cr3t"));
            (error.code, error.message.ends_with(&format!(": {code}")))
        };
        assert_eq!(refused(403, "AccessDenied"), (Code::TokenEndpointRejected, true));
        assert_eq!(refused(400, "ValidationError"), (Code::TokenEndpointRejected, true));
        assert_eq!(refused(400, "S3cr3t"), (Code::TokenEndpointRejected, false));
        assert_eq!(refused(400, "Throttling").0, Code::TokenEndpointUnreachable);
        assert_eq!(refused(503, "AccessDenied").0, Code::TokenEndpointUnreachable);
        assert_eq!(refused(302, "AccessDenied").0, Code::TokenResponseInvalid);
        assert_eq!(refused(201, "AccessDenied").0, Code::TokenResponseInvalid);
    }
}
