//! Routes of a gateway's port: gateway routes and the routes of the services behind them, in one pass.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use prost::Message;
use tulle_model::extras::RateLimit;
use tulle_model::linked::{self, Gateway, GatewayListener, GatewayRoute, HostRoutes};
use tulle_model::policy::{ClientPolicy, Protocol};
use tulle_proto::matcher::RegexMatchAndSubstitute;
use tulle_proto::matcher::string_matcher::MatchPattern;
use tulle_proto::route::route::Action;
use tulle_proto::route::route_action::HostRewriteSpecifier;
use tulle_proto::route::route_match::PathSpecifier;
use tulle_proto::route::{Route, RouteAction, RouteConfiguration};

use super::{action, configuration, headers, hosts_of, matching, requirements, virtual_host};
use crate::compose::{self, Composed, ComposedRoute, PathCondition, PathHeader, Rewrite, compose};
use crate::plan::{Parts, Resource};
use crate::targets::{ClusterNames, Use};
use crate::{accepted, fault, names, rate_limit, type_url};

/// A route configuration for every port of a gateway.
pub(crate) fn gateway<'a>(
    gateway: &'a Gateway,
    names: &ClusterNames<'a>,
) -> impl Iterator<Item = Port<'a>> {
    let policy = gateway.policy.as_ref();
    let http = gateway.listeners.iter().filter(|l| l.protocol.is_http());
    http.map(move |listener| Port {
        port: listener.port,
        protocol: listener.protocol,
        rate_limit: listener.rate_limit,
        routes: &listener.routes,
        policy,
        names: names.among(uses(listener, policy)),
    })
}

fn uses<'a>(
    listener: &'a GatewayListener,
    policy: Option<&'a ClientPolicy>,
) -> impl Iterator<Item = Use<'a>> {
    let services = listener.routes.iter().filter_map(|r| r.service.as_ref());
    let routes = services.flat_map(|service| service.routes.iter());
    let destinations = routes.flat_map(linked::Route::destinations);
    destinations.map(move |to| (to, policy))
}

#[derive(Debug, Hash)]
pub(crate) struct Port<'a> {
    port: u16,
    protocol: Protocol,
    rate_limit: Option<RateLimit>,
    routes: &'a [Arc<GatewayRoute>],
    policy: Option<&'a ClientPolicy>,
    names: ClusterNames<'a>,
}

impl Resource for Port<'_> {
    const TYPE_URL: &'static str = type_url::ROUTES;

    fn name(&self) -> String {
        names::ingress_routes(self.protocol, self.port)
    }

    fn compile(&self) -> Parts {
        let mut used = BTreeSet::new();
        let mut parts = Parts::default();
        let (mut conditions, mut compiled) = (Vec::new(), Vec::new());
        for route in self.routes {
            parts.origins.push(route.object.clone());
            let Some(composed) = compose_accepted(route) else {
                continue;
            };
            let mut routes = Vec::new();
            for composed in &composed.routes {
                parts.origins.extend(composed.origins.iter().cloned());
                routes.push(self.route(composed, &mut used));
            }
            conditions.push(&route.host);
            compiled.push(routes);
        }
        let hosts = hosts_of(conditions).into_iter().map(|host| {
            let routes = host.holds.iter().flat_map(|&nth| compiled[nth].clone());
            virtual_host(host.name, host.domains, routes.collect())
        });
        let mut configuration = RouteConfiguration {
            // Also for `*suffix`, which a Host with a port would else not fit.
            ignore_port_in_host_matching: true,
            ..configuration(self.name(), hosts.collect())
        };
        if let Some(limit) = self.rate_limit {
            rate_limit::limit_routes(&mut configuration, self.protocol, self.port, limit);
        }
        parts.bytes = configuration.encode_to_vec();
        parts.requires = requirements(used);
        parts
    }
}

/// Composes what Envoy accepts of a gateway route and of the routes behind it, and leaves out what it
/// would not accept of the result; `None` if it would refuse the gateway route itself.
pub(crate) fn compose_accepted(route: &GatewayRoute) -> Option<Composed> {
    accepted::gateway_route(route).ok()?;
    let behind = route.service.as_ref();
    let refused = behind.is_some_and(|s| s.routes.iter().any(|r| accepted::route(r).is_err()));
    let route = if refused {
        Cow::Owned(GatewayRoute {
            service: behind.map(|service| Arc::new(without_refused(service))),
            ..route.clone()
        })
    } else {
        Cow::Borrowed(route)
    };
    let mut composed = compose(&route);
    let Composed { routes, findings } = &mut composed;
    routes.retain(|composed| {
        let refusal = accepted::composed(composed).err();
        let finding = refusal
            .as_ref()
            .map(|r| r.finding(&route.object, &composed.name));
        findings.extend(finding);
        refusal.is_none()
    });
    Some(composed)
}

fn without_refused(service: &HostRoutes) -> HostRoutes {
    let accepted = service.routes.iter().filter(|r| accepted::route(r).is_ok());
    HostRoutes {
        routes: accepted.cloned().collect(),
        ..service.clone()
    }
}

impl Port<'_> {
    fn route(&self, composed: &ComposedRoute, used: &mut BTreeSet<String>) -> Route {
        let action = match &composed.action {
            compose::Action::NotFound => action::answer(404),
            compose::Action::Forward(route) => self.forward(route, composed, used),
        };
        let mut route_match = matching::with_path(specifier(composed), &composed.rest);
        route_match
            .headers
            .extend(composed.path_headers.iter().map(|path| {
                let pattern = match path {
                    PathHeader::Prefix(prefix) => MatchPattern::Prefix(prefix.to_string()),
                    PathHeader::Regex(pattern) => MatchPattern::SafeRegex(matching::regex(pattern)),
                };
                matching::string_header(":path", pattern)
            }));
        let mut route = Route {
            name: composed.name.to_string(),
            r#match: Some(route_match),
            action: Some(action),
            ..Default::default()
        };
        change_headers(&mut route, composed);
        if let compose::Action::Forward(linked::Route { extras, .. }) = &composed.action
            && let Some(fault) = extras.fault
        {
            fault::inject(&mut route, fault);
        }
        route
    }

    fn forward(
        &self,
        route: &linked::Route,
        composed: &ComposedRoute,
        used: &mut BTreeSet<String>,
    ) -> Action {
        let Some(mut forward) = action::forward(route, self.policy, &self.names, used) else {
            return action::answer(503);
        };
        rewrite(&mut forward, &composed.rewrite);
        forward.host_rewrite_specifier = composed
            .host_rewrite
            .as_ref()
            .map(|host| HostRewriteSpecifier::HostRewriteLiteral(host.to_string()));
        Action::Route(forward)
    }
}

/// Envoy has a destination change headers before its route does, so that two steps are one's and the other's. An answer of its
/// own has no destination.
fn change_headers(route: &mut Route, composed: &ComposedRoute) {
    let (request, response) = (&composed.request_headers, &composed.response_headers);
    match &mut route.action {
        Some(Action::Route(action)) if !(request.then.is_empty() && response.then.is_empty()) => {
            action::change_headers_first(action, &request.first, &response.first);
            headers::change(route, &request.then, &response.then);
        }
        _ => headers::change(route, &request.as_one(), &response.as_one()),
    }
}

fn specifier(composed: &ComposedRoute) -> PathSpecifier {
    match &composed.path {
        PathCondition::Prefix(prefix) => PathSpecifier::Prefix(prefix.to_string()),
        PathCondition::Exact(path) => PathSpecifier::Path(path.to_string()),
        PathCondition::Regex(pattern) => PathSpecifier::SafeRegex(matching::regex(pattern)),
    }
}

fn rewrite(action: &mut RouteAction, rewrite: &Rewrite) {
    match rewrite {
        Rewrite::Keep => {}
        Rewrite::Prefix(prefix) => action.prefix_rewrite = prefix.to_string(),
        Rewrite::Regex {
            pattern,
            substitution,
        } => {
            action.regex_rewrite = Some(RegexMatchAndSubstitute {
                pattern: Some(matching::regex(pattern)),
                substitution: substitution.to_string(),
            });
        }
    }
}
