//! What a VirtualRouter's annotations say of its routes.
//!
//! Each is a mapping from a route's name, or `*` for every HTTP and gRPC route, to the setting. A name counts in place of `*`,
//! also where what stands under it cannot be used: then that route has no such setting.

mod fault;
mod headers;
mod mirror;

use std::collections::BTreeMap;

use tulle_crds::appmesh::VirtualRouterSpec;
use tulle_crds::core::ObjectMeta;
use tulle_model::fragment::Route;

use crate::annotation::known::{FAULT, MIRROR, REQUEST_HEADERS, RESPONSE_HEADERS};
use crate::annotation::{self, Given};
use crate::field::Field;
use crate::report::{LeftOut, Report, code};

pub(crate) use headers::of_gateway_route;

/// Stands for every route that is not named.
const EVERY: &str = "*";

/// Reads the annotations into the routes that they speak of.
pub(crate) fn of_routes(
    report: &mut Report,
    metadata: &ObjectMeta,
    spec: &VirtualRouterSpec,
    routes: &mut [Route],
) {
    let mut router = Router {
        report,
        metadata,
        spec,
        routes,
    };
    router.each(
        REQUEST_HEADERS,
        |report, given| headers::edits(report, given, headers::Side::Request),
        |_, _, route, edits| route.extras.request_headers = edits.clone(),
    );
    router.each(
        RESPONSE_HEADERS,
        |report, given| headers::edits(report, given, headers::Side::Response),
        |_, _, route, edits| route.extras.response_headers = edits.clone(),
    );
    router.each(FAULT, fault::fault, |report, field, route, fault| {
        route.extras.fault = fault.and_then(|fault| fault::fitting(report, field, route, fault));
    });
    router.each(MIRROR, mirror::mirrors, |_, _, route, mirrors| {
        route.extras.mirrors.clone_from(mirrors);
    });
}

/// A router whose annotations are read.
struct Router<'a> {
    report: &'a mut Report,
    metadata: &'a ObjectMeta,
    spec: &'a VirtualRouterSpec,
    routes: &'a mut [Route],
}

impl Router<'_> {
    /// Reads one annotation, and gives each route what is meant for it.
    fn each<T>(
        &mut self,
        key: &str,
        read: impl Fn(&mut Report, Given) -> Result<T, LeftOut>,
        give: impl Fn(&mut Report, &Field, &mut Route, &T),
    ) {
        const HELP: &str = "write a mapping from names of routes, or *, to what is meant for them";
        let Some(given) = annotation::given(self.report, self.metadata, key) else {
            return;
        };
        let Ok(entries) = given.pairs(self.report, HELP) else {
            return;
        };
        let mut settings = BTreeMap::new();
        for (name, given) in entries {
            let field = given.field.clone();
            self.check_name(&name, &field);
            settings.insert(name, (field, read(self.report, given)));
        }
        for route in self.routes.iter_mut() {
            let named = settings.get(&*route.name);
            let setting = match route.protocol.is_http() {
                true => named.or_else(|| settings.get(EVERY)),
                false => None,
            };
            if let Some((field, Ok(setting))) = setting {
                give(self.report, field, route, setting);
            }
        }
    }

    /// Tells of an entry that is for no route.
    fn check_name(&mut self, name: &str, field: &Field) {
        let mut named = self.spec.routes.iter().filter(|route| route.name == name);
        if name == EVERY {
            if self
                .spec
                .routes
                .iter()
                .all(|route| route.tcp_route.is_some())
            {
                self.report.warning(
                    code::NO_EFFECT,
                    field,
                    "the router has no HTTP or gRPC route, so this has no effect",
                    "remove it, or write such a route",
                );
            }
            return;
        }
        match named.next() {
            None => {
                let names: Vec<&str> = self.spec.routes.iter().map(|own| &*own.name).collect();
                self.report.error(
                    code::REFERENCE,
                    field,
                    format!("the router has no route {name:?}; it is passed over"),
                    format!("name one of {}, or * for every route", names.join(", ")),
                );
            }
            Some(route) if route.tcp_route.is_some() => {
                self.report.error(
                    code::NO_EFFECT,
                    field,
                    format!(
                        "route {name} is a tcpRoute, which carries no requests; it is passed over"
                    ),
                    "name an httpRoute, an http2Route or a grpcRoute",
                );
            }
            Some(_) => {}
        }
    }
}
