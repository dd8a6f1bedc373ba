//! TLS: what a client does toward its backends and what a listener does toward its clients.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::string_enum::string_enum;

/// How a client speaks to its backends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientPolicy {
    /// TLS toward the backend; where absent the server's own settings decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientPolicyTls>,
}

/// TLS of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientPolicyTls {
    /// Client certificate for mutual TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<ClientTlsCertificate>,
    /// Whether TLS is demanded; true where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce: Option<bool>,
    /// Backend ports that the policy covers; every port where absent or empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(range(min = 1, max = 65535)))]
    pub ports: Vec<i64>,
    /// How the server's certificate is checked.
    pub validation: TlsValidation,
}

/// Certificate of a client: exactly one of file and sds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientTlsCertificate {
    /// A certificate in files of the Envoy container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileCertificate>,
    /// A certificate from a secret discovery service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sds: Option<SdsSecret>,
}

/// A certificate and its key in files of the Envoy container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileCertificate {
    /// Path of the certificate chain, PEM.
    #[schemars(length(min = 1, max = 255))]
    pub certificate_chain: String,
    /// Path of the private key, PEM.
    #[schemars(length(min = 1, max = 255))]
    pub private_key: String,
}

/// A secret from a secret discovery service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SdsSecret {
    /// Name of the secret, for example a SPIFFE id or trust domain.
    pub secret_name: String,
}

/// How a peer's certificate is checked, Private CA included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsValidation {
    /// Names of which the certificate must carry one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_alternative_names: Option<SubjectAlternativeNames>,
    /// Authorities that may have signed it.
    pub trust: TlsTrust,
}

/// Trusted authorities: exactly one of acm, file and sds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsTrust {
    /// Authorities of AWS Private CA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acm: Option<AcmTrust>,
    /// A bundle in a file of the Envoy container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileTrust>,
    /// A bundle from a secret discovery service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sds: Option<SdsSecret>,
}

/// Authorities of AWS Private CA.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcmTrust {
    /// ARNs of the authorities.
    #[serde(rename = "certificateAuthorityARNs")]
    #[schemars(length(min = 1, max = 3))]
    pub certificate_authority_arns: Vec<String>,
}

/// A bundle of authorities in a file of the Envoy container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileTrust {
    /// Path of the bundle, PEM.
    #[schemars(length(min = 1, max = 255))]
    pub certificate_chain: String,
}

/// Names that a peer's certificate may carry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubjectAlternativeNames {
    /// How names are compared.
    #[serde(rename = "match")]
    pub match_: SubjectAlternativeNameMatchers,
}

/// Ways to compare a subject alternative name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubjectAlternativeNameMatchers {
    /// Names, one of which must be equal.
    pub exact: Vec<String>,
}

string_enum! {
    /// Whether a listener speaks TLS.
    pub enum TlsMode {
        /// Plaintext only.
        Disabled = "DISABLED",
        /// TLS or plaintext, as the client wishes.
        Permissive = "PERMISSIVE",
        /// TLS only.
        Strict = "STRICT",
    }
}

/// TLS of a VirtualNode's listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerTls {
    /// The listener's certificate.
    pub certificate: ListenerTlsCertificate,
    /// Whether TLS is spoken.
    pub mode: TlsMode,
    /// Where present, clients must show a certificate that passes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<ListenerTlsValidation>,
}

/// Certificate of a listener: exactly one of acm, file and sds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerTlsCertificate {
    /// A certificate of AWS Certificate Manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acm: Option<AcmCertificate>,
    /// A certificate in files of the Envoy container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileCertificate>,
    /// A certificate from a secret discovery service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sds: Option<SdsSecret>,
}

/// A certificate of AWS Certificate Manager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcmCertificate {
    /// ARN of the certificate.
    #[serde(rename = "certificateARN")]
    pub certificate_arn: String,
}

/// How a VirtualNode's listener checks the certificates of its clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerTlsValidation {
    /// Names of which the certificate must carry one; any signed certificate where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_alternative_names: Option<SubjectAlternativeNames>,
    /// Authorities that may have signed it.
    pub trust: ListenerTlsTrust,
}

/// Authorities trusted by a VirtualNode's listener: exactly one of file and sds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerTlsTrust {
    /// A bundle in a file of the Envoy container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileTrust>,
    /// A bundle from a secret discovery service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sds: Option<SdsSecret>,
}
