//! The goldens of `tulle inject` on a real cluster: the webhook makes of every input what is checked in, and it runs.
//!
//! Goldens with settings of their own (`config.yaml`) are left out: the cluster's control plane has but one.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tulle_cluster::case::Case;
use tulle_cluster::command::output_of;
use tulle_cluster::images::{ENVOY, TULLE, TULLE_TAG};
use tulle_cluster::note::note;

/// Kinds that make pods; everything else of an input is there for them.
const WORKLOADS: &[&str] = &[
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "Pod",
    "ReplicaSet",
    "StatefulSet",
];
/// Listens at a port of the node, where it may not be alone: only what the API server makes of it is looked at.
const NOT_RUN: &str = "host-network";
/// The sample application refuses quotes in a query, and has no gRPC health service: these run, and are not ready with or
/// without Envoy.
const NEVER_READY: &[&str] = &["awkward-texts", "probes-grpc"];
/// Its node is no object of a cluster: the webhook for App Mesh objects refuses it first.
const WITHOUT_A_MESH: &str = "rejected-without-a-mesh";
/// `tulle inject` injects what nobody has labelled: it was asked to. The webhook leaves it as it is.
const NOBODY_ASKED: &str = "nobody-said-anything";
const LIMIT: Duration = Duration::from_secs(180);

struct Golden {
    name: String,
    namespace: String,
    /// What the workloads need.
    around: Vec<Value>,
    workloads: Vec<Value>,
    /// The workloads as they are after injection, in the same order; none if they are refused.
    expected: Vec<Value>,
    messages: Vec<Message>,
}

struct Message {
    error: bool,
    /// Kind, namespace and name.
    object: String,
    text: String,
}

impl Golden {
    /// None: it has settings of its own.
    fn read(folder: &Path) -> Option<Self> {
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        if folder.join("config.yaml").exists() {
            return None;
        }
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let (workloads, around): (Vec<_>, Vec<_>) = documents(&read("input.yaml"))
            .into_iter()
            .partition(is_workload);
        let mut expected = documents(&read("expected.yaml"));
        expected.retain(is_workload);
        expected.iter_mut().for_each(images_of_the_cluster);
        if name == NOBODY_ASKED {
            expected.clone_from(&workloads);
        }
        Some(Self {
            namespace: format!("inject-{name}"),
            name,
            around,
            workloads,
            expected,
            messages: read("messages.txt").lines().map(message).collect(),
        })
    }

    fn refused(&self) -> bool {
        self.expected.is_empty()
    }
}

fn message(line: &str) -> Message {
    let mut parts = line.splitn(3, ": ").map(str::to_owned);
    let mut next = || parts.next().expect("level: object: text");
    Message {
        error: next() == "error",
        object: next(),
        text: next(),
    }
}

/// The documents of a text, and the items of its lists.
fn documents(text: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for part in text.split("\n---\n").filter(|part| !part.trim().is_empty()) {
        let mut value = tulle_proto::from_yaml(part).unwrap();
        match value["items"].take() {
            Value::Array(items) => all.extend(items),
            _ => {
                value.as_object_mut().unwrap().remove("items");
                all.push(value);
            }
        }
    }
    for value in &mut all {
        let name = &mut value["metadata"]["name"];
        if name.is_boolean() {
            // `name: off`, and YAML 1.1.
            *name = json!("off");
        }
    }
    all
}

fn is_workload(value: &Value) -> bool {
    WORKLOADS.contains(&text(&value["kind"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// `tulle inject` without settings names the images of a release.
fn images_of_the_cluster(value: &mut Value) {
    match value {
        Value::String(name) if name.starts_with("docker.io/envoyproxy/envoy:") => {
            ENVOY.clone_into(name);
        }
        Value::String(name) if name == concat!("tulle:", env!("CARGO_PKG_VERSION")) => {
            *name = format!("{TULLE}:{TULLE_TAG}");
        }
        Value::Array(items) => items.iter_mut().for_each(images_of_the_cluster),
        Value::Object(fields) => fields.values_mut().for_each(images_of_the_cluster),
        _ => {}
    }
}

fn template(workload: &Value) -> &Value {
    match text(&workload["kind"]) {
        "Pod" => workload,
        "CronJob" => &workload["spec"]["jobTemplate"]["spec"]["template"],
        _ => &workload["spec"]["template"],
    }
}

fn goldens() -> Vec<Golden> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/inject");
    let mut folders: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
        .iter()
        .filter_map(|path| Golden::read(path))
        .collect()
}

/// One `kubectl` for all of these objects: a process each would take longer than the pods.
fn send<'a>(
    case: &Case,
    words: &[&str],
    objects: impl IntoIterator<Item = &'a Value>,
) -> (Output, String) {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects.into_iter().collect::<Vec<_>>() });
    let file = case.cluster.path("goldens.json");
    std::fs::write(&file, list.to_string()).unwrap();
    let mut command = case.kubectl().command(words);
    let output = command.arg("-f").arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

/// Namespaces, meshes, and what belongs to them.
fn surroundings(case: &Case, goldens: &[Golden]) {
    let of = |first: bool| {
        let around = goldens
            .iter()
            .filter(move |golden| first || golden.name != WITHOUT_A_MESH)
            .flat_map(|golden| &golden.around);
        around.filter(move |value| matches!(text(&value["kind"]), "Namespace" | "Mesh") == first)
    };
    for first in [true, false] {
        let (output, said) = send(case, &["apply"], of(first));
        assert!(output.status.success(), "{said}");
    }
    case.eventually("service accounts", LIMIT, || {
        let known = case
            .kubectl()
            .list("serviceaccounts -A --field-selector metadata.name=default")?;
        let known: BTreeSet<&str> = known
            .iter()
            .map(|account| text(&account["metadata"]["namespace"]))
            .collect();
        let missing = goldens
            .iter()
            .find(|golden| !known.contains(golden.namespace.as_str()));
        match missing {
            None => Ok(()),
            Some(golden) => anyhow::bail!("none in {}", golden.namespace),
        }
    });
    // The webhook answers from what its replica has seen.
    case.seen_everywhere("inject-seen");
}

/// Nothing of these is stored, and every reason is given.
fn refusals(case: &Case, goldens: &[Golden], wrong: &mut Vec<String>) -> usize {
    let refused = || goldens.iter().filter(|golden| golden.refused());
    let (_, said) = send(
        case,
        &["create"],
        refused().flat_map(|golden| &golden.workloads),
    );
    let mut count = 0;
    for message in refused()
        .filter(|golden| golden.name != WITHOUT_A_MESH)
        .flat_map(|golden| &golden.messages)
    {
        count += 1;
        if !said.contains(&message.text) {
            wrong.push(format!(
                "{}: not refused with {:?}",
                message.object, message.text
            ));
        }
    }
    for golden in refused() {
        let stored = case.list(&format!("pods -n {}", golden.namespace));
        if !stored.is_empty() {
            wrong.push(format!("{}: there are pods", golden.name));
        }
        if golden.name == WITHOUT_A_MESH {
            let (output, said) = send(case, &["create"], &golden.around[1..]);
            if output.status.success() || !said.contains("mesh") {
                wrong.push(format!("{}: its node is not refused: {said}", golden.name));
            }
        }
    }
    if !wrong.is_empty() {
        wrong.push(said);
    }
    count
}

/// Makes the workloads that are to run, and hears what is said of bare pods.
fn start(case: &Case, goldens: &[Golden], wrong: &mut Vec<String>) {
    let (output, mut said) = send(
        case,
        &["create"],
        goldens.iter().flat_map(|golden| &golden.workloads),
    );
    if !output.status.success() {
        wrong.push(said.clone());
    }
    for golden in goldens {
        for workload in &golden.workloads {
            if workload["kind"] == "CronJob" {
                // Now, not at the next full minute.
                let name = text(&workload["metadata"]["name"]);
                let words = format!(
                    "create job {name}-now --from=cronjob/{name} -n {}",
                    golden.namespace
                );
                said += &case.run(&words);
            }
        }
        for message in golden.messages.iter().filter(|message| {
            // Of others, it is a controller that hears it.
            !message.error && message.object.starts_with("Pod ")
        }) {
            if !said.contains(&message.text) {
                wrong.push(format!("{}: not said: {}", message.object, message.text));
            }
        }
    }
}

/// Pods that a workload has made, or it itself.
fn pods_of<'a>(workload: &Value, namespace: &str, pods: &'a [Value]) -> Vec<&'a Value> {
    let name = text(&workload["metadata"]["name"]);
    let made = format!("{name}-");
    pods.iter()
        .filter(|pod| pod["metadata"]["namespace"] == namespace)
        .filter(|pod| {
            let pod = text(&pod["metadata"]["name"]);
            match text(&workload["kind"]) {
                "Pod" => pod == name,
                _ => pod.starts_with(&made),
            }
        })
        .collect()
}

/// Whether a pod is where its workload wants it: a job's at its end, any other ready.
fn settled(golden: &Golden, workload: &Value, pod: &Value) -> bool {
    if NEVER_READY.contains(&golden.name.as_str()) {
        return pod["status"]["phase"] == "Running";
    }
    if matches!(text(&workload["kind"]), "Job" | "CronJob") {
        return pod["status"]["phase"] == "Succeeded";
    }
    let conditions = pod["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|one| one["type"] == "Ready" && one["status"] == "True")
}

fn settle(case: &Case, goldens: &[Golden]) -> Vec<Value> {
    case.eventually("every pod to run", LIMIT, || {
        let pods = case.kubectl().list("pods -A")?;
        let mut missing = Vec::new();
        for golden in goldens {
            for workload in &golden.workloads {
                let wanted = workload["spec"]["replicas"].as_u64().unwrap_or(1);
                let pods = pods_of(workload, &golden.namespace, &pods);
                let there = pods
                    .iter()
                    .filter(|pod| settled(golden, workload, pod))
                    .count();
                if (there as u64) < wanted {
                    missing.push(format!(
                        "{} of {}",
                        workload["metadata"]["name"], golden.name
                    ));
                }
            }
        }
        if missing.is_empty() {
            return Ok(pods);
        }
        // The list of all pods is not for nothing.
        std::thread::sleep(Duration::from_secs(1));
        anyhow::bail!("{}", missing.join(", "))
    })
}

/// By what an element of a list is known: containers, variables, volumes by name, mounts by path, ports by number.
fn identity(value: &Value) -> Option<(&'static str, &Value)> {
    ["mountPath", "containerPort", "name"]
        .into_iter()
        .find_map(|key| Some((key, value.get(key)?)))
}

/// What is expected and not stored. The API server's defaults may be there beside it.
fn missing(path: &str, expected: &Value, stored: &Value, found: &mut Vec<String>) {
    match (expected, stored) {
        (Value::Object(fields), Value::Object(_)) => {
            for (name, value) in fields {
                missing(&format!("{path}.{name}"), value, &stored[name], found);
            }
        }
        (Value::Array(items), Value::Array(others))
            if items.iter().all(|i| identity(i).is_some()) =>
        {
            for item in items {
                let (key, value) = identity(item).expect("just seen");
                let other = others.iter().find(|other| other[key] == *value);
                let path = format!("{path}[{value}]");
                missing(&path, item, other.unwrap_or(&Value::Null), found);
            }
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            for (at, (item, other)) in items.iter().zip(others).enumerate() {
                missing(&format!("{path}[{at}]"), item, other, found);
            }
        }
        _ if expected == stored => {}
        _ => found.push(format!("{path} is {stored}, not {expected}")),
    }
}

fn names(list: &Value) -> Vec<&str> {
    let items = list.as_array().into_iter().flatten();
    items
        .map(|item| text(&item["name"]))
        // The API server's own: the pod's account.
        .filter(|name| !name.starts_with("kube-api-access-"))
        .collect()
}

/// How a stored pod differs from the template that is checked in.
fn differences(expected: &Value, stored: &Value) -> Vec<String> {
    let mut found = Vec::new();
    missing(
        "annotations",
        &expected["metadata"]["annotations"],
        &stored["metadata"]["annotations"],
        &mut found,
    );
    missing("spec", &expected["spec"], &stored["spec"], &mut found);
    // Init containers start in their order. And nothing may be there that is not expected.
    for list in ["initContainers", "containers", "volumes"] {
        let (wanted, there) = (&expected["spec"][list], &stored["spec"][list]);
        if names(wanted) != names(there) {
            found.push(format!(
                "{list}: {:?}, not {:?}",
                names(there),
                names(wanted)
            ));
        }
    }
    found
}

#[test]
fn goldens_of_injection_are_what_the_webhook_makes_and_they_run() {
    let case = Case::alone();
    let all = goldens();
    let namespaces: Vec<&str> = all.iter().map(|golden| golden.namespace.as_str()).collect();
    case.owns_all(&namespaces);
    surroundings(&case, &all);
    let mut wrong = Vec::new();
    let refused = refusals(&case, &all, &mut wrong);
    let (not_run, run): (Vec<Golden>, Vec<Golden>) = all
        .into_iter()
        .filter(|golden| !golden.refused())
        .partition(|golden| golden.name == NOT_RUN);
    let started = Instant::now();
    start(&case, &run, &mut wrong);
    for golden in &not_run {
        let pod = json!(golden.workloads).to_string();
        let pod = pod.trim_start_matches('[').trim_end_matches(']');
        let mut command =
            case.kubectl()
                .command(["create", "--dry-run=server", "-o", "json", "-f", "-"]);
        let stored = output_of(&mut command, pod.as_bytes()).unwrap();
        let stored: Value = serde_json::from_str(&stored).unwrap();
        wrong.extend(
            differences(&golden.expected[0], &stored)
                .iter()
                .map(|what| format!("{}: {what}", golden.name)),
        );
    }
    let pods = settle(&case, &run);
    note(&format!(
        "every pod of {} goldens of injection runs {:.0} s after the first is made",
        run.len(),
        started.elapsed().as_secs_f64()
    ));
    for golden in &run {
        for expected in &golden.expected {
            for pod in pods_of(expected, &golden.namespace, &pods) {
                wrong.extend(
                    differences(template(expected), pod).iter().map(|what| {
                        format!("{}, {}: {what}", golden.name, pod["metadata"]["name"])
                    }),
                );
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(run.len() >= 30, "only {} goldens run", run.len());
    assert!(refused >= 10, "only {refused} are refused");
}
