//! The authority as it is now, and where to get it.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::ca::{CaState, Phase, SlotError, Stage, TrustBundle};
use crate::issuer::{Generation, Issuer};
use crate::spiffe::TrustDomain;

/// What signs and what is to be trusted at one moment. Cheap to share, never changed.
#[derive(Debug)]
pub struct Snapshot {
    issuer: Arc<Issuer>,
    bundle: TrustBundle,
    stage: Stage,
    since: Option<SystemTime>,
    other: Option<Generation>,
}

impl Snapshot {
    /// The snapshot of a state.
    ///
    /// # Errors
    /// None for a state whose authorities were made or read here.
    pub fn of(state: &CaState, trust_domain: &TrustDomain) -> Result<Self, SlotError> {
        let (since, other) = match state.phase() {
            Phase::Stable => (None, None),
            Phase::Prepare { next: slot, since }
            | Phase::Activate {
                previous: slot,
                since,
            }
            | Phase::Retire {
                previous: slot,
                since,
            } => (Some(*since), Some(slot.generation().clone())),
        };
        Ok(Self {
            issuer: Arc::new(state.signer().issuer(trust_domain)?),
            bundle: state.bundle(),
            stage: state.stage(),
            since,
            other,
        })
    }

    /// What signs.
    pub fn issuer(&self) -> &Arc<Issuer> {
        &self.issuer
    }

    /// What is to be trusted.
    pub fn bundle(&self) -> &TrustBundle {
        &self.bundle
    }

    /// Where a rotation stands.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Since when, during a rotation.
    pub fn since(&self) -> Option<SystemTime> {
        self.since
    }

    /// The authority that comes or goes, during a rotation.
    pub fn other(&self) -> Option<&Generation> {
        self.other.as_ref()
    }
}

/// Where the authority of the moment is had: a state folder's, or a cluster's.
pub trait AuthoritySource: fmt::Debug + Send + Sync + 'static {
    /// The authority as it is now; none before there is one. Must not block.
    fn snapshot(&self) -> Option<Arc<Snapshot>>;
}
