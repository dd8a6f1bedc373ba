//! The tasks of a replica, none of which ends by itself before the end is asked for.

use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// Everything that runs.
#[derive(Default)]
pub(super) struct Tasks {
    pub(super) others: JoinSet<&'static str>,
    /// Who contends for the lease; it ends by itself, once the lease is given back.
    pub(super) lease: Option<JoinHandle<()>>,
    /// Gives the lease back.
    pub(super) leave: CancellationToken,
}

impl Tasks {
    /// Starts a task; its name is told should it end.
    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        self.others.spawn(async move {
            task.await;
            name
        });
    }

    /// Waits for a task that ends although nobody asked it to: without it the process would be half alive.
    pub(super) async fn unexpected(&mut self, asked: impl Fn() -> bool) -> anyhow::Error {
        loop {
            match self.others.join_next().await {
                Some(Ok(_)) if asked() => {}
                Some(Ok(name)) => return anyhow::anyhow!("the task of {name} has ended"),
                Some(Err(error)) => {
                    return anyhow::anyhow!("a task has ended by a defect: {error}");
                }
                None => std::future::pending().await,
            }
        }
    }
}
