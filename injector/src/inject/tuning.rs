//! What one pod's Envoy is told beyond the mesh: what App Mesh's agent read from the variables of its container. A variable counts
//! before a setting that says the same.

mod figures;
mod tracing;

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use tulle_proto::accesslog::{AccessLog, access_log};
use tulle_proto::any;
use tulle_proto::bootstrap::bootstrap::{DynamicResources, StaticResources};
use tulle_proto::bootstrap::cluster_manager::OutlierDetection;
use tulle_proto::bootstrap::{
    Admin, Bootstrap, ClusterManager, LayeredRuntime, RuntimeLayer, runtime_layer,
};
use tulle_proto::core::ConfigSource;
use tulle_proto::pb::envoy::extensions::access_loggers::file::v3::FileAccessLog;
use tulle_proto::protobuf::{self, Duration, Struct, value};

use super::environment::{Environment, wrong};
use super::known::{self, Effect};
use super::names::is_own;
use super::{Candidate, InjectConfig, LogLevel, Rejection, sds};
use crate::bootstrap::local;

pub(super) use tracing::wants_daemon;

/// Below, only root may listen.
const UNPRIVILEGED: u16 = 1024;
/// What App Mesh's agent kept this wait to.
const DRAIN_WAIT: std::ops::RangeInclusive<i64> = 5..=110;

/// Files that the agent merged into what Envoy starts from.
pub(super) const CONFIG_FILES: [&str; 4] = [
    TRACING_FILE,
    STATS_FILE,
    SINKS_FILE,
    "ENVOY_RESOURCES_CONFIG_FILE",
];
const TRACING_FILE: &str = "ENVOY_TRACING_CFG_FILE";
const STATS_FILE: &str = "ENVOY_STATS_CONFIG_FILE";
const SINKS_FILE: &str = "ENVOY_STATS_SINKS_CFG_FILE";

/// What Envoy is told.
#[derive(Debug)]
pub(super) struct Tuning {
    pub(super) log_level: LogLevel,
    pub(super) concurrency: Option<u32>,
    /// Seconds that Envoy goes on after its pod has been told to end.
    pub(super) stop_seconds: Option<u32>,
    /// No warnings of deprecated fields.
    pub(super) quiet: bool,
    /// What is merged over the shared bootstrap.
    pub(super) bootstrap: Bootstrap,
    /// Variables that the bootstrap refers to.
    pub(super) env: Vec<Value>,
    /// Files of the pod that are merged into the bootstrap.
    pub(super) files: Vec<String>,
}

/// Where Envoy runs.
pub(super) struct Place<'a> {
    pub(super) candidate: &'a Candidate,
    pub(super) config: &'a InjectConfig,
    /// The application's ports.
    pub(super) ports: &'a BTreeSet<u16>,
    pub(super) mounts: Vec<Mount>,
    /// The socket of the node's SDS server.
    pub(super) sds_socket: Option<String>,
}

/// A folder, or file, of a volume.
pub(super) struct Mount {
    pub(super) path: String,
    pub(super) writable: bool,
}

impl Mount {
    /// Of a container's `volumeMounts`.
    pub(super) fn of(mounts: &[Value]) -> Vec<Self> {
        let mount = |mount: &Value| {
            Some(Self {
                path: mount["mountPath"].as_str()?.to_owned(),
                writable: mount["readOnly"] != true,
            })
        };
        mounts.iter().filter_map(mount).collect()
    }

    pub(super) fn holds(&self, path: &str) -> bool {
        path.strip_prefix(self.path.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Whether Envoy can write this file: its root is read-only.
pub(super) fn is_writable(mounts: &[Mount], path: &str) -> bool {
    ["/dev/stdout", "/dev/stderr", "/dev/null"].contains(&path)
        || mounts
            .iter()
            .filter(|mount| mount.holds(path))
            .max_by_key(|mount| mount.path.len())
            .is_some_and(|mount| mount.writable)
}

impl Place<'_> {
    fn is_mounted(&self, path: &str) -> bool {
        self.mounts.iter().any(|mount| mount.holds(path))
    }

    /// `mesh/node`, as traces name it.
    fn name(&self) -> String {
        let mesh = self.candidate.mesh.as_deref().unwrap_or_default();
        format!("{mesh}/{}", self.candidate.alias)
    }
}

/// Reads variables and settings.
pub(super) fn tuning(
    env: &Environment,
    place: &Place<'_>,
    warnings: &mut Vec<String>,
) -> Result<Tuning, Rejection> {
    for name in env.names().filter(|name| env.has(name)) {
        if let Some(Effect::Refused(why)) = known::variable(name) {
            warnings.push(format!("variable {name} has no effect: {why}"));
        }
    }
    let mut bootstrap = Bootstrap::default();
    let mut variables = Vec::new();
    let files = files(env, place, warnings);
    let replaced = |name| files.iter().any(|(known, _)| *known == name);

    let mut runtime = HashMap::new();
    if let Some(requests) = env
        .number("MAX_REQUESTS_PER_IO_CYCLE", warnings)?
        .filter(|requests| *requests > 0)
    {
        runtime.insert(
            "http.max_requests_per_io_cycle".to_owned(),
            number(requests),
        );
    }
    let traced = !replaced(TRACING_FILE)
        && tracing::apply(
            &mut bootstrap,
            &mut variables,
            &mut runtime,
            env,
            place,
            warnings,
        )?;
    if !replaced(STATS_FILE) {
        figures::tags(&mut bootstrap, env, place, warnings)?;
    }
    if !replaced(SINKS_FILE) {
        figures::sink(&mut bootstrap, &mut variables, env, place, warnings)?;
    }
    bootstrap.stats_flush_interval = figures::flush_interval(env, warnings)?;
    admin(&mut bootstrap, env, place, warnings)?;
    outliers(&mut bootstrap, env, place, warnings);
    fetch_timeout(&mut bootstrap, env, warnings)?;
    let socket = env.text("APPMESH_SDS_SOCKET_PATH");
    if let Some(socket) = place.sds_socket.clone().or(socket) {
        statics(&mut bootstrap).clusters.push(sds::cluster(&socket));
    }
    if !runtime.is_empty() {
        bootstrap.layered_runtime = Some(LayeredRuntime {
            layers: vec![RuntimeLayer {
                name: "pod".to_owned(),
                layer_specifier: Some(runtime_layer::LayerSpecifier::StaticLayer(Struct {
                    fields: runtime,
                })),
            }],
        });
    }
    Ok(Tuning {
        log_level: log_level(env, place.config, warnings),
        concurrency: concurrency(env, place.config, warnings)?,
        stop_seconds: env
            .number("LISTENER_DRAIN_WAIT_TIME_S", warnings)?
            .map(|seconds| seconds.clamp(*DRAIN_WAIT.start(), *DRAIN_WAIT.end()))
            .and_then(|seconds| u32::try_from(seconds).ok()),
        quiet: env
            .flag("ENVOY_SKIP_DEPRECATED_LOGS", warnings)?
            .unwrap_or(traced || replaced(TRACING_FILE)),
        bootstrap,
        env: variables,
        files: files.into_iter().map(|(_, path)| path).collect(),
    })
}

fn log_level(env: &Environment, config: &InjectConfig, warnings: &mut Vec<String>) -> LogLevel {
    let Some(word) = env.known("ENVOY_LOG_LEVEL", warnings) else {
        return config.log_level;
    };
    LogLevel::parse(word).unwrap_or_else(|| {
        warnings.push(format!(
            "variable ENVOY_LOG_LEVEL has no effect: {word:?} is no level; write trace, debug, info, warning, error, critical or off"
        ));
        config.log_level
    })
}

fn concurrency(
    env: &Environment,
    config: &InjectConfig,
    warnings: &mut Vec<String>,
) -> Result<Option<u32>, Rejection> {
    let threads = env
        .number("ENVOY_CONCURRENCY", warnings)?
        .and_then(|threads| u32::try_from(threads).ok())
        .filter(|threads| *threads > 0);
    Ok(threads.or(config.concurrency.map(Into::into)))
}

/// The files that are there to be merged, by variable.
fn files(
    env: &Environment,
    place: &Place<'_>,
    warnings: &mut Vec<String>,
) -> Vec<(&'static str, String)> {
    let mut files = Vec::new();
    for name in CONFIG_FILES {
        let Some(path) = env.known(name, warnings).map(str::to_owned) else {
            continue;
        };
        if place.is_mounted(&path) {
            files.push((name, path));
        } else {
            warnings.push(format!(
                "variable {name} has no effect: no volume is mounted at {path}, and stock Envoy's image has no such file"
            ));
        }
    }
    files
}

fn admin(
    bootstrap: &mut Bootstrap,
    env: &Environment,
    place: &Place<'_>,
    warnings: &mut Vec<String>,
) -> Result<(), Rejection> {
    const PORT: &str = "ENVOY_ADMIN_ACCESS_PORT";
    if let Some(path) = log_file("ENVOY_ADMIN_ACCESS_LOG_FILE", env, place, warnings) {
        bootstrap.admin = Some(Admin {
            access_log: vec![AccessLog {
                name: "envoy.access_loggers.file".to_owned(),
                config_type: Some(access_log::ConfigType::TypedConfig(any(&FileAccessLog {
                    path,
                    ..Default::default()
                }))),
                ..Default::default()
            }],
            ..Default::default()
        });
    }
    if let Some(port) = env.port(PORT, warnings)?
        && port != crate::bootstrap::ADMIN_PORT
    {
        if port < UNPRIVILEGED || is_own(port) || place.ports.contains(&port) {
            warnings.push(format!(
                "variable {PORT} has no effect: port {port} is taken, or needs root; the admin interface is on port {}",
                crate::bootstrap::ADMIN_PORT
            ));
        } else {
            statics(bootstrap).listeners.push(local::admin_alias(port));
        }
    }
    Ok(())
}

fn outliers(
    bootstrap: &mut Bootstrap,
    env: &Environment,
    place: &Place<'_>,
    warnings: &mut Vec<String>,
) {
    let file = log_file(
        "ENVOY_OUTLIER_DETECTION_EVENT_LOG_PATH",
        env,
        place,
        warnings,
    );
    if let Some(event_log_path) = file {
        bootstrap.cluster_manager = Some(ClusterManager {
            outlier_detection: Some(OutlierDetection {
                event_log_path,
                ..Default::default()
            }),
            ..Default::default()
        });
    }
}

/// A file that Envoy writes: one that it cannot open keeps it from starting.
fn log_file(
    name: &'static str,
    env: &Environment,
    place: &Place<'_>,
    warnings: &mut Vec<String>,
) -> Option<String> {
    let path = env.known(name, warnings)?.to_owned();
    if is_writable(&place.mounts, &path) {
        return Some(path);
    }
    warnings.push(format!(
        "variable {name} has no effect: Envoy cannot write {path}; take a file under /tmp, or /dev/stdout"
    ));
    None
}

fn fetch_timeout(
    bootstrap: &mut Bootstrap,
    env: &Environment,
    warnings: &mut Vec<String>,
) -> Result<(), Rejection> {
    const NAME: &str = "ENVOY_INITIAL_FETCH_TIMEOUT";
    let Some(seconds) = env.number(NAME, warnings)? else {
        return Ok(());
    };
    if !(0..=86_400).contains(&seconds) {
        return Err(wrong(NAME, format!("{seconds} is not 0 to 86400 seconds")));
    }
    let source = ConfigSource {
        initial_fetch_timeout: Some(Duration { seconds, nanos: 0 }),
        ..Default::default()
    };
    bootstrap.dynamic_resources = Some(DynamicResources {
        lds_config: Some(source.clone()),
        cds_config: Some(source),
        ..Default::default()
    });
    Ok(())
}

/// The listeners and clusters of a bootstrap.
pub(super) fn statics(bootstrap: &mut Bootstrap) -> &mut StaticResources {
    bootstrap.static_resources.get_or_insert_default()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "runtime settings are numbers of JSON's; the large ones are all the same"
)]
fn number(number: i64) -> protobuf::Value {
    protobuf::Value {
        kind: Some(value::Kind::NumberValue(number as f64)),
    }
}

fn text(text: &str) -> protobuf::Value {
    protobuf::Value {
        kind: Some(value::Kind::StringValue(text.to_owned())),
    }
}

fn object<const N: usize>(fields: [(&str, protobuf::Value); N]) -> protobuf::Value {
    protobuf::Value {
        kind: Some(value::Kind::StructValue(Struct {
            fields: fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        })),
    }
}
