//! The configuration of keys, and a key ring whose files change while it is open.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use secure_outbound::document::{KeySourceSpec, MasterKeySpec};
use secure_outbound::envelope::Forms;
use secure_outbound::envelope::aead::Algorithm;
use secure_outbound::error::{Code, Error};
use secure_outbound::keys::Keyring;
use secure_outbound::secret::{LockedSecret, Secret};
use serde_json::Value;

use crate::support::{alone, seal};

const ONES: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const TWOS: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

/// A directory of this test's own, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("keys-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn write(&self, name: &str, contents: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        // A new inode every time, as in a rotation that renames a complete file into place.
        let fresh = self.0.join("fresh");
        fs::write(&fresh, contents).expect("writes");
        fs::set_permissions(&fresh, fs::Permissions::from_mode(mode)).expect("a mode");
        fs::rename(&fresh, &path).expect("renames");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn entries(document: &str) -> Vec<MasterKeySpec> {
    serde_json::from_str(document).expect("entries")
}

fn ring(document: &str) -> Result<Keyring, Error> {
    Keyring::open(entries(document), |_| None)
}

fn file_ring(path: &std::path::Path) -> Keyring {
    ring(&format!(r#"[{{"provider": "file", "path": {path:?}}}]"#)).expect("a ring")
}

fn codes(ring: &Keyring) -> Vec<&'static str> {
    ring.warnings().iter().map(|warning| warning.code).collect()
}

/// Which of the keys 01…01 and 02…02 the ring has, shown by the envelopes that it opens.
fn opens(ring: &mut Keyring) -> Vec<u8> {
    let keys = ring.keys();
    let fits = |byte: &u8| {
        let sealed = seal(b"x", "an_id", &[*byte; 32], Algorithm::XChaCha20Poly1305);
        Forms::default().open(sealed.as_bytes(), "an_id", &keys).is_ok()
    };
    [1, 2].into_iter().filter(fits).collect()
}

#[test]
fn misspelt_entries_are_refused() {
    for entry in [
        r#"{}"#,
        r#"{"id": ""}"#,
        r#"{"provider": "file"}"#,
        r#"{"provider": "vault", "path": "/x"}"#,
        r#"{"provider": "file", "path": "/x", "name": "X"}"#,
        r#"{"provider": "file", "path": "/x", "mode": 384}"#,
        r#"{"provider": "env", "name": ""}"#,
        r#"{"provider": "env", "name": "A=B"}"#,
        r#"{"id": "x", "path": "/x"}"#,
        r#"{"provider": "raw", "encryption_key": "x"}"#,
    ] {
        assert!(serde_json::from_str::<MasterKeySpec>(entry).is_err(), "{entry}");
    }
    assert!(serde_json::from_str::<MasterKeySpec>(r#"{"id": "vault-2026"}"#).is_ok());
}

#[test]
fn debug_shows_no_material() {
    let entry = entries(
        r#"[{"provider": "raw", "key_base64": "c2VjcmV0"}, {"provider": "typo3", "encryption_key": "s3cr3t"}]"#,
    );
    let shown = format!("{entry:?}");
    assert!(!shown.contains("c2VjcmV0") && !shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn wrong_material_in_the_configuration_is_an_error() {
    for entry in [
        r#"[{"provider": "raw", "key_base64": "AAAA"}]"#,
        r#"[{"provider": "raw", "key_base64": "%"}]"#,
        r#"[{"provider": "typo3", "encryption_key": "short"}]"#,
        r#"[{"provider": "typo3", "encryption_key": ""}]"#,
    ] {
        assert_eq!(ring(entry).expect_err(entry).code, Code::ConfigurationInvalid, "{entry}");
    }
}

#[test]
fn a_missing_file_is_a_warning_until_it_is_there() {
    let scratch = Scratch::new("missing");
    let path = scratch.0.join("key");
    let mut ring = file_ring(&path);
    assert_eq!(codes(&ring), ["key_file.missing"]);
    assert!(ring.keys().is_empty());
    scratch.write("key", ONES, 0o400);
    assert_eq!(opens(&mut ring), [1]);
    assert_eq!(codes(&ring), [""; 0]);
}

#[test]
fn a_changed_file_is_read_again() {
    let scratch = Scratch::new("changed");
    let path = scratch.write("key", ONES, 0o400);
    let mut ring = file_ring(&path);
    assert_eq!(opens(&mut ring), [1]);
    scratch.write("key", TWOS, 0o400);
    assert_eq!(opens(&mut ring), [2]);
    fs::remove_file(&path).expect("removes");
    assert!(ring.keys().is_empty(), "a key that was taken away does not live on");
}

#[test]
fn a_change_that_leaves_no_trace_is_seen_by_rereading() {
    let scratch = Scratch::new("untraced");
    let path = scratch.write("key", ONES, 0o600);
    let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("a time");
    let mut ring = file_ring(&path);
    let file = fs::OpenOptions::new().write(true).open(&path).expect("opens");
    fs::write(&path, TWOS).expect("writes");
    file.set_modified(modified).expect("a time");
    assert_eq!(opens(&mut ring), [1]);
    assert!(ring.reread());
    assert_eq!(opens(&mut ring), [2]);
}

#[test]
fn careless_files_are_warned_of() {
    let scratch = Scratch::new("careless");
    for (mode, expected) in
        [(0o400, vec![]), (0o440, vec!["key_file.permissions"]), (0o604, vec!["key_file.permissions"])]
    {
        let path = scratch.write("key", ONES, mode);
        assert_eq!(codes(&file_ring(&path)), expected, "{mode:o}");
    }
    let target = scratch.write("target", ONES, 0o400);
    let link = scratch.0.join("link");
    symlink(target, &link).expect("a link");
    assert_eq!(codes(&file_ring(&link)), ["key_file.symlink"]);
    let text = scratch.write("text", "not a key", 0o400);
    assert_eq!(codes(&file_ring(&text)), ["key_file.invalid"]);
    assert_eq!(codes(&file_ring(&scratch.0)), ["key_file.unreadable"]);
    let long = scratch.write("long", &format!("{ONES}{}", " ".repeat(5000)), 0o400);
    assert_eq!(codes(&file_ring(&long)), ["key_file.invalid"]);
}

#[test]
fn a_pipe_does_not_hang() {
    let scratch = Scratch::new("pipe");
    let path = scratch.0.join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    assert!(codes(&file_ring(&path)).contains(&"key_file.unreadable"));
}

#[test]
fn ids_find_and_replace_keys() {
    let mut first = ring(&format!(r#"[{{"id": "a", "provider": "raw", "key_base64": "{ONES}"}}]"#)).expect("a ring");
    assert!(!first.reread(), "nothing to read again");

    let mut second = Keyring::open(entries(r#"[{"id": "a"}]"#), |id| first.source(id)).expect("known");
    assert_eq!(opens(&mut second), [1]);
    assert_eq!(ring(r#"[{"id": "a"}]"#).expect_err("unknown").code, Code::KeyUnavailable);
    let twice = format!(r#"[{{"id": "a", "provider": "raw", "key_base64": "{ONES}"}}, {{"id": "a"}}]"#);
    assert_eq!(ring(&twice).expect_err("twice").code, Code::ConfigurationInvalid);

    let source = |text: &str| KeySourceSpec::Raw { key_base64: LockedSecret::new(Secret::new(text.into())) };
    assert!(first.replace("a", source(TWOS)).expect("replaces"));
    assert_eq!(opens(&mut first), [2]);
    assert!(!first.replace("a", source(TWOS)).expect("the same again"));
    assert!(!first.replace("b", source(TWOS)).expect("no such id"));
    assert_eq!(first.replace("a", source("AAAA")).expect_err("no key").code, Code::ConfigurationInvalid);
    assert_eq!(opens(&mut first), [2], "the old key stays");
}

#[test]
fn several_keys_keep_their_order() {
    let document = format!(
        r#"[{{"provider": "raw", "key_base64": "{ONES}"}}, {{"provider": "file", "path": "/nowhere/key"}},
            {{"provider": "raw", "key_base64": "{TWOS}"}}]"#
    );
    let mut ring = ring(&document).expect("a ring");
    assert_eq!(ring.keys().len(), 2);
    assert_eq!(opens(&mut ring), [1, 2]);
    assert!(ring.warnings().iter().all(|warning| warning.message.starts_with("master_keys[1]: ")));
    let kept = ring.keys();
    drop(ring);
    assert_eq!(kept.iter().map(Arc::strong_count).sum::<usize>(), 2, "a call keeps its keys");
}

/// The environment of a running process cannot be changed safely, so this test runs itself again with another environment.
#[test]
fn variable_holds_a_key() {
    const NAME: &str = "SECURE_OUTBOUND_TEST_KEY";
    let document = format!(r#"[{{"provider": "env", "name": "{NAME}"}}]"#);
    let mut ring = ring(&document).expect("a ring");
    if std::env::var_os(NAME).is_some() {
        assert_eq!(opens(&mut ring), [1]);
        assert!(ring.reread());
        assert_eq!(opens(&mut ring), [1]);
        return;
    }
    assert_eq!(codes(&ring), ["key_variable.missing"]);
    alone::run_under(&["env", &format!("{NAME}={ONES}\n")], "variable_holds_a_key", &Value::Null);
}
