//! What AWS's API refused minutes later, where translation does not look: lengths, unions and ranges that no schema states.
//! Each is a warning: here it is no obstacle, but a manifest that goes back to AWS fails there, and most are slips.

use tulle_crds::Object;
use tulle_crds::appmesh::{self, Logging, LoggingFormat, VirtualGatewaySpec, VirtualNodeSpec};
use tulle_model::Finding;
use tulle_model::codes::AWS_LIMIT;

use crate::field::Field;
use crate::report::Report;

/// What AWS's API would refuse in an object, beside what [`crate::translate`] tells; nothing for an object of another dialect.
pub fn aws_limits(object: &Object) -> Vec<Finding> {
    let mut limits = Limits(Report::new(crate::id(object)));
    let spec = Field::spec();
    match object {
        Object::Mesh(mesh) => limits.aws_name(&spec, mesh.spec.aws_name.as_deref()),
        Object::VirtualNode(node) => limits.virtual_node(&spec, &node.spec),
        Object::VirtualService(service) => {
            limits.aws_name(&spec, service.spec.aws_name.as_deref());
        }
        Object::VirtualRouter(router) => limits.aws_name(&spec, router.spec.aws_name.as_deref()),
        Object::VirtualGateway(gateway) => limits.virtual_gateway(&spec, &gateway.spec),
        Object::GatewayRoute(route) => limits.aws_name(&spec, route.spec.aws_name.as_deref()),
        _ => {}
    }
    limits.0.into_findings()
}

struct Limits(Report);

impl Limits {
    fn refused(&mut self, field: &Field, what: &str) {
        self.0
            .warning(AWS_LIMIT, field, format!("AWS's API refused {what}"), "");
    }

    fn length(&mut self, field: &Field, text: &str, most: usize) {
        let length = text.chars().count();
        if !(1..=most).contains(&length) {
            self.refused(
                field,
                &format!("{length} characters, 1 to {most} are allowed"),
            );
        }
    }

    fn exactly_one(&mut self, field: &Field, members: &[(&str, bool)]) {
        if members.iter().filter(|(_, set)| *set).count() != 1 {
            let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
            self.refused(
                field,
                &format!("anything but exactly one of {}", names.join(", ")),
            );
        }
    }

    fn aws_name(&mut self, spec: &Field, name: Option<&str>) {
        if let Some(name) = name {
            self.length(&spec.key("awsName"), name, 255);
        }
    }

    fn virtual_node(&mut self, spec: &Field, given: &VirtualNodeSpec) {
        self.aws_name(spec, given.aws_name.as_deref());
        self.logging(spec, given.logging.as_ref());
    }

    fn virtual_gateway(&mut self, spec: &Field, given: &VirtualGatewaySpec) {
        self.aws_name(spec, given.aws_name.as_deref());
        self.logging(spec, given.logging.as_ref());
        for (index, listener) in given.listeners.iter().enumerate() {
            let field = spec.key("listeners").index(index);
            let unsure =
                |check: &appmesh::VirtualGatewayHealthCheck| check.healthy_threshold.is_none();
            if listener.health_check.as_ref().is_some_and(unsure) {
                self.refused(
                    &field.key("healthCheck").key("healthyThreshold"),
                    "a health check without it",
                );
            }
            let validation = listener
                .tls
                .as_ref()
                .and_then(|tls| tls.validation.as_ref());
            if validation.is_some_and(|validation| validation.trust.acm.is_some()) {
                let field = ["tls", "validation", "trust", "acm"]
                    .into_iter()
                    .fold(field, |field, key| field.key(key));
                self.refused(&field, "ACM as a gateway's trust");
            }
        }
    }

    fn logging(&mut self, spec: &Field, logging: Option<&Logging>) {
        let file = logging
            .and_then(|logging| logging.access_log.as_ref())
            .and_then(|log| log.file.as_ref());
        let Some(LoggingFormat { json, text }) = file.and_then(|file| file.format.as_ref()) else {
            return;
        };
        let field = ["logging", "accessLog", "file", "format"]
            .into_iter()
            .fold(spec.clone(), |field, key| field.key(key));
        let members = [("json", !json.is_empty()), ("text", text.is_some())];
        self.exactly_one(&field, &members);
        if let Some(text) = text {
            self.length(&field.key("text"), text, 1000);
        }
        for (index, entry) in json.iter().enumerate() {
            let field = field.key("json").index(index);
            self.length(&field.key("key"), &entry.key, 100);
            self.length(&field.key("value"), &entry.value, 100);
        }
    }
}
