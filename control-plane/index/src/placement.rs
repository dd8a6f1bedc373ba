//! Where a member has its place, for those who report on it.

use tulle_model::Name;
use tulle_model::fragment::Fragment;

use crate::index::Index;
use crate::key::{Kind, Member, Node};
use crate::value::{Membership, Value};

impl Index {
    /// The mesh that a member belongs to; `None` for one that belongs to none, and for what is no member.
    pub fn mesh_of(&self, fragment: &Fragment) -> Option<&Name> {
        let (kind, name) = match fragment {
            Fragment::Workload(workload) => (Kind::Workload, &workload.name),
            Fragment::Service(service) => (Kind::Service, &service.name),
            Fragment::Router(router) => (Kind::Router, &router.name),
            Fragment::Gateway(gateway) => (Kind::Gateway, &gateway.name),
            Fragment::GatewayRoute(route) => (Kind::GatewayRoute, &route.name),
            Fragment::BackendGroup(group) => (Kind::BackendGroup, &group.name),
            _ => return None,
        };
        match self.value(Node::Membership(Member::new(kind, name)))? {
            Value::Membership(Membership::In { mesh, .. }) => Some(mesh),
            _ => None,
        }
    }

    /// The gateway that a route is attached to, if it is to one.
    pub fn gateway_of(&self, route: &Name) -> Option<&Name> {
        match self.value(Node::GatewayOf(route.clone()))? {
            Value::GatewayOf(gateway) => gateway.as_ref(),
            _ => None,
        }
    }
}
