//! The kinds that are reported on: how the API names them and what their status has.

use kube::api::ApiResource;
use tulle_model::ObjectId;

/// App Mesh's API group.
pub(crate) const APP_MESH: &str = "appmesh.k8s.aws";

/// One kind of the API.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    /// Its status has conditions and an ARN.
    pub(crate) reports: bool,
    /// The type of its condition; empty where there is none.
    pub(crate) condition: &'static str,
}

const KINDS: [Kind; 12] = [
    app_mesh("Mesh", "meshes", "MeshActive"),
    app_mesh("VirtualNode", "virtualnodes", "VirtualNodeActive"),
    app_mesh("VirtualService", "virtualservices", "VirtualServiceActive"),
    app_mesh("VirtualRouter", "virtualrouters", "VirtualRouterActive"),
    app_mesh("VirtualGateway", "virtualgateways", "VirtualGatewayActive"),
    app_mesh("GatewayRoute", "gatewayroutes", "GatewayRouteActive"),
    app_mesh("BackendGroup", "backendgroups", ""),
    core("", "Pod", "pods"),
    core("", "Service", "services"),
    core("", "Namespace", "namespaces"),
    core("", "Node", "nodes"),
    core("discovery.k8s.io", "EndpointSlice", "endpointslices"),
];

const fn app_mesh(kind: &'static str, plural: &'static str, condition: &'static str) -> Kind {
    Kind {
        group: APP_MESH,
        version: "v1beta2",
        kind,
        plural,
        reports: !condition.is_empty(),
        condition,
    }
}

const fn core(group: &'static str, kind: &'static str, plural: &'static str) -> Kind {
    Kind {
        group,
        version: "v1",
        kind,
        plural,
        reports: false,
        condition: "",
    }
}

/// The kind of an object; `None` for one that is never reported on.
pub(crate) fn of(object: &ObjectId) -> Option<&'static Kind> {
    KINDS
        .iter()
        .find(|kind| (kind.group, kind.kind) == (&*object.group, &*object.kind))
}

/// Whether an object is one of App Mesh's: only those are in a list of what is there.
pub(crate) fn is_app_mesh(object: &ObjectId) -> bool {
    &*object.group == APP_MESH
}

impl Kind {
    /// The kind as ARNs and fields spell it: `virtualNode`.
    pub(crate) fn camel(&self) -> String {
        let (first, rest) = self.kind.split_at(1);
        first.to_lowercase() + rest
    }

    /// The status field of the ARN: `virtualNodeARN`.
    pub(crate) fn arn_field(&self) -> String {
        self.camel() + "ARN"
    }

    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    pub(crate) fn resource(&self) -> ApiResource {
        ApiResource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            api_version: self.api_version(),
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
        }
    }
}
