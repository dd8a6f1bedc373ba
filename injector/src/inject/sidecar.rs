//! Envoy beside an application.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::annotations::Wishes;
use super::environment::{self, Environment};
use super::names::{
    DEFAULT_CONTAINER, ENVOY, ENVOY_USER, INBOUND_PORTS, PORTS, PROBES, PROXY, WARNINGS, is_own,
};
use super::probes::Plan;
use super::tuning::{self, Mount, Place, Tuning};
use super::{
    Candidate, InjectConfig, Rejection, Resources, capture, edit, envoy, list, logs, merge,
    overlay, probes, sds, xray,
};

/// Ten minutes of a question each second: whoever waits longer has another problem, which a new Envoy may not have.
const STARTUP_FAILURES: u32 = 600;
/// As the API server defaults it.
const DEFAULT_GRACE: u64 = 30;

/// Adds redirection and Envoy. `false` if the pod has an Envoy of its user's making, which is left as it is.
pub(super) fn apply(
    pod: &mut Value,
    candidate: &Candidate,
    config: &InjectConfig,
    warnings: &mut Vec<String>,
) -> Result<bool, Rejection> {
    let wishes = Wishes::of(pod, config)?;
    let ports = wishes.ports.as_ref().unwrap_or(&candidate.ports);
    if let Some(port) = ports.iter().copied().find(|port| is_own(*port)) {
        let by = match &wishes.ports {
            Some(_) => format!("annotation {PORTS}"),
            None => format!("{}", candidate.id),
        };
        return Err(Rejection::OwnPort { by, port });
    }
    let is_envoy = |container: &Value| edit::name(container) == ENVOY;
    if edit::items(pod, "containers").any(is_envoy)
        || edit::items(pod, "initContainers").any(is_envoy)
    {
        warnings.push(format!(
            "the pod has a container named {ENVOY} already, which is left as it is: it is no part of Tulle's mesh"
        ));
        capture::apply(pod, &wishes, ports, config)?;
        return Ok(false);
    }
    warn(pod, config, warnings);

    edit::forget(pod, &[INBOUND_PORTS, PROBES, WARNINGS]);
    envoy::volumes(pod)?;
    let mut plan = Plan::default();
    probes::rewrite(pod, ports, &mut plan, warnings)?;
    let mut mounts = mounts(pod, &wishes, config)?;
    logs::apply(pod, candidate, &mut mounts, warnings)?;
    let env = env(&wishes);
    let place = Place {
        candidate,
        config,
        ports,
        mounts: Mount::of(&mounts),
        sds_socket: sds::wanted(pod, config),
    };
    let tuning = tuning::tuning(&Environment::of(&env), &place, warnings)?;
    let container = Container {
        env,
        mounts,
        tuning: &tuning,
    }
    .of(pod, &place, &wishes.resources, &plan)?;
    let default = edit::items(pod, "containers")
        .next()
        .map(|first| edit::name(first).to_owned());

    capture::apply(pod, &wishes, ports, config)?;
    extra_volumes(pod, &wishes, warnings)?;
    envoy::pull_secrets(pod, config)?;
    let mounts = container["volumeMounts"].as_array().cloned();
    merge::apply(pod, &tuning.files, &mounts.unwrap_or_default(), config)?;
    xray::apply(pod, &wishes.resources, config, warnings)?;
    let spec = edit::spec(pod)?;
    if config.native() {
        edit::list(spec, "initContainers")?.push(container);
    } else {
        // First to start of all that start together, so that it has the longest time to get ready.
        edit::list(spec, "containers")?.insert(0, container);
    }

    edit::annotate(pod, PROXY, candidate.id.to_string())?;
    if !ports.is_empty() {
        edit::annotate(pod, INBOUND_PORTS, list::join(ports))?;
    }
    plan.record(pod)?;
    if let Some(default) = default.filter(|_| edit::annotation(pod, DEFAULT_CONTAINER).is_none()) {
        edit::annotate(pod, DEFAULT_CONTAINER, default)?;
    }
    Ok(true)
}

/// Looks over a pod that has been injected: others may have added containers since.
pub(super) fn refresh(
    pod: &mut Value,
    config: &InjectConfig,
    warnings: &mut Vec<String>,
) -> Result<(), Rejection> {
    let captured = match edit::annotation(pod, INBOUND_PORTS) {
        Some(text) => list::ports(INBOUND_PORTS, text)?,
        None => BTreeSet::new(),
    };
    let recorded = Plan::recorded(pod)?;
    let mut plan = recorded.clone();
    probes::rewrite(pod, &captured, &mut plan, warnings)?;
    if plan == recorded {
        return Ok(());
    }
    plan.record(pod)?;
    let spec = edit::spec(pod)?;
    for list in ["initContainers", "containers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        let envoy = |container: &&mut Value| edit::name(container) == ENVOY;
        for container in containers.into_iter().flatten().filter(envoy) {
            set_probes(container, &plan, config)?;
        }
    }
    Ok(())
}

fn set_probes(container: &mut Value, plan: &Plan, config: &InjectConfig) -> Result<(), Rejection> {
    let (listeners, clusters) = probes::parts(plan, config.both_families());
    let arguments = edit::list(container, "args")?;
    let option = arguments.iter().position(|known| known == envoy::OVERLAY);
    let value = option
        .map(|option| option + 1)
        .filter(|value| *value < arguments.len());
    let known = value.and_then(|value| arguments[value].as_str());
    let Some(overlay) = overlay::with_probes(known.unwrap_or_default(), listeners, clusters)?
    else {
        return Ok(());
    };
    match value {
        Some(value) => arguments[value] = Value::String(overlay),
        None => arguments.extend([json!(envoy::OVERLAY), Value::String(overlay)]),
    }
    Ok(())
}

/// The container's variables.
fn env(wishes: &Wishes) -> Vec<Value> {
    let mut env = Vec::new();
    for (name, value) in envoy::identity() {
        env.push(json!({ "name": name, "valueFrom": value }));
    }
    for (name, value) in &wishes.env {
        if !envoy::identity().iter().any(|(known, _)| known == name) {
            env.push(environment::variable(name, value));
        }
    }
    env
}

/// The container's mounts; adds the volume of the SDS server's socket.
fn mounts(
    pod: &mut Value,
    wishes: &Wishes,
    config: &InjectConfig,
) -> Result<Vec<Value>, Rejection> {
    let mut mounts = Vec::new();
    for (name, path) in wishes.secret_mounts.iter().chain(&wishes.volume_mounts) {
        mounts.push(json!({ "name": name, "mountPath": path, "readOnly": true }));
    }
    if let Some(socket) = sds::wanted(pod, config) {
        let mount = sds::mount(pod, &socket)?;
        if !wishes.volume_mounts.contains_key(edit::name(&mount)) {
            mounts.push(mount);
        }
    }
    let taken = |mount: &Value| {
        mounts
            .iter()
            .any(|known| known["mountPath"] == mount["mountPath"])
    };
    let mut all: Vec<Value> = envoy::mounts()
        .into_iter()
        .filter(|mount| !taken(mount))
        .collect();
    all.append(&mut mounts);
    Ok(all)
}

/// What the container is made of.
struct Container<'a> {
    env: Vec<Value>,
    mounts: Vec<Value>,
    tuning: &'a Tuning,
}

impl Container<'_> {
    fn of(
        mut self,
        pod: &Value,
        place: &Place<'_>,
        resources: &Resources,
        plan: &Plan,
    ) -> Result<Value, Rejection> {
        let config = place.config;
        let arguments = envoy::arguments(
            place.candidate,
            self.tuning,
            config.drain_seconds,
            Some(envoy::workers(resources)),
            overlay::argument(&self.tuning.bootstrap, plan, config.both_families())?,
        );
        self.env.extend(self.tuning.env.iter().cloned());
        if !self.tuning.files.is_empty() {
            self.mounts.push(merge::mount());
        }
        let mut container = json!({
            "name": ENVOY,
            "image": config.envoy_image,
            "command": ["envoy"],
            "args": arguments,
            "env": self.env,
            "ports": [envoy::stats_port(pod)],
            "resources": envoy::resources(resources),
            "volumeMounts": self.mounts,
            "securityContext": envoy::security(),
            "startupProbe": envoy::readiness(1, STARTUP_FAILURES),
            "readinessProbe": envoy::readiness(10, 3),
        });
        envoy::set_pull_policy(&mut container, config);
        if config.native() {
            container["restartPolicy"] = json!("Always");
            return Ok(container);
        }
        let grace = pod["spec"]["terminationGracePeriodSeconds"]
            .as_u64()
            .unwrap_or(DEFAULT_GRACE);
        let wanted = self.tuning.stop_seconds;
        // A hook may not take longer than the pod has.
        let seconds = u64::from(wanted.unwrap_or(config.sidecar_stop_seconds)).min(grace);
        if let Some(seconds) = u32::try_from(seconds)
            .ok()
            .filter(|seconds| *seconds > 0 && config.can_sleep())
        {
            container["lifecycle"] = envoy::stop_after(seconds);
        }
        Ok(container)
    }
}

/// Volumes that Envoy alone mounts because the pod's annotations ask for it.
fn extra_volumes(
    pod: &mut Value,
    wishes: &Wishes,
    warnings: &mut Vec<String>,
) -> Result<(), Rejection> {
    let volumes = edit::list(edit::spec(pod)?, "volumes")?;
    for name in wishes.secret_mounts.keys() {
        edit::add(
            volumes,
            json!({ "name": name, "secret": { "secretName": name } }),
            "volume",
            |known| known["secret"]["secretName"] == name.as_str(),
        )?;
    }
    for name in wishes.volume_mounts.keys() {
        if !volumes.iter().any(|volume| edit::name(volume) == name) {
            warnings.push(format!(
                "annotation {}: the pod has no volume {name}",
                super::names::VOLUME_MOUNTS
            ));
        }
    }
    Ok(())
}

/// Says what will not work as the user may expect.
fn warn(pod: &Value, config: &InjectConfig, warnings: &mut Vec<String>) {
    let pod_user = &pod["spec"]["securityContext"]["runAsUser"];
    for container in edit::items(pod, "containers") {
        let own = &container["securityContext"]["runAsUser"];
        let user = if own.is_null() { pod_user } else { own };
        if user.as_u64() == Some(ENVOY_USER.into()) {
            warnings.push(format!(
                "container {} runs as Envoy's user {ENVOY_USER}: what it sends does not go through the mesh",
                edit::name(container)
            ));
        }
        for port in container["ports"].as_array().into_iter().flatten() {
            let number = port["containerPort"].as_u64().unwrap_or_default();
            if u16::try_from(number).is_ok_and(is_own) {
                warnings.push(format!(
                    "container {} listens on {number}, which is Envoy's own port",
                    edit::name(container)
                ));
            }
        }
    }
    let ends = ["Never", "OnFailure"].map(|policy| pod["spec"]["restartPolicy"] == policy);
    if !config.native() && ends.contains(&true) {
        warnings.push(
            "Envoy is no native sidecar here, so that this pod does not complete by itself"
                .to_owned(),
        );
    }
}
