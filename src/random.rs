//! Randomness, from the generator of the TLS stack: it notices a fork by itself.

/// A random number. Where the process has no randomness, the largest.
pub fn number() -> u64 {
    let mut bytes = [0; 8];
    match rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut bytes) {
        Ok(()) => u64::from_ne_bytes(bytes),
        Err(_) => u64::MAX,
    }
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
