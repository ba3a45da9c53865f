//! Reads a payload's JSON without copying what is secret in it: values stay where they are until one is unescaped, once,
//! into a buffer that is wiped.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::value::Secret;

/// The document does not have the form. Says nothing more, as anything more could quote it.
#[derive(Debug)]
pub(crate) struct Invalid;

/// The values of an object that has no other keys than these, and none of them twice.
pub(crate) fn members<'a, const N: usize>(
    document: &'a str,
    names: [&'static str; N],
) -> Result<[Option<&'a RawValue>; N], Invalid> {
    let mut found = [None; N];
    for_each_member(document, &names, |index, value| {
        let place = index.and_then(|index| found.get_mut(index)).ok_or(Invalid)?;
        place.replace(value).map_or(Ok(()), |_| Err(Invalid))
    })?;
    Ok(found)
}

/// The members of an object whose keys may be any, none of them twice. The keys are copied, so they are no secrets.
pub(crate) fn entries(document: &str) -> Result<Vec<(String, &RawValue)>, Invalid> {
    struct EntriesVisitor;
    impl<'de> Visitor<'de> for EntriesVisitor {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries: Self::Value = Vec::new();
            while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                if entries.iter().any(|(other, _)| *other == key) {
                    return Err(de::Error::custom("twice"));
                }
                entries.push((key, value));
            }
            Ok(entries)
        }
    }
    object(document, EntriesVisitor)
}

/// Calls for every member of an object: with the position of its key among the names, if it is there, and its value.
pub(crate) fn for_each_member<'a>(
    document: &'a str,
    names: &[&str],
    each: impl FnMut(Option<usize>, &'a RawValue) -> Result<(), Invalid>,
) -> Result<(), Invalid> {
    object(document, MemberVisitor { names, each })
}

/// Visits an object, behind which nothing follows.
fn object<'a, V: Visitor<'a>>(document: &'a str, visitor: V) -> Result<V::Value, Invalid> {
    // For anything else serde would write the value into the text of its error.
    if !document.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        return Err(Invalid);
    }
    let mut reader = serde_json::Deserializer::from_str(document);
    let visited = reader.deserialize_map(visitor).map_err(|_| Invalid)?;
    reader.end().map(|()| visited).map_err(|_| Invalid)
}

/// The text of a JSON string.
pub(crate) fn text(value: &RawValue) -> Result<Secret, Invalid> {
    let escaped = value.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(Invalid)?;
    // Escapes only shrink, so this never grows.
    let mut text = Zeroizing::new(Vec::with_capacity(escaped.len()));
    let mut rest = escaped;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.extend_from_slice(plain.as_bytes());
        let mut characters = escape.chars();
        let character = match characters.next().ok_or(Invalid)? {
            character @ ('"' | '\\' | '/') => character,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => unicode_escape(&mut characters)?,
            _ => return Err(Invalid),
        };
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = characters.as_str();
    }
    text.extend_from_slice(rest.as_bytes());
    Ok(Secret::from(text))
}

/// What follows `\u`: four digits, and for a character beyond U+FFFF a second escape.
fn unicode_escape(characters: &mut std::str::Chars<'_>) -> Result<char, Invalid> {
    let unit = |characters: &mut std::str::Chars<'_>| {
        (0..4).try_fold(0, |unit, _| Some(unit << 4 | characters.next()?.to_digit(16)?)).ok_or(Invalid)
    };
    let first = unit(characters)?;
    if !(0xd800..0xdc00).contains(&first) {
        // Half a pair is not a character, and `from_u32` says so.
        return char::from_u32(first).ok_or(Invalid);
    }
    if characters.next() != Some('\\') || characters.next() != Some('u') {
        return Err(Invalid);
    }
    let second = unit(characters)?.checked_sub(0xdc00).filter(|low| *low < 0x400).ok_or(Invalid)?;
    char::from_u32(0x10000 + ((first - 0xd800) << 10) + second).ok_or(Invalid)
}

struct MemberVisitor<'n, F> {
    names: &'n [&'n str],
    each: F,
}

impl<'de, F: FnMut(Option<usize>, &'de RawValue) -> Result<(), Invalid>> Visitor<'de> for MemberVisitor<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(index) = map.next_key_seed(Name(self.names))? {
            (self.each)(index, map.next_value()?).map_err(|Invalid| de::Error::custom("refused"))?;
        }
        Ok(())
    }
}

/// A key, as its position among the names: it is compared in the document, without a copy.
struct Name<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unescapes_as_serde_does() {
        for document in [
            r#""""#,
            r#""plain""#,
            r#""a\/b\\c\"d""#,
            r#""\b\f\n\r\t""#,
            r#""\u0041\u00e4\u20AC\ud83d\ude00""#,
            "\"\u{e4}\u{1f600}\"",
            r#""\ud83d""#,
            r#""\ud83dx""#,
            r#""\ud83d\n""#,
            r#""\ud83d\ud83d""#,
            r#""\ude00""#,
            r#""\u12g4""#,
            r#""\u+123""#,
            "7",
            "null",
        ] {
            let ours = serde_json::from_str::<&RawValue>(document).ok().and_then(|value| text(value).ok());
            let theirs = serde_json::from_str::<String>(document).ok();
            assert_eq!(ours.as_ref().map(Secret::expose), theirs.as_ref().map(String::as_bytes), "{document}");
        }
    }

    #[test]
    fn entries_have_any_key_and_are_single() {
        let found = entries(r#" {"b": [1], "\u0061": "x"} "#).expect("an object");
        let found: Vec<_> = found.iter().map(|(key, value)| (key.as_str(), value.get())).collect();
        assert_eq!(found, [("b", "[1]"), ("a", "\"x\"")]);
        for document in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":1}"#, "[1]", "7", "{} {}", "{", ""] {
            assert!(entries(document).is_err(), "{document}");
        }
    }

    #[test]
    fn members_are_known_and_single() {
        let [one, two] = members(r#" {"b": [1], "a": "x"} "#, ["a", "b"]).expect("an object");
        assert_eq!((one.map(RawValue::get), two.map(RawValue::get)), (Some("\"x\""), Some("[1]")));
        for document in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":1}"#, r#"{"c":1}"#, "[1]", "{} {}", "{", ""] {
            assert!(members(document, ["a", "b"]).is_err(), "{document}");
        }
    }
}
