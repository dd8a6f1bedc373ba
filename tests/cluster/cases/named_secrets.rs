//! Certificates from Kubernetes Secrets that nobody mounts: the right to read them comes by name, and what it is missing is said.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::json;
use tulle_cluster::case::{Case, call};
use tulle_cluster::tulle::NAMESPACE;

use crate::scene::Scene;

/// An authority, and certificates of it as Secrets.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // A leaf of its issuer's own name passes for self-signed.
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "an authority");
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Secret `NAME` with a certificate for a host, as cert-manager writes it.
    fn secret(&self, ns: &str, name: &str, host: &str) -> String {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let data = json!({"tls.crt": certificate.pem(), "tls.key": key.serialize_pem(), "ca.crt": self.pem});
        let meta = json!({"name": name, "namespace": ns});
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data});
        format!("---\n{secret}\n")
    }
}

fn role(ns: &str, names: &[&str]) -> String {
    let names = json!(names);
    format!(
        "---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: tulle-secrets, namespace: {ns}}}
rules: [{{apiGroups: [''], resources: [secrets], resourceNames: {names}, verbs: [list, watch]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: tulle-secrets, namespace: {ns}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: tulle-secrets}}
subjects: [{{kind: ServiceAccount, name: tulle, namespace: {NAMESPACE}}}]
"
    )
}

fn status(scene: &Scene) -> anyhow::Result<u16> {
    let to = format!("{}:80", scene.case.cluster_ip(scene.ns, "color"));
    let calls = [call(&to, &scene.host(), "/")];
    let answers = scene.case.play(scene.ns, "deployment/client", &calls);
    Ok(answers?.remove(0).status)
}

fn becomes(scene: &Scene, what: &str, expected: u16) {
    let limit = Duration::from_secs(60);
    scene.case.eventually(what, limit, || {
        let status = status(scene)?;
        anyhow::ensure!(status == expected, "{status}");
        Ok(())
    });
}

fn said(scene: &Scene, node: &str, expected: Option<&str>) {
    let limit = Duration::from_secs(60);
    scene.case.eventually("the condition", limit, || {
        let object = scene
            .case
            .get(&format!("virtualnode {node} -n {}", scene.ns));
        let text = object["status"]["conditions"].to_string();
        match expected {
            Some(expected) => anyhow::ensure!(text.contains(expected), "{text}"),
            None => anyhow::ensure!(!text.contains("Secret"), "{text}"),
        }
        Ok(())
    });
}

#[test]
fn a_secret_is_served_where_a_role_allows_it_and_followed_when_it_changes() {
    let scene = Scene::new(Case::shared(), "named-secrets", 1, 1);
    let (case, ns) = (&scene.case, scene.ns);
    let host = format!("blue.{ns}.svc.cluster.local");
    let authority = Authority::new();
    case.apply(&authority.secret(ns, "blue-tls", &host));
    let listeners = json!([{
        "portMapping": {"port": 8080, "protocol": "http"},
        "tls": {"mode": "STRICT", "certificate": {"sds": {"secretName": "kubernetes://blue-tls"}}},
    }]);
    let trust = json!({"sds": {"secretName": "kubernetes://blue-tls"}});
    let policy = json!({"tls": {"validation": {"trust": trust}}});
    for (node, spec) in [
        ("blue", json!({"listeners": listeners})),
        (
            "client",
            json!({"backendDefaults": {"clientPolicy": policy}}),
        ),
    ] {
        let patch = json!({"spec": spec}).to_string();
        let mut kubectl = case.kubectl().command([
            "patch",
            "virtualnode",
            node,
            "-n",
            ns,
            "--type=merge",
            "-p",
            &patch,
        ]);
        tulle_cluster::case::must(&mut kubectl);
    }
    // Nobody has allowed it: the node says what would.
    said(
        &scene,
        "blue",
        Some("kubectl -n named-secrets create role tulle-blue-tls"),
    );
    becomes(&scene, "calls to fail", 503);
    case.apply(&role(ns, &["blue-tls"]));
    becomes(&scene, "calls to succeed", 200);
    said(&scene, "blue", None);
    let certs = case.envoy(ns, "deployment/blue", "/certs").unwrap();
    assert!(certs.contains(&host), "{certs}");
    // Another authority signs from now on, and both ends follow without a restart.
    case.apply(&Authority::new().secret(ns, "blue-tls", &host));
    case.eventually("another certificate", Duration::from_secs(60), || {
        let now = case.envoy(ns, "deployment/blue", "/certs")?;
        anyhow::ensure!(now != certs, "the same as before");
        Ok(())
    });
    becomes(&scene, "calls to succeed with the new one", 200);
    // A Secret that is gone is told, and what it held stays in use.
    case.run(&format!("delete secret blue-tls -n {ns}"));
    said(&scene, "blue", Some("it does not exist"));
    assert_eq!(status(&scene).unwrap(), 200);
}
