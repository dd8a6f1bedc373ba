//! What the manifests cannot say.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::policy::MtlsMode;

/// Settings of the whole mesh that change what is linked or compiled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Settings {
    /// Retry requests on routes that have no retry policy, as App Mesh did.
    pub implicit_retry: bool,
    /// Resolve names of known Services by DNS too, instead of from their EndpointSlices, where neither
    /// workload nor mesh says it.
    pub plain_dns: bool,
    /// How many trusted proxies stand before a gateway and append to `x-forwarded-for`.
    pub trusted_hops: u32,
    /// The cluster's DNS domain, in which Service names end.
    pub cluster_domain: String,
    /// The SPIFFE trust domain of the certificates that the control plane makes.
    pub trust_domain: String,
    /// How far traffic is secured where neither mesh nor namespace says it; `None`: the control
    /// plane makes no certificates for proxies, so that nothing is secured whatever they say.
    pub mtls: Option<MtlsMode>,
    /// What becomes of names that the cluster's DNS does not know.
    pub names: Names,
}

/// What becomes of names that the cluster's DNS does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Names {
    /// Tulle's own DNS server answers them.
    pub served: bool,
    /// The zones it answers beside those of registries: domains in lower case, without a final dot.
    pub zones: BTreeSet<String>,
    /// It is told which names nobody answers. Not so where applications call their proxy by its address.
    pub told: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            implicit_retry: true,
            plain_dns: false,
            trusted_hops: 0,
            cluster_domain: "cluster.local".to_owned(),
            trust_domain: "cluster.local".to_owned(),
            mtls: None,
            names: Names::default(),
        }
    }
}
