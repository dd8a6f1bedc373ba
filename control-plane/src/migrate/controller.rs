//! Values of the chart `appmesh-controller`, as values of Tulle's.

use serde_json::{Map, Value};

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Becomes {
    /// A value of this path.
    Path(&'static str),
    /// Values of these paths, all of them.
    Paths(&'static [&'static str]),
    /// Envoy's image, unless it is AWS's.
    EnvoyImage(&'static str),
    /// The X-Ray daemon's image, unless it is the one that Tulle takes by itself.
    XrayImage,
    /// A log level, in Envoy's words.
    LogLevel(&'static str),
    /// Annotations of the service account, without IAM's.
    Annotations(&'static str),
    /// Nothing, for this reason.
    Nothing(&'static str),
}

use Becomes::{Annotations, EnvoyImage, LogLevel, Nothing, Path, Paths, XrayImage};

const NO_AWS: Becomes = Nothing("no AWS endpoint is called");
const ADMIN: Becomes = Nothing(
    "the admin interface is for the pod alone, 9901 on loopback; figures are on `stats`, 15090",
);
const NATIVE: Becomes = Nothing("with native sidecars the application starts when Envoy is ready");
const CAPTURE: Becomes = Nothing("the control plane's own image redirects traffic");
const REGISTERS_NOTHING: Becomes = Nothing("nothing is registered in Cloud Map");
const ONE: Becomes = Nothing("one Tulle in a cluster, names are fixed");
const PROBES: Becomes = Nothing("readiness is HTTP on 15021");
const OWN: Becomes = Nothing("it is the old controller's own image");
const ACCOUNT: Becomes = Nothing("always made, named `tulle`");
const TLS: Becomes = Nothing("TLS 1.3 for proxies, 1.2 or later for webhooks");

/// Every value of the old chart, 1.13.
pub const VALUES: &[(&str, Becomes)] = &[
    ("accountId", Path("config.aws.accountId")),
    ("affinity", Path("affinity")),
    ("cloudMapCustomHealthCheck.enabled", REGISTERS_NOTHING),
    ("cloudMapDNS.ttl", REGISTERS_NOTHING),
    (
        "clusterName",
        Nothing("EKS is not asked; write `meshServiceDiscovery.ipPreference` where you need it"),
    ),
    ("enableBackendGroups", Nothing("always on")),
    (
        "enableCertManager",
        Nothing("own CA; one of cert-manager's is used from Secret `tulle-cacerts`"),
    ),
    (
        "env",
        Nothing("nothing that the control plane calls is behind an HTTP proxy"),
    ),
    ("fullnameOverride", ONE),
    ("image.pullPolicy", Path("image.pullPolicy")),
    ("image.repository", OWN),
    ("image.tag", OWN),
    ("init.image.repository", CAPTURE),
    ("init.image.tag", CAPTURE),
    ("livenessProbe", Nothing("15014, `/healthz` and `/readyz`")),
    ("log.level", Path("log.filter")),
    ("nameOverride", ONE),
    ("nodeSelector", Path("nodeSelector")),
    ("podAnnotations", Path("podAnnotations")),
    (
        "podDisruptionBudget",
        Nothing("always there, one replica at a time"),
    ),
    ("podLabels", Path("podLabels")),
    ("preview", Nothing("there is no preview channel")),
    ("rbac.create", ACCOUNT),
    (
        "rbac.pspEnabled",
        Nothing("Kubernetes has no PodSecurityPolicy any more"),
    ),
    ("region", Path("config.aws.region")),
    ("replicaCount", Path("replicas")),
    ("resources", Path("resources")),
    ("sds.enabled", Path("config.injection.sds.enabled")),
    ("sds.udsPath", Path("config.injection.sds.udsPath")),
    (
        "serviceAccount.annotations",
        Annotations("serviceAccount.annotations"),
    ),
    ("serviceAccount.create", ACCOUNT),
    ("serviceAccount.name", ACCOUNT),
    ("sidecar.envoyAdminAccessEnableIPv6", ADMIN),
    ("sidecar.envoyAdminAccessLogFile", ADMIN),
    ("sidecar.envoyAdminAccessPort", ADMIN),
    (
        "sidecar.image.repository",
        EnvoyImage("proxy.image.repository"),
    ),
    ("sidecar.image.tag", EnvoyImage("proxy.image.tag")),
    ("sidecar.lifecycleHooks.postStartInterval", NATIVE),
    ("sidecar.lifecycleHooks.postStartTimeout", NATIVE),
    (
        "sidecar.lifecycleHooks.preStopDelay",
        Paths(&[
            "config.injection.sidecarStopSeconds",
            "config.injection.gatewayStopSeconds",
        ]),
    ),
    ("sidecar.logLevel", LogLevel("config.injection.logLevel")),
    ("sidecar.probes.readinessProbeInitialDelay", PROBES),
    ("sidecar.probes.readinessProbePeriod", PROBES),
    (
        "sidecar.resources.limits.cpu",
        Path("config.injection.resources.limits.cpu"),
    ),
    (
        "sidecar.resources.limits.memory",
        Path("config.injection.resources.limits.memory"),
    ),
    (
        "sidecar.resources.requests.cpu",
        Path("config.injection.resources.requests.cpu"),
    ),
    (
        "sidecar.resources.requests.memory",
        Path("config.injection.resources.requests.memory"),
    ),
    ("sidecar.useDualStackEndpoint", NO_AWS),
    ("sidecar.useFipsEndpoint", NO_AWS),
    ("sidecar.waitUntilProxyReady", NATIVE),
    (
        "stats.statsdAddress",
        Path("config.injection.stats.statsdAddress"),
    ),
    (
        "stats.statsdEnabled",
        Path("config.injection.stats.statsdEnabled"),
    ),
    (
        "stats.statsdPort",
        Path("config.injection.stats.statsdPort"),
    ),
    (
        "stats.statsdSocketPath",
        Path("config.injection.stats.statsdSocketPath"),
    ),
    (
        "stats.tagsEnabled",
        Path("config.injection.stats.tagsEnabled"),
    ),
    ("tlsCipherSuite", TLS),
    ("tlsMinVersion", TLS),
    ("tolerations", Path("tolerations")),
    ("tracing.address", Path("config.injection.tracing.address")),
    ("tracing.enabled", Path("config.injection.tracing.enabled")),
    (
        "tracing.logLevel",
        Path("config.injection.tracing.logLevel"),
    ),
    ("tracing.port", Path("config.injection.tracing.port")),
    (
        "tracing.provider",
        Path("config.injection.tracing.provider"),
    ),
    ("tracing.role", Path("config.injection.tracing.role")),
    (
        "tracing.samplingRate",
        Path("config.injection.tracing.samplingRate"),
    ),
    ("useAwsDualStackEndpoint", NO_AWS),
    ("useAwsFIPSEndpoint", NO_AWS),
    ("xray.image.repository", XrayImage),
    ("xray.image.tag", XrayImage),
];

/// Values of Tulle's chart, and what there is to say of those that have none.
#[derive(Debug, Default, PartialEq)]
pub struct Values {
    /// The values.
    pub values: Value,
    /// Old values that have no counterpart, or another one than one might think; sorted.
    pub notes: Vec<(String, String)>,
}

/// Reads what `helm get values` prints, as YAML or JSON.
///
/// # Errors
/// It is no map.
pub fn values(text: &str) -> anyhow::Result<Values> {
    // `helm get values` puts a heading before what it prints for people.
    let text = text.strip_prefix("USER-SUPPLIED VALUES:").unwrap_or(text);
    let text = text.strip_prefix("COMPUTED VALUES:").unwrap_or(text);
    let old: Value = serde_saphyr::from_str(text)
        .map_err(|error| anyhow::anyhow!("{}", error.without_snippet()))?;
    let mut new = Values {
        values: Value::Object(Map::new()),
        notes: Vec::new(),
    };
    match &old {
        Value::Object(_) => {}
        Value::Null => return Ok(new),
        _ => anyhow::bail!("expected what `helm get values` prints: a map of values"),
    }
    let mut seen = Vec::new();
    for (path, becomes) in VALUES {
        let value = at(&old, path);
        if is_unset(value) {
            continue;
        }
        seen.push(*path);
        new.take(path, value, *becomes, &old);
    }
    let mut unknown = Vec::new();
    unknown_leaves(&old, String::new(), &mut unknown);
    for path in unknown {
        new.note(&path, "the old chart has no such value");
    }
    new.notes.sort();
    Ok(new)
}

impl Values {
    fn take(&mut self, path: &str, value: &Value, becomes: Becomes, old: &Value) {
        match becomes {
            Path("config.aws.accountId") => {
                // Twelve digits, which YAML takes for a number, and then without leading zeros.
                let digits = match (value.as_str(), value.as_f64()) {
                    (Some(text), _) => text.to_owned(),
                    (None, number) => format!("{:.0}", number.unwrap_or_default()),
                };
                self.set("config.aws.accountId", format!("{digits:0>12}").into());
            }
            // Whose daemon or agent is meant is the provider's business; Tulle's default is the provider's own port.
            Path("config.injection.tracing.port") if at(old, "tracing.enabled") != true => {}
            Path(new) => self.set(new, value.clone()),
            Paths(all) => all.iter().for_each(|new| self.set(new, value.clone())),
            EnvoyImage(new) => {
                let repository = at(old, "sidecar.image.repository").as_str();
                if repository.is_none_or(|name| name.contains("appmesh") || name.contains("aws")) {
                    self.note(path, "AWS's image does not start without App Mesh: pods run stock Envoy, `proxy.image`");
                } else {
                    self.set(new, value.clone());
                }
            }
            XrayImage => {
                let part =
                    |path, default: &str| at(old, path).as_str().unwrap_or(default).to_owned();
                let repository = part(
                    "xray.image.repository",
                    "public.ecr.aws/xray/aws-xray-daemon",
                );
                let image = format!("{repository}:{}", part("xray.image.tag", "latest"));
                self.set("config.injection.xray.image", image.into());
            }
            LogLevel(new) => {
                let word = value.as_str().unwrap_or_default().to_lowercase();
                let word = if word == "warn" {
                    "warning"
                } else {
                    word.as_str()
                };
                self.set(new, word.into());
            }
            Annotations(new) => {
                let mut kept = value.as_object().cloned().unwrap_or_default();
                let role = kept.remove("eks.amazonaws.com/role-arn");
                if role.is_some() {
                    self.note(path, "the IAM role is not needed: no AWS API is called");
                }
                if !kept.is_empty() {
                    self.set(new, Value::Object(kept));
                }
            }
            Nothing(why) if !is_default(path, value) => self.note(path, why),
            Nothing(_) => {}
        }
    }

    fn note(&mut self, path: &str, text: &str) {
        self.notes.push((path.to_owned(), text.to_owned()));
    }

    fn set(&mut self, path: &str, value: Value) {
        let mut place = &mut self.values;
        for key in path.split('.') {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[key];
        }
        *place = value;
    }

    /// A values file, with what has no counterpart as comments.
    pub fn yaml(&self) -> anyhow::Result<String> {
        let mut text =
            "# Values of Tulle's chart, made from those of appmesh-controller.\n".to_owned();
        if !self.notes.is_empty() {
            text.push_str("# Without a counterpart:\n");
            for (path, why) in &self.notes {
                text.push_str(&format!("#   {path}: {why}\n"));
            }
        }
        match self.values.as_object() {
            Some(values) if !values.is_empty() => {
                text.push_str(&tulle_proto::to_yaml(&self.values)?)
            }
            _ => text.push_str("{}\n"),
        }
        Ok(text)
    }
}

/// The value at a path of keys; null where there is none.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, key| &value[key])
}

fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Values that `helm get values --all` prints though nobody set them: nobody will miss them.
fn is_default(path: &str, value: &Value) -> bool {
    match path {
        "image.repository"
        | "image.tag"
        | "init.image.repository"
        | "init.image.tag"
        | "livenessProbe"
        | "podDisruptionBudget" => true,
        "rbac.create" | "serviceAccount.create" => value == true,
        "serviceAccount.name" => value == "appmesh-controller",
        "sidecar.envoyAdminAccessPort" => value == 9901,
        "sidecar.envoyAdminAccessLogFile" => value == "/tmp/envoy_admin_access.log",
        "sidecar.lifecycleHooks.postStartInterval" => value == 5,
        "sidecar.lifecycleHooks.postStartTimeout" => value == 180,
        "sidecar.probes.readinessProbeInitialDelay" => value == 1,
        "sidecar.probes.readinessProbePeriod" => value == 10,
        "cloudMapDNS.ttl" => value == 300,
        "tlsMinVersion" => value == "VersionTLS12",
        _ => value == false,
    }
}

/// Paths of leaves that no row covers.
fn unknown_leaves(value: &Value, path: String, unknown: &mut Vec<String>) {
    if VALUES.iter().any(|(known, _)| *known == path) {
        return;
    }
    let is_above = VALUES
        .iter()
        .any(|(known, _)| path.is_empty() || known.starts_with(&format!("{path}.")));
    match value {
        Value::Object(members) if is_above => {
            for (key, member) in members {
                let path = match path.as_str() {
                    "" => key.clone(),
                    path => format!("{path}.{key}"),
                };
                unknown_leaves(member, path, unknown);
            }
        }
        _ if is_unset(value) => {}
        _ => unknown.push(path),
    }
}

#[cfg(test)]
mod tests;
