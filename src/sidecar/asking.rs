//! The document of a call while it arrives: in one frame as a rule, and in several where there is room for them.

use std::fmt;

use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use super::account::Held;
use super::documents::{CallDocument, ResponseForm};
use super::frame::{Pieces, TooLong};

/// The longest document of a call.
pub const CALL_BYTES: usize = 1 << 20;

/// The document of a call of which a part is there.
pub struct Asking {
    /// The number of the call.
    pub id: u64,
    pieces: Pieces,
    length: usize,
    room: Room,
}

/// Whether there is room for what does not fit into one frame.
enum Room {
    Unasked,
    Held([Held; 2]),
    /// There is none, so nothing is kept but what is needed to say so.
    None(CallBeginning),
}

impl Asking {
    /// One of which nothing has come.
    pub fn new(id: u64) -> Self {
        Self { id, pieces: Pieces::default(), length: 0, room: Room::Unasked }
    }

    /// Takes a part; before a second one, room is asked for.
    pub fn add(&mut self, part: &[u8], last: bool, room: impl FnOnce() -> Option<[Held; 2]>) -> Result<(), TooLong> {
        self.length = self.length.saturating_add(part.len());
        if self.length > CALL_BYTES {
            return Err(TooLong);
        }
        if matches!(self.room, Room::None(_)) {
            return Ok(());
        }
        self.pieces.add(part, CALL_BYTES)?;
        if !last && matches!(self.room, Room::Unasked) {
            self.room = match room() {
                Some(held) => Room::Held(held),
                None => Room::None(CallBeginning::of(&std::mem::take(&mut self.pieces).whole())),
            };
        }
        Ok(())
    }

    /// The document and its room, or the beginning of one that had none.
    pub fn end(self) -> Result<(Vec<u8>, Option<[Held; 2]>), CallBeginning> {
        match self.room {
            Room::Unasked => Ok((self.pieces.whole(), None)),
            Room::Held(held) => Ok((self.pieces.whole(), Some(held))),
            Room::None(beginning) => Err(beginning),
        }
    }
}

/// What a call's document says of the form in which its end is expected.
#[derive(Debug, Default)]
pub struct CallBeginning {
    /// The id of its service, where it names one.
    pub service_id: Option<String>,
    /// How the response is told.
    pub response: ResponseForm,
    /// How long the caller waits without a decision.
    pub known_timeout_ms: Option<u64>,
}

impl CallBeginning {
    /// Reads as much of it as there is in the first frame: the request itself, which may be long, is the last key as a rule.
    fn of(beginning: &[u8]) -> Self {
        let mut read = Self::default();
        // It breaks off within a value, which is an error behind all that is wanted.
        let _ = serde_json::Deserializer::from_slice(beginning).deserialize_map(BeginningReader(&mut read));
        read
    }
}

impl From<&CallDocument> for CallBeginning {
    fn from(call: &CallDocument) -> Self {
        Self {
            service_id: Some(call.service_id.clone()),
            response: call.response,
            known_timeout_ms: call.known_timeout_ms,
        }
    }
}

struct BeginningReader<'a>(&'a mut CallBeginning);

impl<'de> Visitor<'de> for BeginningReader<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the document of a call")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "service_id" => self.0.service_id = map.next_value()?,
                "response" => self.0.response = map.next_value()?,
                "known_timeout_ms" => self.0.known_timeout_ms = map.next_value()?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_read_as_far_as_it_reaches() {
        let document =
            br#"{"version":1,"service_id":"shop","response":"pieces","known_timeout_ms":7,"request":{"path":"/x"#;
        let read = CallBeginning::of(document);
        assert_eq!(
            (read.service_id.as_deref(), read.response, read.known_timeout_ms),
            (Some("shop"), ResponseForm::Pieces, Some(7))
        );
        for (cut, service) in [(0, None), (12, None), (30, None), (32, Some("shop")), (50, Some("shop"))] {
            assert_eq!(
                CallBeginning::of(document.get(..cut).unwrap_or_default()).service_id.as_deref(),
                service,
                "{cut}"
            );
        }
        assert_eq!(CallBeginning::of(b"[1]").service_id, None);
    }
}
