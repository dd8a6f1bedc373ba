//! The group of the cluster's pods in every cgroup hierarchy (version 1, one folder each, or version 2).

use std::path::{Path, PathBuf};

use anyhow::Context;

const ROOT: &str = "/sys/fs/cgroup";

fn hierarchies() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    if root.join("cgroup.controllers").exists() {
        return vec![root.to_owned()];
    }
    let Ok(entries) = std::fs::read_dir(root) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() && !path.is_symlink())
        .collect();
    folders.sort();
    folders
}

/// Makes the group, with all processors and memory nodes of its parent.
///
/// # Errors
/// A folder could not be made.
pub fn make(name: &str) -> anyhow::Result<()> {
    for hierarchy in hierarchies() {
        let group = hierarchy.join(name);
        std::fs::create_dir_all(&group).with_context(|| group.display().to_string())?;
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let (from, to) = (hierarchy.join(file), group.join(file));
            if let (Ok(value), true) = (std::fs::read(&from), to.exists()) {
                std::fs::write(&to, value).with_context(|| to.display().to_string())?;
            }
        }
    }
    Ok(())
}

/// Takes the group and all groups in it away; its processes have ended.
///
/// # Errors
/// A group still has a process in it.
pub fn remove(name: &str) -> anyhow::Result<()> {
    for hierarchy in hierarchies() {
        let group = hierarchy.join(name);
        if group.exists() {
            remove_tree(&group).with_context(|| group.display().to_string())?;
        }
    }
    Ok(())
}

fn remove_tree(group: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(group)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_tree(&path)?;
        }
    }
    std::fs::remove_dir(group)
}
