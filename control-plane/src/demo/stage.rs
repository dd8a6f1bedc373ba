//! A whole mesh on this machine: control plane, an Envoy a workload, sample applications. The live view and
//! the tour both play on it.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http::HeaderMap;

use super::app::{self, Apps};
use super::board::Board;
use super::control::Control;
use super::envoy_admin::{self, ProxyState};
use super::folder::{self, Folder, Lock};
use super::http_client::HttpClient;
use super::manifests;
use super::procs::Procs;
use super::workloads::{WORKLOADS, Workload, gateway_address};
use tulle_injector::bootstrap::BOOTSTRAP_FILE;

use crate::envoy_binary::{self, EnvoyBinary};

/// Name of the control plane's process.
const CONTROL_PLANE: &str = "control-plane";
/// How long each part may take to start. Seconds are plenty; a busy machine gets more.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How often a part that is starting is asked.
const POLL: Duration = Duration::from_millis(20);

/// The running mesh. Dropping it ends everything it started.
#[derive(Debug)]
pub(crate) struct Stage {
    /// What is counted.
    pub(crate) board: Arc<Board>,
    /// The control plane's commands and pages.
    pub(crate) control: Control,
    /// Asks proxies and the control plane.
    pub(crate) client: HttpClient,
    folder: Folder,
    envoy: EnvoyBinary,
    procs: Procs,
    _apps: Apps,
    _lock: Lock,
}

/// What a stage is made from.
#[derive(Debug)]
pub(crate) struct Setting<'a> {
    /// The Envoy to run.
    pub(crate) envoy: EnvoyBinary,
    /// The demo's folder.
    pub(crate) folder: &'a Path,
    /// Whether manifests that are there already are written anew.
    pub(crate) reset: bool,
}

impl Stage {
    /// Starts everything and returns when requests pass from the gateway to a colour.
    ///
    /// # Errors
    /// A demo is running already, an address is taken, or a part does not start.
    pub(crate) async fn start(setting: Setting<'_>, say: impl Fn(&str)) -> Result<Self> {
        let folder = Folder::new(setting.folder)?;
        let lock = folder::lock(&envoy_binary::cache_folder()?, &folder)?;
        let procs = Procs::new(folder.notes())?;
        check_addresses()?;
        folder.start_run()?;
        fs::create_dir_all(folder.notes()).context("cannot make the folder of process notes")?;
        manifests::write(&folder.manifests(), setting.reset)?;
        let control = Control::new(&folder)?;
        let board = Arc::new(Board::new());
        let apps = app::start(&board).await?;
        let client = HttpClient::new();
        let mut stage = Self {
            board,
            control,
            client,
            folder,
            envoy: setting.envoy,
            procs,
            _apps: apps,
            _lock: lock,
        };

        say("starting the control plane");
        stage.start_control_plane().await?;
        say("starting an Envoy for every workload");
        stage.bootstrap().await?;
        for workload in WORKLOADS {
            stage.start_envoy(workload)?;
        }
        for workload in WORKLOADS {
            stage.await_envoy(workload).await?;
        }
        say("waiting for the first request to pass");
        stage.await_first_request().await?;
        Ok(stage)
    }

    /// Where the manifests lie.
    pub(crate) fn manifests(&self) -> PathBuf {
        self.folder.manifests()
    }

    /// Where a part's output goes.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.folder.log(name)
    }

    /// The Envoy in use.
    pub(crate) fn envoy(&self) -> &EnvoyBinary {
        &self.envoy
    }

    /// Starts the control plane and returns when it serves.
    pub(crate) async fn start_control_plane(&mut self) -> Result<()> {
        let command = self.control.serve()?;
        self.procs
            .start(CONTROL_PLANE, &command, &self.folder.log(CONTROL_PLANE))?;
        let began = Instant::now();
        while !self.control.is_ready(&self.client).await {
            self.still_starting(CONTROL_PLANE, began)?;
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Ends the control plane as `kill -9` does.
    pub(crate) fn kill_control_plane(&mut self) -> Result<()> {
        self.procs.kill(CONTROL_PLANE)
    }

    /// What each proxy says of itself; for one that does not answer, why.
    pub(crate) async fn proxies(&mut self) -> Vec<(&'static str, Result<ProxyState, String>)> {
        let mut all = Vec::with_capacity(WORKLOADS.len());
        for workload in WORKLOADS {
            let state = match self.procs.ended(workload.name) {
                Some(status) => Err(format!(
                    "ended ({status}); see {}",
                    self.log(workload.name).display()
                )),
                None => envoy_admin::ask(&self.client, workload.admin())
                    .await
                    .map_err(|error| format!("{error:#}")),
            };
            all.push((workload.name, state));
        }
        all
    }

    /// How the control plane ended, if it has.
    pub(crate) fn control_plane_ended(&mut self) -> Option<String> {
        self.procs
            .ended(CONTROL_PLANE)
            .map(|status| status.to_string())
    }

    /// Ends everything, in order.
    pub(crate) fn stop(mut self) {
        self.procs.stop();
    }

    async fn bootstrap(&mut self) -> Result<()> {
        let mut writing = tokio::task::JoinSet::new();
        for workload in WORKLOADS {
            let command = self.control.bootstrap(workload)?;
            writing.spawn(async move {
                let (program, arguments) =
                    command.split_first().context("a command has a program")?;
                let output = tokio::process::Command::new(program)
                    .args(arguments)
                    .stdin(std::process::Stdio::null())
                    .kill_on_drop(true)
                    .output()
                    .await
                    .context("cannot run `tulle bootstrap`")?;
                if !output.status.success() {
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    bail!(
                        "`tulle bootstrap --proxy {}` failed: {}",
                        workload.proxy(),
                        said.trim()
                    );
                }
                Ok(())
            });
        }
        while let Some(written) = writing.join_next().await {
            written.context("writing a bootstrap broke off")??;
        }
        Ok(())
    }

    fn start_envoy(&mut self, workload: Workload) -> Result<()> {
        let folder = self.folder.bootstrap(workload.name);
        let mut command = vec![self.envoy.path.clone().into_os_string(), "-c".into()];
        command.push(folder.join(BOOTSTRAP_FILE).into());
        // Without hot restart nothing is left in shared memory, and no ids need to be kept apart.
        for argument in [
            "--disable-hot-restart",
            "--concurrency",
            "1",
            "--log-level",
            "warning",
        ] {
            command.push(argument.into());
        }
        // Connections of a listener that is replaced are told to close at once, within five seconds.
        for argument in ["--drain-time-s", "5", "--drain-strategy", "immediate"] {
            command.push(argument.into());
        }
        self.procs
            .start(workload.name, &command, &self.folder.log(workload.name))
    }

    async fn await_envoy(&mut self, workload: Workload) -> Result<()> {
        let began = Instant::now();
        while !matches!(
            envoy_admin::is_live(&self.client, workload.admin()).await,
            Ok(true)
        ) {
            self.still_starting(workload.name, began)?;
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    async fn await_first_request(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            let outcome = self
                .client
                .get(gateway_address(), "/color", HeaderMap::new())
                .await;
            match outcome {
                Ok(answer) if answer.status.is_success() => return Ok(()),
                Ok(_) | Err(_) if began.elapsed() < START_LIMIT => {
                    for workload in WORKLOADS {
                        self.still_starting(workload.name, began)?;
                    }
                    tokio::time::sleep(POLL).await;
                }
                Ok(answer) => bail!(
                    "no request passes the gateway: {} {:?}",
                    answer.status,
                    answer.body
                ),
                Err(error) => return Err(error.context("no request passes the gateway")),
            }
        }
    }

    /// An error if the process has ended or takes too long.
    fn still_starting(&mut self, name: &str, began: Instant) -> Result<()> {
        let log = self.folder.log(name);
        let ended = self.procs.ended(name);
        if ended.is_none() && began.elapsed() < START_LIMIT {
            return Ok(());
        }
        let what = match ended {
            Some(status) => format!("{name} ended ({status})"),
            None => format!("{name} is not ready after {} s", START_LIMIT.as_secs()),
        };
        let text = fs::read_to_string(&log).unwrap_or_default();
        let last: Vec<&str> = text.lines().rev().take(8).collect();
        let last = last.into_iter().rev().collect::<Vec<_>>().join("\n  ");
        bail!("{what}; the end of {}:\n  {last}", log.display())
    }
}

/// Whether every address of the demo is free, so that the cause of a failure is told and not guessed.
fn check_addresses() -> Result<()> {
    for address in WORKLOADS.iter().flat_map(|workload| workload.listens()) {
        check_address(address)?;
    }
    Ok(())
}

fn check_address(address: SocketAddr) -> Result<()> {
    TcpListener::bind(address).map(drop).with_context(|| {
        let port = address.port();
        format!("cannot listen on {address}: is another program using port {port} (`ss -ltnp 'sport = :{port}'` tells)?")
    })
}
