//! An orderly end: ask everybody to finish, wait for them up to a deadline, then stop waiting.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Makes the two ends of a drain.
pub fn drain() -> (DrainTrigger, DrainWatcher) {
    let signal = DrainSignal {
        requested: CancellationToken::new(),
        ended: CancellationToken::new(),
    };
    let tracker = TaskTracker::new();
    let watcher = DrainWatcher {
        signal: signal.clone(),
        _alive: tracker.token(),
    };
    (DrainTrigger { signal, tracker }, watcher)
}

/// Starts the end. Kept by the one who runs the process.
#[derive(Debug)]
pub struct DrainTrigger {
    signal: DrainSignal,
    tracker: TaskTracker,
}

/// Held by whoever has work to finish: the drain waits until every watcher is dropped.
#[derive(Debug, Clone)]
pub struct DrainWatcher {
    signal: DrainSignal,
    _alive: TaskTrackerToken,
}

/// Tells of the drain without holding it up: for parts that must stay until the others are done.
#[derive(Debug, Clone)]
pub struct DrainSignal {
    requested: CancellationToken,
    ended: CancellationToken,
}

/// How a drain went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Drained {
    /// Everybody finished in time.
    Clean,
    /// The deadline passed with this many watchers left.
    Forced {
        /// Watchers that were not dropped.
        left: usize,
    },
}

impl DrainTrigger {
    /// Asks everybody to finish and waits until they have, for `grace` at most.
    pub async fn drain(self, grace: Duration) -> Drained {
        self.drain_until(tokio::time::sleep(grace)).await
    }

    /// Waits for SIGTERM or SIGINT, then drains. A second signal ends the grace.
    ///
    /// # Errors
    /// The operating system refuses to report signals.
    pub async fn drain_on_signal(self, grace: Duration) -> io::Result<Drained> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(?grace, "{name}: finishing");
        let drained = self
            .drain_until(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    () = tokio::time::sleep(grace) => {}
                }
            })
            .await;
        if let Drained::Forced { left } = drained {
            tracing::warn!(left, "not everything finished in time");
        }
        Ok(drained)
    }

    async fn drain_until(self, deadline: impl Future<Output = ()>) -> Drained {
        self.signal.requested.cancel();
        self.tracker.close();
        let drained = tokio::select! {
            () = self.tracker.wait() => Drained::Clean,
            () = deadline => Drained::Forced { left: self.tracker.len() },
        };
        self.signal.ended.cancel();
        drained
    }
}

impl DrainWatcher {
    /// Waits until the process is asked to end: take nothing new from here on, finish what is there, drop the watcher.
    pub async fn requested(&self) {
        self.signal.requested().await;
    }

    /// Waits until the deadline has passed: drop everything.
    pub async fn forced(&self) {
        self.signal.ended().await;
    }

    /// The same news for one who must not hold the drain up.
    pub fn signal(&self) -> DrainSignal {
        self.signal.clone()
    }
}

impl DrainSignal {
    /// Waits until the process is asked to end.
    pub async fn requested(&self) {
        self.requested.cancelled().await;
    }

    /// Waits until the drain is over, in order or not.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Whether the process was asked to end.
    pub fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_for_every_watcher() {
        let (trigger, watcher) = drain();
        let signal = watcher.signal();
        let second = watcher.clone();
        let worker = tokio::spawn(async move {
            watcher.requested().await;
            tokio::time::sleep(Duration::from_secs(3)).await;
        });
        drop(second);
        assert!(!signal.is_requested());
        assert_eq!(trigger.drain(Duration::from_secs(10)).await, Drained::Clean);
        worker.await.unwrap();
        assert!(signal.is_requested());
        signal.ended().await;
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_forces() {
        let (trigger, watcher) = drain();
        let worker = tokio::spawn(async move { watcher.forced().await });
        assert_eq!(
            trigger.drain(Duration::from_secs(2)).await,
            Drained::Forced { left: 1 }
        );
        worker.await.unwrap();
    }

    #[tokio::test]
    async fn signals_start_it_and_a_second_one_forces_it() {
        let (trigger, watcher) = drain();
        let draining = tokio::spawn(trigger.drain_on_signal(Duration::from_secs(60)));
        // On this single thread the task has set its handlers up once it has run.
        tokio::task::yield_now().await;
        let raise =
            |signal| rustix::process::kill_process(rustix::process::getpid(), signal).unwrap();
        raise(rustix::process::Signal::TERM);
        watcher.requested().await;
        raise(rustix::process::Signal::INT);
        assert_eq!(
            draining.await.unwrap().unwrap(),
            Drained::Forced { left: 1 }
        );
    }
}
