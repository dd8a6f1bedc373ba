//! What the pod's annotations ask of a sidecar.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::names::{
    CNI, CPU_LIMIT, CPU_REQUEST, ENV, ENV_JSON, FARGATE_PROFILE, IGNORED_IPS, IGNORED_PORTS, IPV6,
    MEMORY_LIMIT, MEMORY_REQUEST, PORTS, SECRET_MOUNTS, VOLUME_MOUNTS, XRAY_CONFIG,
};
use super::{InjectConfig, Rejection, Resources, edit, list, quantity};
use crate::bootstrap::{SHARED_DIRECTORY, TOKEN_DIRECTORY};
use crate::capture::Cidr;

/// What is asked, settings filled in.
#[derive(Debug)]
pub(super) struct Wishes {
    /// The application's ports; `None`: those of the VirtualNode's listeners.
    pub(super) ports: Option<BTreeSet<u16>>,
    pub(super) ignored_ips: BTreeSet<Cidr>,
    pub(super) ignored_ports: BTreeSet<u16>,
    pub(super) ipv6: bool,
    /// Traffic is redirected by App Mesh's CNI plugin.
    pub(super) cni: bool,
    pub(super) env: BTreeMap<String, String>,
    /// Secret, path.
    pub(super) secret_mounts: BTreeMap<String, String>,
    /// Volume, path.
    pub(super) volume_mounts: BTreeMap<String, String>,
    pub(super) resources: Resources,
}

impl Wishes {
    pub(super) fn of(pod: &Value, config: &InjectConfig) -> Result<Self, Rejection> {
        let given = |key| edit::annotation(pod, key);
        Ok(Self {
            ports: given(PORTS)
                .map(|text| list::ports(PORTS, text))
                .transpose()?,
            ignored_ips: match given(IGNORED_IPS) {
                Some(text) => list::parse(IGNORED_IPS, text, "169.254.169.254,10.0.0.0/8")?,
                None => config.ignored_ips.clone(),
            },
            ignored_ports: match given(IGNORED_PORTS) {
                Some(text) => list::ports(IGNORED_PORTS, text)?,
                None => config.ignored_ports.clone(),
            },
            ipv6: !is(given(IPV6), "disabled"),
            cni: match given(CNI) {
                word if is(word, "enabled") => true,
                word if is(word, "disabled") => false,
                _ => {
                    edit::meta(pod, "labels", FARGATE_PROFILE).is_some_and(|name| !name.is_empty())
                }
            },
            env: env(given(ENV), given(ENV_JSON))?,
            secret_mounts: mounts(SECRET_MOUNTS, given(SECRET_MOUNTS), "secretName:mountPath")?,
            volume_mounts: mounts(VOLUME_MOUNTS, given(VOLUME_MOUNTS), "volumeName:mountPath")?,
            resources: resources(pod, &config.resources)?,
        })
    }
}

/// The volume and path that the X-Ray daemon reads its configuration from.
pub(super) fn xray_config(pod: &Value) -> Result<Option<(String, String)>, Rejection> {
    let given = edit::annotation(pod, XRAY_CONFIG);
    let mut mounts = mounts(XRAY_CONFIG, given, "volumeName:mountPath")?;
    if mounts.len() > 1 {
        return Err(Rejection::Annotation {
            annotation: XRAY_CONFIG,
            reason: "the X-Ray daemon reads one configuration; name one volume".to_owned(),
        });
    }
    Ok(mounts.pop_first())
}

/// Whether a switch stands so.
pub(super) fn is(given: Option<&str>, word: &str) -> bool {
    given.is_some_and(|given| given.eq_ignore_ascii_case(word))
}

/// What Envoy may use, as the pod says it, else as it is told here.
pub(super) fn resources(pod: &Value, defaults: &Resources) -> Result<Resources, Rejection> {
    let mut resources = defaults.clone();
    for (annotation, is_limit, name) in [
        (CPU_REQUEST, false, "cpu"),
        (MEMORY_REQUEST, false, "memory"),
        (CPU_LIMIT, true, "cpu"),
        (MEMORY_LIMIT, true, "memory"),
    ] {
        let Some(text) = edit::annotation(pod, annotation) else {
            continue;
        };
        if !quantity::is_quantity(text) {
            return Err(Rejection::Annotation {
                annotation,
                reason: format!("{text:?} is no quantity; write such as 100m or 64Mi"),
            });
        }
        let list = if is_limit {
            &mut resources.limits
        } else {
            &mut resources.requests
        };
        list.insert(name.to_owned(), text.to_owned());
    }
    Ok(resources)
}

fn env(list: Option<&str>, json: Option<&str>) -> Result<BTreeMap<String, String>, Rejection> {
    let mut env = BTreeMap::new();
    let pairs = list::pairs(
        ENV,
        list.unwrap_or_default(),
        '=',
        "EnvVariableKey=EnvVariableValue",
    )?;
    for (name, value) in pairs {
        check_env_name(ENV, name)?;
        env.insert(name.to_owned(), value.to_owned());
    }
    if let Some(json) = json.filter(|json| !json.trim().is_empty()) {
        let variables: Vec<BTreeMap<String, String>> =
            serde_json::from_str(json).map_err(|_| Rejection::MalformedAnnotation {
                annotation: ENV_JSON,
                expected: r#"[{"DD_ENV":"prod","TEST_ENV":"env_val"}]"#,
            })?;
        for (name, value) in variables.into_iter().flatten() {
            check_env_name(ENV_JSON, &name)?;
            if value.contains('\0') {
                return Err(Rejection::Annotation {
                    annotation: ENV_JSON,
                    reason: format!("the value of {name} holds a NUL, which no variable can"),
                });
            }
            env.insert(name, value);
        }
    }
    Ok(env)
}

fn check_env_name(annotation: &'static str, name: &str) -> Result<(), Rejection> {
    let usual = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if name.bytes().all(usual) && name.bytes().next().is_some_and(|b| !b.is_ascii_digit()) {
        return Ok(());
    }
    Err(Rejection::Annotation {
        annotation,
        reason: format!(
            "{name:?} is no name of a variable: letters, digits, `_`, `-` and `.`, not beginning with a digit"
        ),
    })
}

fn mounts(
    annotation: &'static str,
    given: Option<&str>,
    expected: &'static str,
) -> Result<BTreeMap<String, String>, Rejection> {
    let mut mounts = BTreeMap::new();
    for (name, path) in list::pairs(annotation, given.unwrap_or_default(), ':', expected)? {
        if !is_dns_label(name) {
            return Err(Rejection::Annotation {
                annotation,
                reason: format!(
                    "{name:?} cannot be the name of a volume: lower-case letters, digits and `-`, 63 at most"
                ),
            });
        }
        let inside = |folder: &str| {
            path.strip_prefix(folder)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let plain = path.starts_with('/')
            && !path.chars().any(char::is_control)
            && !path.split('/').any(|part| part == "..");
        if !plain || inside(SHARED_DIRECTORY) || inside(TOKEN_DIRECTORY) {
            return Err(Rejection::Annotation {
                annotation,
                reason: format!(
                    "nothing can be mounted at {path:?}: write an absolute path outside of {SHARED_DIRECTORY} and {TOKEN_DIRECTORY}"
                ),
            });
        }
        mounts.insert(name.to_owned(), path.to_owned());
    }
    Ok(mounts)
}

/// Whether a text can name a volume or container.
pub(super) fn is_dns_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}
