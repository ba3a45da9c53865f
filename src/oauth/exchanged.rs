//! What the response of an exchange means: a token, and until when it is valid.

use std::str;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::value::RawValue;

use super::response::{Granted, LONGEST, failed, invalid, lifetime};
use crate::error::{Code, Error};
use crate::net;
use crate::secret::json::{Invalid, for_each_member, text};

/// Reads a response whose token is the member of this name. Its end is `expires_at`, a time, or `expires_in`.
pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8], wanted: &str) -> Result<Granted, Error> {
    if ![200, 201].contains(&status.as_u16()) {
        return Err(failed(status, || {
            let why = format!("the token endpoint refused the client, with status {}", status.as_u16());
            Error::new(Code::TokenEndpointRejected, why)
        }));
    }
    let no_json = |_| invalid("it is not a JSON object");
    let mut found: [Option<&RawValue>; 3] = [None; 3];
    let document = str::from_utf8(body).map_err(|_| invalid("it is not a JSON object"))?;
    for_each_member(document, &[wanted, "expires_at", "expires_in"], |index, value| {
        let Some(place) = index.and_then(|index| found.get_mut(index)) else { return Ok(()) };
        // Of two values nobody could say which one counts.
        place.replace(value).map_or(Ok(()), |_| Err(Invalid))
    })
    .map_err(no_json)?;
    let [token, end, seconds] = found;
    let token = token.and_then(|token| text(token).ok()).filter(|token| !token.expose().is_empty());
    let token = token.ok_or_else(|| invalid(&format!("it has no {wanted}")))?;
    if !token.expose().iter().all(u8::is_ascii_graphic) {
        return Err(invalid(&format!("its {wanted} cannot be sent in a header")));
    }
    let lifetime = match end.filter(|end| end.get() != "null") {
        Some(end) => {
            let end = serde_json::from_str::<String>(end.get()).map_err(|_| no_time("expires_at"))?;
            until(&end, "expires_at", headers)?
        }
        None => lifetime(seconds)?,
    };
    Ok(Granted { token, lifetime, refresh: None })
}

/// How long it is until then by the clock of who says so, which is not always this host's.
pub(super) fn until(end: &str, name: &str, headers: &HeaderMap) -> Result<Duration, Error> {
    let end = end.parse::<Timestamp>().map_err(|_| no_time(name))?;
    let now = net::date(headers).and_then(|date| Offset::UTC.to_timestamp(date).ok()).unwrap_or_else(Timestamp::now);
    match Duration::try_from(end.duration_since(now)) {
        Ok(left) if left.as_secs() > 0 => Ok(left.min(LONGEST)),
        _ => Err(invalid(&format!("its {name} says that the token has expired already"))),
    }
}

fn no_time(name: &str) -> Error {
    invalid(&format!("its {name} is not a time"))
}
