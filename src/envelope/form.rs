//! The outer form of an envelope: marker, base64, JSON object, and what its fields must look like.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::aead::{Algorithm, KEY_LEN, TAG_LEN};
use super::base64;
use crate::error::{Code, Error};

const MARKER: &[u8] = b"nrv1:";

/// Levels of nesting inside the object that `json_decode` with a depth of 8 lets through: it counts the object and the
/// scalars as well.
const DEPTH: usize = 6;

/// An envelope whose form is right. Nothing in it is secret.
pub(super) struct Form {
    pub(super) algorithm: Algorithm,
    pub(super) key_nonce: Vec<u8>,
    pub(super) sealed_key: Vec<u8>,
    pub(super) value_nonce: Vec<u8>,
    pub(super) sealed_value: Vec<u8>,
}

impl Form {
    pub(super) fn parse(sealed: &[u8]) -> Result<Self, Error> {
        let body = sealed.strip_prefix(MARKER).ok_or_else(|| malformed("the envelope does not start with nrv1:"))?;
        let body = base64::decode(body).ok_or_else(|| malformed("the envelope is not base64"))?;
        let fields = FormFields::parse(&body)?;

        // Types first, as nr-vault's codec does, before a value is looked at.
        let sealed_value = fields.encrypted_value.text()?;
        let sealed_key = fields.encrypted_dek.text()?;
        let key_nonce = fields.dek_nonce.text()?;
        let value_nonce = fields.value_nonce.text()?;
        let name = fields.encryption_algorithm.text()?;
        let Field::Integer(version) = fields.encryption_version else {
            return Err(malformed("the envelope's version is missing or is not an integer"));
        };
        if !matches!(fields.value_checksum, Field::Absent | Field::Null | Field::Text(_)) {
            return Err(malformed("the envelope's checksum is not a string"));
        }
        // Version 2 names its algorithm. In version 1 the length of the nonces tells; a name there is ignored.
        let named = match version {
            1 => None,
            2 => Some(Algorithm::from_name(name).ok_or_else(|| unsupported("the envelope's algorithm is not known"))?),
            _ => return Err(unsupported("the envelope's version is neither 1 nor 2")),
        };

        let [sealed_value, sealed_key, key_nonce, value_nonce] =
            [decode(sealed_value)?, decode(sealed_key)?, decode(key_nonce)?, decode(value_nonce)?];
        let algorithm = named
            .or_else(|| Algorithm::from_nonce_len(key_nonce.len()))
            .filter(|algorithm| [&key_nonce, &value_nonce].iter().all(|nonce| nonce.len() == algorithm.nonce_len()))
            .ok_or_else(|| malformed("a nonce of the envelope does not have its algorithm's length"))?;
        if sealed_key.len() != KEY_LEN + TAG_LEN || sealed_value.len() < TAG_LEN {
            return Err(malformed("a ciphertext of the envelope has an impossible length"));
        }
        Ok(Self { algorithm, key_nonce, sealed_key, value_nonce, sealed_value })
    }
}

fn decode(text: &str) -> Result<Vec<u8>, Error> {
    let mut bytes =
        base64::decode(text.as_bytes()).ok_or_else(|| malformed("a field of the envelope is not base64"))?;
    Ok(std::mem::take(&mut *bytes))
}

fn malformed(message: &'static str) -> Error {
    Error::new(Code::CredentialMalformed, message)
}

fn unsupported(message: &'static str) -> Error {
    Error::new(Code::CredentialUnsupported, message)
}

/// A value of the object, as far as it matters here.
#[derive(Default)]
enum Field<'a> {
    #[default]
    Absent,
    Null,
    Text(Cow<'a, str>),
    Integer(i64),
    Other,
}

impl Field<'_> {
    fn text(&self) -> Result<&str, Error> {
        match self {
            Field::Text(text) => Ok(text),
            _ => Err(malformed("a field of the envelope is missing or is not a string")),
        }
    }
}

/// The object's values. Where a key is there twice the last one counts, and unknown keys do not, as in PHP.
#[derive(Default)]
struct FormFields<'a> {
    encrypted_value: Field<'a>,
    encrypted_dek: Field<'a>,
    dek_nonce: Field<'a>,
    value_nonce: Field<'a>,
    value_checksum: Field<'a>,
    encryption_version: Field<'a>,
    encryption_algorithm: Field<'a>,
}

impl<'a> FormFields<'a> {
    fn parse(document: &'a [u8]) -> Result<Self, Error> {
        let not_an_object = |_| malformed("the envelope's body is not a JSON object");
        let mut reader = serde_json::Deserializer::from_slice(document);
        let fields = reader.deserialize_map(FormFieldsVisitor).map_err(not_an_object)?;
        reader.end().map_err(not_an_object)?;
        Ok(fields)
    }

    fn get_mut(&mut self, name: FormKey) -> Option<&mut Field<'a>> {
        match name {
            FormKey::EncryptedValue => Some(&mut self.encrypted_value),
            FormKey::EncryptedDek => Some(&mut self.encrypted_dek),
            FormKey::DekNonce => Some(&mut self.dek_nonce),
            FormKey::ValueNonce => Some(&mut self.value_nonce),
            FormKey::ValueChecksum => Some(&mut self.value_checksum),
            FormKey::EncryptionVersion => Some(&mut self.encryption_version),
            FormKey::EncryptionAlgorithm => Some(&mut self.encryption_algorithm),
            FormKey::Other => None,
        }
    }
}

/// A key of the object.
#[derive(Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum FormKey {
    EncryptedValue,
    EncryptedDek,
    DekNonce,
    ValueNonce,
    ValueChecksum,
    EncryptionVersion,
    EncryptionAlgorithm,
    #[serde(other)]
    Other,
}

struct FormFieldsVisitor;

impl<'de> Visitor<'de> for FormFieldsVisitor {
    type Value = FormFields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope's object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FormFields<'de>, A::Error> {
        let mut fields = FormFields::default();
        while let Some(name) = map.next_key::<FormKey>()? {
            let value = map.next_value_seed(Levels(DEPTH))?;
            if let Some(field) = fields.get_mut(name) {
                *field = value;
            }
        }
        Ok(fields)
    }
}

/// Reads any value with at most so many levels of nesting. Unlike serde's `IgnoredAny` it looks into what nobody asks for:
/// bad UTF-8 or half a surrogate pair there spoils the envelope for PHP, so it does for us.
struct Levels(usize);

impl Levels {
    fn below<E: de::Error>(&self) -> Result<usize, E> {
        self.0.checked_sub(1).ok_or_else(|| E::custom("too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Levels {
    type Value = Field<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Levels {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Field<'de>, E> {
        Ok(Field::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Field<'de>, E> {
        Ok(Field::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Field<'de>, E> {
        Ok(Field::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Field<'de>, E> {
        // What does not fit is a float in PHP.
        Ok(i64::try_from(number).map_or(Field::Other, Field::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Field<'de>, E> {
        Ok(Field::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Field<'de>, E> {
        Ok(Field::Other)
    }

    fn visit_unit<E>(self) -> Result<Field<'de>, E> {
        Ok(Field::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field<'de>, A::Error> {
        let below = self.below()?;
        while seq.next_element_seed(Levels(below))?.is_some() {}
        Ok(Field::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field<'de>, A::Error> {
        let below = self.below()?;
        while map.next_key::<String>()?.is_some() {
            map.next_value_seed(Levels(below))?;
        }
        Ok(Field::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_object(document: &str) -> bool {
        FormFields::parse(document.as_bytes()).is_ok()
    }

    #[test]
    fn nests_as_deep_as_php() {
        let nested = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(is_object(&nested(6)));
        assert!(!is_object(&nested(7)));
    }

    #[test]
    fn last_of_two_counts() {
        let fields = FormFields::parse(br#"{"encryption_version":"2","encryption_version":1}"#).expect("an object");
        assert!(matches!(fields.encryption_version, Field::Integer(1)));
    }

    #[test]
    fn numbers_that_are_no_integers_in_php() {
        for number in ["2.0", "2e0", "9223372036854775808"] {
            let document = format!("{{\"encryption_version\":{number}}}");
            let fields = FormFields::parse(document.as_bytes()).expect("an object");
            assert!(matches!(fields.encryption_version, Field::Other), "{number}");
        }
    }

    #[test]
    fn looks_into_unknown_keys() {
        assert!(!is_object(r#"{"x":"\ud800"}"#));
        assert!(FormFields::parse(b"{\"x\":\"\xff\"}").is_err());
        assert!(!is_object("{} x"));
    }
}
