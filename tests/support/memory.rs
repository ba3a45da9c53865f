//! The search for secrets in a process's memory. It is a program of its own, so that it does not find its own copies.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Secrets to look for. The process that makes them must not be the one that is searched.
pub struct Canaries {
    pub file: PathBuf,
    secrets: Value,
}

impl Canaries {
    /// Makes a text for each name, or a key of 32 bytes where the name begins with `KEY:`.
    pub fn make(directory: &Path, names: &[&str]) -> Self {
        let file = directory.join("canaries.json");
        let mut arguments = vec!["--make", file.to_str().expect("text")];
        arguments.extend(names);
        Self { secrets: run(&arguments)["secrets"].clone(), file }
    }

    /// The bytes of the secret of this name.
    pub fn get(&self, name: &str) -> Vec<u8> {
        super::base64(self.secrets[name].as_str().expect("a secret"))
    }

    /// The text of this name.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.get(name)).expect("text")
    }
}

/// A secret that was found.
#[derive(Clone, Debug)]
pub struct Copy {
    pub secret: String,
    pub form: String,
    pub locked: bool,
}

/// The copies in a live process. Only the path of the file with the secrets is needed.
pub fn in_process(pid: u32, canaries: &str) -> Vec<Copy> {
    copies(&["--pid", &pid.to_string(), canaries])
}

/// The copies in a core of a live process.
pub fn in_core(pid: u32, canaries: &str) -> Vec<Copy> {
    copies(&["--dump", &pid.to_string(), canaries])
}

fn copies(arguments: &[&str]) -> Vec<Copy> {
    let copy = |copy: &Value| Copy {
        secret: copy["secret"].as_str().expect("a name").to_owned(),
        form: copy["form"].as_str().expect("a form").to_owned(),
        locked: copy["locked"].as_bool().expect("a flag"),
    };
    run(arguments).as_array().expect("copies").iter().map(copy).collect()
}

fn run(arguments: &[&str]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/php/tests/Support/Memory/copies.php");
    let output = Command::new("php").arg(script).args(arguments).output().expect("php");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    })
}
