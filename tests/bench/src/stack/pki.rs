//! The API server's certificates: one authority, a certificate for the server, one for its administrator, and the key with
//! which tokens of service accounts are signed.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, SanType,
};

/// The key that signs tokens of service accounts.
pub(super) const ACCOUNTS_KEY: &str = "accounts.key";
/// What they are verified by.
pub(super) const ACCOUNTS_PUBLIC: &str = "accounts.pub";

/// Makes all of them in `folder`, but for the keys of tokens that are there, and a kubeconfig of the administrator for the API server at `port`.
///
/// # Errors
/// A file could not be written.
pub(super) fn make(folder: &Path, kubeconfig: &Path, port: u16) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let (certificate, issuer) = authority("bench")?;
    std::fs::write(folder.join("ca.crt"), certificate.pem())?;

    // Tokens that were made before stay valid.
    if !folder.join(ACCOUNTS_KEY).exists() {
        // As in most clusters.
        let accounts = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        std::fs::write(folder.join(ACCOUNTS_KEY), accounts.serialize_pem())?;
        std::fs::write(folder.join(ACCOUNTS_PUBLIC), accounts.public_key_pem())?;
    }

    let mut server = named("apiserver", None);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.subject_alt_names = vec![
        SanType::DnsName("localhost".try_into()?),
        SanType::DnsName("kubernetes.default.svc".try_into()?),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    ];
    write(folder, "apiserver", &issuer, server)?;
    let mut admin = named("admin", Some("system:masters"));
    admin.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    write(folder, "admin", &issuer, admin)?;

    let file = |name: &str| folder.join(name).display().to_string();
    let (ca, crt, key) = (file("ca.crt"), file("admin.crt"), file("admin.key"));
    let text = format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters: [{{name: bench, cluster: {{server: 'https://127.0.0.1:{port}', certificate-authority: '{ca}'}}}}]\n\
         users: [{{name: admin, user: {{client-certificate: '{crt}', client-key: '{key}'}}}}]\n\
         contexts: [{{name: bench, context: {{cluster: bench, user: admin}}}}]\n\
         current-context: bench\n"
    );
    std::fs::write(kubeconfig, text)?;
    Ok(())
}

/// An authority with a P-256 key: its certificate, and what signs.
pub(super) fn authority(
    common: &str,
) -> Result<(Certificate, Issuer<'static, KeyPair>), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = named(common, None);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let certificate = params.self_signed(&key)?;
    Ok((certificate, Issuer::new(params, key)))
}

fn named(common: &str, organization: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, common);
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    params
}

fn write(
    folder: &Path,
    file: &str,
    issuer: &Issuer<'_, KeyPair>,
    mut params: CertificateParams,
) -> anyhow::Result<()> {
    let key = KeyPair::generate()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let certificate = params.signed_by(&key, issuer)?;
    std::fs::write(folder.join(format!("{file}.crt")), certificate.pem())?;
    std::fs::write(folder.join(format!("{file}.key")), key.serialize_pem())?;
    Ok(())
}
