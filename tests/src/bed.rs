//! A mesh on a network of its own: manifests, the control plane, applications and sidecars.

use std::path::{Path, PathBuf};

use crate::netns::{Host, Network};
use crate::process::Process;
use crate::sidecar::{ControlPlane, Sidecar, application};

/// Everything that a traffic test starts; taken down when dropped.
#[derive(Debug)]
pub struct Bed {
    // Dropped in this order: processes before the network they are in.
    sidecars: Vec<Sidecar>,
    applications: Vec<Process>,
    /// The control plane; started by [`Bed::serve`].
    pub control_plane: Option<ControlPlane>,
    /// The network.
    pub network: Network,
    work: tempfile::TempDir,
}

impl Default for Bed {
    fn default() -> Self {
        Self::new()
    }
}

impl Bed {
    /// An empty mesh.
    pub fn new() -> Self {
        let work = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(work.path().join("manifests")).expect("a folder");
        // Envoy runs as another user and has to reach its files.
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(work.path(), std::fs::Permissions::from_mode(0o755))
            .expect("ours");
        Self {
            sidecars: Vec::new(),
            applications: Vec::new(),
            control_plane: None,
            network: Network::new(),
            work,
        }
    }

    /// Saves a manifest as an editor does: written beside, then renamed.
    pub fn save(&self, name: &str, text: &str) -> PathBuf {
        let path = self.work.path().join("manifests").join(name);
        let beside = self.work.path().join(format!(".{name}.tmp"));
        std::fs::write(&beside, text).expect("writable");
        std::fs::rename(&beside, &path).expect("renamable");
        path
    }

    /// The folder of everything.
    pub fn work(&self) -> &Path {
        self.work.path()
    }

    /// Starts the control plane on what has been saved.
    pub fn serve(&mut self) {
        self.control_plane = Some(ControlPlane::start(&self.network.hub(), self.work.path()));
    }

    /// The control plane.
    pub fn control_plane(&mut self) -> &mut ControlPlane {
        self.control_plane.as_mut().expect("serve() comes first")
    }

    /// Starts an application; `arguments` are those of `tulle-sample serve`.
    pub fn application(&mut self, host: &Host, name: &str, arguments: &[&str]) {
        let process = application(host, self.work.path(), name, arguments);
        self.applications.push(process);
    }

    /// Starts a sidecar (or a gateway) and waits until it is ready.
    pub fn sidecar(&mut self, host: &Host, proxy: &str, ports: &[u16]) {
        let sidecar = Sidecar::start(host, self.work.path(), proxy, ports);
        self.sidecars.push(sidecar);
    }

    /// Panics unless every Envoy is connected and has refused nothing.
    pub fn assert_content(&self) {
        for sidecar in &self.sidecars {
            crate::stats::assert_content(&sidecar.host, &sidecar.proxy);
        }
    }
}
