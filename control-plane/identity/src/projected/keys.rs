//! The keys with which the cluster signs tokens, as it publishes them.
//!
//! One task fetches them: at the start, every few minutes, and when a token names a key that is not known, at most every few
//! seconds however many tokens do. What was fetched stays while the API server is away, and for an hour while it refuses: one that
//! just starts refuses everything for a moment.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use kube::Client;
use serde::Deserialize;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::api::{self, ApiError};

const ISSUER_PATH: &str = "/.well-known/openid-configuration";
const KEYS_PATH: &str = "/openid/v1/jwks";

/// Keys are fetched this often, asked or not.
const PERIOD: Duration = Duration::from_secs(300);
/// Unknown keys make us look at most this often.
const PAUSE: Duration = Duration::from_secs(5);
/// Where we may not read, unknown keys make us look at most this often.
const PAUSE_UNREADABLE: Duration = Duration::from_secs(60);
/// Keys that we may not look at for so long may have been withdrawn.
const MAX_REFUSED: Duration = Duration::from_secs(3600);
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// Two calls, each with its own patience.
const PATIENCE: Duration = Duration::from_secs(22);

/// One key of the cluster.
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// What is known of a key that a token names.
pub(super) enum Found {
    /// It is the cluster's.
    Key { issuer: Arc<str>, key: Arc<Key> },
    /// It is not.
    Unknown,
    /// The keys may not be read, or this one is of a kind that we cannot use: another must judge.
    Unreadable,
    /// The keys cannot be read now.
    Unavailable(ApiError),
}

#[derive(Clone)]
struct Known {
    issuer: Arc<str>,
    /// By `kid`; none where we cannot use it.
    keys: Arc<HashMap<String, Option<Arc<Key>>>>,
    last: Outcome,
    tried: Option<Instant>,
    refused_since: Option<Instant>,
}

#[derive(Clone)]
enum Outcome {
    Never,
    Read,
    Unreadable,
    Failed(ApiError),
}

impl Known {
    fn nothing() -> Self {
        Self {
            issuer: "".into(),
            keys: Arc::default(),
            last: Outcome::Never,
            tried: None,
            refused_since: None,
        }
    }

    fn find(&self, id: &str) -> Option<Found> {
        let key = self.keys.get(id)?;
        Some(match key {
            Some(key) => Found::Key {
                issuer: Arc::clone(&self.issuer),
                key: Arc::clone(key),
            },
            None => Found::Unreadable,
        })
    }

    /// Whether it is too early to look again.
    fn is_young(&self) -> bool {
        let pause = match self.last {
            Outcome::Unreadable => PAUSE_UNREADABLE,
            Outcome::Never | Outcome::Read | Outcome::Failed(_) => PAUSE,
        };
        self.tried.is_some_and(|tried| tried.elapsed() < pause)
    }

    fn without(&self) -> Found {
        match &self.last {
            Outcome::Read => Found::Unknown,
            Outcome::Unreadable => Found::Unreadable,
            Outcome::Failed(error) => Found::Unavailable(error.clone()),
            Outcome::Never => {
                Found::Unavailable(ApiError::Transport("its keys were not read yet".to_owned()))
            }
        }
    }
}

/// The keys and the task that fetches them.
pub(super) struct KeySet {
    known: watch::Receiver<Known>,
    wanted: Arc<Notify>,
    task: AbortHandle,
}

impl KeySet {
    pub(super) fn start(client: Client) -> Self {
        let (publish, known) = watch::channel(Known::nothing());
        let wanted = Arc::new(Notify::new());
        let task = tokio::spawn(keep(client, publish, Arc::clone(&wanted))).abort_handle();
        Self {
            known,
            wanted,
            task,
        }
    }

    /// The key called `id`, fetched where it is not known and nobody looked for it just now.
    pub(super) async fn find(&self, id: &str) -> Found {
        let mut known = self.known.clone();
        {
            let now = known.borrow_and_update();
            if let Some(found) = now.find(id) {
                return found;
            }
            if now.is_young() {
                return now.without();
            }
        }
        self.wanted.notify_one();
        // Whether it was fetched, failed or takes too long: what is known then counts.
        let _ = timeout(PATIENCE, known.changed()).await;
        let now = known.borrow();
        now.find(id).unwrap_or_else(|| now.without())
    }
}

impl Drop for KeySet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(client: Client, publish: watch::Sender<Known>, wanted: Arc<Notify>) {
    let mut backoff = FIRST_BACKOFF;
    loop {
        let fetched = fetch(&client).await;
        publish.send_modify(|known| known.take(fetched));
        let young = publish.borrow().clone();
        let most = match young.last {
            Outcome::Never | Outcome::Failed(_) => MAX_BACKOFF,
            Outcome::Read | Outcome::Unreadable => PERIOD,
        };
        backoff = match young.last {
            Outcome::Read => FIRST_BACKOFF,
            _ => (backoff * 2).min(most),
        };
        let pause = match young.last {
            Outcome::Read => PERIOD,
            _ => backoff,
        };
        let mut pause = std::pin::pin!(sleep(pause));
        loop {
            tokio::select! {
                () = &mut pause => break,
                // Asked for what was being fetched at that moment: answered already.
                () = wanted.notified() => if !young.is_young() { break },
            }
        }
    }
}

impl Known {
    fn take(&mut self, fetched: Result<Published, ApiError>) {
        let before = matches!(self.last, Outcome::Failed(_) | Outcome::Unreadable);
        self.tried = Some(Instant::now());
        match fetched {
            Ok(published) => {
                if before || self.issuer != published.issuer {
                    tracing::info!(issuer = %published.issuer, keys = published.keys.len(), "the cluster's token keys are read");
                }
                self.issuer = published.issuer;
                self.keys = Arc::new(published.keys);
                self.last = Outcome::Read;
                self.refused_since = None;
            }
            Err(error) if error.is(403) || error.is(404) => {
                let now = Instant::now();
                let since = *self.refused_since.get_or_insert(now);
                if !matches!(self.last, Outcome::Unreadable) {
                    tracing::warn!(%error, "the cluster's token keys may not be read ({KEYS_PATH}); the API server is asked about tokens");
                }
                if now - since >= MAX_REFUSED {
                    self.keys = Arc::default();
                }
                self.last = Outcome::Unreadable;
            }
            Err(error) => {
                if !before {
                    tracing::warn!(%error, "the cluster's token keys cannot be read now; those that are known stay good");
                }
                self.last = match self.last {
                    // Where reading was forbidden, asking remains the way.
                    Outcome::Unreadable => Outcome::Unreadable,
                    _ => Outcome::Failed(error),
                };
            }
        }
    }
}

struct Published {
    issuer: Arc<str>,
    keys: HashMap<String, Option<Arc<Key>>>,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<serde_json::Value>,
}

async fn fetch(client: &Client) -> Result<Published, ApiError> {
    let discovery: Discovery = api::get(client, ISSUER_PATH).await?;
    let keys: Keys = api::get(client, KEYS_PATH).await?;
    let keys: HashMap<_, _> = keys.keys.into_iter().filter_map(read).collect();
    // Nothing of either cannot be meant.
    if keys.is_empty() || discovery.issuer.is_empty() {
        return Err(ApiError::Answer);
    }
    Ok(Published {
        issuer: discovery.issuer.into(),
        keys,
    })
}

/// A published key by its name; without the key itself where it is of a kind that we cannot use.
fn read(value: serde_json::Value) -> Option<(String, Option<Arc<Key>>)> {
    let id = value.get("kid")?.as_str()?.to_owned();
    let key = serde_json::from_value::<Jwk>(value)
        .ok()
        .and_then(|jwk| usable(&jwk));
    Some((id, key.map(Arc::new)))
}

fn usable(jwk: &Jwk) -> Option<Key> {
    if !matches!(
        jwk.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    ) {
        return None;
    }
    // The key's own algorithm counts, never the token's.
    let algorithm = match (&jwk.algorithm, jwk.common.key_algorithm) {
        (AlgorithmParameters::RSA(_), None | Some(KeyAlgorithm::RS256)) => Algorithm::RS256,
        (AlgorithmParameters::RSA(_), Some(KeyAlgorithm::RS384)) => Algorithm::RS384,
        (AlgorithmParameters::RSA(_), Some(KeyAlgorithm::RS512)) => Algorithm::RS512,
        (AlgorithmParameters::RSA(_), Some(KeyAlgorithm::PS256)) => Algorithm::PS256,
        (AlgorithmParameters::RSA(_), Some(KeyAlgorithm::PS384)) => Algorithm::PS384,
        (AlgorithmParameters::RSA(_), Some(KeyAlgorithm::PS512)) => Algorithm::PS512,
        (AlgorithmParameters::EllipticCurve(ec), algorithm) => match (&ec.curve, algorithm) {
            (EllipticCurve::P256, None | Some(KeyAlgorithm::ES256)) => Algorithm::ES256,
            (EllipticCurve::P384, None | Some(KeyAlgorithm::ES384)) => Algorithm::ES384,
            _ => return None,
        },
        _ => return None,
    };
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some(Key { algorithm, key })
}

#[cfg(test)]
mod tests;
