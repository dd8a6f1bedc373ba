//! Proxy tokens: short signed notes by which an Envoy proves which proxy it is.
//!
//! A token is a JWT (ES256: the one elliptic-curve signature that every JWT library has, and the curve of our certificates). What
//! is accepted is exactly what is issued: one algorithm, a key of ours named by `kid`, our issuer and audience, a time that has
//! begun and not ended, a bounded length. Nothing in a token is believed before its signature holds.

mod keys;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use tulle_model::{Capture, ProxyId};

use crate::fault::TokenFault;
use crate::spiffe::TrustDomain;
use crate::state::{StateDirectory, StateError};
use keys::KeyRing;

/// The audience of every token that is meant for Tulle.
pub const AUDIENCE: &str = "tulle";
/// The longest life a token may be given; keys that sign no more are kept this long to verify.
pub const MAX_LIFETIME: Duration = Duration::from_secs(366 * 24 * 3600);

/// Ours have about 500 bytes; longer ones are not even looked at.
const MAX_LENGTH: usize = 4096;
/// How far clocks may be apart.
const LEEWAY: Duration = Duration::from_secs(30);
/// A key that has signed for this long is replaced when the keys are next opened.
const KEY_LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);
/// The state directory is looked at for new keys at most this often, however many unknown ones are named.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);

/// What a token says of its bearer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyClaims {
    /// Which proxy it is.
    pub proxy: ProxyId,
    /// How its traffic reaches it.
    pub capture: Capture,
}

/// A token is not good, or none can be made.
///
/// The variants are for logs. To the bearer of a bad token they should all look the same.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The keys cannot be read or kept.
    #[error(transparent)]
    State(#[from] StateError),
    /// The file of keys is damaged.
    #[error(
        "{path}: not the token keys of Tulle ({why}); restore it, or move it away to have new ones made (every proxy then needs a new token)"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// A key or signature could not be made.
    #[error("token keys: {0}")]
    Crypto(String),
    /// A life longer than [`MAX_LIFETIME`] or none at all was asked for.
    #[error("a token may live between one second and 366 days, not {0:?}")]
    Lifetime(Duration),
    /// The proxy or capture mode it names cannot be understood.
    #[error("token with unusable claims: {0}")]
    Claims(String),
    /// The token itself is to be refused.
    #[error(transparent)]
    Token(#[from] TokenFault),
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: String,
    #[serde(rename = "tulle.dev")]
    private: PrivateClaims,
}

#[derive(Debug, Serialize, Deserialize)]
struct PrivateClaims {
    capture: String,
}

/// Issues tokens and verifies them. Several processes may share its keys through a state directory.
#[derive(Debug)]
pub struct TokenIssuer {
    state: Option<StateDirectory>,
    issuer: String,
    keys: RwLock<KeyRing>,
    reloaded: Mutex<Option<SystemTime>>,
}

impl TokenIssuer {
    /// Reads the keys from the state directory, making the first one if there is none; without a directory, makes one.
    ///
    /// # Errors
    /// The keys are damaged or cannot be read or written.
    pub fn open(
        state: Option<StateDirectory>,
        trust_domain: &TrustDomain,
    ) -> Result<Self, TokenError> {
        let now = now();
        let keys = match &state {
            None => KeyRing::new(now)?,
            Some(state) => keys::open(state, now, KEY_LIFETIME.as_secs(), false)?,
        };
        Ok(Self {
            state,
            issuer: format!("tulle/{trust_domain}"),
            keys: RwLock::new(keys),
            reloaded: Mutex::new(None),
        })
    }

    /// Makes a token that is good from now for `lifetime` (whole seconds).
    ///
    /// # Errors
    /// A lifetime of less than a second or more than [`MAX_LIFETIME`].
    pub fn issue(&self, claims: &ProxyClaims, lifetime: Duration) -> Result<String, TokenError> {
        self.issue_at(claims, lifetime, now())
    }

    fn issue_at(
        &self,
        claims: &ProxyClaims,
        lifetime: Duration,
        now: u64,
    ) -> Result<String, TokenError> {
        if lifetime.as_secs() == 0 || lifetime > MAX_LIFETIME {
            return Err(TokenError::Lifetime(lifetime));
        }
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: claims.proxy.to_string(),
            iat: now,
            nbf: now,
            exp: now + lifetime.as_secs(),
            jti: keys::random_hex()?,
            private: PrivateClaims {
                capture: claims.capture.to_string(),
            },
        };
        let keys = self.keys.read();
        let key = keys.signer();
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(key.id().to_owned());
        jsonwebtoken::encode(&header, &claims, &key.encoding())
            .map_err(|e| TokenError::Crypto(e.to_string()))
    }

    /// What a good token says.
    ///
    /// # Errors
    /// Why the token is not good.
    pub fn verify(&self, token: &str) -> Result<ProxyClaims, TokenError> {
        self.verify_until(token).map(|(claims, _)| claims)
    }

    /// What a good token says, and when it ends: a connection that it opened should not last much longer.
    ///
    /// # Errors
    /// Why the token is not good.
    pub fn verify_until(&self, token: &str) -> Result<(ProxyClaims, SystemTime), TokenError> {
        if token.len() > MAX_LENGTH {
            return Err(TokenFault::TooLong.into());
        }
        let header = jsonwebtoken::decode_header(token).map_err(|e| match e.kind() {
            // `alg` names something that is no algorithm at all, such as "none".
            ErrorKind::Json(e) if e.to_string().contains("unknown variant") => {
                TokenError::Token(TokenFault::Algorithm)
            }
            _ => TokenError::Token(TokenFault::Malformed),
        })?;
        if header.alg != Algorithm::ES256 {
            return Err(TokenFault::Algorithm.into());
        }
        let id = header.kid.as_deref().ok_or(TokenFault::UnknownKey)?;
        // Nothing but what we write: no key or key URL of the bearer's own, no extension that we would have to understand.
        let plain = Header {
            kid: header.kid.clone(),
            ..Header::new(Algorithm::ES256)
        };
        if header != plain {
            return Err(TokenFault::Malformed.into());
        }
        let key = self.verifier(id)?.ok_or(TokenFault::UnknownKey)?;

        let mut validation = Validation::new(Algorithm::ES256);
        validation.leeway = LEEWAY.as_secs();
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&self.issuer]);
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
            .map_err(|e| refusal(&e))?
            .claims;

        if claims.exp.saturating_sub(claims.iat) > MAX_LIFETIME.as_secs() {
            return Err(TokenFault::Malformed.into());
        }
        let unusable = |e: &dyn std::fmt::Display| TokenError::Claims(e.to_string());
        let verified = ProxyClaims {
            proxy: claims.sub.parse().map_err(|e| unusable(&e))?,
            capture: claims.private.capture.parse().map_err(|e| unusable(&e))?,
        };
        Ok((verified, UNIX_EPOCH + Duration::from_secs(claims.exp)))
    }

    /// Signs with a new key from now on; tokens of the old one stay good until they end.
    ///
    /// # Errors
    /// The keys cannot be read or written.
    pub fn rotate(&self) -> Result<(), TokenError> {
        let now = now();
        let next = match &self.state {
            None => self.keys.read().rotated(now, MAX_LIFETIME.as_secs())?,
            Some(state) => keys::open(state, now, KEY_LIFETIME.as_secs(), true)?,
        };
        *self.keys.write() = next;
        Ok(())
    }

    fn verifier(&self, id: &str) -> Result<Option<jsonwebtoken::DecodingKey>, TokenError> {
        let now = now();
        let find = || self.keys.read().verifier(id, now);
        if let Some(key) = find() {
            return Ok(Some(key));
        }
        // Another process may have made a key since.
        let Some(state) = &self.state else {
            return Ok(None);
        };
        {
            let mut reloaded = self.reloaded.lock();
            let seen = SystemTime::now();
            // A clock that went back counts as time passed.
            if reloaded.is_some_and(|last| {
                seen.duration_since(last)
                    .is_ok_and(|pause| pause < RELOAD_PAUSE)
            }) {
                return Ok(None);
            }
            *reloaded = Some(seen);
        }
        if let Some(ring) = keys::load(state)? {
            *self.keys.write() = ring;
        }
        Ok(find())
    }
}

fn refusal(error: &jsonwebtoken::errors::Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::Token(TokenFault::Signature),
        ErrorKind::ExpiredSignature => TokenError::Token(TokenFault::Expired),
        ErrorKind::ImmatureSignature => TokenError::Token(TokenFault::NotYetValid),
        ErrorKind::InvalidIssuer => TokenError::Token(TokenFault::Issuer),
        ErrorKind::InvalidAudience => TokenError::Token(TokenFault::Audience),
        ErrorKind::InvalidAlgorithm => TokenError::Token(TokenFault::Algorithm),
        _ => TokenError::Token(TokenFault::Malformed),
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests;
