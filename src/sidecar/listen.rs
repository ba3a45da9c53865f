//! The listening sockets: systemd's, or those that the daemon makes.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::unistd::{Group, chown};

use super::configuration::invalid;
use super::files;
use super::places::{METRICS, SocketPlace, SocketPlaces};
use crate::error::Error;
use crate::sys::inherited_listeners;

/// Every socket of the daemon.
pub struct Listeners {
    /// Where PHP connects to: the first socket, which has no name, then those of the configuration.
    pub callers: Vec<(Option<&'static str>, UnixListener)>,
    /// Where operators read the metrics.
    pub metrics: Option<UnixListener>,
    /// What the daemon has made itself.
    made: Vec<PathBuf>,
}

impl Listeners {
    /// The sockets: `first` is the place of the command line, the others are those of the configuration.
    pub fn open(first: &SocketPlace, places: &SocketPlaces) -> Result<Self, Error> {
        let mut handed = inherited_listeners();
        let mut by_name = |name: &str| {
            let at = handed.iter().position(|(known, _)| known == name)?;
            Some(handed.swap_remove(at).1)
        };
        let mut made = Vec::new();
        let mut one = |what: &str, name: &str, place: &SocketPlace| match &place.path {
            None => by_name(name).ok_or_else(|| {
                invalid(format!(
                    "{what}: systemd handed over no socket with FileDescriptorName={name}, and no path is named"
                ))
            }),
            Some(path) => bind(what, path, place).inspect(|_| made.push(path.clone())),
        };
        let metrics = places.metrics.as_ref().map(|place| one("metrics", METRICS, place)).transpose()?;
        let named = places
            .sockets
            .iter()
            .map(|(name, place)| one(&format!("sockets.{name}"), name, place).map(|listener| (Some(*name), listener)));
        let mut callers = named.collect::<Result<Vec<_>, _>>()?;
        let own = match &first.path {
            Some(path) => bind("--listen", path, first).inspect(|_| made.push(path.clone()))?,
            None => match handed.pop() {
                Some((_, listener)) if handed.is_empty() => listener,
                Some((name, _)) => {
                    return Err(invalid(format!(
                        "systemd handed over a socket \"{name}\" that the configuration does not know"
                    )));
                }
                None => {
                    return Err(invalid(
                        "systemd handed over no socket: start the daemon by its socket unit, or name one with --listen",
                    ));
                }
            },
        };
        callers.insert(0, (None, own));
        for listener in callers.iter().map(|(_, listener)| listener).chain(&metrics) {
            listener.set_nonblocking(true).map_err(|_| invalid("a socket is no listening Unix socket"))?;
        }
        Ok(Self { callers, metrics, made })
    }

    /// Paths that are to be removed at the end. One that is left behind is replaced by the next daemon.
    pub fn made(&self) -> Vec<PathBuf> {
        self.made.clone()
    }
}

/// Makes a socket. It replaces what a daemon that is gone has left.
fn bind(what: &str, path: &Path, place: &SocketPlace) -> Result<UnixListener, Error> {
    let fault = |fault: &str| invalid(format!("{what} {}: {fault}", path.display()));
    let directory = path.parent().filter(|directory| path.is_absolute() && files::is_own_directory(directory));
    if directory.is_none() {
        return Err(fault("its directory must be root's or the daemon's own user's, and nobody else may write to it"));
    }
    if fs::symlink_metadata(path).is_ok_and(|about| about.file_type().is_socket()) {
        match UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => drop(fs::remove_file(path)),
            _ => return Err(fault("another process listens there")),
        }
    }
    // Nobody can connect before group and mode are set: the daemon's umask leaves the socket to its own user.
    let listener = UnixListener::bind(path).map_err(|error| fault(&format!("cannot be made: {}", error.kind())))?;
    if let Some(name) = &place.group {
        let group = Group::from_name(name).ok().flatten().ok_or_else(|| fault("there is no such group"))?;
        chown(path, None, Some(group.gid)).map_err(|_| fault("its group cannot be set"))?;
    }
    let mode = fs::Permissions::from_mode(place.mode.0);
    fs::set_permissions(path, mode).map_err(|_| fault("its mode cannot be set"))?;
    Ok(listener)
}
