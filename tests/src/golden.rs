//! The golden cases: a folder each under `tests/golden/<dialect>/<case>/`.
//!
//! `in.yaml` holds the manifests; `capture`, if there, how traffic is captured (else `transparent`); `mtls`,
//! if there, that proxies have certificates, and the settings' mode.
//! `findings.txt` and `<kind>-<namespace>-<name>.yaml` hold what came out when a person last looked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tulle_control_plane::engine::Group;
use tulle_control_plane::offline::{self, Loaded};
use tulle_model::settings::Settings;

/// A case and where it lies.
#[derive(Debug, Clone)]
pub struct Case {
    /// `dialect/case`.
    pub name: String,
    folder: PathBuf,
}

/// Every case, sorted.
pub fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut cases = Vec::new();
    for dialect in folders(&root) {
        // Folders of other tests hold no `in.yaml`.
        for folder in folders(&dialect)
            .into_iter()
            .filter(|folder| folder.join("in.yaml").exists())
        {
            let name = folder
                .strip_prefix(&root)
                .expect("below the root")
                .display()
                .to_string();
            cases.push(Case { name, folder });
        }
    }
    assert!(
        !cases.is_empty(),
        "no golden cases under {}",
        root.display()
    );
    cases
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(of)
        .unwrap_or_else(|error| panic!("{}: {error}", of.display()))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

impl Case {
    /// Reads and links the manifests.
    pub fn load(&self) -> Loaded {
        offline::load(&[self.folder.join("in.yaml")], self.settings())
            .unwrap_or_else(|error| panic!("{}: {error:#}", self.name))
    }

    fn settings(&self) -> Settings {
        let mtls = std::fs::read_to_string(self.folder.join("mtls")).ok();
        Settings {
            mtls: mtls.map(|text| text.trim().parse().expect("a mode of mTLS")),
            ..Settings::default()
        }
    }

    /// Every proxy of the case, captured as the case says.
    pub fn groups(&self, loaded: &Loaded) -> Vec<Group> {
        let capture = std::fs::read_to_string(self.folder.join("capture"))
            .unwrap_or_else(|_| "transparent".to_owned());
        let capture = capture.trim().parse().expect("a capture mode");
        let proxies = loaded.engine.proxies();
        proxies
            .into_iter()
            .map(|proxy| Group { proxy, capture })
            .collect()
    }

    /// What comes out now, by file name.
    pub fn outputs(&self) -> BTreeMap<String, String> {
        let mut loaded = self.load();
        assert!(
            loaded.problems.is_empty(),
            "{}: {:?}",
            self.name,
            loaded.problems
        );
        let mut outputs = BTreeMap::new();
        for group in self.groups(&loaded) {
            let resources = offline::resources(&mut loaded.engine, &group);
            let sections = offline::sections(&resources).expect("every resource has a JSON form");
            let text = offline::yaml(&sections).expect("JSON is YAML");
            outputs.insert(
                format!("{}.yaml", group.proxy.to_string().replace('/', "-")),
                text,
            );
        }
        let findings: Vec<String> = loaded
            .engine
            .findings()
            .iter()
            .map(ToString::to_string)
            .collect();
        outputs.insert(
            "findings.txt".to_owned(),
            findings.iter().map(|line| format!("{line}\n")).collect(),
        );
        outputs
    }

    /// Compares with what is checked in; with `TULLE_UPDATE=1` writes that anew. Returns the differences.
    pub fn check(&self) -> Vec<String> {
        let outputs = self.outputs();
        let update = std::env::var_os("TULLE_UPDATE").is_some_and(|value| value == "1");
        let mut differences = Vec::new();
        for name in self.checked_in() {
            if !outputs.contains_key(&name) {
                differences.push(format!(
                    "{}/{name} is checked in, but nothing makes it",
                    self.name
                ));
                if update {
                    std::fs::remove_file(self.folder.join(name)).expect("removable");
                }
            }
        }
        for (name, now) in outputs {
            let path = self.folder.join(&name);
            let before = std::fs::read_to_string(&path).unwrap_or_default();
            if before != now {
                differences.push(format!(
                    "{}/{name}:\n{}",
                    self.name,
                    first_difference(&before, &now)
                ));
                if update {
                    std::fs::write(&path, now).expect("writable");
                }
            }
        }
        if update { Vec::new() } else { differences }
    }

    fn checked_in(&self) -> Vec<String> {
        std::fs::read_dir(&self.folder)
            .expect("the case's folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .filter(|name| !["in.yaml", "capture", "mtls"].contains(&name.as_str()))
            .collect()
    }
}

fn first_difference(before: &str, now: &str) -> String {
    let mut lines = before.lines().zip(now.lines()).enumerate();
    match lines.find(|(_, (a, b))| a != b) {
        Some((n, (a, b))) => format!("  line {}:\n  - {a}\n  + {b}", n + 1),
        None => format!(
            "  {} lines before, {} now",
            before.lines().count(),
            now.lines().count()
        ),
    }
}
