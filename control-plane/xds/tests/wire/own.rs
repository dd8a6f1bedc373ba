//! Resources that are one caller's alone, and resources withdrawn from one.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tulle_proto::discovery::DeltaDiscoveryRequest;
use tulle_xds::{Change, Event, Resource, Scope, ServerSettings, TypeUrl};

use crate::bed::{Bed, start_for};
use crate::client::{Connection, DELTA, framed, names, node};

const POD: &str = "group/pod-1";
const OTHER: &str = "group/pod-2";

async fn bed() -> Bed {
    let bed = start_for([(POD, None), (OTHER, None)], ServerSettings::default()).await;
    bed.fill(&[
        (TypeUrl::CDS, "a", "1"),
        (TypeUrl::LDS, "l", "1"),
        (TypeUrl::SDS, "ROOTCA", "1"),
    ]);
    bed
}

fn own(name: &str) -> Scope {
    Scope::new(format!("own {name}"))
}

fn secret(version: &str) -> Arc<Resource> {
    Arc::new(Resource::secret(
        TypeUrl::SDS,
        "default",
        version,
        version.as_bytes(),
    ))
}

async fn asked(bed: &mut Bed) -> (Scope, Vec<(Arc<str>, Arc<str>)>) {
    timeout(Duration::from_secs(10), async {
        loop {
            if let Event::Asked { scope, holds, .. } = bed.feed.next().await {
                return (scope, holds);
            }
        }
    })
    .await
    .expect("a question")
}

#[tokio::test]
async fn a_caller_is_sent_its_own_and_nobody_elses() {
    let mut bed = bed().await;
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream_as(DELTA, POD).await;
    call.ask(TypeUrl::CDS, &[]);
    let clusters = call.delta().await;
    assert_eq!(
        names(&clusters),
        ["a@1"],
        "its group's come without its own"
    );
    call.answer(&clusters, None);
    call.ask(TypeUrl::SDS, &["default", "ROOTCA", "nothing"]);
    // what there is of its own is not known yet, so nothing is said to be missing
    call.silent().await;
    assert_eq!(asked(&mut bed).await, (own("pod-1"), vec![]));
    bed.store.replace(&own("pod-2"), vec![secret("theirs")]);
    bed.store.replace(&own("pod-1"), vec![secret("mine")]);
    let secrets = call.delta().await;
    assert_eq!(names(&secrets), ["ROOTCA@1", "default@mine"]);
    assert_eq!(secrets.removed_resources, ["nothing"]);
    call.answer(&secrets, None);
    // a renewal reaches it alone
    bed.store
        .apply(&own("pod-2"), vec![Change::Put(secret("theirs again"))]);
    call.silent().await;
    bed.store
        .apply(&own("pod-1"), vec![Change::Put(secret("mine again"))]);
    let secrets = call.delta().await;
    assert_eq!(names(&secrets), ["default@mine again"]);
    call.answer(&secrets, None);
}

#[tokio::test]
async fn what_a_client_says_it_holds_is_asked_about_before_anything_is_sent() {
    let mut bed = bed().await;
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream_as(DELTA, POD).await;
    call.raw(framed(&DeltaDiscoveryRequest {
        node: node("me"),
        type_url: TypeUrl::SDS.as_str().into(),
        resource_names_subscribe: vec!["default".into(), "ROOTCA".into()],
        initial_resource_versions: [("default", "fresh"), ("ROOTCA", "1")]
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
            .into(),
        ..Default::default()
    }));
    let (scope, mut holds) = asked(&mut bed).await;
    holds.sort();
    let expected = [("ROOTCA", "1"), ("default", "fresh")];
    assert_eq!(
        holds,
        expected.map(|(name, version)| (name.into(), version.into()))
    );
    bed.store.replace(&scope, vec![secret("fresh")]);
    call.silent().await;
    assert_eq!(bed.server.counters().resources, 0);
    bed.store.apply(&scope, vec![Change::Put(secret("next"))]);
    assert_eq!(names(&call.delta().await), ["default@next"]);
}

#[tokio::test]
async fn what_is_withdrawn_from_a_caller_is_gone_for_it_alone_and_for_its_next_stream() {
    let bed = bed().await;
    let mut connection = Connection::open(&bed).await;
    let mut calls = Vec::new();
    for token in [POD, OTHER] {
        let mut call = connection.stream_as(DELTA, token).await;
        call.ask(TypeUrl::LDS, &[]);
        let listeners = call.delta().await;
        assert_eq!(names(&listeners), ["l@1"]);
        call.answer(&listeners, None);
        calls.push(call);
    }
    assert!(bed.server.withdraw("pod-1", &[TypeUrl::LDS]));
    assert!(!bed.server.withdraw("pod-1", &[TypeUrl::LDS]));
    let gone = calls[0].delta().await;
    assert_eq!(
        (names(&gone), &*gone.removed_resources),
        (vec![], &["l".to_owned()][..])
    );
    calls[0].answer(&gone, None);
    calls[1].silent().await;
    bed.put(&[(TypeUrl::LDS, "l", "2")]);
    assert_eq!(names(&calls[1].delta().await), ["l@2"]);
    calls[0].silent().await;
    let mut next = connection.stream_as(DELTA, POD).await;
    next.ask(TypeUrl::LDS, &[]);
    assert!(next.delta().await.resources.is_empty());
    assert!(bed.server.withdraw("pod-1", &[]));
    assert_eq!(names(&calls[0].delta().await), ["l@2"]);
}

#[tokio::test]
async fn a_caller_has_its_own_although_its_group_is_not_known() {
    let bed = start_for([(POD, None)], ServerSettings::default()).await;
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream_as(DELTA, POD).await;
    call.ask(TypeUrl::CDS, &[]);
    call.ask(TypeUrl::SDS, &["default", "ROOTCA"]);
    call.silent().await;
    bed.store.replace(&own("pod-1"), vec![secret("1")]);
    for version in ["1", "2"] {
        bed.store
            .apply(&own("pod-1"), vec![Change::Put(secret(version))]);
        let secrets = call.delta().await;
        assert_eq!(names(&secrets), [format!("default@{version}")]);
        assert!(secrets.removed_resources.is_empty());
        call.answer(&secrets, None);
    }
    call.silent().await;
}

#[tokio::test]
async fn what_one_caller_rejects_is_served_to_the_next_and_no_key_of_the_first() {
    let bed = bed().await;
    let mut connection = Connection::open(&bed).await;
    for (token, name) in [(POD, "pod-1"), (OTHER, "pod-2")] {
        let mut call = connection.stream_as(DELTA, token).await;
        let key = |which: &str| {
            let bytes = format!("{which} of {name}");
            Resource::secret(TypeUrl::SDS, "default", which, bytes.as_bytes())
        };
        bed.store.replace(&own(name), vec![Arc::new(key("good"))]);
        call.ask(TypeUrl::SDS, &["default"]);
        for (which, error) in [("good", None), ("bad", Some("no"))] {
            bed.store
                .apply(&own(name), vec![Change::Put(Arc::new(key(which)))]);
            let secrets = call.delta().await;
            let sent = secrets.resources[0].resource.as_ref().unwrap();
            assert_eq!(sent.value, format!("{which} of {name}").as_bytes());
            call.answer(&secrets, error);
        }
        call.silent().await;
    }
    assert_eq!(bed.server.snapshot().quarantined, 2);
}
