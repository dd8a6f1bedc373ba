//! Putting Envoy into a pod: the pod as it was admitted in, a patch out.
//!
//! Pure: the same pod, namespace, objects and settings give the same patch. The pod is edited in place as JSON, so that nothing in
//! it that Tulle does not know is lost, and no text of a user's can become anything but the value that it is.
//!
//! # Whether
//! The pod's word counts before its namespace's; of two words at the same place, `disabled` counts.
//!
//! | Where | What |
//! |---|---|
//! | pod | annotation `appmesh.k8s.aws/sidecarInjectorWebhook`, label or annotation `tulle.dev/injection` (`enabled`, `disabled`), label `istio.io/rev=tulle`, label or else annotation `sidecar.istio.io/inject` (`"false"`; `"true"` where the pod or its namespace is of revision `tulle`, or `istioLabel` is on: else it is meant for an istiod) |
//! | namespace | labels `appmesh.k8s.aws/sidecarInjectorWebhook`, `tulle.dev/injection`, `istio.io/rev=tulle`, and `istio-injection` where `istioLabel` is on |
//!
//! A pod that nobody has said anything about is injected if an object selects it, and left alone if none does. Pods that use the
//! network of their node, Windows pods and the namespaces of Kubernetes itself and of Tulle are always left alone.
//!
//! # What
//! Pods of a VirtualNode get the init container `tulle-capture` and Envoy; pods of a VirtualGateway have their container `envoy`
//! made to run stock Envoy. A pod that has been through here is only looked over for probes that are new.

mod annotations;
mod candidate;
mod capture;
mod config;
mod decision;
mod difference;
mod edit;
mod environment;
mod envoy;
mod gateway;
pub mod known;
mod list;
mod logs;
mod merge;
mod names;
mod overlay;
mod probes;
mod quantity;
mod rejection;
mod sds;
mod settings;
mod sidecar;
mod tuning;
mod xray;

use std::collections::BTreeMap;

use serde_json::Value;
use tulle_model::ProxyId;

pub use candidate::{Candidate, Candidates, candidates};
pub use config::{
    ImagePullPolicy, InjectConfig, InjectConfigError, LogLevel, ResourceList, Resources,
};
pub use decision::wants_injection;
pub use names::{INBOUND_PORTS, PROBES, PROXY, WARNING, WARNINGS};
pub use rejection::Rejection;
pub use settings::{Sds, Stats, Tracing, TracingProvider, Xray, XrayLogLevel};

use decision::Decision;

/// A pod that is about to be made.
#[derive(Debug, Clone, Copy)]
pub struct PodRequest<'a> {
    /// Its namespace, as the admission request names it: a pod of a ReplicaSet has none in its metadata yet.
    pub namespace: Namespace<'a>,
    /// The pod.
    pub pod: &'a Value,
    /// What may select it; those of other namespaces are passed over.
    pub candidates: &'a Candidates,
    /// Tulle's own namespace, where nothing is injected: the control plane must be able to start without itself.
    pub system_namespace: &'a str,
}

/// A namespace.
#[derive(Debug, Clone, Copy)]
pub struct Namespace<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
}

/// What becomes of a pod that is let in.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// RFC 6902; empty for a pod that stays as it is.
    pub patch: json_patch::Patch,
    /// The pod with the patch applied.
    pub pod: Value,
    /// What its Envoy is configured as; `None` for a pod without one of ours.
    pub proxy: Option<ProxyId>,
    /// What the user should know, one short sentence each.
    pub warnings: Vec<String>,
}

/// Decides and injects.
///
/// # Errors
/// The pod cannot be let in; the text is for the user.
pub fn inject(request: &PodRequest<'_>, config: &InjectConfig) -> Result<Outcome, Rejection> {
    let mut warnings = Vec::new();
    let mut pod = request.pod.clone();
    let decision = decision::decide(request, config, &mut warnings)?;
    let is_new = !matches!(decision, Decision::Injected(_));
    let proxy = match decision {
        Decision::LeaveAlone => None,
        Decision::Injected(id) => {
            sidecar::refresh(&mut pod, config, &mut warnings)?;
            Some(id)
        }
        Decision::Sidecar(candidate) => sidecar::apply(&mut pod, candidate, config, &mut warnings)?
            .then(|| candidate.id.clone()),
        Decision::Gateway(candidate) => gateway::apply(&mut pod, candidate, config, &mut warnings)?
            .then(|| candidate.id.clone()),
    };
    if proxy.is_some() && is_new && !warnings.is_empty() {
        edit::annotate(&mut pod, WARNINGS, warnings.join("\n"))?;
    }
    Ok(Outcome {
        patch: difference::patch(request.pod, &pod),
        pod,
        proxy,
        warnings: warnings
            .into_iter()
            .map(|warning| format!("{WARNING}{warning}"))
            .collect(),
    })
}

#[cfg(test)]
mod tests;
