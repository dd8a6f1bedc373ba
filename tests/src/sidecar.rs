//! The real parts of a mesh on a network: the control plane, and sidecars with redirected traffic.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::netns::Host;
use crate::process::{Process, output, wait_for};
use crate::{captured, programs, stats};

/// The control plane, on the hub.
#[derive(Debug)]
pub struct ControlPlane {
    host: Host,
    work: PathBuf,
    process: Process,
}

impl ControlPlane {
    /// Serves `work/manifests` with its state in `work/state`.
    pub fn start(host: &Host, work: &Path) -> Self {
        let process = Self::spawn(host, work);
        let control_plane = Self {
            host: host.clone(),
            work: work.to_owned(),
            process,
        };
        control_plane.wait_ready();
        control_plane
    }

    fn spawn(host: &Host, work: &Path) -> Process {
        let mut command = host.command(programs::tulle());
        command
            .arg("serve")
            .arg("--manifests")
            .arg(work.join("manifests"))
            .arg("--state")
            .arg(work.join("state"));
        Process::start(&mut command, &work.join("control-plane.log"))
    }

    fn wait_ready(&self) {
        wait_for("the control plane", Duration::from_secs(20), || {
            self.get("/readyz")
        });
    }

    /// A page of its admin port.
    pub fn get(&self, path: &str) -> Option<String> {
        let call = serde_json::from_value(serde_json::json!({
            "id": path, "to": "127.0.0.1:15014", "host": "localhost", "path": path
        }));
        let answer = stats::play(&self.host, &[call.expect("a call")]).pop()?;
        (answer.status == 200).then_some(answer.text)
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after [`ControlPlane::kill`].
    pub fn restart(&mut self) {
        self.process = Self::spawn(&self.host, &self.work);
        self.wait_ready();
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// An Envoy beside an application, its traffic redirected as in a pod.
#[derive(Debug)]
pub struct Sidecar {
    /// Where it runs.
    pub host: Host,
    /// Whose it is, such as `virtualnode/shop/front`.
    pub proxy: String,
    _envoy: Process,
}

impl Sidecar {
    /// Makes the bootstrap files, installs the redirect rules for `ports`, starts Envoy and waits until
    /// it is ready. `ports` empty: a gateway or a client, nothing comes in redirected.
    pub fn start(host: &Host, work: &Path, proxy: &str, ports: &[u16]) -> Self {
        let out = work.join(format!("proxy-{}", proxy.replace('/', "-")));
        output(
            Command::new(programs::tulle())
                .args([
                    "bootstrap",
                    "--proxy",
                    proxy,
                    "--server",
                    "10.222.0.1:15012",
                    "--out",
                ])
                .arg(&out)
                .arg("--state")
                .arg(work.join("state")),
            b"",
        );
        output(
            Command::new("chown")
                .arg("-R")
                .arg(captured::ENVOY_USER)
                .arg(&out),
            b"",
        );
        if !proxy.starts_with("virtualgateway/") {
            captured::redirect(host, ports);
        }
        let (config, log) = (out.join("envoy.yaml"), out.join("envoy.log"));
        let envoy = captured::envoy(host, work, proxy, &config, &log, &["--drain-time-s", "2"]);
        Self {
            host: host.clone(),
            proxy: proxy.to_owned(),
            _envoy: envoy,
        }
    }
}

/// Starts an application on a host and waits until it listens; `arguments` are those of `tulle-sample serve`.
pub fn application(host: &Host, work: &Path, name: &str, arguments: &[&str]) -> Process {
    let mut command = host.command(programs::sample());
    command.args(["serve", "--name", name]).args(arguments);
    let process = Process::start(&mut command, &work.join(format!("app-{name}.log")));
    let ports = arguments
        .iter()
        .filter_map(|argument| argument.parse::<SocketAddr>().ok())
        .map(|address| address.port());
    wait_for(
        &format!("{name} to listen"),
        Duration::from_secs(20),
        || {
            let listening = process.listening();
            ports
                .clone()
                .all(|port| listening.contains(&port))
                .then_some(())
        },
    );
    process
}
