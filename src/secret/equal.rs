//! Comparing secrets.

/// Whether both are the same bytes, in a time that tells nothing of where they differ.
pub fn equal_in_constant_time(one: &[u8], other: &[u8]) -> bool {
    let difference = |(one, other): (&u8, &u8)| one ^ other;
    one.len() == other.len() && one.iter().zip(other).map(difference).fold(0, |all, one| all | one) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_and_the_length_count() {
        assert!(equal_in_constant_time(b"s3cr3t", b"s3cr3t"));
        assert!(!equal_in_constant_time(b"s3cr3t", b"s3cr3T") && !equal_in_constant_time(b"s3cr3t", b"s3cr3"));
    }
}
