//! Compiles hosts in C against the committed header, and links them to the library that is tested.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::library;

/// Compiles a program of tests/c into this directory.
pub fn compile(source: &str, directory: &Path, flags: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = directory.join(source.trim_end_matches(".c"));
    let library = library::path().canonicalize().expect("the library");
    let beside = library.parent().expect("a directory").display();
    let status = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-pthread"])
        .args(flags)
        .arg("-I")
        .arg(root.join("include"))
        .arg(root.join("tests/c").join(source))
        .arg(&library)
        // If the library has a soname, the loader searches for it, in LD_LIBRARY_PATH before the runpath. Cargo sets that
        // variable, so this is an rpath, which is searched first.
        .arg(format!("-Wl,--disable-new-dtags,-rpath,{beside}"))
        .arg("-o")
        .arg(&program)
        .status()
        .expect("a C compiler");
    assert!(status.success(), "{source}");
    let loaded = Command::new("ldd").arg(&program).output().expect("ldd");
    let loaded = String::from_utf8_lossy(&loaded.stdout).into_owned();
    assert!(loaded.contains(&library.display().to_string()), "{source} is to load {}: {loaded}", library.display());
    program
}
