//! What the objects say, on a server that does as it should.

use super::*;

#[tokio::test]
async fn the_first_batch_is_complete_and_waits_for_every_kind() {
    let api = Api::start(FEW).await;
    api.put(Kind::VirtualNode, node("a", 1));
    api.put(Kind::VirtualNode, node("b", 2));
    api.put(Kind::Pod, pod("p", "10.0.0.1"));
    api.fail(|faults| faults.forbidden = [Kind::Pod].into());
    let mut seen = Seen::start(&api, FEW);
    assert_eq!(seen.updates.waiting_for().len(), 3);
    seen.quiet(400).await;
    let waiting = seen.updates.waiting_for();
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert!(
        waiting[0].starts_with("Pod (403 Told: no such right"),
        "{waiting:?}"
    );

    api.fail(|faults| faults.forbidden.clear());
    assert_eq!(
        seen.next().await,
        ["+Pod shop/p", "+VirtualNode shop/a", "+VirtualNode shop/b"]
    );
    assert_eq!(seen.updates.waiting_for(), Vec::<String>::new());
    assert_eq!(seen.updates.health().troubles(), Vec::<String>::new());
    assert_eq!(seen.port("b"), Some(2));
}

#[tokio::test]
async fn an_empty_cluster_has_a_first_batch_too() {
    let api = Api::start(Kind::ALL).await;
    let mut seen = Seen::start(&api, Kind::ALL);
    assert_eq!(seen.next().await, Vec::<String>::new());
    seen.quiet(100).await;
}

#[tokio::test]
async fn objects_come_change_and_go() {
    let api = Api::start(FEW).await;
    let mut seen = Seen::ready(&api, FEW).await;
    api.put(Kind::VirtualNode, node("a", 1));
    assert_eq!(seen.next().await, ["+VirtualNode shop/a"]);
    api.put(Kind::VirtualNode, node("a", 2));
    assert_eq!(seen.next().await, ["+VirtualNode shop/a"]);
    assert_eq!(seen.port("a"), Some(2));
    api.delete(Kind::VirtualNode, "shop", "a");
    assert_eq!(seen.next().await, ["-VirtualNode shop/a"]);
    // No list was made but the first ones.
    assert_eq!(api.requests("sendInitialEvents").len(), FEW.len());
}

#[tokio::test]
async fn what_no_room_reads_makes_no_batch_and_the_records_tell_it() {
    let kinds = [
        Kind::Node,
        Kind::Pod,
        Kind::VirtualNode,
        Kind::EndpointSlice,
    ];
    let api = Api::start(kinds).await;
    let machine = |beat: u64| {
        json!({"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "m", "annotations": {"beat": beat.to_string()},
                "labels": {"topology.kubernetes.io/zone": "z"}},
            "spec": {}, "status": {"images": [beat]}})
    };
    let slice = |beat: &str| {
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": "s", "namespace": "shop",
                "labels": {"kubernetes.io/service-name": "s"},
                "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": beat}},
            "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"],
                "hints": {"forZones": [{"name": beat}]}}]})
    };
    api.put(Kind::Node, machine(0));
    api.put(Kind::Pod, pod("p", "10.0.0.1"));
    api.put(Kind::VirtualNode, node("a", 1));
    api.put(Kind::EndpointSlice, slice("0"));
    let mut seen = Seen::ready(&api, kinds).await;
    let records = seen.updates.records();
    let mut changed = records.subscribe();
    // Those that are there come first.
    let there = changed.recv().await.unwrap();
    assert!(there.contains_key(&key(Kind::VirtualNode, "a")));
    let first = records.get(&key(Kind::VirtualNode, "a")).unwrap();
    assert_eq!((first.generation, first.status()), (Some(1), None));
    assert!(first.uid.starts_with("uid-"));
    assert!(records.get(&key(Kind::Pod, "p")).is_none());

    api.put(Kind::Node, machine(1));
    api.put(Kind::EndpointSlice, slice("1"));
    let mut beaten = pod("p", "10.0.0.1");
    beaten["metadata"]["annotations"] = json!({"heartbeat": "1"});
    beaten["status"]["containerStatuses"] = json!([{"restartCount": 1}]);
    beaten["metadata"]["managedFields"] = json!([{"manager": "kubelet"}]);
    api.put(Kind::Pod, beaten);
    let mut reported = node("a", 1);
    reported["status"] = json!({"conditions": [{"type": "VirtualNodeActive", "status": "True"}]});
    reported["metadata"]["finalizers"] = json!(["f"]);
    reported["metadata"]["annotations"] = json!({"who": "me"});
    api.put(Kind::VirtualNode, reported.clone());
    let told = timeout(Duration::from_secs(5), changed.recv()).await;
    let told: Vec<_> = told.unwrap().unwrap().into_keys().collect();
    assert_eq!(told, [key(Kind::VirtualNode, "a")]);
    let record = records.get(&key(Kind::VirtualNode, "a")).unwrap();
    assert_eq!(record.status(), Some(reported["status"].clone()));
    assert_eq!(
        (record.finalizers.as_slice(), &record.uid),
        (&["f".to_owned()][..], &first.uid)
    );
    assert_ne!(record.resource_version, first.resource_version);

    // The same once more: only the version is new, and nobody is woken for it.
    api.put(Kind::VirtualNode, reported);
    seen.quiet(300).await;
    let told = timeout(Duration::ZERO, changed.recv()).await;
    assert!(told.is_err(), "{told:?}");
    let again = records.get(&key(Kind::VirtualNode, "a")).unwrap();
    assert_ne!(again.resource_version, record.resource_version);

    api.delete(Kind::VirtualNode, "shop", "a");
    assert_eq!(seen.next().await, ["-VirtualNode shop/a"]);
    let told = timeout(Duration::from_secs(5), changed.recv()).await;
    let told: Vec<_> = told.unwrap().unwrap().into_keys().collect();
    assert_eq!(told, [key(Kind::VirtualNode, "a")]);
    assert_eq!(records.all(), Vec::new());
}

#[tokio::test]
async fn a_pod_of_the_same_name_is_another_pod() {
    let api = Api::start(FEW).await;
    api.put(Kind::Pod, pod("p", "10.0.0.1"));
    let mut seen = Seen::ready(&api, FEW).await;
    let uid = |seen: &Seen| {
        let observed = &seen.objects[&key(Kind::Pod, "p")];
        observed.object.metadata().uid.clone().unwrap()
    };
    let before = uid(&seen);
    api.delete(Kind::Pod, "shop", "p");
    api.put(Kind::Pod, pod("p", "10.0.0.1"));
    seen.until(|seen| seen.objects.contains_key(&key(Kind::Pod, "p")) && uid(seen) != before)
        .await;
}

#[tokio::test]
async fn what_changes_and_changes_back_while_nobody_looks_is_no_change() {
    let api = Api::start(FEW).await;
    api.put(Kind::VirtualNode, node("a", 1));
    let mut seen = Seen::ready(&api, FEW).await;
    for port in [2, 3, 1] {
        api.put(Kind::VirtualNode, node("a", port));
    }
    api.put(Kind::VirtualNode, node("b", 1));
    api.delete(Kind::VirtualNode, "shop", "b");
    // All of it lies in the mailbox when it is looked at.
    tokio::time::sleep(Duration::from_millis(300)).await;
    seen.quiet(200).await;
}

#[tokio::test]
async fn an_object_that_is_wrong_is_named_and_keeps_its_last_good_version() {
    let api = Api::start(FEW).await;
    api.put(Kind::VirtualNode, node("a", 1));
    let mut never = node("never", 1);
    never["spec"]["listeners"] = json!("none");
    api.put(Kind::VirtualNode, never);
    let mut seen = Seen::ready(&api, FEW).await;
    let told = |seen: &Seen| {
        seen.problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(&seen),
        ["VirtualNode shop/never: spec.listeners: expected a list, found \"none\""]
    );
    assert_eq!(seen.objects.len(), 1);

    let mut wrong = node("a", 1);
    wrong["spec"]["listeners"][0]["portMapping"]["port"] = json!("eighty");
    api.put(Kind::VirtualNode, wrong.clone());
    assert_eq!(seen.next().await, Vec::<String>::new());
    assert_eq!(seen.problems.len(), 2, "{:?}", told(&seen));
    assert_eq!(seen.problems[0].object, Some(key(Kind::VirtualNode, "a")));
    assert_eq!(seen.problems[0].place, None);
    assert_eq!(seen.port("a"), Some(1));

    // The same wrong thing again is nothing new, also when all is listed again.
    wrong["metadata"]["annotations"] = json!({"x": "y"});
    api.put(Kind::VirtualNode, wrong);
    api.compact();
    api.reset();
    seen.quiet(500).await;

    // The others go on.
    api.put(Kind::VirtualNode, node("b", 7));
    assert_eq!(seen.next().await, ["+VirtualNode shop/b"]);
    api.put(Kind::VirtualNode, node("a", 3));
    seen.until(|seen| seen.port("a") == Some(3)).await;
    assert_eq!(seen.problems.len(), 1);
    api.delete(Kind::VirtualNode, "shop", "never");
    seen.until(|seen| seen.problems.is_empty()).await;
}

#[tokio::test]
async fn the_generation_in_force_is_that_of_the_content_in_force() {
    let api = Api::start(FEW).await;
    let at = |generation: i64, port: Value| {
        let mut object = node("a", 1);
        object["metadata"]["generation"] = json!(generation);
        object["spec"]["listeners"][0]["portMapping"]["port"] = port;
        object
    };
    api.put(Kind::VirtualNode, at(1, json!(1)));
    let mut never = node("never", 1);
    never["spec"]["listeners"] = json!("none");
    api.put(Kind::VirtualNode, never);
    let mut seen = Seen::ready(&api, FEW).await;
    let records = seen.updates.records();
    let mut changed = records.subscribe();
    let (a, never) = (key(Kind::VirtualNode, "a"), key(Kind::VirtualNode, "never"));
    let there: Vec<_> = changed.try_recv().into_keys().collect();
    assert_eq!(there, [a.clone(), never.clone()]);
    let generations = |key: &ObjectKey| {
        let record = records.get(key).unwrap();
        (record.generation, record.in_force)
    };
    assert_eq!(generations(&a), (Some(1), Some(1)));
    assert_eq!(generations(&never), (Some(1), None));

    // No difference to anybody, but there it is.
    api.put(Kind::VirtualNode, at(2, json!(1)));
    seen.quiet(300).await;
    assert_eq!(generations(&a), (Some(2), Some(2)));
    assert!(changed.try_recv().into_keys().eq([a.clone()]));

    api.put(Kind::VirtualNode, at(3, json!("eighty")));
    seen.next().await;
    assert_eq!(seen.problems.len(), 2);
    assert_eq!(generations(&a), (Some(3), Some(2)));
    api.put(Kind::VirtualNode, at(4, json!(4)));
    seen.until(|seen| seen.port("a") == Some(4)).await;
    assert_eq!(generations(&a), (Some(4), Some(4)));

    // Another of the same name, which nobody can read.
    changed.try_recv();
    api.delete(Kind::VirtualNode, "shop", "a");
    api.put(Kind::VirtualNode, at(1, json!("eighty")));
    seen.until(|seen| seen.port("a").is_none()).await;
    eventually(|| {
        records
            .get(&a)
            .is_some_and(|record| record.generation == Some(1))
    })
    .await;
    assert_eq!(generations(&a), (Some(1), None));
    assert!(changed.try_recv().into_keys().eq([a]));
}

#[tokio::test]
async fn an_object_that_is_nested_too_deeply_harms_only_itself() {
    let mut deep = json!("end");
    for _ in 0..300 {
        deep = json!([deep]);
    }
    let mut object = node("deep", 1);
    object["unknown"] = deep;
    for no_streaming in [false, true] {
        let api = Api::start(FEW).await;
        api.fail(|faults| faults.no_streaming = no_streaming);
        api.put(Kind::VirtualNode, object.clone());
        api.put(Kind::VirtualNode, node("a", 1));
        let mut seen = Seen::ready(&api, FEW).await;
        assert_eq!(seen.port("a"), Some(1));
        assert_eq!(seen.problems.len(), 1);
        assert_eq!(
            seen.problems[0].object,
            Some(key(Kind::VirtualNode, "deep"))
        );
        api.delete(Kind::VirtualNode, "shop", "deep");
        seen.until(|seen| seen.problems.is_empty()).await;
    }
}

#[tokio::test]
async fn the_last_good_version_is_not_that_of_an_object_that_is_gone() {
    let api = Api::start(FEW).await;
    api.put(Kind::VirtualNode, node("a", 1));
    let mut seen = Seen::ready(&api, FEW).await;
    // Gone and made anew while the watch is away, so that its deletion is never seen.
    api.fail(|faults| faults.down = true);
    api.reset();
    api.delete(Kind::VirtualNode, "shop", "a");
    let mut wrong = node("a", 1);
    wrong["spec"]["listeners"] = json!(5);
    api.put(Kind::VirtualNode, wrong);
    api.compact();
    api.fail(|faults| faults.down = false);
    assert_eq!(seen.next().await, ["-VirtualNode shop/a"]);
    assert_eq!(seen.problems.len(), 1);
}
