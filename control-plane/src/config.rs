//! The settings document: what manifests cannot say (`apiVersion: tulle.dev/v1alpha1`, kind `MeshConfig`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tulle_model::settings::Settings;

/// `apiVersion` of the document.
pub const API_VERSION: &str = "tulle.dev/v1alpha1";
/// `kind` of the document.
pub const KIND: &str = "MeshConfig";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document {
    api_version: String,
    kind: String,
    #[serde(default)]
    #[serde(rename = "metadata")]
    _metadata: Option<Metadata>,
    #[serde(default)]
    spec: Option<MeshConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    #[serde(rename = "name")]
    _name: String,
}

/// The settings, defaults applied.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct MeshConfig {
    /// Trust domain of SPIFFE identities.
    pub trust_domain: String,
    /// The cluster's DNS domain, in which Service names end.
    pub cluster_domain: String,
    /// Retry requests on routes that have no retry policy, as App Mesh did.
    pub implicit_retry: bool,
    /// Resolve names of known Services by DNS instead of from their EndpointSlices.
    #[serde(rename = "plainDNS")]
    pub plain_dns: bool,
    /// Gateways' settings.
    pub gateways: Gateways,
    /// Where the control plane listens.
    pub listen: Listen,
}

/// Gateways' settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Gateways {
    /// How many trusted proxies stand before a gateway and append to `x-forwarded-for`.
    pub trusted_hops: u32,
}

/// Where the control plane listens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Listen {
    /// Address of every port.
    pub address: IpAddr,
    /// ADS over TLS; 0 chooses a free port.
    pub xds: u16,
    /// Metrics, health and `/debug`; 0 chooses a free port.
    pub admin: u16,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::UNSPECIFIED.into(),
            xds: 15012,
            admin: 15014,
        }
    }
}

impl Default for MeshConfig {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            trust_domain: "cluster.local".to_owned(),
            cluster_domain: settings.cluster_domain,
            implicit_retry: settings.implicit_retry,
            plain_dns: settings.plain_dns,
            gateways: Gateways::default(),
            listen: Listen::default(),
        }
    }
}

/// Why a settings document cannot be used.
#[derive(Debug)]
pub struct ConfigError {
    path: PathBuf,
    reason: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settings {}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for ConfigError {}

impl MeshConfig {
    /// Reads the document at `path`, or takes the defaults.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        std::fs::read_to_string(path)
            .map_err(|error| error.to_string())
            .and_then(|text| Self::parse(&text))
            .map_err(|reason| ConfigError {
                path: path.to_owned(),
                reason,
            })
    }

    fn parse(text: &str) -> Result<Self, String> {
        // First YAML, then the document, so that an error of the second kind can name its field.
        let value: serde_json::Value = serde_saphyr::from_str(text).map_err(|error| {
            let place = error.location().map_or_else(String::new, |place| {
                format!("{}:{}: ", place.line(), place.column())
            });
            format!("{place}not one YAML document: {}", error.without_snippet())
        })?;
        let document: Document = serde_path_to_error::deserialize(value)
            .map_err(|error| format!("{}: {}", error.path(), error.inner()))?;
        if document.api_version != API_VERSION || document.kind != KIND {
            return Err(format!(
                "it is {} {}; expected apiVersion: {API_VERSION}, kind: {KIND}",
                document.api_version, document.kind
            ));
        }
        let config = document.spec.unwrap_or_default();
        if !is_dns_name(&config.trust_domain) {
            return Err(format!(
                "spec.trustDomain: {:?} is no trust domain: lower-case letters, digits, `.`, `-`, `_`",
                config.trust_domain
            ));
        }
        if !is_dns_name(&config.cluster_domain) {
            return Err(format!(
                "spec.clusterDomain: {:?} is no DNS domain",
                config.cluster_domain
            ));
        }
        let listen = &config.listen;
        if listen.xds == listen.admin && listen.xds != 0 {
            return Err(format!(
                "spec.listen.admin: {} is spec.listen.xds already; give each a port of its own",
                listen.admin
            ));
        }
        Ok(config)
    }

    /// What linking and compiling need of it.
    pub fn settings(&self) -> Settings {
        Settings {
            implicit_retry: self.implicit_retry,
            plain_dns: self.plain_dns,
            trusted_hops: self.gateways.trusted_hops,
            cluster_domain: self.cluster_domain.clone(),
        }
    }

    /// Where proxies reach the control plane from this machine.
    pub fn local_xds(&self) -> SocketAddr {
        let address = match self.listen.address {
            IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            address => address,
        };
        SocketAddr::new(address, self.listen.xds)
    }
}

/// SPIFFE trust domains and DNS domains share these characters.
fn is_dns_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: tulle.dev/v1alpha1\nkind: MeshConfig\n";

    #[test]
    fn an_empty_document_is_the_defaults() {
        assert_eq!(MeshConfig::parse(HEAD).unwrap(), MeshConfig::default());
        let null = format!("{HEAD}spec:\n");
        assert_eq!(MeshConfig::parse(&null).unwrap(), MeshConfig::default());
    }

    #[test]
    fn every_setting_is_read() {
        let text = format!(
            "{HEAD}metadata: {{name: mine}}\nspec:\n  trustDomain: example.org\n  clusterDomain: corp.local\n  \
             implicitRetry: false\n  plainDNS: true\n  gateways: {{trustedHops: 2}}\n  \
             listen: {{address: 127.0.0.1, xds: 1, admin: 2}}\n"
        );
        let config = MeshConfig::parse(&text).unwrap();
        assert_eq!(config.trust_domain, "example.org");
        assert_eq!(config.local_xds().to_string(), "127.0.0.1:1");
        assert_eq!(
            config.settings(),
            Settings {
                implicit_retry: false,
                plain_dns: true,
                trusted_hops: 2,
                cluster_domain: "corp.local".to_owned()
            }
        );
    }

    #[test]
    fn unknown_fields_other_kinds_and_bad_names_are_refused_by_name() {
        for (text, expected) in [
            (
                format!("{HEAD}spec: {{implictRetry: true}}"),
                "implictRetry",
            ),
            (HEAD.replace("MeshConfig", "Config"), "kind: MeshConfig"),
            (HEAD.replace("v1alpha1", "v2"), API_VERSION),
            (format!("{HEAD}spec: {{trustDomain: 'A B'}}"), "trustDomain"),
            (
                format!("{HEAD}spec: {{listen: {{address: nowhere}}}}"),
                "spec.listen.address: ",
            ),
            (
                format!("{HEAD}spec: {{listen: {{xds: 70000}}}}"),
                "spec.listen.xds: ",
            ),
            (
                format!("{HEAD}spec: {{listen: {{xds: 5, admin: 5}}}}"),
                "spec.listen.admin: ",
            ),
            (format!("{HEAD}spec: [}}"), "3:"),
        ] {
            let error = MeshConfig::parse(&text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
