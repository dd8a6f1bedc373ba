//! Finds the descriptor set that `envoy-types` keeps beside its generated sources and writes what JSON needs of it to `OUT_DIR`.
//!
//! The set is not exported by that crate, so its folder is asked of cargo. The question is put for a throw-away package that
//! depends on nothing else: its graph is a part of what has just been built, so the answer never needs the network, whatever the
//! platform, the dev-dependencies and the way the crates came (registry, vendoring).

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use prost::Message;
use prost_types::FileDescriptorSet;

const DESCRIPTOR_SET: &str = "src/generated/types.bin";

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
    fs::write(out_dir.join("envoy-types.bin"), without_comments(&bytes)?)?;
    Ok(())
}

/// A descriptor set without the sources' comments, places and custom options, which are four fifths of it: whoever reads the set
/// holds all of it in memory.
fn without_comments(set: &[u8]) -> Result<Vec<u8>, prost::DecodeError> {
    // Custom options go in decoding: to this reader they are unknown fields.
    let mut set = FileDescriptorSet::decode(set)?;
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
