//! Where the daemon's sockets are. They stay as they were at its start.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::error::{Code, Error};
use crate::sys::lock;

/// The name by which systemd hands the socket of the metrics over.
pub const METRICS: &str = "metrics";

/// Bits of a file's mode, in a document as octal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions(pub u32);

impl Permissions {
    /// Those that octal digits name.
    pub fn parse(digits: &str) -> Option<Self> {
        let is_octal = digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        u32::from_str_radix(digits, 8).ok().filter(|mode| is_octal && *mode <= 0o777).map(Self)
    }
}

impl Default for Permissions {
    fn default() -> Self {
        Self(0o660)
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        Self::parse(&digits).ok_or_else(|| D::Error::custom("mode must be octal digits up to 0777, as a string"))
    }
}

/// The place of a socket. Without a path systemd hands it over.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct SocketPlace {
    /// The path at which the daemon makes it.
    pub path: Option<PathBuf>,
    /// The group that may connect.
    pub group: Option<String>,
    /// Its permissions.
    pub mode: Permissions,
}

/// The sockets beside the first one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SocketPlaces {
    /// Those with callers of their own.
    pub sockets: Vec<(&'static str, SocketPlace)>,
    /// That of the metrics.
    pub metrics: Option<SocketPlace>,
}

impl SocketPlaces {
    /// The places of a configuration.
    pub fn of<'a>(
        sockets: impl Iterator<Item = (&'a str, &'a SocketPlace)>,
        metrics: Option<&SocketPlace>,
    ) -> Result<Self, Error> {
        let mut names = BTreeSet::from([METRICS]);
        let mut read = Vec::new();
        for (name, listen) in sockets {
            let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
            if !(1..=64).contains(&name.len()) || !name.bytes().all(known) || !names.insert(name) {
                return Err(invalid(
                    "sockets: each has a name of its own: up to 64 of a-z, 0-9, \"-\" and \"_\", and not \"metrics\"",
                ));
            }
            check(&format!("sockets.{name}.listen"), listen)?;
            read.push((kept(name), listen.clone()));
        }
        metrics.map(|place| check("metrics", place)).transpose()?;
        Ok(Self { sockets: read, metrics: metrics.cloned() })
    }
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Code::ConfigurationInvalid, message)
}

fn check(what: &str, place: &SocketPlace) -> Result<(), Error> {
    match &place.path {
        Some(path) if !path.is_absolute() => Err(invalid(format!("{what}: path must be absolute"))),
        None if *place != SocketPlace::default() => {
            Err(invalid(format!("{what}: without a path, group and mode are those of the socket unit")))
        }
        _ => Ok(()),
    }
}

/// A name for as long as the process lives: there are as many as an administrator has written.
fn kept(name: &str) -> &'static str {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut kept = lock(&KEPT);
    if let Some(known) = kept.get(name) {
        return known;
    }
    let name = Box::leak(Box::<str>::from(name));
    kept.insert(name);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_octal_digits() {
        assert_eq!(Permissions::parse("0640"), Some(Permissions(0o640)));
        for digits in ["", "+640", "0o640", "640 ", "888", "1777", "-1"] {
            assert_eq!(Permissions::parse(digits), None, "{digits:?}");
        }
    }

    #[test]
    fn a_name_that_is_kept_is_kept_once() {
        let another = String::from("a-name");
        assert!(std::ptr::eq(kept("a-name"), kept(&another)));
    }
}
