//! A bounded load from a pod of the cluster: it goes on while the API server or the control plane is away.

use std::time::Duration;

use anyhow::Context;
use tulle_sample::load::Outcome;

use crate::case::Case;
use crate::images::SAMPLE;

/// A pod that sends a load and ends.
#[derive(Debug)]
pub struct Load<'a> {
    case: &'a Case,
    namespace: String,
    pod: String,
    seconds: u32,
}

/// What a load is.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// Namespace of the pod.
    pub namespace: &'a str,
    /// Name of the pod.
    pub pod: &'a str,
    /// Its `app` label, by which a VirtualNode selects it.
    pub app: &'a str,
    /// Where it calls: name or address, with port.
    pub to: &'a str,
    /// The Host header.
    pub host: &'a str,
    /// Requests a second.
    pub rate: u32,
    /// How long.
    pub seconds: u32,
    /// Whether it runs beside a sidecar; else it is outside the mesh.
    pub injected: bool,
}

impl<'a> Load<'a> {
    /// Starts the pod and waits until the load is being sent.
    pub fn start(case: &'a Case, plan: &Plan<'_>) -> Self {
        let Plan {
            namespace,
            pod,
            app,
            to,
            host,
            rate,
            seconds,
            injected,
        } = *plan;
        let switch = if injected { "enabled" } else { "disabled" };
        case.apply(&format!(
            "apiVersion: v1
kind: Pod
metadata:
  name: {pod}
  namespace: {namespace}
  labels: {{app: {app}}}
  annotations: {{appmesh.k8s.aws/sidecarInjectorWebhook: {switch}}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: {SAMPLE}
    imagePullPolicy: Never
    args: [load, --to, '{to}', --host, '{host}', --rate, '{rate}', --seconds, '{seconds}', --connections, '8']
    resources: {{requests: {{cpu: 5m, memory: 8Mi}}}}
"
        ));
        let load = Self {
            case,
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            seconds,
        };
        case.eventually("the load to start", Duration::from_secs(60), || {
            let found = case.kubectl().get(&format!("pod {pod} -n {namespace}"))?;
            let states = found["status"]["containerStatuses"].as_array();
            let app = states
                .and_then(|all| all.iter().find(|state| state["name"] == "app"))
                .context("no state of the container")?;
            anyhow::ensure!(
                app["state"]["waiting"].is_null(),
                "the container waits: {}",
                app["state"]
            );
            Ok(())
        });
        load
    }

    /// Waits for its end and returns what came of it.
    pub fn outcome(self) -> Outcome {
        let Self {
            case,
            namespace,
            pod,
            seconds,
        } = self;
        // The application has ended when its container has; the pod a little later, with its sidecar.
        let limit = Duration::from_secs(u64::from(seconds) + 60);
        let outcome = case.eventually(&format!("{pod} to end"), limit, || {
            let log = case
                .kubectl()
                .run(&format!("logs {pod} -n {namespace} -c app"))?;
            let line = log.lines().rev().find(|line| line.starts_with('{'));
            serde_json::from_str::<Outcome>(line.context("no report yet")?).context(log.clone())
        });
        eprintln!("{pod}: {outcome:?}");
        let _ = case
            .kubectl()
            .run(&format!("delete pod {pod} -n {namespace} --wait=false"));
        outcome
    }
}
