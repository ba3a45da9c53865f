//! What a token endpoint's response means (RFC 6749 sections 5.1 and 5.2).

use std::str;
use std::time::Duration;

use http::StatusCode;
use serde_json::Number;
use serde_json::value::RawValue;

use crate::credential::ACCESS_TOKEN;
use crate::credential::clock::may_refuse;
use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::secret::json::{Invalid, for_each_member, text};

/// A token that does not say how long it lives. If that is too long, the API's 401 shortens it.
const UNSAID: Duration = Duration::from_secs(3600);

/// No token is held for longer, whatever it says.
pub(super) const LONGEST: Duration = Duration::from_secs(86_400);

/// The error codes of RFC 6749 section 5.2, and the one that RFC 8707 adds. Whatever else a response says is not repeated.
const ERRORS: [&str; 7] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
];

/// A token as it was granted.
pub struct Granted {
    /// The token, which can be sent in a header.
    pub token: Secret,
    /// How long it lives from when it was asked for.
    pub lifetime: Duration,
    /// The refresh token that replaces the one that was sent, where one was and another one came.
    pub refresh: Option<Secret>,
}

/// What a response is read for.
#[derive(Clone, Copy)]
pub struct ExpectedToken<'a> {
    /// The member that has the token.
    pub member: &'a str,
    /// What `token_type` may be beside `bearer` itself, empty where there may be none.
    pub bearer: Option<&'a str>,
    /// Whether a refresh token was sent, and is over with `invalid_grant`.
    pub refresh: bool,
}

/// Reads a response.
pub fn read(status: StatusCode, body: &[u8], wanted: ExpectedToken<'_>) -> Result<Granted, Error> {
    let members = Members::parse(body, wanted.member);
    let rejected = |error| rejected(error, wanted.refresh);
    match status.as_u16() {
        // Some servers create a token.
        200 | 201 => match members {
            // Some servers refuse with 200.
            Ok(members) if members.token.is_none() && members.error.is_some() => Err(rejected(members.error)),
            Ok(members) => members.granted(wanted),
            Err(Invalid) => Err(invalid("it is not a JSON object")),
        },
        _ => Err(failed(status, || rejected(members.ok().and_then(|members| members.error)))),
    }
}

/// What a status says that grants nothing, if it is no refusal.
pub(super) fn failed(status: StatusCode, refusal: impl FnOnce() -> Error) -> Error {
    match status.as_u16() {
        408 | 429 | 500.. => unreachable("it is overloaded or out of order"),
        400..500 => refusal(),
        300..400 => invalid("it redirects, which a token request does not follow"),
        _ => invalid("its status does not say that a token was granted"),
    }
}

/// Whether such a response refuses an assertion, as it may for its time: a grant's (RFC 7523 section 3.1) or a client's (3.2).
pub fn refuses_assertion(status: StatusCode, body: &[u8]) -> bool {
    let said =
        Members::parse(body, ACCESS_TOKEN).ok().and_then(|members| members.error.and_then(|error| text(error).ok()));
    let is_refused = |said: Secret| [&b"invalid_grant"[..], b"invalid_client"].contains(&said.expose());
    may_refuse(status) && said.is_some_and(is_refused)
}

/// The token endpoint gave no response that counts.
pub fn unreachable(why: &str) -> Error {
    Error::new(Code::TokenEndpointUnreachable, format!("the token endpoint cannot be used now: {why}"))
}

/// The token endpoint's response is no token response.
pub fn invalid(why: &str) -> Error {
    Error::new(Code::TokenResponseInvalid, format!("the token endpoint's response is not acceptable: {why}"))
}

fn rejected(error: Option<&RawValue>, refresh: bool) -> Error {
    let said = error.and_then(|error| text(error).ok());
    let known = said.and_then(|said| ERRORS.into_iter().find(|known| known.as_bytes() == said.expose()));
    if refresh && known == Some("invalid_grant") {
        return Error::new(Code::ConsentRequired, "the token endpoint refused the refresh token");
    }
    let code = known.map(|known| format!(": {known}")).unwrap_or_default();
    Error::new(Code::TokenEndpointRejected, format!("the token endpoint refused the client{code}"))
}

/// The members that count. They stay where they are until one is read.
#[derive(Default)]
struct Members<'a> {
    token: Option<&'a RawValue>,
    kind: Option<&'a RawValue>,
    lifetime: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    refresh: Option<&'a RawValue>,
}

impl<'a> Members<'a> {
    fn parse(body: &'a [u8], wanted: &str) -> Result<Self, Invalid> {
        // Some servers put a byte order mark in front, which RFC 8259 section 8.1 lets a reader leave out.
        let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
        let mut members = Self::default();
        let names = [wanted, "token_type", "expires_in", "error", "refresh_token"];
        for_each_member(str::from_utf8(body).map_err(|_| Invalid)?, &names, |index, value| {
            let place = match index {
                Some(0) => &mut members.token,
                Some(1) => &mut members.kind,
                Some(2) => &mut members.lifetime,
                Some(3) => &mut members.error,
                Some(4) => &mut members.refresh,
                _ => return Ok(()),
            };
            // Of two values nobody could say which one counts.
            place.replace(value).map_or(Ok(()), |_| Err(Invalid))
        })?;
        Ok(members)
    }

    fn granted(self, wanted: ExpectedToken<'_>) -> Result<Granted, Error> {
        let ExpectedToken { member: wanted, bearer, refresh } = wanted;
        let token = self.token.and_then(|token| text(token).ok());
        let token = token.ok_or_else(|| invalid(&format!("it has no {wanted}")))?;
        // RFC 6749 appendix A.12, less the blank, which ends the token for the receiver (RFC 6750 section 2.1).
        if token.expose().is_empty() || !token.expose().iter().all(u8::is_ascii_graphic) {
            return Err(invalid(&format!("its {wanted} cannot be sent in a header")));
        }
        // A token_type is the access token's (RFC 6749 section 5.1); an ID token is a JWT, and has none.
        if wanted == ACCESS_TOKEN && !is_bearer(self.kind, bearer) {
            return Err(invalid(
                "its token_type is not bearer; if it means the same, seal what it says with the client, as token_type",
            ));
        }
        // One that is no text, or empty, replaces nothing.
        let next = self.refresh.filter(|_| refresh).and_then(|next| text(next).ok());
        let next = next.filter(|next| !next.expose().is_empty());
        Ok(Granted { token, lifetime: lifetime(self.lifetime)?, refresh: next })
    }
}

/// Whether the type is one that may be sent as a bearer token. Its case does not count (RFC 6749 section 5.1).
fn is_bearer(kind: Option<&RawValue>, sealed: Option<&str>) -> bool {
    let Some(kind) = kind.filter(|kind| kind.get() != "null") else { return sealed == Some("") };
    let names = ["bearer"].into_iter().chain(sealed);
    text(kind).is_ok_and(|kind| names.into_iter().any(|name| kind.expose().eq_ignore_ascii_case(name.as_bytes())))
}

/// Seconds, as a number or as a text that is one, in whole or not. Absent and null say nothing; what is longer than a day
/// counts as a day.
pub(super) fn lifetime(value: Option<&RawValue>) -> Result<Duration, Error> {
    let Some(value) = value.map(RawValue::get).filter(|text| *text != "null") else { return Ok(UNSAID) };
    let number = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    // The grammar of JSON's numbers, in a text as well. One too large for it is too large for us too.
    let seconds = number.parse::<Number>().ok().and_then(|number| number.as_f64());
    let seconds = seconds.or_else(|| is_digits(number).then_some(f64::INFINITY));
    match seconds.map(f64::floor) {
        None => Err(invalid("its expires_in is not a number")),
        Some(seconds) if seconds < 1.0 => Err(invalid("its expires_in says that the token has expired already")),
        Some(seconds) => Ok(Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64()))),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: ExpectedToken<'_> = ExpectedToken { member: ACCESS_TOKEN, bearer: None, refresh: false };

    fn code(read: Result<Granted, Error>) -> Option<(Code, String)> {
        read.err().map(|error| (error.code, error.message.into_owned()))
    }

    fn granted(rest: &str) -> Result<Granted, Error> {
        read(StatusCode::OK, format!(r#"{{"access_token": "t0k/en", "token_type": "Bearer"{rest}}}"#).as_bytes(), PLAIN)
    }

    #[test]
    fn a_lifetime_is_read_in_every_form() {
        for (text, seconds) in [
            ("", 3600),
            (r#", "expires_in": null"#, 3600),
            (r#", "expires_in": 1"#, 1),
            (r#", "expires_in": 3599"#, 3599),
            (r#", "expires_in": "3599""#, 3599),
            (r#", "expires_in": 3599.9"#, 3599),
            (r#", "expires_in": "3.6e3""#, 3600),
            (r#", "expires_in": 86400"#, 86_400),
            (r#", "expires_in": 86401"#, 86_400),
            (r#", "expires_in": 5184000"#, 86_400),
            (r#", "expires_in": 18446744073709551616"#, 86_400),
            (r#", "expires_in": 1e300"#, 86_400),
            (&format!(r#", "expires_in": {}"#, "9".repeat(400)), 86_400),
            (&format!(r#", "expires_in": "{}""#, "9".repeat(400)), 86_400),
        ] {
            let grant = granted(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(grant.lifetime, Duration::from_secs(seconds), "{text}");
            assert_eq!(grant.token.expose(), b"t0k/en");
        }
    }

    #[test]
    fn a_lifetime_that_is_over_or_none_is_refused() {
        for (value, why) in [
            ("0", "expired already"),
            ("\"0\"", "expired already"),
            ("0.9", "expired already"),
            ("-1", "expired already"),
            ("\"-3600\"", "expired already"),
            ("-1e300", "expired already"),
            ("\"\"", "not a number"),
            ("\" 5\"", "not a number"),
            ("\"5 \"", "not a number"),
            ("\"+5\"", "not a number"),
            ("\"5s\"", "not a number"),
            ("\"0x10\"", "not a number"),
            ("\"NaN\"", "not a number"),
            ("\"inf\"", "not a number"),
            ("true", "not a number"),
            ("[3600]", "not a number"),
            ("{}", "not a number"),
        ] {
            let (code, message) = code(granted(&format!(r#", "expires_in": {value}"#))).expect(value);
            assert_eq!(code, Code::TokenResponseInvalid, "{value}");
            assert!(message.contains(why), "{value}: {message}");
        }
    }

    #[test]
    fn a_body_must_be_a_token_response() {
        for (body, why) in [
            ("", "JSON"),
            ("access_token=t&token_type=bearer", "JSON"),
            ("[]", "JSON"),
            ("{} {}", "JSON"),
            ("\u{feff}\u{feff}{}", "JSON"),
            ("\u{feff}", "JSON"),
            (r#"{"access_token": "a", "access_token": "b", "token_type": "bearer"}"#, "JSON"),
            (r#"{"token_type": "bearer"}"#, "no access_token"),
            (r#"{"access_token": 7, "token_type": "bearer"}"#, "no access_token"),
            (r#"{"access_token": null, "token_type": "bearer"}"#, "no access_token"),
            (r#"{"access_token": "", "token_type": "bearer"}"#, "header"),
            (r#"{"access_token": "a b", "token_type": "bearer"}"#, "header"),
            (r#"{"access_token": "a\r\nx: y", "token_type": "bearer"}"#, "header"),
            (r#"{"access_token": "\u00e4", "token_type": "bearer"}"#, "header"),
            (r#"{"access_token": "a"}"#, "token_type"),
            (r#"{"access_token": "a", "token_type": "mac"}"#, "token_type"),
            (r#"{"access_token": "a", "token_type": ["bearer"]}"#, "token_type"),
        ] {
            let (code, message) = code(read(StatusCode::OK, body.as_bytes(), PLAIN)).expect(body);
            assert_eq!(code, Code::TokenResponseInvalid, "{body}");
            assert!(message.contains(why), "{body}: {message}");
        }
        let odd = br#" {"token_type": "bEaReR", "x": {"access_token": 1}, "access_token": "~!\u0041", "scope": "r"} "#;
        assert_eq!(
            read(StatusCode::OK, odd, PLAIN).ok().map(|grant| grant.token.expose().to_vec()),
            Some(b"~!A".to_vec())
        );
    }

    #[test]
    fn a_status_says_who_can_repair_it() {
        use Code::{TokenEndpointRejected as Rejected, TokenEndpointUnreachable as Unreachable};
        for (status, expected) in [
            (400, Rejected),
            (401, Rejected),
            (403, Rejected),
            (404, Rejected),
            (408, Unreachable),
            (429, Unreachable),
            (500, Unreachable),
            (503, Unreachable),
            (202, Code::TokenResponseInvalid),
            (203, Code::TokenResponseInvalid),
            (204, Code::TokenResponseInvalid),
            (302, Code::TokenResponseInvalid),
            (307, Code::TokenResponseInvalid),
        ] {
            let body = br#"{"access_token": "t", "token_type": "bearer", "expires_in": 60}"#;
            let read = read(StatusCode::from_u16(status).expect("a status"), body, PLAIN);
            assert_eq!(code(read).expect("no token").0, expected, "{status}");
        }
    }

    #[test]
    fn an_error_is_named_and_nothing_else_is() {
        let said = |status: u16, error: &str| {
            let body = format!(r#"{{"error": {error}, "error_description": "s3cr3t", "error_uri": "https://s3cr3t"}}"#);
            code(read(StatusCode::from_u16(status).expect("a status"), body.as_bytes(), PLAIN)).expect("an error")
        };
        for known in ERRORS {
            for status in [400, 401, 200, 201] {
                let expected = format!("the token endpoint refused the client: {known}");
                assert_eq!(said(status, &format!("\"{known}\"")), (Code::TokenEndpointRejected, expected));
            }
        }
        for other in
            ["\"s3cr3t\"", "\"Invalid_Client\"", "\"invalid_client s3cr3t\"", "7", "null", "{\"a\": \"s3cr3t\"}"]
        {
            let expected = "the token endpoint refused the client".to_owned();
            assert_eq!(said(400, other), (Code::TokenEndpointRejected, expected), "{other}");
        }
    }
}
