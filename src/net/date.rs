//! The moments in header fields.

use http::HeaderMap;
use http::header::DATE;
use jiff::civil::DateTime;

/// When a response was made, by the clock of who made it, UTC.
pub fn date(headers: &HeaderMap) -> Option<DateTime> {
    http_date(headers.get(DATE)?.to_str().ok()?.trim())
}

/// A date in any of the three forms that RFC 9110 section 5.6.7 has recipients accept, UTC.
pub fn http_date(text: &str) -> Option<DateTime> {
    let forms = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    forms.iter().find_map(|form| DateTime::strptime(form, text).ok())
}
