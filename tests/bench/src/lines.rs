//! Processes that are told what to do line by line: a JSON command in, a JSON reply out, until their input ends.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How to start a process of the bench.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The binary; this one, if none is named.
    pub binary: Option<PathBuf>,
    /// The cores it may use; all, if none is named.
    pub cores: Vec<usize>,
    /// Worker threads of its runtime.
    pub threads: usize,
    /// It ends by itself after this long.
    pub lifetime: Duration,
}

impl Default for Launch {
    fn default() -> Self {
        Self {
            binary: None,
            cores: Vec::new(),
            threads: 2,
            lifetime: Duration::from_secs(3600),
        }
    }
}

/// Why a process of the bench did not do as told.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It could not be started, or its pipes broke.
    #[error("bench process '{0}': {1}")]
    Io(String, std::io::Error),
    /// It has ended.
    #[error("bench process '{0}' has ended")]
    Ended(String),
    /// It answered with something else than JSON of the expected form.
    #[error("bench process '{0}' answered what cannot be read: {1}")]
    Unreadable(String, serde_json::Error),
    /// It refused the command.
    #[error("bench process '{0}': {1}")]
    Refused(String, String),
    /// It did not answer in time.
    #[error("bench process '{0}' did not answer within {1:?}")]
    Late(String, Duration),
}

/// What a process answers to a command.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply<T> {
    /// The result.
    Ok(T),
    /// Why there is none.
    Error(String),
}

/// A process that was started by [`Lines`](Launch) and takes commands.
#[derive(Debug)]
pub struct Worker {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    /// Starts `tulle-bench <name> <arguments…>`. It is killed when this is dropped.
    ///
    /// # Errors
    /// Where the binary cannot be run.
    pub fn start(
        name: &str,
        launch: &Launch,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, LineError> {
        let io = |error| LineError::Io(name.to_owned(), error);
        let binary = match &launch.binary {
            Some(binary) => binary.clone(),
            None => std::env::current_exe().map_err(io)?,
        };
        let cores: Vec<String> = launch.cores.iter().map(usize::to_string).collect();
        let mut command = Command::new(binary);
        command
            .arg(name)
            .arg(format!("--threads={}", launch.threads))
            .arg(format!("--lifetime={}", launch.lifetime.as_secs().max(1)));
        if !cores.is_empty() {
            command.arg(format!("--cores={}", cores.join(",")));
        }
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(io)?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or(LineError::Ended(name.into()))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            input,
            output: BufReader::new(output).lines(),
        })
    }

    /// Its process id.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn pid(&self) -> Result<u32, LineError> {
        self.child.id().ok_or(LineError::Ended(self.name.clone()))
    }

    /// Gives a command and waits for its reply, for at most `patience`.
    ///
    /// # Errors
    /// Where the process ended, refused, or did not answer.
    pub async fn ask<C: Serialize + Sync, T: DeserializeOwned>(
        &mut self,
        command: &C,
        patience: Duration,
    ) -> Result<T, LineError> {
        let unreadable = |error| LineError::Unreadable(self.name.clone(), error);
        let mut line = serde_json::to_string(command).map_err(unreadable)?;
        line.push('\n');
        let input = self
            .input
            .as_mut()
            .ok_or(LineError::Ended(self.name.clone()))?;
        input
            .write_all(line.as_bytes())
            .await
            .map_err(|error| LineError::Io(self.name.clone(), error))?;
        self.hear(patience).await
    }

    /// Waits for a reply to nothing in particular: the first one tells that the process is ready.
    ///
    /// # Errors
    /// As [`Worker::ask`].
    pub async fn hear<T: DeserializeOwned>(&mut self, patience: Duration) -> Result<T, LineError> {
        let line = tokio::time::timeout(patience, self.output.next_line())
            .await
            .map_err(|_| LineError::Late(self.name.clone(), patience))?
            .map_err(|error| LineError::Io(self.name.clone(), error))?
            .ok_or(LineError::Ended(self.name.clone()))?;
        match serde_json::from_str(&line)
            .map_err(|error| LineError::Unreadable(self.name.clone(), error))?
        {
            Reply::Ok(result) => Ok(result),
            Reply::Error(why) => Err(LineError::Refused(self.name.clone(), why)),
        }
    }

    /// Ends its input and waits for its end.
    ///
    /// # Errors
    /// Where it does not end within five seconds, and was killed.
    pub async fn stop(mut self) -> Result<(), LineError> {
        self.input = None;
        let patience = Duration::from_secs(5);
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(ended) => ended
                .map(|_| ())
                .map_err(|error| LineError::Io(self.name.clone(), error)),
            Err(_) => {
                let _ = self.child.kill().await;
                Err(LineError::Late(self.name.clone(), patience))
            }
        }
    }
}

/// The arguments that every worker process has; see [`Launch`].
#[derive(Clone, Debug, clap::Args)]
pub struct WorkerArgs {
    /// Worker threads of the runtime
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
    /// Cores to run on, separated by commas; all by default
    #[arg(long, value_delimiter = ',')]
    pub cores: Vec<usize>,
    /// Ends by itself after this many seconds
    #[arg(long, default_value_t = 3600)]
    pub lifetime: u64,
}

impl WorkerArgs {
    /// Runs `work` on a runtime as asked for, until it ends or the lifetime is over.
    ///
    /// # Errors
    /// Where the cores cannot be had or the runtime cannot be made, and what `work` returns.
    pub fn run(&self, work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
        if !self.cores.is_empty() {
            let mut set = rustix::thread::CpuSet::new();
            self.cores.iter().for_each(|core| set.set(*core));
            rustix::thread::sched_setaffinity(None, &set)?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(self.threads.max(1))
            .enable_all()
            .build()?;
        let lifetime = Duration::from_secs(self.lifetime);
        let ended = runtime.block_on(async {
            tokio::select! {
                ended = work => ended,
                () = tokio::time::sleep(lifetime) => Err(anyhow::anyhow!("the lifetime of {lifetime:?} is over")),
            }
        });
        // the thread that waits for input is not waited for
        runtime.shutdown_background();
        ended
    }
}

/// The commands of a worker, in order.
#[derive(Debug)]
pub struct Commands(Lines<BufReader<tokio::io::Stdin>>);

impl Default for Commands {
    fn default() -> Self {
        Self(BufReader::new(tokio::io::stdin()).lines())
    }
}

impl Commands {
    /// The next command; `None` at the end of input. What cannot be read is answered with an error and skipped.
    ///
    /// # Errors
    /// Where standard input or output fails.
    pub async fn next<C: DeserializeOwned>(&mut self) -> std::io::Result<Option<C>> {
        while let Some(line) = self.0.next_line().await? {
            if line.trim().is_empty() {
                continue;
            }
            match serde_json::from_str(&line) {
                Ok(command) => return Ok(Some(command)),
                Err(error) => answer::<()>(&Reply::Error(format!("no such command: {error}")))?,
            }
        }
        Ok(None)
    }
}

/// Writes a reply to standard output.
///
/// # Errors
/// Where standard output is gone.
pub fn answer<T: Serialize>(reply: &Reply<T>) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}
