//! Frames: what travels between PHP and the daemon. No input and no output is here.
//!
//! A frame is a head of sixteen bytes and a payload of at most 64 KiB. Documents and bodies travel in as many frames as they
//! need, and the last one says so. `docs/sidecar.md` has the table; `tests/vectors/frames.json` has frames that PHP reads too.

use std::fmt;

/// The version of the frames, which is in every head and in the name of the socket.
pub const VERSION: u8 = 1;

/// Bytes of a frame's head.
pub const HEAD_BYTES: usize = 16;

/// The most that one frame carries. It is checked before anything is allocated.
pub const PAYLOAD_BYTES: usize = 64 << 10;

/// Set on the last frame of a document or body.
const LAST: u16 = 1;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Both: a document with version and features. The first frame of each side.
    Hello,
    /// PHP: the document of a call.
    Call,
    /// The daemon: whether the call is allowed.
    Decision,
    /// PHP: the envelopes of the call's credentials, where they are the caller's.
    Sealed,
    /// Both: the body of the request or of the response. The last frame of the request's body hands the call over.
    Body,
    /// The daemon: the head of the response, or the failure.
    Response,
    /// Both: how many more bytes of this call's body may be sent.
    Credit,
    /// The daemon: it takes nothing more on this connection; the payload is the highest id that it has taken.
    Bye,
    /// PHP: the call is not wanted any more; the payload is 1 where it was left, 2 where its body breaks off, and otherwise 0.
    Cancel,
    /// The daemon: how a call ended whose response was told as it came.
    End,
}

impl Kind {
    /// Every kind, in the order of its number, which begins with 1.
    pub const ALL: [Kind; 10] = [
        Kind::Hello,
        Kind::Call,
        Kind::Decision,
        Kind::Sealed,
        Kind::Body,
        Kind::Response,
        Kind::Credit,
        Kind::Bye,
        Kind::Cancel,
        Kind::End,
    ];

    fn number(self) -> u8 {
        Self::ALL.iter().zip(1..).find_map(|(kind, number)| (*kind == self).then_some(number)).unwrap_or_default()
    }

    /// The length of the payload, where all frames of the kind have the same one.
    fn fixed_length(self) -> Option<usize> {
        match self {
            Kind::Credit => Some(4),
            Kind::Bye => Some(8),
            Kind::Cancel => Some(1),
            _ => None,
        }
    }
}

/// Why bytes are no head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFlaw {
    /// The version is another.
    Version(u8),
    /// No kind has this number.
    Kind(u8),
    /// A flag that there is not.
    Flags(u16),
    /// The payload is longer than a frame's, or not as long as those of its kind.
    Length(u32),
}

impl fmt::Display for FrameFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameFlaw::Version(version) => write!(f, "frames have version {VERSION} here, and this one has {version}"),
            FrameFlaw::Kind(number) => write!(f, "no kind of frames has the number {number}"),
            FrameFlaw::Flags(flags) => write!(f, "a frame has flags that are not known: {flags}"),
            FrameFlaw::Length(length) => write!(f, "a frame of its kind is not {length} bytes long"),
        }
    }
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketFrame {
    /// What the frame carries.
    pub kind: Kind,
    /// Whether its document or body ends with it.
    pub last: bool,
    /// Bytes of the payload.
    pub length: usize,
    /// The call that it belongs to; 0 for the connection.
    pub id: u64,
}

impl SocketFrame {
    /// The bytes of a head, integers in network order: version, kind, flags, length, id.
    pub fn encode(self) -> [u8; HEAD_BYTES] {
        let flags = if self.last { LAST } else { 0 };
        let length = u32::try_from(self.length).unwrap_or(u32::MAX);
        let [version, kind] = [VERSION, self.kind.number()].map(u128::from);
        let head =
            version << 120 | kind << 112 | u128::from(flags) << 96 | u128::from(length) << 64 | u128::from(self.id);
        head.to_be_bytes()
    }

    /// Reads a head. What it says is within the limits of a frame.
    pub fn decode(bytes: [u8; HEAD_BYTES]) -> Result<Self, FrameFlaw> {
        let [version, number, flag0, flag1, length0, length1, length2, length3, id @ ..] = bytes;
        if version != VERSION {
            return Err(FrameFlaw::Version(version));
        }
        let at = usize::from(number).checked_sub(1);
        let kind = at.and_then(|at| Kind::ALL.get(at).copied()).ok_or(FrameFlaw::Kind(number))?;
        let flags = u16::from_be_bytes([flag0, flag1]);
        if flags & !LAST != 0 {
            return Err(FrameFlaw::Flags(flags));
        }
        let told = u32::from_be_bytes([length0, length1, length2, length3]);
        let length = usize::try_from(told).ok().filter(|length| *length <= PAYLOAD_BYTES);
        let length = length.ok_or(FrameFlaw::Length(told))?;
        if kind.fixed_length().is_some_and(|fixed| fixed != length) {
            return Err(FrameFlaw::Length(told));
        }
        Ok(Self { kind, last: flags == LAST, length, id: u64::from_be_bytes(id) })
    }
}

/// Appends the frames of a whole document to `out`.
pub fn write_document(out: &mut Vec<u8>, kind: Kind, id: u64, document: &[u8]) {
    let mut rest = document;
    loop {
        let (piece, more) = rest.split_at(rest.len().min(PAYLOAD_BYTES));
        write_piece(out, kind, id, piece, more.is_empty());
        rest = more;
        if rest.is_empty() {
            return;
        }
    }
}

/// Appends one frame to `out`. Its payload is at most [`PAYLOAD_BYTES`] long.
pub fn write_piece(out: &mut Vec<u8>, kind: Kind, id: u64, piece: &[u8], last: bool) {
    out.extend_from_slice(&SocketFrame { kind, last, length: piece.len(), id }.encode());
    out.extend_from_slice(piece);
}

/// A document that arrives in pieces.
#[derive(Debug, Default)]
pub struct Pieces(Vec<u8>);

impl Pieces {
    /// Adds a piece, unless the document would become longer than `most`.
    pub fn add(&mut self, piece: &[u8], most: usize) -> Result<(), TooLong> {
        if self.0.len().saturating_add(piece.len()) > most {
            return Err(TooLong);
        }
        self.0.extend_from_slice(piece);
        Ok(())
    }

    /// The document.
    pub fn whole(self) -> Vec<u8> {
        self.0
    }

    /// How much has arrived.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing has arrived.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A document is longer than it may be.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_split_at_the_longest_payload() {
        for (length, frames) in [
            (0, 1),
            (1, 1),
            (PAYLOAD_BYTES, 1),
            (PAYLOAD_BYTES + 1, 2),
            (2 * PAYLOAD_BYTES, 2),
            (3 * PAYLOAD_BYTES - 1, 3),
        ] {
            let document: Vec<u8> = (0..length).map(|at| at.to_le_bytes()[0]).collect();
            let mut bytes = Vec::new();
            write_document(&mut bytes, Kind::Response, 7, &document);
            let mut rest = bytes.as_slice();
            let mut read = Pieces::default();
            let mut heads = Vec::new();
            while let Some((head, more)) = rest.split_first_chunk() {
                let head = SocketFrame::decode(*head).expect("a head");
                let (piece, more) = more.split_at(head.length);
                read.add(piece, length).expect("no longer than that");
                heads.push(head);
                rest = more;
            }
            assert_eq!((heads.len(), rest.len()), (frames, 0), "{length}");
            assert!(heads.iter().all(|head| head.id == 7 && head.kind == Kind::Response));
            assert!(heads.iter().enumerate().all(|(at, head)| head.last == (at + 1 == frames)), "{length}");
            assert!(read.whole() == document, "{length}");
        }
    }

    #[test]
    fn pieces_end_at_their_limit() {
        let mut pieces = Pieces::default();
        assert_eq!(pieces.add(b"abc", 4), Ok(()));
        assert_eq!(pieces.add(b"de", 4), Err(TooLong));
        assert_eq!(pieces.add(b"d", 4), Ok(()));
        assert_eq!(pieces.whole(), b"abcd");
    }
}
