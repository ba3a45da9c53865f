//! The rooms of the library are on floors, and nothing imports upward or in a circle.
//!
//! The test reads every path of `src` that starts at the crate, at a parent or at a child of the module, follows it through
//! re-exports to the file that declares the item, and counts that as an import. Modules for tests are left out: they may
//! import anything, because no other module imports them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

use super::sources::{Import, Module, Sources};

/// The rooms, the highest floor first. A room imports from the floors below it, and from no other room on its own floor.
const FLOORS: [&[&str]; 9] = [
    &["ffi", "sidecar"],
    &["engine"],
    &["oauth"],
    &["audit", "credential"],
    &["net"],
    &["policy", "keys", "sign"],
    &["document", "envelope"],
    &["secret", "cache"],
    &["error", "sys", "text"],
];

/// Which modules each module imports, and in which line.
type Imports<'s> = BTreeMap<&'s Module, BTreeMap<Module, usize>>;

fn imports(sources: &Sources) -> Imports<'_> {
    let of = |module: &Module| {
        let mut first = BTreeMap::new();
        for Import { line, meant, .. } in sources.imports(module) {
            first.entry(meant).or_insert(line);
        }
        first
    };
    sources.modules().filter(|module| !module.is_empty()).map(|module| (module, of(module))).collect()
}

/// The floor that a module's room is on.
fn floor(module: &Module) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&module.first().map_or("", String::as_str)))
}

/// Every import from another room that is not on a lower floor.
fn upward(sources: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for module in sources.modules().filter(|module| !module.is_empty()) {
        for Import { line, written, meant } in sources.imports(module) {
            let is_wrong = |other: &&Module| other.first() != module.first() && floor(other) <= floor(module);
            if let Some(other) = [&written, &meant].into_iter().find(is_wrong) {
                let (place, room) = (sources.file(module), other.first().map_or("the root", String::as_str));
                found.push(format!("src/{place}:{line} imports {room}, which is not below"));
            }
        }
    }
    found.dedup();
    found
}

/// A shortest circle of imports for each group of files that import each other.
fn circles(sources: &Sources, imports: &Imports<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut told: BTreeSet<&Module> = BTreeSet::new();
    for start in imports.keys().copied() {
        let Some(circle) = way(imports, start, start).filter(|circle| !circle.iter().any(|at| told.contains(at)))
        else {
            continue;
        };
        let nexts = circle.iter().skip(1).chain([&start]);
        let step = |(at, next): (&&Module, &&Module)| {
            format!("src/{}:{} imports {}", sources.file(at), imports[at][*next], next.join("::"))
        };
        found.push(circle.iter().zip(nexts).map(step).collect::<Vec<_>>().join(", "));
        told.extend(circle);
    }
    found
}

/// The shortest chain of imports from one module to another, without the latter; `None` where no imports lead there.
fn way<'s>(imports: &Imports<'s>, from: &Module, to: &Module) -> Option<Vec<&'s Module>> {
    let (from, _) = imports.get_key_value(from)?;
    let mut ways = VecDeque::from([vec![*from]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in imports[way.last().expect("a start")].keys() {
            if next == to {
                return Some(way);
            }
            if let Some((next, _)) = imports.get_key_value(next)
                && seen.insert(*next)
            {
                ways.push_back(way.iter().copied().chain([*next]).collect());
            }
        }
    }
    None
}

/// The directory of the crate.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn library() -> Sources {
    Sources::read(&Sources::below(&root().join("src")))
}

#[test]
fn every_room_has_a_floor() {
    let sources = library();
    let mut rooms: Vec<&str> =
        sources.modules().filter(|module| module.len() == 1).map(|room| room[0].as_str()).collect();
    let mut floors = FLOORS.concat();
    rooms.sort_unstable();
    floors.sort_unstable();
    assert_eq!(rooms, floors);
}

#[test]
fn the_pictures_show_these_floors() {
    let floors: Vec<BTreeSet<&str>> = FLOORS.iter().map(|rooms| rooms.iter().copied().collect()).collect();
    let is_room = |word: &&str| FLOORS.concat().contains(word);
    for page in ["src/lib.rs", "docs/architecture.md"] {
        let text = fs::read_to_string(root().join(page)).expect("a page");
        let lines = text.lines().map(|line| line.trim_start_matches("//!"));
        let shown: Vec<BTreeSet<&str>> = lines
            .skip_while(|line| !line.trim_start().starts_with("ffi  "))
            .take_while(|line| !line.contains("```"))
            .map(|line| line.split_whitespace().take_while(is_room).collect())
            .collect();
        assert_eq!(shown, floors, "{page}");
    }
}

#[test]
fn imports_go_down() {
    let found = upward(&library());
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn no_files_import_each_other() {
    let sources = library();
    let found = circles(&sources, &imports(&sources));
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn a_type_has_a_name_of_its_own() {
    let sources = library();
    let mut rooms: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for module in sources.modules().filter(|module| !module.is_empty()) {
        for name in sources.types(module) {
            rooms.entry(name).or_default().insert(&module[0]);
        }
    }
    assert!(rooms.contains_key("Secret") && rooms.contains_key("Engine"));
    rooms.retain(|_, rooms| rooms.len() > 1);
    assert!(rooms.is_empty(), "names that mean something else in another room: {rooms:?}");
}

/// Sources of four rooms, with this text as the file credential/header.rs.
fn planted(text: &str) -> Sources {
    let files = [
        ("lib.rs", "pub mod audit;\npub mod credential;\npub mod engine;\npub mod error;\n"),
        ("error.rs", "pub enum Code {}\n"),
        ("engine/mod.rs", "mod state;\npub use state::Engine;\n"),
        ("engine/state.rs", "use crate::audit::Outcome;\npub struct Engine;\n"),
        ("audit.rs", "pub enum Outcome {}\n"),
        ("credential/mod.rs", "mod header;\nmod opened;\npub use header::{Header, basic as pair};\n"),
        ("credential/header.rs", text),
        ("credential/opened.rs", "use super::Header;\n"),
    ];
    Sources::read(&files.map(|(file, text)| (file.to_owned(), text.to_owned())))
}

#[test]
fn an_import_that_does_not_go_down_is_found() {
    let text = "use crate::engine::Engine;
        use crate::{engine::{self, Engine}, error::Code};
        use super::super::audit as record;
        fn open() -> crate::engine::Engine {}
        const TEXT: &str = \"\\\"\"; const MARK: char = '\"'; use crate::engine;";
    let found = upward(&planted(text));
    let expected = [(1, "engine"), (2, "engine"), (3, "audit"), (4, "engine"), (5, "engine")];
    let expected =
        expected.map(|(line, room)| format!("src/credential/header.rs:{line} imports {room}, which is not below"));
    assert_eq!(found, expected);
    for text in [
        "// crate::engine\nconst TEXT: &str = \"crate::engine\";",
        "const RAW: &[u8] = br#\"\"crate::engine\"#;\nconst BYTE: u8 = b'\\''; // crate::engine",
        "#[cfg(test)]\nmod tests {\n    fn open() { crate::engine::open() }\n}",
        "#[cfg(test)]\nuse crate::engine::{Engine, Heritage};",
        "use ::engine::Engine;\nuse engine::Engine;\nfn open() { engine::open() }",
    ] {
        assert_eq!(upward(&planted(text)), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_circle_is_found_through_re_exports() {
    let circles = |text: &str| {
        let sources = planted(text);
        circles(&sources, &imports(&sources))
    };
    assert_eq!(circles("pub struct Header;"), Vec::<String>::new());
    for text in ["use super::opened::Opened;", "use crate::credential::opened;", "fn open() { super::opened::open() }"]
    {
        let expected = "src/credential/header.rs:1 imports credential::opened, \
            src/credential/opened.rs:1 imports credential::header";
        assert_eq!(circles(text), [expected], "{text}");
    }
    let of_the_module_file = "src/credential/mod.rs:3 imports credential::header, \
        src/credential/header.rs:1 imports credential";
    assert_eq!(circles("use super::Other;"), [of_the_module_file]);
}

#[test]
fn unsafe_code_is_allowed_in_two_rooms() {
    let files = Sources::below(&root().join("src"));
    let mut allowing: Vec<_> =
        files.iter().filter(|(_, text)| text.contains("allow(unsafe_code")).map(|(file, _)| file.as_str()).collect();
    allowing.sort_unstable();
    assert_eq!(allowing, ["ffi/mod.rs", "sys/mod.rs"]);
}
