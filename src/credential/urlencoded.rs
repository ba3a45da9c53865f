//! `name=value` pairs, in a query or in a form's body.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Everything but RFC 3986's unreserved characters. Readers of forms understand it as well.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The existing pairs, byte for byte, and one more for every field. The buffer never grows.
pub(super) fn append(existing: &[u8], fields: &[(String, Secret)]) -> Zeroizing<Vec<u8>> {
    let longest = |(name, secret): &(String, Secret)| 3 * (name.len() + secret.expose().len()) + "&=".len();
    let mut pairs = Zeroizing::new(Vec::with_capacity(existing.len() + fields.iter().map(longest).sum::<usize>()));
    pairs.extend_from_slice(existing);
    for (name, secret) in fields {
        if !pairs.is_empty() {
            pairs.push(b'&');
        }
        extend_encoded(&mut pairs, name.as_bytes());
        pairs.push(b'=');
        extend_encoded(&mut pairs, secret.expose());
    }
    pairs
}

/// Whether there is a pair of this name. A `+` is a space to some readers and a plus to others: either will do.
pub(super) fn has_name(pairs: &[u8], name: &str) -> bool {
    pairs.split(|byte| *byte == b'&').filter_map(|pair| pair.split(|byte| *byte == b'=').next()).any(|found| {
        let spaced: Vec<u8> = found.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        percent_decode(&spaced).eq(name.bytes()) || percent_decode(found).eq(name.bytes())
    })
}

fn extend_encoded(buffer: &mut Vec<u8>, bytes: &[u8]) {
    percent_encode(bytes, RESERVED).for_each(|part| buffer.extend_from_slice(part.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_encoded() {
        let field = |name: &str, value: &[u8]| (name.to_owned(), Secret::new(value.to_vec()));
        let fields = [field("key", b"a b+c/\xff~-._"), field("k[]&", b"=")];
        assert_eq!(append(b"", &fields).as_slice(), b"key=a%20b%2Bc%2F%FF~-._&k%5B%5D%26=%3D");
        assert_eq!(append(b"x=%zz&y", &fields[..1]).as_slice(), b"x=%zz&y&key=a%20b%2Bc%2F%FF~-._");
    }

    #[test]
    fn finds_names_in_every_spelling() {
        for pairs in ["api key=1", "x=1&api+key=2", "api%20key", "&&%61pi%20key=", "api%20key=a=b"] {
            assert!(has_name(pairs.as_bytes(), "api key"), "{pairs}");
        }
        assert!(has_name(b"a+b=1", "a+b") && has_name(b"a%2Bb=1", "a+b"));
        for pairs in ["", "x=api key", "Api key=1", "api%2520key=1", "api keys=1"] {
            assert!(!has_name(pairs.as_bytes(), "api key"), "{pairs}");
        }
    }
}
