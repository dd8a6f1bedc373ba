//! A VirtualRouter's rules. Of a route only its httpRoute is looked at, or else its http2Route; of their matches only
//! the path.

use std::collections::BTreeSet;

use tulle_crds::appmesh::{HttpRouteMatch, VirtualRouterSpec};

use super::check_path;
use crate::admit::denial::Fault;
use crate::field::Field;

pub(super) fn check(router: &str, spec: &VirtualRouterSpec, faults: &mut Vec<Fault>) {
    let field = Field::spec().key("routes");
    let mut seen = BTreeSet::new();
    for (index, route) in spec.routes.iter().enumerate() {
        let field = field.index(index);
        if !seen.insert(route.name.as_str()) {
            faults.push(Fault::new(
                field.key("name"),
                format!(
                    "VirtualRouter-{router} has duplicate route entries for {}",
                    route.name
                ),
                "rename the route",
            ));
        }
        match (&route.http_route, &route.http2_route) {
            (Some(http), _) => check_match(&field.key("httpRoute"), &http.match_, faults),
            (None, Some(http)) => check_match(&field.key("http2Route"), &http.match_, faults),
            (None, None) => {}
        }
    }
}

fn check_match(route: &Field, wanted: &HttpRouteMatch, faults: &mut Vec<Fault>) {
    let field = route.key("match");
    match (&wanted.prefix, &wanted.path) {
        (None, None) => faults.push(Fault::new(
            field,
            "Either Prefix or Path must be specified",
            "set prefix to '/' to match every path",
        )),
        (Some(_), Some(_)) => faults.push(Fault::new(
            field,
            "Both Prefix and Path cannot be specified, only 1 allowed",
            "remove prefix or path",
        )),
        (None, Some(path)) => check_path(&field.key("path"), path, faults),
        (Some(_), None) => {}
    }
}
