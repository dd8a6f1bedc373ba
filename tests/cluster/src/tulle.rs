//! Tulle in the cluster, installed by its own chart as a user does it.

use std::process::Command;

use anyhow::Context;

use crate::command::run;
use crate::images;
use crate::kubectl::Kubectl;
use crate::run::{Run, TULLE_DNS_IP};
use crate::tools::Tools;

/// Where Tulle runs, and the name of its release.
pub const NAMESPACE: &str = "tulle-system";
/// The release and the Deployment.
pub const RELEASE: &str = "tulle";

/// `helm` inside the cluster's network.
pub fn helm(cluster: &Run) -> Command {
    Kubectl::new(cluster).inside("helm")
}

/// The arguments of `helm install` and `upgrade` that name the images of this cluster, and where its DNS asks for names.
pub fn image_values() -> Vec<String> {
    let (proxy, proxy_tag) = images::ENVOY.rsplit_once(':').unwrap_or_default();
    [
        format!("image.repository={}", images::TULLE),
        format!("image.tag={}", images::TULLE_TAG),
        "image.pullPolicy=IfNotPresent".to_owned(),
        format!("proxy.image.repository={proxy}"),
        format!("proxy.image.tag={proxy_tag}"),
        "proxy.image.pullPolicy=IfNotPresent".to_owned(),
        format!("dns.clusterIP={TULLE_DNS_IP}"),
    ]
    .into_iter()
    .flat_map(|value| ["--set".to_owned(), value])
    .collect()
}

/// Installs Tulle, or brings what is installed to the image that is built now.
///
/// # Errors
/// Helm failed, or the control plane did not become ready.
pub fn install(cluster: &Run, tools: &Tools) -> anyhow::Result<()> {
    let image = images::build_tulle(tools)?;
    images::import(cluster, std::slice::from_ref(&image))?;
    let mut command = helm(cluster);
    command
        .args(["upgrade", "--install", RELEASE])
        .arg(tools.checkout.join("deploy/helm/tulle"))
        .args(["--namespace", NAMESPACE, "--create-namespace"])
        .args(image_values())
        // The tag stays, so pods of an older image are replaced by another template.
        .args([
            "--set-string",
            &format!("podAnnotations.tulle\\.dev/image={}", digest(&image)),
        ]);
    run(&mut command)?;
    let kubectl = Kubectl::new(cluster);
    let rollout = format!("rollout status deployment/{RELEASE} -n {NAMESPACE} --timeout=120s");
    let ready = kubectl.run(&rollout);
    if ready.is_err() {
        let words = format!(
            "-n {NAMESPACE} -l app.kubernetes.io/name=tulle --all-containers --tail=20 --prefix"
        );
        let logs = kubectl.run(&format!("logs {words}"));
        let pods = kubectl.run(&format!("describe pods -n {NAMESPACE}"));
        eprintln!("{}\n{}", pods.unwrap_or_default(), logs.unwrap_or_default());
    }
    ready.map(drop).context("Tulle")
}

fn digest(archive: &images::Archive) -> String {
    let stem = archive.file.file_stem().unwrap_or_default();
    let name = stem.to_string_lossy();
    name.rsplit('-').next().unwrap_or_default().to_owned()
}
