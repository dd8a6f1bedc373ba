//! Readiness: the process is ready when everybody who asked for time has let go.

use std::collections::BTreeMap;
use std::time::Instant;

use tokio::sync::watch;

/// Counts who is not ready yet. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Readiness {
    pending: watch::Sender<Pending>,
    remarks: watch::Sender<BTreeMap<&'static str, String>>,
    started: Instant,
}

#[derive(Debug, Default)]
struct Pending {
    next: u64,
    names: BTreeMap<u64, String>,
}

/// Holds readiness back until it is dropped.
#[derive(Debug)]
#[must_use = "readiness is held back only while this lives"]
pub struct ReadinessGuard {
    readiness: Readiness,
    id: u64,
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    /// Ready at once, until somebody registers.
    pub fn new() -> Self {
        Self {
            pending: watch::Sender::new(Pending::default()),
            remarks: watch::Sender::default(),
            started: Instant::now(),
        }
    }

    /// Holds readiness back under a name that people will read (`files`, `certificate authority`) until the guard is dropped.
    pub fn register(&self, name: impl Into<String>) -> ReadinessGuard {
        let mut id = 0;
        self.pending.send_modify(|pending| {
            id = pending.next;
            pending.next += 1;
            pending.names.insert(id, name.into());
        });
        ReadinessGuard {
            readiness: self.clone(),
            id,
        }
    }

    /// Whether nobody holds back.
    pub fn is_ready(&self) -> bool {
        self.pending.borrow().names.is_empty()
    }

    /// Who holds back, in the order of registration.
    pub fn pending(&self) -> Vec<String> {
        self.pending.borrow().names.values().cloned().collect()
    }

    /// Says what is wrong about `topic` although it holds nobody back; `None`: nothing is.
    pub fn remark(&self, topic: &'static str, text: Option<String>) {
        self.remarks.send_modify(|remarks| {
            match text {
                Some(text) => remarks.insert(topic, text),
                None => remarks.remove(topic),
            };
        });
    }

    /// All remarks, in the order of their topics.
    pub fn remarks(&self) -> Vec<String> {
        self.remarks.borrow().values().cloned().collect()
    }

    /// Waits until nobody holds back.
    pub async fn ready(&self) {
        let mut changes = self.pending.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = changes.wait_for(|pending| pending.names.is_empty()).await;
    }
}

impl Drop for ReadinessGuard {
    fn drop(&mut self) {
        let mut done = None;
        self.readiness.pending.send_modify(|pending| {
            done = pending.names.remove(&self.id);
        });
        let elapsed = self.readiness.started.elapsed();
        let left = self.readiness.pending();
        if let Some(name) = done {
            if left.is_empty() {
                tracing::info!(?elapsed, "{name} done, ready");
            } else {
                tracing::debug!(?elapsed, ?left, "{name} done");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ready_when_all_guards_are_gone() {
        let readiness = Readiness::new();
        assert!(readiness.is_ready());
        let files = readiness.register("files");
        let also_files = readiness.register("files");
        let authority = readiness.register("authority");
        assert_eq!(readiness.pending(), ["files", "files", "authority"]);
        drop(files);
        drop(authority);
        assert_eq!(readiness.pending(), ["files"]);

        let waiting = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.ready().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(also_files);
        waiting.await.unwrap();
        assert!(readiness.is_ready());
    }
}
