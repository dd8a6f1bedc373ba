//! The kinds of Kubernetes itself that Tulle reads, so that every room names one place for them.

pub use k8s_openapi::api::core::v1::{
    Namespace, Node, Pod, PodCondition, PodSpec, PodStatus, Service, ServicePort, ServiceSpec,
};
pub use k8s_openapi::api::discovery::v1::{
    Endpoint, EndpointConditions, EndpointPort, EndpointSlice,
};
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
pub use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
