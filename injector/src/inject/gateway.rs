//! Pods of a VirtualGateway: the user's container `envoy`, made to run stock Envoy.

use serde_json::{Value, json};

use super::annotations::{self, is};
use super::environment::{self, Environment};
use super::names::{
    ENVOY, INBOUND_PORTS, PROBES, PROXY, SHARED_VOLUME, SKIP_IMAGE, TMP_VOLUME, TOKEN_VOLUME,
    WARNINGS, is_own,
};
use super::probes::Plan;
use super::tuning::{self, Mount, Place, Tuning};
use super::{
    Candidate, InjectConfig, Rejection, edit, envoy, logs, merge, overlay, quantity, sds, xray,
};
use crate::bootstrap::{ADMIN_PORT, STATS_PORT};

/// Between the end of a container's hook and the end of the pod's patience.
const LEEWAY_SECONDS: u32 = 5;
/// Until nobody sends new connections to a pod that ends.
const SETTLING_SECONDS: u32 = 5;
/// Ports below need a privilege, or this setting.
const UNPRIVILEGED: u16 = 1024;
const PORT_START: &str = "net.ipv4.ip_unprivileged_port_start";
/// As the API server defaults it.
const DEFAULT_GRACE: u64 = 30;

/// Makes the container. `false` if there is none.
pub(super) fn apply(
    pod: &mut Value,
    candidate: &Candidate,
    config: &InjectConfig,
    warnings: &mut Vec<String>,
) -> Result<bool, Rejection> {
    if let Some(port) = candidate.ports.iter().copied().find(|port| is_own(*port)) {
        let by = candidate.id.to_string();
        return Err(Rejection::OwnPort { by, port });
    }
    let Some(index) = edit::items(pod, "containers").position(|c| edit::name(c) == ENVOY) else {
        warnings.push(format!(
            "{} selects the pod, but none of its containers is named {ENVOY}",
            candidate.id
        ));
        return Ok(false);
    };
    edit::forget(pod, &[INBOUND_PORTS, PROBES, WARNINGS]);
    envoy::volumes(pod)?;
    envoy::pull_secrets(pod, config)?;
    let keep_image = is(edit::annotation(pod, SKIP_IMAGE), "enabled");
    let stats = envoy::stats_port(pod);
    let sds_socket = sds::wanted(pod, config);
    let sds_mount = sds_socket
        .as_deref()
        .map(|socket| sds::mount(pod, socket))
        .transpose()?;
    let mut all = mounts(container(pod, index)?, sds_mount)?;
    logs::apply(pod, candidate, &mut all, warnings)?;
    let container = container(pod, index)?;
    container["volumeMounts"] = json!(all);
    if !keep_image {
        container["image"] = json!(config.envoy_image);
        envoy::set_pull_policy(container, config);
    }
    environment(container)?;
    let place = Place {
        candidate,
        config,
        ports: &candidate.ports,
        mounts: Mount::of(&all),
        sds_socket: sds_socket.clone(),
    };
    let env = Environment::of(edit::list(container, "env")?);
    let tuning = tuning::tuning(&env, &place, warnings)?;
    tune(container, &tuning)?;
    let stop_seconds = tuning.stop_seconds.unwrap_or(config.gateway_stop_seconds);
    command(container, &place, &tuning, stop_seconds)?;
    stats_port(container, stats)?;
    probes(container, keep_image, warnings);
    security(container)?;
    let stop = stop_hook(container, config, stop_seconds)?;
    merge::apply(pod, &tuning.files, &all, config)?;
    let resources = annotations::resources(pod, &config.resources)?;
    xray::apply(pod, &resources, config, warnings)?;

    if let Some(seconds) = stop {
        let needed = u64::from(seconds + LEEWAY_SECONDS);
        let spec = edit::spec(pod)?;
        let grace = spec["terminationGracePeriodSeconds"].as_u64();
        if grace.unwrap_or(DEFAULT_GRACE) < needed {
            spec["terminationGracePeriodSeconds"] = json!(needed);
        }
    }
    if candidate.ports.iter().any(|port| *port < UNPRIVILEGED) {
        unprivileged_ports(pod)?;
    }
    edit::annotate(pod, PROXY, candidate.id.to_string())?;
    Ok(true)
}

/// Variables and a mount that Envoy's settings need.
fn tune(container: &mut Value, tuning: &Tuning) -> Result<(), Rejection> {
    edit::list(container, "env")?.extend(tuning.env.iter().cloned());
    if !tuning.files.is_empty() {
        edit::list(container, "volumeMounts")?.push(merge::mount());
    }
    Ok(())
}

fn command(
    container: &mut Value,
    place: &Place<'_>,
    tuning: &Tuning,
    stop_seconds: u32,
) -> Result<(), Rejection> {
    let limit = container["resources"]["limits"]["cpu"].as_str();
    let workers = limit.and_then(quantity::cpus);
    // Whatever is draining is gone before the container is.
    let drain = place
        .config
        .drain_seconds
        .min(stop_seconds.saturating_sub(SETTLING_SECONDS));
    let overlay = overlay::argument(
        &tuning.bootstrap,
        &Plan::default(),
        place.config.both_families(),
    )?;
    container["command"] = json!(["envoy"]);
    container["args"] = json!(envoy::arguments(
        place.candidate,
        tuning,
        drain,
        workers,
        overlay
    ));
    Ok(())
}

/// The user's variables stay: what those of App Mesh's image mean is told Envoy otherwise.
fn environment(container: &mut Value) -> Result<(), Rejection> {
    let env = edit::list(container, "env")?;
    for known in env.iter_mut() {
        if let (name, Some(value)) = (edit::name(known), known["value"].as_str()) {
            *known = environment::variable(name, value);
        }
    }
    for (name, value) in envoy::identity() {
        let variable = json!({ "name": name, "valueFrom": value });
        match env.iter_mut().find(|known| edit::name(known) == name) {
            Some(known) => *known = variable,
            None => env.push(variable),
        }
    }
    Ok(())
}

fn container(pod: &mut Value, index: usize) -> Result<&mut Value, Rejection> {
    edit::list(edit::spec(pod)?, "containers")?
        .get_mut(index)
        .ok_or_else(|| Rejection::Malformed("containers".to_owned()))
}

/// The container's mounts with ours.
fn mounts(container: &mut Value, sds: Option<Value>) -> Result<Vec<Value>, Rejection> {
    let mut mounts = edit::list(container, "volumeMounts")?.clone();
    if let Some(mount) = sds
        && !mounts
            .iter()
            .any(|known| edit::name(known) == edit::name(&mount))
    {
        mounts.push(mount);
    }
    for mount in envoy::mounts() {
        let path = &mount["mountPath"];
        match mounts.iter().find(|known| known["mountPath"] == *path) {
            None => mounts.push(mount),
            Some(known) if [SHARED_VOLUME, TOKEN_VOLUME].contains(&edit::name(known)) => {}
            // Where the user lets Envoy write, if at all.
            Some(_) if edit::name(&mount) == TMP_VOLUME => {}
            Some(_) => {
                return Err(Rejection::Taken {
                    what: format!("a mount at {}", path.as_str().unwrap_or_default()),
                });
            }
        }
    }
    Ok(mounts)
}

/// A port that stood for Envoy's admin interface goes on meaning its figures.
fn stats_port(container: &mut Value, stats: Value) -> Result<(), Rejection> {
    let ports = edit::list(container, "ports")?;
    if ports.iter().any(|port| port["containerPort"] == STATS_PORT) {
        return Ok(());
    }
    match ports
        .iter_mut()
        .find(|port| port["containerPort"] == ADMIN_PORT)
    {
        Some(admin) => admin["containerPort"] = json!(STATS_PORT),
        None => ports.push(stats),
    }
    Ok(())
}

/// Probes that cannot succeed with stock Envoy give way: it has no shell, and its admin interface is on loopback.
fn probes(container: &mut Value, keep_image: bool, warnings: &mut Vec<String>) {
    let Some(fields) = container.as_object_mut() else {
        return;
    };
    for field in ["livenessProbe", "startupProbe", "readinessProbe"] {
        let Some(probe) = fields.get(field).filter(|probe| probe.is_object()) else {
            continue;
        };
        let of_admin = ["httpGet", "tcpSocket"]
            .iter()
            .any(|handler| probe[handler]["port"] == ADMIN_PORT);
        if of_admin || (probe["exec"].is_object() && !keep_image) {
            fields.remove(field);
            warnings.push(format!(
                "{field} of container {ENVOY} is left out: stock Envoy has no shell, and its admin interface is on loopback"
            ));
        }
    }
    if !fields.get("readinessProbe").is_some_and(Value::is_object) {
        fields.insert("readinessProbe".to_owned(), envoy::readiness(5, 3));
    }
}

/// What the user says about the container's rights counts.
fn security(container: &mut Value) -> Result<(), Rejection> {
    let security = edit::object(container, "securityContext")?;
    let root = security.get("runAsUser").and_then(Value::as_u64) == Some(0);
    for (field, value) in envoy::security() {
        if field == "runAsNonRoot" && root {
            continue;
        }
        security.entry(field).or_insert(value);
    }
    Ok(())
}

/// Keeps the gateway going while it is taken out of service. Gives the seconds of a hook of ours.
fn stop_hook(
    container: &mut Value,
    config: &InjectConfig,
    seconds: u32,
) -> Result<Option<u32>, Rejection> {
    if seconds == 0 || !config.can_sleep() {
        return Ok(None);
    }
    let lifecycle = edit::object(container, "lifecycle")?;
    if lifecycle.get("preStop").is_some_and(Value::is_object) {
        return Ok(None);
    }
    lifecycle.insert(
        "preStop".to_owned(),
        envoy::stop_after(seconds)["preStop"].take(),
    );
    Ok(Some(seconds))
}

/// Lets Envoy listen on the low ports of its gateway without being root.
fn unprivileged_ports(pod: &mut Value) -> Result<(), Rejection> {
    let spec = edit::spec(pod)?;
    edit::object(spec, "securityContext")?;
    let sysctls = edit::list(&mut spec["securityContext"], "sysctls")?;
    if !sysctls.iter().any(|known| edit::name(known) == PORT_START) {
        sysctls.push(json!({ "name": PORT_START, "value": "0" }));
    }
    Ok(())
}
