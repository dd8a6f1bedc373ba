//! A real Envoy that takes its configuration from a control plane, for what only Envoy can tell: its own memory and CPU.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::http::{page, page_on};
use super::{Program, Space, free_port};

const LIMIT: Duration = Duration::from_secs(120);
/// The name of the control plane's cluster.
const XDS: &str = "xds";

/// How it is run.
#[derive(Debug, Clone)]
pub struct EnvoyOptions {
    /// The program.
    pub program: PathBuf,
    /// The control plane.
    pub target: SocketAddr,
    /// The file of certificates that the control plane's leads to, and the name in it; `None`: plaintext.
    pub tls: Option<(PathBuf, String)>,
    /// A line of the file of proxies: id, cluster, token, metadata.
    pub proxy: Value,
    /// Whether clusters and figures are made when they are first used, as Tulle's bootstrap says; stock Envoy makes all at once.
    pub deferred: bool,
    /// Where it runs, if not beside everything else; the target is an address there.
    pub space: Option<Arc<Space>>,
}

/// A running one; ended when this is dropped.
#[derive(Debug)]
pub struct Envoy {
    process: Program,
    space: Option<Arc<Space>>,
    admin: u16,
    /// From its start to its readiness: all that it was sent is in use.
    pub ready_after: Duration,
}

impl Envoy {
    /// Starts it below `folder` with two workers and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, or is not ready in time.
    pub async fn start(options: &EnvoyOptions, folder: &Path) -> anyhow::Result<Self> {
        let admin = free_port()?;
        let space = options.space.clone();
        Self::run(
            &options.program,
            space,
            admin,
            &bootstrap(options, admin),
            folder,
        )
        .await
    }

    /// Starts one that has nothing to do, to tell what is Envoy's own.
    ///
    /// # Errors
    /// It cannot be started, or is not ready in time.
    pub async fn idle(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let admin = free_port()?;
        let bootstrap = json!({ "admin": { "address": address("127.0.0.1", admin) } });
        Self::run(program, None, admin, &bootstrap, folder).await
    }

    async fn run(
        program: &Path,
        space: Option<Arc<Space>>,
        admin: u16,
        bootstrap: &Value,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let file = folder.join("envoy.json");
        std::fs::write(&file, serde_json::to_string_pretty(bootstrap)?)?;
        let mut command = match &space {
            Some(space) => space.command(program),
            None => Command::new(program),
        };
        command.arg("--config-path").arg(&file).args([
            "--use-dynamic-base-id",
            "--concurrency",
            "2",
            "--log-level",
            "warning",
        ]);
        let mut process = Program::start("envoy", &folder.join("logs"), &command)?;
        let ready_after = process
            .wait_until(LIMIT, async || {
                told(space.as_deref(), admin, "/ready").await.is_ok()
            })
            .await?;
        Ok(Self {
            process,
            space,
            admin,
            ready_after,
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    async fn page(&self, path: &str) -> anyhow::Result<String> {
        told(self.space.as_deref(), self.admin, path).await
    }

    /// Bytes that it has allocated and not freed.
    ///
    /// # Errors
    /// It does not say.
    pub async fn allocated(&self) -> anyhow::Result<u64> {
        let memory: Value = serde_json::from_str(&self.page("/memory").await?)?;
        let allocated = memory["allocated"].as_str();
        Ok(allocated.context("/memory without 'allocated'")?.parse()?)
    }

    /// A counter or gauge.
    ///
    /// # Errors
    /// It has none of this name.
    pub async fn stat(&self, name: &str) -> anyhow::Result<u64> {
        let text = self.page(&format!("/stats?filter=^{name}$")).await?;
        let value = text.trim().rsplit(' ').next().unwrap_or_default();
        value.parse().with_context(|| format!("{name}: '{text}'"))
    }
}

/// A page of an admin interface.
async fn told(space: Option<&Space>, admin: u16, path: &str) -> anyhow::Result<String> {
    match space {
        None => page(admin, path).await,
        Some(space) => {
            let address = SocketAddr::from(([127, 0, 0, 1], admin));
            page_on(space.connect(address).await?, path).await
        }
    }
}

fn address(ip: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": ip, "port_value": port } })
}

fn bootstrap(options: &EnvoyOptions, admin: u16) -> Value {
    let target = address(&options.target.ip().to_string(), options.target.port());
    let mut cluster = json!({
        "name": XDS,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": XDS,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": target } }] }],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        },
    });
    if let Some((roots, name)) = &options.tls {
        cluster["transport_socket"] = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": name,
                "common_tls_context": {
                    "alpn_protocols": ["h2"],
                    "tls_params": { "tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3" },
                    "validation_context": { "trusted_ca": { "filename": roots } },
                },
            },
        });
    }
    let mut service = json!({ "envoy_grpc": { "cluster_name": XDS } });
    if let Some(token) = options.proxy["token"].as_str() {
        let value = format!("Bearer {token}");
        service["initial_metadata"] = json!([{ "key": "authorization", "value": value }]);
    }
    let ads = json!({ "ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3" });
    let mut bootstrap = json!({
        "node": {
            "id": options.proxy["id"],
            "cluster": options.proxy["cluster"],
            "metadata": options.proxy["metadata"],
        },
        "admin": { "address": address("127.0.0.1", admin) },
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [service],
            },
            "lds_config": ads,
            "cds_config": ads,
        },
        "static_resources": { "clusters": [cluster] },
    });
    if options.deferred {
        bootstrap["cluster_manager"] = json!({ "enable_deferred_cluster_creation": true });
        bootstrap["deferred_stat_options"] = json!({ "enable_deferred_creation_stats": true });
    }
    bootstrap
}
