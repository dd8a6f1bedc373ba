//! The demo's manifests: written to the user's folder, edited by the tour, read for what they declare.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde_json::Value;

use super::workloads::COLORS;

/// The file with the weights.
pub(crate) const COLOR_FILE: &str = "color.yaml";
/// The file with the egress filter.
pub(crate) const MESH_FILE: &str = "mesh.yaml";

const FILES: [(&str, &str); 7] = [
    (MESH_FILE, include_str!("../../../deploy/demo/mesh.yaml")),
    (
        "gateway.yaml",
        include_str!("../../../deploy/demo/gateway.yaml"),
    ),
    (
        "front.yaml",
        include_str!("../../../deploy/demo/front.yaml"),
    ),
    (COLOR_FILE, include_str!("../../../deploy/demo/color.yaml")),
    (
        "color-nodes.yaml",
        include_str!("../../../deploy/demo/color-nodes.yaml"),
    ),
    (
        "flaky.yaml",
        include_str!("../../../deploy/demo/flaky.yaml"),
    ),
    (
        "egress.yaml",
        include_str!("../../../deploy/demo/egress.yaml"),
    ),
];

/// Name of the route whose weights are shown and edited.
const WEIGHTED_ROUTE: &str = "by-weight";

/// What the manifests ask for, as far as the demo shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Declared {
    /// Weights of the colours.
    pub(crate) weights: [u64; COLORS.len()],
    /// Whether egress to undeclared hosts is allowed.
    pub(crate) allow_all: bool,
}

/// Writes the manifests: those that are missing, or all of them anew.
pub(crate) fn write(folder: &Path, anew: bool) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, text) in FILES {
        let path = folder.join(name);
        if anew || !path.exists() {
            save(&path, text)?;
        }
    }
    Ok(())
}

/// Puts the text in place in one step, as editors do, and tells when, by the file system's clock.
pub(crate) fn save(path: &Path, text: &str) -> Result<SystemTime> {
    let name = path.file_name().context("a manifest has a name")?;
    let draft = path.with_file_name(format!(".{}.draft", name.display()));
    fs::write(&draft, text).with_context(|| format!("cannot write {}", draft.display()))?;
    fs::rename(&draft, path).with_context(|| format!("cannot write {}", path.display()))?;
    let saved = fs::metadata(path).and_then(|metadata| metadata.modified());
    saved.with_context(|| format!("cannot read {}", path.display()))
}

/// The manifest with the weights as it was shipped, with other weights.
pub(crate) fn color_with(weights: [u64; COLORS.len()]) -> String {
    let original = FILES
        .iter()
        .find(|(name, _)| *name == COLOR_FILE)
        .map_or("", |(_, text)| text);
    with_weights(original, weights)
}

/// The manifest with the mesh as it was shipped, with another egress filter.
pub(crate) fn mesh_with(allow_all: bool) -> String {
    let original = FILES
        .iter()
        .find(|(name, _)| *name == MESH_FILE)
        .map_or("", |(_, text)| text);
    let wanted = if allow_all {
        "type: ALLOW_ALL"
    } else {
        "type: DROP_ALL"
    };
    original.replace("type: DROP_ALL", wanted)
}

/// Replaces the numbers and nothing else, so that comments and layout stay.
fn with_weights(text: &str, weights: [u64; COLORS.len()]) -> String {
    let mut weighted = false;
    let mut target = None;
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let content = line.trim_start();
        if let Some(name) = content.trim_start_matches("- ").strip_prefix("name: ") {
            weighted |= name == WEIGHTED_ROUTE;
            target = COLORS.iter().position(|color| *color == name);
        }
        match target {
            Some(color) if weighted && content.starts_with("weight: ") => {
                let indent = &line[..line.len() - content.len()];
                out.push_str(&format!("{indent}weight: {}\n", weights[color]));
            }
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}

/// What the folder's manifests declare; None while one of them does not parse.
pub(crate) fn declared(folder: &Path) -> Option<Declared> {
    let mut declared = Declared::default();
    for path in yaml_files(folder) {
        let text = fs::read_to_string(path).ok()?;
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).ok()?;
        for document in &documents {
            match (
                document["kind"].as_str(),
                document["metadata"]["name"].as_str(),
            ) {
                (Some("Mesh"), Some("demo")) => {
                    declared.allow_all = document["spec"]["egressFilter"]["type"] == "ALLOW_ALL";
                }
                (Some("VirtualRouter"), Some("color")) => declared.weights = weights(document),
                _ => {}
            }
        }
    }
    Some(declared)
}

/// The folder's manifests, sorted.
pub(crate) fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml" || extension == "yml")
        })
        .collect();
    files.sort();
    files
}

/// Weights of the colours on the route that a request without headers takes.
fn weights(router: &Value) -> [u64; COLORS.len()] {
    let routes = router["spec"]["routes"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let plain = routes
        .iter()
        .find(|route| route["httpRoute"]["match"]["headers"].is_null());
    let targets = plain.map(|route| &route["httpRoute"]["action"]["weightedTargets"]);
    let targets = targets
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    COLORS.map(|color| {
        let mine = targets
            .iter()
            .filter(|target| target["virtualNodeRef"]["name"] == color);
        mine.filter_map(|target| target["weight"].as_u64()).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_declared_and_edits_stay() {
        let folder = std::env::temp_dir().join(format!("tulle-manifests-{}", std::process::id()));
        write(&folder, true).unwrap();
        assert_eq!(
            declared(&folder),
            Some(Declared {
                weights: [60, 30, 10],
                allow_all: false
            })
        );
        save(&folder.join(COLOR_FILE), &color_with([0, 7, 100])).unwrap();
        save(&folder.join(MESH_FILE), &mesh_with(true)).unwrap();
        write(&folder, false).unwrap();
        assert_eq!(
            declared(&folder),
            Some(Declared {
                weights: [0, 7, 100],
                allow_all: true
            })
        );
        save(&folder.join(COLOR_FILE), "kind: [").unwrap();
        assert_eq!(declared(&folder), None);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn only_the_weights_of_the_weighted_route_change() {
        let before = color_with([60, 30, 10]);
        let after = color_with([1, 2, 3]);
        let changed: Vec<(&str, &str)> = before
            .lines()
            .zip(after.lines())
            .filter(|(a, b)| a != b)
            .collect();
        let trimmed: Vec<(&str, &str)> =
            changed.iter().map(|(a, b)| (a.trim(), b.trim())).collect();
        assert_eq!(
            trimmed,
            [
                ("weight: 60", "weight: 1"),
                ("weight: 30", "weight: 2"),
                ("weight: 10", "weight: 3")
            ]
        );
        assert_eq!(before, FILES[3].1);
    }
}
