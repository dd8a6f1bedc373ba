//! The variables of the container `envoy`, as App Mesh's agent would have read them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::settings::HOST_IP;
use super::{Rejection, edit};

/// Stands for a `$` of the user's in a text of ours until that is written down: what the kubelet replaces in a variable's value
/// it shall replace there too.
const USERS_DOLLAR: char = '\u{e000}';

/// A variable's value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Given {
    Text(String),
    /// Of a field, Secret or ConfigMap: known when the pod runs.
    Elsewhere,
}

/// Variables by name.
#[derive(Debug, Default)]
pub(super) struct Environment(BTreeMap<String, Given>);

/// A variable's `valueFrom` for the node's address.
pub(super) fn host_ip() -> Value {
    json!({ "fieldRef": { "apiVersion": "v1", "fieldPath": "status.hostIP" } })
}

/// A container's variable; App Mesh's word for the node's address is what it stands for.
pub(super) fn variable(name: &str, value: &str) -> Value {
    let address = [
        "DATADOG_TRACER_ADDRESS",
        "JAEGER_TRACER_ADDRESS",
        "STATSD_ADDRESS",
    ];
    if value == HOST_IP && address.contains(&name) {
        json!({ "name": name, "valueFrom": host_ip() })
    } else {
        json!({ "name": name, "value": value })
    }
}

/// The value of a variable of the container, for a text that the kubelet replaces variables in.
pub(super) fn reference(name: &str) -> String {
    format!("{USERS_DOLLAR}({name})")
}

/// A text of ours as an argument of a container: the kubelet finds no `$(VARIABLE)` in it but those of the user's.
pub(super) fn argument(text: &str) -> String {
    super::envoy::literal(text).replace(USERS_DOLLAR, "$")
}

impl Environment {
    /// Of `env` as the container has it.
    pub(super) fn of(env: &[Value]) -> Self {
        let given = |variable: &Value| {
            if variable.get("valueFrom").is_some_and(Value::is_object) {
                Given::Elsewhere
            } else {
                let value = variable.get("value").and_then(Value::as_str);
                Given::Text(value.unwrap_or_default().trim().to_owned())
            }
        };
        let pairs = env
            .iter()
            .map(|variable| (edit::name(variable).to_owned(), given(variable)));
        Self(pairs.filter(|(name, _)| !name.is_empty()).collect())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether it says anything.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0
            .get(name)
            .is_some_and(|given| *given != Given::Text(String::new()))
    }

    /// A value that is known now.
    pub(super) fn known(&self, name: &'static str, warnings: &mut Vec<String>) -> Option<&str> {
        match self.0.get(name)? {
            Given::Text(text) if text.contains("$(") => {}
            Given::Text(text) => return Some(text.as_str()).filter(|text| !text.is_empty()),
            Given::Elsewhere => {}
        }
        warnings.push(format!(
            "variable {name} has no effect: its value is known only when the pod runs; write it out"
        ));
        None
    }

    /// A value that may also be known only when the pod runs, for a text of ours.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Given::Elsewhere => Some(reference(name)),
            Given::Text(text) if text.is_empty() => None,
            Given::Text(text) => Some(text.replace('$', &USERS_DOLLAR.to_string())),
        }
    }

    /// Whether a text is not known before the pod runs.
    pub(super) fn is_open(text: &str) -> bool {
        text.contains(USERS_DOLLAR)
    }

    /// A switch.
    pub(super) fn flag(
        &self,
        name: &'static str,
        warnings: &mut Vec<String>,
    ) -> Result<Option<bool>, Rejection> {
        match self.known(name, warnings) {
            None => Ok(None),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Some(true)),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Some(false)),
            Some(text) => Err(wrong(
                name,
                format!("{text:?} is no switch; write true or false"),
            )),
        }
    }

    /// A whole number.
    pub(super) fn number(
        &self,
        name: &'static str,
        warnings: &mut Vec<String>,
    ) -> Result<Option<i64>, Rejection> {
        self.known(name, warnings)
            .map(|text| {
                text.parse()
                    .map_err(|_| wrong(name, format!("{text:?} is no whole number")))
            })
            .transpose()
    }

    /// A port.
    pub(super) fn port(
        &self,
        name: &'static str,
        warnings: &mut Vec<String>,
    ) -> Result<Option<u16>, Rejection> {
        self.number(name, warnings)?
            .map(|number| port(name, number))
            .transpose()
    }
}

fn port(name: &'static str, number: i64) -> Result<u16, Rejection> {
    u16::try_from(number)
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| wrong(name, format!("{number} is no port")))
}

/// A value with which App Mesh's agent would not have started Envoy.
pub(super) fn wrong(name: &'static str, reason: String) -> Rejection {
    Rejection::Variable { name, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kubelet_replaces_stays_and_what_is_ours_does_not() {
        let env = Environment::of(&[
            json!({ "name": "A", "value": "x-$(HOST)" }),
            json!({ "name": "B", "valueFrom": host_ip() }),
            json!({ "name": "C", "value": "  " }),
        ]);
        let texts = [env.text("A"), env.text("B"), env.text("C"), env.text("D")];
        assert_eq!(texts[2..], [None, None]);
        let ours = format!(
            "$(OURS) {} {}",
            texts[0].as_deref().unwrap(),
            texts[1].as_deref().unwrap()
        );
        assert_eq!(argument(&ours), "$$(OURS) x-$(HOST) $(B)");
        assert!(env.has("A") && env.has("B") && !env.has("C") && !env.has("D"));
    }

    #[test]
    fn values_are_read_as_the_agent_read_them() {
        let env = Environment::of(&[
            json!({ "name": "ON", "value": " T " }),
            json!({ "name": "OFF", "value": "0" }),
            json!({ "name": "ODD", "value": "yes" }),
            json!({ "name": "LATE", "value": "$(ON)" }),
            json!({ "name": "PORT", "value": "70000" }),
        ]);
        let mut warnings = Vec::new();
        assert_eq!(env.flag("ON", &mut warnings), Ok(Some(true)));
        assert_eq!(env.flag("OFF", &mut warnings), Ok(Some(false)));
        assert_eq!(env.flag("NONE", &mut warnings), Ok(None));
        assert!(env.flag("ODD", &mut warnings).is_err());
        assert!(env.port("PORT", &mut warnings).is_err());
        assert!(warnings.is_empty());
        assert_eq!(env.flag("LATE", &mut warnings), Ok(None));
        assert!(warnings[0].contains("LATE"), "{warnings:?}");
    }
}
