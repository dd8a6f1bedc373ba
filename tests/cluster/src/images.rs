//! The images that pods of the cluster run: built from what this machine has, kept by the hash of what is in them.

use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::command::run;
use crate::run::Run;
use crate::tools::Tools;

/// Holds a pod's namespaces.
pub const PAUSE: &str = "tulle.test/pause:test";
/// CoreDNS.
pub const COREDNS: &str = "tulle.test/coredns:test";
/// Stock Envoy.
pub const ENVOY: &str = "tulle.test/envoy:test";
/// Applications and clients of the cases: `tulle-sample`.
pub const SAMPLE: &str = "tulle.test/sample:test";
/// Repository of Tulle's own image.
pub const TULLE: &str = "tulle.test/tulle";
/// Tag of Tulle's own image.
pub const TULLE_TAG: &str = "test";

/// An image as a file that the container runtime can import.
#[derive(Debug, Clone)]
pub struct Archive {
    /// Its name with tag.
    pub name: String,
    /// Where it is.
    pub file: PathBuf,
}

/// Builds every image that is not in the cache yet.
///
/// # Errors
/// A builder failed, in its own words.
pub fn build(tools: &Tools) -> anyhow::Result<Vec<Archive>> {
    let folder = tools.cache.join("images");
    std::fs::create_dir_all(&folder)?;
    let ours = tools.checkout.join("tests/cluster/images");
    let pause = pause(&folder, &ours.join("pause.c"))?;
    let simple = [
        (PAUSE, &pause, "/pause", "pause"),
        (COREDNS, &tools.coredns, "/usr/local/bin/coredns", "coredns"),
        (ENVOY, &tools.envoy, "/usr/local/bin/envoy", "envoy"),
        (
            SAMPLE,
            &tools.sample,
            "/usr/local/bin/tulle-sample",
            "sample",
        ),
    ];
    let mut archives = Vec::new();
    for (name, program, place, dockerfile) in simple {
        let recipe = ours.join(format!("{dockerfile}.Dockerfile"));
        let archive = cached(&folder, name, &[program, &recipe], |file| {
            build_simple(tools, name, program, place, &recipe, file)
        });
        archives.push(archive.with_context(|| format!("image {name}"))?);
    }
    archives.push(build_tulle(tools)?);
    Ok(archives)
}

/// Tulle's own image, by the script that a release uses.
///
/// # Errors
/// As [`build`].
pub fn build_tulle(tools: &Tools) -> anyhow::Result<Archive> {
    let folder = tools.cache.join("images");
    let deploy = tools.checkout.join("deploy");
    let name = format!("{TULLE}:{TULLE_TAG}");
    let inputs = ["Dockerfile", "image", "rootfs"].map(|file| deploy.join(file));
    let mut of: Vec<&PathBuf> = inputs.iter().collect();
    of.push(&tools.tulle);
    cached(&folder, &name, &of, |file| {
        let mut command = Command::new(deploy.join("image"));
        command
            .env("TULLE_BUILDER", "buildah")
            .arg("--binary")
            .arg(&tools.tulle)
            .args(["--tag", &name, "--archive"])
            .arg(file);
        run(&mut command).map(drop)
    })
    .with_context(|| format!("image {name}"))
}

/// Hands images to the cluster's container runtime, those that it was not handed before.
///
/// # Errors
/// It is not there, or refused one.
pub fn import(cluster: &Run, archives: &[Archive]) -> anyhow::Result<()> {
    let socket = cluster.containerd_socket();
    let start = std::time::Instant::now();
    while !socket.exists() {
        anyhow::ensure!(
            start.elapsed().as_secs() < 60,
            "containerd did not open {}",
            socket.display()
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let known = cluster.path("imported");
    std::fs::create_dir_all(&known)?;
    for archive in archives {
        let mark = known.join(archive.file.file_name().unwrap_or_default());
        if mark.exists() {
            continue;
        }
        let mut command = Command::new("ctr");
        command
            .arg("--address")
            .arg(&socket)
            .args(["--namespace", "k8s.io", "images", "import"])
            .arg(&archive.file);
        run(&mut command).with_context(|| format!("importing {}", archive.name))?;
        std::fs::write(mark, "")?;
    }
    Ok(())
}

/// The file for this name and these inputs; made by `build` if it is not there. Older ones of the name are removed.
fn cached(
    folder: &Path,
    name: &str,
    inputs: &[&PathBuf],
    build: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<Archive> {
    let mut hasher = std::hash::DefaultHasher::new();
    for input in inputs {
        let bytes = std::fs::read(input).with_context(|| input.display().to_string())?;
        hasher.write(&bytes);
    }
    let stem = name.replace(['/', ':'], "-");
    let file = folder.join(format!("{stem}-{:016x}.tar", hasher.finish()));
    if !file.exists() {
        let beside = folder.join(format!(".{stem}-{}.tar", std::process::id()));
        build(&beside)?;
        for entry in std::fs::read_dir(folder)? {
            let old = entry?.path();
            let known = old.file_name().and_then(|known| known.to_str());
            let rest = known.and_then(|known| known.strip_prefix(&format!("{stem}-")));
            if rest.is_some_and(|rest| rest.len() == "0123456789abcdef.tar".len()) {
                std::fs::remove_file(&old)?;
            }
        }
        std::fs::rename(&beside, &file)?;
    }
    Ok(Archive {
        name: name.to_owned(),
        file,
    })
}

fn pause(folder: &Path, source: &Path) -> anyhow::Result<PathBuf> {
    let program = folder.join("pause");
    if !program.exists() {
        let mut command = Command::new("cc");
        command
            .args(["-static", "-Os", "-s", "-o"])
            .arg(&program)
            .arg(source);
        run(&mut command)?;
    }
    Ok(program)
}

fn build_simple(
    tools: &Tools,
    name: &str,
    program: &Path,
    place: &str,
    recipe: &Path,
    file: &Path,
) -> anyhow::Result<()> {
    let work = file.with_extension("work");
    let made = (|| {
        let mut rootfs = Command::new(tools.checkout.join("deploy/rootfs"));
        rootfs
            .arg(work.join("root"))
            .arg(format!("{}={place}", program.display()));
        run(&mut rootfs)?;
        let buildah = || {
            let mut command = Command::new("buildah");
            command
                .arg("--root")
                .arg(work.join("store"))
                .arg("--runroot")
                .arg(work.join("run"))
                .args(["--storage-driver", "vfs"]);
            command
        };
        run(buildah()
            .args([
                "build",
                "--quiet",
                "--isolation",
                "chroot",
                "--tag",
                name,
                "--file",
            ])
            .arg(recipe)
            .arg(&work))?;
        let target = format!("docker-archive:{}:{name}", file.display());
        run(buildah().args(["push", "--quiet", name, &target]))
    })();
    if work.exists() {
        std::fs::remove_dir_all(&work)?;
    }
    made.map(drop)
}
