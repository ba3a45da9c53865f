//! Where origins say that they have HTTP/3 (RFC 7838): the field `alt-svc`, and the memory of it.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use http::header::{AGE, ALT_SVC, HeaderMap};

use crate::sys::lock;

/// A longer field is not read.
const FIELD: usize = 4096;
/// Alternatives of one origin. What it names beyond that is left out.
const ALTERNATIVES: usize = 4;
/// Origins that are remembered; the first to be forgotten is the one that has said nothing for longest.
const ORIGINS: usize = 256;
/// How long an alternative counts where the origin names no time (RFC 7838 section 3.1), and at most.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What an origin says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AltSvc {
    /// Nothing that it has said counts any longer.
    Clear,
    /// It has HTTP/3 at these ports of its own host, each for some time. Nothing else counts any longer.
    At(Vec<(u16, Duration)>),
}

impl AltSvc {
    /// What the head of a response says of this host. One that cannot be read says nothing.
    pub fn of(headers: &HeaderMap, host: &str) -> Option<Self> {
        let mut field = Vec::new();
        for value in headers.get_all(ALT_SVC) {
            if field.len() + value.len() >= FIELD {
                return None;
            }
            field.extend_from_slice(value.as_bytes());
            field.push(b',');
        }
        Self::parse(&field, host, age(headers))
    }

    fn parse(field: &[u8], host: &str, old: Duration) -> Option<Self> {
        let mut reader = Reader(field);
        let mut is_clear = false;
        let mut is_empty = true;
        let mut found = Vec::new();
        loop {
            reader.skip_space();
            if !reader.0.is_empty() && !reader.take(b',') {
                let protocol = reader.token()?;
                is_empty = false;
                if !reader.take(b'=') {
                    is_clear |= protocol == b"clear";
                    if !is_clear {
                        return None;
                    }
                } else {
                    let (port, is_own) = place(&reader.quoted()?, host)?;
                    let lifetime = reader.max_age()?;
                    if protocol == b"h3" && is_own && found.len() < ALTERNATIVES {
                        found.push((port, lifetime.saturating_sub(old).min(LONGEST)));
                    }
                }
                reader.skip_space();
                if !reader.0.is_empty() && !reader.take(b',') {
                    return None;
                }
            }
            if reader.0.is_empty() {
                break;
            }
        }
        match (is_empty, is_clear) {
            (true, _) => None,
            (false, true) => Some(Self::Clear),
            (false, false) => Some(Self::At(found)),
        }
    }
}

/// How long ago a response was made that a cache has kept (RFC 9111 section 5.1). What is no number says nothing.
fn age(headers: &HeaderMap) -> Duration {
    let first = headers.get(AGE).map(|value| value.as_bytes().split(|byte| *byte == b',').next().unwrap_or_default());
    first.and_then(|first| seconds(first.trim_ascii())).unwrap_or_default()
}

/// A number of seconds; more than a number can hold is the longest time.
fn seconds(digits: &[u8]) -> Option<Duration> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number = str::from_utf8(digits).ok().filter(|_| is_number)?.parse().unwrap_or(u64::MAX);
    Some(Duration::from_secs(number))
}

/// The port of an alternative, and whether its host is this one.
fn place(authority: &[u8], host: &str) -> Option<(u16, bool)> {
    let (named, port) = str::from_utf8(authority).ok()?.rsplit_once(':')?;
    let is_number = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| is_number && *port > 0)?;
    Some((port, named.is_empty() || named.eq_ignore_ascii_case(host)))
}

/// What is left of a field.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn skip_space(&mut self) {
        while self.take(b' ') || self.take(b'\t') {}
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        let end = self.0.iter().position(|byte| !is_of_token(byte)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    fn quoted(&mut self) -> Option<Vec<u8>> {
        if !self.take(b'"') {
            return None;
        }
        let mut text = Vec::new();
        loop {
            let (byte, mut rest) = self.0.split_first()?;
            let mut byte = *byte;
            if byte == b'"' {
                self.0 = rest;
                return Some(text);
            }
            if byte == b'\\' {
                (byte, rest) = rest.split_first().map(|(byte, rest)| (*byte, rest))?;
            }
            if byte.is_ascii_control() && byte != b'\t' {
                return None;
            }
            text.push(byte);
            self.0 = rest;
        }
    }

    /// The time of an alternative, among its parameters.
    fn max_age(&mut self) -> Option<Duration> {
        let mut age = LONGEST;
        loop {
            self.skip_space();
            if !self.take(b';') {
                return Some(age);
            }
            self.skip_space();
            let name = self.token()?;
            if !self.take(b'=') {
                return None;
            }
            let value = match self.0.first() {
                Some(b'"') => self.quoted()?,
                _ => self.token()?.to_vec(),
            };
            if name.eq_ignore_ascii_case(b"ma") {
                age = seconds(&value)?;
            }
        }
    }
}

/// What origins have said, in memory alone.
#[derive(Default)]
pub struct Alternatives(Mutex<VecDeque<Advertised>>);

struct Advertised {
    origin: String,
    ports: Vec<(u16, Instant)>,
}

impl Alternatives {
    /// Takes note of what an origin says.
    pub fn note(&self, origin: &str, said: AltSvc, now: Instant) {
        let mut known = lock(&self.0);
        known.retain(|known| known.origin != origin);
        let AltSvc::At(ports) = said else { return };
        let ports: Vec<_> = ports.into_iter().map(|(port, age)| (port, now + age)).collect();
        if ports.is_empty() {
            return;
        }
        if known.len() >= ORIGINS {
            known.pop_front();
        }
        known.push_back(Advertised { origin: origin.to_owned(), ports });
    }

    /// The first port that counts now, among those that are allowed.
    pub fn port(&self, origin: &str, now: Instant, is_allowed: impl Fn(u16) -> bool) -> Option<u16> {
        let known = lock(&self.0);
        let ports = &known.iter().find(|known| known.origin == origin)?.ports;
        ports.iter().find(|(port, until)| now < *until && is_allowed(*port)).map(|(port, _)| *port)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    const HOST: &str = "api.example";

    fn of(field: &str) -> Option<AltSvc> {
        AltSvc::parse(field.as_bytes(), HOST, Duration::ZERO)
    }

    fn at(ports: &[(u16, u64)]) -> Option<AltSvc> {
        Some(AltSvc::At(ports.iter().map(|(port, age)| (*port, Duration::from_secs(*age))).collect()))
    }

    #[test]
    fn ports_of_the_same_host_are_read() {
        const DAY: u64 = 86400;
        for (field, expected) in [
            (r#"h3=":443""#, at(&[(443, DAY)])),
            (r#"h3=":443"; ma=60"#, at(&[(443, 60)])),
            (r#"h3=":443";ma=0"#, at(&[(443, 0)])),
            (r#"h3=":443" ; MA="60" ; persist=1;v="46,43""#, at(&[(443, 60)])),
            (r#"h3=":443"; ma=99999999999999999999999"#, at(&[(443, DAY)])),
            (r#"h3=":443"; ma=2592000"#, at(&[(443, DAY)])),
            (r#" , h2=":444" ,, h3-29=":445",h3=":8443"; ma=1 , h3=":443" "#, at(&[(8443, 1), (443, DAY)])),
            (r#"h3="API.example:8443""#, at(&[(8443, DAY)])),
            (r#"h3="api.exampl\e:\8443""#, at(&[(8443, DAY)])),
            // Another host, another protocol: what was known counts no longer, and nothing takes its place.
            (r#"h3="other.example:443""#, at(&[])),
            (r#"h3="api.example.evil:443", h3="127.0.0.1:443""#, at(&[])),
            (r#"h2=":443""#, at(&[])),
            (r#"H3=":443""#, at(&[])),
            (r#"h3=":1",h3=":2",h3=":3",h3=":4",h3=":5""#, at(&[(1, DAY), (2, DAY), (3, DAY), (4, DAY)])),
            ("clear", Some(AltSvc::Clear)),
            (r#"h3=":443", clear"#, Some(AltSvc::Clear)),
        ] {
            assert_eq!(of(field), expected, "{field}");
        }
        assert_eq!(AltSvc::parse(br#"h3="[::1]:8443""#, "[::1]", Duration::ZERO), at(&[(8443, DAY)]));
    }

    #[test]
    fn what_does_not_have_the_form_says_nothing() {
        for field in [
            "",
            " , ,",
            "Clear",
            "h3",
            "h3=",
            "h3=:443",
            r#"h3 =":443""#,
            r#"h3= ":443""#,
            r#"h3=":443"#,
            r#"h3=":443\"#,
            r#"h3="443""#,
            r#"h3=":""#,
            r#"h3=":0""#,
            r#"h3=":65536""#,
            r#"h3=":+443""#,
            r#"h3=":000443""#,
            "h3=\":443\n\"",
            r#"h3=":443" ma=1"#,
            r#"h3=":443";"#,
            r#"h3=":443"; ma"#,
            r#"h3=":443"; ma="#,
            r#"h3=":443"; ma=-1"#,
            r#"h3=":443"; ma=1.5"#,
            r#"h3=":443"; ma=1 2"#,
            r#"h3=":443", h3"#,
            r#"h2=":x", h3=":443""#,
            r#"h3=":443" h3=":444""#,
        ] {
            assert_eq!(of(field), None, "{field}");
        }
    }

    #[test]
    fn fields_are_read_as_one_up_to_a_length() {
        let mut headers = HeaderMap::new();
        assert_eq!(AltSvc::of(&headers, HOST), None);
        headers.append(ALT_SVC, HeaderValue::from_static(r#"h2=":443""#));
        headers.append(ALT_SVC, HeaderValue::from_static(r#"h3=":8443"; ma=5"#));
        assert_eq!(AltSvc::of(&headers, HOST), at(&[(8443, 5)]));
        for (length, is_read) in [(FIELD - 100, true), (FIELD, false), (16 * FIELD, false)] {
            let mut headers = headers.clone();
            let long = format!(r#"h2=":443"; x="{}""#, "x".repeat(length));
            headers.append(ALT_SVC, HeaderValue::from_str(&long).expect("a value"));
            assert_eq!(AltSvc::of(&headers, HOST).is_some(), is_read, "{length}");
        }
    }

    #[test]
    fn what_a_cache_has_kept_counts_for_the_rest_of_its_time() {
        for (lifetime, age, expected) in [
            ("; ma=60", &["20"][..], Some(40)),
            ("; ma=60", &["60"], Some(0)),
            ("; ma=60", &["61"], Some(0)),
            ("; ma=60", &["99999999999999999999999"], Some(0)),
            ("", &["86399"], Some(1)),
            ("; ma=100000", &["10000"], Some(86400)),
            ("; ma=99999999999999999999999", &["86400"], Some(86400)),
            // The first one counts, and what has not the form does not.
            ("; ma=60", &["20", "30"], Some(40)),
            ("; ma=60", &[" 20 , 30"], Some(40)),
            ("; ma=60", &["-20"], Some(60)),
            ("; ma=60", &["20s"], Some(60)),
            ("; ma=60", &[""], Some(60)),
            (r#"; ma="""#, &[], None),
        ] {
            let mut headers = HeaderMap::new();
            let field = format!(r#"h3=":443"{lifetime}"#);
            headers.append(ALT_SVC, HeaderValue::from_str(&field).expect("a value"));
            for age in age {
                headers.append(AGE, HeaderValue::from_str(age).expect("a value"));
            }
            let expected = expected.and_then(|seconds| at(&[(443, seconds)]));
            assert_eq!(AltSvc::of(&headers, HOST), expected, "{field} {age:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(7838), ..ProptestConfig::default() })]

        #[test]
        fn nothing_makes_it_panic_or_grow(field in proptest::collection::vec(any::<u8>(), 0..200), pieces in r#"(h3|clear|=|":443"|,|;| |ma|[0-9]|\\|"|:){0,40}"#) {
            for field in [&field[..], pieces.as_bytes()] {
                if let Some(AltSvc::At(ports)) = AltSvc::parse(field, HOST, Duration::ZERO) {
                    prop_assert!(ports.len() <= ALTERNATIVES && ports.iter().all(|(port, age)| *port > 0 && *age <= LONGEST));
                }
            }
        }

        #[test]
        fn what_is_written_by_the_grammar_is_read(
            alternatives in proptest::collection::vec((1..=65535_u16, 0..=86400_u64, any::<bool>(), " {0,2}"), 1..=ALTERNATIVES),
        ) {
            let written: Vec<_> = alternatives.iter().map(|(port, age, is_named, space)| {
                let host = if *is_named { HOST } else { "" };
                format!(r#"{space}h3="{host}:{port}"{space};{space}ma={age}{space}"#)
            }).collect();
            let expected: Vec<_> = alternatives.iter().map(|(port, age, ..)| (*port, *age)).collect();
            prop_assert_eq!(of(&written.join(",")), at(&expected));
        }
    }

    #[test]
    fn what_was_said_counts_for_its_time_and_until_something_else_is() {
        let (known, now) = (Alternatives::default(), Instant::now());
        let port = |origin: &str, after: u64| known.port(origin, now + Duration::from_secs(after), |_| true);
        known.note("a", at(&[(1, 10), (2, 20)]).expect("ports"), now);
        assert_eq!([0, 9, 10, 19, 20].map(|after| port("a", after)), [Some(1), Some(1), Some(2), Some(2), None]);
        assert_eq!(known.port("a", now, |port| port == 2), Some(2));
        assert_eq!((known.port("a", now, |_| false), port("b", 0)), (None, None));
        known.note("a", at(&[(3, 10)]).expect("ports"), now);
        assert_eq!(port("a", 0), Some(3));
        known.note("b", AltSvc::Clear, now);
        assert_eq!(port("a", 0), Some(3));
        known.note("a", AltSvc::Clear, now);
        assert_eq!(port("a", 0), None);
        known.note("a", at(&[(3, 10)]).expect("ports"), now);
        known.note("a", at(&[]).expect("ports"), now);
        assert_eq!((port("a", 0), lock(&known.0).len()), (None, 0));
    }

    #[test]
    fn thousands_of_origins_are_not_remembered() {
        let (known, now) = (Alternatives::default(), Instant::now());
        for number in 0..5000 {
            known.note(&format!("https://{number}.example"), at(&[(443, 60)]).expect("ports"), now);
            known.note("https://often.example", at(&[(443, 60)]).expect("ports"), now);
        }
        assert_eq!(lock(&known.0).len(), ORIGINS);
        let port = |origin: &str| known.port(origin, now, |_| true);
        assert_eq!((port("https://often.example"), port("https://0.example")), (Some(443), None));
        assert_eq!(port("https://4999.example"), Some(443));
    }
}
