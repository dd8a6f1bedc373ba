//! One pass held against two.

mod envoy;
mod generate;
mod property;
mod request;
mod table;
mod two_pass;
mod walkthrough;

use std::sync::Arc;

use tulle_model::extras::{HeaderEdits, RouteExtras};
use tulle_model::linked::{GatewayRoute, HostRoutes, Route};
use tulle_model::matching::{HostMatch, HttpMatch, PathMatch, PathRewrite};
use tulle_model::policy::{Limits, Protocol};
use tulle_model::{ObjectId, Str};

/// What becomes of a request at a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// No gateway route takes it.
    Missed,
    /// A gateway route takes it and its service answers 404.
    NotFound,
    /// It goes on.
    Forward {
        gateway: Str,
        service: Str,
        path: String,
        host: String,
    },
}

fn gateway_route(
    name: &str,
    matches: HttpMatch,
    path_rewrite: PathRewrite,
    host_rewrite: Option<&str>,
    routes: Vec<Route>,
) -> GatewayRoute {
    GatewayRoute {
        object: ObjectId::new("appmesh.k8s.aws", "GatewayRoute", "shop", name),
        name: name.into(),
        host: HostMatch::Any,
        matches,
        path_rewrite,
        host_rewrite: host_rewrite.map(Into::into),
        service: Some(Arc::new(HostRoutes {
            object: ObjectId::new("appmesh.k8s.aws", "VirtualService", "shop", "color"),
            host: "color.shop".into(),
            host_aliases: Vec::new(),
            port: 8080,
            protocol: Protocol::Http,
            routes,
        })),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
    }
}

fn service_route(name: &str, matches: HttpMatch) -> Route {
    Route {
        name: name.into(),
        origin: ObjectId::new("appmesh.k8s.aws", "VirtualRouter", "shop", "router"),
        matches,
        targets: Vec::new(),
        limits: Limits::default(),
        retry: None,
        extras: RouteExtras::default(),
    }
}

fn on_path(path: PathMatch) -> HttpMatch {
    HttpMatch {
        path,
        ..HttpMatch::default()
    }
}
