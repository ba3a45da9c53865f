//! How the daemon takes connections, and how it ends.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::account::{Held, Subject};
use super::daemon::Daemon;
use super::notify;
use super::peer::Peer;
use super::session::Session;
use crate::oauth;

/// How long it waits where the process has no file descriptor for a connection.
pub(super) const NO_DESCRIPTOR: Duration = Duration::from_millis(100);

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Read the configuration anew.
    Reload,
    /// Take nothing more, and end when what runs has ended.
    Stop,
}

/// A listening socket with its name; the first one has none.
pub type Named = (Option<&'static str>, UnixListener);

/// Serves listening sockets until it is told to stop, and what it has taken until its time is over.
pub async fn accept(daemon: Arc<Daemon>, mut listeners: Vec<Named>, mut wishes: mpsc::UnboundedReceiver<Wish>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            wish = wishes.recv() => match wish {
                Some(Wish::Reload) => daemon.reload(),
                Some(Wish::Stop) | None => break,
            },
            (socket, accepted) = next(&listeners) => match accepted {
                Ok(stream) => {
                    take(&daemon, socket, stream, &mut sessions);
                    // The next one comes from another socket, where one waits there.
                    listeners.rotate_left(1);
                }
                Err(_) => sleep(NO_DESCRIPTOR).await,
            },
            Some(_) = sessions.join_next() => {}
        }
    }
    notify::tell("STOPPING=1");
    drop(listeners);
    daemon.stop();
    let drain = Duration::from_millis(daemon.rights().drain_ms);
    let all = async { while sessions.join_next().await.is_some() {} };
    // What has not ended by then ends with the process: PHP sees it as `maybe`.
    let _ = timeout(drain, all).await;
    // Each takes ten seconds at most. What they have exchanged a refresh token for would be lost.
    oauth::refreshed().await;
}

/// The next connection of any of the sockets.
async fn next(listeners: &[Named]) -> (Option<&'static str>, io::Result<UnixStream>) {
    poll_fn(|context| {
        let accepted = listeners.iter().find_map(|(name, listener)| match listener.poll_accept(context) {
            Poll::Ready(accepted) => Some((*name, accepted.map(|(stream, _)| stream))),
            Poll::Pending => None,
        });
        accepted.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// A connection of a user who is no caller is closed without a byte.
fn take(daemon: &Arc<Daemon>, socket: Option<&'static str>, stream: UnixStream, sessions: &mut JoinSet<()>) {
    let Ok(user) = stream.peer_cred() else { return };
    let rights = daemon.rights();
    let subject = Subject { socket, uid: user.uid() };
    let Some(caller) = rights.caller(subject) else { return daemon.count(|metrics| &metrics.strangers) };
    let account = daemon.account(subject);
    let own = Held::connection(&account, caller.limits.connections);
    let Some(held) = own.zip(Held::connection(daemon.total(), rights.limits.connections)) else { return };
    let session = Session::new(Arc::clone(daemon), Peer::new(stream), subject, user.pid());
    sessions.spawn(async move {
        session.serve().await;
        drop(held);
    });
}
