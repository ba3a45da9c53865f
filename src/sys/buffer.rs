//! A buffer that wipes what was written to it, and not what it has only reserved.

use std::alloc::{GlobalAlloc, Layout, System, handle_alloc_error};
use std::ops::Deref;
use std::ptr::{self, NonNull};

/// Bytes that come one after another, of whose number there is an estimate at most.
///
/// A `Vec` goes back to an allocator that wipes its whole block: a mebibyte for a byte where a mebibyte was announced, which makes the
/// system provide memory that nothing was written to. This one takes its block from below that allocator.
pub struct Buffer {
    start: NonNull<u8>,
    len: usize,
    capacity: usize,
}

// SAFETY: the block belongs to this value alone.
unsafe impl Send for Buffer {}
// SAFETY: as above; nothing is written through a shared reference.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// An empty one, with room for so many bytes if the system has that much.
    pub fn with_room(capacity: usize) -> Self {
        let start = if capacity == 0 { None } else { allocate(capacity) };
        start.map_or_else(Self::default, |start| Self { start, len: 0, capacity })
    }

    /// Appends these.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        if self.capacity - self.len < bytes.len() {
            self.grow(bytes.len());
        }
        // SAFETY: there is room for them behind what is written, in a block that is this value's own.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.as_ptr().add(self.len), bytes.len()) };
        self.len += bytes.len();
    }

    /// Takes the first bytes out, at most so many.
    pub fn take_front(&mut self, most: usize) -> Self {
        if most >= self.len {
            return std::mem::take(self);
        }
        let (front, rest) = self.split_at(most);
        let (front, rest) = (Self::from(front), Self::from(rest));
        *self = rest;
        front
    }

    /// Makes room for so many more. A block twice as large keeps the copying in proportion to what came.
    fn grow(&mut self, more: usize) {
        let capacity = self.len.saturating_add(more).max(self.capacity.saturating_mul(2));
        let start = allocate(capacity).unwrap_or_else(|| handle_alloc_error(layout(capacity)));
        // SAFETY: the new block is at least as long as what is written, and overlaps nothing.
        unsafe { ptr::copy_nonoverlapping(self.start.as_ptr(), start.as_ptr(), self.len) };
        *self = Self { start, len: self.len, capacity };
    }
}

fn allocate(capacity: usize) -> Option<NonNull<u8>> {
    if capacity > isize::MAX as usize {
        return None;
    }
    // SAFETY: nobody asks for a block of no bytes: `with_room` looks, and `grow` has bytes to put in.
    NonNull::new(unsafe { System.alloc(layout(capacity)) })
}

fn layout(capacity: usize) -> Layout {
    // Bytes have no alignment, and the callers have looked at the size.
    Layout::array::<u8>(capacity).unwrap_or(Layout::new::<u8>())
}

impl Default for Buffer {
    fn default() -> Self {
        Self { start: NonNull::dangling(), len: 0, capacity: 0 }
    }
}

impl From<&[u8]> for Buffer {
    fn from(bytes: &[u8]) -> Self {
        let mut buffer = Self::with_room(bytes.len());
        buffer.extend_from_slice(bytes);
        buffer
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `len` bytes were written there; without a block there are none, for which any address will do.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.capacity > 0 {
            // SAFETY: the block was allocated with this layout and nobody can reach it any more. A plain write before a free is a
            // dead store to the compiler; explicit_bzero is not.
            unsafe {
                libc::explicit_bzero(self.start.as_ptr().cast(), self.len);
                System.dealloc(self.start.as_ptr(), layout(self.capacity));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_were_put_in() {
        for room in [0, 1, 7, 4096] {
            let mut buffer = Buffer::with_room(room);
            let mut expected = Vec::new();
            for piece in [&b""[..], b"a", b"bcd", &[7; 5000], b"", &[9; 3]] {
                buffer.extend_from_slice(piece);
                expected.extend_from_slice(piece);
                assert_eq!(*buffer, *expected, "with room for {room}");
            }
        }
    }

    #[test]
    fn the_front_is_taken_out_and_the_rest_stays() {
        let mut buffer = Buffer::from(&b"abcdef"[..]);
        assert_eq!(*buffer.take_front(2), *b"ab");
        assert_eq!(*buffer, *b"cdef");
        assert_eq!(*buffer.take_front(0), *b"");
        assert_eq!(*buffer.take_front(9), *b"cdef");
        assert!(buffer.is_empty() && buffer.take_front(1).is_empty());
    }

    #[test]
    fn room_that_the_system_has_not_is_no_failure() {
        for room in [usize::MAX, isize::MAX as usize] {
            let mut buffer = Buffer::with_room(room);
            buffer.extend_from_slice(b"a");
            assert_eq!(*buffer, *b"a");
        }
    }
}
