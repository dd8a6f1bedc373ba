//! The event source from outside.

use std::path::Path;
use std::time::Duration;

use super::protocol::{Change, Command, Noise, Written};
use crate::data::Dialect;
use crate::lines::{Launch, LineError, Worker};

/// An event source. It ends when this is dropped.
#[derive(Debug)]
pub struct Driver(Worker);

const PROMPT: Duration = Duration::from_secs(30);

impl Driver {
    /// Starts an event source that writes to the API server of a kubeconfig.
    ///
    /// # Errors
    /// Where it cannot be run, or the API server does not answer it.
    pub async fn launch(
        launch: &Launch,
        kubeconfig: &Path,
        dialect: Dialect,
    ) -> Result<Self, LineError> {
        let mut worker = Worker::start(
            "events",
            launch,
            [
                "--kubeconfig".into(),
                kubeconfig.into(),
                "--dialect".into(),
                dialect.word().into(),
            ],
        )?;
        worker.hear::<()>(PROMPT).await?;
        Ok(Self(worker))
    }

    /// Makes a change.
    ///
    /// # Errors
    /// Where the API server refuses it or the process does not answer.
    pub async fn change(&mut self, change: &Change) -> Result<Written, LineError> {
        self.0.ask(&Command::Change(change.clone()), PROMPT).await
    }

    /// Begins to make noise, or ends it. How many changes the noise so far has made.
    ///
    /// # Errors
    /// As [`Driver::change`].
    pub async fn noise(&mut self, noise: Option<Noise>) -> Result<usize, LineError> {
        self.0.ask(&Command::Noise(noise), PROMPT).await
    }

    /// Ends the process.
    ///
    /// # Errors
    /// Where it had to be killed.
    pub async fn stop(self) -> Result<(), LineError> {
        self.0.stop().await
    }
}
