//! The frames in `tests/vectors/frames.json`, which the tests of PHP read as well, and what holds for any bytes.

use proptest::prelude::*;
use secure_outbound::sidecar::{
    CALL_BYTES, FrameFlaw, HEAD_BYTES, Kind, LATE, PAYLOAD_BYTES, SocketFrame, VERSION, WINDOW, write_piece,
};
use serde_json::Value;

fn document() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/frames.json");
    serde_json::from_slice(&std::fs::read(path).expect("the file")).expect("JSON")
}

fn vectors(section: &str) -> Vec<Value> {
    document()[section].as_array().expect("a list").clone()
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("hex").as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a digit") as u8;
    text.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn head(frame: &[u8]) -> [u8; HEAD_BYTES] {
    *frame.first_chunk().expect("a head")
}

#[test]
fn they_are_read_and_written_so() {
    let frames = vectors("frames");
    for frame in &frames {
        let (whole, payload) = (bytes(&frame["bytes"]), bytes(&frame["payload"]));
        let read = SocketFrame::decode(head(&whole)).expect("a frame");
        assert_eq!(format!("{:?}", read.kind).to_lowercase(), frame["kind"].as_str().expect("a kind"));
        assert_eq!(read.id, frame["id"].as_u64().expect("an id"));
        assert_eq!((read.last, read.length), (frame["last"] == true, payload.len()));
        let mut written = Vec::new();
        write_piece(&mut written, read.kind, read.id, &payload, read.last);
        assert_eq!(written, whole, "{}", frame["name"]);
    }
    for kind in Kind::ALL {
        let name = format!("{kind:?}").to_lowercase();
        assert!(frames.iter().any(|frame| frame["kind"] == name.as_str()), "no frame of the kind {name}");
    }
}

#[test]
fn both_sides_have_the_same_constants() {
    let mut constants = document()["constants"].clone();
    assert!(constants["php_waits_ms"].take().as_u64() < constants["daemon_keeps_ms"].as_u64());
    assert_eq!(
        constants,
        serde_json::json!({
            "version": VERSION, "head_bytes": HEAD_BYTES, "payload_bytes": PAYLOAD_BYTES, "window": WINDOW,
            "call_bytes": CALL_BYTES, "php_waits_ms": null, "daemon_keeps_ms": LATE.as_millis(),
        })
    );
}

#[test]
fn what_is_no_frame_is_refused_by_its_head() {
    for frame in vectors("refused") {
        let flaw = match SocketFrame::decode(head(&bytes(&frame["bytes"]))).expect_err("a refusal") {
            FrameFlaw::Version(_) => "version",
            FrameFlaw::Kind(_) => "kind",
            FrameFlaw::Flags(_) => "flags",
            FrameFlaw::Length(_) => "length",
        };
        assert_eq!(frame["flaw"], flaw, "{}", frame["name"]);
    }
}

proptest! {
    #[test]
    fn what_is_read_is_within_its_limits_and_is_written_the_same(bytes in any::<[u8; HEAD_BYTES]>(), fits in any::<bool>()) {
        // Random bytes are hardly ever a head, so half of them get its first bytes.
        let mut bytes = bytes;
        if fits {
            bytes[0] = 1;
            bytes[1] = bytes[1] % 10 + 1;
            let few = [0, bytes[3] & 1, 0, bytes[5] & 1];
            bytes[2..6].copy_from_slice(&few);
        }
        if let Ok(head) = SocketFrame::decode(bytes) {
            prop_assert!(head.length <= PAYLOAD_BYTES);
            prop_assert_eq!(head.encode(), bytes);
        }
    }

    #[test]
    fn every_head_is_read_as_it_was_written(number in 0..10_usize, last: bool, length in 0..=PAYLOAD_BYTES, id: u64) {
        let kind = Kind::ALL[number];
        let length = match kind { Kind::Credit => 4, Kind::Bye => 8, Kind::Cancel => 1, _ => length };
        let head = SocketFrame { kind, last, length, id };
        prop_assert_eq!(SocketFrame::decode(head.encode()), Ok(head));
    }
}
