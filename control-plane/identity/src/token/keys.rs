//! The keys that sign tokens: one that signs, and those before it that still verify.

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::{DecodingKey, EncodingKey};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{MAX_LIFETIME, TokenError};
use crate::hash::hex;
use crate::secret::Secret;
use crate::state::StateDirectory;

const FILE: &str = "token-keys.json";

/// All keys that tokens may be signed with. The newest signs; there is always one.
#[derive(Debug)]
pub(super) struct KeyRing {
    signer: TokenKey,
    retired: Vec<TokenKey>,
}

#[derive(Debug)]
pub(super) struct TokenKey {
    id: String,
    key: KeyPair,
    /// Seconds since the epoch.
    created: u64,
    /// When the last of its tokens has ended, seconds since the epoch; none while it signs.
    verify_until: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    keys: Vec<FileKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKey {
    created: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verify_until: Option<u64>,
    pkcs8: Zeroizing<String>,
}

impl KeyRing {
    pub(super) fn new(now: u64) -> Result<Self, TokenError> {
        Ok(Self {
            signer: TokenKey::generate(now)?,
            retired: Vec::new(),
        })
    }

    pub(super) fn signer(&self) -> &TokenKey {
        &self.signer
    }

    pub(super) fn verifier(&self, id: &str, now: u64) -> Option<DecodingKey> {
        let key = std::iter::once(&self.signer)
            .chain(&self.retired)
            .find(|key| key.id == id && key.verify_until.is_none_or(|until| now < until))?;
        Some(DecodingKey::from_ec_der(key.key.der_bytes()))
    }

    /// The same ring with a new signer and without the keys whose tokens have all ended.
    pub(super) fn rotated(&self, now: u64, token_lifetime: u64) -> Result<Self, TokenError> {
        let mut file = self.to_file();
        for key in &mut file.keys {
            key.verify_until.get_or_insert(now + token_lifetime);
        }
        file.keys
            .retain(|key| key.verify_until.is_some_and(|until| now < until));
        let retired = file
            .keys
            .into_iter()
            .map(TokenKey::from_file)
            .collect::<Result<_, _>>();
        Ok(Self {
            signer: TokenKey::generate(now)?,
            retired: retired.map_err(TokenError::Crypto)?,
        })
    }

    fn to_file(&self) -> File {
        let keys = std::iter::once(&self.signer).chain(&self.retired);
        File {
            keys: keys
                .map(|key| FileKey {
                    created: key.created,
                    verify_until: key.verify_until,
                    pkcs8: Zeroizing::new(key.key.serialize_pem()),
                })
                .collect(),
        }
    }

    fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let file: File = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        let mut signer = None;
        let mut retired = Vec::new();
        for key in file.keys {
            let key = TokenKey::from_file(key)?;
            match key.verify_until {
                None if signer.is_some() => return Err("two keys that sign".to_owned()),
                None => signer = Some(key),
                Some(_) => retired.push(key),
            }
        }
        Ok(Self {
            signer: signer.ok_or("no key that signs")?,
            retired,
        })
    }

    fn to_json(&self) -> Result<Secret<Vec<u8>>, TokenError> {
        serde_json::to_vec_pretty(&self.to_file())
            .map(Secret::new)
            .map_err(|e| TokenError::Crypto(e.to_string()))
    }
}

impl TokenKey {
    fn generate(now: u64) -> Result<Self, TokenError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map_err(|e| TokenError::Crypto(e.to_string()))?;
        Ok(Self {
            id: key_id(&key),
            key,
            created: now,
            verify_until: None,
        })
    }

    fn from_file(file: FileKey) -> Result<Self, String> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(file.pkcs8.as_bytes())
            .map_err(|e| format!("key: {e}"))?;
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ECDSA_P256_SHA256)
            .map_err(|e| format!("key: {e}"))?;
        Ok(Self {
            id: key_id(&key),
            key,
            created: file.created,
            verify_until: file.verify_until,
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn encoding(&self) -> EncodingKey {
        EncodingKey::from_ec_der(self.key.serialized_der())
    }
}

/// Reads the keys, making the first; makes a new signer if the old one is older than `key_lifetime` seconds or `rotate` says so.
pub(super) fn open(
    state: &StateDirectory,
    now: u64,
    key_lifetime: u64,
    rotate: bool,
) -> Result<KeyRing, TokenError> {
    let locked = state.lock()?;
    let ring = match locked.read(FILE)? {
        None => KeyRing::new(now)?,
        Some(bytes) => {
            let ring = parse(state, &bytes)?;
            if !rotate && now.saturating_sub(ring.signer.created) < key_lifetime {
                return Ok(ring);
            }
            ring.rotated(now, MAX_LIFETIME.as_secs())?
        }
    };
    locked.write(FILE, &ring.to_json()?)?;
    Ok(ring)
}

/// Reads the keys, if there are any.
pub(super) fn load(state: &StateDirectory) -> Result<Option<KeyRing>, TokenError> {
    state
        .read(FILE)?
        .map(|bytes| parse(state, &bytes))
        .transpose()
}

fn parse(state: &StateDirectory, bytes: &Secret<Vec<u8>>) -> Result<KeyRing, TokenError> {
    KeyRing::from_json(bytes.expose()).map_err(|why| TokenError::Damaged {
        path: state.path().join(FILE).display().to_string(),
        why,
    })
}

/// A key is named by the beginning of the hash of its public half.
fn key_id(key: &KeyPair) -> String {
    hex(&digest(&SHA256, key.der_bytes()).as_ref()[..12])
}

/// 128 random bits.
pub(super) fn random_hex() -> Result<String, TokenError> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| TokenError::Crypto("no random numbers".to_owned()))?;
    Ok(hex(&bytes))
}
