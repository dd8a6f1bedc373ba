//! The settings document: what manifests cannot say (`apiVersion: tulle.dev/v1alpha1`, kind `MeshConfig`).

mod dns;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tulle_injector::inject::InjectConfig;
use tulle_model::policy::MtlsMode;
use tulle_model::settings::Settings;

pub use dns::Dns;

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
    /// Certificates of its own between proxies; only where it issues any, which is in Kubernetes.
    pub mtls: Mtls,
    /// Names that AWS gave and that statuses still carry.
    pub aws: Aws,
    /// What is put into pods.
    pub injection: InjectConfig,
    /// Names that the cluster's DNS does not know.
    pub dns: Dns,
    /// Where the control plane listens.
    pub listen: Listen,
}

/// Mutual TLS between proxies.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Mtls {
    /// How far traffic is secured where neither namespace nor mesh says it.
    pub mode: MtlsMode,
    /// How long a proxy's certificate is valid, such as `24h`; a new one comes at about half of it.
    #[serde(deserialize_with = "period")]
    pub certificate_ttl: Duration,
    /// How long a root that the control plane makes is valid.
    #[serde(deserialize_with = "period")]
    pub root_ttl: Duration,
}

impl Default for Mtls {
    fn default() -> Self {
        Self {
            mode: MtlsMode::default(),
            certificate_ttl: Duration::from_secs(24 * 3600),
            root_ttl: Duration::from_secs(10 * 365 * 24 * 3600),
        }
    }
}

/// The parts of an ARN that nobody but AWS could know.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Aws {
    /// Region.
    pub region: String,
    /// Account, twelve digits.
    pub account_id: String,
}

impl Default for Aws {
    fn default() -> Self {
        Self {
            region: "us-west-2".to_owned(),
            account_id: "000000000000".to_owned(),
        }
    }
}

/// A period such as `90s`, `24h` or `7d`.
fn period<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let span: jiff::Span = text.parse().map_err(serde::de::Error::custom)?;
    let period = span
        .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .map_err(serde::de::Error::custom)?;
    Duration::try_from(period).map_err(serde::de::Error::custom)
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
    /// Admission webhooks over TLS, in Kubernetes.
    pub webhook: u16,
    /// DNS by UDP and TCP, where it is on; 0 chooses a free port.
    pub dns: u16,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::UNSPECIFIED.into(),
            xds: 15012,
            admin: 15014,
            webhook: 15017,
            dns: 15053,
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
            mtls: Mtls::default(),
            aws: Aws::default(),
            injection: InjectConfig::default(),
            dns: Dns::default(),
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
    /// The fields that are different and take effect only when the control plane starts again.
    pub fn needs_restart(&self, newer: &Self) -> Vec<&'static str> {
        let mut fields = Vec::new();
        if self.trust_domain != newer.trust_domain {
            fields.push("spec.trustDomain");
        }
        if self.cluster_domain != newer.cluster_domain {
            fields.push("spec.clusterDomain");
        }
        if self.listen != newer.listen {
            fields.push("spec.listen");
        }
        if self.dns.enabled != newer.dns.enabled {
            fields.push("spec.dns.enabled");
        }
        fields
    }

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

    /// Reads the text of a document.
    ///
    /// # Errors
    /// What is wrong with it, with its field.
    pub fn parse(text: &str) -> Result<Self, String> {
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
        let mut config = document.spec.unwrap_or_default();
        config
            .injection
            .tracing
            .region
            .clone_from(&config.aws.region);
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
        let ports = [
            ("xds", listen.xds),
            ("admin", listen.admin),
            ("webhook", listen.webhook),
            ("dns", listen.dns),
        ];
        for (at, (name, port)) in ports.iter().enumerate() {
            if let Some((other, _)) = ports[..at]
                .iter()
                .find(|(_, other)| other == port && *port != 0)
            {
                return Err(format!(
                    "spec.listen.{name}: {port} is spec.listen.{other} already; give each a port of its own"
                ));
            }
        }
        if let Err(error) = config.dns.check(&config.cluster_domain) {
            return Err(format!("spec.{error}"));
        }
        if let Err(error) = config.injection.check() {
            return Err(format!("spec.injection.{error}"));
        }
        if config.aws.account_id.len() != 12
            || !config.aws.account_id.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(format!(
                "spec.aws.accountId: {:?} is no account: twelve digits",
                config.aws.account_id
            ));
        }
        for (field, period, least) in [
            (
                "certificateTtl",
                config.mtls.certificate_ttl,
                Duration::from_secs(10),
            ),
            ("rootTtl", config.mtls.root_ttl, Duration::from_secs(60)),
        ] {
            if period < least {
                return Err(format!(
                    "spec.mtls.{field}: {}s is too short; give it {}s or more",
                    period.as_secs(),
                    least.as_secs()
                ));
            }
        }
        if config.mtls.certificate_ttl >= config.mtls.root_ttl {
            return Err(
                "spec.mtls.certificateTtl: it must be shorter than spec.mtls.rootTtl".to_owned(),
            );
        }
        Ok(config)
    }

    /// What linking and compiling need of it where no certificates are made for proxies: from files.
    pub fn settings(&self) -> Settings {
        Settings {
            implicit_retry: self.implicit_retry,
            plain_dns: self.plain_dns,
            trusted_hops: self.gateways.trusted_hops,
            cluster_domain: self.cluster_domain.clone(),
            trust_domain: self.trust_domain.clone(),
            mtls: None,
            names: self.dns.names(false),
        }
    }

    /// The same in Kubernetes, where every proxy has a certificate.
    pub fn cluster_settings(&self) -> Settings {
        Settings {
            mtls: Some(self.mtls.mode),
            names: self.dns.names(true),
            ..self.settings()
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
    use tulle_model::settings::Names;

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
             listen: {{address: 127.0.0.1, xds: 1, admin: 2}}\n  \
             dns: {{enabled: true, zones: [corp.example]}}\n"
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
                cluster_domain: "corp.local".to_owned(),
                trust_domain: "example.org".to_owned(),
                mtls: None,
                names: Names {
                    served: true,
                    zones: ["corp.example".to_owned()].into(),
                    told: true,
                },
            }
        );
    }

    #[test]
    fn off_needs_no_quotes() {
        for (text, mode) in [
            ("off", MtlsMode::Off),
            ("'off'", MtlsMode::Off),
            ("false", MtlsMode::Off),
            ("strict", MtlsMode::Strict),
        ] {
            let config = MeshConfig::parse(&format!("{HEAD}spec: {{mtls: {{mode: {text}}}}}"));
            assert_eq!(config.unwrap().mtls.mode, mode, "{text}");
        }
        for text in ["on", "none"] {
            let error = MeshConfig::parse(&format!("{HEAD}spec: {{mtls: {{mode: {text}}}}}"));
            let error = error.unwrap_err();
            assert!(error.contains("permissive, strict or off"), "{error}");
        }
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
            (
                format!("{HEAD}spec: {{listen: {{dns: 15012}}}}"),
                "spec.listen.dns: ",
            ),
            (
                format!("{HEAD}spec: {{dns: {{zones: [local]}}}}"),
                "spec.dns.zones: local",
            ),
            (format!("{HEAD}spec: [}}"), "3:"),
        ] {
            let error = MeshConfig::parse(&text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
