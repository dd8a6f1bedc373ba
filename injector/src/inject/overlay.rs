//! What one pod's Envoy has beyond the shared bootstrap, as an argument that Envoy merges over that.

use serde_json::{Map, Value};
use tulle_proto::bootstrap::Bootstrap;
use tulle_proto::cluster::Cluster;
use tulle_proto::listener::Listener;
use tulle_proto::message_to_json;

use super::tuning::statics;
use super::{Rejection, environment, probes};

/// The argument; `None` if there is nothing to add.
pub(super) fn argument(bootstrap: &Bootstrap) -> Result<Option<String>, Rejection> {
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
    let more: Value = self::argument(&more)?
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
