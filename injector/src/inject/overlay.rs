//! What one pod's Envoy has beyond the shared bootstrap, as an argument that Envoy merges over that.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use serde_json::{Map, Value};
use tulle_proto::bootstrap::Bootstrap;
use tulle_proto::cluster::Cluster;
use tulle_proto::listener::Listener;
use tulle_proto::{message_to_json, prost::Message};

use super::probes::Plan;
use super::tuning::statics;
use super::{Rejection, environment, probes};

/// The argument for what a pod's Envoy is tuned to and for the probes that it passes on; `None` if there is nothing to add.
pub(super) fn argument(
    tuned: &Bootstrap,
    plan: &Plan,
    ipv6: bool,
) -> Result<Option<String>, Rejection> {
    let made_of = MadeOf {
        tuned: tuned.encode_to_vec(),
        plan: plan.clone(),
        ipv6,
    };
    if made_of.is_nothing() {
        return Ok(None);
    }
    if let Some(text) = MADE.lock().get(&made_of) {
        return Ok(Some((*text).to_owned()));
    }
    let mut bootstrap = tuned.clone();
    if !plan.is_empty() {
        let (listeners, clusters) = probes::parts(plan, ipv6);
        let statics = statics(&mut bootstrap);
        statics.listeners.splice(0..0, listeners);
        statics.clusters.splice(0..0, clusters);
    }
    let text = text_of(&bootstrap)?;
    if let Some(text) = &text {
        MADE.lock().put(made_of, text);
    }
    Ok(text)
}

/// Everything that an argument depends on.
#[derive(PartialEq, Eq, Hash)]
struct MadeOf {
    tuned: Vec<u8>,
    plan: Plan,
    ipv6: bool,
}

impl MadeOf {
    fn is_nothing(&self) -> bool {
        self.tuned.is_empty() && self.plan.is_empty()
    }
}

/// Arguments that were made: the pods of a workload are alike, and writing one argument takes about as long as the rest of an
/// injection.
#[derive(Default)]
struct Made {
    texts: HashMap<MadeOf, Arc<str>>,
    bytes: usize,
}

static MADE: LazyLock<Mutex<Made>> = LazyLock::new(Mutex::default);

/// Beyond that all are forgotten, and those that are still asked for are made again.
const MOST_BYTES: usize = 1 << 20;

impl Made {
    fn get(&self, made_of: &MadeOf) -> Option<Arc<str>> {
        self.texts.get(made_of).cloned()
    }

    fn put(&mut self, made_of: MadeOf, text: &str) {
        self.bytes += text.len() + made_of.tuned.len();
        if self.bytes > MOST_BYTES {
            *self = Self::default();
            return;
        }
        self.texts.insert(made_of, text.into());
    }
}

fn text_of(bootstrap: &Bootstrap) -> Result<Option<String>, Rejection> {
    let json = json(bootstrap)?;
    Ok((!json.is_empty()).then(|| environment::argument(&Value::Object(json).to_string())))
}

/// An argument of an injected pod with other probes in it.
pub(super) fn with_probes(
    argument: &str,
    listeners: Vec<Listener>,
    clusters: Vec<Cluster>,
) -> Result<Option<String>, Rejection> {
    let malformed = || Rejection::Malformed("its Envoy's --config-yaml is not Tulle's".to_owned());
    let mut known: Value = match argument {
        "" => Value::Object(Map::new()),
        text => serde_json::from_str(text).map_err(|_| malformed())?,
    };
    let mut more = Bootstrap::default();
    let statics = statics(&mut more);
    statics.listeners = listeners;
    statics.clusters = clusters;
    let more: Value = text_of(&more)?
        .map_or(Ok(Value::Null), |text| serde_json::from_str(&text))
        .map_err(|_| malformed())?;
    for list in ["clusters", "listeners"] {
        let mut items: Vec<Value> = Vec::new();
        let ours = |item: &&Value| item["name"].as_str().is_some_and(probes::is_of_probes);
        let old = known["static_resources"][list].as_array();
        let new = more["static_resources"][list].as_array();
        items.extend(new.into_iter().flatten().cloned());
        items.extend(
            old.into_iter()
                .flatten()
                .filter(|item| !ours(item))
                .cloned(),
        );
        if items.is_empty() {
            continue;
        }
        let known = known.as_object_mut().ok_or_else(malformed)?;
        known
            .entry("static_resources")
            .or_insert_with(|| Value::Object(Map::new()))
            .as_object_mut()
            .ok_or_else(malformed)?
            .insert(list.to_owned(), Value::Array(items));
    }
    let empty = known.as_object().is_none_or(Map::is_empty);
    Ok((!empty).then(|| known.to_string()))
}

fn json(bootstrap: &Bootstrap) -> Result<Map<String, Value>, Rejection> {
    match message_to_json(bootstrap) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(Rejection::Malformed(format!("Envoy's bootstrap: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(port: u16) -> Plan {
        let plan = json!({ "app/livez": { "http": { "port": port, "path": "/live" } } });
        serde_json::from_value(plan).unwrap()
    }

    #[test]
    fn one_that_was_made_before_is_what_would_be_made() {
        let tuned = Bootstrap::default();
        assert_eq!(argument(&tuned, &Plan::default(), true).unwrap(), None);
        let first = argument(&tuned, &plan(8080), false).unwrap();
        assert!(first.as_ref().unwrap().contains("8080"));
        assert_eq!(argument(&tuned, &plan(8080), false).unwrap(), first);
        for other in [
            argument(&tuned, &plan(8081), false),
            argument(&tuned, &plan(8080), true),
        ] {
            assert_ne!(other.unwrap(), first);
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut made = Made::default();
        for port in 1..100 {
            let made_of = MadeOf {
                tuned: Vec::new(),
                plan: plan(port),
                ipv6: false,
            };
            made.put(made_of, &"x".repeat(MOST_BYTES / 10));
            assert!(made.bytes <= MOST_BYTES && made.texts.len() <= 10);
        }
    }
}
