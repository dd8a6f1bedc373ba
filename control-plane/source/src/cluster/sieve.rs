//! What of an object's text becomes a value. The rest is passed over while it is read: most of what an API server sends is
//! nobody's business here, and most of what changes is in it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::{Map, Value};
use tulle_crds::Kind;

use crate::prune::{
    CONDITION, ENDPOINT, ENDPOINT_PORT, POD_SPEC, POD_STATUS, SERVICE_SPEC, is_read,
};

/// Reads an object of a kind without most of what [`crate::prune::prune`] takes out, and without `apiVersion` and `kind`, which
/// not every answer names. What records are made of stays.
///
/// # Errors
/// The text is no JSON, or what is read of it is nested too deeply.
pub(super) fn sift(kind: Kind, text: &str) -> serde_json::Result<Value> {
    Sieve::Root(kind).deserialize(&mut serde_json::Deserializer::from_str(text))
}

/// What is read of a value. One of another form than is expected is read whole, for decoding to reject.
#[derive(Clone, Copy)]
enum Sieve {
    /// Everything.
    All,
    /// Of an object.
    Root(Kind),
    /// Of its metadata.
    Metadata(Kind),
    /// Of its annotations.
    Annotations(Kind),
    /// Of a Pod's status.
    PodStatus,
    /// These members.
    Members(&'static [&'static str]),
    /// These members of each item of a list.
    Items(&'static [&'static str]),
}

impl Sieve {
    /// What is read of a member; `None`: nothing.
    fn member(self, key: &str) -> Option<Self> {
        let whole = |is_read: bool| is_read.then_some(Self::All);
        match self {
            Self::All | Self::Items(_) => Some(Self::All),
            Self::Root(kind) => match (kind, key) {
                (_, "apiVersion" | "kind") => None,
                (_, "metadata") => Some(Self::Metadata(kind)),
                (Kind::Namespace | Kind::Node, _) => None,
                (Kind::Service, _) => (key == "spec").then_some(Self::Members(SERVICE_SPEC)),
                (Kind::EndpointSlice, "addressType") => Some(Self::All),
                (Kind::EndpointSlice, "ports") => Some(Self::Items(ENDPOINT_PORT)),
                (Kind::EndpointSlice, "endpoints") => Some(Self::Items(ENDPOINT)),
                (Kind::Pod, "spec") => Some(Self::Members(POD_SPEC)),
                (Kind::Pod, "status") => Some(Self::PodStatus),
                (Kind::EndpointSlice | Kind::Pod, _) => None,
                _ => Some(Self::All),
            },
            Self::Metadata(kind) => match key {
                "annotations" => Some(Self::Annotations(kind)),
                "labels" => whole(kind != Kind::Service),
                "managedFields" | "ownerReferences" | "creationTimestamp" | "generateName" => None,
                _ => Some(Self::All),
            },
            Self::Annotations(kind) => whole(is_read(kind, key)),
            Self::PodStatus if key == "conditions" => Some(Self::Items(CONDITION)),
            Self::PodStatus => whole(POD_STATUS.contains(&key)),
            Self::Members(keys) => whole(keys.contains(&key)),
        }
    }

    /// What is read of an item of a list.
    fn item(self) -> Self {
        match self {
            Self::Items(keys) => Self::Members(keys),
            _ => Self::All,
        }
    }
}

/// A member's key.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Sieve {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        match self {
            Self::All => Value::deserialize(from),
            _ => from.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Sieve {
    type Value = Value;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(Key(key)) = map.next_key()? {
            match self.member(&key) {
                Some(inner) => {
                    let value = map.next_value_seed(inner)?;
                    members.insert(key.into_owned(), value);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Value::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self.item())? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    use super::super::records::Record;
    use super::*;
    use crate::prune::prune;

    /// Words that mean something somewhere, and some that do not.
    const WORDS: [&str; 28] = [
        "metadata",
        "spec",
        "status",
        "name",
        "namespace",
        "uid",
        "labels",
        "annotations",
        "generation",
        "resourceVersion",
        "deletionTimestamp",
        "finalizers",
        "managedFields",
        "tulle.dev/proxy",
        "kubernetes.io/service-name",
        "topology.kubernetes.io/zone",
        "ports",
        "port",
        "endpoints",
        "addresses",
        "conditions",
        "type",
        "Ready",
        "podIPs",
        "nodeName",
        "addressType",
        "clusterIP",
        "other",
    ];

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9_f64).prop_map(Value::from),
            select(&WORDS[..]).prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                4 => prop::collection::btree_map(select(&WORDS[..]), inner, 0..6).prop_map(|members| {
                    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever an object is, what was sifted is pruned to what the whole is, and has the same record.
        #[test]
        fn nothing_that_is_read_is_lost(metadata in value(), spec in value(), status in value(), rest in value()) {
            let whole = json!({
                "apiVersion": "v1", "kind": "K", "metadata": metadata, "spec": spec, "status": status,
                "endpoints": rest, "ports": spec, "addressType": "IPv4", "other": rest,
            });
            let text = whole.to_string();
            for kind in Kind::ALL {
                let mut sifted = sift(kind, &text).unwrap();
                let mut whole: Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(Record::read(kind, &mut sifted), Record::read(kind, &mut whole));
                prune(kind, &mut sifted);
                prune(kind, &mut whole);
                for key in ["apiVersion", "kind"] {
                    whole.as_object_mut().unwrap().remove(key);
                }
                prop_assert_eq!(sifted, whole, "{}", kind);
            }
        }
    }

    #[test]
    fn what_nobody_reads_may_be_of_any_depth() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        let pod = format!(
            r#"{{"metadata":{{"name":"p","managedFields":{deep}}},"spec":{{"containers":{deep}}}}}"#
        );
        assert_eq!(
            sift(Kind::Pod, &pod).unwrap(),
            json!({"metadata": {"name": "p"}, "spec": {}})
        );
        assert!(sift(Kind::Mesh, &pod).is_err());
    }
}
