//! What is heard of objects: a batch is translated, linked, served and told of.

use std::time::{Instant, SystemTime};

use tulle_source::{Batch, FileUpdates, KubeUpdates};

use super::Mesh;
use crate::translate::{object_id, translate};

/// Objects that are named in the report of one change; more are only counted.
const NAMED: usize = 8;

/// Where objects come from.
pub(in crate::wire) enum Updates {
    /// From files.
    Files(FileUpdates),
    /// From a cluster.
    Cluster(KubeUpdates),
}

impl Updates {
    /// The next batch; `None` when there will be none any more.
    pub(super) async fn next(&mut self) -> Option<Batch> {
        match self {
            Self::Files(files) => files.next().await,
            Self::Cluster(cluster) => cluster.next().await,
        }
    }
}

impl Mesh {
    /// A batch of objects, from the source to the store.
    pub(super) fn observe(&mut self, batch: Batch) {
        let started = Instant::now();
        let saved = saved_at(&batch);
        let mut objects = Vec::new();
        let mut translated = Vec::with_capacity(batch.changes.len());
        for change in &batch.changes {
            let id = object_id(&change.key);
            match change
                .object
                .as_ref()
                .and_then(|observed| observed.place.clone())
            {
                Some(place) => self.places.insert(id.clone(), place),
                None => self.places.remove(&id),
            };
            if objects.len() < NAMED {
                objects.push(id.to_string());
            }
            translated.push(translate(change));
        }
        if let Some(cluster) = &mut self.cluster {
            cluster.observe(&batch, &translated);
        }
        // The first batch is all there is: its objects are not to be held beside what is linked.
        drop(batch.changes);
        self.tell_problems(batch.problems);
        let count = translated.len();
        let outcome = self.engine.apply(translated);
        let batches = self.serve(outcome);
        if count > 0 {
            let more = if count > NAMED { ", …" } else { "" };
            let micros = started.elapsed().as_micros() as u64;
            // In a cluster most changes concern nobody.
            if self.cluster.is_some() && batches.is_empty() {
                tracing::debug!(
                    objects = count,
                    micros,
                    "change: {}{more}",
                    objects.join(", ")
                );
            } else {
                tracing::info!(
                    objects = count,
                    groups = batches.len(),
                    micros,
                    "change: {}{more}",
                    objects.join(", ")
                );
            }
            self.convergence.changed(objects, saved, &batches);
        }
        self.tell_findings();
    }
}

/// When the newest file of a batch was saved; when it was noticed, if no file tells or its clock is off.
fn saved_at(batch: &Batch) -> SystemTime {
    let noticed = SystemTime::now() - batch.seen.elapsed();
    let newest = batch
        .changes
        .iter()
        .filter_map(|change| change.object.as_ref())
        .filter_map(|observed| {
            std::fs::metadata(&observed.place.as_ref()?.file)
                .ok()?
                .modified()
                .ok()
        })
        .max();
    match newest {
        Some(saved)
            if noticed
                .duration_since(saved)
                .is_ok_and(|age| age.as_secs() < 10) =>
        {
            saved
        }
        _ => noticed,
    }
}
