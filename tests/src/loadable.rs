//! A proxy's configuration as one bootstrap that Envoy can judge: what it would ask an SDS server or read from files that
//! are in the proxy's container is there.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tulle_control_plane::engine::{Engine, Group};
use tulle_control_plane::offline;
use tulle_envoy::{Compiled, KubernetesSecret, secrets, type_url};

use crate::static_envoy::{Authority, Certificate};

/// Puts a certificate wherever one is asked for.
#[derive(Debug)]
pub struct Loader {
    certificate: Certificate,
}

impl Default for Loader {
    fn default() -> Self {
        Self::new()
    }
}

impl Loader {
    /// With a certificate of its own.
    pub fn new() -> Self {
        Self {
            certificate: Authority::new().certificate("spiffe://cluster.local/ns/shop/sa/any"),
        }
    }

    /// All of a group's resources in one bootstrap.
    ///
    /// # Errors
    /// A resource cannot be read back, or asks the control plane for a secret that it does not have.
    pub fn bootstrap(&self, engine: &mut Engine, group: &Group) -> anyhow::Result<Value> {
        let compiled = |type_url, name: &str, bytes| Compiled {
            type_url,
            name: name.into(),
            version: String::new(),
            bytes,
            requires: Vec::new(),
            touches: Vec::new(),
            settle: std::time::Duration::ZERO,
            origins: Vec::new(),
        };
        let resources = offline::resources(engine, group);
        let resources = resources.iter().map(|resource| {
            let bytes = resource.message().to_vec();
            compiled(resource.type_url().as_str(), resource.name(), bytes)
        });
        let Certificate { chain, key, roots } = &self.certificate;
        let (chain, key) = (chain.as_bytes(), key.as_bytes());
        let own = secrets::tls_certificate(secrets::CERTIFICATE, chain, key);
        let trusted = secrets::validation_context(secrets::ROOTS, roots.as_bytes());
        let issued = [
            compiled(type_url::SECRET, secrets::CERTIFICATE, own),
            compiled(type_url::SECRET, secrets::ROOTS, trusted),
        ];
        let named = engine.kubernetes_secrets(&group.proxy).map(|own| {
            let name = own.name();
            let bytes = match own {
                KubernetesSecret::Certificate(_) => secrets::tls_certificate(&name, chain, key),
                KubernetesSecret::Roots(_) => secrets::validation_context(&name, roots.as_bytes()),
            };
            compiled(type_url::SECRET, &name, bytes)
        });
        let resources: Vec<Compiled> = resources.chain(issued).chain(named).collect();
        let bootstrap = tulle_envoy::static_bootstrap(&resources, None)?;
        let mut bootstrap = tulle_proto::message_to_json(&bootstrap)?;
        let mut wanted = BTreeSet::new();
        discard_logs(&mut bootstrap);
        names(&mut bootstrap, &mut wanted);
        let secrets = wanted.iter().map(|(kind, name)| self.secret(name, *kind));
        bootstrap["static_resources"]["secrets"] = secrets.collect();
        Ok(bootstrap)
    }

    fn secret(&self, name: &str, kind: Kind) -> Value {
        let Certificate { chain, key, roots } = &self.certificate;
        match kind {
            Kind::Certificate => json!({ "name": name, "tls_certificate": {
                "certificate_chain": { "inline_string": chain },
                "private_key": { "inline_string": key },
            } }),
            Kind::Roots => json!({ "name": name, "validation_context": {
                "trusted_ca": { "inline_string": roots },
            } }),
        }
    }
}

/// Envoy opens the files that it logs to when it judges a configuration: here they are none of the machine's.
fn discard_logs(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_log = fields.get("@type").and_then(Value::as_str);
            if is_log.is_some_and(|name| name.ends_with(".FileAccessLog")) {
                fields.insert("path".to_owned(), "/dev/null".into());
            }
            fields.values_mut().for_each(discard_logs);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_logs),
        _ => {}
    }
}

/// What a secret holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Certificate,
    Roots,
}

/// The secrets that a configuration asks for, whose source is forgotten: then they are the bootstrap's own.
fn names(value: &mut Value, wanted: &mut BTreeSet<(Kind, String)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let kind = match key.as_str() {
                    "tls_certificate_sds_secret_configs" => Kind::Certificate,
                    "validation_context_sds_secret_config" => Kind::Roots,
                    _ => {
                        names(value, wanted);
                        continue;
                    }
                };
                let several = match value {
                    Value::Array(several) => several.as_mut_slice(),
                    one => std::slice::from_mut(one),
                };
                for one in several.iter_mut().filter_map(Value::as_object_mut) {
                    one.remove("sds_config");
                    let name = one.get("name").and_then(Value::as_str);
                    wanted.extend(name.map(|name| (kind, name.to_owned())));
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| names(item, wanted)),
        _ => {}
    }
}
