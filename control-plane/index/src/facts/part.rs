//! How each kind of fragment is found: its key, and for members their place in a mesh.

use tulle_model::fragment::{
    BackendGroup, EndpointSlice, Fragment, Gateway, GatewayRoute, KubeService, Mesh, Namespace,
    Node, Pod, Router, Service, Workload,
};
use tulle_model::selector::Labels;
use tulle_model::{Name, ObjectId, Str};

use super::table::Held;
use crate::key::{self, Kind};

/// A kind of fragment.
pub(crate) trait Part: PartialEq + Sized {
    /// What it is looked up by.
    type Key: Ord + Clone + std::fmt::Debug;

    /// The fragment as this kind, if it is of this kind.
    fn part(fragment: &Fragment) -> Option<&Self>;

    /// What it is looked up by.
    fn key(&self) -> Self::Key;
}

macro_rules! parts {
    ($($kind:ident, $key:ty, |$part:ident| $value:expr;)*) => {$(
        impl Part for $kind {
            type Key = $key;

            fn part(fragment: &Fragment) -> Option<&Self> {
                match fragment {
                    Fragment::$kind(part) => Some(part),
                    _ => None,
                }
            }

            fn key(&self) -> $key {
                let $part = self;
                $value
            }
        }
    )*};
}

parts! {
    Mesh, Name, |part| part.name.clone();
    Namespace, Str, |part| part.name.clone();
    Workload, Name, |part| part.name.clone();
    Service, Name, |part| part.name.clone();
    Router, Name, |part| part.name.clone();
    Gateway, Name, |part| part.name.clone();
    GatewayRoute, Name, |part| part.name.clone();
    BackendGroup, Name, |part| part.name.clone();
    KubeService, ObjectId, |part| key::kube_service(&part.namespace, &part.name);
    EndpointSlice, (ObjectId, Str), |part| (key::kube_service(&part.namespace, &part.service), part.name.clone());
    Pod, ObjectId, |part| key::pod(&part.namespace, &part.name);
    Node, Str, |part| part.name.clone();
}

/// A kind of fragment that is a member of a mesh.
pub(crate) trait MemberPart: Part<Key = Name> {
    /// The kind.
    const KIND: Kind;

    /// The object it comes from.
    fn object(&self) -> &ObjectId;

    /// The mesh that the object names.
    fn mesh(&self) -> Option<&Name>;

    /// The name it claims inside the mesh. Services claim their host, for hosts are compared
    /// without regard to case.
    fn alias(&self) -> Option<&Str>;

    /// Labels that decide where it belongs.
    fn labels(&self) -> Option<&Labels> {
        None
    }

    /// The gateway that the object names.
    fn gateway(&self) -> Option<&Name> {
        None
    }
}

macro_rules! members {
    ($($kind:ident, |$part:ident| $alias:expr $(, labels: $labels:expr, gateway: $gateway:expr)?;)*) => {$(
        impl MemberPart for $kind {
            const KIND: Kind = Kind::$kind;

            fn object(&self) -> &ObjectId {
                &self.object
            }

            fn mesh(&self) -> Option<&Name> {
                self.mesh.as_ref()
            }

            fn alias(&self) -> Option<&Str> {
                let $part = self;
                $alias
            }

            $(
                fn labels(&self) -> Option<&Labels> {
                    let $part = self;
                    $labels
                }

                fn gateway(&self) -> Option<&Name> {
                    let $part = self;
                    $gateway
                }
            )?
        }
    )*};
}

members! {
    Workload, |part| Some(&part.alias);
    Service, |part| Some(&part.host);
    Router, |part| Some(&part.alias);
    Gateway, |part| Some(&part.alias);
    GatewayRoute, |part| { let _ = part; None }, labels: Some(&part.labels), gateway: part.gateway.as_ref();
    BackendGroup, |part| { let _ = part; None };
}

/// A member's place, all that decides to which mesh and gateway it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) object: ObjectId,
    pub(crate) mesh: Option<Name>,
    pub(crate) alias: Option<Str>,
    pub(crate) labels: Option<Labels>,
    pub(crate) gateway: Option<Name>,
    /// Other objects that declare the same member, to no effect.
    pub(crate) rivals: Vec<ObjectId>,
}

impl Header {
    /// The place of the first of several declarations of one member.
    pub(crate) fn of<T: MemberPart>(rows: &[Held<T>]) -> Option<Self> {
        let (first, rest) = rows.split_first()?;
        Some(Self {
            object: first.object().clone(),
            mesh: first.mesh().cloned(),
            alias: first.alias().cloned(),
            labels: first.labels().cloned(),
            gateway: first.gateway().cloned(),
            rivals: rest.iter().map(|row| row.object().clone()).collect(),
        })
    }
}
