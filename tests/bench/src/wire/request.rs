//! What a proxy sends: discovery requests, in gRPC frames.
//!
//! Field numbers are those of `envoy/service/discovery/v3/discovery.proto`; a test holds them against the real types.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value;

use super::Kind;
use super::fields::{put_bytes, put_message, put_number, put_text, put_varint};

/// The node of a proxy, encoded: what is its own, and what all have in common.
#[derive(Clone, Debug)]
pub struct Node(Bytes, Common);

/// What the nodes of all proxies have in common, encoded.
#[derive(Clone, Debug, Default)]
pub struct Common(Bytes);

impl Common {
    /// The version and features of Envoy 1.40, and so many extensions, of some 100 bytes each.
    pub fn new(extensions: usize) -> Self {
        let mut out = BytesMut::new();
        put_text(6, "envoy", &mut out);
        put_message(8, &mut out, |build| {
            put_message(1, build, |version| {
                put_number(1, 1, version);
                put_number(2, 40, version);
            });
        });
        for at in 0..extensions {
            put_message(9, &mut out, |extension| {
                put_text(1, &format!("envoy.filters.http.extension_{at}"), extension);
                put_text(2, "envoy.filters.http", extension);
                let url = format!("envoy.extensions.filters.http.extension_{at}.v3.Extension");
                put_text(6, &url, extension);
            });
        }
        put_text(10, "envoy.lb.does_not_support_overprovisioning", &mut out);
        put_text(10, "xds.config.supports-resource-in-sotw", &mut out);
        Self(out.freeze())
    }
}

impl Node {
    /// A node with this id, cluster and metadata (a JSON object).
    pub fn new(id: &str, cluster: &str, metadata: &Value, common: Common) -> Self {
        let mut out = BytesMut::new();
        put_text(1, id, &mut out);
        put_text(2, cluster, &mut out);
        if let Value::Object(_) = metadata {
            put_message(3, &mut out, |out| structure(metadata, out));
        }
        Self(out.freeze(), common)
    }

    fn put(&self, field: u32, out: &mut BytesMut) {
        let Self(own, Common(common)) = self;
        put_varint(u64::from(field) << 3 | 2, out);
        put_varint((own.len() + common.len()) as u64, out);
        out.put_slice(own);
        out.put_slice(common);
    }
}

/// `google.protobuf.Struct`.
fn structure(object: &Value, out: &mut BytesMut) {
    for (key, value) in object.as_object().into_iter().flatten() {
        put_message(1, out, |entry| {
            put_text(1, key, entry);
            put_message(2, entry, |out| self::value(value, out));
        });
    }
}

/// `google.protobuf.Value`.
fn value(value: &Value, out: &mut BytesMut) {
    match value {
        Value::Null => {
            put_varint(1 << 3, out);
            out.put_u8(0);
        }
        Value::Number(number) => {
            put_varint(2 << 3 | 1, out);
            out.put_f64_le(number.as_f64().unwrap_or_default());
        }
        Value::String(text) => put_bytes(3, text.as_bytes(), out),
        Value::Bool(yes) => {
            put_varint(4 << 3, out);
            out.put_u8(u8::from(*yes));
        }
        Value::Object(_) => put_message(5, out, |out| structure(value, out)),
        Value::Array(list) => put_message(6, out, |out| {
            for item in list {
                put_message(1, out, |out| self::value(item, out));
            }
        }),
    }
}

/// A `DeltaDiscoveryRequest`.
#[derive(Clone, Debug, Default)]
pub struct Delta<'a> {
    /// On the first request of a stream.
    pub node: Option<&'a Node>,
    /// Names to subscribe to.
    pub subscribe: Vec<&'a str>,
    /// Names to be spared.
    pub unsubscribe: Vec<&'a str>,
    /// What is held: name and version. On the first request of a type.
    pub initial: Vec<(&'a str, &'a str)>,
    /// Of the response that is acknowledged.
    pub nonce: &'a str,
}

impl Delta<'_> {
    /// As a gRPC frame.
    pub fn frame(&self, kind: Kind) -> Bytes {
        frame(|out| {
            if let Some(node) = self.node {
                node.put(1, out);
            }
            put_text(2, kind.url(), out);
            for name in &self.subscribe {
                put_text(3, name, out);
            }
            for name in &self.unsubscribe {
                put_text(4, name, out);
            }
            for (name, version) in &self.initial {
                put_message(5, out, |entry| {
                    put_text(1, name, entry);
                    put_text(2, version, entry);
                });
            }
            put_text(6, self.nonce, out);
        })
    }
}

/// A `DiscoveryRequest`.
#[derive(Clone, Debug, Default)]
pub struct Sotw<'a> {
    /// On the first request of a stream.
    pub node: Option<&'a Node>,
    /// The version that is held.
    pub version: &'a str,
    /// All names that are subscribed to.
    pub names: Vec<&'a str>,
    /// Of the response that is acknowledged.
    pub nonce: &'a str,
}

impl Sotw<'_> {
    /// As a gRPC frame.
    pub fn frame(&self, kind: Kind) -> Bytes {
        frame(|out| {
            put_text(1, self.version, out);
            if let Some(node) = self.node {
                node.put(2, out);
            }
            for name in &self.names {
                put_text(3, name, out);
            }
            put_text(4, kind.url(), out);
            put_text(5, self.nonce, out);
        })
    }
}

/// Bytes before each message: not compressed, and its length.
pub const PREFIX: usize = 5;

/// A message in a gRPC frame.
pub fn frame(message: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut out = BytesMut::with_capacity(256);
    out.put_bytes(0, PREFIX);
    message(&mut out);
    let len = (out.len() - PREFIX) as u32;
    out[1..PREFIX].copy_from_slice(&len.to_be_bytes());
    out.freeze()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tulle_proto::discovery::{DeltaDiscoveryRequest, DiscoveryRequest};
    use tulle_proto::prost::Message;
    use tulle_proto::protobuf::value::Kind as Is;

    use super::*;

    #[test]
    fn envoys_own_types_read_the_same() {
        let metadata = json!({"NAMESPACE": "a", "LABELS": {"app": "b"}, "n": 7, "yes": true, "none": null, "list": ["x"]});
        let node = Node::new("sidecar~1", "c", &metadata, Common::new(2));
        let delta = Delta {
            node: Some(&node),
            subscribe: vec!["a", "b"],
            unsubscribe: vec!["c"],
            initial: vec![("d", "1"), ("e", "")],
            nonce: "7",
        }
        .frame(Kind::Eds);
        let read = DeltaDiscoveryRequest::decode(&delta[PREFIX..]).unwrap();
        assert_eq!(delta[0], 0);
        assert_eq!(read.type_url, Kind::Eds.url());
        assert_eq!(read.resource_names_subscribe, ["a", "b"]);
        assert_eq!(read.resource_names_unsubscribe, ["c"]);
        assert_eq!(read.initial_resource_versions["d"], "1");
        assert_eq!(read.initial_resource_versions["e"], "");
        assert_eq!(read.response_nonce, "7");
        let of = read.node.unwrap();
        assert_eq!((of.id.as_str(), of.cluster.as_str()), ("sidecar~1", "c"));
        assert_eq!(
            (of.user_agent_name.as_str(), of.extensions.len()),
            ("envoy", 2)
        );
        let fields = of.metadata.unwrap().fields;
        let is = |name: &str| fields[name].kind.clone().unwrap();
        assert_eq!(is("NAMESPACE"), Is::StringValue("a".to_owned()));
        assert_eq!(is("n"), Is::NumberValue(7.0));
        assert_eq!(is("yes"), Is::BoolValue(true));
        assert!(matches!(is("none"), Is::NullValue(_)));
        assert!(matches!(is("list"), Is::ListValue(list) if list.values.len() == 1));
        assert!(matches!(is("LABELS"), Is::StructValue(labels) if labels.fields.len() == 1));

        let sotw = Sotw {
            node: Some(&node),
            version: "3",
            names: vec!["a"],
            nonce: "8",
        }
        .frame(Kind::Rds);
        let read = DiscoveryRequest::decode(&sotw[PREFIX..]).unwrap();
        assert_eq!(
            (read.version_info.as_str(), read.response_nonce.as_str()),
            ("3", "8")
        );
        assert_eq!(
            (read.resource_names, read.type_url.as_str()),
            (vec!["a".to_owned()], Kind::Rds.url())
        );
        assert_eq!(read.node.unwrap().id, "sidecar~1");
    }
}
