//! Which modules the files of `src` import, found by a small parser that knows only the modules and paths of Rust.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::words::{branches, closing, without_tests, without_texts, words};

/// The path of a file's module from the crate's root; that of the root is empty.
pub type Module = Vec<String>;

/// A path in a file, and the module that declares the item which the path names.
pub struct Import {
    /// The line of the file.
    pub line: usize,
    /// The module that is written in the path.
    pub written: Module,
    /// The module that declares the item, found through all re-exports.
    pub meant: Module,
}

/// The files of a crate.
pub struct Sources(BTreeMap<Module, Source>);

struct Source {
    file: String,
    /// The code without comments, strings and items that are compiled for tests only.
    code: Vec<char>,
    children: BTreeSet<String>,
    types: BTreeSet<String>,
    /// The full path of each name that the file imports.
    names: BTreeMap<String, Vec<String>>,
    /// Every path, with its line.
    paths: Vec<(usize, Vec<String>)>,
}

impl Sources {
    /// The files below a folder.
    pub fn below(folder: &Path) -> Vec<(String, String)> {
        let mut files = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(&next).expect("a folder").map(|entry| entry.expect("an entry").path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else if entry.extension().is_some_and(|extension| extension == "rs") {
                    let name = entry.strip_prefix(folder).expect("below").to_str().expect("UTF-8").to_owned();
                    files.push((name, fs::read_to_string(&entry).expect("a file")));
                }
            }
        }
        files
    }

    /// Reads files, each given by its name and its text.
    pub fn read(files: &[(String, String)]) -> Self {
        let mut sources: BTreeMap<Module, Source> =
            files.iter().map(|(file, text)| (module(file), Source::read(file, text))).collect();
        // A module that only tests declare, and all modules below it, are left out.
        let declared = |module: &Module, sources: &BTreeMap<Module, Source>| {
            (0..module.len()).all(|depth| {
                let parent = sources.get(&module[..depth]);
                parent.is_some_and(|parent| parent.children.contains(&module[depth]))
            })
        };
        let tests: Vec<Module> = sources.keys().filter(|module| !declared(module, &sources)).cloned().collect();
        tests.iter().for_each(|module| drop(sources.remove(module)));
        Self(sources)
    }

    /// All modules of the crate.
    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        self.0.keys()
    }

    /// The name of a module's file.
    pub fn file(&self, module: &Module) -> &str {
        &self.0[module].file
    }

    /// The types and traits that a module declares.
    pub fn types(&self, module: &Module) -> &BTreeSet<String> {
        &self.0[module].types
    }

    /// What a module imports from others.
    pub fn imports(&self, module: &Module) -> Vec<Import> {
        let paths = &self.0[module].paths;
        let imports = paths.iter().filter_map(|(line, path)| {
            let (written, rest) = self.walk(module, path)?;
            let meant = self.follow(&written, rest, 0);
            (meant != *module).then_some(Import { line: *line, written, meant })
        });
        imports.collect()
    }

    /// The module that a path leads to, and the rest of the path in it. `None` where the path leads out of the crate.
    fn walk<'p>(&self, from: &Module, path: &'p [String]) -> Option<(Module, &'p [String])> {
        let mut rest = path;
        let mut module = match path.first()?.as_str() {
            "crate" => Module::new(),
            "self" | "super" => from.clone(),
            child if self.0[from].children.contains(child) => from.clone(),
            _ => return None,
        };
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "crate" | "self" => {}
                "super" => drop(module.pop()),
                child if self.0[&module].children.contains(child) => module.push(child.to_owned()),
                _ => break,
            }
            rest = others;
        }
        Some((module, rest))
    }

    fn follow(&self, module: &Module, rest: &[String], depth: usize) -> Module {
        assert!(depth < 9, "a circle of re-exports at {}", module.join("::"));
        let path = rest.first().and_then(|name| self.0[module].names.get(name));
        match path.and_then(|path| self.walk(module, path)) {
            Some((next, rest)) => self.follow(&next, rest, depth + 1),
            None => module.clone(),
        }
    }
}

impl Source {
    fn read(file: &str, text: &str) -> Self {
        let mut source = Self {
            file: file.to_owned(),
            code: without_tests(without_texts(text)),
            children: BTreeSet::new(),
            types: BTreeSet::new(),
            names: BTreeMap::new(),
            paths: Vec::new(),
        };
        let words = words(&source.code);
        let mut index = 0;
        while let Some((at, word)) = words.get(index) {
            let ahead = |step: usize| words.get(index + step).map_or("", |(_, word)| word.as_str());
            if word == "mod" && ahead(2) == ";" {
                source.children.insert(ahead(1).to_owned());
            } else if ["struct", "enum", "union", "trait"].contains(&word.as_str()) {
                source.types.insert(ahead(1).to_owned());
            } else if word == "use" {
                let length = words[index..].iter().position(|(_, word)| word == ";").expect("the end of a use");
                source.tree(&mut Vec::new(), &words[index + 1..index + length]);
                index += length;
            } else if word == "::" {
                // The next word continues a path and does not start one.
                index += 1;
            } else if ahead(1) == "::" {
                let steps = (0..).take_while(|step| ahead(2 * step + 1) == "::").count();
                let path = (0..=steps).map(|step| ahead(2 * step).to_owned()).collect();
                source.paths.push((source.line(*at), path));
                index += 2 * steps;
            }
            index += 1;
        }
        source
    }

    /// Reads the paths of a `use`; those in braces share the part before the braces.
    fn tree(&mut self, before: &mut Vec<String>, words: &[(usize, String)]) {
        let start = before.len();
        let mut index = 0;
        while let Some((at, word)) = words.get(index) {
            match word.as_str() {
                // The path of another crate. No module of this one has an empty name.
                "::" if before.is_empty() => before.push(String::new()),
                "::" => {}
                "{" => {
                    let end = index + closing(&words[index..]);
                    for branch in branches(&words[index + 1..end]) {
                        self.tree(before, branch);
                    }
                    before.truncate(start);
                    return;
                }
                "as" => {
                    let (name, path) = (words[index + 1].1.clone(), before.clone());
                    self.names.insert(name, path.clone());
                    self.paths.push((self.line(*at), path));
                    before.truncate(start);
                    return;
                }
                _ => before.push(word.clone()),
            }
            index += 1;
        }
        let mut path = before.clone();
        // `a::{self}` is `a`.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        if let (Some(name), Some((at, _))) = (path.last().cloned(), words.first()) {
            self.names.insert(name, path.clone());
            self.paths.push((self.line(*at), path));
        }
        before.truncate(start);
    }

    fn line(&self, at: usize) -> usize {
        1 + self.code[..at].iter().filter(|character| **character == '\n').count()
    }
}

fn module(file: &str) -> Module {
    let path = file.strip_suffix(".rs").expect("a file of Rust");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Module::new() } else { path.split('/').map(str::to_owned).collect() }
}
