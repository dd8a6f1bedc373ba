//! Hosts on one machine: network namespaces joined by a bridge in a namespace of its own, so that
//! nothing touches the machine's network.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::output;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A network of hosts; taken down when dropped.
#[derive(Debug)]
pub struct Network {
    prefix: String,
    hosts: u8,
}

/// A host of the network.
#[derive(Debug, Clone)]
pub struct Host {
    namespace: String,
    /// Its address on the network.
    pub address: Ipv4Addr,
}

fn ip(arguments: &str) {
    output(Command::new("ip").args(arguments.split_whitespace()), b"");
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Network {
    /// A network with a hub at 10.222.0.1, which routes nowhere else.
    pub fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("tulle{}x{number}", std::process::id());
        let hub = format!("{prefix}-hub");
        ip(&format!("netns add {hub}"));
        ip(&format!("-n {hub} link set lo up"));
        ip(&format!("-n {hub} link add br0 type bridge"));
        ip(&format!("-n {hub} addr add 10.222.0.1/16 dev br0"));
        ip(&format!("-n {hub} link set br0 up"));
        Self { prefix, hosts: 1 }
    }

    /// The hub, where the control plane runs.
    pub fn hub(&self) -> Host {
        Host {
            namespace: format!("{}-hub", self.prefix),
            address: Ipv4Addr::new(10, 222, 0, 1),
        }
    }

    /// A new host with an address of its own; anything outside the network is routed to the hub.
    pub fn host(&mut self) -> Host {
        self.hosts += 1;
        let (n, hub) = (self.hosts, format!("{}-hub", self.prefix));
        let host = Host {
            namespace: format!("{}-{n}", self.prefix),
            address: Ipv4Addr::new(10, 222, 0, n),
        };
        let namespace = &host.namespace;
        ip(&format!("netns add {namespace}"));
        ip(&format!("-n {namespace} link set lo up"));
        ip(&format!(
            "-n {hub} link add v{n} type veth peer name eth0 netns {namespace}"
        ));
        ip(&format!("-n {hub} link set v{n} master br0 up"));
        ip(&format!(
            "-n {namespace} addr add {}/16 dev eth0",
            host.address
        ));
        ip(&format!("-n {namespace} link set eth0 up"));
        ip(&format!("-n {namespace} route add default via 10.222.0.1"));
        host
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for n in 2..=self.hosts {
            let _ = Command::new("ip")
                .args(["netns", "del", &format!("{}-{n}", self.prefix)])
                .output();
        }
        let _ = Command::new("ip")
            .args(["netns", "del", &format!("{}-hub", self.prefix)])
            .output();
    }
}

impl Host {
    /// The file that stands for its network namespace.
    pub fn namespace_file(&self) -> std::path::PathBuf {
        std::path::Path::new("/run/netns").join(&self.namespace)
    }

    /// A command that runs on this host.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.namespace])
            .arg(program);
        command
    }
}
