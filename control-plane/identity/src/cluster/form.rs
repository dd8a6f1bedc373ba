//! The state of the authority as the data of a Secret.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde::{Deserialize, Serialize};

use crate::ca::{CaSlot, CaState, Origin, Part, Phase, SlotError};
use crate::issuer::{from_unix, pem_of, unix};
use crate::spiffe::TrustDomain;

/// The Secret in which the authority is kept.
pub const SECRET_NAME: &str = "tulle-ca";
/// The annotation on it by which somebody asks for `now`, `advance` or `abort`.
pub const ROTATE: &str = "tulle.dev/rotate";

const STATE: &str = "state.json";
const PUBLISHED: &str = "ca.crt";
const FORMAT: u32 = 1;

/// The Secret does not hold an authority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Secret {SECRET_NAME}, key {key}: {why}; restore it, or delete the Secret: the control plane that runs writes it again, one that starts makes a new authority (every proxy then has to be restarted)"
)]
pub struct SecretFormError {
    /// The key to blame.
    pub key: String,
    /// What is wrong with it.
    pub why: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct State {
    format: u32,
    stage: StageName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    signer: Slot,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other: Option<Slot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold_until: Option<u64>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum StageName {
    Stable,
    Prepare,
    Activate,
    Retire,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Slot {
    id: String,
    origin: OriginName,
    leaf_lifetime_seconds: u64,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum OriginName {
    Tulle,
    User,
}

impl From<&CaSlot> for Slot {
    fn from(slot: &CaSlot) -> Self {
        Self {
            id: slot.generation().to_string(),
            origin: match slot.origin() {
                Origin::Tulle => OriginName::Tulle,
                Origin::User => OriginName::User,
            },
            leaf_lifetime_seconds: slot.leaf_lifetime().as_secs(),
        }
    }
}

/// The data of the Secret for a state.
pub fn write_state(state: &CaState) -> BTreeMap<String, ByteString> {
    let (stage, since, other) = match state.phase() {
        Phase::Stable => (StageName::Stable, None, None),
        Phase::Prepare { next, since } => (StageName::Prepare, Some(since), Some(next)),
        Phase::Activate { previous, since } => (StageName::Activate, Some(since), Some(previous)),
        Phase::Retire { previous, since } => (StageName::Retire, Some(since), Some(previous)),
    };
    let mut data = BTreeMap::new();
    let mut put = |key: String, bytes: Vec<u8>| data.insert(key, ByteString(bytes));
    for slot in std::iter::once(state.signer()).chain(other) {
        let [certificate, key, roots] = keys(slot.generation().as_str());
        put(certificate, pem_of(slot.chain()).into_bytes());
        put(key, slot.key().expose().clone());
        put(roots, slot.roots().pem().as_bytes().to_vec());
    }
    put(
        PUBLISHED.to_owned(),
        state.bundle().pem().as_bytes().to_vec(),
    );
    let state = State {
        format: FORMAT,
        stage,
        since: since.copied().map(unix),
        signer: state.signer().into(),
        other: other.map(Slot::from),
        hold_until: state.hold_until.map(unix),
    };
    let state = serde_json::to_vec_pretty(&state).expect("plain values are JSON");
    put(STATE.to_owned(), state);
    data
}

/// The state in a Secret, every authority in it checked.
///
/// # Errors
/// The key that is damaged or missing, and what is wrong.
pub fn read_state(
    secret: &Secret,
    trust_domain: &TrustDomain,
    now: SystemTime,
) -> Result<CaState, SecretFormError> {
    let wrong = |why: &str| SecretFormError {
        key: STATE.to_owned(),
        why: why.to_owned(),
    };
    let state: State = serde_json::from_slice(value(secret, STATE)?)
        .map_err(|e| wrong(&format!("cannot be read: {e}")))?;
    if state.format != FORMAT {
        return Err(wrong(
            "is of a format that this version of the control plane does not know",
        ));
    }
    let signer = slot(secret, &state.signer, trust_domain, now)?;
    let mut ended = false;
    let other = match &state.other {
        None => None,
        // One that has ended, and only that, may be missing: it is of no use any more.
        Some(other) => match slot(secret, other, trust_domain, now) {
            Ok(slot) => Some(slot),
            Err(_) if slot_has_ended(secret, other, trust_domain, now) => {
                ended = true;
                None
            }
            Err(error) => return Err(error),
        },
    };
    let since = state.since.map(from_unix);
    let phase = match (state.stage, other, since) {
        (StageName::Stable, None, None) => Phase::Stable,
        (_, None, Some(_)) if ended => Phase::Stable,
        (StageName::Prepare, Some(next), Some(since)) => Phase::Prepare { next, since },
        (StageName::Activate, Some(previous), Some(since)) => Phase::Activate { previous, since },
        (StageName::Retire, Some(previous), Some(since)) => Phase::Retire { previous, since },
        _ => return Err(wrong("stage, since and other do not fit together")),
    };
    Ok(CaState {
        signer,
        phase,
        hold_until: state.hold_until.map(from_unix),
    })
}

fn slot(
    secret: &Secret,
    slot: &Slot,
    trust_domain: &TrustDomain,
    now: SystemTime,
) -> Result<CaSlot, SecretFormError> {
    let [certificate, key, roots] = keys(&slot.id);
    let parsed = CaSlot::parse(
        value(secret, &certificate)?,
        value(secret, &key)?,
        Some(value(secret, &roots)?),
        match slot.origin {
            OriginName::Tulle => Origin::Tulle,
            OriginName::User => Origin::User,
        },
        Duration::from_secs(slot.leaf_lifetime_seconds),
        trust_domain,
        now,
    )
    .map_err(|SlotError { part, why }| SecretFormError {
        key: match part {
            Part::Certificate => certificate.clone(),
            Part::Key => key.clone(),
            Part::Roots => roots.clone(),
        },
        why,
    })?;
    if parsed.generation().as_str() != slot.id {
        return Err(SecretFormError {
            key: certificate,
            why: "is another certificate than the one it is named for".to_owned(),
        });
    }
    Ok(parsed)
}

/// Whether the slot would be whole were it not for its age.
fn slot_has_ended(
    secret: &Secret,
    named: &Slot,
    trust_domain: &TrustDomain,
    now: SystemTime,
) -> bool {
    slot(secret, named, trust_domain, SystemTime::UNIX_EPOCH)
        .is_ok_and(|slot| slot.not_after() <= now)
}

fn keys(id: &str) -> [String; 3] {
    [
        format!("ca-{id}.crt"),
        format!("ca-{id}.key"),
        format!("ca-{id}.roots.crt"),
    ]
}

fn value<'a>(secret: &'a Secret, key: &str) -> Result<&'a [u8], SecretFormError> {
    secret
        .data
        .as_ref()
        .and_then(|data| data.get(key))
        .map(|bytes| bytes.0.as_slice())
        .ok_or_else(|| SecretFormError {
            key: key.to_owned(),
            why: "is missing".to_owned(),
        })
}

#[cfg(test)]
mod tests;
