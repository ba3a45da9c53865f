//! Randomness, from the generator of the TLS stack: it notices a fork by itself.

#![deny(unsafe_code)]

/// Fills it with random bytes. `None` where the process has no randomness.
pub fn fill(bytes: &mut [u8]) -> Option<()> {
    rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(bytes).ok()
}

/// A random number. Where the process has no randomness, the largest.
pub fn number() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes).map_or(u64::MAX, |()| u64::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_spread_over_the_whole_range() {
        let quarters = (0..1000).fold([0; 4], |mut quarters, _| {
            quarters[(super::number() >> 62) as usize] += 1;
            quarters
        });
        // Each holds 250 on average; that one holds fewer than 100 does not happen.
        assert!(quarters.iter().all(|count| *count > 100), "{quarters:?}");
    }
}
