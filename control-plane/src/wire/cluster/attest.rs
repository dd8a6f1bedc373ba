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

    async fn prove(&self, bearer: Option<&str>, peer: SocketAddr) -> Result<Caller, Denied> {
        let token = bearer.ok_or_else(|| Denied("no token".to_owned()))?;
        let proof = self
            .tokens
            .verify(token, SystemTime::now())
            .await
            .map_err(|error| Denied(error.to_string()))?;
        admit(&proof, peer, &self.pods, &self.own)
    }
}

/// What a proven token entitles to: the pod must exist as the token says, and have a proxy.
fn admit(
    proof: &Verified,
    peer: SocketAddr,
    pods: &Pods,
    own: &(Arc<str>, Arc<str>),
) -> Result<Caller, Denied> {
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
    if pod.finished {
        return Err(Denied(format!("pod {namespace}/{name} has ended")));
    }
    if pods.is_of_another(peer.ip(), &pod) {
        return Err(Denied(format!(
            "the token of pod {namespace}/{name} comes from another pod's address"
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
        peer: SocketAddr,
    ) -> BoxFuture<'a, Result<Caller, Denied>> {
        self.prove(bearer, peer).boxed()
    }

    fn still(&self, caller: &Caller) -> bool {
        self.pods.is_known(&caller.name)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tulle_model::Str;
    use tulle_model::fragment::Pod;

    use super::super::pods::fixture;
    use super::*;

    fn proof(name: &str, account: &str) -> Verified {
        Verified {
            namespace: "shop".to_owned(),
            service_account: account.to_owned(),
            service_account_uid: String::new(),
            pod_name: name.to_owned(),
            pod_uid: format!("uid of {name}"),
            node: None,
            expires: SystemTime::now() + Duration::from_secs(60),
        }
    }

    fn ask(proof: &Verified, from: &str) -> Result<Caller, Denied> {
        let pods = Pods::default();
        let proxy = Some("virtualnode/shop/front");
        let tulle = Pod {
            service_account: "tulle".into(),
            ..fixture::pod("tulle", "10.0.0.3", None)
        };
        let all = [
            fixture::pod("front", "10.0.0.1", proxy),
            fixture::pod("plain", "10.0.0.2", None),
            tulle,
        ];
        pods.apply(&all.map(fixture::translated));
        let own: (Str, Str) = ("shop".into(), "tulle".into());
        admit(
            proof,
            SocketAddr::new(from.parse().unwrap(), 1),
            &pods,
            &own,
        )
    }

    #[test]
    fn a_proxy_is_who_its_pod_is() {
        let caller = ask(&proof("front", "default"), "10.0.0.1").unwrap();
        assert_eq!(caller.scope.as_str(), "virtualnode/shop/front transparent");
        assert_eq!(&*caller.name, "shop/front@uid of front");
        assert!(caller.own.is_some() && caller.role == Role::Proxy);
        // behind its node's address
        assert!(ask(&proof("front", "default"), "192.168.0.1").is_ok());
        let peer = ask(&proof("tulle", "tulle"), "10.0.0.3").unwrap();
        assert!(peer.own.is_none() && peer.role == Role::Peer);
    }

    #[test]
    fn whoever_is_not_as_watched_is_refused() {
        let refused = |proof: &Verified, from: &str, word: &str| {
            let denied = ask(proof, from).unwrap_err().to_string();
            assert!(denied.contains(word), "{denied}");
        };
        refused(&proof("gone", "default"), "10.0.0.9", "not known");
        refused(&proof("front", "other"), "10.0.0.1", "runs as");
        refused(
            &proof("front", "default"),
            "10.0.0.2",
            "another pod's address",
        );
        refused(&proof("plain", "default"), "10.0.0.2", "no proxy");
        // the account of the control plane alone makes no peer of another's pod
        refused(&proof("plain", "tulle"), "10.0.0.2", "runs as");
        let mut successor = proof("front", "default");
        successor.pod_uid = "another".to_owned();
        refused(&successor, "10.0.0.1", "not known");
    }
}
