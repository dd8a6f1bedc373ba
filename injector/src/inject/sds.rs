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

/// Adds the volume, unless the pod has it or the socket already. Gives the mount that Envoy needs.
///
/// A server that starts anew makes its socket anew, and a mounted socket stays the old one: so it is the folder that is
/// mounted, where it is the server's own.
pub(super) fn mount(pod: &mut Value, socket: &str) -> Result<Value, Rejection> {
    let volumes = edit::list(edit::spec(pod)?, "volumes")?;
    let folder = folder_of(socket);
    let of_host = |path: &str| {
        let mut volumes = volumes.iter();
        volumes.find(|volume| volume["hostPath"]["path"] == path)
    };
    let (there, path) = match (of_host(socket), folder) {
        (None, Some(folder)) => (of_host(folder), folder),
        (there, _) => (there, socket),
    };
    let name = match there {
        Some(volume) => edit::name(volume).to_owned(),
        None => {
            let kind = match path == socket {
                true => "Socket",
                false => "Directory",
            };
            let volume = json!({ "name": SDS_VOLUME, "hostPath": { "path": path, "type": kind } });
            edit::add(volumes, volume, "volume", |_| false)?;
            SDS_VOLUME.to_owned()
        }
    };
    Ok(json!({ "name": name, "mountPath": path, "readOnly": true }))
}

/// The folder of the socket, if it holds nothing but what is the server's: not such as `/run`, `/tmp` or `/var/run`.
fn folder_of(socket: &str) -> Option<&str> {
    let (folder, _) = socket.rsplit_once('/')?;
    let mut parts = folder.split('/').filter(|part| !part.is_empty());
    let (first, rest) = (parts.next()?, parts.count());
    let own = match first {
        "var" => rest >= 2,
        _ => rest >= 1,
    };
    own.then_some(folder)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_the_servers_own_is_not_mounted() {
        for (socket, folder) in [
            ("/run/spire/sockets/agent.sock", Some("/run/spire/sockets")),
            ("/run/spire/agent.sock", Some("/run/spire")),
            ("/var/run/spire/agent.sock", Some("/var/run/spire")),
            ("/var/run/agent.sock", None),
            ("/run/agent.sock", None),
            ("/run//agent.sock", None),
            ("/agent.sock", None),
        ] {
            assert_eq!(folder_of(socket), folder, "{socket}");
        }
    }

    #[test]
    fn a_volume_of_the_pod_is_used() {
        let socket = "/run/spire/agent.sock";
        for (path, expected) in [
            (
                socket,
                json!({"name": "own", "mountPath": socket, "readOnly": true}),
            ),
            (
                "/run/spire",
                json!({"name": "own", "mountPath": "/run/spire", "readOnly": true}),
            ),
            (
                "/run",
                json!({"name": SDS_VOLUME, "mountPath": "/run/spire", "readOnly": true}),
            ),
        ] {
            let volumes = json!([{ "name": "own", "hostPath": { "path": path } }]);
            let mut pod = json!({ "spec": { "volumes": volumes } });
            assert_eq!(mount(&mut pod, socket).unwrap(), expected, "{path}");
        }
    }
}
