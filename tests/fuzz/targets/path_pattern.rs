//! A path pattern and a path: the library agrees with a simple matcher that compares segment by segment.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secure_outbound::policy::{PathPattern, Spelling};

/// Whether the path's segments match, found by simple recursion.
fn fits(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        (["**"], [_, ..]) => true,
        ([], []) => true,
        ([pattern, patterns @ ..], [segment, segments @ ..]) => {
            let placeholder = pattern.starts_with('{') && pattern.ends_with('}');
            (pattern == segment || placeholder && !segment.is_empty()) && fits(patterns, segments)
        }
        _ => false,
    }
}

fuzz_target!(|text: &str| {
    let (pattern, path) = text.split_once('\n').unwrap_or((text, "/"));
    let Ok(parsed) = PathPattern::parse(pattern, Spelling::default()) else { return };
    assert_eq!(parsed.as_str(), pattern);
    if path.starts_with('/') {
        let (patterns, segments): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
        assert_eq!(parsed.matches(path), fits(&patterns, &segments), "{pattern} {path}");
    }
});
