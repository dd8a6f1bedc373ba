use serde_json::Value;
use tulle_runtime::drain::drain;
use tulle_runtime::mailbox::{Sender, mailbox};

use super::*;
use crate::fixture::{ApiServer, lead, leadership, object};

fn key(kind: &str, name: &str, message: &str) -> EventKey {
    EventKey {
        object: object(kind, name),
        uid: "uid-1".into(),
        notice: Notice {
            reason: "DanglingReference".into(),
            message: message.into(),
        },
    }
}

fn start(
    server: &ApiServer,
    leads: &watch::Sender<Leadership>,
) -> (Sender<EventKey, Timestamp>, Arc<Counters>) {
    let (sender, inbox) = mailbox();
    let counters = Arc::new(Counters::default());
    let task = Announcer::new(server.client(), "tulle-a", counters.clone());
    let leads = leads.subscribe();
    tokio::spawn(async move {
        let (_trigger, watcher) = drain();
        task.run(inbox, leads, watcher.signal()).await;
    });
    (sender, counters)
}

async fn settle() {
    tokio::time::sleep(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn what_describe_shows() {
    let server = ApiServer::default();
    let (sender, counters) = start(&server, &leadership(true));
    let now = Timestamp::now();
    sender.send(key("Mesh", "shop", "no"), now).unwrap();
    sender
        .send(key("VirtualNode", "front", &"x".repeat(5000)), now)
        .unwrap();
    settle().await;
    let events = server.events();
    let [mesh, node]: &[Value; 2] = events.as_slice().try_into().unwrap();
    assert_eq!(mesh["metadata"]["namespace"], "default");
    assert_eq!(mesh["regarding"]["kind"], "Mesh");
    assert_eq!(mesh["regarding"]["namespace"], Value::Null);
    assert_eq!(node["metadata"]["namespace"], "shop");
    assert_eq!(node["regarding"]["apiVersion"], "appmesh.k8s.aws/v1beta2");
    assert_eq!(node["regarding"]["uid"], "uid-1");
    assert_eq!(node["type"], "Warning");
    assert_eq!(node["reason"], "DanglingReference");
    assert_eq!(node["reportingController"], "tulle");
    assert_eq!(node["reportingInstance"], "tulle-a");
    assert_eq!(node["note"].as_str().unwrap().len(), MOST_NOTE);
    assert!(node["eventTime"].is_string() && node["action"].is_string());
    assert_eq!(counters.now().events, 2);
}

#[tokio::test(start_paused = true)]
async fn the_same_is_counted_at_most_every_few_minutes() {
    let server = ApiServer::default();
    let (sender, counters) = start(&server, &leadership(true));
    for _ in 0..60 {
        sender
            .send(key("VirtualNode", "front", "no"), Timestamp::now())
            .unwrap();
        settle().await;
    }
    let requests = server.requests();
    assert!((2..=3).contains(&requests.len()), "{requests:?}");
    let [event] = &server.events()[..] else {
        panic!()
    };
    assert!(event["series"]["count"].as_i64().unwrap() >= 30, "{event}");
    assert_eq!(counters.now().events, 1);
    // the server forgets events after an hour
    server.forget_events();
    tokio::time::sleep(COUNT_EVERY).await;
    sender
        .send(key("VirtualNode", "front", "no"), Timestamp::now())
        .unwrap();
    settle().await;
    assert_eq!(server.events().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_replica_or_a_restart_does_not_tell_it_again() {
    let server = ApiServer::default();
    for _ in 0..3 {
        let (sender, _) = start(&server, &leadership(true));
        sender
            .send(key("VirtualNode", "front", "no"), Timestamp::now())
            .unwrap();
        settle().await;
    }
    let [event] = &server.events()[..] else {
        panic!()
    };
    assert_eq!(event["series"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn bounded_patient_and_silent_without_leadership() {
    let server = ApiServer::default();
    let leads = leadership(false);
    let (sender, counters) = start(&server, &leads);
    sender
        .send(key("VirtualNode", "front", "early"), Timestamp::now())
        .unwrap();
    settle().await;
    assert!(server.requests().is_empty());
    lead(&leads, true);
    for at in 0..2000 {
        sender
            .send(
                key("VirtualNode", "front", &format!("{at}")),
                Timestamp::now(),
            )
            .unwrap();
    }
    settle().await;
    let made = server.events().len();
    assert!((70..=80).contains(&made), "{made} in ten seconds");
    assert_eq!(counters.now().events_dropped, 2000 - MOST_WAITING as u64);
    server.fail(Some(500));
    settle().await;
    assert!(server.requests().len() < 90);
    server.fail(None);
    tokio::time::sleep(Duration::from_secs(200)).await;
    assert!(
        server.events().len() >= MOST_WAITING - 5,
        "{}",
        server.events().len()
    );
}

#[test]
fn names_are_names() {
    let one = name(&key("VirtualNode", "front", "a"));
    assert_eq!(one, name(&key("VirtualNode", "front", "a")));
    assert_ne!(one, name(&key("VirtualNode", "front", "b")));
    assert_ne!(one, name(&key("VirtualRouter", "front", "a")));
    let long = format!("{}.{}", "x".repeat(199), "y".repeat(53));
    let long = name(&key("VirtualNode", &long, "a"));
    assert!(long.len() <= 253 && !long.contains(".."), "{long}");
}
