//! The metrics as OpenMetrics text.

use std::fmt::{Display, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use super::account::{LIMITS, Subject};
use super::daemon::Daemon;
use super::metrics::{BUCKETS, Metrics, ServiceCounts, VERSIONS};
use super::records::OUTCOMES;
use crate::text::printable;

/// The longest value of a label, in characters.
const LABEL_CHARACTERS: usize = 128;

/// Name, unit and help of a counter, and what it counts.
type ServiceCounter = (&'static str, Option<&'static str>, &'static str, fn(&ServiceCounts) -> u64);

/// A text that is being written.
#[derive(Default)]
struct Exposition(String);

/// The kinds of metrics.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Counter,
    Gauge,
    Histogram,
    Info,
}

impl Exposition {
    /// Begins a family of samples. A unit is the end of its name.
    fn family(&mut self, name: &str, of: Type, unit: Option<&str>, help: &str) {
        let of = match of {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Histogram => "histogram",
            Type::Info => "info",
        };
        let _ = writeln!(self.0, "# TYPE secure_outbound_{name} {of}");
        if let Some(unit) = unit {
            let _ = writeln!(self.0, "# UNIT secure_outbound_{name} {unit}");
        }
        let _ = writeln!(self.0, "# HELP secure_outbound_{name} {help}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "secure_outbound_{name}");
        for (at, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{}\"", if at == 0 { "{" } else { "," }, escaped(text));
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

/// A value of a label: without what is not printable, as long as it may be, and escaped.
fn escaped(text: &str) -> String {
    let text: String = printable(text).chars().take(LABEL_CHARACTERS).collect();
    text.replace('\\', r"\\").replace('"', "\\\"")
}

/// The whole text of this moment.
pub fn text(daemon: &Daemon, metrics: &Metrics) -> String {
    let mut text = Exposition::default();
    process(&mut text, metrics);
    callers(&mut text, daemon);
    services(&mut text, metrics);
    text.0.push_str("# EOF\n");
    text.0
}

fn process(text: &mut Exposition, metrics: &Metrics) {
    text.family("build", Type::Info, None, "The version of the daemon.");
    text.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    let since = metrics.since.duration_since(UNIX_EPOCH).unwrap_or_default();
    text.family("start_time_seconds", Type::Gauge, Some("seconds"), "When counting began, since 1970.");
    text.sample("start_time_seconds", &[], since.as_secs_f64());
    text.family("strangers", Type::Counter, None, "Connections of users who are no callers, which were closed.");
    text.sample("strangers_total", &[], metrics.strangers.load(Ordering::Relaxed));
    text.family("unrecorded", Type::Counter, None, "Lines of the daemon's records that could not be written.");
    text.sample("unrecorded_total", &[], metrics.unrecorded.load(Ordering::Relaxed));
    text.family("reloads", Type::Counter, None, "Configurations that were read anew.");
    for (result, count) in ["taken", "refused"].iter().zip(&metrics.reloads) {
        text.sample("reloads_total", &[("result", result)], count.load(Ordering::Relaxed));
    }
}

/// The labels of a caller. The first socket has no name.
fn labelled(subject: Subject, use_labels: impl FnOnce([(&str, &str); 2])) {
    use_labels([("socket", subject.socket.unwrap_or("")), ("uid", &subject.uid.to_string())]);
}

fn callers(text: &mut Exposition, daemon: &Daemon) {
    let (accounts, rights) = (daemon.accounts(), daemon.rights());
    let families = [
        ("connections", None, "Connections of callers that are open."),
        ("calls_in_flight", None, "Calls that are decided about and not answered."),
        ("reserved_bytes", Some("bytes"), "Bytes that bodies of these calls have or may get."),
    ];
    for (at, (name, unit, help)) in families.into_iter().enumerate() {
        text.family(name, Type::Gauge, unit, help);
        for (subject, account) in &accounts {
            let used = account.used().into_iter().nth(at).unwrap_or_default();
            labelled(*subject, |labels| text.sample(name, &labels, used));
        }
    }
    text.family("caller_limit", Type::Gauge, None, "What a caller may have at a time.");
    for subject in accounts.keys() {
        let Some(caller) = rights.caller(*subject) else { continue };
        let limits = caller.limits;
        for (limit, most) in
            LIMITS.iter().zip([limits.connections.to_string(), limits.calls.to_string(), limits.bytes.to_string()])
        {
            labelled(*subject, |[socket, uid]| text.sample("caller_limit", &[socket, uid, ("limit", limit)], most));
        }
    }
    text.family("at_limit", Type::Counter, None, "What was refused to a caller at one of its own limits.");
    for (subject, account) in &accounts {
        for (limit, count) in LIMITS.iter().zip(account.refused()) {
            labelled(*subject, |[socket, uid]| text.sample("at_limit_total", &[socket, uid, ("limit", limit)], count));
        }
    }
    text.family("at_total_limit", Type::Counter, None, "What was refused at a limit of all callers together.");
    for (limit, count) in LIMITS.iter().zip(daemon.total().refused()).filter(|(limit, _)| **limit != "calls") {
        text.sample("at_total_limit_total", &[("limit", limit)], count);
    }
}

fn services(text: &mut Exposition, metrics: &Metrics) {
    let services = metrics.services();
    text.family("calls", Type::Counter, None, "Calls by how they ended.");
    for (service, counts) in &services {
        for (subject, outcomes) in &counts.calls {
            for (outcome, count) in OUTCOMES.iter().zip(outcomes) {
                labelled(*subject, |[socket, uid]| {
                    text.sample("calls_total", &[socket, uid, ("service", service), ("outcome", outcome)], count);
                });
            }
        }
    }
    text.family("errors", Type::Counter, None, "Calls without a response, refused ones included, by their codes.");
    for (service, counts) in &services {
        for (code, count) in &counts.errors {
            text.sample("errors_total", &[("service", service), ("code", code)], count);
        }
    }
    let name = "call_duration_seconds";
    text.family(name, Type::Histogram, Some("seconds"), "From a call's beginning to its end, without refused ones.");
    for (service, counts) in &services {
        let mut all = 0;
        let ends = BUCKETS.iter().map(|most| float(*most)).chain(["+Inf".to_owned()]);
        for (most, count) in ends.zip(counts.durations.buckets) {
            all += count;
            text.sample("call_duration_seconds_bucket", &[("service", service), ("le", &most)], all);
        }
        text.sample("call_duration_seconds_sum", &[("service", service)], counts.durations.sum.as_secs_f64());
        text.sample("call_duration_seconds_count", &[("service", service)], all);
    }
    text.family("calls_by_version", Type::Counter, None, "Calls that had a connection, by its version of HTTP.");
    for (service, counts) in &services {
        for (version, count) in VERSIONS.iter().zip(counts.versions) {
            text.sample("calls_by_version_total", &[("service", service), ("version", version)], count);
        }
    }
    let counters: [ServiceCounter; 4] = [
        ("token_requests", None, "Token requests that were made or tried.", |counts| counts.token_requests),
        ("opened_connections", None, "Calls that needed a new connection to a server.", |counts| counts.opened),
        ("sent_bytes", Some("bytes"), "Bytes of bodies that were sent.", |counts| counts.bytes_out),
        ("received_bytes", Some("bytes"), "Bytes of bodies that were received, before decoding.", |counts| {
            counts.bytes_in
        }),
    ];
    for (name, unit, help, count) in counters {
        text.family(name, Type::Counter, unit, help);
        for (service, counts) in &services {
            text.sample(&format!("{name}_total"), &[("service", service)], count(counts));
        }
    }
}

/// A number as OpenMetrics has it, with a point.
fn float(duration: Duration) -> String {
    format!("{:?}", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_clean_short_and_escaped() {
        assert_eq!(escaped("a\\b\"c\nd\u{202e}e"), r#"a\\b\"c?d?e"#);
        assert_eq!(escaped(&"ä".repeat(500)).chars().count(), LABEL_CHARACTERS);
    }

    #[test]
    fn a_sample_has_its_labels_or_none() {
        let mut text = Exposition::default();
        text.family("a", Type::Counter, Some("bytes"), "Says what.");
        text.sample("a_total", &[("b", "c"), ("d", "\"")], 1);
        text.sample("a_total", &[], 2);
        let lines = [
            "# TYPE secure_outbound_a counter",
            "# UNIT secure_outbound_a bytes",
            "# HELP secure_outbound_a Says what.",
            r#"secure_outbound_a_total{b="c",d="\""} 1"#,
            "secure_outbound_a_total 2\n",
        ];
        assert_eq!(text.0, lines.join("\n"));
    }
}
