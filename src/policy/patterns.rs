//! A list of path patterns, searched without looking at each.

use super::path::PathPattern;

/// Path patterns in the order in which they count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns {
    list: Vec<PathPattern>,
    /// Their places, by prefix, and those of one prefix in the order of the list.
    by_prefix: Vec<usize>,
}

impl Patterns {
    /// The first of the list that matches this canonical path.
    ///
    /// What a pattern begins with is the whole path, or ends with a slash of it.
    pub fn first(&self, path: &str) -> Option<&PathPattern> {
        let ends = path.match_indices('/').map(|(slash, _)| slash + 1).filter(|end| *end < path.len());
        let prefixes = ends.filter_map(|end| path.get(..end)).chain([path]);
        let place = prefixes.filter_map(|prefix| self.first_behind(prefix, path)).min();
        place.and_then(|place| self.list.get(place))
    }

    /// The place of the first pattern with this prefix that matches.
    fn first_behind(&self, prefix: &str, path: &str) -> Option<usize> {
        let pattern = |place: &usize| self.list.get(*place);
        let begin = self.by_prefix.partition_point(|place| pattern(place).is_some_and(|found| found.prefix() < prefix));
        let with_it = self.by_prefix.iter().skip(begin).map_while(|place| Some((*place, pattern(place)?)));
        let mut with_it = with_it.take_while(|(_, found)| found.prefix() == prefix);
        with_it.find(|(_, found)| found.matches(path)).map(|(place, _)| place)
    }

    /// The patterns as they were written.
    pub fn as_written(&self) -> impl ExactSizeIterator<Item = &str> {
        self.list.iter().map(PathPattern::as_str)
    }
}

impl From<Vec<PathPattern>> for Patterns {
    fn from(list: Vec<PathPattern>) -> Self {
        let mut by_prefix: Vec<usize> = (0..list.len()).collect();
        by_prefix.sort_by_key(|place| list.get(*place).map(PathPattern::prefix));
        Self { list, by_prefix }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::canonical::Spelling;

    fn parsed(patterns: &[String]) -> Vec<PathPattern> {
        patterns.iter().map(|text| PathPattern::parse(text, Spelling::default()).expect("a pattern")).collect()
    }

    proptest! {
        #[test]
        fn it_is_the_one_that_is_found_by_looking_at_each(
            written in prop::collection::vec("(/(a|b|ab|\\{id\\})){0,3}(/|/\\*\\*|/a)", 0..12),
            path in "(/(a|b|ab|a%2Fb)){0,4}(/|/a)",
        ) {
            let patterns = parsed(&written);
            let expected = patterns.iter().find(|pattern| pattern.matches(&path)).map(PathPattern::as_str);
            let found = Patterns::from(patterns.clone());
            prop_assert_eq!(found.first(&path).map(PathPattern::as_str), expected);
        }
    }

    #[test]
    fn the_first_of_the_list_counts_and_not_the_longest() {
        let of =
            |written: &[&str]| Patterns::from(parsed(&written.iter().map(ToString::to_string).collect::<Vec<_>>()));
        for (written, expected) in
            [(["/{a}/c", "/b/c", "/**"], "/{a}/c"), (["/**", "/b/c", "/{a}/c"], "/**"), (["/c", "/b/c", "/**"], "/b/c")]
        {
            assert_eq!(of(&written).first("/b/c").map(PathPattern::as_str), Some(expected));
            assert!(of(&written).as_written().eq(written));
        }
        assert_eq!(of(&[]).first("/"), None);
    }
}
