//! The listening socket: systemd's, or one of its own.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use nix::unistd::{Group, chown};

use super::configuration::invalid;
use super::files;
use crate::error::Error;
use crate::sys::inherited_listener;

/// Where PHP connects to.
pub struct Listening<'a> {
    /// The path of the socket; none where systemd has it.
    pub path: Option<&'a Path>,
    /// The group that may connect.
    pub group: Option<&'a str>,
    /// The permissions of the socket.
    pub mode: u32,
}

impl Listening<'_> {
    /// The socket. One of its own replaces what a daemon that is gone has left.
    pub fn open(&self) -> Result<UnixListener, Error> {
        let listener = match self.path {
            None => inherited_listener().ok_or_else(|| {
                invalid("systemd handed over no socket: start the daemon by its socket unit, or name one with --listen")
            })?,
            Some(path) => self.bind(path)?,
        };
        listener.set_nonblocking(true).map_err(|_| invalid("the socket is no listening Unix socket"))?;
        Ok(listener)
    }

    fn bind(&self, path: &Path) -> Result<UnixListener, Error> {
        let fault = |what: &str| invalid(format!("--listen {}: {what}", path.display()));
        let directory = path.parent().filter(|directory| path.is_absolute() && files::is_own_directory(directory));
        if directory.is_none() {
            return Err(fault(
                "its directory must be root's or the daemon's own user's, and nobody else may write to it",
            ));
        }
        if fs::symlink_metadata(path).is_ok_and(|about| about.file_type().is_socket()) {
            match UnixStream::connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => drop(fs::remove_file(path)),
                _ => return Err(fault("another process listens there")),
            }
        }
        // Nobody can connect before group and mode are set: the daemon's umask leaves the socket to its own user.
        let listener = UnixListener::bind(path).map_err(|error| fault(&format!("cannot be made: {}", error.kind())))?;
        if let Some(name) = self.group {
            let group = Group::from_name(name).ok().flatten().ok_or_else(|| fault("there is no such group"))?;
            chown(path, None, Some(group.gid)).map_err(|_| fault("its group cannot be set"))?;
        }
        let mode = fs::Permissions::from_mode(self.mode);
        fs::set_permissions(path, mode).map_err(|_| fault("its mode cannot be set"))?;
        Ok(listener)
    }
}
