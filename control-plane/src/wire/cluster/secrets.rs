//! The proxies' certificates: made per pod when its proxy asks, replaced in time, kept nowhere but where they are served.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tulle_envoy::secrets::{CERTIFICATE, ROOTS, tls_certificate, validation_context};
use tulle_identity::{
    AuthoritySource, ClusterAuthority, Issuer, SpiffeId, SvidPolicy, SvidVersion, Window,
};
use tulle_xds::{Change, Resource, Scope, Store, TypeUrl};

use super::pods::{Entry, Pods};

/// What could not be made is tried again after this.
const RETRY: Duration = Duration::from_secs(5);
/// Never waited longer than this for the next due time, so that a clock that jumps does no harm.
const LOOK: Duration = Duration::from_secs(60);

/// Certificates of pods, by the scope of their own resources.
pub(super) struct Secrets {
    authority: Arc<ClusterAuthority>,
    policy: SvidPolicy,
    pods: Arc<Pods>,
    store: Arc<Store>,
    /// When each has to be replaced. The scopes are those whose proxies have asked.
    due: BTreeMap<Scope, SystemTime>,
    /// The same by time.
    next: BTreeSet<(SystemTime, Scope)>,
}

impl Secrets {
    pub(super) fn new(
        authority: Arc<ClusterAuthority>,
        policy: SvidPolicy,
        pods: Arc<Pods>,
        store: Arc<Store>,
    ) -> Self {
        Self {
            authority,
            policy,
            pods,
            store,
            due: BTreeMap::new(),
            next: BTreeSet::new(),
        }
    }

    /// The roots that all trust, as everybody is served them; none before there is an authority.
    pub(super) fn roots(&self) -> Option<Arc<Resource>> {
        let snapshot = self.authority.snapshot()?;
        let bundle = snapshot.bundle();
        let bytes = validation_context(ROOTS, bundle.pem().as_bytes());
        let resource = Resource::new(TypeUrl::SDS, ROOTS, bundle.version().clone(), &bytes);
        Some(Arc::new(resource))
    }

    /// A proxy asks, and says what it holds.
    pub(super) fn asked(&mut self, scope: &Scope, holds: &[(Arc<str>, Arc<str>)]) {
        let Some(pod) = self.pods.of_scope(scope) else {
            tracing::debug!(%scope, "asks for a certificate, but its pod is gone");
            return;
        };
        if self.due.contains_key(scope) {
            // Another stream of the same pod has asked before: what it is served holds for this one too.
            return;
        }
        let held = holds
            .iter()
            .find(|(name, _)| **name == *CERTIFICATE)
            .map(|(_, version)| &**version);
        self.serve(scope, &pod, held);
    }

    /// Gives a pod a certificate, one that is called as that which it holds if that is good still.
    fn serve(&mut self, scope: &Scope, pod: &Entry, held: Option<&str>) {
        let now = SystemTime::now();
        let rotate_at = match self.make(pod, held, now) {
            Ok((resource, rotate_at)) => {
                // A first certificate fills the scope, a later one changes it.
                if self
                    .store
                    .apply(scope, vec![Change::Put(resource.clone())])
                    .is_none()
                {
                    // The roots too: where nobody declares the group any more, this is all that the proxy is served.
                    let own = self.roots().into_iter().chain([resource]);
                    self.store.replace(scope, own.collect());
                }
                rotate_at
            }
            Err(why) => {
                tracing::warn!(pod = %pod.caller(), "no certificate: {why}");
                now + RETRY
            }
        };
        self.schedule(scope.clone(), Some(rotate_at));
    }

    /// When a scope's certificate is to be replaced; `None`: there is none any more.
    fn schedule(&mut self, scope: Scope, at: Option<SystemTime>) {
        let before = match at {
            Some(at) => {
                self.next.insert((at, scope.clone()));
                self.due.insert(scope.clone(), at)
            }
            None => self.due.remove(&scope),
        };
        if let Some(before) = before.filter(|before| Some(*before) != at) {
            self.next.remove(&(before, scope));
        }
    }

    fn make(
        &self,
        pod: &Entry,
        held: Option<&str>,
        now: SystemTime,
    ) -> Result<(Arc<Resource>, SystemTime), String> {
        let snapshot = self
            .authority
            .snapshot()
            .ok_or("there is no certificate authority yet")?;
        let issuer = snapshot.issuer();
        let identity = identity(issuer, pod);
        let fresh = held.and_then(|version| {
            let rotate_at = self
                .policy
                .is_fresh(version, issuer, &identity, &pod.uid, now)?;
            Some((version.parse::<SvidVersion>().ok()?, rotate_at))
        });
        // A proxy is sent nothing under the version that it holds. What is made under it all the same is for the case that
        // the proxy is started anew and has nothing; and until its scope is filled no other secret reaches it either.
        let window = match &fresh {
            Some((version, _)) => Window {
                not_before: self.policy.window(now).not_before,
                not_after: version.not_after(),
            },
            None => self.policy.window(now),
        };
        let svid = issuer
            .issue_svid(&identity, window)
            .map_err(|error| error.to_string())?;
        let rotate_at = match fresh {
            Some((_, rotate_at)) => rotate_at,
            None => self
                .policy
                .is_fresh(&svid.version.to_string(), issuer, &identity, &pod.uid, now)
                .unwrap_or(now + RETRY),
        };
        let bytes = zeroize::Zeroizing::new(tls_certificate(
            CERTIFICATE,
            svid.chain_pem.as_bytes(),
            svid.key_pem.expose().as_bytes(),
        ));
        let version = svid.version.to_string();
        let resource = Resource::secret(TypeUrl::SDS, CERTIFICATE, version, &bytes);
        Ok((Arc::new(resource), rotate_at))
    }

    /// Whether the scope was one of a pod's own resources; it is forgotten then.
    pub(super) fn forget(&mut self, scope: &Scope) -> bool {
        if !Pods::is_own(scope) {
            return false;
        }
        if self.store.drop_scope(scope) {
            self.schedule(scope.clone(), None);
        }
        true
    }

    /// How long until something is due.
    pub(super) fn wait(&self) -> Duration {
        let now = SystemTime::now();
        let next = self.next.first();
        next.map_or(LOOK, |(next, _)| {
            next.duration_since(now).unwrap_or_default().min(LOOK)
        })
    }

    /// Replaces what is due.
    pub(super) fn renew(&mut self) {
        let now = SystemTime::now();
        let due: Vec<Scope> = self
            .next
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, scope)| scope.clone())
            .collect();
        for scope in due {
            match self.pods.of_scope(&scope) {
                Some(pod) => self.serve(&scope, &pod, None),
                None => self.schedule(scope, None),
            }
        }
    }

    /// The authority is different.
    pub(super) fn reissue_now(&mut self) {
        if let Some(roots) = self.roots() {
            for scope in self.due.keys() {
                self.store.apply(scope, vec![Change::Put(roots.clone())]);
            }
        }
        self.reissue(self.policy);
    }

    /// Another issuer signs, or certificates are to live for another time: those that would no longer be made are replaced,
    /// a few at a time.
    pub(super) fn reissue(&mut self, policy: SvidPolicy) {
        self.policy = policy;
        let now = SystemTime::now();
        let Some(snapshot) = self.authority.snapshot() else {
            return;
        };
        let issuer = snapshot.issuer();
        let scopes: Vec<Scope> = self.due.keys().cloned().collect();
        let mut spread = 0_u32;
        for scope in scopes {
            let Some(pod) = self.pods.of_scope(&scope) else {
                continue;
            };
            let served = self.store.get(&scope, TypeUrl::SDS, CERTIFICATE);
            let fresh = served.and_then(|served| {
                let identity = identity(issuer, &pod);
                self.policy
                    .is_fresh(served.version(), issuer, &identity, &pod.uid, now)
            });
            let at = fresh.unwrap_or_else(|| {
                spread += 1;
                // A thousand a second: signing is cheap, a herd of handshakes is not.
                now + Duration::from_millis(u64::from(spread))
            });
            self.schedule(scope, Some(at));
        }
    }
}

fn identity(issuer: &Issuer, pod: &Entry) -> SpiffeId {
    issuer
        .trust_domain()
        .service_account(&pod.namespace, &pod.service_account)
}

#[cfg(test)]
mod tests;
