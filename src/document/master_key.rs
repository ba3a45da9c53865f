//! The `master_keys` of a configuration.

use std::fmt;
use std::path::PathBuf;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, de};
use zeroize::Zeroizing;

use crate::secret::{LockedSecret, Secret};

/// One entry of `master_keys`: an id, a source, or both. Unknown keys and keys of another provider are refused.
#[derive(Debug, Deserialize)]
#[serde(try_from = "EntryForm")]
pub struct MasterKeySpec {
    /// The name by which a later `open` finds the key.
    pub id: Option<String>,
    /// Where the key comes from. Absent where the process is expected to know the id.
    pub source: Option<KeySourceSpec>,
}

/// Where a master key comes from. Material that is in the document itself is locked while the rest is still being read.
#[derive(Debug)]
pub enum KeySourceSpec {
    /// A file that holds 32 bytes or their base64.
    File {
        /// Where it lies.
        path: PathBuf,
    },
    /// A variable of the process's environment that holds 32 bytes or their base64.
    Env {
        /// Its name.
        name: String,
    },
    /// A key derived from TYPO3's encryption key.
    Typo3 {
        /// The encryption key, as its text.
        encryption_key: LockedSecret,
    },
    /// A key that another provider resolved.
    Raw {
        /// Its 32 bytes in base64.
        key_base64: LockedSecret,
    },
}

/// Flat on purpose: serde reads tagged and flattened forms by way of a buffer that would keep a copy of the material.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryForm {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    provider: Option<Provider>,
    #[serde(default)]
    path: Option<PathBuf>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    encryption_key: Option<Material>,
    #[serde(default)]
    key_base64: Option<Material>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Provider {
    File,
    Env,
    Typo3,
    Raw,
}

impl TryFrom<EntryForm> for MasterKeySpec {
    type Error = &'static str;

    fn try_from(form: EntryForm) -> Result<Self, &'static str> {
        let EntryForm { id, provider, path, name, encryption_key, key_base64 } = form;
        if id.as_deref().is_some_and(str::is_empty) {
            return Err("a master key's id is empty");
        }
        let source = match (provider, path, name, encryption_key, key_base64) {
            (None, None, None, None, None) if id.is_some() => None,
            (Some(Provider::File), Some(path), None, None, None) => Some(KeySourceSpec::File { path }),
            (Some(Provider::Env), None, Some(name), None, None) if is_variable(&name) => {
                Some(KeySourceSpec::Env { name })
            }
            (Some(Provider::Typo3), None, None, Some(key), None) => {
                Some(KeySourceSpec::Typo3 { encryption_key: LockedSecret::new(key.0) })
            }
            (Some(Provider::Raw), None, None, None, Some(key)) => {
                Some(KeySourceSpec::Raw { key_base64: LockedSecret::new(key.0) })
            }
            _ => return Err("a master key's provider is unknown, or what it needs is missing or belongs to another"),
        };
        Ok(Self { id, source })
    }
}

/// `std::env` panics on other names.
fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

/// Key material in the document.
struct Material(Secret);

impl<'de> Deserialize<'de> for Material {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(MaterialVisitor)
    }
}

struct MaterialVisitor;

impl Visitor<'_> for MaterialVisitor {
    type Value = Material;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("key material")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Material, E> {
        Ok(Material(Secret::new(text.as_bytes().to_vec())))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Material, E> {
        self.visit_str(&Zeroizing::new(text))
    }
}
