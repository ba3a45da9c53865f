//! Reading a JSON document.

use serde::de::DeserializeOwned;

use crate::error::{Code, Error};

/// Reads a JSON document. serde's own text can quote a value of the document, so all that is taken from it is the
/// name of a key, those that there are, and its place.
pub fn parse<T: DeserializeOwned>(document: &[u8], code: Code) -> Result<T, Error> {
    serde_json::from_slice(document).map_err(|error| {
        let text = error.to_string();
        let about_a_key =
            ["unknown field", "missing field", "duplicate field"].iter().any(|start| text.starts_with(start));
        let what = match error.classify() {
            serde_json::error::Category::Data if about_a_key => {
                let end = text.rfind(" at line").unwrap_or(text.len());
                format!("has an {}", text.get(..end).unwrap_or_default())
                    .replace("an missing", "a missing")
                    .replace("an dup", "a dup")
            }
            serde_json::error::Category::Data => "has a value of a wrong type or form".to_owned(),
            _ => "is not well-formed JSON".to_owned(),
        };
        Error::new(code, format!("the document {what} (line {}, column {})", error.line(), error.column()))
    })
}
