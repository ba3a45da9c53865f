//! Text that came from somewhere else, on its way into a record or a message. `document` and `audit` put it through here.

use std::borrow::Cow;

/// The text without what would break a line, hide a part of it, turn its direction or drive a terminal: each character of
/// that kind is a question mark.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(is_unprintable) { Cow::Owned(text.replace(is_unprintable, "?")) } else { Cow::Borrowed(text) }
}

/// Controls, format characters, and the separators of lines and paragraphs: Unicode's categories Cc, Cf, Zl and Zp.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0001}'
                | '\u{e0020}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    #[test]
    fn what_is_no_text_is_a_question_mark() {
        for (text, expected) in section::<Vec<(String, String)>>("printable") {
            assert_eq!(printable(&text), expected, "{text:?}");
        }
    }
}
