//! What was made of some bytes, for those who come with the same bytes again.
//!
//! Bounded, and it may be lost at any time. Nothing secret goes into it, neither as a key nor as a value. On the ground floor:
//! `envelope` keeps the forms of envelopes in it, `engine` services.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::sys::lock;

/// Values by the bytes that they were made of.
pub struct ByBytes<T> {
    entries: Mutex<Entries<T>>,
    /// Bytes of all keys together. Where there is no room for one more, all go.
    most: usize,
}

struct Entries<T> {
    values: HashMap<Box<[u8]>, Arc<T>>,
    bytes: usize,
}

impl<T> ByBytes<T> {
    /// An empty one with room for so many bytes.
    pub fn new(most: usize) -> Self {
        Self { entries: Mutex::new(Entries { values: HashMap::new(), bytes: 0 }), most }
    }

    /// The value of these bytes, made where it is not kept. Two who come at once may each make one.
    pub fn get_or_make<E>(&self, bytes: &[u8], make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        if let Some(value) = lock(&self.entries).values.get(bytes) {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(make()?);
        if bytes.len() <= self.most {
            self.keep(bytes, Arc::clone(&value));
        }
        Ok(value)
    }

    fn keep(&self, bytes: &[u8], value: Arc<T>) {
        let mut entries = lock(&self.entries);
        if entries.bytes + bytes.len() > self.most {
            entries.values.clear();
            entries.bytes = 0;
        }
        if entries.values.insert(bytes.into(), value).is_none() {
            entries.bytes += bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const MOST: usize = 1000;

    fn made<'a>(cache: &ByBytes<usize>, bytes: &'a [u8]) -> (Arc<usize>, &'a [u8]) {
        (cache.get_or_make(bytes, || Ok::<_, Infallible>(bytes.len())).expect("made"), bytes)
    }

    #[test]
    fn what_was_made_once_is_found_again() {
        let cache = ByBytes::new(MOST);
        let (first, _) = made(&cache, b"one");
        assert!(Arc::ptr_eq(&first, &made(&cache, b"one").0));
        assert!(!Arc::ptr_eq(&first, &made(&cache, b"two").0));
    }

    #[test]
    fn what_could_not_be_made_is_tried_again() {
        let cache = ByBytes::<()>::new(MOST);
        assert_eq!(cache.get_or_make(b"one", || Err("no")), Err("no"));
        assert!(cache.get_or_make(b"one", || Ok::<_, Infallible>(())).is_ok());
    }

    #[test]
    fn it_is_bounded_whatever_comes() {
        let cache = ByBytes::new(MOST);
        for (number, size) in (0_u32..2000).zip([10, 100, MOST, MOST + 1].into_iter().cycle()) {
            let bytes: Vec<u8> = number.to_be_bytes().into_iter().cycle().take(size).collect();
            made(&cache, &bytes);
            let entries = lock(&cache.entries);
            assert_eq!(entries.bytes, entries.values.keys().map(|bytes| bytes.len()).sum::<usize>());
            assert!(entries.bytes <= MOST, "{}", entries.bytes);
            assert_eq!(entries.values.contains_key(&*bytes), size <= MOST, "{size}");
        }
    }
}
