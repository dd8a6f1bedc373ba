//! Whole exchanges.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tulle_xds::{Change, Event, Resource, Scope, ServerSettings, TypeUrl, Variant};

use crate::bed::{Bed, start};
use crate::client::{Connection, DELTA, SOTW, names};

async fn event<T>(bed: &mut Bed, wanted: impl Fn(Event) -> Option<T>) -> T {
    timeout(Duration::from_secs(10), async {
        loop {
            if let Some(found) = wanted(bed.feed.next().await) {
                return found;
            }
        }
    })
    .await
    .expect("an event")
}

#[tokio::test]
async fn delta() {
    let settings = ServerSettings {
        identifier: "replica-7".into(),
        ..ServerSettings::default()
    };
    let mut bed = start(settings).await;
    bed.fill(&[
        (TypeUrl::CDS, "a", "1"),
        (TypeUrl::CDS, "b", "1"),
        (TypeUrl::RDS, "r", "1"),
    ]);
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    assert_eq!(call.headers()["content-type"], "application/grpc");
    call.ask(TypeUrl::CDS, &[]);
    let response = call.delta().await;
    assert_eq!(names(&response), ["a@1", "b@1"]);
    assert_eq!(
        response.control_plane.as_ref().unwrap().identifier,
        "replica-7"
    );
    let any = response.resources[0].resource.as_ref().unwrap();
    assert_eq!(
        (&*any.type_url, &*any.value),
        (TypeUrl::CDS.as_str(), &b"a 1"[..])
    );
    call.answer(&response, None);
    call.ask(TypeUrl::RDS, &["r", "z"]);
    let response = call.delta().await;
    assert_eq!(
        (names(&response), &*response.removed_resources),
        (vec!["r@1".into()], &["z".to_owned()][..])
    );
    call.answer(&response, None);
    call.silent().await;
    let batch = bed.put(&[(TypeUrl::CDS, "a", "2")]);
    let response = call.delta().await;
    assert_eq!(names(&response), ["a@2"]);
    call.answer(&response, None);
    event(&mut bed, |event| match event {
        Event::Converged {
            batch: done,
            withheld: 0,
            ..
        } if done == batch => Some(()),
        _ => None,
    })
    .await;
    let accepted = bed.server.accepted(TypeUrl::CDS, "a");
    assert_eq!(accepted[0].2.as_deref(), Some("2"));
}

#[tokio::test]
async fn state_of_the_world() {
    let bed = start(ServerSettings::default()).await;
    bed.fill(&[(TypeUrl::CDS, "a", "1"), (TypeUrl::CDS, "b", "1")]);
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(SOTW).await;
    call.ask_sotw(TypeUrl::CDS, &[], None);
    let first = call.sotw().await;
    assert_eq!(first.resources.len(), 2);
    call.ask_sotw(TypeUrl::CDS, &[], Some(&first));
    call.silent().await;
    bed.put(&[(TypeUrl::CDS, "b", "2")]);
    let second = call.sotw().await;
    let values: Vec<&[u8]> = second.resources.iter().map(|any| &*any.value).collect();
    assert_eq!(values, [&b"a 1"[..], b"b 2"]);
    assert_ne!(first.version_info, second.version_info);
    call.ask_sotw(TypeUrl::CDS, &[], Some(&second));
    call.silent().await;
    // a new stream that brings the version of the set is told nothing
    let mut call = connection.stream(SOTW).await;
    let mut brought = second.clone();
    brought.nonce.clear();
    call.ask_sotw(TypeUrl::CDS, &[], Some(&brought));
    call.silent().await;
}

#[tokio::test]
async fn a_scope_is_filled_on_demand_and_dropped_when_idle() {
    let mut bed = start(ServerSettings {
        scope_grace: Duration::from_millis(200),
        ..ServerSettings::default()
    })
    .await;
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    call.ask(TypeUrl::CDS, &[]);
    let scope = event(&mut bed, |event| match event {
        Event::Interest { scope } => Some(scope),
        _ => None,
    })
    .await;
    call.silent().await;
    bed.store.replace(
        &scope,
        vec![Arc::new(Resource::new(TypeUrl::CDS, "a", "1", b"x"))],
    );
    assert_eq!(names(&call.delta().await), ["a@1"]);
    drop(call);
    let idle = event(&mut bed, |event| match event {
        Event::Idle { scope } => Some(scope),
        _ => None,
    })
    .await;
    assert_eq!(idle, scope);
    assert!(bed.store.drop_scope(&scope));
}

#[tokio::test]
async fn streams_come_and_go_on_the_feed() {
    let mut bed = start(ServerSettings::default()).await;
    bed.fill(&[]);
    let mut connection = Connection::open(&bed).await;
    let call = connection.stream(SOTW).await;
    let (stream, caller) = event(&mut bed, |event| match event {
        Event::Connected {
            stream,
            caller,
            variant: Variant::Sotw,
            ..
        } => Some((stream, caller)),
        _ => None,
    })
    .await;
    assert_eq!(&*caller, "one");
    drop(call);
    event(&mut bed, |event| match event {
        Event::Disconnected { stream: ended, .. } if ended == stream => Some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn a_rejection_is_told_and_shown() {
    let mut bed = start(ServerSettings::default()).await;
    bed.fill(&[(TypeUrl::CDS, "good", "1"), (TypeUrl::CDS, "bad", "1")]);
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    call.ask(TypeUrl::CDS, &[]);
    let response = call.delta().await;
    call.answer(
        &response,
        Some("Error adding/updating cluster(s) bad: no such filter"),
    );
    let clean = call.delta().await;
    assert_eq!(names(&clean), ["good@1"]);
    call.answer(&clean, None);
    let (culprits, message) = event(&mut bed, |event| match event {
        Event::Nacked { names, message, .. } => Some((names, message)),
        _ => None,
    })
    .await;
    assert_eq!(culprits, ["bad".into()]);
    assert!(message.ends_with("no such filter"));
    bed.until("the clean response to be accepted", |server| {
        server.snapshot().streams[0].types[0].held == 1
    })
    .await;
    let snapshot = bed.server.snapshot();
    assert_eq!((snapshot.quarantined, snapshot.counters.nacks), (1, 1));
    let view = &snapshot.streams[0].types[0];
    assert_eq!(
        (view.wildcard, view.held, &*view.withheld),
        (true, 1, &["bad".into()][..])
    );
}

#[tokio::test]
async fn a_hold_that_is_due_ends_without_any_word_from_outside() {
    let mut settings = ServerSettings::default();
    settings.session.hold_limit = Duration::from_millis(300);
    settings.session.linger = Duration::from_millis(200);
    let mut bed = start(settings).await;
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    call.ask(TypeUrl::CDS, &[]);
    let response = call.delta().await;
    call.answer(&response, None);
    let route =
        Resource::new(TypeUrl::RDS, "r", "1", b"x").with_requires([(TypeUrl::CDS, "never".into())]);
    bed.store
        .apply(&Scope::new("group"), vec![Change::Put(Arc::new(route))]);
    call.ask(TypeUrl::RDS, &["r"]);
    call.silent().await;
    assert_eq!(names(&call.delta().await), ["r@1"]);
    event(&mut bed, |event| {
        matches!(event, Event::HoldExpired { .. }).then_some(())
    })
    .await;
    assert_eq!(bed.server.counters().holds_expired, 1);
}

#[tokio::test]
async fn a_thousand_resources_arrive_whole() {
    let bed = start(ServerSettings::default()).await;
    let all: Vec<(String, String)> = (0..1_000)
        .map(|n| (format!("c{n:04}"), "v".repeat(n)))
        .collect();
    let resources: Vec<(TypeUrl, &str, &str)> = all
        .iter()
        .map(|(name, version)| (TypeUrl::CDS, &**name, &**version))
        .collect();
    bed.fill(&resources);
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    call.ask(TypeUrl::CDS, &[]);
    let response = call.delta().await;
    assert_eq!(response.resources.len(), 1_000);
    for (resource, (name, version)) in response.resources.iter().zip(&all) {
        assert_eq!((&resource.name, &resource.version), (name, version));
        assert_eq!(
            resource.resource.as_ref().unwrap().value,
            format!("{name} {version}").as_bytes()
        );
    }
}

#[tokio::test]
async fn what_one_stream_left_open_the_next_one_settles() {
    let bed = start(ServerSettings::default()).await;
    bed.fill(&[(TypeUrl::CDS, "kept", "1")]);
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    call.ask(TypeUrl::CDS, &[]);
    let response = call.delta().await;
    call.answer(&response, None);
    call.silent().await;
    bed.put(&[(TypeUrl::CDS, "ghost", "1")]);
    // the client puts it to use, rejects something else, and that word is lost
    assert_eq!(names(&call.delta().await), ["ghost@1"]);
    drop(call);
    bed.until("the stream to end", |server| server.streams() == 0)
        .await;
    let gone = vec![Change::Remove(TypeUrl::CDS, "ghost".into())];
    bed.store.apply(&Scope::new("group"), gone);
    let mut call = connection.stream(DELTA).await;
    call.ask(TypeUrl::CDS, &[]);
    let response = call.delta().await;
    assert_eq!(names(&response), ["kept@1"]);
    assert_eq!(response.removed_resources, ["ghost"]);
}
