use tulle_runtime::drain::drain;
use tulle_runtime::mailbox::mailbox;

use super::*;
use crate::fixture::{ApiServer, eventually, lead, leadership, object};

const OTHERS: [&str; 3] = [
    "foregroundDeletion",
    "example.com/finalizers.appmesh.k8s.aws",
    "finalizers.appmesh.k8s.aws/of-somebody-else",
];

#[test]
fn exactly_the_four_go() {
    let list: Vec<Str> = OTHERS.iter().chain(&OLD).map(|&one| one.into()).collect();
    let mut value = json!({ "metadata": { "uid": "u", "finalizers": list, "name": "x" } });
    let patch = finalizer_patch("u", &list).unwrap();
    json_patch::patch(&mut value, &patch).unwrap();
    assert_eq!(
        value,
        json!({ "metadata": { "uid": "u", "finalizers": OTHERS, "name": "x" } })
    );
    // once more, it fits no more
    assert!(json_patch::patch(&mut value, &patch).is_err());
    let left: Vec<Str> = OTHERS.iter().map(|&one| one.into()).collect();
    assert_eq!(finalizer_patch("u", &left), None);
    assert_eq!(finalizer_patch("u", &[]), None);

    let alone: Vec<Str> = vec![OLD[2].into()];
    let patch = finalizer_patch("u", &alone).unwrap();
    let mut value = json!({ "metadata": { "uid": "u", "finalizers": alone } });
    json_patch::patch(&mut value, &patch).unwrap();
    assert_eq!(value, json!({ "metadata": { "uid": "u" } }));
    let mut another = json!({ "metadata": { "uid": "v", "finalizers": alone } });
    assert!(json_patch::patch(&mut another, &patch).is_err());
}

#[tokio::test(start_paused = true)]
async fn deleted_objects_are_freed_by_the_leader_alone() {
    let server = ApiServer::default();
    let leads = leadership(false);
    let (sender, inbox) = mailbox();
    let (_trigger, watcher) = drain();
    let counters = Arc::new(Counters::default());
    let task = Finalizers::new(server.client(), server.records(), counters.clone());
    tokio::spawn(task.run(inbox, leads.subscribe(), watcher.signal()));

    let kinds = [
        "Mesh",
        "VirtualNode",
        "VirtualService",
        "VirtualRouter",
        "VirtualGateway",
        "GatewayRoute",
    ];
    let held = |value: &mut serde_json::Value, deleting: bool| {
        value["metadata"]["finalizers"] = json!([OTHERS[0], OLD[0], OLD[1], OLD[2], OLD[3]]);
        if deleting {
            value["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
    };
    let alive = object("VirtualNode", "alive");
    server.edit(&alive, |value| held(value, false));
    sender.send(alive.clone(), ()).unwrap();
    for kind in kinds {
        server.edit(&object(kind, "x"), |value| held(value, true));
        sender.send(object(kind, "x"), ()).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(server.requests().is_empty(), "another leads");

    server.fail(Some(503));
    lead(&leads, true);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!server.requests().is_empty());
    server.fail(None);
    eventually("all are free", || counters.now().finalizers == 6).await;
    for kind in kinds {
        let value = server.get(&object(kind, "x"));
        assert_eq!(value["metadata"]["finalizers"], json!([OTHERS[0]]));
    }
    assert_eq!(
        server.get(&alive)["metadata"]["finalizers"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    server.requests();
    // told again, and with nothing to do
    for kind in kinds {
        sender.send(object(kind, "x"), ()).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(server.requests(), Vec::<String>::new());
}
