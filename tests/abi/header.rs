//! `include/secure_outbound.h` is what cbindgen makes of `src/ffi/`, and both C and PHP can read it.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::support::library;

const HEADER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include/secure_outbound.h");

fn generate() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("include/cbindgen.toml")).expect("cbindgen.toml");
    let mut text = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_src(root.join("src/ffi/mod.rs"))
        .with_src(root.join("src/ffi/result.rs"))
        .with_src(root.join("src/ffi/status.rs"))
        .generate()
        .expect("bindings")
        .write(&mut text);
    String::from_utf8(text).expect("UTF-8")
}

/// `make header` sets the variable, and the header is written. Without it a difference is a failure.
#[test]
fn the_committed_header_is_what_the_code_says() {
    let generated = generate();
    if env::var_os("SECURE_OUTBOUND_BLESS").is_some() {
        fs::write(HEADER, &generated).expect("include/ is writable");
    }
    assert_eq!(fs::read_to_string(HEADER).expect("the header"), generated, "run `make header` and commit the result");
}

/// PHP's FFI has no preprocessor; docs/abi.md says what its parser accepts.
#[test]
fn the_header_suits_phps_parser() {
    let header = fs::read_to_string(HEADER).expect("the header");
    assert!(header.starts_with("#define FFI_SCOPE \"SECURE_OUTBOUND\"\n#define FFI_LIB \""));
    assert!(header.ends_with('\n'));
    for construct in ["#if", "extern \"C\"", "uint8_t", ": uint"] {
        assert!(!header.contains(construct), "{construct} in the header");
    }
}

#[test]
fn c_compilers_take_the_header() {
    for standard in ["c99", "c11"] {
        let status = Command::new("cc")
            .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", "c"])
            .arg(format!("-std={standard}"))
            .arg(HEADER)
            .status()
            .expect("a C compiler");
        assert!(status.success(), "{standard}");
    }
}

#[test]
fn php_loads_the_header() {
    let script = "FFI::cdef(file_get_contents($argv[1]), $argv[2])->secure_outbound_abi_version() === 1 || exit(3);";
    let arguments = ["-n", "-d", "extension=ffi", "-r", script, HEADER];
    let output = Command::new("php").args(arguments).arg(library::path()).output();
    let output = output.expect("PHP's command line");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
