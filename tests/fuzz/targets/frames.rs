//! A stream of frames is read within its limits, whatever it is, and what is read is written the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secure_outbound::sidecar::{Credit, SocketFrame, Kind, PAYLOAD_BYTES, Pieces, Taken, WINDOW, write_piece};

const MOST: usize = 100_000;

fuzz_target!(|bytes: &[u8]| {
    let (mut rest, mut pieces) = (bytes, Pieces::default());
    let (mut credit, mut taken) = (Credit::default(), Taken::default());
    while let Some((head, more)) = rest.split_first_chunk() {
        let Ok(read) = SocketFrame::decode(*head) else { return };
        assert!(read.length <= PAYLOAD_BYTES);
        let Some((payload, more)) = more.split_at_checked(read.length) else { return };
        let mut written = Vec::new();
        write_piece(&mut written, read.kind, read.id, payload, read.last);
        assert_eq!(written, [head.as_slice(), payload].concat());
        match read.kind {
            Kind::Credit => {
                let given = payload.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
                let _ = credit.give(given);
                assert!(credit.left() <= WINDOW);
            }
            Kind::Body => {
                if let Ok(Some(given)) = taken.take(read.length) {
                    assert!(given as usize <= WINDOW);
                }
            }
            _ => {
                if pieces.add(payload, MOST).is_err() {
                    return;
                }
                assert!(pieces.len() <= MOST);
            }
        }
        rest = more;
    }
});
