//! What Tulle does seldom: every right that it has is for something, and here it is seen to be used.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tulle_cluster::case::Case;
use tulle_cluster::command::output_of;
use tulle_cluster::manifests::{App, document, node, service, split};
use tulle_cluster::note::note;
use tulle_cluster::tulle::NAMESPACE;

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_namespace_without_the_label_loses_its_files() {
    let case = Case::shared();
    let ns = "unlabelled";
    case.mesh(ns);
    let find = format!("get configmap tulle-proxy -n {ns} --ignore-not-found -o name");
    case.eventually("the proxies' files", LIMIT, || {
        anyhow::ensure!(!case.kubectl().run(&find)?.is_empty(), "no ConfigMap");
        Ok(())
    });
    case.run(&format!(
        "label namespace {ns} appmesh.k8s.aws/sidecarInjectorWebhook-"
    ));
    case.eventually("the files to go", LIMIT, || {
        anyhow::ensure!(case.kubectl().run(&find)?.is_empty(), "still there");
        Ok(())
    });
}

/// Objects of the former controller, one of each kind.
fn held(ns: &str) -> String {
    let gateway = format!(
        "  namespaceSelector: {{matchLabels: {{mesh: {ns}}}}}
  podSelector: {{matchLabels: {{app: in}}}}
  listeners: [{{portMapping: {{port: 8088, protocol: http}}}}]
"
    );
    let route = "  httpRoute:
    match: {prefix: /}
    action: {target: {virtualService: {virtualServiceRef: {name: color}}}}
";
    node(ns, "blue", &[])
        + &split(ns, "color", &[("blue", 1)])
        + &service(ns, "color", "virtualRouter", "color")
        + &document("VirtualGateway", ns, "in", &gateway)
        + &document(
            "BackendGroup",
            ns,
            "all",
            "  virtualservices: [{name: color}]\n",
        )
        + &document("GatewayRoute", ns, "color", route)
}

#[test]
fn objects_that_the_former_controller_holds_can_be_deleted() {
    let case = Case::shared();
    let ns = "held";
    case.mesh(ns);
    case.apply(&held(ns));
    let objects = [
        ("gatewayroute", "color", "aws-appmesh-resources"),
        ("virtualservice", "color", "aws-appmesh-resources"),
        ("virtualrouter", "color", "aws-appmesh-resources"),
        ("virtualgateway", "in", "virtualgateway-members"),
        ("virtualnode", "blue", "aws-cloudmap-resources"),
        ("backendgroup", "all", "aws-appmesh-resources"),
        ("mesh", ns, "mesh-members"),
    ];
    for (kind, name, finalizer) in objects {
        let patch = json!({ "metadata": { "finalizers": [format!("finalizers.appmesh.k8s.aws/{finalizer}")] } });
        case.run(&format!(
            "patch {kind}.appmesh.k8s.aws {name} -n {ns} --type=merge -p {patch}"
        ));
    }
    for (kind, name, _) in objects {
        // Waits until it is gone.
        case.run(&format!(
            "delete {kind}.appmesh.k8s.aws {name} -n {ns} --timeout=30s"
        ));
    }
}

/// An object without what the API server adds.
fn as_written(object: &Value) -> String {
    let mut object = object.clone();
    for field in ["resourceVersion", "uid", "creationTimestamp"] {
        object["metadata"].as_object_mut().unwrap().remove(field);
    }
    object.to_string()
}

/// The garbage collector takes what a ClusterRole owned that is deleted and made anew.
#[test]
fn what_the_leader_made_goes_over_to_a_new_owner() {
    let case = Case::alone();
    let ns = "owned";
    case.mesh(ns);
    let made = [
        format!("secret tulle-ca -n {NAMESPACE}"),
        format!("lease tulle-leader -n {NAMESPACE}"),
        format!("configmap tulle-proxy -n {ns}"),
    ];
    let owned_by = |uid: &Value| {
        case.eventually("all to be owned", 2 * LIMIT, || {
            for words in &made {
                let object = case.kubectl().get(words)?;
                let owners = &object["metadata"]["ownerReferences"];
                let own = owners.as_array().is_some_and(|owners| owners.len() == 1);
                anyhow::ensure!(own && owners[0]["uid"] == *uid, "{words}: {owners}");
            }
            Ok(())
        });
    };
    let before = case.get("clusterrole tulle");
    owned_by(&before["metadata"]["uid"]);
    let authority = case.get(&made[0]);

    let mut command = case.kubectl().command(["replace", "--force", "-f", "-"]);
    output_of(&mut command, as_written(&before).as_bytes()).unwrap();
    let started = Instant::now();
    let role = case.get("clusterrole tulle");
    assert_ne!(role["metadata"]["uid"], before["metadata"]["uid"]);
    owned_by(&role["metadata"]["uid"]);
    note(&format!(
        "owner: what the leader made is a new ClusterRole's {:.1} s after it replaced the first",
        started.elapsed().as_secs_f64()
    ));
    // The collector has looked at all of it by then, and what was made again is what was there.
    std::thread::sleep(Duration::from_secs(5));
    owned_by(&role["metadata"]["uid"]);
    assert_eq!(case.get(&made[0])["data"], authority["data"]);
}

/// Takes away what lets Tulle read the keys that sign tokens, and puts it back.
struct WithoutKeys<'a> {
    case: &'a Case,
    before: Vec<Value>,
}

impl<'a> WithoutKeys<'a> {
    const ROLE: &'static str = "clusterrole tulle";
    const BINDING: &'static str = "clusterrolebinding system:service-account-issuer-discovery";

    fn new(case: &'a Case) -> Self {
        let before = [Self::ROLE, Self::BINDING].map(|words| case.get(words));
        let mut role = before[0].clone();
        let rules = role["rules"].as_array_mut().unwrap();
        rules.retain(|rule| rule["nonResourceURLs"].is_null());
        let without = Self {
            case,
            before: before.into(),
        };
        without.put(&role);
        case.run(&format!("delete {}", Self::BINDING));
        without.restart();
        without
    }

    /// Keys that are known stay known: another process has to ask.
    fn restart(&self) {
        self.case
            .run(&format!("rollout restart deployment/tulle -n {NAMESPACE}"));
        self.case.ready(NAMESPACE, &["tulle"]);
    }

    fn put(&self, object: &Value) {
        let text = as_written(object);
        let mut command = self.case.kubectl().command(["replace", "-f", "-"]);
        if output_of(&mut command, text.as_bytes()).is_err() {
            let mut command = self.case.kubectl().command(["create", "-f", "-"]);
            output_of(&mut command, text.as_bytes()).unwrap();
        }
    }
}

impl Drop for WithoutKeys<'_> {
    fn drop(&mut self) {
        for object in &self.before {
            self.put(object);
        }
        self.restart();
    }
}

#[test]
fn tokens_are_reviewed_where_keys_cannot_be_read() {
    let case = Case::alone();
    let ns = "reviewed";
    case.mesh(ns);
    case.apply(&node(ns, "blue", &[]));
    let _without = WithoutKeys::new(&case);
    // Ready is who has been given its configuration, and that is who has proved who it is.
    case.apply(&App::new(ns, "blue").yaml());
    case.ready(ns, &["blue"]);
}

/// The same error again is the same event, counted at most every five minutes.
#[test]
#[ignore = "five minutes: --long"]
fn a_repeated_event_is_counted() {
    let case = Case::shared();
    let ns = "repeated";
    case.mesh(ns);
    let faulty = service(ns, "color", "virtualNode", "absent");
    let sound = format!(
        "{}{}",
        node(ns, "blue", &[]),
        service(ns, "color", "virtualNode", "blue")
    );
    let events = || {
        let events = case
            .kubectl()
            .list(&format!("events.events.k8s.io -n {ns}"))?;
        let ours = |event: &Value| {
            event["reportingController"] == "tulle" && event["regarding"]["name"] == "color"
        };
        let ours: Vec<Value> = events.into_iter().filter(ours).collect();
        anyhow::ensure!(!ours.is_empty(), "no event");
        Ok(ours)
    };
    case.apply(&faulty);
    case.eventually("an event", LIMIT, events);
    case.apply(&sound);
    std::thread::sleep(Duration::from_secs(305));
    case.apply(&faulty);
    case.eventually("its count", LIMIT, || {
        let events = events()?;
        let counted = events
            .iter()
            .any(|event| event["series"]["count"].as_u64() >= Some(2));
        anyhow::ensure!(counted, "{events:?}");
        Ok(())
    });
}
