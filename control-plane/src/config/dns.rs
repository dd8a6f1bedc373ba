//! Settings of Tulle's own DNS server.

use std::collections::BTreeSet;

use serde::Deserialize;
use tulle_model::settings::Names;

use super::is_dns_name;

/// Names that the cluster's DNS does not know: those of `awsCloudMap`, and VirtualServices' outside the cluster's domain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Dns {
    /// Whether they are answered; none: in Kubernetes they are, from files not.
    pub enabled: Option<bool>,
    /// Domains answered beside the namespaces of `awsCloudMap`.
    pub zones: BTreeSet<String>,
}

impl Dns {
    /// Whether names are answered.
    pub fn serves(&self, in_kubernetes: bool) -> bool {
        self.enabled.unwrap_or(in_kubernetes)
    }

    /// What linking needs of it. In pods applications resolve what they call, so that it matters who answers; from files
    /// they may call their proxy by its address.
    pub(super) fn names(&self, in_kubernetes: bool) -> Names {
        let served = self.serves(in_kubernetes);
        Names {
            served,
            zones: self.zones.clone(),
            told: in_kubernetes || served,
        }
    }

    /// # Errors
    /// Which field is wrong, and why.
    pub(super) fn check(&self, cluster_domain: &str) -> Result<(), String> {
        let below = |name: &str, domain: &str| {
            name == domain
                || name
                    .strip_suffix(domain)
                    .is_some_and(|rest| rest.ends_with('.'))
        };
        for zone in &self.zones {
            let fits = |label: &str| (1..=63).contains(&label.len());
            if !is_dns_name(zone) || !zone.split('.').all(fits) {
                return Err(format!(
                    "dns.zones: {zone:?} is no DNS domain: lower-case letters, digits, `-`, `_` in labels of 1 to 63"
                ));
            }
            if below(zone, cluster_domain) || below(cluster_domain, zone) {
                return Err(format!(
                    "dns.zones: {zone} is or holds names of the cluster's own domain {cluster_domain}, which its own DNS answers"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_domains_outside_the_cluster_s() {
        for (zone, good) in [
            ("corp.example", true),
            ("internal", true),
            ("Corp.example", false),
            ("corp.example.", false),
            ("a..b", false),
            ("", false),
            ("cluster.local", false),
            ("mesh.cluster.local", false),
            ("local", false),
            ("notlocal", true),
        ] {
            let dns = Dns {
                enabled: None,
                zones: [zone.to_owned()].into(),
            };
            assert_eq!(dns.check("cluster.local").is_ok(), good, "{zone}");
        }
    }

    #[test]
    fn kubernetes_has_it_unless_it_is_turned_off() {
        let mut dns = Dns::default();
        assert!(dns.names(true).served && !dns.names(false).served);
        assert!(dns.names(true).told && !dns.names(false).told);
        dns.enabled = Some(false);
        assert!(!dns.names(true).served && dns.names(true).told);
        dns.enabled = Some(true);
        assert!(dns.names(false).served && dns.names(false).told);
    }
}
