//! Tests that need a process of their own: the test binary runs again with only that test, and its output is read.

#![allow(unsafe_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const TASK: &str = "SECURE_OUTBOUND_TEST_TASK";

/// Long enough for the slowest machine. It ends only a process that hangs, and such a test has failed.
const HANGS: Duration = Duration::from_secs(60);

/// The task that the outer process has given; `None` where this is the outer process.
pub fn task() -> Option<Value> {
    std::env::var(TASK).ok().map(|text| serde_json::from_str(&text).expect("JSON"))
}

/// The arguments with which this binary runs only one test of the caller's file, whose name is that of its module.
#[track_caller]
fn only(test: &str) -> [String; 5] {
    let module = Path::new(Location::caller().file()).file_stem().expect("a file").to_string_lossy();
    [
        format!("{module}::{test}"),
        "--exact".to_owned(),
        "--include-ignored".to_owned(),
        "--nocapture".to_owned(),
        "--test-threads=1".to_owned(),
    ]
}

/// Runs one test of the caller's file in a process of its own, in which `task` returns this value.
#[track_caller]
pub fn run(test: &str, task: &Value) -> Output {
    run_under(&[], test, task)
}

/// The same under a program that runs the rest of its command line.
#[track_caller]
pub fn run_under(wrapper: &[&str], test: &str, task: &Value) -> Output {
    let own = std::env::current_exe().expect("a path");
    let mut line = wrapper.iter().map(Into::into).chain([own.into_os_string()]);
    let output = Command::new(line.next().expect("a program"))
        .args(line)
        .args(only(test))
        .env(TASK, task.to_string())
        .output()
        .expect("this binary");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("1 passed"), "no test is called {test}");
    output
}

/// Runs the body of the test `name`, of the caller's file, in a process of its own, and shows what it wrote.
#[track_caller]
pub fn in_own_process(name: &str, body: impl FnOnce()) {
    if task().is_none() {
        print!("{}", String::from_utf8_lossy(&run(name, &Value::Null).stdout));
    } else {
        body();
    }
}

/// Another process of this test, which ends when its standard input is closed or when it is killed.
pub struct Other(Child, BufReader<ChildStdout>);

impl Other {
    /// Starts this binary again with only that test of the caller's file, in which `task` returns this value.
    #[track_caller]
    pub fn start(test: &str, task: &Value) -> Self {
        Self::start_with(test, task, &[])
    }

    /// The same with these environment variables.
    #[track_caller]
    pub fn start_with(test: &str, task: &Value, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("a path"))
            .args(only(test))
            .env(TASK, task.to_string())
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self(child, output)
    }

    /// What it says next. That comes after `> `, because the test harness writes to the same pipe.
    pub fn says(&mut self) -> String {
        self.says_or_ends().expect("the process ended")
    }

    /// The same, or nothing where it ends.
    pub fn says_or_ends(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.1.read_line(&mut line).expect("a pipe") > 0 {
            if let Some((_, said)) = line.split_once("> ") {
                return Some(said.trim_end().to_owned());
            }
            line.clear();
        }
        None
    }

    /// Tells it to go on.
    pub fn tell(&mut self) {
        self.0.stdin.as_mut().expect("a pipe").write_all(b"\n").expect("it listens");
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills it and waits for its end. Its pipes stay open, so its own children live on.
    pub fn kill(mut self) -> Self {
        let input = self.0.stdin.take();
        self.0.kill().expect("a child");
        self.0.wait().expect("a child");
        self.0.stdin = input;
        self
    }

    /// Tells it to go on, and gives what it says then.
    pub fn report(&mut self) -> String {
        self.tell();
        self.says()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says something to the process that started this one.
pub fn say(what: &str) {
    println!("> {what}");
}

/// Waits until the process that started this one tells it to go on. False if that process has ended.
pub fn listen() -> bool {
    std::io::stdin().read(&mut [0]).expect("a pipe") == 1
}

/// Waits until this is true. False if it is not after a time that is long enough for any machine.
pub fn until(mut came: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        if came() {
            return true;
        }
        if begun.elapsed() > HANGS {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs `work` in a forked child and says whether it ended well. One that hangs is killed, by its id.
pub fn in_child(work: impl FnOnce()) -> bool {
    // SAFETY: the C library makes its allocator usable in the child; the child leaves by _exit.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no fork");
    if child == 0 {
        let ended = catch_unwind(AssertUnwindSafe(work));
        // SAFETY: ends this process, without the parent's exit handlers.
        unsafe { libc::_exit(i32::from(ended.is_err())) };
    }
    let mut status = 0;
    // SAFETY: `child` is a child of this process that nobody else waits for.
    if !until(|| unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } == child) {
        // SAFETY: it has not been waited for, so its id is still its own.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, &mut status, 0);
        }
    }
    status == 0
}
