//! HTTP/2 frames written without a library, so that a server can do what no library does.

use super::server::{Peer, Received};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
const MAX_FRAME: usize = 16_384;

pub const NO_ERROR: u32 = 0;
pub const PROTOCOL_ERROR: u32 = 1;
pub const INTERNAL_ERROR: u32 = 2;
pub const REFUSED_STREAM: u32 = 7;
pub const CANCEL: u32 = 8;
pub const HTTP_1_1_REQUIRED: u32 = 13;

/// A frame as it was received.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The four bytes of the payload from this place on.
    pub fn number(&self, place: usize) -> usize {
        let bytes = self.payload[place..place + 4].try_into().expect("four bytes");
        u32::from_be_bytes(bytes) as usize
    }
}

/// A connection whose preface and settings have been exchanged.
pub struct Connection<'a, 'b> {
    pub peer: &'a mut Peer<'b>,
}

/// Turns a handler of an HTTP/2 connection into one that a server can use.
pub fn over(
    handler: impl Fn(&mut Connection<'_, '_>) -> bool + Send + Sync + 'static,
) -> impl Fn(&mut Peer<'_>) -> bool + Send + Sync + 'static {
    move |peer| {
        if peer.take(24).is_none_or(|preface| !preface.starts_with(b"PRI * HTTP/2.0")) {
            return false;
        }
        let mut connection = Connection { peer };
        connection.frame(SETTINGS, 0, 0, b"") && handler(&mut connection)
    }
}

/// A handler that uses the version of HTTP with which the client begins: HTTP/2 requests get this, as long as it is true, and others the
/// response `by 1.1`. The head of an HTTP/1.1 request is read without its first bytes.
pub fn either(
    respond: impl Fn(&mut Connection<'_, '_>, u32) -> bool + Send + Sync + 'static,
) -> impl Fn(&mut Peer<'_>) -> bool + Send + Sync + 'static {
    move |peer| {
        while let Some(begun) = peer.take(3) {
            if begun == b"PRI" {
                let mut connection = Connection { peer };
                let settled = connection.peer.take(21).is_some() && connection.frame(SETTINGS, 0, 0, b"");
                while settled && let Some(stream) = connection.request() {
                    if !respond(&mut connection, stream) {
                        break;
                    }
                }
                return true;
            }
            if peer.read().is_none() || !peer.respond("by 1.1") {
                break;
            }
        }
        true
    }
}

impl Connection<'_, '_> {
    /// The next frame that the test has to handle; settings and pings are acknowledged here.
    pub fn next(&mut self) -> Option<Frame> {
        loop {
            let frame = self.any()?;
            if frame.kind != SETTINGS && frame.kind != PING {
                return Some(frame);
            }
        }
    }

    fn any(&mut self) -> Option<Frame> {
        let head = self.peer.take(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let frame = Frame { kind: head[3], flags: head[4], stream, payload: self.peer.take(length)? };
        match (frame.kind, frame.flags & ACK) {
            (SETTINGS, 0) => drop(self.frame(SETTINGS, ACK, 0, b"")),
            (PING, 0) => drop(self.frame(PING, ACK, 0, &frame.payload)),
            _ => {}
        }
        Some(frame)
    }

    /// The stream of the first request, the window that the client has opened for each stream, and that for the connection.
    pub fn first(&mut self) -> Option<(u32, usize, usize)> {
        let (mut window, mut all) = (65_535, 65_535);
        loop {
            let frame = self.any()?;
            match frame.kind {
                HEADERS => return Some((frame.stream, window, all)),
                WINDOW_UPDATE if frame.stream == 0 => all += frame.number(0),
                SETTINGS => {
                    // Each is two bytes that name it, and four of its value (RFC 9113 section 6.5.1).
                    let mut places = (0..frame.payload.len()).step_by(6);
                    let named = places.find(|place| frame.payload[*place..].starts_with(&[0, 4]));
                    window = named.map_or(window, |place| frame.number(place + 2));
                }
                _ => {}
            }
        }
    }

    /// The stream of the next request whose head has arrived.
    pub fn opened(&mut self) -> Option<u32> {
        loop {
            let frame = self.next()?;
            if frame.kind == HEADERS {
                return Some(frame.stream);
            }
        }
    }

    /// The stream of the next request that is complete.
    pub fn request(&mut self) -> Option<u32> {
        let mut body = Vec::new();
        loop {
            let frame = self.next()?;
            match frame.kind {
                DATA => body.extend(frame.payload),
                HEADERS => {}
                _ => continue,
            }
            if frame.flags & END_STREAM != 0 {
                self.peer.count(Received { head: String::new(), body });
                return Some(frame.stream);
            }
        }
    }

    /// Writes a frame. False if the connection has ended.
    pub fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len()).expect("a frame's length").to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags];
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        self.peer.write(bytes)
    }

    /// Writes a head, in as many frames as it needs.
    pub fn head(&mut self, stream: u32, fields: &[(&str, &[u8])], ends: bool) -> bool {
        let block = block(fields);
        let mut chunks = block.chunks(MAX_FRAME).peekable();
        let (mut kind, mut flags) = (HEADERS, if ends { END_STREAM } else { 0 });
        while let Some(chunk) = chunks.next() {
            if chunks.peek().is_none() {
                flags |= END_HEADERS;
            }
            if !self.frame(kind, flags, stream, chunk) {
                return false;
            }
            (kind, flags) = (CONTINUATION, 0);
        }
        true
    }

    /// Writes part of a body.
    pub fn data(&mut self, stream: u32, bytes: &[u8], ends: bool) -> bool {
        self.frame(DATA, if ends { END_STREAM } else { 0 }, stream, bytes)
    }

    /// Responds with 200 and this body.
    pub fn respond(&mut self, stream: u32, body: &str) -> bool {
        self.head(stream, &[(":status", b"200")], false) && self.data(stream, body.as_bytes(), true)
    }

    /// Resets a stream.
    pub fn rst(&mut self, stream: u32, code: u32) -> bool {
        self.frame(RST_STREAM, 0, stream, &code.to_be_bytes())
    }

    /// Says that streams above `last` were not and will not be processed.
    pub fn go_away(&mut self, last: u32, code: u32) -> bool {
        self.frame(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
    }
}

/// A header block of literals that do not enter the dynamic table (RFC 7541 section 6.2.2).
pub fn block(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        string(name.as_bytes(), &mut block);
        string(value, &mut block);
    }
    block
}

fn string(bytes: &[u8], block: &mut Vec<u8>) {
    let length = bytes.len();
    if length < 127 {
        block.push(length as u8);
    } else {
        block.push(127);
        let mut rest = length - 127;
        while rest >= 128 {
            block.push((rest % 128 + 128) as u8);
            rest /= 128;
        }
        block.push(rest as u8);
    }
    block.extend(bytes);
}
