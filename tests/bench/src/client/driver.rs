//! The client process from outside.

use std::path::Path;
use std::time::Duration;

use super::answer::{Completion, Report, Seen};
use super::protocol::{Command, Fleet, Stuck, Watch, WatchId};
use crate::clock::Nanos;
use crate::lines::{Launch, LineError, Worker};

/// A client process. It ends when this is dropped.
#[derive(Debug)]
pub struct Driver(Worker);

/// Commands that wait for nothing are answered within this.
const PROMPT: Duration = Duration::from_secs(60);

impl Driver {
    /// Starts a client process.
    ///
    /// # Errors
    /// Where it cannot be run.
    pub async fn launch(launch: &Launch) -> Result<Self, LineError> {
        let mut worker = Worker::start("client", launch, [])?;
        worker.hear::<()>(PROMPT).await?;
        Ok(Self(worker))
    }

    /// Its process id.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn pid(&self) -> Result<u32, LineError> {
        self.0.pid()
    }

    /// Starts proxies. The moment before the first dials.
    ///
    /// # Errors
    /// Where the file of proxies or the certificates cannot be read, or the file has too few lines.
    pub async fn start(&mut self, fleet: &Fleet) -> Result<Nanos, LineError> {
        self.0.ask(&Command::Start(fleet.clone()), PROMPT).await
    }

    /// Waits until `count` proxies are complete or `timeout` is over: see [`Completion::complete`] for how many are.
    ///
    /// # Errors
    /// Where the process does not answer.
    pub async fn complete(
        &mut self,
        count: usize,
        timeout: Duration,
    ) -> Result<Completion, LineError> {
        let timeout_ms = timeout.as_millis() as u64;
        let command = Command::Complete { count, timeout_ms };
        self.0.ask(&command, timeout + PROMPT).await
    }

    /// Totals up to now.
    ///
    /// # Errors
    /// Where the process does not answer.
    pub async fn report(&mut self) -> Result<Report, LineError> {
        self.0.ask(&Command::Report, PROMPT).await
    }

    /// Looks for a change from now on; to be called before the change is made.
    ///
    /// # Errors
    /// Where the process does not answer.
    pub async fn watch(&mut self, watch: &Watch) -> Result<WatchId, LineError> {
        self.0.ask(&Command::Watch(watch.clone()), PROMPT).await
    }

    /// Waits until `count` proxies have acknowledged the change or `timeout` is over, and forgets the watch.
    ///
    /// # Errors
    /// Where there is no such watch or the process does not answer.
    pub async fn seen(
        &mut self,
        watch: WatchId,
        count: usize,
        timeout: Duration,
    ) -> Result<Seen, LineError> {
        let timeout_ms = timeout.as_millis() as u64;
        let command = Command::Seen {
            watch,
            count,
            timeout_ms,
        };
        self.0.ask(&command, timeout + PROMPT).await
    }

    /// The first `count` proxies are stuck until [`Driver::unstick`].
    ///
    /// # Errors
    /// Where the process does not answer.
    pub async fn stick(&mut self, count: usize, how: Stuck) -> Result<usize, LineError> {
        self.0.ask(&Command::Stick { count, how }, PROMPT).await
    }

    /// All proxies go on.
    ///
    /// # Errors
    /// Where the process does not answer.
    pub async fn unstick(&mut self) -> Result<(), LineError> {
        self.0.ask(&Command::Unstick, PROMPT).await
    }

    /// All proxies close their connections and stay away.
    ///
    /// # Errors
    /// Where the process does not answer.
    pub async fn disconnect(&mut self) -> Result<(), LineError> {
        self.0.ask(&Command::Disconnect, PROMPT).await
    }

    /// All proxies connect again. The moment before the first dials.
    ///
    /// # Errors
    /// Where the process does not answer.
    pub async fn reconnect(&mut self, warm: bool) -> Result<Nanos, LineError> {
        self.0.ask(&Command::Reconnect { warm }, PROMPT).await
    }

    /// Writes the resources that were kept to a file ([`crate::wire::dump`]). How many they are.
    ///
    /// # Errors
    /// Where none were kept or the file cannot be written.
    pub async fn dump(&mut self, path: &Path) -> Result<usize, LineError> {
        self.0.ask(&Command::Dump(path.to_owned()), PROMPT).await
    }

    /// Drops all proxies.
    ///
    /// # Errors
    /// Where the process does not answer.
    pub async fn clear(&mut self) -> Result<(), LineError> {
        self.0.ask(&Command::Clear, PROMPT).await
    }

    /// Ends the process.
    ///
    /// # Errors
    /// Where it had to be killed.
    pub async fn stop(self) -> Result<(), LineError> {
        self.0.stop().await
    }
}
