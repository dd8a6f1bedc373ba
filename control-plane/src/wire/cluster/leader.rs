//! What the cluster is told: statuses, events and the replicas' reports of what proxies hold.

mod board;
mod reports;

use std::sync::Arc;

use kube::Client;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tulle_crds::{Kind, ObjectKey};
use tulle_identity::{ClusterAuthority, Evidence};
use tulle_model::{ObjectId, Str};
use tulle_runtime::drain::DrainSignal;
use tulle_runtime::lease::Leadership;
use tulle_runtime::mailbox::mailbox;
use tulle_source::Records;
use tulle_status::{Announcer, ArnSpace, Counters, Finalizers, Record, Writer, WriterOptions};
use tulle_xds::Server;

use super::Control;
use super::pods::Pods;
use crate::wire::late::Late;

pub(in crate::wire) use board::BoardKeeper;
use board::PodUids;
pub(super) use reports::Reports;

/// What this part of the control plane works with.
pub(super) struct Inputs {
    pub(super) client: Client,
    pub(super) records: Arc<Records>,
    pub(super) leadership: watch::Receiver<Leadership>,
    /// This replica's name.
    pub(super) replica: Arc<str>,
    pub(super) space: ArnSpace,
    pub(super) control: mpsc::Sender<Control>,
    pub(super) server: Server,
    pub(super) pods: Arc<Pods>,
    /// Namespace and service account of the control plane.
    pub(super) own: (Arc<str>, Arc<str>),
    pub(super) evidence: watch::Sender<Evidence>,
    pub(super) authority: Arc<ClusterAuthority>,
    pub(super) drain: DrainSignal,
    pub(super) late: Late,
}

/// Starts the writers, and gives the part that the mesh's task keeps, and that which hears other replicas.
pub(super) fn start(
    inputs: Inputs,
    tasks: &mut JoinSet<&'static str>,
) -> (BoardKeeper, Arc<Reports>) {
    let pod_uids = PodUids::default();
    let records: Arc<dyn tulle_status::Records> = Arc::new({
        let (records, pods) = (inputs.records.clone(), pod_uids.clone());
        move |object: &ObjectId| record(&records, object).or_else(|| pod(&pods, object))
    });
    let counters = Arc::new(Counters::default());
    inputs.late.set_writers(counters.clone());
    let (statuses, status_inbox) = mailbox();
    let (events, event_inbox) = mailbox();
    let (deleting, deleting_inbox) = mailbox();
    let writer = Writer::new(
        inputs.client.clone(),
        records.clone(),
        events,
        counters.clone(),
        WriterOptions::default(),
    );
    let announcer = Announcer::new(inputs.client.clone(), &*inputs.replica, counters.clone());
    let finalizers = Finalizers::new(inputs.client, records, counters);
    let (leadership, drain) = (&inputs.leadership, &inputs.drain);
    tasks.spawn(named(
        "statuses",
        writer.run(status_inbox, leadership.clone(), drain.clone()),
    ));
    tasks.spawn(named(
        "events",
        announcer.run(event_inbox, leadership.clone(), drain.clone()),
    ));
    tasks.spawn(named(
        "finalizers",
        finalizers.run(deleting_inbox, leadership.clone(), drain.clone()),
    ));
    let reports = Reports::new(inputs.replica, inputs.control, inputs.authority);
    tasks.spawn(named(
        "evidence",
        reports::evidence(
            reports.clone(),
            inputs.pods,
            inputs.own,
            inputs.evidence,
            inputs.leadership.clone(),
        ),
    ));
    tasks.spawn(named(
        "reports",
        reports::encode(reports.clone(), inputs.leadership.clone()),
    ));
    let board = BoardKeeper::new(
        inputs.space,
        inputs.records,
        statuses,
        deleting,
        pod_uids,
        reports.clone(),
        inputs.server,
    );
    (board, reports)
}

/// A task that tells its name when it ends.
async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

/// The source's record of an object, in the words of those who write statuses.
fn record(records: &Records, object: &ObjectId) -> Option<Record> {
    let record = records.get(&key(object)?)?;
    Some(Record {
        uid: record.uid.as_str().into(),
        resource_version: record.resource_version.as_str().into(),
        finalizers: record
            .finalizers
            .iter()
            .map(|finalizer| finalizer.as_str().into())
            .collect(),
        deleting: record.deletion_timestamp.is_some(),
        status: record.status().unwrap_or_default(),
    })
}

/// A pod of which the source keeps no record.
fn pod(pods: &PodUids, object: &ObjectId) -> Option<Record> {
    Some(Record {
        uid: pods.lock().get(object)?.clone(),
        resource_version: Str::default(),
        finalizers: Vec::new(),
        deleting: false,
        status: Value::Null,
    })
}

fn key(object: &ObjectId) -> Option<ObjectKey> {
    Some(ObjectKey {
        kind: Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == &*object.kind)?,
        namespace: (!object.namespace.is_empty()).then(|| object.namespace.to_string()),
        name: object.name.to_string(),
    })
}
