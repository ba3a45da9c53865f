//! What was sealed with a credential to say where it may go.

use jiff::{Timestamp, civil};
use serde_json::value::RawValue;

use super::payload::list;
use crate::error::{Code, Error};
use crate::secret::json::{Invalid, members};

/// The binding of a credential, as it was sealed. What is absent does not bind; an empty list allows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Hosts, in the form of `allowed_hosts`.
    pub hosts: Option<Vec<String>>,
    /// Methods, in the form of `allowed_methods`.
    pub methods: Option<Vec<String>>,
    /// Path patterns, in the form of `allowed_paths`.
    pub paths: Option<Vec<String>>,
    /// The moment from which the credential must not be used.
    pub expires_at: Option<Timestamp>,
}

impl Binding {
    pub(super) fn parse(value: &RawValue) -> Result<Self, Invalid> {
        let [hosts, methods, paths, expires_at] = members(value.get(), ["hosts", "methods", "paths", "expires_at"])?;
        Ok(Self {
            hosts: hosts.map(list).transpose()?,
            methods: methods.map(list).transpose()?,
            paths: paths.map(list).transpose()?,
            expires_at: expires_at.map(moment).transpose()?,
        })
    }

    /// The binding of a payload with a private key, which has to name hosts: a key that signed for whoever edits the registry would
    /// be worth more to them than a token.
    pub(super) fn of_key(value: Option<&RawValue>) -> Result<Self, Invalid> {
        let binding = Self::parse(value.ok_or(Invalid)?)?;
        if binding.hosts.is_some() { Ok(binding) } else { Err(Invalid) }
    }

    /// Refuses a credential whose time is over.
    pub fn check_expiry(&self, now: Timestamp) -> Result<(), Error> {
        match self.expires_at {
            Some(end) if now >= end => Err(Error::new(Code::CredentialExpired, "it has expired")),
            _ => Ok(()),
        }
    }
}

/// The last second that RFC 3339 has a text for, 9999-12-31T23:59:59Z. Many write it for "never".
const LAST_SECOND: i64 = 253_402_300_799;

/// RFC 3339 text, or whole seconds since 1970. The latest moment here is two days before the end of the year 9999, which is
/// as good as its end.
fn moment(value: &RawValue) -> Result<Timestamp, Invalid> {
    if let Ok(seconds) = serde_json::from_str::<i64>(value.get()) {
        // A number of milliseconds lies beyond that, and would never expire.
        return match seconds {
            seconds if seconds > LAST_SECOND => Err(Invalid),
            seconds if seconds > Timestamp::MAX.as_second() => Ok(Timestamp::MAX),
            seconds => Timestamp::from_second(seconds).map_err(|_| Invalid),
        };
    }
    let text: String = serde_json::from_str(value.get()).map_err(|_| Invalid)?;
    if !is_rfc3339(&text) {
        return Err(Invalid);
    }
    text.parse().or_else(|_| end_of_time(&text).ok_or(Invalid))
}

/// What is too late for the clock, though its date and its time are sound.
fn end_of_time(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_at_checked("0000-00-00".len())?;
    let sound = date.parse::<civil::Date>().is_ok() && format!("2000-01-01{time}").parse::<Timestamp>().is_ok();
    (sound && date.starts_with("9999-12-")).then_some(Timestamp::MAX)
}

/// The parser takes more than RFC 3339; other readers of the same payload do not.
fn is_rfc3339(text: &str) -> bool {
    let fits = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                _ => byte == form,
            })
    };
    let is_digit = |character: char| character.is_ascii_digit();
    let Some((moment, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else {
        return false;
    };
    let zone = match rest.strip_prefix('.') {
        Some(fraction) if fraction.starts_with(is_digit) => fraction.trim_start_matches(is_digit),
        Some(_) => return false,
        None => rest,
    };
    fits(moment, "0000-00-00T00:00:00") && (zone == "Z" || fits(zone, "+00:00") || fits(zone, "-00:00"))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::Value;

    use super::*;
    use crate::policy::vectors::section;

    fn parse(document: &str) -> Result<Binding, Invalid> {
        Binding::parse(serde_json::from_str(document).expect("JSON"))
    }

    #[test]
    fn moments() {
        for (written, seconds, nanoseconds) in section::<Vec<(Value, i64, i32)>>("moments") {
            let binding = parse(&format!(r#"{{"expires_at": {written}}}"#)).expect("a moment");
            let end = Timestamp::new(seconds, nanoseconds).expect("a moment");
            assert_eq!(binding.expires_at, Some(end), "{written}");
            assert_eq!(binding.check_expiry(end).expect_err("over").code, Code::CredentialExpired);
            if let Ok(before) = end.checked_sub(SignedDuration::from_nanos(1)) {
                assert!(binding.check_expiry(before).is_ok(), "{written}");
            }
        }
        for written in section::<Vec<Value>>("bad_moments") {
            assert!(parse(&format!(r#"{{"expires_at": {written}}}"#)).is_err(), "{written}");
        }
    }

    #[test]
    fn absent_is_not_empty() {
        let binding = parse(r#"{"hosts": ["a.example"], "methods": []}"#).expect("a binding");
        assert_eq!(binding.hosts.as_deref(), Some(&["a.example".to_owned()][..]));
        assert_eq!((binding.methods, binding.paths), (Some(vec![]), None));
    }

    #[test]
    fn misspelt_is_refused() {
        for document in [
            r#"{"host": ["a.example"]}"#,
            r#"{"hosts": "a.example"}"#,
            r#"{"hosts": [1]}"#,
            r#"{"hosts": null}"#,
            r#"{"paths": [], "paths": []}"#,
            "[]",
            "null",
        ] {
            assert!(parse(document).is_err(), "{document}");
        }
    }
}
