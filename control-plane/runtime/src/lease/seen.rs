//! What a candidate has seen of the record, and when: the only judge of another's lease.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use tokio::time::Instant;

/// The longest duration that is believed: a record that says more was not written by a replica.
const LONGEST: Duration = Duration::from_secs(300);

/// The record as it was when it last changed before our eyes.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    mark: Mark,
    since: Instant,
    duration: Duration,
    missed: bool,
}

/// What changes with every renewal. Labels, annotations and managed fields of the object do not count.
#[derive(Debug, Clone, PartialEq)]
struct Mark {
    holder: Option<Arc<str>>,
    renewed: Option<MicroTime>,
    acquired: Option<MicroTime>,
    transitions: Option<i32>,
}

impl Seen {
    /// Notes a record that was received at `now`; an unchanged one keeps its time.
    pub(super) fn note(previous: Option<Self>, lease: &Lease, now: Instant, ttl: Duration) -> Self {
        let nothing = LeaseSpec::default();
        let spec = lease.spec.as_ref().unwrap_or(&nothing);
        let mark = Mark {
            holder: holder(spec).map(Arc::from),
            renewed: spec.renew_time.clone(),
            acquired: spec.acquire_time.clone(),
            transitions: spec.lease_transitions,
        };
        let duration = spec
            .lease_duration_seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .filter(|seconds| *seconds > 0)
            .map_or(ttl, Duration::from_secs)
            .min(LONGEST.max(ttl));
        let since = match previous {
            Some(previous) if previous.mark == mark => previous.since,
            _ => now,
        };
        Self {
            mark,
            since,
            duration,
            missed: false,
        }
    }

    /// Notes that there was no record at `now`. Between the last look and the deletion its holder may have renewed, so when
    /// the record is missed first, the holder's time starts anew.
    pub(super) fn miss(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.missed, true) {
            self.since = now;
        }
    }

    pub(super) fn holder(&self) -> Option<&Arc<str>> {
        self.mark.holder.as_ref()
    }

    /// When the holder's time is over if it is not heard of again.
    pub(super) fn expiry(&self) -> Instant {
        self.since + self.duration
    }
}

/// The holder that a record names; an empty name is nobody.
pub(super) fn holder(spec: &LeaseSpec) -> Option<&str> {
    spec.holder_identity
        .as_deref()
        .filter(|holder| !holder.is_empty())
}
