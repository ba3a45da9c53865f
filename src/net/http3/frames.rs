//! What h3 is not shown of a stream: frames that carry nothing.

use bytes::{Buf, Bytes};

use crate::net::frames::IDLE_FRAMES;

/// How many bytes the frames that carry nothing may have, on one stream. Their number is HTTP/2's, and DATA makes room for more as there.
const IDLE_BYTES: u64 = 1 << 20;

const DATA: u64 = 0;
/// The types that RFC 9114 section 7.2 gives a meaning, or forbids: h3 judges where they may come. All others have none.
const KNOWN: u64 = 0x0d;

/// Leaves out frames of unknown types and DATA without bytes. h3 takes the latter for the end of a body, and of the former it waits for
/// the last byte and counts none.
pub struct Frames {
    /// Bytes of a type and a length of which more are to come.
    begun: Vec<u8>,
    /// How much of the frame is still to come, and whether h3 is shown it.
    left: u64,
    shows: bool,
    idle_frames: u32,
    idle_bytes: u64,
}

impl Default for Frames {
    fn default() -> Self {
        Self { begun: Vec::new(), left: 0, shows: false, idle_frames: IDLE_FRAMES, idle_bytes: IDLE_BYTES }
    }
}

/// There are too many frames that carry nothing.
#[derive(Debug, PartialEq)]
pub struct Flood;

impl Frames {
    /// The next piece for h3; nothing where all of these bytes were left out or wait for more.
    pub fn next(&mut self, bytes: &mut Bytes) -> Result<Option<Bytes>, Flood> {
        while bytes.has_remaining() {
            if self.left == 0 {
                let Some(head) = self.head(bytes)? else { continue };
                return Ok(Some(head));
            }
            let piece = bytes.split_to(usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len()));
            self.left -= piece.len() as u64;
            if self.shows {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    /// Takes type and length of the next frame. Gives them if h3 is shown it.
    fn head(&mut self, bytes: &mut Bytes) -> Result<Option<Bytes>, Flood> {
        self.begun.push(bytes.get_u8());
        let Some((kind, rest)) = number(&self.begun) else { return Ok(None) };
        let Some((length, _)) = number(rest) else { return Ok(None) };
        let head = std::mem::take(&mut self.begun);
        self.left = length;
        self.shows = kind <= KNOWN && (kind != DATA || length > 0);
        if self.shows {
            self.idle_frames = self.idle_frames.saturating_add(1).min(IDLE_FRAMES);
            return Ok(Some(head.into()));
        }
        self.idle_frames = self.idle_frames.checked_sub(1).ok_or(Flood)?;
        self.idle_bytes = self.idle_bytes.checked_sub(length).ok_or(Flood)?;
        Ok(None)
    }

    /// Whether what has come ends in the middle of a frame that h3 does not know of.
    pub fn is_cut(&self) -> bool {
        !self.begun.is_empty() || !self.shows && self.left > 0
    }
}

/// A number as QUIC writes it (RFC 9000 section 16), and what follows.
pub fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = 1 << (bytes.first()? >> 6);
    let (number, rest) = bytes.split_at_checked(length)?;
    let value = number.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    Some((value & !(0b11 << (8 * length - 2)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What h3 is shown of these bytes, which come in pieces of this size.
    fn shown(bytes: &[u8], size: usize) -> Result<(Vec<u8>, bool), Flood> {
        let (mut frames, mut shown) = (Frames::default(), Vec::new());
        for chunk in bytes.chunks(size) {
            let mut chunk = Bytes::copy_from_slice(chunk);
            while let Some(piece) = frames.next(&mut chunk)? {
                shown.extend(piece);
            }
            assert!(chunk.is_empty());
        }
        Ok((shown, frames.is_cut()))
    }

    #[test]
    fn frames_that_carry_nothing_are_left_out_however_the_bytes_are_cut() {
        // Of HEADERS, PUSH_PROMISE and DATA the payload looks like frames itself; the lengths are of one, two and eight bytes.
        let kept = [&[1, 3, 0, 0, 0xd9][..], &[5, 0x40, 2, 0, 0], &[0, 0xc0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0x21]].concat();
        let left_out = [&[0, 0][..], &[0x21, 2, 1, 1], &[0x40, 0x40, 0x40, 1, 9], &[0, 0x40, 0]].concat();
        let all = [&left_out[..], &kept[..5], &left_out, &kept[5..10], &left_out, &kept[10..], &left_out].concat();
        for size in 1..all.len() + 1 {
            assert_eq!(shown(&all, size), Ok((kept.clone(), false)), "{size}");
        }
    }

    #[test]
    fn what_ends_within_a_frame_that_is_left_out_is_cut() {
        for (bytes, is_cut) in [
            (&[0x21, 2, 0][..], true),
            (&[0x21], true),
            (&[1, 0x40], true),
            (&[1, 3, 0], false),
            (&[0x21, 1, 0], false),
        ] {
            assert_eq!(shown(bytes, 9).expect("few frames").1, is_cut, "{bytes:?}");
        }
    }

    #[test]
    fn a_flood_of_them_ends_and_data_makes_room() {
        let (empty, data) = ([0, 0], [0, 1, b'x']);
        let most = empty.repeat(IDLE_FRAMES as usize);
        assert_eq!(shown(&most, 100), Ok((Vec::new(), false)));
        assert_eq!(shown(&[&most[..], &empty].concat(), 100), Err(Flood));
        assert_eq!(shown(&[&most[..], &data, &empty].concat(), 100), Ok((data.to_vec(), false)));
        assert_eq!(shown(&[&most[..], &data, &empty, &empty].concat(), 100), Err(Flood));
        // 1 MiB and a byte more, in two frames.
        let long = [&[0x21, 0x80, 0x10, 0, 0][..], &vec![0; IDLE_BYTES as usize]].concat();
        assert_eq!(shown(&long, 1 << 16), Ok((Vec::new(), false)));
        assert_eq!(shown(&[&long[..], &[0x21, 1]].concat(), 1 << 16), Err(Flood));
    }
}
