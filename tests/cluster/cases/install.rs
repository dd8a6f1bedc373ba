//! Tulle's own life: replaced under load, taken away and put back.

use tulle_cluster::case::{Case, must};
use tulle_cluster::note::note;
use tulle_cluster::tools::Tools;
use tulle_cluster::tulle::{self, NAMESPACE, RELEASE};

use crate::scene::Scene;

#[test]
fn an_upgrade_under_load_loses_nothing() {
    let scene = Scene::new(Case::alone(), "upgrade", 2, 1);
    let case = &scene.case;
    let load = scene.load("load", 200, 60);
    let started = std::time::Instant::now();
    let mut command = tulle::helm(&case.cluster);
    command
        .args(["upgrade", RELEASE])
        .arg(
            Tools::from_environment()
                .unwrap()
                .checkout
                .join("deploy/helm/tulle"),
        )
        .args(["--namespace", NAMESPACE, "--reuse-values", "--wait"])
        .args(["--set-string", "podAnnotations.tulle\\.dev/upgraded=once"]);
    must(&mut command);
    note(&format!(
        "install: helm upgrade of two replicas under load: {:.1} s",
        started.elapsed().as_secs_f64()
    ));
    scene.weights(0, 100);
    scene.answered_by(&["green"]);
    let outcome = load.outcome();
    assert_eq!(outcome.lost, 0, "{outcome:?}");
}

/// Everything in the cluster that is Tulle's by its name or label, Custom Resource Definitions aside.
fn remains(case: &Case) -> Vec<String> {
    let kinds = "clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingwebhookconfigurations,\
                 roles,rolebindings,services,serviceaccounts,configmaps,secrets,deployments,leases,poddisruptionbudgets,networkpolicies";
    let text = case.run(&format!("get {kinds} --all-namespaces -o name"));
    text.lines()
        .filter(|line| line.contains("tulle"))
        .map(str::to_owned)
        .collect()
}

/// Nothing stays but the definitions, and the objects of users; traffic goes on meanwhile.
#[test]
fn uninstalled_and_installed_again() {
    let scene = Scene::new(Case::alone(), "uninstall", 1, 1);
    let case = &scene.case;
    assert!(!remains(case).is_empty());
    let mut command = tulle::helm(&case.cluster);
    command.args(["uninstall", RELEASE, "--namespace", NAMESPACE, "--wait"]);
    must(&mut command);
    case.eventually(
        "everything to be collected",
        std::time::Duration::from_secs(60),
        || {
            let remains = remains(case);
            anyhow::ensure!(remains.is_empty(), "{remains:?}");
            Ok(())
        },
    );
    let definitions = case.run("get crds -o name");
    assert_eq!(
        definitions.matches("appmesh.k8s.aws").count(),
        7,
        "{definitions}"
    );
    assert_eq!(case.list(&format!("virtualnodes -n {}", scene.ns)).len(), 3);
    // The proxies keep what they have.
    let outcome = scene.shares();
    assert_eq!(outcome.lost, 0, "{outcome:?}");
    tulle::install(&case.cluster, &Tools::from_environment().unwrap()).unwrap();
    scene.weights(0, 100);
    // A new installation has a new authority: running pods are started anew to trust it.
    case.run(&format!("rollout restart deployment -n {}", scene.ns));
    case.ready(scene.ns, &["blue", "green", "client"]);
    scene.answered_by(&["green"]);
}

/// The chart runs with what the strictest Pod Security Standard allows.
#[test]
fn the_control_plane_meets_the_restricted_standard() {
    let case = Case::shared();
    let mut command = case.kubectl().command([
        "label",
        "--dry-run=server",
        "--overwrite",
        "namespace",
        NAMESPACE,
        "pod-security.kubernetes.io/enforce=restricted",
    ]);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(!errors.contains("Warning"), "{errors}");
}
