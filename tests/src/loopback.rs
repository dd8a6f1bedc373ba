//! A mesh on loopback addresses, without root: applications inside the test, a real control plane on free
//! ports, real Envoys of any version.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::runtime::Runtime;
use tulle_model::LoopbackBlock;

use crate::process::{Process, output, wait_for};
use crate::programs;
use crate::sample::http_client::{self, Answer, Call};
use crate::sample::{http_server, load};

static NEXT_BLOCK: AtomicU8 = AtomicU8::new(0);

/// A block that no other test of this process has; another process most likely has another.
pub fn block() -> LoopbackBlock {
    let number = NEXT_BLOCK.fetch_add(1, Ordering::Relaxed);
    let net = 64 + std::process::id() % 128;
    format!("127.{net}.{number}.0/29").parse().expect("a block")
}

/// Everything that such a test starts; taken down when dropped.
#[derive(Debug)]
pub struct Loopback {
    control_plane: Option<Process>,
    xds: SocketAddr,
    admin: SocketAddr,
    runtime: Runtime,
    work: tempfile::TempDir,
}

/// A running Envoy.
#[derive(Debug)]
pub struct Envoy {
    process: Process,
    /// Its admin interface.
    pub admin: SocketAddr,
    /// The addresses it has.
    pub block: LoopbackBlock,
}

/// The files that `tulle bootstrap` wrote, before Envoy is started on them.
#[derive(Debug)]
pub struct Bootstrap {
    /// Their folder.
    pub folder: PathBuf,
    block: LoopbackBlock,
}

impl Bootstrap {
    /// Replaces text in the bootstrap; panics if it is not there.
    pub fn edit(&self, from: &str, to: &str) {
        let path = self.folder.join("envoy.yaml");
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(text.contains(from), "{from:?} is not in {text}");
        std::fs::write(&path, text.replace(from, to)).expect("writable");
    }

    /// Replaces the token.
    pub fn set_token(&self, token: &str) {
        std::fs::write(self.folder.join("token"), token).expect("writable");
    }
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address")
}

impl Default for Loopback {
    fn default() -> Self {
        Self::new()
    }
}

impl Loopback {
    /// An empty mesh.
    pub fn new() -> Self {
        let work = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(work.path().join("manifests")).expect("a folder");
        let (xds, admin) = (free_port(), free_port());
        let config = format!(
            "apiVersion: tulle.dev/v1alpha1\nkind: MeshConfig\nspec: {{listen: {{address: 127.0.0.1, xds: {}, admin: {}}}}}\n",
            xds.port(),
            admin.port()
        );
        std::fs::write(work.path().join("config.yaml"), config).expect("writable");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads");
        Self {
            control_plane: None,
            xds,
            admin,
            runtime,
            work,
        }
    }

    /// The folder of everything.
    pub fn work(&self) -> &Path {
        self.work.path()
    }

    /// The state folder of the control plane.
    pub fn state(&self) -> PathBuf {
        self.work().join("state")
    }

    /// Saves a manifest as an editor does.
    pub fn save(&self, name: &str, text: &str) {
        let beside = self.work().join(format!(".{name}.tmp"));
        std::fs::write(&beside, text).expect("writable");
        std::fs::rename(&beside, self.work().join("manifests").join(name)).expect("renamable");
    }

    /// Deletes a manifest.
    pub fn delete(&self, name: &str) {
        std::fs::remove_file(self.work().join("manifests").join(name)).expect("deletable");
    }

    /// Starts the control plane and waits until it is ready.
    pub fn serve(&mut self) {
        let mut command = Command::new(programs::tulle());
        command
            .arg("serve")
            .arg("--manifests")
            .arg(self.work().join("manifests"));
        command
            .arg("--state")
            .arg(self.state())
            .arg("--config")
            .arg(self.work().join("config.yaml"));
        self.control_plane = Some(Process::start(
            &mut command,
            &self.work().join("control-plane.log"),
        ));
        wait_for("the control plane", Duration::from_secs(30), || {
            self.get(self.admin, "/readyz")
        });
    }

    /// Kills the control plane (SIGKILL).
    pub fn kill(&mut self) {
        self.control_plane = None;
    }

    /// A page of an admin port.
    pub fn get(&self, from: SocketAddr, path: &str) -> Option<String> {
        let answer = self.ask(from, "localhost", path);
        (answer.status == 200).then_some(answer.text)
    }

    /// Asks for a page.
    pub fn ask(&self, to: SocketAddr, host: &str, path: &str) -> Answer {
        let call = Call {
            id: path.to_owned(),
            to,
            host: host.to_owned(),
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: BTreeMap::new(),
            http2: false,
        };
        self.runtime
            .block_on(http_client::play(vec![call]))
            .pop()
            .expect("an answer")
    }

    /// Sends a load while `work` is done; returns what came of it.
    pub fn under_load(&self, load: load::Load, work: impl FnOnce()) -> load::Outcome {
        let running = self.runtime.spawn(load::run(load));
        work();
        self.runtime.block_on(running).expect("the load ends")
    }

    /// One of the control plane's metrics.
    pub fn metric(&self, name: &str) -> f64 {
        let page = self.get(self.admin, "/metrics").expect("metrics");
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.trim().parse().ok())
            .unwrap_or_else(|| panic!("no metric {name} in {page}"))
    }

    /// Starts an application.
    pub fn application(&self, name: &str, listen: SocketAddr) {
        let behaviour = http_server::Behaviour {
            name: name.to_owned(),
            fail_every: 0,
            delay: Duration::ZERO,
        };
        self.runtime.spawn(http_server::serve(listen, behaviour));
    }

    /// Has something done beside the test, such as an application of another kind.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    /// Does something and waits for it.
    pub fn run<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// Writes the files of a proxy; `state` is the control plane's own unless it is to be a stranger's.
    pub fn bootstrap(&self, proxy: &str, block: LoopbackBlock, state: &Path) -> Bootstrap {
        let folder = self
            .work()
            .join(format!("proxy-{}", block.to_string().replace('/', "-")));
        let mut command = Command::new(programs::tulle());
        command.args([
            "bootstrap",
            "--proxy",
            proxy,
            "--capture",
            &format!("loopback={block}"),
        ]);
        command.args(["--server", &self.xds.to_string()]);
        output(
            command.arg("--out").arg(&folder).arg("--state").arg(state),
            b"",
        );
        Bootstrap { folder, block }
    }

    /// Starts Envoy on these files.
    pub fn envoy(&self, binary: &Path, bootstrap: &Bootstrap) -> Envoy {
        let mut command = Command::new(binary);
        command.arg("-c").arg(bootstrap.folder.join("envoy.yaml"));
        command.args([
            "--use-dynamic-base-id",
            "--concurrency",
            "1",
            "--drain-time-s",
            "1",
            "-l",
            "info",
        ]);
        let process = Process::start(&mut command, &bootstrap.folder.join("envoy.log"));
        Envoy {
            process,
            admin: (bootstrap.block.admin(), 9901).into(),
            block: bootstrap.block,
        }
    }

    /// An Envoy's counters and gauges that have one of these parts in their names.
    pub fn stats(&self, envoy: &Envoy, parts: &[&str]) -> BTreeMap<String, u64> {
        let page = self
            .get(envoy.admin, &format!("/stats?filter={}", parts.join("|")))
            .unwrap_or_default();
        let read = |line: &str| {
            let (name, value) = line.rsplit_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        page.lines().filter_map(read).collect()
    }

    /// One of them; 0 if there is none.
    pub fn stat(&self, envoy: &Envoy, name: &str) -> u64 {
        self.stats(envoy, &[name])
            .get(name)
            .copied()
            .unwrap_or_default()
    }
}

impl Envoy {
    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.process.runs()
    }
}
