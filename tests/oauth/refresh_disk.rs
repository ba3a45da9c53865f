//! What is left of a refresh when the process or the machine ends in the middle of it, and what it comes to on a full disk.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use secure_outbound::oauth::{Record, RefreshStore, SlotId};
use serde_json::json;

use super::refresh_workers::{Host, call_when_told};
use super::refreshing::Scratch;
use crate::support;
use crate::support::alone::{self, Other};
use crate::support::library::send;
use crate::support::oauth::{Rotation, Site, sealed};

const KEY: [u8; 32] = [7; 32];

/// The library that numbers what is done to a directory.
fn disk(directory: &Path) -> PathBuf {
    let library = directory.join("disk.so");
    let status = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/disk.c"))
        .arg("-ldl")
        .status()
        .expect("a C compiler");
    assert!(status.success());
    library
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Makes one call in a process of its own, which is killed before this step, and says what it came to.
#[track_caller]
fn call(test: &str, host: &Host, disk: &Path, log: &Path, kill_at: Option<usize>) -> Option<String> {
    let kill_at = kill_at.map(|step| step.to_string());
    let mut variables = vec![
        ("LD_PRELOAD", text(disk)),
        ("SECURE_OUTBOUND_DISK", text(&host.scratch.0)),
        ("SECURE_OUTBOUND_DISK_LOG", text(log)),
    ];
    variables.extend(kill_at.as_deref().map(|step| ("SECURE_OUTBOUND_KILL_AT", step)));
    let mut other = Other::start_with(test, &host.task, &variables);
    assert_eq!(other.says(), "ready");
    other.tell();
    other.says_or_ends()
}

/// A step, as it was written down.
struct Step {
    what: String,
    name: String,
    bytes: Vec<u8>,
}

fn steps(log: &Path) -> Vec<Step> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits");
    let step = |line: &str| {
        let mut parts = line.split(' ').map(str::to_owned);
        let mut next = || parts.next().expect("three parts");
        let (what, name, digits) = (next(), next(), next());
        Step { what, name, bytes: digits.as_bytes().chunks(2).map(byte).collect() }
    };
    fs::read_to_string(log).unwrap_or_default().lines().map(step).collect()
}

#[test]
fn kill_9_at_each_step_costs_no_more_than_the_answer_that_it_had() {
    const NAME: &str = "kill_9_at_each_step_costs_no_more_than_the_answer_that_it_had";
    if let Some(task) = alone::task() {
        return call_when_told(&task);
    }
    let scratch = Scratch::new();
    let disk = disk(&scratch.0);
    let mut outcomes = Vec::new();
    for step in 0.. {
        let (host, log) = (Host::new(), scratch.0.join(format!("{step}.log")));
        if let Some(said) = call(NAME, &host, &disk, &log, Some(step)) {
            assert_eq!(said, "200", "no step was left to be killed at");
            break;
        }
        // What it had been given was not used before it was kept.
        assert!(host.site.tokens().is_empty(), "step {step}");
        let (asked, made) = (host.site.asked(), steps(&log));
        let has = |what: &str, name: &str| made.iter().any(|step| step.what == what && step.name.ends_with(name));
        assert!(asked == 0 || has("sync", ".new") && has("sync", "."), "step {step}: the mark is on the disk first");
        let said = call(NAME, &host, &disk, &scratch.0.join("after.log"), None);
        let expected = match (asked, has("rename", ".new")) {
            (0, _) => ("200", Some(1), 1),
            // It had its answer, and nobody else has.
            (_, false) => ("oauth.consent_required", None, 2),
            (_, true) => ("200", Some(1), 1),
        };
        assert_eq!(
            (said.as_deref(), host.site.rotation.times(), host.site.asked()),
            (Some(expected.0), expected.1, expected.2),
            "step {step}"
        );
        outcomes.push(expected.0);
    }
    println!("{outcomes:?}");
    assert!(outcomes.len() >= 8, "{outcomes:?}");
    assert_eq!(outcomes.first(), Some(&"200"));
    assert_eq!(outcomes.last(), Some(&"200"), "it was renamed, and the directory not synced");
    assert!(outcomes.contains(&"oauth.consent_required"));
}

/// A disk as it is after a crash of the machine.
#[derive(Clone, Default)]
struct Disk {
    /// What each name leads to.
    names: BTreeMap<String, usize>,
    /// What is in each file.
    files: BTreeMap<usize, Vec<u8>>,
}

/// Replays so many steps. What was not synced is left out: all of it, or the contents alone, as where only names are in a journal.
fn crashed(steps: &[Step], count: usize, keeps_names: bool) -> Disk {
    let (mut now, mut synced) = (Disk::default(), Disk::default());
    for (number, step) in steps.iter().take(count).enumerate() {
        let file = now.names.get(&step.name).copied();
        match (step.what.as_str(), file) {
            ("create", _) => {
                now.names.insert(step.name.clone(), number);
                now.files.insert(number, Vec::new());
            }
            ("write", Some(file)) => {
                // Each is written from its beginning.
                let contents = now.files.get_mut(&file).expect("a file");
                contents.resize(contents.len().max(step.bytes.len()), 0);
                contents[..step.bytes.len()].copy_from_slice(&step.bytes);
            }
            ("truncate", Some(file)) => {
                let length = step.bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
                now.files.get_mut(&file).expect("a file").resize(length, 0);
            }
            ("sync", None) => synced.names.clone_from(&now.names),
            ("sync", Some(file)) => {
                synced.files.insert(file, now.files[&file].clone());
            }
            ("rename", Some(file)) => {
                now.names.remove(&step.name);
                now.names.insert(String::from_utf8(step.bytes.clone()).expect("a name"), file);
            }
            ("remove", Some(_)) => {
                now.names.remove(&step.name);
            }
            (what, _) => panic!("{what} {}", step.name),
        }
    }
    let names = if keeps_names { now.names } else { synced.names };
    let files = names.values().map(|file| (*file, synced.files.get(file).cloned().unwrap_or_default())).collect();
    Disk { names, files }
}

#[test]
fn what_was_not_synced_may_be_lost() {
    const NAME: &str = "what_was_not_synced_may_be_lost";
    if let Some(task) = alone::task() {
        return call_when_told(&task);
    }
    let (scratch, host) = (Scratch::new(), Host::new());
    let (disk, log) = (disk(&scratch.0), scratch.0.join("steps.log"));
    assert_eq!(call(NAME, &host, &disk, &log, None).as_deref(), Some("200"));
    let steps = steps(&log);
    let lasting = steps.iter().position(|step| step.what == "rename").expect("a rename");
    let asked = steps.iter().position(|step| step.what == "sync" && step.name == ".").expect("a sync") + 1;
    let name = host.scratch.files("refresh").remove(0);
    let slot = SlotId::from_hex(name.file_stem().and_then(|stem| stem.to_str()).expect("a name")).expect("a slot");
    let mut seen = [0; 2];
    for count in 0..=steps.len() {
        for keeps_names in [false, true] {
            let after = Scratch::new();
            let left = crashed(&steps, count, keeps_names);
            for (name, file) in &left.names {
                fs::write(after.0.join(name), &left.files[file]).expect("a file");
            }
            let store = RefreshStore::new(after.0.clone());
            let at = format!("{count} of {} steps, with names: {keeps_names}", steps.len());
            // Whatever is lost, what is there can be read.
            let record =
                store.read(&slot, &[support::master_key(&KEY)]).unwrap_or_else(|error| panic!("{at}: {error}"));
            let is_kept = matches!(&record, Some(Record::Serves { refresh, .. }) if refresh.expose() == b"refresh-1");
            assert!(is_kept || record.is_none(), "{at}");
            // The access token was used when all was done, so nothing of that may be lost.
            assert!(is_kept || count < steps.len(), "{at}");
            assert!(!is_kept || count > lasting, "{at}");
            // From the request on it is known that there was one.
            assert!(is_kept || count < asked || store.is_begun(&slot), "{at}");
            seen[usize::from(is_kept)] += 1;
        }
    }
    assert!(seen.iter().all(|times| *times > 1), "{seen:?}");
}

/// A file system of so many bytes, in this process's view alone.
fn mount(directory: &Path, options: &str) {
    let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none", text(directory)]).status();
    assert!(status.expect("mount, of util-linux").success(), "{options}");
}

#[test]
fn a_full_disk_sends_nothing_and_loses_nothing() {
    const NAME: &str = "a_full_disk_sends_nothing_and_loses_nothing";
    if alone::task().is_none() {
        alone::run_under(&["unshare", "--mount", "--"], NAME, &json!({}));
        return;
    }
    let (scratch, rotation) = (Scratch::new(), Rotation::default());
    let directory = scratch.0.join("disk");
    fs::create_dir(&directory).expect("a directory");
    mount(&directory, "size=32k,mode=0700");
    let (filled, answering) = (Arc::new(directory.join("filled")), rotation.clone());
    let site = {
        let filled = Arc::clone(&filled);
        Site::with(
            |document| document["refresh_tokens"] = json!({"directory": directory}),
            move |_, received| {
                // Others fill the disk while it is answered.
                let mut size = 1 << 20;
                while size > 0 {
                    let mut contents = fs::read(&*filled).unwrap_or_default();
                    contents.resize(contents.len() + size, 1);
                    size = if fs::write(&*filled, &contents).is_ok() { size } else { size / 2 };
                }
                answering.answer(received)
            },
            |_| true,
        )
    };
    let mut payload = site.payload();
    payload["refresh_token"] = json!("refresh-0");
    payload["binding"] = json!({"hosts": [format!("localhost:{}", site.endpoint.address.port()),
        format!("localhost:{}", site.api.address.port())]});
    let mut request = site.request("GET");
    request["credentials"][0]["type"] = json!("oauth2_refresh_token");
    let reply = send(site.engine, &request, b"", &sealed(&payload));
    assert_eq!((reply.code(), reply.sent()), ("oauth.store_unavailable", "no"), "{}", reply.head);
    assert_eq!(site.asked(), 0);
    let left = fs::read_dir(&directory).expect("lists").flatten().map(|entry| entry.path());
    assert!(left.into_iter().all(|path| path.extension().is_some_and(|extension| extension == "lock")));

    mount(&directory, "remount,size=256k");
    // A failure is told for a while without another try.
    assert!(alone::until(|| {
        let reply = send(site.engine, &request, b"", &sealed(&payload));
        assert!(reply.http_status() == Some(200) || reply.code() == "oauth.store_unavailable", "{}", reply.head);
        reply.body == b"access-1"
    }));
    assert_eq!((site.asked(), rotation.times()), (1, Some(1)));
    assert!(fs::metadata(&*filled).is_ok_and(|metadata| metadata.len() > 100_000), "it was full when it was answered");
    let mode = fs::metadata(&directory).expect("a directory").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
