//! Tasks of the runtime, and whether anything woke one.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use tokio::task::JoinHandle;

/// Of all runtimes of a process. Who asks only does something for nothing where another one's task was woken.
static WOKEN: AtomicBool = AtomicBool::new(false);

/// What hyper gives an executor.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Gives the runtime that is driven here a task.
pub fn spawn<F: Future<Output: Send> + Send + 'static>(task: F) -> JoinHandle<F::Output> {
    tokio::spawn(noticed(task))
}

/// A task that tells when it is woken. A runtime does not say whether what it has just taken from its sockets woke anybody, and
/// who ends driving it at that moment has to know.
pub async fn noticed<F: Future>(task: F) -> F::Output {
    let mut task = pin!(task);
    let mut wakers: Option<(Waker, Waker)> = None;
    poll_fn(move |cx| {
        let (_, telling) = match &mut wakers {
            Some(wakers) if wakers.0.will_wake(cx.waker()) => wakers,
            wakers => wakers.insert((cx.waker().clone(), Arc::new(Telling(cx.waker().clone())).into())),
        };
        task.as_mut().poll(&mut Context::from_waker(telling))
    })
    .await
}

/// Forgets what was woken so far.
#[cfg(feature = "ffi")]
pub fn forget_woken() {
    WOKEN.store(false, Ordering::Release);
}

/// Whether a task was woken since then.
#[cfg(feature = "ffi")]
pub fn any_woken() -> bool {
    WOKEN.load(Ordering::Acquire)
}

struct Telling(Waker);

impl Wake for Telling {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        WOKEN.store(true, Ordering::Release);
        self.0.wake_by_ref();
    }
}
