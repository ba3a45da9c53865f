//! What the stack does not say of the frames of an HTTP/2 connection.

use std::collections::HashMap;

use super::splitter::{DATA, END_STREAM, FrameHead, GOAWAY, HEADERS, RST_STREAM, SETTINGS, Splitter};

/// Interim responses to one request, on any HTTP version.
pub const INTERIM_RESPONSES: u32 = 100;
/// Interim responses, and the final one. Trailers end their stream and are not counted.
const HEADS: u32 = INTERIM_RESPONSES + 1;

/// Frames that belong to no request or response, in a row, on any HTTP version. A server that sends them without end would keep the runtime, which
/// all connections share, from everything else, long after the call that it was for.
pub const IDLE_FRAMES: u32 = 4096;
/// A server may open its windows as often as it likes for what it is sent.
const PER_DATA_SENT: u32 = 8;

/// SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113 section 6.5.2).
const MAX_STREAMS: u16 = 3;
const ACK: u8 = 1;

/// What a client sends before its first frame (RFC 9113 section 3.4).
const PREFACE: usize = 24;

/// Follows the frames of a connection. The stack above reads past interim responses, so a server could send them until the
/// deadline; it takes a reset or GOAWAY with NO_ERROR for the end of a body; and it accepts idle frames without end.
pub struct Frames {
    arriving: Splitter,
    leaving: Splitter,
    /// How many heads of a response have come, for the streams that were opened and have not ended.
    heads: HashMap<u32, u32>,
    idle_left: u32,
    cut: bool,
    wants_http1: bool,
    leaves_for_http1: bool,
    settings_left: usize,
    max_streams: u32,
    /// Whether the server's settings have come.
    settled: bool,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            arriving: Splitter::default(),
            leaving: Splitter::after(PREFACE),
            heads: HashMap::new(),
            idle_left: IDLE_FRAMES,
            cut: false,
            wants_http1: false,
            leaves_for_http1: false,
            settings_left: 0,
            max_streams: u32::MAX,
            settled: false,
        }
    }
}

impl Frames {
    /// Takes what arrived. False where a stream has more heads than it may have, or there are too many idle frames.
    pub fn arrived(&mut self, mut bytes: &[u8]) -> bool {
        while let Some(head) = self.arriving.next(&mut bytes) {
            if !self.arrival(head) {
                return false;
            }
        }
        true
    }

    /// Takes what was written.
    pub fn left(&mut self, mut bytes: &[u8]) {
        while let Some(head) = self.leaving.next(&mut bytes) {
            match head.kind {
                HEADERS => {
                    self.heads.entry(head.stream).or_default();
                    self.idle_left = IDLE_FRAMES;
                }
                DATA => self.refill(PER_DATA_SENT),
                RST_STREAM => drop(self.heads.remove(&head.stream)),
                _ => {}
            }
        }
    }

    /// Whether a stream was reset in the middle of its response, or GOAWAY came there and may have left it out.
    pub fn cut(&self) -> bool {
        self.cut
    }

    /// How many streams the server takes at a time, once it has said so.
    pub fn max_streams(&self) -> Option<u32> {
        self.settled.then_some(self.max_streams)
    }

    /// Whether the server has asked for HTTP/1.1, in a stream or altogether.
    pub fn wants_http1(&self) -> bool {
        self.wants_http1
    }

    /// Whether the server goes away because it wants HTTP/1.1.
    pub fn leaves_for_http1(&self) -> bool {
        self.leaves_for_http1
    }

    fn arrival(&mut self, head: FrameHead) -> bool {
        if head.kind == SETTINGS && self.is_setting(&head) {
            return true;
        }
        if head.code == Some(h2::Reason::HTTP_1_1_REQUIRED.into()) {
            self.wants_http1 = true;
            self.leaves_for_http1 |= head.kind == GOAWAY;
        }
        self.cut |= head.kind == GOAWAY && self.heads.values().any(|heads| *heads > 0);
        let begun = self.heads.get_mut(&head.stream);
        let known = begun.is_some();
        let heads = match (head.kind, begun) {
            (HEADERS, Some(heads)) => {
                *heads += 1;
                *heads
            }
            (DATA, Some(_)) if head.payload > 0 => {
                self.refill(1);
                0
            }
            _ => {
                let Some(left) = self.idle_left.checked_sub(1) else { return false };
                self.idle_left = left;
                0
            }
        };
        let ends = head.kind == RST_STREAM || [DATA, HEADERS].contains(&head.kind) && head.flags & END_STREAM != 0;
        if known && ends {
            let begun = self.heads.remove(&head.stream).is_some_and(|heads| heads > 0);
            self.cut |= head.kind == RST_STREAM && begun;
            return true;
        }
        heads <= HEADS
    }

    /// Takes note of settings, and says whether this is one of them and no frame.
    fn is_setting(&mut self, head: &FrameHead) -> bool {
        match head.setting {
            None => self.settings_left = head.settings(),
            Some((id, value)) => {
                self.settings_left = self.settings_left.saturating_sub(1);
                if id == MAX_STREAMS {
                    self.max_streams = value;
                }
            }
        }
        self.settled |= self.settings_left == 0 && head.flags & ACK == 0;
        head.setting.is_some()
    }

    fn refill(&mut self, frames: u32) {
        self.idle_left = self.idle_left.saturating_add(frames).min(IDLE_FRAMES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream], payload].concat()
    }

    /// A connection on which the streams 1 and 3 have been opened.
    fn opened() -> Frames {
        let mut frames = Frames::default();
        for byte in [vec![0; PREFACE], frame(HEADERS, 4, 1, b"x"), frame(HEADERS, 4, 3, b"x")].concat() {
            frames.left(&[byte]);
        }
        frames
    }

    #[test]
    fn counts_by_stream_however_the_bytes_are_cut() {
        // The payload looks like frames itself.
        let interim = frame(HEADERS, 4, 1, &frame(HEADERS, 4, 1, b"x"));
        let other = frame(HEADERS, 4, 3, b"");
        for size in [1, 7, 9, 10, 1000] {
            let mut bytes = [interim.repeat(101), other.repeat(101)].concat();
            let mut frames = opened();
            assert!(bytes.chunks(size).all(|chunk| frames.arrived(chunk)), "{size}");
            bytes = interim.clone();
            assert!(!bytes.chunks(size).all(|chunk| frames.arrived(chunk)), "{size}");
        }
    }

    #[test]
    fn a_server_says_how_many_streams_it_takes() {
        let settings = |values: &[(u8, u8)]| {
            let payload: Vec<_> = values.iter().flat_map(|(id, value)| [0, *id, 0, 0, 0, *value]).collect();
            frame(SETTINGS, 0, 0, &payload)
        };
        let ping = frame(6, 0, 0, b"12345678");
        let begun = [settings(&[(4, 1), (3, 10), (1, 0)]), ping.clone()].concat();
        for size in [1, 5, 6, 9, 1000] {
            let mut frames = opened();
            let said = begun.chunks(size).map(|chunk| {
                assert!(frames.arrived(chunk));
                frames.max_streams()
            });
            let said: Vec<_> = said.collect();
            assert!(said.iter().all(|said| [None, Some(10)].contains(said)), "{size}");
            assert_eq!(said.last(), Some(&Some(10)), "{size}");
            assert!(frames.arrived(&settings(&[(3, 7)])));
            assert_eq!(frames.max_streams(), Some(7), "{size}");
        }
        let mut frames = opened();
        assert!(frames.arrived(&frame(SETTINGS, ACK, 0, b"")));
        assert_eq!(frames.max_streams(), None);
        assert!(frames.arrived(&[settings(&[]), ping].concat()));
        assert_eq!(frames.max_streams(), Some(u32::MAX));
    }

    #[test]
    fn idle_frames_end_a_connection_and_responses_and_requests_make_room_for_more() {
        let (ping, data) = (frame(6, 0, 0, b"12345678"), frame(DATA, 0, 1, b"x"));
        let pings = ping.repeat(IDLE_FRAMES as usize);
        let full = || {
            let mut frames = opened();
            assert!(frames.arrived(&[frame(HEADERS, 4, 1, b""), pings.clone()].concat()));
            frames
        };
        let unasked = frame(HEADERS, 4, 5, b"");
        for idle in [ping.clone(), frame(DATA, 0, 1, b""), frame(DATA, 0, 5, b"x"), frame(0xee, 0, 0, b""), unasked] {
            assert!(!full().arrived(&idle));
        }
        let mut frames = full();
        assert!((0..3).all(|_| frames.arrived(&data) && frames.arrived(&ping)));
        assert!(!frames.arrived(&ping));

        let mut frames = full();
        frames.left(&frame(DATA, 0, 3, b"body"));
        assert!(frames.arrived(&ping.repeat(8)) && !frames.arrived(&ping));

        let mut frames = full();
        frames.left(&frame(HEADERS, 4, 5, b""));
        assert!(frames.arrived(&pings) && !frames.arrived(&ping));

        // Frames of a response that was given up belong to no stream that counts.
        let mut frames = full();
        frames.left(&frame(RST_STREAM, 0, 1, b"0000"));
        assert!(!frames.arrived(&data));
    }

    #[test]
    fn a_reset_or_goaway_cuts_a_response_that_has_begun_and_not_ended() {
        for end in [frame(RST_STREAM, 0, 1, b"0000"), frame(GOAWAY, 0, 0, b"00000000")] {
            for (before, cut) in [
                (vec![], false),
                (frame(HEADERS, 4, 1, b""), true),
                ([frame(HEADERS, 4, 1, b""), frame(DATA, END_STREAM, 1, b"x")].concat(), false),
            ] {
                let mut frames = opened();
                assert!(frames.arrived(&[before, end.clone()].concat()));
                assert_eq!(frames.cut(), cut);
            }
        }
    }

    #[test]
    fn a_server_asks_for_http_1_in_a_stream_or_altogether() {
        let code = |code: u8| [0, 0, 0, code];
        let reset = |wanted| frame(RST_STREAM, 0, 1, &code(wanted));
        let leaving = |wanted| frame(GOAWAY, 0, 0, &[&code(0)[..], &code(wanted), b"because"].concat());
        let wanted = u32::from(h2::Reason::HTTP_1_1_REQUIRED) as u8;
        for (bytes, expected) in [
            (reset(2), (false, false)),
            (reset(wanted), (true, false)),
            (leaving(0), (false, false)),
            (leaving(wanted), (true, true)),
            (frame(RST_STREAM, 0, 1, b"\0\0"), (false, false)),
            (frame(GOAWAY, 0, 0, &code(wanted)), (false, false)),
            (frame(6, 0, 0, &[&code(0)[..], &code(wanted)].concat()), (false, false)),
        ] {
            for size in [1, 3, 9, 12, 100] {
                // What comes before and behind is found as well.
                let all = [frame(HEADERS, 4, 3, b"x"), bytes.clone(), frame(HEADERS, END_STREAM, 3, b"")].concat();
                let mut frames = opened();
                assert!(all.chunks(size).all(|chunk| frames.arrived(chunk)));
                assert_eq!((frames.wants_http1(), frames.leaves_for_http1()), expected, "{bytes:?} by {size}");
                assert!(!frames.heads.contains_key(&3));
            }
        }
    }

    #[test]
    fn forgets_a_stream_that_ends() {
        for end in
            [frame(DATA, END_STREAM, 1, b"x"), frame(HEADERS, END_STREAM, 1, b""), frame(RST_STREAM, 0, 1, b"0000")]
        {
            let mut frames = opened();
            frames.left(&frame(RST_STREAM, 0, 3, b"0000"));
            assert!(frames.arrived(&[frame(HEADERS, 4, 1, b"").repeat(100), end].concat()));
            assert!(frames.heads.is_empty());
        }
    }
}
