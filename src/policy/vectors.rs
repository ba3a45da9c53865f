//! The cases of `tests/vectors/policy.json`, by which every implementation of these rules is judged.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A section of the vectors.
pub fn section<T: DeserializeOwned>(name: &str) -> T {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/policy.json")).expect("JSON");
    T::deserialize(&vectors[name]).unwrap_or_else(|error| panic!("{name}: {error}"))
}
