//! The documents of the contract and nothing else: no input, no output, no decision.

mod request;

pub use request::{CredentialKind, CredentialSpec, Placement, PolicySpec, Request};

use serde::de::DeserializeOwned;

use crate::error::{Code, Error};

/// Reads a JSON document. serde's own text can quote a value of the document, so only its place is kept.
pub(crate) fn parse<T: DeserializeOwned>(document: &[u8], code: Code) -> Result<T, Error> {
    serde_json::from_slice(document).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "has a missing, unknown or wrongly typed key",
            _ => "is not well-formed JSON",
        };
        Error::new(code, format!("the document {what} at line {}, column {}", error.line(), error.column()))
    })
}
