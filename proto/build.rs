//! Finds the descriptor set that `envoy-types` keeps beside its generated sources and writes what JSON needs of it to `OUT_DIR`.
//!
//! The set is not exported by that crate, so its folder is asked of cargo. The question is put for a throw-away package that
//! depends on nothing else: its graph is a part of what has just been built, so the answer never needs the network, whatever the
//! platform, the dev-dependencies and the way the crates came (registry, vendoring).

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

const DESCRIPTOR_SET: &str = "src/generated/types.bin";

/// The packages of the messages that are sent or packed (`any`) anywhere in the workspace: only these have a JSON form.
const PACKAGES: [&str; 36] = [
    "envoy.config.accesslog.v3",
    "envoy.config.bootstrap.v3",
    "envoy.config.cluster.v3",
    "envoy.config.core.v3",
    "envoy.config.endpoint.v3",
    "envoy.config.listener.v3",
    "envoy.config.metrics.v3",
    "envoy.config.overload.v3",
    "envoy.config.route.v3",
    "envoy.config.trace.v3",
    "envoy.extensions.access_loggers.file.v3",
    "envoy.extensions.access_loggers.stream.v3",
    "envoy.extensions.clusters.dns.v3",
    "envoy.extensions.clusters.dynamic_forward_proxy.v3",
    "envoy.extensions.filters.http.credential_injector.v3",
    "envoy.extensions.filters.http.dynamic_forward_proxy.v3",
    "envoy.extensions.filters.http.fault.v3",
    "envoy.extensions.filters.http.health_check.v3",
    "envoy.extensions.filters.http.local_ratelimit.v3",
    "envoy.extensions.filters.http.router.v3",
    "envoy.extensions.filters.http.upstream_codec.v3",
    "envoy.extensions.filters.listener.original_dst.v3",
    "envoy.extensions.filters.listener.tls_inspector.v3",
    "envoy.extensions.filters.network.http_connection_manager.v3",
    "envoy.extensions.filters.network.local_ratelimit.v3",
    "envoy.extensions.filters.network.tcp_proxy.v3",
    "envoy.extensions.http.injected_credentials.generic.v3",
    "envoy.extensions.request_id.uuid.v3",
    "envoy.extensions.resource_monitors.downstream_connections.v3",
    "envoy.extensions.retry.host.previous_hosts.v3",
    "envoy.extensions.transport_sockets.tls.v3",
    "envoy.extensions.upstreams.http.v3",
    "envoy.service.discovery.v3",
    "envoy.service.runtime.v3",
    "google.protobuf",
    "google.rpc",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let manifest_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    let lock = manifest_dir
        .ancestors()
        .map(|dir| dir.join("Cargo.lock"))
        .find(|path| path.is_file());
    if let Some(lock) = &lock {
        println!("cargo::rerun-if-changed={}", lock.display());
    }

    let source = envoy_types_dir(&manifest_dir, &out_dir, lock.as_deref())?.join(DESCRIPTOR_SET);
    println!("cargo::rerun-if-changed={}", source.display());
    let bytes = fs::read(&source).map_err(|e| format!("{}: {e}", source.display()))?;
    fs::write(out_dir.join("envoy-types.bin"), of_use(&bytes)?)?;
    Ok(())
}

/// What of a descriptor set is of use here: the files of [`PACKAGES`] and those that they need, without the sources' comments,
/// places and custom options. Whoever reads the set holds all of it in memory.
fn of_use(set: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    // Custom options go in decoding: to this reader they are unknown fields.
    let mut set = FileDescriptorSet::decode(set)?;
    for package in PACKAGES {
        if !set.file.iter().any(|file| file.package() == package) {
            return Err(format!("envoy-types has no package {package}").into());
        }
    }
    let files: BTreeMap<&str, &FileDescriptorProto> =
        set.file.iter().map(|file| (file.name(), file)).collect();
    let named = set
        .file
        .iter()
        .filter(|file| PACKAGES.contains(&file.package()));
    let mut next: Vec<&str> = named.map(FileDescriptorProto::name).collect();
    let mut wanted = BTreeSet::new();
    while let Some(name) = next.pop() {
        if let Some(file) = files.get(name)
            && wanted.insert(name.to_owned())
        {
            next.extend(file.dependency.iter().map(String::as_str));
        }
    }
    set.file.retain(|file| wanted.contains(file.name()));
    for file in &mut set.file {
        file.source_code_info = None;
    }
    Ok(set.encode_to_vec())
}

/// The folder of the `envoy-types` that the lock file names.
fn envoy_types_dir(
    manifest_dir: &Path,
    out_dir: &Path,
    lock: Option<&Path>,
) -> Result<PathBuf, Box<dyn Error>> {
    let probe = out_dir.join("probe");
    fs::create_dir_all(&probe)?;
    fs::write(
        probe.join("Cargo.toml"),
        "[package]\nname = \"probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [lib]\npath = \"lib.rs\"\n\
         [dependencies]\nenvoy-types = { version = \"0.7\", default-features = false }\n\
         [workspace]\n",
    )?;
    fs::write(probe.join("lib.rs"), "")?;
    match lock {
        Some(lock) => drop(fs::copy(lock, probe.join("Cargo.lock"))?),
        None => drop(fs::remove_file(probe.join("Cargo.lock"))),
    }

    // Configuration (source replacement, proxies) is looked up from the working directory, hence the workspace's own.
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(manifest_dir)
        .args(["metadata", "--format-version", "1", "--offline"])
        .args(["--filter-platform", &env::var("TARGET")?])
        .arg("--manifest-path")
        .arg(probe.join("Cargo.toml"))
        .output()?;
    if !output.status.success() {
        return Err(format!(
            "`cargo metadata` cannot tell where envoy-types lies: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )
        .into());
    }

    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "envoy-types")
        .and_then(|package| package["manifest_path"].as_str())
        .and_then(|path| Path::new(path).parent())
        .map(Path::to_path_buf)
        .ok_or_else(|| "`cargo metadata` does not name envoy-types".into())
}
