//! How long to wait between two attempts.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::Timestamp;
use jiff::tz::Offset;

use crate::net::{date, http_date};

/// The bound of the first pause; it doubles with every further one.
const FIRST: Duration = Duration::from_millis(100);
/// The bound of any pause that the server did not ask for.
const LONGEST: Duration = Duration::from_secs(10);

/// Exponential backoff with full jitter: a random part of a bound that doubles, so that clients that failed together do not
/// come back together. `repeats` counts the repeats before this one; of `random`, 0 gives no pause and `u64::MAX` the bound.
pub fn backoff(repeats: u32, random: u64) -> Duration {
    let bound = FIRST.saturating_mul(1 << repeats.min(20)).min(LONGEST);
    let nanos = bound.as_nanos() * u128::from(random) / u128::from(u64::MAX);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// What a response's `Retry-After` asks for (RFC 9110 section 10.2.3): seconds, or a date, which is judged by the server's
/// own clock where it shows it. Nothing where there is none that can be read; a date that has passed is no pause.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only what is too large to be a number is left, and that is longer than any deadline.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = http_date(text)?;
    let from = date(headers).unwrap_or_else(|| Offset::UTC.to_datetime(now));
    Some(Duration::try_from(until.duration_since(from)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::header::DATE;

    use super::*;

    #[test]
    fn a_pause_lies_between_nothing_and_a_bound_that_doubles() {
        for (repeats, bound) in [(0, 100), (1, 200), (2, 400), (6, 6400), (7, 10_000), (31, 10_000), (u32::MAX, 10_000)]
        {
            assert_eq!(backoff(repeats, 0), Duration::ZERO, "{repeats}");
            assert_eq!(backoff(repeats, u64::MAX), Duration::from_millis(bound), "{repeats}");
            let middle = backoff(repeats, u64::MAX / 2);
            let half = Duration::from_millis(bound) / 2;
            assert!(middle.abs_diff(half) < Duration::from_micros(1), "{repeats}: {middle:?}");
        }
    }

    fn asked(retry_after: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().expect("a value"));
        if let Some(date) = date {
            headers.insert(DATE, date.parse().expect("a value"));
        }
        let now = "1994-11-06T08:49:30Z".parse().expect("a time");
        super::retry_after(&headers, now)
    }

    #[test]
    fn seconds_and_dates_are_read() {
        for (text, seconds) in [
            ("0", 0),
            ("120", 120),
            ("007", 7),
            ("3600", 3600),
            ("99999999999999999999999", u64::MAX),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 7),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 7),
            ("Sun Nov  6 08:49:37 1994", 7),
            ("Sun, 06 Nov 1994 08:49:30 GMT", 0),
            ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
            ("Mon, 07 Nov 1994 08:49:30 GMT", 86_400),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 252_618_189_029),
        ] {
            assert_eq!(asked(text, None), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "-1", "+1", "1.5", "1,2", "soon", "1 s", "0x10", "1994-11-06T08:49:37Z", "06 Nov 1994"] {
            assert_eq!(asked(text, None), None, "{text:?}");
        }
        assert_eq!(super::retry_after(&HeaderMap::new(), Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn a_date_is_judged_by_the_servers_clock() {
        let until = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (date, seconds) in
            [("Sun, 06 Nov 1994 08:49:36 GMT", 1), ("Sun, 06 Nov 1994 09:00:00 GMT", 0), ("no date", 7)]
        {
            assert_eq!(asked(until, Some(date)), Some(Duration::from_secs(seconds)), "{date}");
        }
        assert_eq!(asked("5", Some("Sun, 06 Nov 1994 08:00:00 GMT")), Some(Duration::from_secs(5)));
    }
}
