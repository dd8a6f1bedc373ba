use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::time::sleep;
use tulle_model::Severity;
use tulle_runtime::drain::{DrainTrigger, drain};

use super::*;
use crate::board::Board;
use crate::event::Announcer;
use crate::facts::Facts;
use crate::fixture::{ApiServer, eventually, finding, lead, leadership, object};
use crate::refusal::{RefusalKey, Refused};

mod cluster;

const KINDS: [&str; 6] = [
    "Mesh",
    "VirtualNode",
    "VirtualService",
    "VirtualRouter",
    "VirtualGateway",
    "GatewayRoute",
];

/// A replica: board, writer and announcer.
struct Replica {
    board: Board,
    door: mailbox::Sender<ObjectId, Option<Arc<AppMeshStatus>>>,
    leads: watch::Sender<Leadership>,
    counters: Arc<Counters>,
    _drain: DrainTrigger,
}

impl Replica {
    fn start(
        client: Client,
        records: Arc<dyn Records>,
        leads: bool,
        options: WriterOptions,
    ) -> Self {
        let (door, inbox) = mailbox::mailbox();
        let (events, announcements) = mailbox::mailbox();
        let (trigger, watcher) = drain();
        let counters = Arc::new(Counters::default());
        let leads = leadership(leads);
        let writer = Writer::new(client.clone(), records, events, counters.clone(), options);
        tokio::spawn(writer.run(inbox, leads.subscribe(), watcher.signal()));
        let announcer = Announcer::new(client, "tulle-a", counters.clone());
        tokio::spawn(announcer.run(announcements, leads.subscribe(), watcher.signal()));
        Self {
            board: Board::default(),
            door,
            leads,
            counters,
            _drain: trigger,
        }
    }

    fn on(server: &ApiServer, leads: bool) -> Self {
        Self::start(
            server.client(),
            server.records(),
            leads,
            WriterOptions::default(),
        )
    }

    fn observe(&mut self, object: &ObjectId, generation: i64) {
        let facts = Facts {
            mesh: "shop-mesh".into(),
            alias: format!("{}_shop", object.name).into(),
            gateway: (&*object.kind == "GatewayRoute").then(|| "gate_shop".into()),
            routes: ["one".into()].into(),
        };
        self.board.observe(object, Some(generation), Some(facts));
    }

    fn send(&mut self) {
        for (object, status) in self.board.changes() {
            self.door.send(object, status).unwrap();
        }
    }

    /// Waits until so many statuses have been written in all.
    async fn written(&self, statuses: u64) {
        eventually("written", || self.counters.now().statuses == statuses).await;
    }

    fn find(&mut self, findings: &[tulle_model::Finding]) {
        self.board.set_findings(findings.iter().cloned());
        self.send();
    }
}

fn all() -> Vec<ObjectId> {
    KINDS.iter().map(|kind| object(kind, "it")).collect()
}

fn condition(server: &ApiServer, object: &ObjectId) -> (String, String) {
    let status = server.status(object);
    let text = |field: &str| {
        status["conditions"][0][field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (text("status"), text("reason"))
}

/// A server with a VirtualNode, and a replica that leads and has not seen it.
fn with_a_node() -> (ApiServer, ObjectId, Replica) {
    let server = ApiServer::default();
    let node = object("VirtualNode", "it");
    server.create(&node);
    let replica = Replica::on(&server, true);
    (server, node, replica)
}

async fn quiet(server: &ApiServer) {
    server.requests();
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(
        server.requests(),
        Vec::<String>::new(),
        "not in steady state"
    );
}

#[tokio::test(start_paused = true)]
async fn every_kind_is_written_once_and_a_second_run_writes_nothing() {
    let server = ApiServer::default();
    for object in all() {
        server.create(&object);
    }
    for run in 0..2 {
        let mut replica = Replica::on(&server, true);
        for object in all() {
            replica.observe(&object, 1);
        }
        replica.send();
        let seen = || replica.counters.now().statuses + replica.counters.now().unchanged;
        eventually("all looked at", || seen() >= 6).await;
        assert_eq!(
            replica.counters.now().statuses,
            if run == 0 { 6 } else { 0 }
        );
        for object in all() {
            assert_eq!(
                condition(&server, &object),
                ("True".into(), "Active".into())
            );
        }
        quiet(&server).await;
    }
    let router = server.status(&object("VirtualRouter", "it"));
    assert_eq!(
        router["routeARNs"]["one"],
        "arn:aws:appmesh:us-west-2:000000000000:mesh/shop-mesh/virtualRouter/it_shop/route/one"
    );
    assert!(server.events().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_takeover_writes_only_what_differs() {
    let server = ApiServer::default();
    let mut first = Replica::on(&server, true);
    let mut second = Replica::on(&server, false);
    let node = object("VirtualNode", "it");
    let errors = [finding(Severity::Error, &node, "duplicate")];
    for replica in [&mut first, &mut second] {
        for object in all() {
            if replica.leads.borrow().is_leader() {
                server.create(&object);
            }
            replica.observe(&object, 1);
        }
        replica.find(&errors);
    }
    first.written(6).await;
    eventually("told", || server.events().len() == 1).await;
    assert_eq!(
        condition(&server, &node),
        ("False".into(), "Duplicate".into())
    );
    server.requests();

    // the first one stops leading; what changes meanwhile is written by the second one alone
    lead(&first.leads, false);
    for replica in [&mut first, &mut second] {
        replica.find(&[]);
    }
    quiet(&server).await;
    lead(&second.leads, true);
    second.written(1).await;
    assert_eq!(
        server.requests(),
        ["PATCH /apis/appmesh.k8s.aws/v1beta2/namespaces/shop/virtualnodes/it/status"]
    );
    quiet(&server).await;

    // back and forth changes nothing more, and tells nothing again
    for replica in [&mut first, &mut second] {
        replica.find(&errors);
    }
    second.written(2).await;
    sleep(Duration::from_secs(5)).await;
    server.requests();
    for _ in 0..10 {
        lead(&second.leads, false);
        sleep(Duration::from_secs(5)).await;
        lead(&first.leads, true);
        sleep(Duration::from_secs(5)).await;
        lead(&first.leads, false);
        sleep(Duration::from_secs(5)).await;
        lead(&second.leads, true);
        sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(server.requests(), Vec::<String>::new());
    assert_eq!(server.events().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_was_stopped_writes_nothing_afterwards() {
    let (server, node, mut replica) = with_a_node();
    // nobody has told the writer, but its time is over
    let over = Leadership::granted("tulle-a", Instant::now() + Duration::from_millis(1));
    replica.leads.send_replace(over);
    sleep(Duration::from_secs(1)).await;
    replica.observe(&node, 1);
    replica.send();
    quiet(&server).await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_object_is_not_overwritten() {
    let (server, node, mut replica) = with_a_node();
    server.freeze_source(true);
    // deleted and made anew, which the source has not seen yet
    server.delete(&node);
    server.create(&node);
    replica.observe(&node, 1);
    replica.send();
    eventually("refused", || replica.counters.now().conflicts >= 2).await;
    assert_eq!(server.status(&node), Value::Null);
    server.freeze_source(false);
    replica.written(1).await;

    // the source is behind: what we wrote ourselves is known nevertheless
    server.freeze_source(true);
    replica.find(&[finding(Severity::Error, &node, "duplicate")]);
    replica.written(2).await;
    replica.find(&[finding(Severity::Error, &node, "no-mesh")]);
    replica.written(3).await;
    replica.find(&[]);
    replica.written(4).await;
    let before = replica.counters.now().conflicts;
    replica.find(&[finding(Severity::Error, &node, "no-mesh")]);
    replica.written(5).await;
    assert_eq!(replica.counters.now().conflicts, before);
    server.freeze_source(false);
    quiet(&server).await;
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_and_gone_objects_are_not() {
    let server = ApiServer::default();
    let node = object("VirtualNode", "it");
    let gone = object("VirtualNode", "gone");
    server.create(&node);
    server.create(&gone);
    let mut replica = Replica::on(&server, true);
    server.fail(Some(503));
    replica.observe(&node, 1);
    replica.observe(&gone, 1);
    replica.send();
    sleep(Duration::from_secs(60)).await;
    let tries = server.requests().len();
    assert!((8..=30).contains(&tries), "{tries} tries in a minute");
    replica.board.forget(&gone);
    server.delete(&gone);
    replica.send();
    server.fail(None);
    replica.written(1).await;
    quiet(&server).await;
    // in deletion
    server.edit(&node, |value| {
        value["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into()
    });
    replica.find(&[finding(Severity::Error, &node, "duplicate")]);
    quiet(&server).await;
}

#[tokio::test(start_paused = true)]
async fn many_objects_are_written_at_a_bounded_rate_bad_news_first() {
    let server = ApiServer::default();
    server.delay(Duration::from_millis(5));
    let mut replica = Replica::on(&server, true);
    let objects: Vec<ObjectId> = (0..1000)
        .map(|at| object("VirtualNode", &format!("n{at:04}")))
        .collect();
    for object in &objects {
        server.create(object);
        replica.observe(object, 1);
    }
    replica.send();
    sleep(Duration::from_secs(5)).await;
    let written = replica.counters.now().statuses;
    assert!((140..=155).contains(&written), "{written} in 5 s");
    // an Envoy refuses something while the rest waits
    let refused = Refused {
        key: RefusalKey {
            scope: "virtualnode/shop/n0999".into(),
            type_url: "type.googleapis.com/envoy.config.listener.v3.Listener".into(),
            name: "ingress".into(),
        },
        message: "bad".into(),
    };
    replica
        .board
        .set_refused([(objects[999].clone(), vec![refused])].into());
    replica.send();
    let started = Instant::now();
    eventually("told", || server.events().len() == 1).await;
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(
        condition(&server, &objects[999]),
        ("False".into(), "RejectedByEnvoy".into())
    );
    sleep(Duration::from_secs(45)).await;
    assert_eq!(replica.counters.now().statuses, 1000);
    quiet(&server).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_believes_a_refusal_on_record_until_it_would_have_heard_of_it() {
    let server = ApiServer::default();
    let (same, newer) = (
        object("VirtualNode", "same"),
        object("VirtualNode", "newer"),
    );
    for node in [&same, &newer] {
        server.edit(node, |value| {
            value["status"] = json!({ "observedGeneration": 1, "conditions": [{
                "type": "VirtualNodeActive", "status": "False", "reason": "RejectedByEnvoy",
            }] });
        });
    }
    let mut replica = Replica::on(&server, false);
    replica.observe(&same, 1);
    replica.observe(&newer, 2);
    replica.send();
    sleep(Duration::from_secs(60)).await;
    lead(&replica.leads, true);
    sleep(Duration::from_secs(14)).await;
    assert_eq!(condition(&server, &same).0, "False");
    assert_eq!(condition(&server, &newer).0, "True");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(condition(&server, &same).0, "True");
    quiet(&server).await;
}

#[tokio::test(start_paused = true)]
async fn an_error_on_a_service_is_an_event_and_nothing_is_written_on_it() {
    let server = ApiServer::default();
    let service = ObjectId::new("", "Service", "shop", "front");
    server.create(&service);
    let mut replica = Replica::on(&server, true);
    replica.find(&[finding(Severity::Error, &service, "invalid-value")]);
    eventually("told", || server.events().len() == 1).await;
    let event = server.events().remove(0);
    assert_eq!(event["regarding"]["kind"], "Service");
    assert_eq!(
        event["regarding"]["uid"],
        server.get(&service)["metadata"]["uid"]
    );
    assert_eq!(server.status(&service), Value::Null);
    quiet(&server).await;
}

#[tokio::test(start_paused = true)]
async fn flapping_is_written_at_most_once_a_second() {
    let (server, node, mut replica) = with_a_node();
    replica.observe(&node, 1);
    replica.send();
    for round in 0..600 {
        let error = [finding(Severity::Error, &node, "duplicate")];
        replica.find(if round % 2 == 0 { &error } else { &[] });
        sleep(Duration::from_millis(50)).await;
    }
    replica.find(&[finding(Severity::Error, &node, "no-mesh")]);
    sleep(Duration::from_secs(2)).await;
    let written = replica.counters.now().statuses;
    assert!(written <= 34, "{written} in 32 s");
    assert_eq!(condition(&server, &node), ("False".into(), "NoMesh".into()));
    let events = server.events().len();
    assert_eq!(events, 2, "one for each error");
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_edit_is_set_right_in_time() {
    let (server, node, mut replica) = with_a_node();
    replica.observe(&node, 1);
    replica.send();
    replica.written(1).await;
    server.edit(&node, |value| value["status"]["conditions"] = Value::Null);
    // Not at once: whoever else writes it would be answered for ever.
    sleep(Duration::from_secs(60)).await;
    replica.written(1).await;
    assert_eq!(server.status(&node)["conditions"], Value::Null);
    sleep(Duration::from_secs(541)).await;
    assert_eq!(condition(&server, &node), ("True".into(), "Active".into()));
}

#[tokio::test(start_paused = true)]
async fn kinds_without_a_condition_have_events() {
    let server = ApiServer::default();
    let group = object("BackendGroup", "all");
    server.create(&group);
    let mut replica = Replica::on(&server, true);
    replica.observe(&group, 1);
    replica.find(&[finding(Severity::Error, &group, "invalid-reference")]);
    eventually("told", || server.events().len() == 1).await;
    assert_eq!(server.status(&group), Value::Null);
    quiet(&server).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_late_is_waited_for() {
    let seen = Arc::new(AtomicUsize::new(0));
    let server = ApiServer::default();
    let node = object("VirtualNode", "it");
    server.create(&node);
    let (records, asked) = (server.records(), seen.clone());
    let late = Arc::new(move |object: &ObjectId| {
        (asked.fetch_add(1, Ordering::SeqCst) >= 3).then(|| records.record(object))?
    });
    let mut replica = Replica::start(server.client(), late, true, WriterOptions::default());
    replica.observe(&node, 1);
    replica.send();
    replica.written(1).await;
    assert_eq!(seen.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_generation_waits_for_what_is_said_of_it() {
    let (server, node, mut replica) = with_a_node();
    replica.observe(&node, 1);
    replica.send();
    sleep(Duration::from_secs(5)).await;
    // the spec has changed, and what is made of it comes a little later
    replica.observe(&node, 2);
    replica.send();
    sleep(Duration::from_millis(200)).await;
    replica.find(&[finding(Severity::Error, &node, "duplicate")]);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(replica.counters.now().statuses, 2);
    assert_eq!(server.status(&node)["observedGeneration"], 2);
    assert_eq!(condition(&server, &node).0, "False");
    // nothing more to say
    replica.observe(&node, 3);
    replica.send();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(server.status(&node)["observedGeneration"], 3);
    quiet(&server).await;
}
