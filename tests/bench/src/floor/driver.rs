//! The floor process from outside.

use std::ffi::OsString;
use std::time::Duration;

use super::protocol::{Command, Event, Floor, Ready, Speaks};
use crate::clock::Nanos;
use crate::lines::{Launch, LineError, Worker};

/// A floor process. It ends when this is dropped.
#[derive(Debug)]
pub struct Driver {
    worker: Worker,
    ready: Ready,
}

const PROMPT: Duration = Duration::from_secs(30);

impl Driver {
    /// Starts a floor process and waits until it listens.
    ///
    /// # Errors
    /// Where it cannot be run, the dump cannot be read or the address is taken.
    pub async fn launch(launch: &Launch, floor: &Floor) -> Result<Self, LineError> {
        let mut arguments: Vec<OsString> = vec![
            "--dump".into(),
            floor.dump.clone().into(),
            "--listen".into(),
            floor.listen.to_string().into(),
            "--speaks".into(),
            match floor.speaks {
                Speaks::Ads => "ads".into(),
                Speaks::Raw => "raw".into(),
            },
        ];
        if let Some(ca) = &floor.tls {
            arguments.extend(["--tls".into(), ca.clone().into()]);
        }
        let mut worker = Worker::start("floor", launch, arguments)?;
        let ready = worker.hear(PROMPT).await?;
        Ok(Self { worker, ready })
    }

    /// What it serves, and where.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Its process id.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn pid(&self) -> Result<u32, LineError> {
        self.worker.pid()
    }

    /// Sends a change. The moment before the first stream is told.
    ///
    /// # Errors
    /// Where there is no such resource or the process does not answer.
    pub async fn event(&mut self, event: &Event) -> Result<Nanos, LineError> {
        self.worker
            .ask(&Command::Event(event.clone()), PROMPT)
            .await
    }

    /// Streams there are.
    ///
    /// # Errors
    /// Where the process does not answer.
    pub async fn streams(&mut self) -> Result<usize, LineError> {
        self.worker.ask(&Command::Streams, PROMPT).await
    }

    /// Ends the process.
    ///
    /// # Errors
    /// Where it had to be killed.
    pub async fn stop(self) -> Result<(), LineError> {
        self.worker.stop().await
    }
}
