//! The socket of an SDS server on the node, such as SPIRE's agent.

use serde_json::{Value, json};
use tulle_proto::cluster::Cluster;
use tulle_proto::core::{Address, Pipe, address};
use tulle_proto::protobuf::Duration;

use super::annotations::is;
use super::names::{SDS, SDS_VOLUME};
use super::{InjectConfig, Rejection, edit};
use crate::bootstrap::local::{at, over_http2};

/// The cluster by which App Mesh's configuration names the server.
const CLUSTER: &str = "static_cluster_sds_unix_socket";
const CONNECT_TIMEOUT: Duration = Duration {
    seconds: 1,
    nanos: 0,
};

/// The socket that a pod's Envoy is given.
pub(super) fn wanted(pod: &Value, config: &InjectConfig) -> Option<String> {
    config
        .sds
        .socket()
        .filter(|_| !is(edit::annotation(pod, SDS), "disabled"))
}

/// Adds the volume, unless the pod has the socket already. Gives the volume's name.
pub(super) fn volume(pod: &mut Value, socket: &str) -> Result<String, Rejection> {
    let volumes = edit::list(edit::spec(pod)?, "volumes")?;
    let there = volumes
        .iter()
        .find(|volume| volume["hostPath"]["path"] == socket);
    if let Some(volume) = there {
        return Ok(edit::name(volume).to_owned());
    }
    edit::add(
        volumes,
        json!({ "name": SDS_VOLUME, "hostPath": { "path": socket, "type": "Socket" } }),
        "volume",
        |_| false,
    )?;
    Ok(SDS_VOLUME.to_owned())
}

/// The server.
pub(super) fn cluster(socket: &str) -> Cluster {
    let pipe = Address {
        address: Some(address::Address::Pipe(Pipe {
            path: socket.to_owned(),
            ..Default::default()
        })),
    };
    Cluster {
        connect_timeout: Some(CONNECT_TIMEOUT),
        ..over_http2(at(CLUSTER, pipe))
    }
}
