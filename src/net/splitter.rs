//! The heads of HTTP/2 frames, found in bytes that come in pieces.

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const GOAWAY: u8 = 7;
pub(super) const END_STREAM: u8 = 1;

const FRAME_HEAD: usize = 9;
/// An identifier and a value (RFC 9113 section 6.5.1).
const SETTING: usize = 6;
/// What is read of a frame's payload: the code of a reset, or the last stream and the code of a GOAWAY.
const PAYLOAD_HEAD: usize = 8;

/// Finds the heads of frames in bytes that come in pieces.
#[derive(Default)]
pub(super) struct Splitter {
    head: [u8; FRAME_HEAD + PAYLOAD_HEAD],
    filled: usize,
    /// Bytes to pass over before the next head.
    payload: usize,
    /// Settings that follow, each of which is read like a head.
    settings: usize,
}

/// The head of a frame (RFC 9113 section 4.1).
pub(super) struct FrameHead {
    pub(super) payload: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    /// Of a reset or a GOAWAY.
    pub(super) code: Option<u32>,
    /// One setting of the SETTINGS frame whose head came before.
    pub(super) setting: Option<(u16, u32)>,
}

impl FrameHead {
    /// How many settings follow.
    pub(super) fn settings(&self) -> usize {
        if self.kind == SETTINGS { self.payload / SETTING } else { 0 }
    }
}

impl Splitter {
    /// For a connection that has this many bytes before its first frame.
    pub(super) fn after(bytes: usize) -> Self {
        Self { payload: bytes, ..Self::default() }
    }

    /// The next head, or setting, that is complete; nothing where the bytes are used up.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<FrameHead> {
        while !bytes.is_empty() {
            let (_, rest) = bytes.split_at(self.payload.min(bytes.len()));
            self.payload -= bytes.len() - rest.len();
            let wanted = self.wanted();
            let missing = self.head.get_mut(self.filled..wanted)?;
            let (taken, rest) = rest.split_at(missing.len().min(rest.len()));
            missing.iter_mut().zip(taken).for_each(|(to, from)| *to = *from);
            self.filled += taken.len();
            *bytes = rest;
            if self.settings > 0 && self.filled == SETTING {
                let [i0, i1, v0, v1, v2, v3, ..] = self.head;
                (self.filled, self.settings) = (0, self.settings - 1);
                let setting = Some((u16::from_be_bytes([i0, i1]), u32::from_be_bytes([v0, v1, v2, v3])));
                return Some(FrameHead { payload: 0, kind: SETTINGS, flags: 0, stream: 0, code: None, setting });
            }
            if self.filled >= FRAME_HEAD && self.filled == self.wanted() {
                let [l0, l1, l2, kind, flags, s0, s1, s2, s3, a0, a1, a2, a3, b0, b1, b2, b3] = self.head;
                let payload = u32::from_be_bytes([0, l0, l1, l2]) as usize;
                let stream = u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]);
                let code = match self.filled - FRAME_HEAD {
                    0 => None,
                    4 => Some(u32::from_be_bytes([a0, a1, a2, a3])),
                    _ => Some(u32::from_be_bytes([b0, b1, b2, b3])),
                };
                let head = FrameHead { payload, kind, flags, stream, code, setting: None };
                self.settings = head.settings();
                // What is left of settings that do not come out even ends the connection.
                self.payload = if self.settings > 0 { 0 } else { payload - (self.filled - FRAME_HEAD) };
                self.filled = 0;
                return Some(head);
            }
        }
        None
    }

    /// How many bytes of the frame are to be read, as far as that is known.
    fn wanted(&self) -> usize {
        if self.settings > 0 {
            return SETTING;
        }
        let [l0, l1, l2, kind, ..] = self.head;
        let payload = u32::from_be_bytes([0, l0, l1, l2]);
        match kind {
            RST_STREAM if self.filled >= FRAME_HEAD && payload >= 4 => FRAME_HEAD + 4,
            GOAWAY if self.filled >= FRAME_HEAD && payload >= 8 => FRAME_HEAD + PAYLOAD_HEAD,
            _ => FRAME_HEAD,
        }
    }
}
