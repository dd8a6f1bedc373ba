//! One value over every kind, and the key that names an object.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::appmesh::{
    BackendGroup, GatewayRoute, Mesh, VirtualGateway, VirtualNode, VirtualRouter, VirtualService,
};
use crate::core::{EndpointSlice, Namespace, Node, ObjectMeta, Pod, Service};
use crate::kind::Kind;

/// Names one object. The order is that of kinds, then namespaces, then names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The kind, which stands for its API group and version too.
    pub kind: Kind,
    /// The namespace; `None` for kinds of the whole cluster.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl ObjectKey {
    /// The API group; empty for Kubernetes' core group.
    pub fn group(&self) -> &'static str {
        self.kind.group()
    }
}

impl fmt::Display for ObjectKey {
    /// `VirtualRouter shop/color`; `Mesh color` for kinds of the whole cluster.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// Writes [`Object`] and what follows from its list of kinds.
macro_rules! objects {
    ($($kind:ident,)+) => {
        /// An object of any kind that Tulle understands. Cloning it shares the content; two are
        /// equal when their contents are.
        #[derive(Clone, Debug)]
        pub enum Object {
            $(
                #[doc = concat!("A ", stringify!($kind), ".")]
                $kind(Arc<$kind>),
            )+
        }

        impl Object {
            /// The kind.
            pub fn kind(&self) -> Kind {
                match self { $( Self::$kind(_) => Kind::$kind, )+ }
            }

            /// The object's metadata.
            pub fn metadata(&self) -> &ObjectMeta {
                match self { $( Self::$kind(object) => &object.metadata, )+ }
            }

            /// The same, to be changed; a shared object is cloned first.
            pub fn metadata_mut(&mut self) -> &mut ObjectMeta {
                match self { $( Self::$kind(object) => &mut Arc::make_mut(object).metadata, )+ }
            }
        }

        /// As the object itself.
        impl Serialize for Object {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                match self { $( Self::$kind(object) => (**object).serialize(to), )+ }
            }
        }

        impl PartialEq for Object {
            fn eq(&self, other: &Self) -> bool {
                match (self, other) {
                    $(
                        (Self::$kind(one), Self::$kind(other)) => {
                            // Most comparisons are of an object with itself.
                            Arc::ptr_eq(one, other) || one == other
                        }
                    )+
                    _ => false,
                }
            }
        }

        $(
            impl From<$kind> for Object {
                fn from(object: $kind) -> Self {
                    Self::$kind(Arc::new(object))
                }
            }
        )+
    };
}

objects! {
    Namespace,
    Service,
    EndpointSlice,
    Pod,
    Node,
    Mesh,
    VirtualNode,
    VirtualService,
    VirtualRouter,
    VirtualGateway,
    GatewayRoute,
    BackendGroup,
}

impl Object {
    /// The API group; empty for Kubernetes' core group.
    pub fn api_group(&self) -> &'static str {
        self.kind().group()
    }

    /// The namespace; `None` for kinds of the whole cluster.
    pub fn namespace(&self) -> Option<&str> {
        self.metadata().namespace.as_deref()
    }

    /// The name; empty only for an object that was not made by [`crate::decode()`].
    pub fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }

    /// The key that names this object.
    pub fn key(&self) -> ObjectKey {
        ObjectKey {
            kind: self.kind(),
            namespace: self.namespace().map(str::to_owned),
            name: self.name().to_owned(),
        }
    }
}
