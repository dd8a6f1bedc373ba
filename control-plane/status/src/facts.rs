//! What a status says of an object besides its condition: names.

use std::collections::BTreeSet;

use tulle_model::Str;
use tulle_model::fragment::Fragment;
use tulle_model::id::shared;

/// The names that an object's ARNs are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The mesh's name inside AWS (awsName).
    pub mesh: Str,
    /// The object's own name inside the mesh (awsName).
    pub alias: Str,
    /// The gateway's name inside the mesh, for a gateway's route.
    pub gateway: Option<Str>,
    /// The names of a router's routes.
    pub routes: BTreeSet<Str>,
}

/// Takes the names from what translation made of an object. `mesh` is the name (alias) of the mesh that it belongs to,
/// `gateway` that of the gateway that it is a route of; where one that is needed is not known there are no facts, and the ARN
/// on record stays. `None` also for fragments that have no ARN.
pub fn facts(fragment: &Fragment, mesh: Option<&str>, gateway: Option<&str>) -> Option<Facts> {
    let mut routes = BTreeSet::new();
    let alias = match fragment {
        Fragment::Mesh(mesh) => {
            return Some(Facts {
                mesh: mesh.alias.clone(),
                alias: mesh.alias.clone(),
                gateway: None,
                routes,
            });
        }
        Fragment::Workload(workload) => &workload.alias,
        Fragment::Service(service) => &service.alias,
        Fragment::Router(router) => {
            routes.extend(router.routes.iter().map(|route| route.name.clone()));
            &router.alias
        }
        Fragment::Gateway(gateway) => &gateway.alias,
        Fragment::GatewayRoute(route) => {
            gateway?;
            &route.alias
        }
        _ => return None,
    };
    Some(Facts {
        mesh: shared(mesh?),
        alias: alias.clone(),
        gateway: gateway.map(shared),
        routes,
    })
}
