//! The token cache that the workers of a host share: one of them holds the lease, and no forged file is accepted.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use secure_outbound::envelope::MasterKey;
use secure_outbound::oauth::{Lease, SlotId, Store, StoredToken};
use secure_outbound::secret::Secret;
use serde_json::{Value, json};

use crate::support::alone::{self, Other, in_child, listen, say};
use crate::support::{encode, library, master_key};

const TOKEN: &[u8] = b"2YotnFZFEjr1zCsicMWpAA-0123456789";
const NOW: u64 = 1_800_000_000;

/// A directory of this test's own, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tokens-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&path).expect("a directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("a mode");
        Self(path)
    }

    fn store(&self) -> Store {
        Store::new(self.0.clone())
    }

    /// The slot's file with this extension.
    fn file(&self, slot: &SlotId, extension: &str) -> PathBuf {
        self.0.join(format!("{}.{extension}", slot.hex()))
    }

    /// Stores the token, sealed with the master key of this byte.
    fn stored(&self, slot: &SlotId, key: u8) -> Store {
        let store = self.store();
        store.write(&lease(&store, slot), &token(), &[key_of(key)]).expect("writes");
        store
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Every test has slots of its own, because a slot has one holder in a process, whatever the directory is.
fn slot(name: &str) -> SlotId {
    SlotId::new(name, b"nrv1:e30=")
}

fn key_of(byte: u8) -> MasterKey {
    master_key(&[byte; 32])
}

fn token() -> StoredToken {
    StoredToken { token: Secret::new(TOKEN.to_vec()), issued_at: NOW, expires_at: NOW + 3600 }
}

fn lease(store: &Store, slot: &SlotId) -> Lease {
    store.try_lease(slot).expect("a usable directory").expect("nobody holds it")
}

/// Whether nobody holds the lease. It is taken to find out, and given back at once.
fn is_free(store: &Store, slot: &SlotId) -> bool {
    store.try_lease(slot).expect("a usable directory").is_some()
}

fn is_there(store: &Store, slot: &SlotId, key: u8) -> bool {
    store.read(slot, &[key_of(key)], NOW).is_some()
}

/// What a test tells its other processes. That they have a task shows them that they are not the test itself.
fn task(scratch: &Scratch) -> Value {
    json!({"directory": scratch.0})
}

fn store_of(task: &Value) -> Store {
    Store::new(PathBuf::from(task["directory"].as_str().expect("a path")))
}

#[test]
fn of_many_processes_one_holds_the_lease() {
    const NAME: &str = "of_many_processes_one_holds_the_lease";
    let slot = slot("many");
    if let Some(task) = alone::task() {
        say("ready");
        listen();
        let held = store_of(&task).try_lease(&slot).expect("a usable directory");
        say(if held.is_some() { "held" } else { "waits" });
        listen();
        return;
    }
    let scratch = Scratch::new();
    let mut others: Vec<_> = (0..12).map(|_| Other::start(NAME, &task(&scratch))).collect();
    others.iter_mut().for_each(|other| assert_eq!(other.says(), "ready"));
    others.iter_mut().for_each(Other::tell);
    let responses: Vec<_> = others.iter_mut().map(Other::says).collect();
    assert_eq!(responses.iter().filter(|response| *response == "held").count(), 1, "{responses:?}");
    assert_eq!(responses.iter().filter(|response| *response == "waits").count(), 11, "{responses:?}");
    assert!(!is_free(&scratch.store(), &slot));
}

#[test]
fn a_killed_holder_holds_nothing() {
    const NAME: &str = "a_killed_holder_holds_nothing";
    let slot = slot("killed");
    if let Some(task) = alone::task() {
        let _held = lease(&store_of(&task), &slot);
        say("held");
        listen();
        return;
    }
    let scratch = Scratch::new();
    let mut holder = Other::start(NAME, &task(&scratch));
    assert_eq!(holder.says(), "held");
    let store = scratch.store();
    assert!(!is_free(&store, &slot));
    holder.kill();
    assert!(is_free(&store, &slot), "it is free as soon as the process has ended");
}

#[test]
fn a_fork_of_the_holder_does_not_hold_it() {
    const NAME: &str = "a_fork_of_the_holder_does_not_hold_it";
    let slot = slot("forked");
    if let Some(task) = alone::task() {
        let store = store_of(&task);
        let held = RefCell::new(Some(lease(&store, &slot)));
        assert!(in_child(|| {
            assert!(!is_free(&store, &slot), "the parent has it, and the child sees that");
            let inherited = held.take().expect("the parent's");
            assert!(store.write(&inherited, &token(), &[key_of(1)]).is_err(), "it is not the child's to write under");
            drop(inherited);
            assert!(!is_free(&store, &slot), "what the child dropped was not its own");
        }));
        assert!(in_child(|| {
            say("forked");
            listen();
            say("alive");
        }));
        return;
    }
    let scratch = Scratch::new();
    let store = scratch.store();
    let mut holder = Other::start(NAME, &task(&scratch));
    assert_eq!(holder.says(), "forked");
    assert!(!is_free(&store, &slot));
    assert!(!is_there(&store, &slot, 1));

    let mut child = holder.kill();
    assert!(is_free(&store, &slot), "the holder is gone, and its child holds the file open and no lease");
    assert_eq!(child.report(), "alive");
}

#[test]
fn a_child_takes_leases_of_its_own() {
    const NAME: &str = "a_child_takes_leases_of_its_own";
    let slot = slot("child");
    let Some(task) = alone::task() else {
        alone::run(NAME, &task(&Scratch::new()));
        return;
    };
    // The child is forked while a table in memory says that this process has the lease, which is not true of the child.
    let (parents, childs) = (Scratch::new(), store_of(&task));
    let held = lease(&parents.store(), &slot);
    assert!(childs.try_lease(&slot).expect("usable").is_none(), "one caller of a process at a time");
    assert!(in_child(|| {
        let own = lease(&childs, &slot);
        assert!(childs.try_lease(&slot).expect("usable").is_none());
        childs.write(&own, &token(), &[key_of(1)]).expect("writes");
    }));
    assert!(is_there(&childs, &slot, 1));
    drop(held);
    assert!(is_free(&childs, &slot));
}

#[test]
fn the_callers_of_a_process_exclude_each_other() {
    let scratch = Scratch::new();
    let slot = slot("threads");
    let (barrier, inside, most) = (Barrier::new(8), AtomicU32::new(0), AtomicU32::new(0));
    let leases = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            // A store for each thread, as for an engine of its own.
            let store = scratch.store();
            scope.spawn(|| {
                let store = store;
                barrier.wait();
                for _ in 0..200 {
                    if let Some(held) = store.try_lease(&slot).expect("a usable directory") {
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        leases.fetch_add(1, Ordering::SeqCst);
                        drop(held);
                    }
                }
            });
        }
    });
    assert_eq!(most.into_inner(), 1);
    assert!(leases.into_inner() > 0);
}

#[test]
fn an_attempt_in_the_holders_process_does_not_end_the_lease() {
    const NAME: &str = "an_attempt_in_the_holders_process_does_not_end_the_lease";
    let slot = slot("attempts");
    if let Some(task) = alone::task() {
        say(if is_free(&store_of(&task), &slot) { "free" } else { "held" });
        return;
    }
    let scratch = Scratch::new();
    let held = lease(&scratch.store(), &slot);
    // If this opened the lock file and closed it again, the process would lose its lock on it.
    assert!(scratch.store().try_lease(&slot).expect("usable").is_none());
    assert!(scratch.store().read(&slot, &[key_of(1)], NOW).is_none());
    scratch.store().write(&held, &token(), &[key_of(1)]).expect("writes");
    assert!(is_there(&scratch.store(), &slot, 1));
    assert_eq!(Other::start(NAME, &task(&scratch)).says(), "held");
    drop(held);
    assert_eq!(Other::start(NAME, &task(&scratch)).says(), "free");
}

#[test]
fn an_early_renewal_is_left_to_whoever_has_begun_one() {
    const HOUR: Duration = Duration::from_secs(3600);
    let scratch = Scratch::new();
    let slot = slot("early");
    let store = scratch.stored(&slot, 1);
    let may_begin = || store.try_lease_among(&slot, HOUR, 0).expect("usable").is_some();
    assert!(may_begin(), "nobody has begun since the last token came");
    assert!(!may_begin(), "one that has given the lease back without a token may still have it coming");
    assert!(store.try_lease_among(&slot, Duration::ZERO, 0).expect("usable").is_some());
    assert!(!may_begin());
    assert!(is_free(&store, &slot), "who has no token does not wait for that");

    let lock = fs::File::options().write(true).open(scratch.file(&slot, "lock")).expect("opens");
    lock.set_modified(SystemTime::now() - 2 * HOUR).expect("a time");
    assert!(may_begin(), "that was long ago");
    lock.set_modified(SystemTime::now() + 2 * HOUR).expect("a time");
    assert!(may_begin(), "the clock was set back");
    store.write(&lease(&store, &slot), &token(), &[key_of(1)]).expect("writes");
    assert!(may_begin(), "its token has come");
}

#[test]
fn slots_are_leased_apart() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let _one = lease(&store, &slot("apart"));
    let _other = lease(&store, &slot("apart from it"));
    let _rotated = lease(&store, &SlotId::new("apart", b"nrv1:another"));
}

#[test]
fn a_token_comes_back_until_it_expires() {
    let scratch = Scratch::new();
    let store = scratch.stored(&slot("expires"), 1);
    let read = |now| store.read(&slot("expires"), &[key_of(1)], now);
    let found = read(NOW).expect("the token");
    assert!(secure_outbound::secret::equal_in_constant_time(found.token.expose(), token().token.expose()));
    assert_eq!((found.issued_at, found.expires_at), (NOW, NOW + 3600));
    assert!(read(NOW + 3599).is_some());
    assert!(read(NOW + 3600).is_none());
    assert!(read(NOW - 1).is_none(), "the clock was set back");
    assert!(!is_there(&store, &slot("never stored"), 1));
}

#[test]
fn a_later_token_replaces_the_earlier_one() {
    let scratch = Scratch::new();
    let slot = slot("renewed");
    let store = scratch.stored(&slot, 1);
    let before = fs::metadata(scratch.file(&slot, "token")).expect("a file").ino();
    let renewed = StoredToken { token: Secret::new(b"renewed".to_vec()), ..token() };
    // As a writer leaves it that was killed before it had finished.
    fs::write(scratch.file(&slot, "new"), "half a file").expect("writes");
    store.write(&lease(&store, &slot), &renewed, &[key_of(1)]).expect("writes");
    assert_eq!(store.read(&slot, &[key_of(1)], NOW).expect("a token").token.expose(), b"renewed");
    assert_ne!(fs::metadata(scratch.file(&slot, "token")).expect("a file").ino(), before, "another file, renamed");
    let mut names: Vec<_> = fs::read_dir(&scratch.0).expect("lists").flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    assert_eq!(names, [format!("{}.lock", slot.hex()), format!("{}.token", slot.hex())].map(Into::<OsString>::into));
}

/// Makes the file look as if it was last written so many days ago.
fn age(file: &Path, days: u64) {
    let file = fs::File::options().write(true).open(file).expect("opens");
    file.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400)).expect("a time");
}

#[test]
fn what_is_over_for_a_month_goes_with_a_later_write() {
    const NAME: &str = "what_is_over_for_a_month_goes_with_a_later_write";
    if let Some(task) = alone::task() {
        let _held = lease(&store_of(&task), &slot("held elsewhere"));
        say("held");
        listen();
        return;
    }
    let scratch = Scratch::new();
    let store = scratch.store();
    let write = || store.write(&lease(&store, &slot("writes")), &token(), &[key_of(1)]).expect("writes");
    // A token is valid for a day at most, so a file is out of date for a month after 31 days.
    let left = [("over", 32), ("not yet over", 30), ("held here", 32), ("held elsewhere", 32)];
    for (name, _) in left {
        scratch.stored(&slot(name), 1);
        for begun in ["new", "new2"] {
            fs::write(scratch.file(&slot(name), begun), "").expect("writes");
        }
    }
    for (name, days) in left {
        age(&scratch.file(&slot(name), "token"), days);
        age(&scratch.file(&slot(name), "new"), days);
        age(&scratch.file(&slot(name), "new2"), days);
        age(&scratch.file(&slot(name), "lock"), 400);
    }
    let foreign = ["other.token", &format!("{}.tokens", "0".repeat(64)), &format!("{}.token", "x".repeat(64))]
        .map(|name| scratch.0.join(name));
    for file in &foreign {
        fs::write(file, "").expect("writes");
        age(file, 400);
    }
    let set_back = scratch.file(&slot("not yet over"), "new");
    fs::File::options()
        .write(true)
        .open(&set_back)
        .and_then(|file| file.set_modified(SystemTime::now() + Duration::from_secs(400 * 86_400)))
        .expect("a time");
    let is_there = |name: &str, extension: &str| scratch.file(&slot(name), extension).exists();

    let here = lease(&store, &slot("held here"));
    let mut elsewhere = Other::start(NAME, &task(&scratch));
    assert_eq!(elsewhere.says(), "held");
    write();
    for extension in ["token", "new", "new2"] {
        assert!(!is_there("over", extension), "{extension}");
        for name in ["not yet over", "held here", "held elsewhere"] {
            assert!(is_there(name, extension), "{name}.{extension}");
        }
    }
    assert!(foreign.iter().all(|file| file.exists()), "what is not the cache's own stays");

    drop((here, elsewhere));
    write();
    for name in ["over", "not yet over", "held here", "held elsewhere"] {
        assert_eq!(is_there(name, "token"), name == "not yet over", "{name}");
        assert!(is_there(name, "lock"), "somebody may wait for its lock: {name}");
        assert!(is_free(&store, &slot(name)));
    }
    assert!(is_there("writes", "token"));
}

#[test]
fn the_file_shows_nothing_and_is_its_owners() {
    let scratch = Scratch::new();
    let slot = slot("shows");
    scratch.stored(&slot, 1);
    let file = fs::read(scratch.file(&slot, "token")).expect("a file");
    let contains = |part: &[u8]| file.windows(part.len()).any(|window| window == part);
    let hex: String = TOKEN.iter().map(|byte| format!("{byte:02x}")).collect();
    for form in [TOKEN, encode(TOKEN).as_bytes(), hex.as_bytes()] {
        // Not the whole form alone: no eight bytes of it may be in the file.
        for part in form.windows(8) {
            assert!(!contains(part));
        }
    }
    for extension in ["token", "lock"] {
        let mode = fs::metadata(scratch.file(&slot, extension)).expect("a file").mode();
        assert_eq!(mode & 0o7777, 0o600, "{extension}");
    }
}

#[test]
fn files_that_are_not_the_slots_own_are_not_there() {
    let scratch = Scratch::new();
    let (one, other) = (slot("one"), slot("other"));
    let store = scratch.stored(&one, 1);
    let path = scratch.file(&one, "token");
    let whole = fs::read(&path).expect("a file");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for contents in
        [&[], &whole[..whole.len() - 1], &flipped[..], &vec![0; 1 << 20][..], b"token", &[&whole[..], b"\n"].concat()]
    {
        fs::write(&path, contents).expect("writes");
        assert!(!is_there(&store, &one, 1));
    }
    fs::write(&path, &whole).expect("writes");
    assert!(is_there(&store, &one, 1), "and the whole is there again");
    fs::copy(&path, scratch.file(&other, "token")).expect("copies");
    assert!(!is_there(&store, &other, 1), "another slot's file");

    fs::remove_file(&path).expect("removes");
    fs::create_dir(&path).expect("a directory");
    assert!(!is_there(&store, &one, 1), "a directory");
    fs::remove_dir(&path).expect("removes");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    assert!(!is_there(&store, &one, 1), "a pipe that nobody writes to");
}

#[test]
fn links_in_the_directory_are_not_followed() {
    let (scratch, outside) = (Scratch::new(), Scratch::new());
    let slot = slot("links");
    outside.stored(&slot, 1);
    let store = scratch.store();
    symlink(outside.file(&slot, "token"), scratch.file(&slot, "token")).expect("a link");
    assert!(is_there(&outside.store(), &slot, 1));
    assert!(!is_there(&store, &slot, 1), "reading");

    let elsewhere = outside.0.join("elsewhere");
    symlink(&elsewhere, scratch.file(&slot, "new")).expect("a link");
    let before = fs::read(outside.file(&slot, "token")).expect("a file");
    let other = StoredToken { token: Secret::new(b"t".to_vec()), ..token() };
    store.write(&lease(&store, &slot), &other, &[key_of(1)]).expect("writes");
    assert!(!elsewhere.exists(), "writing");
    assert!(is_there(&store, &slot, 1));
    assert_eq!(fs::read(outside.file(&slot, "token")).expect("a file"), before, "the link is replaced, not its target");

    fs::remove_file(scratch.file(&slot, "lock")).expect("removes");
    symlink(&elsewhere, scratch.file(&slot, "lock")).expect("a link");
    assert!(store.try_lease(&slot).is_err(), "locking");
    assert!(!elsewhere.exists());
}

#[test]
fn a_rotated_master_key_still_reads() {
    let scratch = Scratch::new();
    let slot = slot("rotated");
    let store = scratch.stored(&slot, 1);
    assert!(store.read(&slot, &[key_of(2), key_of(1)], NOW).is_some(), "the old key is still there");
    assert!(store.read(&slot, &[key_of(2)], NOW).is_none(), "the old key is gone");
    store.write(&lease(&store, &slot), &token(), &[key_of(2), key_of(1)]).expect("writes");
    assert!(is_there(&store, &slot, 2), "the first key writes");
    assert!(!is_there(&store, &slot, 1));
    let none: [MasterKey; 0] = [];
    assert!(store.read(&slot, &none, NOW).is_none());
    assert!(store.write(&lease(&store, &slot), &token(), &none).is_err());
    assert!(is_there(&store, &slot, 2), "what cannot be sealed leaves the file as it is");
}

fn code(directory: &Path) -> Option<&'static str> {
    let store = Store::new(directory.to_owned());
    let warning = store.warning().map(|warning| warning.code);
    let slot = SlotId::new("any", directory.as_os_str().as_encoded_bytes());
    assert_eq!(store.try_lease(&slot).is_err(), warning.is_some(), "what is warned of is not used");
    warning
}

#[test]
fn a_directory_that_others_can_write_is_not_used() {
    let scratch = Scratch::new();
    let store = scratch.stored(&slot("modes"), 1);
    let mode = |mode| {
        fs::set_permissions(&scratch.0, fs::Permissions::from_mode(mode)).expect("a mode");
        (code(&scratch.0), is_there(&store, &slot("modes"), 1))
    };
    for wrong in [0o777, 0o770, 0o702, 0o1777, 0o720] {
        assert_eq!(mode(wrong), (Some("token_cache.permissions"), false), "{wrong:o}");
    }
    for right in [0o700, 0o755, 0o2750] {
        assert_eq!(mode(right), (None, true), "{right:o}");
    }
}

#[test]
fn a_directory_of_another_user_is_not_used() {
    let scratch = Scratch::new();
    // Root gives the directory to another user. Other users, who cannot, take `/`, which belongs to root.
    let foreign = match std::os::unix::fs::chown(&scratch.0, Some(4242), None) {
        Ok(()) => scratch.0.clone(),
        Err(_) => PathBuf::from("/"),
    };
    assert_eq!(code(&foreign), Some("token_cache.owner"));
}

#[test]
fn a_directory_that_comes_later_is_used_from_then_on() {
    let scratch = Scratch::new();
    let later = scratch.0.join("later");
    assert_eq!(code(&later), Some("token_cache.missing"));
    fs::write(&later, "").expect("writes");
    assert_eq!(code(&later), Some("token_cache.missing"), "a file");
    fs::remove_file(&later).expect("removes");
    fs::create_dir(&later).expect("a directory");
    fs::set_permissions(&later, fs::Permissions::from_mode(0o700)).expect("a mode");
    assert_eq!(code(&later), None);
}

#[test]
fn opening_warns_of_the_directory_as_it_is_now() {
    let scratch = Scratch::new();
    let configuration = json!({"version": 1, "token_cache": {"directory": scratch.0.join("later")}});
    let codes = || {
        let (status, engine, head) = library::open(&configuration);
        assert_eq!(status, 0, "{head}");
        let warnings = head["warnings"].as_array().expect("a list").clone();
        (
            engine,
            warnings
                .iter()
                .filter(|warning| warning["code"] != "tls.no_roots")
                .map(|warning| warning["code"].clone())
                .collect::<Vec<_>>(),
        )
    };
    let (engine, warned) = codes();
    assert_eq!(warned, ["token_cache.missing"]);
    fs::create_dir(scratch.0.join("later")).expect("a directory");
    fs::set_permissions(scratch.0.join("later"), fs::Permissions::from_mode(0o700)).expect("a mode");
    assert_eq!(codes(), (engine, vec![]));
}
