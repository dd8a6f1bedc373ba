//! What stands in a token, before and after it is believed.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{AUDIENCE, LEEWAY, MAX_LENGTH, ProofError, Verified};
use crate::fault::TokenFault;
use crate::issuer::from_unix;

/// A token that looks like one of a cluster. Nothing in it is proven.
pub(super) struct Shape<'a> {
    token: &'a str,
    algorithm: Option<Algorithm>,
    key_id: String,
}

/// All that a cluster writes there. Whoever brings a key, the address of one, or extensions to be understood is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    #[serde(default)]
    typ: Option<String>,
}

impl<'a> Shape<'a> {
    pub(super) fn of(token: &'a str) -> Result<Self, ProofError> {
        if token.len() > MAX_LENGTH {
            return Err(TokenFault::TooLong.into());
        }
        let mut parts = token.split('.');
        let mut part = || {
            parts
                .next()
                .filter(|part| !part.is_empty() && part.bytes().all(is_base64url))
        };
        let header = part().ok_or(TokenFault::Malformed)?;
        let rest = (part(), part());
        let header: Header = decode(header)?;
        // Signatures by a shared secret, or none: whoever knows the public key could make them. Before the count of parts,
        // as an unsigned token has an empty one.
        let algorithm = match header.alg.as_str() {
            "RS256" => Some(Algorithm::RS256),
            "RS384" => Some(Algorithm::RS384),
            "RS512" => Some(Algorithm::RS512),
            "PS256" => Some(Algorithm::PS256),
            "PS384" => Some(Algorithm::PS384),
            "PS512" => Some(Algorithm::PS512),
            "ES256" => Some(Algorithm::ES256),
            "ES384" => Some(Algorithm::ES384),
            // Of P-521, which a cluster may have and we cannot check: the API server can.
            "ES512" => None,
            _ => return Err(ProofError::Token(TokenFault::Algorithm)),
        };
        if rest.0.is_none() || rest.1.is_none() || parts.next().is_some() {
            return Err(TokenFault::Malformed.into());
        }
        if header.typ.is_some_and(|typ| typ != "JWT") || header.kid.is_empty() {
            return Err(TokenFault::Malformed.into());
        }
        Ok(Self {
            token,
            algorithm,
            key_id: header.kid,
        })
    }

    pub(super) fn token(&self) -> &'a str {
        self.token
    }

    /// None where it is one that we cannot check.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// What it claims. To be believed only once another has accepted the token.
    pub(super) fn unproven_claims(&self) -> Result<Claims, ProofError> {
        let payload = self.token.split('.').nth(1).ok_or(TokenFault::Malformed)?;
        decode(payload)
    }
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, ProofError> {
    let json = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| ProofError::Token(TokenFault::Malformed))?;
    serde_json::from_slice(&json).map_err(|_| ProofError::Token(TokenFault::Malformed))
}

/// The claims of a projected service-account token.
#[derive(Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: Audiences,
    sub: String,
    exp: u64,
    nbf: u64,
    #[serde(rename = "kubernetes.io", default)]
    kubernetes: Option<Bound>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Bound {
    namespace: String,
    serviceaccount: Named,
    #[serde(default)]
    pod: Option<Named>,
    #[serde(default)]
    node: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(default)]
    uid: String,
}

impl Claims {
    pub(super) fn issuer(&self) -> &str {
        &self.iss
    }

    /// What the claims say of their bearer, if they are those of a projected token for us that is good at `now`.
    pub(super) fn verified(self, now: SystemTime) -> Result<Verified, ProofError> {
        let for_us = match &self.aud {
            Audiences::One(audience) => audience == AUDIENCE,
            Audiences::Many(audiences) => audiences.iter().any(|a| a == AUDIENCE),
        };
        if !for_us {
            return Err(TokenFault::Audience.into());
        }
        let expires = from_unix(self.exp);
        if now >= expires + LEEWAY {
            return Err(TokenFault::Expired.into());
        }
        if now + LEEWAY < from_unix(self.nbf) {
            return Err(TokenFault::NotYetValid.into());
        }
        let bound = self.kubernetes.ok_or(ProofError::Unbound)?;
        let pod = bound.pod.ok_or(ProofError::Unbound)?;
        let account = bound.serviceaccount;
        let verified = Verified {
            namespace: bound.namespace,
            service_account: account.name,
            service_account_uid: account.uid,
            pod_name: pod.name,
            pod_uid: pod.uid,
            node: bound.node.map(|node| node.name),
            expires,
        };
        if self.sub != subject(&verified.namespace, &verified.service_account) {
            return Err(ProofError::Subject);
        }
        verified.well_formed()
    }
}

/// The user name of a service account.
pub(super) fn subject(namespace: &str, service_account: &str) -> String {
    format!("system:serviceaccount:{namespace}:{service_account}")
}

impl Verified {
    /// The same, if every name is one that Kubernetes allows: they become parts of other names.
    pub(super) fn well_formed(self) -> Result<Self, ProofError> {
        if self.pod_name.is_empty() || self.pod_uid.is_empty() {
            return Err(ProofError::Unbound);
        }
        let names = [&self.service_account, &self.pod_name];
        let uids = [&self.service_account_uid, &self.pod_uid];
        if is_label(&self.namespace)
            && names.iter().all(|name| is_name(name))
            && self.node.as_deref().is_none_or(is_name)
            && uids.iter().all(|uid| is_uid(uid))
        {
            Ok(self)
        } else {
            Err(ProofError::Subject)
        }
    }
}

/// A DNS-1123 label.
fn is_label(text: &str) -> bool {
    text.len() <= 63 && !text.contains('.') && is_name(text)
}

/// A DNS-1123 subdomain.
fn is_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

fn is_uid(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
