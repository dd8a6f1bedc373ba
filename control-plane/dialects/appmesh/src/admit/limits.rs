//! What AWS's API refused minutes later, where translation does not look: lengths, unions and ranges that no schema states.
//! Each is a warning: here it is no obstacle, but a manifest that goes back to AWS fails there, and most are slips.

use std::collections::BTreeSet;

use tulle_crds::Object;
use tulle_crds::appmesh::{
    self, BackendDefaults, ClientPolicy, ListenerTlsCertificate, Logging, LoggingFormat,
    SubjectAlternativeNames, VirtualGatewaySpec, VirtualNodeSpec,
};
use tulle_model::{Finding, ObjectId};

use crate::field::Field;
use crate::ports;
use crate::report::Report;

/// Code of these findings.
const CODE: &str = "aws-limit";

/// What AWS's API would refuse in an object.
pub(super) fn check(object: &Object) -> Vec<Finding> {
    let id = ObjectId::new(
        object.api_group(),
        object.kind().as_str(),
        object.namespace().unwrap_or_default(),
        object.name(),
    );
    let mut limits = Limits(Report::new(id));
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
            .warning(CODE, field, format!("AWS's API refused {what}"), "");
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
        self.defaults(spec, given.backend_defaults.as_ref());
        for (index, backend) in given.backends.iter().enumerate() {
            let field = spec.key("backends").index(index).key("virtualService");
            self.policy(&field, backend.virtual_service.client_policy.as_ref());
        }
        let ports: BTreeSet<i64> = given
            .listeners
            .iter()
            .map(|listener| listener.port_mapping.port)
            .collect();
        for (index, listener) in given.listeners.iter().enumerate() {
            let field = spec.key("listeners").index(index);
            let protocol = ports::protocol(listener.port_mapping.protocol).as_str();
            if let Some(pool) = &listener.connection_pool {
                let members = [
                    ("grpc", pool.grpc.is_some()),
                    ("http", pool.http.is_some()),
                    ("http2", pool.http2.is_some()),
                    ("tcp", pool.tcp.is_some()),
                ];
                self.pool(&field, protocol, &members);
            }
            let check_port = listener.health_check.as_ref().and_then(|check| check.port);
            if let Some(port) = check_port.filter(|port| !ports.contains(port)) {
                self.refused(
                    &field.key("healthCheck").key("port"),
                    &format!("port {port}, on which the node has no listener"),
                );
            }
            if let Some(tls) = &listener.tls {
                let field = field.key("tls");
                self.certificate(&field, &tls.certificate);
                if let Some(validation) = &tls.validation {
                    let field = field.key("validation");
                    let trust = &validation.trust;
                    let members = [("file", trust.file.is_some()), ("sds", trust.sds.is_some())];
                    self.exactly_one(&field.key("trust"), &members);
                    self.names(&field, validation.subject_alternative_names.as_ref());
                }
            }
        }
    }

    fn virtual_gateway(&mut self, spec: &Field, given: &VirtualGatewaySpec) {
        self.aws_name(spec, given.aws_name.as_deref());
        self.logging(spec, given.logging.as_ref());
        self.defaults(spec, given.backend_defaults.as_ref());
        for (index, listener) in given.listeners.iter().enumerate() {
            let field = spec.key("listeners").index(index);
            if let Some(pool) = &listener.connection_pool {
                let members = [
                    ("grpc", pool.grpc.is_some()),
                    ("http", pool.http.is_some()),
                    ("http2", pool.http2.is_some()),
                ];
                self.pool(&field, listener.port_mapping.protocol.as_str(), &members);
            }
            let unsure =
                |check: &appmesh::VirtualGatewayHealthCheck| check.healthy_threshold.is_none();
            if listener.health_check.as_ref().is_some_and(unsure) {
                self.refused(
                    &field.key("healthCheck").key("healthyThreshold"),
                    "a health check without it",
                );
            }
            if let Some(tls) = &listener.tls {
                let field = field.key("tls");
                self.certificate(&field, &tls.certificate);
                if let Some(validation) = &tls.validation {
                    let field = field.key("validation");
                    let trust = &validation.trust;
                    let members = [("file", trust.file.is_some()), ("sds", trust.sds.is_some())];
                    self.exactly_one(&field.key("trust"), &members);
                    self.names(&field, validation.subject_alternative_names.as_ref());
                }
            }
        }
    }

    /// Only a member of another protocol is told here; several of them are refused outright.
    fn pool(&mut self, listener: &Field, protocol: &str, members: &[(&str, bool)]) {
        for (member, _) in members
            .iter()
            .filter(|(member, set)| *set && *member != protocol)
        {
            self.refused(
                &listener.key("connectionPool").key(member),
                &format!("limits of another protocol than the listener's, {protocol}"),
            );
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

    fn defaults(&mut self, spec: &Field, defaults: Option<&BackendDefaults>) {
        let policy = defaults.and_then(|defaults| defaults.client_policy.as_ref());
        self.policy(&spec.key("backendDefaults"), policy);
    }

    fn policy(&mut self, parent: &Field, policy: Option<&ClientPolicy>) {
        let Some(tls) = policy.and_then(|policy| policy.tls.as_ref()) else {
            return;
        };
        let field = parent.key("clientPolicy").key("tls");
        if let Some(certificate) = &tls.certificate {
            let members = [
                ("file", certificate.file.is_some()),
                ("sds", certificate.sds.is_some()),
            ];
            self.exactly_one(&field.key("certificate"), &members);
        }
        let field = field.key("validation");
        let trust = &tls.validation.trust;
        let members = [
            ("acm", trust.acm.is_some()),
            ("file", trust.file.is_some()),
            ("sds", trust.sds.is_some()),
        ];
        self.exactly_one(&field.key("trust"), &members);
        self.names(&field, tls.validation.subject_alternative_names.as_ref());
    }

    fn certificate(&mut self, tls: &Field, certificate: &ListenerTlsCertificate) {
        let members = [
            ("acm", certificate.acm.is_some()),
            ("file", certificate.file.is_some()),
            ("sds", certificate.sds.is_some()),
        ];
        self.exactly_one(&tls.key("certificate"), &members);
    }

    fn names(&mut self, validation: &Field, names: Option<&SubjectAlternativeNames>) {
        let Some(names) = names else { return };
        let field = ["subjectAlternativeNames", "match", "exact"]
            .into_iter()
            .fold(validation.clone(), |field, key| field.key(key));
        if names.match_.exact.is_empty() {
            self.refused(&field, "an empty list of names");
        }
        for (index, name) in names.match_.exact.iter().enumerate() {
            self.length(&field.index(index), name, 254);
        }
    }
}
