//! The cluster's certificates: one authority, and a certificate for each part.

use std::net::IpAddr;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, SanType,
};

use crate::run::{API_SERVICE_IP, CLUSTER_DOMAIN, NODE, NODE_IP, Run};

/// Who a client is to the API server, and the name of its kubeconfig.
struct Client {
    file: &'static str,
    user: String,
    group: Option<&'static str>,
}

fn clients() -> Vec<Client> {
    let client = |file, user: &str, group| Client {
        file,
        user: user.to_owned(),
        group,
    };
    vec![
        client("admin", "admin", Some("system:masters")),
        client("controller-manager", "system:kube-controller-manager", None),
        client("scheduler", "system:kube-scheduler", None),
        client("proxy", "system:kube-proxy", None),
        client(
            "kubelet",
            &format!("system:node:{NODE}"),
            Some("system:nodes"),
        ),
        client("apiserver-to-kubelet", "apiserver", Some("system:masters")),
    ]
}

/// Makes every key, certificate and kubeconfig below `pki/`, and the administrator's kubeconfig.
///
/// # Errors
/// A file could not be written.
pub fn make(run: &Run) -> anyhow::Result<()> {
    std::fs::create_dir_all(run.path("pki"))?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named("tulle-test-cluster", None);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let authority = params.self_signed(&key)?;
    std::fs::write(run.pki("ca.crt"), authority.pem())?;
    std::fs::write(run.pki("ca.key"), key.serialize_pem())?;
    let issuer = Issuer::new(params, key);

    // Service account tokens are signed with RSA, as in most clusters.
    let accounts = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    std::fs::write(run.pki("accounts.key"), accounts.serialize_pem())?;
    std::fs::write(run.pki("accounts.pub"), accounts.public_key_pem())?;

    let api = [
        "kubernetes".to_owned(),
        "kubernetes.default".to_owned(),
        "kubernetes.default.svc".to_owned(),
        format!("kubernetes.default.svc.{CLUSTER_DOMAIN}"),
        "localhost".to_owned(),
    ];
    serving(
        run,
        &issuer,
        "apiserver",
        &api,
        &[API_SERVICE_IP, NODE_IP, "127.0.0.1"],
    )?;
    serving(
        run,
        &issuer,
        "kubelet-serving",
        &[NODE.to_owned()],
        &[NODE_IP],
    )?;
    for client in clients() {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(&client.user, client.group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        write(run, &issuer, client.file, params)?;
        let config = kubeconfig(run, client.file);
        std::fs::write(run.pki(&format!("{}.kubeconfig", client.file)), config)?;
    }
    std::fs::copy(run.pki("admin.kubeconfig"), run.kubeconfig())?;
    Ok(())
}

fn named(common: &str, organization: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    name
}

fn serving(
    run: &Run,
    issuer: &Issuer<'_, KeyPair>,
    file: &str,
    names: &[String],
    addresses: &[&str],
) -> anyhow::Result<()> {
    let mut params = CertificateParams::new(names)?;
    for address in addresses {
        let address: IpAddr = address.parse().context("an address")?;
        params.subject_alt_names.push(SanType::IpAddress(address));
    }
    params.distinguished_name = named(file, None);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    write(run, issuer, file, params)
}

fn write(
    run: &Run,
    issuer: &Issuer<'_, KeyPair>,
    file: &str,
    mut params: CertificateParams,
) -> anyhow::Result<()> {
    let key = KeyPair::generate()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let certificate = params.signed_by(&key, issuer)?;
    std::fs::write(run.pki(&format!("{file}.crt")), certificate.pem())?;
    std::fs::write(run.pki(&format!("{file}.key")), key.serialize_pem())?;
    Ok(())
}

fn kubeconfig(run: &Run, file: &str) -> String {
    let path = |name: String| run.pki(&name).display().to_string();
    let (ca, crt, key) = (
        path("ca.crt".to_owned()),
        path(format!("{file}.crt")),
        path(format!("{file}.key")),
    );
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters: [{{name: tulle, cluster: {{server: 'https://{NODE_IP}:6443', certificate-authority: '{ca}'}}}}]\n\
         users: [{{name: '{file}', user: {{client-certificate: '{crt}', client-key: '{key}'}}}}]\n\
         contexts: [{{name: tulle, context: {{cluster: tulle, user: '{file}'}}}}]\n\
         current-context: tulle\n"
    )
}
