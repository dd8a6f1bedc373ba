//! What admission reads of an object before anybody has held it against its schema: a field of the wrong type counts as
//! absent, since the schema refuses it anyway.

use serde_json::{Map, Value};
use tulle_crds::Kind;
use tulle_model::Name;

use crate::names;

/// An object as the API server shows it.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    pub(super) object: &'a Map<String, Value>,
    pub(super) kind: Kind,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

/// `spec`, where it is there and not null.
pub(super) fn spec_value(object: &Map<String, Value>) -> Option<&Value> {
    object.get("spec").filter(|spec| !spec.is_null())
}

impl<'a> Stored<'a> {
    pub(super) fn new(
        object: &'a Map<String, Value>,
        kind: Kind,
        namespace: &'a str,
        name: &'a str,
    ) -> Self {
        Self {
            object,
            kind,
            namespace,
            name,
        }
    }

    /// Whether `spec` is neither an object nor absent, which the schema refuses.
    pub(super) fn is_malformed(&self) -> bool {
        spec_value(self.object).is_some_and(|spec| !spec.is_object())
    }

    /// A member of `spec`, where it is there and not null.
    pub(super) fn field(&self, key: &str) -> Option<&'a Value> {
        spec_value(self.object)?
            .get(key)
            .filter(|value| !value.is_null())
    }

    /// `spec.awsName`; `None` where it is absent or empty.
    pub(super) fn aws_name(&self) -> Option<&'a str> {
        self.field("awsName")?
            .as_str()
            .filter(|name| !name.is_empty())
    }

    /// What awsName is where nobody names it; `None` for a kind without one and for an object without a name.
    pub(super) fn default_aws_name(&self) -> Option<String> {
        if self.name.is_empty() {
            return None;
        }
        match self.kind {
            Kind::Mesh => Some(self.name.to_owned()),
            Kind::VirtualNode | Kind::VirtualRouter | Kind::VirtualGateway | Kind::GatewayRoute => {
                Some(names::underscored(&self.full_name()))
            }
            Kind::VirtualService => Some(names::dotted(&self.full_name())),
            _ => None,
        }
    }

    /// The mesh that `spec.meshRef` names.
    pub(super) fn mesh(&self) -> Option<&'a str> {
        self.field("meshRef")?.get("name")?.as_str()
    }

    /// Namespace and name of the gateway that `spec.virtualGatewayRef` names.
    pub(super) fn gateway(&self) -> Option<(&'a str, &'a str)> {
        let reference = self.field("virtualGatewayRef")?;
        let namespace = reference.get("namespace").and_then(Value::as_str);
        let name = reference.get("name")?.as_str()?;
        Some((names::namespace_of(namespace, self.namespace), name))
    }

    /// `spec.serviceDiscovery.awsCloudMap`.
    pub(super) fn cloud_map(&self) -> Option<&'a Value> {
        self.field("serviceDiscovery")?
            .get("awsCloudMap")
            .filter(|value| !value.is_null())
    }

    /// The object's labels.
    pub(super) fn labels(&self) -> tulle_model::selector::Labels {
        let labels = self
            .object
            .get("metadata")
            .and_then(|metadata| metadata.get("labels"));
        let labels = labels.and_then(Value::as_object).into_iter().flatten();
        labels
            .filter_map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into())))
            .collect()
    }

    fn full_name(&self) -> Name {
        names::name(self.namespace, self.name)
    }
}
