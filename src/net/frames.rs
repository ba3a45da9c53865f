//! What the stack does not say of the frames of an HTTP/2 connection.

use std::collections::HashMap;

/// Interim answers to one request, on any HTTP version.
pub const INTERIM_ANSWERS: u32 = 100;
/// Interim answers, and the answer. Trailers end their stream and are not counted.
const HEADS: u32 = INTERIM_ANSWERS + 1;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;
const FRAME_HEAD: usize = 9;

/// Follows the frames that arrive. The stack above passes over interim answers without a word, so a server could send
/// them until the deadline; and it takes a reset with NO_ERROR for the end of a body.
#[derive(Default)]
pub struct Frames {
    head: [u8; FRAME_HEAD],
    filled: usize,
    payload: usize,
    /// Heads of the streams whose answer has begun and not ended.
    heads: HashMap<u32, u32>,
    cut: bool,
}

impl Frames {
    /// Takes what arrived. False where a stream has more heads than it may have.
    pub fn follow(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let skipped = self.payload.min(bytes.len());
            self.payload -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let Some(missing) = self.head.get_mut(self.filled..) else { return true };
            let taken = missing.len().min(bytes.len());
            let (head, rest) = bytes.split_at(taken);
            missing.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
            self.filled += taken;
            bytes = rest;
            if self.filled == FRAME_HEAD {
                self.filled = 0;
                if !self.frame() {
                    return false;
                }
            }
        }
        true
    }

    /// Whether a stream was reset in the middle of its answer.
    pub fn cut(&self) -> bool {
        self.cut
    }

    fn frame(&mut self) -> bool {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = self.head;
        self.payload = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        let stream = u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]);
        match kind {
            RST_STREAM => self.cut |= self.heads.remove(&stream).is_some(),
            DATA | HEADERS if flags & END_STREAM != 0 => drop(self.heads.remove(&stream)),
            HEADERS => {
                let heads = self.heads.entry(stream).or_default();
                *heads += 1;
                return *heads <= HEADS;
            }
            _ => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream], payload].concat()
    }

    #[test]
    fn counts_by_stream_however_the_bytes_are_cut() {
        // The payload looks like frames itself.
        let interim = frame(HEADERS, 4, 1, &frame(HEADERS, 4, 1, b"x"));
        let other = frame(HEADERS, 4, 3, b"");
        for size in [1, 7, 9, 10, 1000] {
            let mut bytes = [interim.repeat(101), other.repeat(101)].concat();
            let mut frames = Frames::default();
            assert!(bytes.chunks(size).all(|chunk| frames.follow(chunk)), "{size}");
            bytes = interim.clone();
            assert!(!bytes.chunks(size).all(|chunk| frames.follow(chunk)), "{size}");
        }
    }

    #[test]
    fn a_reset_after_the_end_cuts_nothing() {
        let mut frames = Frames::default();
        let answer = [frame(HEADERS, 4, 1, b""), frame(DATA, END_STREAM, 1, b"x"), frame(RST_STREAM, 0, 1, b"0000")];
        assert!(frames.follow(&answer.concat()) && !frames.cut());
    }

    #[test]
    fn forgets_a_stream_that_ends() {
        for end in
            [frame(DATA, END_STREAM, 1, b"x"), frame(HEADERS, END_STREAM, 1, b""), frame(RST_STREAM, 0, 1, b"0000")]
        {
            let mut frames = Frames::default();
            assert!(frames.follow(&[frame(HEADERS, 4, 1, b"").repeat(101), end.clone()].concat()));
            assert!(frames.heads.is_empty());
            assert_eq!(frames.cut(), end[3] == RST_STREAM);
        }
    }
}
