//! Who a proxy is in Kubernetes: the pod to which its token is bound, as that pod is watched. Nothing that the proxy says
//! of itself counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tulle_identity::{ProjectedTokens, Verified};
use tulle_xds::{Authenticator, Caller, Denied, Role, Scope};

use super::pods::Pods;

/// Proves proxies by their pods' projected tokens, and other replicas by theirs.
pub(in crate::wire) struct PodTokens {
    tokens: Arc<ProjectedTokens>,
    pods: Arc<Pods>,
    /// Namespace and service account of the control plane itself.
    own: (Arc<str>, Arc<str>),
}

impl PodTokens {
    pub(in crate::wire) fn new(
        tokens: Arc<ProjectedTokens>,
        pods: Arc<Pods>,
        own: (Arc<str>, Arc<str>),
    ) -> Self {
        Self { tokens, pods, own }
    }

    async fn prove(&self, bearer: Option<&str>) -> Result<Caller, Denied> {
        let token = bearer.ok_or_else(|| Denied("no token".to_owned()))?;
        let proof = self
            .tokens
            .verify(token, SystemTime::now())
            .await
            .map_err(|error| Denied(error.to_string()))?;
        admit(&proof, &self.pods, &self.own)
    }
}

/// What a proven token entitles to: the pod must exist as the token says, and have a proxy.
fn admit(proof: &Verified, pods: &Pods, own: &(Arc<str>, Arc<str>)) -> Result<Caller, Denied> {
    let (namespace, name) = (&*proof.namespace, &*proof.pod_name);
    let pod = pods.get(namespace, name, &proof.pod_uid).ok_or_else(|| {
        Denied(format!(
            "pod {namespace}/{name} with uid {} is not known, or no more",
            proof.pod_uid
        ))
    })?;
    if *pod.service_account != *proof.service_account {
        return Err(Denied(format!(
            "pod {namespace}/{name} runs as {}, not as {}",
            pod.service_account, proof.service_account
        )));
    }
    let left = proof
        .expires
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    let caller = |scope, own, role| Caller {
        scope,
        own,
        name: pod.caller(),
        expires: Instant::now().checked_add(left),
        role,
    };
    if (namespace, &*proof.service_account) == (&*own.0, &*own.1) {
        return Ok(caller(Scope::new("peers"), None, Role::Peer));
    }
    match &pod.group {
        Some(group) => Ok(caller(group.scope(), Some(pod.own_scope()), Role::Proxy)),
        None => Err(Denied(format!("pod {namespace}/{name} was given no proxy"))),
    }
}

impl Authenticator for PodTokens {
    fn authenticate<'a>(
        &'a self,
        bearer: Option<&'a str>,
        _peer: SocketAddr,
    ) -> BoxFuture<'a, Result<Caller, Denied>> {
        self.prove(bearer).boxed()
    }
}
