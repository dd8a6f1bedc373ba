//! gRPC over HTTP/2, right and wrong.

use http::StatusCode;
use tulle_proto::envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DiscoveryRequest,
};
use tulle_xds::{ServerSettings, TypeUrl};

use crate::bed::{Bed, TOKEN, start};
use crate::client::{Connection, DELTA, SOTW, framed, grpc, node};

const OK: u16 = 0;
const INVALID_ARGUMENT: u16 = 3;
const RESOURCE_EXHAUSTED: u16 = 8;
const UNIMPLEMENTED: u16 = 12;
const INTERNAL: u16 = 13;

async fn bed() -> Bed {
    let bed = start(ServerSettings {
        max_message: 1_000,
        ..ServerSettings::default()
    })
    .await;
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    bed
}

#[tokio::test]
async fn other_methods_are_not_implemented() {
    let bed = bed().await;
    let mut connection = Connection::open(&bed).await;
    for path in [
        "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters",
        "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets",
        "/envoy.service.discovery.v3.AggregatedDiscoveryService/Fetch",
        "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources/",
        "//envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
        "/",
    ] {
        let mut call = connection.stream(path).await;
        assert_eq!(call.status(), StatusCode::OK);
        assert_eq!(call.end().await.code, UNIMPLEMENTED, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_grpc_is_refused_as_http() {
    let bed = bed().await;
    let mut connection = Connection::open(&bed).await;
    let authorization = format!("Bearer {TOKEN}");
    let get = http::Request::get("https://xds.test/").header("authorization", &authorization);
    assert_eq!(
        connection.call(get).await.unwrap().status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
    for wrong in [
        "application/json",
        "application/grpc-web",
        "application/grpc+json",
        "",
    ] {
        let post = http::Request::post(format!("https://xds.test{DELTA}"))
            .header("authorization", &authorization)
            .header("content-type", wrong);
        let call = connection.call(post).await.unwrap();
        assert_eq!(call.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{wrong}");
    }
    for right in ["application/grpc+proto", "application/grpc;v=1"] {
        let post = http::Request::post(format!("https://xds.test{DELTA}"))
            .header("authorization", &authorization)
            .header("content-type", right);
        assert_eq!(
            connection.call(post).await.unwrap().status(),
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn a_message_too_large_is_refused_by_its_prefix() {
    let bed = bed().await;
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    call.raw(vec![0, 0, 0, 3, 233]);
    assert_eq!(call.end().await.code, RESOURCE_EXHAUSTED);
    let mut call = connection.stream(DELTA).await;
    call.raw(vec![0, 255, 255, 255, 255]);
    assert_eq!(call.end().await.code, RESOURCE_EXHAUSTED);
}

#[tokio::test]
async fn compression_is_refused() {
    let bed = bed().await;
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    call.raw(vec![1, 0, 0, 0, 1, 0]);
    let end = call.end().await;
    assert_eq!(
        (end.code, &*end.message),
        (UNIMPLEMENTED, "compressed messages are not supported")
    );
}

#[tokio::test]
async fn junk_is_refused() {
    let bed = bed().await;
    let mut connection = Connection::open(&bed).await;
    for path in [DELTA, SOTW] {
        let mut call = connection.stream(path).await;
        call.raw(vec![0, 0, 0, 0, 3, 255, 255, 255]);
        assert_eq!(call.end().await.code, INVALID_ARGUMENT);
    }
}

#[tokio::test]
async fn a_client_that_has_ended_its_side_is_answered_in_kind() {
    let bed = bed().await;
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    call.ask(TypeUrl::CDS, &[]);
    call.delta().await;
    call.send = tokio::sync::mpsc::unbounded_channel().0;
    assert_eq!(call.end().await.code, OK);
    // but not in the middle of a message
    let mut call = connection.stream(DELTA).await;
    call.raw(vec![0, 0, 0]);
    call.send = tokio::sync::mpsc::unbounded_channel().0;
    assert_eq!(call.end().await.code, INTERNAL);
}

#[tokio::test]
async fn p1_a_second_node_ends_the_stream() {
    let bed = bed().await;
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    call.ask(TypeUrl::CDS, &[]);
    call.delta().await;
    call.raw(framed(&DeltaDiscoveryRequest {
        node: node("somebody else"),
        ..Default::default()
    }));
    assert_eq!(call.end().await.code, INVALID_ARGUMENT);
    let mut call = connection.stream(SOTW).await;
    call.ask_sotw(TypeUrl::CDS, &[], None);
    call.sotw().await;
    call.raw(framed(&DiscoveryRequest {
        node: node("somebody else"),
        ..Default::default()
    }));
    assert_eq!(call.end().await.code, INVALID_ARGUMENT);
}

#[tokio::test]
async fn a_request_may_come_byte_by_byte() {
    let bed = bed().await;
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    let request = framed(&DeltaDiscoveryRequest {
        type_url: TypeUrl::CDS.as_str().into(),
        ..Default::default()
    });
    for byte in &request {
        call.raw(vec![*byte]);
        tokio::task::yield_now().await;
    }
    assert_eq!(call.delta().await.resources.len(), 1);
}

#[tokio::test]
async fn a_large_header_list_is_refused() {
    let bed = bed().await;
    let mut connection = Connection::open(&bed).await;
    let mut request = grpc(DELTA).header("authorization", format!("Bearer {TOKEN}"));
    for n in 0..40 {
        request = request.header(format!("x-{n}"), "y".repeat(1_000));
    }
    match connection.call(request).await {
        Err(_) => {}
        Ok(call) => assert_ne!(call.status(), StatusCode::OK),
    }
    assert_eq!(bed.server.counters().streams, 0);
}
