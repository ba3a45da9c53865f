//! Linker settings of the shared library.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A thread that resolves a name may outlive the last handle: unloading the library would take its code away.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
