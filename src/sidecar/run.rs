//! The daemon as a program: its command line, its signals, its end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, umask};
use tokio::sync::mpsc;

use super::accept::{Wish, accept};
use super::configuration::invalid;
use super::daemon::Daemon;
use super::listen::Listeners;
use super::notify;
use super::places::{Permissions, SocketPlace};
use super::scrape;
use crate::error::Error;

const USAGE: &str =
    "secure-outbound-sidecar [--config FILE] [--listen SOCKET [--group NAME] [--mode MODE]] [--check] [--version]

  --config FILE    the configuration, /etc/secure-outbound-sidecar/sidecar.json unless named
  --listen SOCKET  makes the socket itself; without it systemd hands it over
  --group NAME     the group that may connect, with --listen
  --mode MODE      the permissions of the socket in octal digits, 0660 unless named
  --check          reads the configuration, says what is wrong with it, and ends
  --version        says the version, and ends
";

const CONFIGURATION: &str = "/etc/secure-outbound-sidecar/sidecar.json";

/// Exit codes of sysexits.h.
const EX_USAGE: u8 = 64;
const EX_CONFIG: u8 = 78;

/// What the command line asks for.
struct Arguments {
    configuration: PathBuf,
    first: SocketPlace,
    check: bool,
}

/// Runs the program.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    // A panic's text can hold what was being worked on.
    std::panic::set_hook(Box::new(|_| {}));
    let arguments: Vec<_> = arguments.collect();
    if arguments.iter().any(|argument| argument == "--version") {
        println!("secure-outbound-sidecar {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    let Some(arguments) = read(&arguments) else {
        eprint!("{USAGE}");
        return ExitCode::from(EX_USAGE);
    };
    match start(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("secure-outbound-sidecar: {error}");
            ExitCode::from(EX_CONFIG)
        }
    }
}

fn read(arguments: &[OsString]) -> Option<Arguments> {
    let mut read = Arguments { configuration: CONFIGURATION.into(), first: SocketPlace::default(), check: false };
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        match name.to_str()? {
            "--config" => read.configuration = arguments.next()?.into(),
            "--listen" => read.first.path = Some(arguments.next()?.into()),
            "--group" => read.first.group = Some(arguments.next()?.to_str()?.to_owned()),
            "--mode" => read.first.mode = Permissions::parse(arguments.next()?.to_str()?)?,
            "--check" => read.check = true,
            _ => return None,
        }
    }
    Some(read)
}

fn start(arguments: &Arguments) -> Result<(), Error> {
    // No core, and no other process of the same user reads its memory.
    let _ = prctl::set_dumpable(false);
    umask(Mode::from_bits_truncate(0o077));
    if arguments.check {
        Daemon::open(arguments.configuration.clone())?;
        println!("{} can be used", arguments.configuration.display());
        return Ok(());
    }
    // First of all, because a reload or a stop that is asked for while it starts would end the process on the spot.
    let wishes = signals()?;
    let daemon = Daemon::open(arguments.configuration.clone())?;
    raise_descriptors();
    let listeners = Listeners::open(&arguments.first, &daemon.rights().places)?;
    let made = listeners.made();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(|_| invalid("the process may not have the threads and descriptors that it needs"))?;
    let served = runtime.block_on(async move {
        let listen = |(name, listener)| tokio::net::UnixListener::from_std(listener).map(|listener| (name, listener));
        let callers = listeners.callers.into_iter().map(listen).collect::<std::io::Result<_>>()?;
        if let Some(listener) = listeners.metrics {
            tokio::spawn(scrape::serve(Arc::clone(&daemon), tokio::net::UnixListener::from_std(listener)?));
        }
        notify::tell("READY=1");
        eprintln!("secure-outbound-sidecar: version {} is ready", env!("CARGO_PKG_VERSION"));
        accept(daemon, callers, wishes).await;
        std::io::Result::Ok(())
    });
    runtime.shutdown_background();
    made.iter().for_each(|path| remove(path));
    served.map_err(|_| invalid("a socket is no listening Unix socket"))
}

fn remove(path: &Path) {
    // One that is left behind is replaced by the next daemon.
    let _ = std::fs::remove_file(path);
}

/// Each connection takes a descriptor, and a shell gives a process few of them.
fn raise_descriptors() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

/// Waits for signals on a thread of its own. They are blocked on all others, which are made later.
fn signals() -> Result<mpsc::UnboundedReceiver<Wish>, Error> {
    let waited: SigSet = [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
    let (wishes, received) = mpsc::unbounded_channel();
    waited.thread_block().map_err(|_| invalid("signals cannot be blocked"))?;
    let thread = std::thread::Builder::new().name("outbound-signals".into());
    let started = thread.spawn(move || {
        while let Ok(signal) = waited.wait() {
            let wish = if signal == Signal::SIGHUP { Wish::Reload } else { Wish::Stop };
            if wishes.send(wish).is_err() {
                return;
            }
        }
    });
    started.map(|_| received).map_err(|_| invalid("the process may not have a thread for its signals"))
}
