//! One call: who, then what.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Instant;

use futures_util::FutureExt;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::watch;

use super::Shared;
use super::body::{Body, Driven};
use super::connection::Connection;
use super::counters::add;
use super::peer::PeerStream;
use super::status::{Code, GRPC, Status, plain};
use super::stream::Driver;
use crate::auth::{Caller, Role};
use crate::frame::Outbox;
use crate::session::{Session, Variant};

const DELTA: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const SOTW: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

/// Reports of other replicas, one after the other on one stream.
pub const REPORT: &str = "/tulle.v1.PeerService/Report";

const TOO_MANY_STREAMS: &str = "too many streams of this caller";

/// Answers one call. The caller is proven before anything else is looked at, whatever the call is.
pub(super) async fn call(
    shared: &Arc<Shared>,
    connection: &Arc<Connection>,
    leaving: &watch::Receiver<bool>,
    request: Request<Incoming>,
) -> Response<Body> {
    let caller = match shared
        .authenticator
        .authenticate(bearer(request.headers()), connection.peer())
        .await
    {
        Ok(caller)
            if caller
                .expires
                .is_none_or(|expires| expires > Instant::now()) =>
        {
            caller
        }
        Ok(caller) => {
            return denied(
                shared,
                connection.peer(),
                &format!("the proof of {} has expired", caller.name),
            );
        }
        Err(why) => return denied(shared, connection.peer(), &why.to_string()),
    };
    let most = shared.settings.connections_of_one();
    if !connection.proven(&caller.name, most) {
        return exceeded(
            shared,
            &caller.name,
            most,
            "too many connections of this caller",
        );
    }
    if request.method() != Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED);
    }
    if !is_grpc(request.headers()) {
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let variant = match (caller.role, request.uri().path()) {
        (Role::Proxy, DELTA) => Variant::Delta,
        (Role::Proxy, SOTW) => Variant::Sotw,
        (Role::Peer, REPORT) => return report(shared, connection, leaving, caller, request),
        _ => {
            return Status::new(Code::Unimplemented, "no such method for this caller").response();
        }
    };
    let mut session = Session::new(
        variant,
        caller.scope.clone(),
        shared.store.table().clone(),
        shared.session_settings.clone(),
        shared.quarantine.clone(),
        Instant::now(),
    )
    .with_own(caller.own.clone());
    session.recall(shared.left_open.take(&caller.name, Instant::now()));
    let scope = caller.scope.clone();
    let own = caller.own.clone();
    let name = caller.name.clone();
    let most = shared.settings.max_streams_per_caller;
    let feed = shared.store.feed();
    let Some(registered) =
        shared
            .registry
            .add(caller, connection.peer(), variant, session, most, feed)
    else {
        return exceeded(shared, &name, most, TOO_MANY_STREAMS);
    };
    if !shared.authenticator.still(&registered.stream.caller) {
        return denied(
            shared,
            connection.peer(),
            &format!("{name} was disconnected"),
        );
    }
    add(&shared.counting.streams, 1);
    let stream = registered.stream.id;
    let outbox = Arc::new(Outbox::default());
    let driver = Driver {
        shared: shared.clone(),
        registered,
        attachment: shared.store.attach(&scope, own.as_ref()),
        seen: AtomicU32::new(0),
        outbox: outbox.clone(),
        body: request.into_body(),
        leaving: leaving.clone(),
    };
    let busy = connection.busy();
    let counting = shared.counting.clone();
    let driven = Driven::new(
        async move {
            let _busy = busy;
            driver.run().await
        }
        .boxed(),
        outbox,
        move |panic| {
            add(&counting.panics, 1);
            tracing::error!(%scope, caller = %name, %stream, panic, "a defect ended a stream");
        },
    );
    let mut response = Response::new(Body::Stream(driven));
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

fn report(
    shared: &Arc<Shared>,
    connection: &Arc<Connection>,
    leaving: &watch::Receiver<bool>,
    caller: Caller,
    request: Request<Incoming>,
) -> Response<Body> {
    let Some(calls) = shared.peers.get().cloned() else {
        return Status::new(Code::Unimplemented, "nobody hears reports here").response();
    };
    let (name, counting) = (caller.name.clone(), shared.counting.clone());
    let most = shared.settings.max_streams_per_caller;
    let Some(registered) = shared.registry.add_peer(&name, most) else {
        return exceeded(shared, &name, most, TOO_MANY_STREAMS);
    };
    if !shared.authenticator.still(&caller) {
        return denied(
            shared,
            connection.peer(),
            &format!("{name} was disconnected"),
        );
    }
    let stream = PeerStream {
        calls,
        shared: shared.clone(),
        caller,
        registered,
        body: request.into_body(),
        leaving: leaving.clone(),
    };
    let busy = connection.busy();
    let driven = Driven::new(
        async move {
            let _busy = busy;
            stream.run().await
        }
        .boxed(),
        Arc::new(Outbox::default()),
        move |panic| {
            add(&counting.panics, 1);
            tracing::error!(peer = %name, panic, "a defect ended a peer's stream");
        },
    );
    let mut response = Response::new(Body::Stream(driven));
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

fn exceeded(shared: &Shared, caller: &str, most: usize, why: &'static str) -> Response<Body> {
    add(&shared.counting.share_exceeded, 1);
    tracing::warn!(caller, most, "{why}");
    Status::new(Code::ResourceExhausted, why).response()
}

fn denied(shared: &Shared, peer: SocketAddr, why: &str) -> Response<Body> {
    add(&shared.counting.denied, 1);
    tracing::debug!(%peer, why, "a caller is not proven");
    Status::unauthenticated().response()
}

/// The token, if there is exactly one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value.strip_prefix("application/grpc").is_some_and(|rest| {
                rest.is_empty() || rest.starts_with("+proto") || rest.starts_with(';')
            })
        })
}
