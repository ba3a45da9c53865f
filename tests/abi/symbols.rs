//! What the built library exports, and whether the header, the versions and the table of codes agree with it.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use secure_outbound::error::Code;

use crate::support::library::{self, library};

pub fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).arg(library::path()).output().expect(program);
    assert!(output.status.success(), "{program}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The functions that the header declares.
fn declared() -> BTreeSet<String> {
    let header = file("include/secure_outbound.h");
    let names = header.lines().filter(|line| !line.starts_with(['#', '/', ' ', '}']) && !line.starts_with("typedef"));
    names
        .filter_map(|line| line.split_once('('))
        .filter_map(|(before, _)| before.rsplit([' ', '*']).next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn exactly_the_declared_functions_are_exported() {
    let exported = output("nm", &["-D", "--defined-only"]);
    let exported: BTreeSet<_> =
        exported.lines().filter_map(|line| line.rsplit(' ').next()).map(str::to_owned).collect();
    assert_eq!(declared().len(), 23);
    assert_eq!(exported, declared());
}

#[test]
fn the_library_stays_loaded() {
    let dynamic = output("readelf", &["-d", "-W"]);
    let flags = dynamic.lines().find(|line| line.contains("(FLAGS_1)")).unwrap_or_default();
    assert!(flags.contains("NODELETE"), "{dynamic}");
}

/// The functions that run when a host loads the library or ends: those of the C runtime, one of Rust's standard library, which
/// stores the arguments, and two of aws-lc, which read the features of the processor and wipe the state of the random generator.
/// On arm64 two of the compiler's runtime ask for those features as well. None of them frees memory.
#[test]
fn nothing_of_ours_runs_at_loading_or_leaving() {
    let known = [
        "frame_dummy",
        "ARGV_INIT_ARRAY",
        "do_library_init",
        "do_global_dtors",
        "rand_thread_local_state_clear",
        "init_have_lse_atomics",
        "__init_cpu_features",
    ];
    let sections = output("readelf", &["-S", "-W"]);
    let symbols = output("nm", &["--defined-only"]);
    let name = |address: u64| {
        let names = symbols.lines().filter(|line| line.split(' ').next().is_some_and(|text| hex(text) == address));
        // On arm64 `$x` and the like say what kind of bytes begin here.
        names.filter_map(|line| line.rsplit(' ').next()).find(|name| !name.starts_with('$')).unwrap_or("nameless")
    };
    let relocations = output("readelf", &["-r", "-W"]);
    for section in [".init_array", ".fini_array"] {
        let line = sections.split_once(&format!("{section} ")).expect(section).1;
        let fields: Vec<_> = line.split_whitespace().take(4).collect();
        let (start, length) = (hex(fields[1]), hex(fields[3]));
        let entries = relocations.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|fields| {
            fields.len() == 4 && (start..start + length).contains(&hex(fields[0])) && fields[2].ends_with("_RELATIVE")
        });
        let names: Vec<_> = entries.map(|fields| name(hex(fields[3]))).collect();
        assert_eq!(names.len() as u64, length / 8, "{section}: {names:?}");
        for name in names {
            assert!(known.iter().any(|known| name.contains(known)), "{section} runs {name}");
        }
    }
}

fn hex(text: &str) -> u64 {
    u64::from_str_radix(text, 16).unwrap_or_default()
}

#[test]
fn every_entry_goes_through_the_boundary() {
    let source = file("src/ffi/mod.rs") + &file("src/ffi/exchanges.rs");
    let entries: Vec<_> = source.split("#[unsafe(no_mangle)]").skip(1).collect();
    assert_eq!(entries.len(), declared().len());
    assert_eq!(source.matches("extern \"C\" fn").count(), entries.len());
    let constants = ["secure_outbound_abi_version", "secure_outbound_version"];
    for entry in entries {
        let guards = [
            "enter(out, ||",
            "enter_with_status(out, ||",
            "enter_with_exchange(exchange, out, ||",
            "boundary::without_result(||",
            "boundary::with_status(||",
        ];
        let guarded: usize = guards.iter().map(|guard| entry.matches(guard).count()).sum();
        let constant = constants.iter().any(|name| entry.contains(&format!("fn {name}()")));
        assert_eq!(guarded, usize::from(!constant), "{entry}");
    }
}

#[test]
fn the_versions_agree() {
    // SAFETY: they take nothing and return constants.
    #[allow(unsafe_code)]
    let (abi, version) = unsafe { ((library().abi_version)(), CStr::from_ptr((library().version)())) };
    let manifest = file("Cargo.toml");
    let line = manifest.lines().find(|line| line.starts_with("version = ")).expect("a version");
    assert_eq!(line, format!("version = \"{}\"", version.to_str().expect("UTF-8")));
    assert_eq!(abi, 1);
    assert!(file("include/secure_outbound.h").contains(&format!("secure-outbound, version {abi}.")));
}

#[test]
fn the_codes_of_the_library_are_those_of_the_table() {
    let wire = file("docs/wire.md");
    let (_, errors) = wire.split_once("\n| code | meaning, and what to do |\n").expect("the table of codes");
    let (table, _) = errors.split_once("\n\n").expect("its end");
    let documented: Vec<_> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(code, _)| code).collect();
    assert_eq!(Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>(), documented);
}
