//! The tasks of hyper's connections, each with the tasks that it starts.

use std::cell::RefCell;
use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use hyper::rt::Executor;

use super::tasks::{Task, spawn};

/// So often its members are polled in one turn, so that those who always have themselves woken leave the thread to others.
const ROUNDS: usize = 8;

thread_local! {
    /// What has been started by the family that is polled; nothing where none is.
    static STARTED: RefCell<Option<Vec<Task>>> = const { RefCell::new(None) };
}

/// Runs the tasks of hyper's connections. What one of them starts goes on within it: hyper has a task for each request over HTTP/2, and of
/// two that are woken at once another thread of the runtime is woken to take one over.
#[derive(Clone)]
pub struct Spawner;

impl Executor<Task> for Spawner {
    fn execute(&self, task: Task) {
        if let Some(task) = adopt(task) {
            drop(spawn(run(vec![task])));
        }
    }
}

/// Works, and makes one family of what is started meanwhile, such as the two tasks of a connection over HTTP/2.
pub fn together<T>(work: impl FnOnce() -> T) -> T {
    let collecting = Collecting::begin();
    let outcome = work();
    let started = collecting.end();
    if !started.is_empty() {
        drop(spawn(run(started)));
    }
    outcome
}

/// Takes over a task that is started within a family. What it gives back has to be run by itself.
fn adopt(task: Task) -> Option<Task> {
    STARTED.with_borrow_mut(|started| match started {
        Some(started) => {
            started.push(task);
            None
        }
        None => Some(task),
    })
}

/// Runs tasks, and what they start, to the end of all of them. Those are polled that were woken.
async fn run(mut started: Vec<Task>) {
    let mut members: Vec<Member> = Vec::new();
    let mut family: Option<Arc<Family>> = None;
    poll_fn(move |cx| {
        let family = match &mut family {
            Some(family) if family.waker.will_wake(cx.waker()) => family,
            family => {
                let next = Family { waker: cx.waker().clone(), is_polled: AtomicBool::new(false) };
                let next = family.insert(Arc::new(next));
                members.iter_mut().for_each(|member| member.waker = MemberWaker::of(next));
                next
            }
        };
        family.is_polled.store(true, Ordering::SeqCst);
        for _ in 0..ROUNDS {
            members.extend(
                mem::take(&mut started).into_iter().map(|task| Member { task, waker: MemberWaker::of(family) }),
            );
            let collecting = Collecting::begin();
            members.retain_mut(|member| !member.ends());
            started = collecting.end();
            if !started.is_empty() {
                continue;
            }
            if members.is_empty() {
                return Poll::Ready(());
            }
            // Whoever is woken from now on wakes the family, and whoever was until now is looked for.
            family.is_polled.store(false, Ordering::SeqCst);
            if !members.iter().any(|member| member.waker.is_woken.load(Ordering::SeqCst)) {
                return Poll::Pending;
            }
            family.is_polled.store(true, Ordering::SeqCst);
        }
        family.is_polled.store(false, Ordering::SeqCst);
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// What its members have in common.
struct Family {
    waker: Waker,
    /// Meanwhile a member that is woken is polled in the same turn, and wakes nobody.
    is_polled: AtomicBool,
}

struct Member {
    task: Task,
    waker: Arc<MemberWaker>,
}

impl Member {
    /// Polls it where it was woken. Says whether it has ended.
    fn ends(&mut self) -> bool {
        let is_woken = self.waker.is_woken.swap(false, Ordering::SeqCst);
        is_woken && self.task.as_mut().poll(&mut Context::from_waker(&Arc::clone(&self.waker).into())).is_ready()
    }
}

/// Wakes a member.
struct MemberWaker {
    family: Arc<Family>,
    is_woken: AtomicBool,
}

impl MemberWaker {
    fn of(family: &Arc<Family>) -> Arc<Self> {
        Arc::new(Self { family: Arc::clone(family), is_woken: AtomicBool::new(true) })
    }
}

impl Wake for MemberWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        if !self.family.is_polled.load(Ordering::SeqCst) {
            self.family.waker.wake_by_ref();
        }
    }
}

/// Collects what is started, and puts back what was collected before, after a panic as well.
struct Collecting(Option<Vec<Task>>);

impl Collecting {
    fn begin() -> Self {
        Self(STARTED.replace(Some(Vec::new())))
    }

    fn end(self) -> Vec<Task> {
        STARTED.take().unwrap_or_default()
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        STARTED.set(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::sync::Mutex;

    use tokio::runtime::{Builder, Runtime};
    use tokio::sync::{Notify, oneshot};
    use tokio::task::yield_now;

    use super::*;
    use crate::sys::lock;

    fn runtime() -> Runtime {
        Builder::new_current_thread().build().expect("a runtime")
    }

    #[test]
    fn what_a_task_starts_is_a_part_of_it_and_outlives_its_own_end() {
        let (ids, go) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Notify>::default());
        let noting = |ids: &Arc<Mutex<Vec<_>>>| lock(ids).push(tokio::task::id());
        runtime().block_on(async {
            let (outer, later) = (Arc::clone(&ids), Arc::clone(&go));
            Spawner.execute(Box::pin(async move {
                noting(&outer);
                let inner = Arc::clone(&outer);
                Spawner.execute(Box::pin(async move {
                    noting(&inner);
                    later.notified().await;
                    noting(&inner);
                }));
            }));
            while lock(&ids).len() < 2 {
                yield_now().await;
            }
            go.notify_one();
            while lock(&ids).len() < 3 {
                yield_now().await;
            }
        });
        let ids = lock(&ids);
        assert!(ids.iter().all(|id| id == &ids[0]), "{ids:?}");
    }

    #[test]
    fn what_is_started_together_is_one_family() {
        runtime().block_on(async {
            let (told, tells): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
            let mut told = told.into_iter();
            let mut start = || {
                if let Some(told) = told.next() {
                    Spawner.execute(Box::pin(async move { _ = told.send(tokio::task::id()) }));
                }
            };
            together(|| {
                start();
                start();
            });
            start();
            let mut ids = Vec::new();
            for tells in tells {
                ids.push(tells.await.expect("it runs"));
            }
            assert_eq!(ids[0], ids[1]);
            assert_ne!(ids[0], ids[2]);
        });
    }

    /// Who is woken by another member, or by itself, is polled in the same turn, and not for ever.
    #[test]
    fn members_that_wake_each_other_leave_the_thread_to_others() {
        let polls = Arc::<Mutex<usize>>::default();
        runtime().block_on(async {
            let counted = Arc::clone(&polls);
            Spawner.execute(Box::pin(poll_fn(move |cx| {
                *lock(&counted) += 1;
                cx.waker().wake_by_ref();
                Poll::Pending
            })));
            yield_now().await;
            let polls = *lock(&polls);
            assert!(polls > 0 && polls.is_multiple_of(ROUNDS), "{polls}");
        });
    }

    #[test]
    fn a_member_alone_is_polled_where_it_alone_is_woken() {
        let (polls, go) = (Arc::<Mutex<[usize; 2]>>::default(), [Arc::<Notify>::default(), Arc::default()]);
        runtime().block_on(async {
            let (polls, waited) = (Arc::clone(&polls), go.clone());
            let counted = Arc::clone(&polls);
            Spawner.execute(Box::pin(async move {
                for (place, go) in waited.into_iter().enumerate() {
                    let polls = Arc::clone(&counted);
                    Spawner.execute(Box::pin(async move {
                        let mut waiting = Box::pin(async {
                            loop {
                                go.notified().await;
                            }
                        });
                        poll_fn(|cx| {
                            lock(&polls)[place] += 1;
                            waiting.as_mut().poll(cx)
                        })
                        .await
                    }));
                }
            }));
            yield_now().await;
            assert_eq!(*lock(&polls), [1, 1]);
            go[1].notify_one();
            yield_now().await;
            assert_eq!(*lock(&polls), [1, 2]);
            go.iter().for_each(|go| go.notify_one());
            yield_now().await;
            assert_eq!(*lock(&polls), [2, 3]);
        });
    }

    #[test]
    fn after_a_panic_what_others_start_still_runs() {
        runtime().block_on(async {
            Spawner.execute(Box::pin(async { panic!("a test wants one") }));
            yield_now().await;
            let (told, tells) = oneshot::channel();
            Spawner.execute(Box::pin(async move { _ = told.send(()) }));
            tells.await.expect("it runs");
        });
    }
}
