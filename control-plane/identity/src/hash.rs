//! Short names made of hashes.

use aws_lc_rs::digest::{SHA256, digest};

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first 64 bits of the SHA-256 of `bytes`, as 16 hexadecimal digits: a name, not a proof.
pub(crate) fn short(bytes: &[u8]) -> String {
    hex(&digest(&SHA256, bytes).as_ref()[..8])
}

/// The SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
    sum
}
