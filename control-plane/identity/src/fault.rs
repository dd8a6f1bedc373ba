//! Why a token is refused, whoever issued it.

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Longer than any that is issued.
    #[error("token too long")]
    TooLong,
    /// No JWT, or one with a header or claims that the issuer never writes.
    #[error("token malformed")]
    Malformed,
    /// Signed by another algorithm than the key's, or not at all.
    #[error("token signed by an algorithm that is not accepted")]
    Algorithm,
    /// Signed by a key that is not the issuer's (any more).
    #[error("token signed by an unknown key")]
    UnknownKey,
    /// The signature does not fit.
    #[error("token signature is wrong")]
    Signature,
    /// Issued by another.
    #[error("token of another issuer")]
    Issuer,
    /// Meant for another.
    #[error("token for another audience")]
    Audience,
    /// Its time is over.
    #[error("token expired")]
    Expired,
    /// Its time has not begun.
    #[error("token not valid yet")]
    NotYetValid,
}
