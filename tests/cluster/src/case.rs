//! What a test on the cluster holds in its hands.

mod control_plane;

use std::cell::RefCell;
use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;
use tulle_sample::http_client::{Answer, Call};

use crate::command::{output_of, run};
use crate::kubectl::Kubectl;
use crate::manifests;
use crate::run::Run;
use crate::tulle;

/// How long a case waits for what an earlier one has left.
const SETTLE: Duration = Duration::from_secs(120);

fn is_ending(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// Cases that stop what others need run alone.
static CLUSTER: RwLock<()> = RwLock::new(());

#[derive(Debug)]
#[expect(dead_code, reason = "held, not read")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// A running case. When it fails, pods, events and logs of its namespaces are printed; whatever happens,
/// its namespaces and meshes are deleted.
#[derive(Debug)]
pub struct Case {
    /// The cluster.
    pub cluster: Run,
    kubectl: Kubectl,
    namespaces: RefCell<Vec<String>>,
    meshes: RefCell<Vec<String>>,
    _turn: Turn,
}

impl Case {
    /// A case that runs beside others.
    pub fn shared() -> Self {
        let turn = CLUSTER.read().unwrap_or_else(PoisonError::into_inner);
        let case = Self::new(Turn::Shared(turn));
        case.settles("the control plane to be whole", || case.is_whole());
        case
    }

    /// A case that runs alone: it stops the control plane or the API server, or measures. What earlier cases have left
    /// behind is gone by then: their pods would count among its own, and what becomes of them is sent to proxies.
    pub fn alone() -> Self {
        let turn = CLUSTER.write().unwrap_or_else(PoisonError::into_inner);
        let case = Self::new(Turn::Alone(turn));
        case.settles("the control plane to be whole", || case.is_whole());
        case.settles("namespaces of earlier cases to go", || {
            let namespaces = case.kubectl.list("namespaces")?;
            let left = namespaces.iter().find(|one| is_ending(one));
            anyhow::ensure!(
                left.is_none(),
                "{}",
                left.unwrap_or(&Value::Null)["metadata"]["name"]
            );
            Ok(())
        });
        case
    }

    /// Waits for what another case may have left undone; if that fails, it is the other's fault and not this one's.
    fn settles(&self, what: &str, mut ask: impl FnMut() -> anyhow::Result<()>) {
        let end = Instant::now() + SETTLE;
        while let Err(error) = ask() {
            if Instant::now() > end {
                eprintln!("waited {SETTLE:?} for {what}, and goes on: {error:#}");
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn new(turn: Turn) -> Self {
        let cluster = Run::from_environment().expect("a cluster");
        Self {
            kubectl: Kubectl::new(&cluster),
            cluster,
            namespaces: RefCell::default(),
            meshes: RefCell::default(),
            _turn: turn,
        }
    }

    /// `kubectl`.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// Makes sure that nothing of an earlier run is left of this namespace and the mesh of its name, and takes
    /// both away at the end. Making them is the case's own business.
    pub fn owns(&self, namespace: &str) {
        self.owns_all(&[namespace]);
    }

    /// The same for many.
    pub fn owns_all(&self, namespaces: &[&str]) {
        let names = || namespaces.iter().map(|&name| name.to_owned());
        self.namespaces.borrow_mut().extend(names());
        self.meshes.borrow_mut().extend(names());
        self.run(&format!(
            "delete namespace {} --ignore-not-found --wait --timeout=120s",
            namespaces.join(" ")
        ));
        self.delete_meshes(&namespaces.join(" "));
    }

    /// `kubectl apply`.
    pub fn apply(&self, manifest: &str) {
        self.kubectl.apply(manifest).expect("applied");
    }

    /// A mesh and an injected namespace, both of this name.
    pub fn mesh(&self, name: &str) {
        self.owns(name);
        self.apply(&manifests::mesh(name));
        self.run(&format!(
            "wait --for=create serviceaccount/default -n {name} --timeout=60s"
        ));
    }

    /// `kubectl` with arguments separated by spaces; the case fails if it does.
    pub fn run(&self, words: &str) -> String {
        self.kubectl
            .run(words)
            .unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// An object as JSON; `words` are those after `kubectl get`.
    pub fn get(&self, words: &str) -> Value {
        self.kubectl
            .get(words)
            .unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// The items of a list.
    pub fn list(&self, words: &str) -> Vec<Value> {
        self.kubectl
            .list(words)
            .unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Waits until all pods of these Deployments are ready, no longer than a handful of pods may take.
    pub fn ready(&self, namespace: &str, deployments: &[&str]) {
        self.ready_within(namespace, deployments, 90);
    }

    /// The same with a limit in seconds for each.
    pub fn ready_within(&self, namespace: &str, deployments: &[&str], seconds: u32) {
        for name in deployments {
            self.run(&format!(
                "rollout status deployment/{name} -n {namespace} --timeout={seconds}s"
            ));
        }
    }

    /// Names of the running pods of an application that are not being ended.
    pub fn pods(&self, namespace: &str, app: &str) -> Vec<String> {
        self.list(&format!("pods -n {namespace} -l app={app}"))
            .iter()
            .filter(|pod| !is_ending(pod))
            .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned))
            .collect()
    }

    /// A pod of the Deployment that is labelled `app: NAME` as it is called, and that is not being ended: of two, kubectl
    /// would take the older one, which after a rollout is the one that goes.
    fn pod_of(&self, namespace: &str, app: &str) -> anyhow::Result<String> {
        let pods = self
            .kubectl
            .list(&format!("pods -n {namespace} -l app={app}"))?;
        let mut stay = pods.iter().filter(|pod| {
            let owner = &pod["metadata"]["ownerReferences"][0]["kind"];
            !is_ending(pod) && owner == "ReplicaSet"
        });
        let name = stay.next().context("no pod of it stays")?["metadata"]["name"].as_str();
        Ok(name.context("a name")?.to_owned())
    }

    /// A command in a container of a pod (`POD`, or `deployment/NAME`).
    pub fn exec(&self, namespace: &str, pod: &str, container: &str, words: &[&str]) -> Command {
        let found = match pod.strip_prefix("deployment/") {
            Some(app) => self.pod_of(namespace, app).ok(),
            None => None,
        };
        // What is not found is told by kubectl.
        let pod = found.as_deref().unwrap_or(pod);
        let mut command = self
            .kubectl
            .command(["exec", "-i", "-n", namespace, pod, "-c", container, "--"]);
        command.args(words);
        command
    }

    /// Plays requests from the sample application's container of a pod.
    pub fn play(&self, namespace: &str, pod: &str, calls: &[Call]) -> anyhow::Result<Vec<Answer>> {
        let input = serde_json::to_vec(calls)?;
        let mut command = self.exec(
            namespace,
            pod,
            "app",
            &["/usr/local/bin/tulle-sample", "play"],
        );
        let printed = output_of(&mut command, &input)?;
        serde_json::from_str(&printed).context("answers")
    }

    /// Plays requests from outside the mesh: from the node, whose network the tests run in.
    pub fn play_outside(&self, calls: &[Call]) -> Vec<Answer> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(tulle_sample::http_client::play(calls.to_vec()))
    }

    /// The cluster address of a Service.
    pub fn cluster_ip(&self, namespace: &str, service: &str) -> String {
        let found = self.get(&format!("service {service} -n {namespace}"));
        found["spec"]["clusterIP"]
            .as_str()
            .unwrap_or_else(|| panic!("{service} has no address"))
            .to_owned()
    }

    /// A page of a pod's Envoy's admin interface, which only the pod itself can reach: through the pod's own network.
    pub fn envoy(&self, namespace: &str, pod: &str, path: &str) -> anyhow::Result<String> {
        let call = call("127.0.0.1:9901", "localhost", path);
        let answer = self.play(namespace, pod, &[call])?.pop();
        let answer = answer.context("an answer")?;
        anyhow::ensure!(
            answer.status == 200,
            "{path}: {} {}",
            answer.status,
            answer.text
        );
        Ok(answer.text)
    }

    /// Asks again until the answer is good; panics with the last error after `limit`.
    pub fn eventually<T>(
        &self,
        what: &str,
        limit: Duration,
        mut ask: impl FnMut() -> anyhow::Result<T>,
    ) -> T {
        let end = Instant::now() + limit;
        loop {
            match ask() {
                Ok(answer) => return answer,
                Err(error) if Instant::now() > end => {
                    panic!("waited {limit:?} for {what}: {error:#}")
                }
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn delete_meshes(&self, meshes: &str) {
        if meshes.is_empty() {
            return;
        }
        // Absent when the CRD is.
        let _ = self.kubectl.run(&format!(
            "delete meshes.appmesh.k8s.aws {meshes} --ignore-not-found --wait=false"
        ));
    }

    fn tell(&self) {
        let show = |words: &str| match self.kubectl.run(words) {
            Ok(text) => eprintln!("--- kubectl {words}\n{text}"),
            Err(error) => eprintln!("--- {error:#}"),
        };
        for namespace in self.namespaces.borrow().iter() {
            show(&format!("get all -o wide -n {namespace}"));
            show(&format!(
                "get events -n {namespace} --sort-by=.lastTimestamp"
            ));
            let Ok(pods) = self.kubectl.list(&format!("pods -n {namespace}")) else {
                continue;
            };
            for pod in pods.iter().take(8) {
                let name = pod["metadata"]["name"].as_str().unwrap_or_default();
                show(&format!(
                    "logs {name} -n {namespace} --all-containers --prefix --tail=25"
                ));
            }
        }
        show(&format!(
            "logs -n {} -l app.kubernetes.io/name=tulle --prefix --tail=60",
            tulle::NAMESPACE
        ));
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tell();
        }
        let namespaces = self.namespaces.borrow().join(" ");
        if !namespaces.is_empty() {
            let _ = self.kubectl.run(&format!(
                "delete namespace {namespaces} --ignore-not-found --wait=false"
            ));
        }
        self.delete_meshes(&self.meshes.borrow().join(" "));
    }
}

/// A GET request to an address.
pub fn call(to: &str, host: &str, path: &str) -> Call {
    serde_json::from_value(serde_json::json!({ "id": path, "to": to, "host": host, "path": path }))
        .unwrap_or_else(|error| panic!("{to}: {error}"))
}

/// Runs a program to its end; the case fails if it does.
pub fn must(command: &mut Command) -> String {
    run(command).unwrap_or_else(|error| panic!("{error:#}"))
}
