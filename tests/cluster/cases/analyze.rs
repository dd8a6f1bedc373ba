//! `tulle analyze` and `tulle migrate appmesh` on a cluster, as a user asks them: with a kubeconfig and a user's own rights.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use tulle_cluster::case::{Case, call};
use tulle_cluster::forward::Forwarded;
use tulle_cluster::manifests::{client_node, document, kube_service, mesh, node, service};
use tulle_cluster::tools::Tools;
use tulle_cluster::tulle::NAMESPACE;

const MESH_KINDS: [&str; 7] = [
    "meshes",
    "virtualnodes",
    "virtualservices",
    "virtualrouters",
    "virtualgateways",
    "gatewayroutes",
    "backendgroups",
];

/// A user of the cluster with a kubeconfig.
struct User<'a> {
    case: &'a Case,
    kubeconfig: PathBuf,
}

impl<'a> User<'a> {
    /// One who may list these, in all namespaces.
    fn who_may_list(case: &'a Case, ns: &str, name: &str, resources: &[String]) -> Self {
        let account = format!("serviceaccount {name} -n {ns}");
        case.run(&format!("create {account}"));
        if !resources.is_empty() {
            let role = json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                "metadata": {"name": format!("{ns}-{name}")},
                "rules": [rule("", resources), rule("appmesh.k8s.aws", resources), rule("apps", resources),
                    rule("batch", resources), rule("discovery.k8s.io", resources),
                    rule("admissionregistration.k8s.io", resources)],
            });
            case.apply(&role.to_string());
            let binding = json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                "metadata": {"name": format!("{ns}-{name}")},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": format!("{ns}-{name}")},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": ns}],
            });
            case.apply(&binding.to_string());
        }
        let token = case.run(&format!("create token {name} -n {ns} --duration=1h"));
        Self::with_token(case, &format!("{ns}-{name}"), token.trim())
    }

    fn with_token(case: &'a Case, name: &str, token: &str) -> Self {
        let server = case.run("config view --minify -o jsonpath={.clusters[0].cluster.server}");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "its-own",
            "clusters": [{"name": "c", "cluster": {
                "server": server.trim(), "certificate-authority": case.cluster.pki("ca.crt")}}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "its-own", "context": {"cluster": "c", "user": name}}],
        });
        let kubeconfig = case.cluster.path(&format!("kubeconfig-{name}"));
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        Self { case, kubeconfig }
    }

    /// `tulle` with these arguments.
    fn tulle(&self, words: &str) -> Said {
        let tulle = Tools::from_environment().unwrap().tulle;
        let mut command = self.case.kubectl().inside("env");
        command
            .arg(format!("KUBECONFIG={}", self.kubeconfig.display()))
            .arg(tulle)
            .args(words.split(' '));
        let output = command.output().unwrap();
        Said { output }
    }
}

/// What has been made for users of a namespace in the whole cluster goes with this.
struct ForUsers<'a> {
    case: &'a Case,
    names: &'static [&'static str],
}

impl Drop for ForUsers<'_> {
    fn drop(&mut self) {
        for name in self.names {
            let _ = self.case.kubectl().run(&format!(
                "delete --ignore-not-found clusterrole/{name} clusterrolebinding/{name}"
            ));
        }
    }
}

fn rule(group: &str, resources: &[String]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": ["list"]})
}

struct Said {
    output: Output,
}

impl Said {
    fn code(&self) -> i32 {
        self.output.status.code().unwrap_or(-1)
    }

    fn out(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    fn errors(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out())
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.out(), self.errors()))
    }
}

fn everything() -> Vec<String> {
    let others = [
        "namespaces",
        "services",
        "pods",
        "nodes",
        "endpointslices",
        "deployments",
        "statefulsets",
        "daemonsets",
        "cronjobs",
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
    ];
    let all = MESH_KINDS.iter().chain(&others);
    all.map(|name| (*name).to_owned()).collect()
}

/// Findings about the objects of a namespace, and about its mesh.
fn of_namespace(findings: &Value, ns: &str) -> Vec<Value> {
    let all = findings.as_array().into_iter().flatten();
    let ours = all.filter(|finding| {
        let object = &finding["object"];
        object["namespace"] == ns || (object["kind"] == "Mesh" && object["name"] == ns)
    });
    ours.cloned().collect()
}

/// What a finding says, wherever it stands.
fn statements(findings: &[Value]) -> BTreeSet<String> {
    let fields = ["severity", "code", "object", "field", "message", "help"];
    let said = findings.iter().map(|finding| {
        let parts = fields.map(|field| match &finding[field] {
            // One form has an empty text for what is not there, the other null.
            Value::String(text) if text.is_empty() => Value::Null,
            value => value.clone(),
        });
        json!(parts).to_string()
    });
    said.collect()
}

fn codes(findings: &[Value]) -> Vec<&str> {
    let mut codes: Vec<&str> = findings
        .iter()
        .filter_map(|finding| finding["code"].as_str())
        .collect();
    codes.sort_unstable();
    codes
}

const ANALYZED: &str = "analyzed";

/// One thing of each severity that only the translation, only linking, and only the analysis finds.
fn analyzed() -> String {
    let ns = ANALYZED;
    let mut text = mesh(ns);
    text += &client_node(ns, "front", &["color", "gone"]);
    text += &node(ns, "color", &[]);
    text += &kube_service(ns, "color");
    text += &service(ns, "color", "virtualNode", "color");
    text += &service(ns, "gone", "virtualNode", "nobody");
    text += &kube_service(ns, "gone");
    let key = "k".repeat(101);
    text += &document(
        "VirtualNode",
        ns,
        "logs",
        &format!(
            "  listeners: [{{portMapping: {{port: 8080, protocol: http}}, tls: {{mode: STRICT, certificate: {{acm: {{certificateARN: 'arn:aws:acm:eu-central-1:123456789012:certificate/one'}}}}}}}}]
  serviceDiscovery: {{dns: {{hostname: logs.{ns}.svc.cluster.local}}}}
  logging: {{accessLog: {{file: {{path: /dev/stdout, format: {{json: [{{key: {key}, value: '%PROTOCOL%'}}]}}}}}}}}
"
        ),
    );
    text
}

#[test]
fn a_user_is_told_what_the_control_plane_finds() {
    let case = Case::shared();
    let ns = ANALYZED;
    case.owns(ns);
    let _users = ForUsers {
        case: &case,
        names: &["analyzed-reader", "analyzed-narrow"],
    };
    case.apply(&analyzed());
    let user = User::who_may_list(&case, ns, "reader", &everything());
    let analysis = user.tulle("analyze --kubernetes -o json");
    assert_eq!((analysis.code(), analysis.errors()), (1, String::new()));
    let told = of_namespace(&analysis.json()["findings"], ns);
    assert_eq!(
        codes(&told),
        ["acm-without-aws", "aws-limit", "dangling-reference"],
        "{told:#?}"
    );
    for finding in &told {
        for place in ["file", "line", "column"] {
            assert!(finding[place].is_null(), "{finding}");
        }
    }

    // what the control plane says, but for what it does not look for
    let replicas = case.list(&format!(
        "pods -n {NAMESPACE} -l app.kubernetes.io/name=tulle"
    ));
    let replica = replicas[0]["metadata"]["name"].as_str().unwrap();
    let port = Forwarded::to(case.kubectl(), NAMESPACE, replica, 15014).unwrap();
    let page = call(port.address(), "localhost", "/debug/findings");
    let mut without_limits = told.clone();
    without_limits.retain(|finding| finding["code"] != "aws-limit");
    case.eventually("the same findings", Duration::from_secs(10), || {
        let answer = case.play_outside(std::slice::from_ref(&page)).remove(0);
        let page: Value = serde_json::from_str(&answer.text)?;
        let live = statements(&of_namespace(&page["findings"], ns));
        anyhow::ensure!(live == statements(&without_limits), "{live:#?}");
        Ok(())
    });

    // the same of the manifests, with their places
    let folder = Folder::new(&case, "analyzed");
    std::fs::write(folder.0.join("mesh.yaml"), analyzed()).unwrap();
    let of_files = user.tulle(&format!("analyze {} -o json", folder.0.display()));
    assert_eq!(of_files.code(), 1);
    let of_files = of_namespace(&of_files.json()["findings"], ns);
    assert_eq!(statements(&of_files), statements(&told));
    assert!(of_files.iter().all(|finding| finding["line"].is_u64()));

    let text = user.tulle("analyze --kubernetes --fail-on never");
    assert_eq!(text.code(), 0);
    for line in [
        &*format!("VirtualService {ns}/gone\n  error spec.provider [dangling-reference]\n"),
        "  warning spec.logging.accessLog.file.format.json[0].key [aws-limit]\n",
    ] {
        assert!(text.out().contains(line), "{line}{}", text.out());
    }

    as_sarif(&user, &told);
    with_too_few_rights(&case);
}

/// An object of a cluster has a logical location, and no physical one.
fn as_sarif(user: &User<'_>, told: &[Value]) {
    let sarif = user.tulle("analyze --kubernetes -o sarif");
    assert_eq!(sarif.code(), 1);
    let document = sarif.json();
    let run = &document["runs"][0];
    let results = run["results"].as_array().unwrap();
    for finding in told {
        let object = &finding["object"];
        let name = match object["namespace"].as_str() {
            Some("") | None => object["name"].as_str().unwrap().to_owned(),
            Some(ns) => format!("{ns}/{}", object["name"].as_str().unwrap()),
        };
        let mut expected = format!("{} {name}", object["kind"].as_str().unwrap());
        if let Some(field) = finding["field"].as_str() {
            expected = format!("{expected}: {field}");
        }
        let found = results.iter().find(|result| {
            result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == expected
        });
        let found = found.unwrap_or_else(|| panic!("{expected}: {results:#?}"));
        assert_eq!(found["ruleId"], finding["code"]);
        assert!(found["locations"][0]["physicalLocation"].is_null());
        let index = usize::try_from(found["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], found["ruleId"]);
    }
}

fn with_too_few_rights(case: &Case) {
    let ns = ANALYZED;
    // what is only good to know is told, and the rest goes on
    let mut needed: Vec<String> = MESH_KINDS.iter().map(|name| (*name).to_owned()).collect();
    needed.push("namespaces".to_owned());
    let narrow = User::who_may_list(case, ns, "narrow", &needed);
    let said = narrow.tulle("analyze --kubernetes -o json");
    assert_eq!(said.code(), 1, "{}", said.errors());
    for kind in ["services", "endpointslices", "pods", "nodes"] {
        let line =
            format!("warning: {kind} cannot be listed, so what depends on them is missing: ");
        assert!(said.errors().contains(&line), "{}", said.errors());
    }
    let told = of_namespace(&said.json()["findings"], ns);
    assert_eq!(
        codes(&told),
        ["acm-without-aws", "aws-limit", "dangling-reference"],
        "{told:#?}"
    );

    // without what is needed nothing is said of the mesh, and all that is missing is named at once
    let nobody = User::who_may_list(case, ns, "nobody", &[]);
    for words in ["analyze --kubernetes", "migrate appmesh --kubernetes"] {
        let said = nobody.tulle(words);
        assert_eq!((said.code(), said.out()), (2, String::new()));
        let errors = said.errors();
        assert!(
            errors.contains("cannot list resource \"namespaces\""),
            "{errors}"
        );
        let kinds = MESH_KINDS.map(|kind| format!("{kind}.appmesh.k8s.aws"));
        let rights = format!("--verb=list --resource=namespaces,{}", kinds.join(","));
        assert!(errors.contains(&rights), "{errors}");
    }
    let unknown = User::with_token(case, "unknown", "not-a-token");
    let said = unknown.tulle("analyze --kubernetes");
    assert_eq!(said.code(), 2);
    let errors = said.errors();
    assert!(errors.contains("does not know this user"), "{errors}");
    let said = unknown.tulle("analyze --kubernetes --context nowhere");
    assert_eq!(said.code(), 2);
    assert!(said.errors().contains("no context nowhere"));
}

/// A folder of the cluster's that is made anew, and goes.
struct Folder(PathBuf);

impl Folder {
    fn new(case: &Case, name: &str) -> Self {
        let folder = case.cluster.path(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const MIGRATED: &str = "migrated";

/// What an installation of App Mesh holds: what runs as it is, what differs, what somebody has to decide. Nothing of it has
/// pods, and nobody asks the webhook.
fn migrated() -> String {
    let ns = MIGRATED;
    let mut text = mesh(ns);
    text += &client_node(ns, "front", &[]);
    text += &document(
        "VirtualNode",
        ns,
        "color",
        "  podSelector: {matchLabels: {app: color}}
  listeners: [{portMapping: {port: 8080, protocol: http}}]
  serviceDiscovery: {awsCloudMap: {namespaceName: migrated.pvt.old, serviceName: color}}
",
    );
    text += &document(
        "VirtualService",
        ns,
        "color",
        "  awsName: color.migrated.pvt.old
  provider: {virtualNode: {virtualNodeRef: {name: color}}}
",
    );
    text += &document(
        "VirtualGateway",
        ns,
        "in",
        "  podSelector: {matchLabels: {app: in}}
  listeners: [{portMapping: {port: 8088, protocol: http}}]
",
    );
    let image = "840364872350.dkr.ecr.eu-central-1.amazonaws.com/aws-appmesh-envoy:v1.29.12.1-prod";
    let hook = r#", "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "sleep 20"]}}}"#;
    for (name, container) in [
        (
            "front",
            r#""name": "app", "image": "tulle.test/sample:test""#,
        ),
        (
            "stray",
            r#""name": "app", "image": "tulle.test/sample:test""#,
        ),
        (
            "in",
            &*format!(r#""name": "envoy", "image": "{image}"{hook}"#),
        ),
        (
            "controller",
            r#""name": "controller", "image": "public.ecr.aws/appmesh/appmesh-controller:v1.13.1""#,
        ),
    ] {
        text += &format!(
            "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {ns}}}
spec:
  replicas: 0
  selector: {{matchLabels: {{app: {name}}}}}
  template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: [{{{container}}}]}}}}
"
        );
    }
    text += "---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: appmesh-controller-mutating-webhook-configuration}
webhooks:
- name: mpod.appmesh.k8s.aws
  admissionReviewVersions: [v1]
  sideEffects: None
  clientConfig: {service: {name: appmesh-controller-webhook-service, namespace: appmesh-system, path: /mutate-v1-pod}}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: nowhere}}
  rules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
";
    text
}

/// The old controller's webhook configuration goes with this.
struct OldWebhook<'a>(&'a Case);

impl Drop for OldWebhook<'_> {
    fn drop(&mut self) {
        let _ = self.0.kubectl().run(
            "delete --ignore-not-found mutatingwebhookconfiguration/appmesh-controller-mutating-webhook-configuration",
        );
    }
}

fn versions(case: &Case) -> BTreeSet<String> {
    let kinds = MESH_KINDS.join(",");
    let mut objects = case.list(&format!("{kinds},deployments -n {MIGRATED}"));
    objects.extend(case.list("meshes -A"));
    let name = |object: &Value| {
        let metadata = &object["metadata"];
        let what = [&object["kind"], &metadata["name"], &metadata["generation"]];
        json!(what).to_string()
    };
    let ours = objects.iter().filter(|object| {
        let metadata = &object["metadata"];
        metadata["namespace"] == MIGRATED || metadata["name"] == MIGRATED
    });
    ours.map(name).collect()
}

#[test]
fn a_user_is_told_what_becomes_of_an_installation_of_app_mesh() {
    let case = Case::shared();
    let ns = MIGRATED;
    case.owns(ns);
    let _users = ForUsers {
        case: &case,
        names: &["migrated-reader"],
    };
    let _webhook = OldWebhook(&case);
    case.apply(&migrated());
    let before = versions(&case);
    let user = User::who_may_list(&case, ns, "reader", &everything());
    let said = user.tulle("migrate appmesh --kubernetes -o json");
    assert_eq!(
        (said.code(), said.errors()),
        (1, String::new()),
        "something has to be decided"
    );
    let plan = said.json();
    let item = |title: &str| {
        let objects = plan["objects"].as_array().unwrap();
        let found = objects.iter().find(|item| item["object"] == title);
        found
            .unwrap_or_else(|| panic!("no {title}: {plan:#}"))
            .clone()
    };
    for (title, verdict, words) in [
        ("Mesh migrated", "as-is", ""),
        ("Namespace migrated", "as-is", ""),
        ("VirtualNode migrated/front", "as-is", ""),
        ("Deployment migrated/front", "as-is", ""),
        ("VirtualGateway migrated/in", "as-is", ""),
        (
            "VirtualNode migrated/color",
            "differs",
            "Cloud Map service color of migrated.pvt.old",
        ),
        (
            "VirtualService migrated/color",
            "decide",
            "have to resolve color.migrated.pvt.old",
        ),
        (
            "Deployment migrated/in",
            "decide",
            "the hook runs a program",
        ),
        (
            "Deployment migrated/stray",
            "decide",
            "no matching VirtualNode",
        ),
        (
            "Deployment migrated/controller",
            "decide",
            "the old controller",
        ),
        (
            "MutatingWebhookConfiguration appmesh-controller-mutating-webhook-configuration",
            "decide",
            "webhooks of the old controller",
        ),
    ] {
        let item = item(title);
        assert_eq!(item["verdict"], verdict, "{item:#}");
        assert!(item["file"].is_null());
        assert!(item["notes"].to_string().contains(words), "{item:#}");
    }
    // Tulle's own are none of the old controller's
    let objects = plan["objects"].to_string();
    assert!(!objects.contains("tulle-appmesh"), "{objects}");

    // written without what only a cluster knows, and of the same meaning
    let folder = Folder::new(&case, "migrated");
    let cleaned = folder.0.join("cleaned");
    let said = user.tulle(&format!(
        "migrate appmesh --kubernetes --write {}",
        cleaned.display()
    ));
    assert_eq!(said.code(), 1, "{}", said.errors());
    assert!(said.out().contains("run as they are\n"), "{}", said.out());
    let files = [
        cleaned.join("cluster.yaml"),
        cleaned.join(format!("namespace-{ns}.yaml")),
    ];
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        for word in [
            "uid:",
            "resourceVersion",
            "managedFields",
            "status:",
            "meshRef",
        ] {
            assert!(!text.contains(word), "{word} in {}", file.display());
        }
        unchanged(&case, file);
    }
    // nothing was written into the cluster
    assert_eq!(versions(&case), before);
}

/// That what is in a file is what the cluster has.
fn unchanged(case: &Case, file: &Path) {
    let said = case.run(&format!(
        "apply --server-side --force-conflicts --dry-run=server -o json -f {}",
        file.display()
    ));
    let answer: Value = serde_json::from_str(&said).unwrap();
    let several = answer["items"].as_array().cloned();
    for object in several.unwrap_or_else(|| vec![answer.clone()]) {
        let metadata = &object["metadata"];
        let name = format!("{} {}", object["kind"], metadata["name"]);
        let words = match metadata["namespace"].as_str() {
            Some(ns) => format!("-n {ns}"),
            None => String::new(),
        };
        let stored = case.get(&format!(
            "{}.appmesh.k8s.aws {} {words}",
            object["kind"].as_str().unwrap().to_lowercase(),
            metadata["name"].as_str().unwrap()
        ));
        assert_eq!(object["spec"], stored["spec"], "{name}");
    }
}
