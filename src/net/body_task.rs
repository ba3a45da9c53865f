//! The task that sends a request's body over HTTP/2, and its end.

use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};

use hyper::rt::Executor;
use tokio::task::{AbortHandle, Id, try_id};

use super::tasks::{Task, spawn};
use crate::sys::lock;

tokio::task_local! {
    /// How the task can be ended that is polled.
    static ENDED_BY: Arc<OnceLock<AbortHandle>>;
}

/// Runs tasks that what they poll can end.
#[derive(Clone)]
pub struct Endable;

impl Executor<Task> for Endable {
    fn execute(&self, task: Task) {
        let ended_by = Arc::<OnceLock<AbortHandle>>::default();
        let handle = spawn(ENDED_BY.scope(Arc::clone(&ended_by), task));
        let _ = ended_by.set(handle.abort_handle());
    }
}

/// Who sends the body of a request. Over HTTP/2 hyper has it sent by a task of its own, which keeps the stream open after the
/// response was let go, for as long as the other side makes no room for the body.
#[derive(Default)]
pub struct BodyTask(Mutex<Polled>);

/// By which tasks a body was polled.
#[derive(Default)]
struct Polled {
    /// Of a connection that is not driven by a task, nothing is known.
    connection: Option<Option<Id>>,
    ended_by: Option<Arc<OnceLock<AbortHandle>>>,
}

impl BodyTask {
    /// Ready where the body may be handed over. The task of the connection asks first: it gets nothing yet, so that a task which
    /// sends the body asks as well, before it waits for room.
    pub fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut polled = lock(&self.0);
        let task = try_id();
        if polled.connection.is_none() {
            polled.connection = Some(task);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if polled.connection != Some(task) {
            polled.ended_by = ENDED_BY.try_with(Arc::clone).ok();
        }
        Poll::Ready(())
    }

    /// Has no more of the body sent, where that is not the connection's own task.
    fn end(&self) {
        if let Some(handle) = lock(&self.0).ended_by.as_ref().and_then(|ended_by| ended_by.get()) {
            handle.abort();
        }
    }
}

/// Ends who sends a body when it is dropped.
pub struct BodyTaskEnd(pub Arc<BodyTask>);

impl Drop for BodyTaskEnd {
    fn drop(&mut self) {
        self.0.end();
    }
}
