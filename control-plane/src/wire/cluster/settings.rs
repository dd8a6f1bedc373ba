//! The settings of a cluster: a document in a ConfigMap, followed while the control plane runs.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use k8s_openapi::api::core::v1::ConfigMap;
use tokio::sync::{mpsc, watch};
use tulle_identity::{RotationPolicy, SvidPolicy};
use tulle_injector::inject::InjectConfig;
use tulle_status::ArnSpace;

use super::Control;
use crate::config::MeshConfig;

/// The document's key in the ConfigMap.
const KEY: &str = "config.yaml";

/// What the rooms take of the settings, in their own words.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) rotation: RotationPolicy,
    pub(super) svids: SvidPolicy,
    pub(super) space: ArnSpace,
}

impl Parts {
    /// The parts of good settings.
    pub(super) fn of(config: &MeshConfig) -> anyhow::Result<Self> {
        Ok(Self {
            rotation: RotationPolicy::new(
                config.mtls.root_ttl,
                RotationPolicy::ROTATE_AT,
                config.mtls.certificate_ttl,
                RotationPolicy::DISTRIBUTION,
            )?,
            svids: SvidPolicy::new(config.mtls.certificate_ttl)?,
            space: ArnSpace::new(&config.aws.region, &config.aws.account_id)?,
        })
    }
}

/// What the cluster itself decides about injection.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClusterFacts {
    /// The API server's version.
    pub(super) version: (u32, u32),
    /// This replica's address: pods have the same family.
    pub(super) pod_ip: IpAddr,
}

impl ClusterFacts {
    /// Whether pods' own addresses may be IPv6.
    pub(super) fn ipv6(self, config: &InjectConfig) -> bool {
        config.ipv6.unwrap_or(self.pod_ip.is_ipv6())
    }

    /// The settings with what the cluster decides filled in.
    pub(super) fn fill(self, config: &InjectConfig) -> InjectConfig {
        let (major, minor) = self.version;
        let mut filled = config.clone().for_server(major, minor);
        filled.ipv6 = Some(self.ipv6(config));
        filled
    }
}

/// Who takes new settings.
pub(super) struct Takers {
    pub(super) injection: Arc<ArcSwap<InjectConfig>>,
    pub(super) rotation: watch::Sender<RotationPolicy>,
    pub(super) control: mpsc::Sender<Control>,
    pub(super) facts: ClusterFacts,
}

/// Hands on each new document that is good, all of it but what only a restart can change. What is wrong with one is
/// logged, and the last good one stays.
pub(super) async fn follow(
    started_with: MeshConfig,
    mut map: watch::Receiver<Option<Arc<ConfigMap>>>,
    takers: Takers,
) {
    let mut said: Option<String> = None;
    let mut held = started_with.clone();
    while map.changed().await.is_ok() {
        let Some(map) = map.borrow_and_update().clone() else {
            continue;
        };
        let data = map.data.as_ref();
        let Some(text) = data.and_then(|data| data.get(KEY)) else {
            continue;
        };
        let news = read(&started_with, text);
        let (newer, parts, fields) = match news {
            Ok(news) => news,
            Err(error) => {
                if said.as_ref() != Some(&error) {
                    tracing::error!("settings: {error}; they stay as they were");
                    said = Some(error);
                }
                continue;
            }
        };
        said = None;
        if !fields.is_empty() {
            tracing::warn!(
                fields = fields.join(", "),
                "settings that take effect only when the control plane is started again: \
                 kubectl rollout restart deployment"
            );
        }
        if newer == held {
            continue;
        }
        takers
            .injection
            .store(Arc::new(takers.facts.fill(&newer.injection)));
        takers.rotation.send_replace(parts.rotation);
        let settings = newer.cluster_settings();
        let control = Control::Settings(settings, parts.svids, parts.space);
        if takers.control.send(control).await.is_err() {
            return;
        }
        tracing::info!("settings taken");
        held = newer;
    }
}

/// A document as it can be taken now, and the fields in which it is not.
fn read(
    started_with: &MeshConfig,
    text: &str,
) -> Result<(MeshConfig, Parts, Vec<&'static str>), String> {
    let mut newer = MeshConfig::parse(text)?;
    let fields = started_with.needs_restart(&newer);
    newer.trust_domain.clone_from(&started_with.trust_domain);
    newer
        .cluster_domain
        .clone_from(&started_with.cluster_domain);
    newer.listen.clone_from(&started_with.listen);
    newer.dns.enabled = started_with.dns.enabled;
    newer.injection.ipv6 = started_with.injection.ipv6;
    let parts = Parts::of(&newer).map_err(|error| format!("{error:#}"))?;
    Ok((newer, parts, fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(spec: &str) -> String {
        format!("apiVersion: tulle.dev/v1alpha1\nkind: MeshConfig\nspec: {spec}\n")
    }

    #[test]
    fn what_needs_a_restart_stays_as_it_was_and_the_rest_is_taken() {
        let started = MeshConfig::default();
        let text =
            document("{trustDomain: other.org, clusterDomain: other.local, implicitRetry: false}");
        let (taken, _, fields) = read(&started, &text).unwrap();
        assert_eq!(fields, ["spec.trustDomain", "spec.clusterDomain"]);
        assert_eq!(taken.trust_domain, started.trust_domain);
        assert_eq!(taken.cluster_domain, started.cluster_domain);
        assert!(!taken.implicit_retry);
    }

    #[test]
    fn what_no_room_could_work_with_is_refused_whole() {
        let started = MeshConfig::default();
        for (spec, word) in [
            ("{mtls: {certificateTtl: 10s}}", "between"),
            ("{mtls: {certificateTtl: 90m, rootTtl: 2h}}", "root"),
            ("{injection: {resources: {requests: {cpu: much}}}}", "cpu"),
            ("{aws: {region: 'Not A Region'}}", "egion"),
            ("{implicitRetries: true}", "implicitRetries"),
        ] {
            let error = read(&started, &document(spec)).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
