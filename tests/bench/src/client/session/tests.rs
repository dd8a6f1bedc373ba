use tulle_proto::Any;
use tulle_proto::discovery::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use tulle_proto::prost::Message;

use super::*;
use crate::wire::dump::Resource;
use crate::wire::reader::{Part, Reader};
use crate::wire::request::{Common, PREFIX};
use crate::wire::synthetic::resources;

fn session(sotw: bool) -> Session {
    Session::new(Arc::default(), sotw, false)
}

fn node() -> Node {
    Node::new("n", "", &serde_json::Value::Null, Common::default())
}

fn of(kind: Kind, services: usize) -> Vec<Resource> {
    resources(services, 3)
        .into_iter()
        .filter(|of| of.kind == kind)
        .collect()
}

fn delta_requests(frames: &[Bytes]) -> Vec<DeltaDiscoveryRequest> {
    frames
        .iter()
        .map(|frame| DeltaDiscoveryRequest::decode(&frame[PREFIX..]).unwrap())
        .collect()
}

fn sotw_requests(frames: &[Bytes]) -> Vec<DiscoveryRequest> {
    frames
        .iter()
        .map(|frame| DiscoveryRequest::decode(&frame[PREFIX..]).unwrap())
        .collect()
}

fn give(session: &mut Session, message: &impl Message) -> Answer {
    let marks = Marks::default();
    let mut reader = Reader::default();
    let mut frame = vec![0];
    frame.extend_from_slice(&(message.encoded_len() as u32).to_be_bytes());
    frame.extend(message.encode_to_vec());
    reader.push(&frame);
    while let Some(part) = reader.next().unwrap() {
        match part {
            Part::Field(number, bytes) => session.field(number, bytes, &marks).unwrap(),
            Part::End(len) => return session.end(len, &marks).unwrap(),
        }
    }
    panic!("no end")
}

fn delta(
    kind: Kind,
    nonce: &str,
    resources: &[Resource],
    removed: &[&str],
) -> DeltaDiscoveryResponse {
    DeltaDiscoveryResponse {
        type_url: kind.url().to_owned(),
        nonce: nonce.to_owned(),
        resources: resources
            .iter()
            .map(|of| Message::decode(&of.message(&of.version)[..]).unwrap())
            .collect(),
        removed_resources: removed.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    }
}

fn sotw(kind: Kind, nonce: &str, resources: &[Resource]) -> DiscoveryResponse {
    DiscoveryResponse {
        version_info: format!("v{nonce}"),
        type_url: kind.url().to_owned(),
        nonce: nonce.to_owned(),
        resources: resources
            .iter()
            .map(|of| Any {
                type_url: kind.url().to_owned(),
                value: of.body.to_vec(),
            })
            .collect(),
        ..Default::default()
    }
}

fn urls(requests: &[DeltaDiscoveryRequest]) -> Vec<&str> {
    requests.iter().map(|of| of.type_url.as_str()).collect()
}

#[test]
fn delta_to_complete_and_back_warm() {
    let mut session = session(false);
    let first = delta_requests(&session.open(&node()));
    assert_eq!(urls(&first), [Kind::Cds.url(), Kind::Lds.url()]);
    assert_eq!(first[0].node.as_ref().unwrap().id, "n");
    assert!(first[1].node.is_none() && first[0].resource_names_subscribe.is_empty());

    let answer = give(&mut session, &delta(Kind::Cds, "1", &of(Kind::Cds, 3), &[]));
    assert_eq!((answer.kind, answer.count.resources), (Kind::Cds, 3));
    let bytes: usize = of(Kind::Cds, 3).iter().map(|of| of.body.len()).sum();
    assert_eq!(answer.count.resource_bytes, bytes as u64);
    let requests = delta_requests(&answer.requests);
    assert_eq!(urls(&requests), [Kind::Cds.url(), Kind::Eds.url()]);
    assert_eq!(requests[0].response_nonce, "1");
    assert_eq!(requests[1].resource_names_subscribe.len(), 3);
    assert!(requests[1].response_nonce.is_empty() && !session.complete());

    let answer = give(
        &mut session,
        &delta(Kind::Eds, "2", &of(Kind::Eds, 3)[..2], &[]),
    );
    assert_eq!(answer.requests.len(), 1);
    let answer = give(&mut session, &delta(Kind::Lds, "3", &of(Kind::Lds, 3), &[]));
    assert_eq!(
        delta_requests(&answer.requests)[1].resource_names_subscribe,
        ["outbound"]
    );
    give(&mut session, &delta(Kind::Rds, "4", &of(Kind::Rds, 3), &[]));
    assert!(!session.complete());
    // a name of which there is no resource is an answer too
    let last = of(Kind::Eds, 3)[2].name.clone();
    give(&mut session, &delta(Kind::Eds, "5", &[], &[&last]));
    assert!(session.complete());
    assert_eq!(session.held()[&Kind::Eds].0, 2);

    let warm = delta_requests(&session.open(&node()));
    let expected = [Kind::Cds, Kind::Eds, Kind::Lds, Kind::Rds].map(Kind::url);
    assert_eq!(urls(&warm), expected);
    assert_eq!(warm[0].initial_resource_versions.len(), 3);
    assert_eq!(warm[1].initial_resource_versions.len(), 2);
    assert_eq!(warm[1].resource_names_subscribe.len(), 3);
    assert_eq!(
        warm[3].initial_resource_versions["outbound"],
        of(Kind::Rds, 3)[0].version
    );
    assert!(session.complete());

    session.reset();
    assert!(!session.complete());
    assert_eq!(session.open(&node()).len(), 2);
}

#[test]
fn names_come_and_go_with_clusters() {
    let mut session = session(false);
    session.open(&node());
    let clusters = of(Kind::Cds, 3);
    give(&mut session, &delta(Kind::Cds, "1", &clusters, &[]));
    give(&mut session, &delta(Kind::Eds, "2", &of(Kind::Eds, 3), &[]));
    let answer = give(
        &mut session,
        &delta(Kind::Cds, "3", &[], &[&clusters[1].name]),
    );
    assert_eq!(answer.count.removed, 1);
    let requests = delta_requests(&answer.requests);
    assert_eq!(
        requests[1].resource_names_unsubscribe,
        [clusters[1].name.clone()]
    );
    assert_eq!(session.held()[&Kind::Eds].0, 2);
    let answer = give(&mut session, &delta(Kind::Cds, "4", &clusters[1..2], &[]));
    let requests = delta_requests(&answer.requests);
    assert_eq!(
        requests[1].resource_names_subscribe,
        [clusters[1].name.clone()]
    );
    // again the same: nothing to ask for
    let answer = give(&mut session, &delta(Kind::Cds, "5", &clusters, &[]));
    assert_eq!(answer.requests.len(), 1);
}

#[test]
fn state_of_the_world_to_complete_and_back_warm() {
    let mut session = session(true);
    let first = sotw_requests(&session.open(&node()));
    assert_eq!(first.len(), 2);
    let answer = give(&mut session, &sotw(Kind::Cds, "1", &of(Kind::Cds, 3)));
    let requests = sotw_requests(&answer.requests);
    assert_eq!(
        (
            requests[0].version_info.as_str(),
            requests[0].response_nonce.as_str()
        ),
        ("v1", "1")
    );
    assert_eq!(
        (
            requests[1].resource_names.len(),
            requests[1].response_nonce.as_str()
        ),
        (3, "")
    );
    let answer = give(&mut session, &sotw(Kind::Eds, "2", &of(Kind::Eds, 3)));
    assert_eq!(sotw_requests(&answer.requests)[0].resource_names.len(), 3);
    give(&mut session, &sotw(Kind::Lds, "3", &of(Kind::Lds, 3)));
    assert!(!session.complete());
    give(&mut session, &sotw(Kind::Rds, "4", &of(Kind::Rds, 3)));
    assert!(session.complete());
    // what is left out of all clusters is gone
    let answer = give(&mut session, &sotw(Kind::Cds, "5", &of(Kind::Cds, 2)));
    assert_eq!((answer.count.resources, answer.count.removed), (2, 1));
    assert_eq!(sotw_requests(&answer.requests)[1].resource_names.len(), 2);
    let warm = sotw_requests(&session.open(&node()));
    assert_eq!(warm.len(), 4);
    assert_eq!(
        (
            warm[0].version_info.as_str(),
            warm[0].response_nonce.as_str()
        ),
        ("v5", "")
    );
}

#[test]
fn what_is_no_response_is_an_error() {
    let mut session = session(false);
    session.open(&node());
    assert!(session.end(0, &Marks::default()).is_err());
    let broken = Bytes::from_static(b"\x0a\x09");
    assert!(session.field(2, broken, &Marks::default()).is_err());
}
