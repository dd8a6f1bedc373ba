//! The leader's part: makes the authority and replaces it in time.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use tokio::sync::watch;

use super::form::{ROTATE, SECRET_NAME, SecretFormError, read_state, write_state};
use super::users::{USERS_SECRET_NAME, UsersSecretError, read_users};
use crate::api::{ApiError, Secrets};
use crate::authority::AuthorityError;
use crate::ca::{
    CaSlot, CaState, Command, Evidence, Reason, RotationPolicy, Step, Transition, Waiting, Wanted,
};
use crate::spiffe::TrustDomain;

/// After a write, or where another was faster: the watch tells what there is now.
const SETTLE: Duration = Duration::from_secs(1);
/// A clock is looked at this often, so that a machine that slept or a clock that jumped costs no more.
const LOOK: Duration = Duration::from_secs(300);
/// Evidence changes with every proxy; it is looked at no more often than this.
const CALM: Duration = Duration::from_millis(200);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// The user is reminded to renew this often.
const REMIND: Duration = Duration::from_secs(3600);

/// What the keeper listens to.
#[derive(Debug, Clone)]
pub struct KeeperInputs {
    /// Whether this replica leads. Where it does not, nothing is written.
    pub leads: watch::Receiver<bool>,
    /// The Secret [`SECRET_NAME`] as watched.
    pub secret: watch::Receiver<Option<Arc<Secret>>>,
    /// The Secret [`USERS_SECRET_NAME`] as watched.
    pub users: watch::Receiver<Option<Arc<Secret>>>,
    /// The object with which the Secret is to go, as it is now; a Secret of an earlier one is given to it.
    pub owner: watch::Receiver<Option<OwnerReference>>,
    /// What proxies hold.
    pub evidence: watch::Receiver<Evidence>,
    /// Times; may change while it runs.
    pub policy: watch::Receiver<RotationPolicy>,
}

/// Keeps the Secret. One per replica; only the leader's writes.
///
/// A write replaces exactly what was read (`resourceVersion`), so that a leader that was asleep changes nothing. A Secret that
/// somebody deleted is written again from memory; one that somebody damaged is left alone.
pub struct Keeper {
    secrets: Secrets,
    namespace: String,
    trust_domain: TrustDomain,
    inputs: KeeperInputs,
    /// The last good state, for the case that the Secret is deleted.
    last: Option<CaState>,
    read: Option<(String, Result<CaState, SecretFormError>)>,
    users: Option<((String, Duration), Result<CaSlot, UsersSecretError>)>,
    reminded: Option<SystemTime>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("namespace", &self.namespace)
            .field("trust_domain", &self.trust_domain)
            .finish_non_exhaustive()
    }
}

/// The authority cannot be kept for now.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error("Secret {SECRET_NAME}: {0}")]
    Api(#[from] ApiError),
    #[error(transparent)]
    Form(#[from] SecretFormError),
    #[error("no authority is made: {0}; put it right, or delete the Secret to have one made")]
    Users(#[from] UsersSecretError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

impl Keeper {
    /// For the Secret in `namespace`.
    pub fn new(
        client: kube::Client,
        namespace: &str,
        trust_domain: TrustDomain,
        inputs: KeeperInputs,
    ) -> Self {
        Self {
            secrets: Secrets::new(client, namespace),
            namespace: namespace.to_owned(),
            trust_domain,
            inputs,
            last: None,
            read: None,
            users: None,
            reminded: None,
        }
    }

    /// Runs until one of its inputs has ended.
    pub async fn run(mut self) {
        let mut backoff = SETTLE;
        loop {
            // Also without the lead: the next leader remembers what was.
            let state = self.state(SystemTime::now());
            let pause = if !*self.inputs.leads.borrow_and_update() {
                LOOK
            } else {
                match self.tend(state).await {
                    Ok(pause) => {
                        backoff = SETTLE;
                        pause
                    }
                    Err(error) => {
                        tracing::error!("{error}");
                        backoff = (backoff * 2).min(MAX_BACKOFF);
                        backoff
                    }
                }
            };
            tokio::time::sleep(CALM).await;
            let inputs = &mut self.inputs;
            let gone = tokio::select! {
                seen = inputs.leads.changed() => seen.is_err(),
                seen = inputs.secret.changed() => seen.is_err(),
                seen = inputs.users.changed() => seen.is_err(),
                seen = inputs.owner.changed() => seen.is_err(),
                seen = inputs.evidence.changed() => seen.is_err(),
                seen = inputs.policy.changed() => seen.is_err(),
                () = tokio::time::sleep(pause) => false,
            };
            if gone {
                return;
            }
        }
    }

    /// The state in the watched Secret.
    fn state(
        &mut self,
        now: SystemTime,
    ) -> Option<(Arc<Secret>, Result<CaState, SecretFormError>)> {
        let secret = self.inputs.secret.borrow_and_update().clone()?;
        let version = version(&secret);
        if self.read.as_ref().is_none_or(|(read, _)| *read != version) {
            let state = read_state(&secret, &self.trust_domain, now);
            if let Ok(state) = &state {
                self.last = Some(state.clone());
            }
            self.read = Some((version, state));
        }
        let state = self.read.as_ref().map(|(_, state)| state.clone())?;
        Some((secret, state))
    }

    /// The user's authority in the watched Secret; `Some(Err)` where it cannot be used.
    fn users(
        &mut self,
        secret: Option<&Secret>,
        now: SystemTime,
    ) -> Option<Result<CaSlot, UsersSecretError>> {
        let secret = secret?;
        let leaf_lifetime = self.inputs.policy.borrow().leaf_lifetime();
        let version = (version(secret), leaf_lifetime);
        if self.users.as_ref().is_none_or(|(read, _)| *read != version) {
            let slot = read_users(secret, leaf_lifetime, &self.trust_domain, now);
            if let Err(error) = &slot {
                tracing::error!("{error}; the authority that there is goes on");
            }
            self.users = Some((version, slot));
        }
        self.users.as_ref().map(|(_, slot)| slot.clone())
    }

    /// Does what is to be done and says when to look again.
    async fn tend(
        &mut self,
        state: Option<(Arc<Secret>, Result<CaState, SecretFormError>)>,
    ) -> Result<Duration, KeepError> {
        let now = SystemTime::now();
        let Some((secret, state)) = state else {
            return self.create(now).await;
        };
        let state = state?;
        let asked = secret
            .metadata
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.get(ROTATE));
        let command = match asked.map(|asked| asked.trim().parse::<Command>()) {
            None => None,
            Some(Ok(command)) => Some(command),
            Some(Err(error)) => {
                tracing::error!("Secret {SECRET_NAME}, annotation {ROTATE}: {error}");
                None
            }
        };
        let watched = self.inputs.users.borrow_and_update().clone();
        let users = self.users(watched.as_deref(), now);
        let wanted = match &users {
            None => Wanted::Ours,
            Some(Err(_)) => Wanted::Refused,
            Some(Ok(slot)) => Wanted::Users(slot),
        };
        let evidence = self.inputs.evidence.borrow_and_update().clone();
        let policy = self.inputs.policy.borrow_and_update().clone();
        let (step, next) = match state.next(now, &evidence, &policy, wanted, command) {
            Transition::Stay { waiting, until } => {
                self.remind(waiting, &state, now);
                if asked.is_none() && self.is_owned(&secret) {
                    let pause = until.duration_since(now).unwrap_or_default();
                    return Ok(pause.clamp(SETTLE, LOOK));
                }
                if let Some(command) = command {
                    tracing::warn!(
                        ?command,
                        stage = %state.stage(),
                        "Secret {SECRET_NAME}, annotation {ROTATE}: nothing to do at this stage, or the authority is the user's own"
                    );
                }
                (None, state.clone())
            }
            Transition::NewRoot(reason) => {
                let root = CaSlot::make(
                    &self.trust_domain,
                    now,
                    policy.root_lifetime(),
                    policy.leaf_lifetime(),
                )?;
                let why = match reason {
                    Reason::Age => "it has lived the greater part of its life",
                    Reason::Asked => "somebody asked",
                };
                tracing::info!(next = %root.generation(), "the root is replaced: {why}");
                (Some(Step::Prepare), state.prepare(root, now))
            }
            Transition::To(step, next) => (Some(step), *next),
        };
        self.replace(&secret, &next).await?;
        if let Some(step) = step {
            tracing::info!(
                ?step,
                signer = %next.signer().generation(),
                bundle = %next.bundle().version(),
                stage = %next.stage(),
                "certificate authority rotated"
            );
        }
        Ok(SETTLE)
    }

    /// Makes the Secret where there is none.
    async fn create(&mut self, now: SystemTime) -> Result<Duration, KeepError> {
        // None may also mean that the watch has not begun.
        if self.secrets.get(SECRET_NAME).await?.is_some() {
            return Ok(SETTLE);
        }
        let state = match self.last.clone() {
            Some(last) => {
                tracing::warn!("Secret {SECRET_NAME} is gone; it is written again");
                last
            }
            None => {
                let users = self.secrets.get(USERS_SECRET_NAME).await?;
                let users = self.users(users.as_ref(), now).transpose()?;
                let policy = self.inputs.policy.borrow().clone();
                let slot = match users {
                    Some(slot) => slot,
                    None => CaSlot::make(
                        &self.trust_domain,
                        now,
                        policy.root_lifetime(),
                        policy.leaf_lifetime(),
                    )?,
                };
                tracing::info!(issuer = %slot.generation(), origin = ?slot.origin(), "certificate authority made");
                CaState::new(slot)
            }
        };
        let labels = ["app.kubernetes.io/name", "app.kubernetes.io/managed-by"];
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(SECRET_NAME.to_owned()),
                namespace: Some(self.namespace.clone()),
                labels: Some(labels.map(|l| (l.to_owned(), "tulle".to_owned())).into()),
                owner_references: self.owner().map(|owner| vec![owner]),
                ..ObjectMeta::default()
            },
            type_: Some("Opaque".to_owned()),
            data: Some(write_state(&state)),
            ..Secret::default()
        };
        match self.secrets.create(&secret).await {
            // Another was faster.
            Err(error) if error.is(409) => {}
            result => {
                result?;
            }
        }
        Ok(SETTLE)
    }

    async fn replace(&self, read: &Secret, next: &CaState) -> Result<(), KeepError> {
        let mut secret = read.clone();
        secret.data = Some(write_state(next));
        secret.string_data = None;
        if let Some(annotations) = &mut secret.metadata.annotations {
            annotations.remove(ROTATE);
        }
        secret.metadata.managed_fields = None;
        if let Some(owner) = self.owner() {
            secret.metadata.owner_references = Some(vec![owner]);
        }
        match self.secrets.replace(SECRET_NAME, &secret).await {
            Err(error) if error.is(409) || error.is(404) => {
                tracing::info!(
                    "Secret {SECRET_NAME} was changed by another; it is looked at again"
                );
                Ok(())
            }
            result => {
                result?;
                Ok(())
            }
        }
    }

    fn owner(&self) -> Option<OwnerReference> {
        self.inputs.owner.borrow().clone()
    }

    /// Whether the Secret goes with its owner and not before: one that has been replaced would take the Secret with it.
    fn is_owned(&self, secret: &Secret) -> bool {
        let owners = secret.metadata.owner_references.as_deref();
        self.owner().is_none_or(|owner| {
            let mut owners = owners.unwrap_or_default().iter();
            owners.any(|other| other.uid == owner.uid)
        })
    }

    fn remind(&mut self, waiting: Waiting, state: &CaState, now: SystemTime) {
        if waiting != Waiting::User {
            return;
        }
        let due = self.reminded.is_none_or(|last| {
            now.duration_since(last)
                .is_ok_and(|passed| passed >= REMIND)
        });
        if due {
            self.reminded = Some(now);
            let left = state.signer().not_after().duration_since(now);
            let days = left.unwrap_or_default().as_secs() / 86_400;
            tracing::warn!(
                days_left = days,
                "the authority that was brought in Secret {USERS_SECRET_NAME} grows old; renew it"
            );
        }
    }
}

/// Which object and which version of it.
fn version(secret: &Secret) -> String {
    format!(
        "{}/{}",
        secret.metadata.uid.as_deref().unwrap_or_default(),
        secret
            .metadata
            .resource_version
            .as_deref()
            .unwrap_or_default()
    )
}

#[cfg(test)]
mod tests;
