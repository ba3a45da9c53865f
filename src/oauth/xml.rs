//! The little of XML that a response of STS needs: texts of elements, by the path to them.
//!
//! What a sender could use to say one thing to one reader and another thing to the next is refused, and not read: declarations of
//! types, comments, sections, and references in a text that is wanted.

use std::str;

/// How deep elements may lie in each other.
const DEPTH: usize = 16;

/// What is no such document.
#[derive(Debug, PartialEq, Eq)]
pub struct NoXml;

/// The texts of the elements with these paths, each of which may be there once. Of an element with others in it there is none.
pub fn texts<'a, const N: usize>(document: &'a [u8], paths: [&[&str]; N]) -> Result<[Option<&'a str>; N], NoXml> {
    let document = str::from_utf8(document).map_err(|_| NoXml)?.trim();
    let mut rest = match document.strip_prefix("<?xml ") {
        Some(declaration) => declaration.split_once("?>").ok_or(NoXml)?.1.trim_start(),
        None => document,
    };
    let mut found = [None; N];
    let mut open: Vec<&str> = Vec::new();
    // Whether the text is that since an element was opened.
    let mut leaf = false;
    loop {
        let (text, tag) = rest.split_once('<').ok_or(NoXml)?;
        // Outside of the one element there is nothing.
        if open.is_empty() && !text.is_empty() {
            return Err(NoXml);
        }
        let (tag, after) = tag.split_once('>').ok_or(NoXml)?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            if leaf {
                keep(&mut found, paths, &open, text)?;
            }
            leaf = false;
            if open.pop() != Some(name.trim_end()) {
                return Err(NoXml);
            }
        } else {
            let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            open.push(name_of(tag)?);
            leaf = !is_empty;
            if is_empty {
                keep(&mut found, paths, &open, "")?;
                open.pop();
            }
        }
        if open.len() > DEPTH {
            return Err(NoXml);
        }
        if open.is_empty() {
            return if rest.is_empty() { Ok(found) } else { Err(NoXml) };
        }
    }
}

/// Keeps the text of a path that is wanted. Of two nobody could say which one counts.
fn keep<'a, const N: usize>(
    found: &mut [Option<&'a str>; N],
    paths: [&[&str]; N],
    open: &[&str],
    text: &'a str,
) -> Result<(), NoXml> {
    match found.iter_mut().zip(paths).find(|(_, path)| *path == open) {
        None => Ok(()),
        Some((place, _)) if place.is_none() && !text.contains('&') => {
            *place = Some(text);
            Ok(())
        }
        Some(_) => Err(NoXml),
    }
}

/// The name in a tag, behind which attributes may be. An angle bracket in one is refused by what follows, as no tag ends so.
fn name_of(tag: &str) -> Result<&str, NoXml> {
    let (name, attributes) = tag.split_once([' ', '\t', '\r', '\n']).unwrap_or((tag, ""));
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte));
    let is_quoted = attributes.matches('"').count() % 2 == 0 && attributes.matches('\'').count() % 2 == 0;
    if !name.is_empty() && is_name && is_quoted { Ok(name) } else { Err(NoXml) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(document: &str) -> Result<[Option<&str>; 2], NoXml> {
        texts(document.as_bytes(), [&["a", "b"], &["a", "c", "b"]])
    }

    #[test]
    fn texts_are_found_by_their_paths() {
        for (document, expected) in [
            ("<a><b>1</b><c><b>2</b></c></a>", [Some("1"), Some("2")]),
            ("\n<?xml version=\"1.0\"?>\n<a x=\"y\" z='w'>\n <b >1</b >\n <d>&amp;</d>\n</a>\n", [Some("1"), None]),
            ("<a><b/><c><b></b></c></a>", [Some(""), Some("")]),
            ("<a><b><d>1</d></b><c><c><b>3</b></c></c></a>", [None, None]),
            ("<a><b>1<d/>2</b></a>", [None, None]),
            ("<a/>", [None, None]),
            ("<b><b>1</b></b>", [None, None]),
        ] {
            assert_eq!(read(document), Ok(expected), "{document}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for document in [
            "",
            "a",
            "<a>",
            "</a>",
            "<a></b>",
            "<a><b></a></b>",
            "<a/><a/>",
            "<a/>x",
            "x<a/>",
            "<a",
            "<a><b>1</b>",
            "<></>",
            "<a><b>1</b><b>2</b></a>",
            "<a><b>&lt;</b></a>",
            "<a><b>1</b><b/></a>",
            "<!DOCTYPE a><a/>",
            "<a><!-- --></a>",
            "<a><b><![CDATA[1]]></b></a>",
            "<a><?x?></a>",
            "<a x=\"></a>",
            "<a x='></a>",
            "<a \u{e4}=\"1></a>",
            "<\u{e4}/>",
            "<?xml <a/>",
        ] {
            assert_eq!(read(document), Err(NoXml), "{document}");
        }
        let deep = |depth: usize| ["<a>".repeat(depth), "</a>".repeat(depth)].concat();
        assert!(read(&deep(DEPTH)).is_ok() && read(&deep(DEPTH + 1)).is_err());
        assert_eq!(texts(b"<a>\xff</a>", [&["a"]]), Err(NoXml));
    }

    /// An element: its name, and its text or the elements in it.
    #[derive(Clone, Debug)]
    struct Element(char, Result<String, Vec<Element>>);

    impl Element {
        fn written(&self) -> String {
            let inside = match &self.1 {
                Ok(text) => text.clone(),
                Err(elements) => elements.iter().map(Self::written).collect(),
            };
            format!("<{0}>{inside}</{0}>", self.0)
        }

        /// The texts of all elements with this path.
        fn texts(&self, path: &[&str]) -> Vec<&str> {
            let Some((_, rest)) = path.split_first().filter(|(name, _)| name.starts_with(self.0)) else {
                return Vec::new();
            };
            match (&self.1, rest) {
                (Ok(text), []) => vec![text],
                (Err(elements), [_, ..]) => elements.iter().flat_map(|element| element.texts(rest)).collect(),
                // An element with nothing in it is one with an empty text.
                (Err(elements), []) if elements.is_empty() => vec![""],
                _ => Vec::new(),
            }
        }
    }

    fn elements() -> impl Strategy<Value = Element> {
        let leaf = (prop::char::range('a', 'c'), "[a-z >]{0,4}").prop_map(|(name, text)| Element(name, Ok(text)));
        leaf.prop_recursive(4, 24, 4, |inner| {
            (prop::char::range('a', 'c'), prop::collection::vec(inner, 0..4))
                .prop_map(|(name, inside)| Element(name, Err(inside)))
        })
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_the_document_says(element in elements()) {
            let paths: [&[&str]; 2] = [&["a", "b"], &["a", "c", "b"]];
            let all = paths.map(|path| element.texts(path));
            let document = element.written();
            let found = texts(document.as_bytes(), paths);
            if all.iter().any(|texts| texts.len() > 1) {
                prop_assert_eq!(found, Err(NoXml));
            } else {
                prop_assert_eq!(found, Ok(all.map(|texts| texts.first().copied())));
            }
        }

        #[test]
        fn whatever_comes_is_refused_or_read(document in "[<>/abc &?!\\-\"'=\n]{0,80}") {
            let found = read(&document);
            prop_assert!(found.iter().flatten().flatten().all(|text| !text.contains(['<', '&'])));
        }
    }
}
