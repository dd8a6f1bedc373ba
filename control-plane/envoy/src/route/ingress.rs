//! Routes of what comes in to a sidecar: all of it goes to the application, whatever its Host and path.

use std::collections::BTreeSet;

use prost::Message;
use tulle_model::ObjectId;
use tulle_model::extras::RateLimit;
use tulle_model::linked::{ProxyView, Sidecar};
use tulle_model::policy::{Limits, Protocol};
use tulle_proto::route::route::Action;
use tulle_proto::route::route_match::PathSpecifier;
use tulle_proto::route::{Route, RouteAction, RouteMatch};

use super::{action, configuration, requirements, virtual_host};
use crate::cluster::Application;
use crate::plan::{Parts, Resource};
use crate::{names, rate_limit, type_url, wire};

/// A route configuration for every HTTP port of the application.
pub(crate) fn ingress<'a>(
    view: &'a ProxyView,
    sidecar: &'a Sidecar,
) -> impl Iterator<Item = Ingress<'a>> {
    let http = sidecar.inbound.iter().filter(|i| i.protocol.is_http());
    http.map(|inbound| Ingress {
        port: inbound.port,
        protocol: inbound.protocol,
        limits: inbound.limits,
        rate_limit: inbound.rate_limit,
        cluster: Application::name_of(view, inbound),
        origin: &view.object,
    })
}

#[derive(Debug, Hash)]
pub(crate) struct Ingress<'a> {
    port: u16,
    protocol: Protocol,
    limits: Limits,
    rate_limit: Option<RateLimit>,
    cluster: String,
    origin: &'a ObjectId,
}

impl Resource for Ingress<'_> {
    const TYPE_URL: &'static str = type_url::ROUTES;

    fn name(&self) -> String {
        names::ingress_routes(self.protocol, self.port)
    }

    fn compile(&self) -> Parts {
        let route = Route {
            r#match: Some(RouteMatch {
                path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
                ..Default::default()
            }),
            action: Some(Action::Route(RouteAction {
                timeout: Some(wire::limit(self.limits.request)),
                idle_timeout: Some(wire::limit(self.limits.idle)),
                ..action::forward_to(self.cluster.clone())
            })),
            ..Default::default()
        };
        let host = virtual_host(self.name(), vec!["*".to_owned()], vec![route]);
        let mut configuration = configuration(self.name(), vec![host]);
        if let Some(limit) = self.rate_limit {
            rate_limit::limit_routes(&mut configuration, self.protocol, self.port, limit);
        }
        Parts {
            bytes: configuration.encode_to_vec(),
            requires: requirements(BTreeSet::from([self.cluster.clone()])),
            origins: vec![self.origin.clone()],
            ..Default::default()
        }
    }
}
