//! App Mesh's walkthroughs, told by manifests of our own in `walkthroughs/<name>/`, which are applied as they are. What a
//! reader of each is told to look at is what is asserted: answers, status codes, figures and pages of Envoy's admin
//! interface, log lines.

mod certificates;
mod discovery;
mod egress;
mod fargate;
mod gateways;
mod ground;
mod grpc;
mod observing;
mod resilience;
mod routing;
mod sds_setting;
mod three_tier;
mod tls;
