//! Pods of every kind through the real webhook, and run by a real kubelet.

use serde_json::Value;
use tulle_cluster::case::Case;
use tulle_cluster::command::output_of;
use tulle_cluster::images::SAMPLE;
use tulle_cluster::manifests::document;

const NS: &str = "injection";

/// A pod, and what is to become of it.
struct Row {
    name: &'static str,
    /// Label `app`, by which nodes select it.
    app: &'static str,
    annotations: &'static str,
    /// Fields of `spec` beside the application's container, indented by two.
    spec: &'static str,
    /// Fields of the application's container in flow style, beginning with a comma.
    container: &'static str,
    becomes: Becomes,
}

enum Becomes {
    /// Ready, with Envoy beside it, and this about it.
    Injected(fn(&Value) -> Result<(), String>),
    /// Ready, and nothing of ours in it.
    Untouched,
    /// Refused with these words.
    Refused(&'static str),
    /// Injected, and never ready.
    NotReady,
}

fn container<'a>(pod: &'a Value, name: &str) -> Result<&'a Value, String> {
    let spec = &pod["spec"];
    ["initContainers", "containers"]
        .iter()
        .filter_map(|list| spec[*list].as_array())
        .flatten()
        .find(|one| one["name"] == name)
        .ok_or_else(|| format!("no container {name}"))
}

fn holds(what: &str, found: &Value, expected: impl Into<Value>) -> Result<(), String> {
    let expected = expected.into();
    if *found == expected {
        return Ok(());
    }
    Err(format!("{what} is {found}, not {expected}"))
}

/// The value behind an option of the capture container.
fn capture(pod: &Value, option: &str, expected: &str) -> Result<(), String> {
    let arguments = container(pod, "tulle-capture")?["args"].as_array().cloned();
    let arguments = arguments.unwrap_or_default();
    let at = arguments.iter().position(|argument| argument == option);
    let value = at
        .and_then(|at| arguments.get(at + 1))
        .unwrap_or(&Value::Null);
    let found = value.as_str().unwrap_or_default();
    if found.split(',').any(|one| one == expected) {
        return Ok(());
    }
    Err(format!("{option} is {found:?}, without {expected}"))
}

fn variable(pod: &Value, name: &str, expected: &str) -> Result<(), String> {
    let env = container(pod, "envoy")?["env"].as_array().cloned();
    let found = env
        .unwrap_or_default()
        .into_iter()
        .find(|one| one["name"] == name);
    holds(name, &found.unwrap_or_default()["value"], expected)
}

fn mounted(pod: &Value, volume: &str, path: &str) -> Result<(), String> {
    let mounts = container(pod, "envoy")?["volumeMounts"].as_array().cloned();
    let found = mounts
        .unwrap_or_default()
        .into_iter()
        .find(|one| one["name"] == volume);
    holds(volume, &found.unwrap_or_default()["mountPath"], path)
}

/// Init containers in the order of their names.
fn order(pod: &Value, expected: &[&str]) -> Result<(), String> {
    let all = pod["spec"]["initContainers"].as_array().cloned();
    let names: Vec<String> = all
        .unwrap_or_default()
        .iter()
        .filter_map(|one| one["name"].as_str().map(str::to_owned))
        .collect();
    if names == expected {
        return Ok(());
    }
    Err(format!("init containers are {names:?}, not {expected:?}"))
}

fn anything(pod: &Value) -> Result<(), String> {
    let envoy = container(pod, "envoy")?;
    holds("restartPolicy of envoy", &envoy["restartPolicy"], "Always")?;
    holds(
        "runAsUser of envoy",
        &envoy["securityContext"]["runAsUser"],
        1337,
    )?;
    let proxy = pod["metadata"]["annotations"]["tulle.dev/proxy"].as_str();
    let proxy = proxy.unwrap_or_default();
    if proxy.starts_with("virtualnode/injection/") {
        return Ok(());
    }
    Err(format!("tulle.dev/proxy is {proxy:?}"))
}

const NOTHING: Row = Row {
    name: "",
    app: "web",
    annotations: "",
    spec: "",
    container: "",
    becomes: Becomes::Injected(anything),
};

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    use Becomes::{Injected, NotReady, Refused, Untouched};
    vec![
        Row { name: "plain", becomes: Injected(|pod| { order(pod, &["tulle-capture", "envoy"])?; capture(pod, "--app-ports", "8080") }), ..NOTHING },
        Row { name: "switched-off", annotations: "appmesh.k8s.aws/sidecarInjectorWebhook: disabled", becomes: Untouched, ..NOTHING },
        Row { name: "switched-off-by-ours", annotations: "tulle.dev/injection: disabled", becomes: Untouched, ..NOTHING },
        Row { name: "other-case", annotations: "appmesh.k8s.aws/sidecarInjectorWebhook: Disabled", becomes: Untouched, ..NOTHING },
        Row { name: "nonsense-is-unspecified", annotations: "appmesh.k8s.aws/sidecarInjectorWebhook: perhaps", ..NOTHING },
        Row { name: "nobody-selects", app: "nobody", becomes: Refused("sidecarInject enabled but no matching VirtualNode or VirtualGateway found"), ..NOTHING },
        Row { name: "two-select", app: "twice", becomes: Refused("found multiple matching VirtualNodes for pod"), ..NOTHING },
        Row { name: "node-and-gateway", app: "both", becomes: Refused("Please use podSelector on one"), ..NOTHING },
        Row { name: "host-network", spec: "  hostNetwork: true\n", becomes: Untouched, container: ", args: [serve, --name, web, --http, '127.0.0.1:18080'], readinessProbe: null", ..NOTHING },
        Row { name: "resources", annotations: "appmesh.k8s.aws/cpuRequest: 15m, appmesh.k8s.aws/memoryRequest: 40Mi, appmesh.k8s.aws/cpuLimit: '1', appmesh.k8s.aws/memoryLimit: 256Mi",
            becomes: Injected(|pod| { let resources = &container(pod, "envoy")?["resources"];
                holds("cpu request", &resources["requests"]["cpu"], "15m")?; holds("memory request", &resources["requests"]["memory"], "40Mi")?;
                holds("cpu limit", &resources["limits"]["cpu"], "1")?; holds("memory limit", &resources["limits"]["memory"], "256Mi") }), ..NOTHING },
        Row { name: "ports", annotations: "appmesh.k8s.aws/ports: '8080,9090'",
            becomes: Injected(|pod| { capture(pod, "--app-ports", "9090")?; holds("inbound ports", &pod["metadata"]["annotations"]["tulle.dev/inbound-ports"], "8080,9090") }), ..NOTHING },
        Row { name: "bad-ports", annotations: "appmesh.k8s.aws/ports: 'eighty'", becomes: Refused("malformed annotation"), ..NOTHING },
        Row { name: "envoys-own-port", annotations: "appmesh.k8s.aws/ports: '15001'", becomes: Refused("15001"), ..NOTHING },
        Row { name: "ignored-ips", annotations: "appmesh.k8s.aws/egressIgnoredIPs: '10.1.2.3,192.168.0.0/16'", becomes: Injected(|pod| { capture(pod, "--ignore-cidrs", "10.1.2.3")?; capture(pod, "--ignore-cidrs", "192.168.0.0/16") }), ..NOTHING },
        Row { name: "ignored-ports", annotations: "appmesh.k8s.aws/egressIgnoredPorts: '3306'", becomes: Injected(|pod| capture(pod, "--ignore-ports", "3306")), ..NOTHING },
        Row { name: "without-ipv6", annotations: "appmesh.k8s.aws/ipv6: disabled", ..NOTHING },
        Row { name: "environment", annotations: "appmesh.k8s.aws/sidecarEnv: 'ONE=1, TWO=two'", becomes: Injected(|pod| { variable(pod, "ONE", "1")?; variable(pod, "TWO", "two") }), ..NOTHING },
        Row { name: "environment-json", annotations: "appmesh.k8s.aws/sidecarEnvJson: '[{\"ONE\": \"1,2\"}]'", becomes: Injected(|pod| variable(pod, "ONE", "1,2")), ..NOTHING },
        Row { name: "environment-bad", annotations: "appmesh.k8s.aws/sidecarEnvJson: '{'", becomes: Refused("malformed annotation"), ..NOTHING },
        Row { name: "secrets", annotations: "appmesh.k8s.aws/secretMounts: 'certs:/certs'", becomes: Injected(|pod| mounted(pod, "certs", "/certs")), ..NOTHING },
        Row { name: "secrets-bad", annotations: "appmesh.k8s.aws/secretMounts: 'certs'", becomes: Refused("malformed annotation"), ..NOTHING },
        Row { name: "volumes", annotations: "appmesh.k8s.aws/volumeMounts: 'scratch:/scratch'", spec: "  volumes: [{name: scratch, emptyDir: {}}]\n", becomes: Injected(|pod| mounted(pod, "scratch", "/scratch")), ..NOTHING },
        Row { name: "own-init", spec: "  initContainers: [{name: first, image: 'tulle.test/sample:test', imagePullPolicy: Never, args: [--help]}]\n", becomes: Injected(|pod| order(pod, &["first", "tulle-capture", "envoy"])), ..NOTHING },
        Row { name: "own-native-sidecar", spec: "  initContainers: [{name: beside, restartPolicy: Always, image: 'tulle.test/sample:test', imagePullPolicy: Never, args: [serve, --name, beside, --http, '0.0.0.0:9191']}]\n", becomes: Injected(|pod| order(pod, &["beside", "tulle-capture", "envoy"])), ..NOTHING },
        Row { name: "two-containers", spec: "", container: ", env: [{name: A, value: b}]", becomes: Injected(|pod| holds("default container", &pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"], "app")), ..NOTHING },
        Row { name: "not-root", spec: "  securityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 2000, seccompProfile: {type: RuntimeDefault}}\n", ..NOTHING },
        Row { name: "shared-processes", spec: "  shareProcessNamespace: true\n", ..NOTHING },
        Row { name: "http-liveness", container: ", livenessProbe: {httpGet: {path: /alive, port: 8080}, periodSeconds: 1, failureThreshold: 1, initialDelaySeconds: 2}", ..NOTHING },
        Row { name: "tcp-readiness", container: ", readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}", ..NOTHING },
        Row { name: "exec-readiness", container: ", readinessProbe: {exec: {command: [/usr/local/bin/tulle-sample, --help]}, periodSeconds: 1}", ..NOTHING },
        Row { name: "startup-probe", container: ", startupProbe: {httpGet: {path: /started, port: 8080}, periodSeconds: 1, failureThreshold: 20}", ..NOTHING },
        Row { name: "http-lie", container: ", args: [serve, --name, web, --http, '0.0.0.0:8081']", becomes: NotReady, ..NOTHING },
        Row { name: "tcp-lie", container: ", args: [serve, --name, web, --http, '0.0.0.0:8081'], readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}", becomes: NotReady, ..NOTHING },
        Row { name: "failing-application", container: ", args: [serve, --name, web, --http, '0.0.0.0:8080', --fail-every, '1']", becomes: NotReady, ..NOTHING },
        Row { name: "no-restart", spec: "  restartPolicy: Never\n", ..NOTHING },
    ]
}

fn manifest(row: &Row) -> String {
    // Fields of the row come last and win; in YAML they may be there only once.
    let given = |field: &str| row.container.contains(&format!("{field}:"));
    let mut container = format!("name: app, image: '{SAMPLE}', imagePullPolicy: Never");
    if !given("args") {
        container += ", args: [serve, --name, web, --http, '0.0.0.0:8080']";
    }
    if !given("readinessProbe") {
        container += ", readinessProbe: {httpGet: {path: /healthy, port: 8080}, periodSeconds: 1}";
    }
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: {}, namespace: {NS}, labels: {{app: {}}}, annotations: {{{}}}}}
spec:
  terminationGracePeriodSeconds: 2
  containers: [{{{container}{}}}]
{}",
        row.name, row.app, row.annotations, row.container, row.spec
    )
}

fn select(name: &str, app: &str) -> String {
    let spec = format!(
        "  podSelector: {{matchLabels: {{app: {app}}}}}
  listeners: [{{portMapping: {{port: 8080, protocol: http}}}}]
  serviceDiscovery: {{dns: {{hostname: {name}.{NS}.svc.cluster.local}}}}
"
    );
    document("VirtualNode", NS, name, &spec)
}

#[test]
fn every_kind_of_pod_runs() {
    let case = Case::shared();
    case.mesh(NS);
    let gateway = document(
        "VirtualGateway",
        NS,
        "both",
        "  podSelector: {matchLabels: {app: both}}\n  listeners: [{portMapping: {port: 8088, protocol: http}}]\n",
    );
    case.apply(
        &(select("web", "web")
            + &select("twice-a", "twice")
            + &select("twice-b", "twice")
            + &select("both", "both")
            + &gateway
            + &format!("---\napiVersion: v1\nkind: Secret\nmetadata: {{name: certs, namespace: {NS}}}\nstringData: {{a: b}}\n")),
    );
    let rows = rows();
    let mut wrong = Vec::new();
    // The webhook answers from what its replica has seen.
    case.seen_everywhere("injection-seen");
    for row in &rows {
        let mut command = case.kubectl().command(["create", "-f", "-"]);
        let result = output_of(&mut command, manifest(row).as_bytes());
        match (&row.becomes, result) {
            (Becomes::Refused(words), Err(error)) if format!("{error:#}").contains(words) => {}
            (Becomes::Refused(words), other) => {
                wrong.push(format!(
                    "{}: not refused with {words:?}: {other:?}",
                    row.name
                ));
            }
            (_, Ok(_)) => {}
            (_, Err(error)) => wrong.push(format!("{}: {error:#}", row.name)),
        }
    }
    for row in &rows {
        if let Err(error) = judge(&case, row) {
            wrong.push(format!("{}: {error}", row.name));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
    assert!(rows.len() >= 30);
}

fn judge(case: &Case, row: &Row) -> Result<(), String> {
    if matches!(row.becomes, Becomes::Refused(_)) {
        return Ok(());
    }
    let pod = || {
        let found = case.kubectl().get(&format!("pod {} -n {NS}", row.name));
        found.map_err(|error| format!("{error:#}"))
    };
    let ready = |seconds: u32| {
        let words = format!(
            "wait --for=condition=Ready pod/{} -n {NS} --timeout={seconds}s",
            row.name
        );
        case.kubectl()
            .run(&words)
            .map_err(|error| format!("{error:#}"))
    };
    match row.becomes {
        Becomes::Injected(check) => {
            ready(120)?;
            let pod = pod()?;
            anything(&pod)?;
            check(&pod)
        }
        Becomes::Untouched => {
            ready(120)?;
            let pod = pod()?;
            match container(&pod, "envoy") {
                Ok(_) => Err("it was injected".to_owned()),
                Err(_) => Ok(()),
            }
        }
        Becomes::NotReady => {
            anything(&pod()?)?;
            match ready(6) {
                Ok(_) => Err("it became ready although its application is not".to_owned()),
                Err(_) => Ok(()),
            }
        }
        Becomes::Refused(_) => Ok(()),
    }
}
