//! The discovery messages, as far as the server reads them.
//!
//! Requests are decoded into these and not into Envoy's own types: a `Node` is 61 KB (it lists every extension) and is
//! kept for display only, so all but a few of its fields are skipped without an allocation. Field numbers are those of
//! `envoy/service/discovery/v3/discovery.proto`; a test holds them against the real types. Responses are not built as
//! messages at all, see `frame`.

use std::collections::HashMap;

use prost::Message;

use crate::session::{Ask, Node, Request};

#[derive(Clone, PartialEq, Message)]
struct DeltaDiscoveryRequest {
    #[prost(message, optional, tag = "1")]
    node: Option<NodeMessage>,
    #[prost(string, tag = "2")]
    type_url: String,
    #[prost(string, repeated, tag = "3")]
    resource_names_subscribe: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    resource_names_unsubscribe: Vec<String>,
    #[prost(map = "string, string", tag = "5")]
    initial_resource_versions: HashMap<String, String>,
    #[prost(string, tag = "6")]
    response_nonce: String,
    #[prost(message, optional, tag = "7")]
    error_detail: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct DiscoveryRequest {
    #[prost(string, tag = "1")]
    version_info: String,
    #[prost(message, optional, tag = "2")]
    node: Option<NodeMessage>,
    #[prost(string, repeated, tag = "3")]
    resource_names: Vec<String>,
    #[prost(string, tag = "4")]
    type_url: String,
    #[prost(string, tag = "5")]
    response_nonce: String,
    #[prost(message, optional, tag = "6")]
    error_detail: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeMessage {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "6")]
    user_agent_name: String,
    #[prost(string, tag = "7")]
    user_agent_version: String,
    #[prost(message, optional, tag = "8")]
    user_agent_build_version: Option<BuildVersion>,
}

#[derive(Clone, PartialEq, Message)]
struct BuildVersion {
    #[prost(message, optional, tag = "1")]
    version: Option<SemanticVersion>,
}

#[derive(Clone, PartialEq, Message)]
struct SemanticVersion {
    #[prost(uint32, tag = "1")]
    major_number: u32,
    #[prost(uint32, tag = "2")]
    minor_number: u32,
    #[prost(uint32, tag = "3")]
    patch: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
}

/// Reads a delta request.
pub(crate) fn decode_delta(bytes: &[u8]) -> Result<Request, prost::DecodeError> {
    let message = DeltaDiscoveryRequest::decode(bytes)?;
    Ok(Request {
        node: message.node.map(NodeMessage::into_node),
        type_url: message.type_url,
        nonce: message.response_nonce,
        error: message.error_detail.map(|status| status.message),
        ask: Ask::Delta {
            subscribe: message.resource_names_subscribe,
            unsubscribe: message.resource_names_unsubscribe,
            initial: message.initial_resource_versions.into_iter().collect(),
        },
    })
}

/// Reads a state-of-the-world request.
pub(crate) fn decode_sotw(bytes: &[u8]) -> Result<Request, prost::DecodeError> {
    let message = DiscoveryRequest::decode(bytes)?;
    Ok(Request {
        node: message.node.map(NodeMessage::into_node),
        type_url: message.type_url,
        nonce: message.response_nonce,
        error: message.error_detail.map(|status| status.message),
        ask: Ask::Sotw {
            names: message.resource_names,
            version_info: message.version_info,
        },
    })
}

impl NodeMessage {
    fn into_node(self) -> Node {
        let version = match self
            .user_agent_build_version
            .and_then(|build| build.version)
        {
            Some(v) if self.user_agent_version.is_empty() => {
                format!("{}.{}.{}", v.major_number, v.minor_number, v.patch)
            }
            _ => self.user_agent_version,
        };
        Node::new(&self.id, &self.user_agent_name, &version)
    }
}

#[cfg(test)]
mod tests;
