//! Who may read `/debug`.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, HOST, HeaderName, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use http::uri::{Authority, Uri};
use http::{HeaderMap, HeaderValue, StatusCode};

/// The address a request came from, a request extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

const REFUSAL: &str =
    "/debug answers only on this machine, under localhost or a loopback address\n";

/// Passes requests from this machine to this machine, refuses the rest with 403.
pub(super) async fn only(request: Request, next: Next) -> Response {
    if !is_local(&request) {
        return (StatusCode::FORBIDDEN, REFUSAL).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn is_local(request: &Request) -> bool {
    let peer = request.extensions().get::<PeerAddress>();
    peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback())
        && single(request.headers(), &HOST).is_some_and(is_local_authority)
        // An absolute request target overrides Host, so it has to be as good.
        && request.uri().authority().is_none_or(|authority| is_local_authority(authority.as_str()))
        // Sent by browsers for pages of other sites, also where such a page cannot read the answer.
        && (!request.headers().contains_key(ORIGIN) || single(request.headers(), &ORIGIN).is_some_and(is_local_origin))
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn is_local_authority(text: &str) -> bool {
    text.parse::<Authority>()
        .is_ok_and(|authority| !authority.as_str().contains('@') && is_local_host(authority.host()))
}

fn is_local_origin(text: &str) -> bool {
    text.parse::<Uri>()
        .is_ok_and(|uri| uri.host().is_some_and(is_local_host))
}

fn is_local_host(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback())
}
