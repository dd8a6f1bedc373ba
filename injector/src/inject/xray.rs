//! The X-Ray daemon beside an Envoy, and beside an application that sends it segments of its own.

use serde_json::{Value, json};

use super::names::{XRAY, XRAY_CONFIG};
use super::settings::XrayLogLevel;
use super::{InjectConfig, Rejection, Resources, annotations, edit, envoy, tuning};

/// Where the daemon listens unless it is told otherwise.
const USUAL_PORT: u16 = 2000;

/// Adds the container, if the settings want one and the pod has none.
pub(super) fn apply(
    pod: &mut Value,
    resources: &Resources,
    config: &InjectConfig,
    warnings: &mut Vec<String>,
) -> Result<(), Rejection> {
    let mount = annotations::xray_config(pod)?;
    let is_daemon = |container: &Value| edit::name(container) == XRAY;
    let there = edit::items(pod, "containers").any(is_daemon)
        || edit::items(pod, "initContainers").any(is_daemon);
    if there || !tuning::wants_daemon(config) {
        if mount.is_some() {
            warnings.push(format!(
                "annotation {XRAY_CONFIG} has no effect: no X-Ray daemon is injected"
            ));
        }
        return Ok(());
    }
    let container = container(mount, resources, config);
    let spec = edit::spec(pod)?;
    if config.native() {
        edit::list(spec, "initContainers")?.push(container);
    } else {
        edit::list(spec, "containers")?.push(container);
    }
    Ok(())
}

fn container(
    mount: Option<(String, String)>,
    resources: &Resources,
    config: &InjectConfig,
) -> Value {
    let tracing = &config.tracing;
    let port = tracing.port.unwrap_or(USUAL_PORT);
    let mut container = json!({
        "name": XRAY,
        "image": config.xray.image,
        "env": [{ "name": "AWS_REGION", "value": tracing.region }],
        "ports": [{ "name": "xray", "containerPort": port, "protocol": "UDP" }],
        "resources": envoy::resources(resources),
        "securityContext": envoy::security(),
    });
    match mount {
        Some((volume, path)) => {
            let file = format!("{}/xray-daemon.yaml", path.trim_end_matches('/'));
            container["command"] = json!(["/xray", "--config", envoy::literal(&file)]);
            container["volumeMounts"] =
                json!([{ "name": volume, "mountPath": path, "readOnly": true }]);
        }
        None => {
            let mut arguments = Vec::new();
            if port != USUAL_PORT {
                let address = format!("0.0.0.0:{port}");
                arguments.extend(["--bind".to_owned(), address.clone()]);
                arguments.extend(["--bind-tcp".to_owned(), address]);
            }
            if tracing.log_level != XrayLogLevel::Prod {
                let level = tracing.log_level.as_str().to_owned();
                arguments.extend(["--log-level".to_owned(), level]);
            }
            if !tracing.role.is_empty() {
                arguments.extend(["--role-arn".to_owned(), envoy::literal(&tracing.role)]);
            }
            if !arguments.is_empty() {
                container["args"] = json!(arguments);
            }
        }
    }
    if config.native() {
        container["restartPolicy"] = json!("Always");
    }
    envoy::set_pull_policy(&mut container, config);
    container
}
