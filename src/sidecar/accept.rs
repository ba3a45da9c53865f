//! How the daemon takes connections, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::account::Held;
use super::daemon::Daemon;
use super::notify;
use super::peer::Peer;
use super::session::Session;

/// How long it waits where the process has no file descriptor for a connection.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Read the configuration anew.
    Reload,
    /// Take nothing more, and end when what runs has ended.
    Stop,
}

/// Serves a listening socket until it is told to stop, and what it has taken until its time is over.
pub async fn accept(daemon: Arc<Daemon>, listener: UnixListener, mut wishes: mpsc::UnboundedReceiver<Wish>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            wish = wishes.recv() => match wish {
                Some(Wish::Reload) => daemon.reload(),
                Some(Wish::Stop) | None => break,
            },
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => take(&daemon, stream, &mut sessions),
                Err(_) => sleep(NO_DESCRIPTOR).await,
            },
            Some(_) = sessions.join_next() => {}
        }
    }
    notify::tell("STOPPING=1");
    drop(listener);
    daemon.stop();
    let drain = Duration::from_millis(daemon.rights().drain_ms);
    let all = async { while sessions.join_next().await.is_some() {} };
    // What has not ended by then ends with the process: PHP sees it as `maybe`.
    let _ = timeout(drain, all).await;
}

/// A connection of a user who is no caller is closed without a byte.
fn take(daemon: &Arc<Daemon>, stream: UnixStream, sessions: &mut JoinSet<()>) {
    let Ok(user) = stream.peer_cred() else { return };
    let rights = daemon.rights();
    let Some(caller) = rights.caller(user.uid()) else { return };
    let account = daemon.account(user.uid());
    let own = Held::connection(&account, caller.limits.connections);
    let Some(held) = own.zip(Held::connection(daemon.total(), rights.limits.connections)) else { return };
    let session = Session::new(Arc::clone(daemon), Peer::new(stream), user.uid(), user.pid());
    sessions.spawn(async move {
        session.serve().await;
        drop(held);
    });
}
