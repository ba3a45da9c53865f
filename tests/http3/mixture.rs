//! Thousands of calls with pauses in which nobody drives anything, by HTTP/3 and by HTTP/2 in turn, to an nginx that waits for 5 s.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::nginx::{Nginx, registered};
use crate::support::alone;
use crate::support::library::{close, open, send};

/// Processes beside each other. Each drives its runtime in its calls alone.
const PROCESSES: u64 = 50;
/// Calls of each kind in all: by either version, of either method, on a connection that may be kept, and on one of a new engine.
const CALLS: u64 = 1000;
const LONGEST: u64 = 10_000;

/// The next of numbers that look random (Marsaglia's xorshift).
fn next(state: &mut u64) -> u64 {
    for shift in [(13, false), (7, true), (17, false)] {
        *state ^= if shift.1 { *state >> shift.0 } else { *state << shift.0 };
    }
    *state
}

fn engine(document: &Value) -> u64 {
    let (status, engine, head) = open(document);
    assert_eq!(status, 0, "{head}");
    engine
}

/// What one process does. It says of each call its kind, and the error if there was one.
fn process(task: &Value) {
    let number = task["number"].as_u64().expect("a number");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number + 1);
    let versions = [("3", &task["by3"]), ("2", &task["by2"])];
    let kept = versions.map(|(_, document)| engine(document));
    for round in 0..CALLS / PROCESSES {
        for method in ["GET", "POST"] {
            thread::sleep(Duration::from_millis(next(&mut state) % LONGEST));
            for (place, (version, document)) in versions.iter().enumerate() {
                for is_new in [false, true] {
                    let id = format!("{number}-{round}-{method}-{version}-{is_new}");
                    // An engine is one with every other of the same configuration.
                    let mut document = (*document).clone();
                    document["user_agent"] = json!(id);
                    let engine = if is_new { engine(&document) } else { kept[place] };
                    let mut request = registered(task["base"].as_str().expect("a URL"), method, "/say");
                    request["query"] = json!([["id", id]]);
                    let reply = send(engine, &request, b"x", "");
                    let spoke = reply.head["audit"]["http_version"].as_str().unwrap_or("none").to_owned();
                    let error = if reply.http_status() == Some(200) { "fine" } else { reply.code() };
                    let kind = if is_new { "new" } else { "warm" };
                    let reused = reply.head["audit"]["connection_reused"] == true;
                    println!("> {version} {method} {kind} {spoke} {error} {} {reused}", reply.sent());
                    if is_new {
                        close(engine);
                    }
                }
            }
        }
    }
    kept.into_iter().for_each(close);
}

#[test]
#[ignore = "needs .ci/http3-servers, and takes minutes"]
fn pauses_cost_no_more_errors_than_over_http_2_and_no_post_comes_twice() {
    let name = "pauses_cost_no_more_errors_than_over_http_2_and_no_post_comes_twice";
    if let Some(task) = alone::task() {
        return process(&task);
    }
    let nginx = Nginx::start(true, "5s");
    let mut said = BTreeMap::<String, usize>::new();
    let outputs = thread::scope(|scope| {
        let started: Vec<_> = (0..PROCESSES)
            .map(|number| {
                let task = json!({
                    "number": number, "base": nginx.base(), "by3": nginx.document(&["3", "2", "1.1"]),
                    "by2": nginx.document(&["2", "1.1"]),
                });
                scope.spawn(move || alone::run(name, &task).stdout)
            })
            .collect();
        started.into_iter().map(|process| process.join().expect("a process")).collect::<Vec<_>>()
    });
    for output in outputs {
        for line in String::from_utf8(output).expect("text").lines().filter_map(|line| line.split_once("> ")) {
            *said.entry(line.1.to_owned()).or_default() += 1;
        }
    }
    said.iter().for_each(|(line, count)| println!("{count:5} {line}"));
    let calls =
        |begin: &str| said.iter().filter(|(line, _)| line.starts_with(begin)).map(|(_, count)| count).sum::<usize>();
    let errors = |version: &str, method: &str, kind: &str| {
        let begin = format!("{version} {method} {kind} ");
        let fine = said.iter().filter(|(line, _)| line.starts_with(&begin) && line.contains(" fine "));
        calls(&begin) - fine.map(|(_, count)| count).sum::<usize>()
    };
    let mut times = BTreeMap::<String, usize>::new();
    for [_, _, path, ..] in nginx.seen() {
        *times.entry(path).or_default() += 1;
    }
    for method in ["GET", "POST"] {
        for kind in ["new", "warm"] {
            let [by3, by2] = ["3", "2"].map(|version| {
                assert_eq!(calls(&format!("{version} {method} {kind} ")), CALLS as usize);
                errors(version, method, kind)
            });
            println!("{method} {kind}: {by3} errors of {CALLS} by HTTP/3, {by2} by HTTP/2");
            assert!(by3 <= by2, "{method} {kind}: {by3} by HTTP/3, {by2} by HTTP/2");
            let spoke3 = calls(&format!("3 {method} {kind} 3 "));
            println!("{method} {kind}: {spoke3} of {CALLS} were by HTTP/3");
        }
    }
    let twice: Vec<_> = times.iter().filter(|(path, times)| path.contains("POST") && **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let posts = times.keys().filter(|path| path.contains("POST")).count();
    println!("{posts} POSTs came, each once");
}
