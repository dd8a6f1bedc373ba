//! Versions: a stable hash of the value a resource is compiled from.

use std::hash::{Hash, Hasher};

use xxhash_rust::xxh3::Xxh3;

/// Raised whenever the compiler makes other bytes from equal input, so that proxies take the new ones.
pub const COMPILER_REVISION: u32 = 1;

/// Feeds `Hash` into XXH3-128, whose result is the same in every process and on every replica.
///
/// Integers are fed in little-endian order with `usize` as 64 bits, so that the machine does not show.
struct Stable(Xxh3);

impl Hasher for Stable {
    fn finish(&self) -> u64 {
        self.0.digest()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn write_u16(&mut self, n: u16) {
        self.0.update(&n.to_le_bytes());
    }

    fn write_u32(&mut self, n: u32) {
        self.0.update(&n.to_le_bytes());
    }

    fn write_u64(&mut self, n: u64) {
        self.0.update(&n.to_le_bytes());
    }

    fn write_usize(&mut self, n: usize) {
        self.0.update(&(n as u64).to_le_bytes());
    }
}

/// The version of what is compiled from `input`: 32 hexadecimal digits, equal wherever and whenever
/// the input is equal and the compiler is of the same revision.
pub fn version_of<T: Hash + ?Sized>(input: &T) -> String {
    let mut hasher = Stable(Xxh3::new());
    COMPILER_REVISION.hash(&mut hasher);
    input.hash(&mut hasher);
    format!("{:032x}", hasher.0.digest128())
}

/// What tells `input` from others, wherever and whenever and of whatever revision: 32 hexadecimal digits.
pub fn fingerprint_of<T: Hash + ?Sized>(input: &T) -> String {
    let mut hasher = Stable(Xxh3::new());
    input.hash(&mut hasher);
    format!("{:032x}", hasher.0.digest128())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_never_change_for_equal_input() {
        assert_eq!(version_of(&("shop", 80_u16)), version_of(&("shop", 80_u16)));
        assert_ne!(version_of(&("shop", 80_u16)), version_of(&("shop", 81_u16)));
        assert_eq!(version_of("pinned").len(), 32);
    }
}
