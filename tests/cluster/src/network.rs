//! The node's own network, made from inside its namespace: nothing leads out of it.

use crate::command::run_words;
use crate::run::NODE_IP;

/// Sets up loopback, `eth0` with the node's address, a default route and forwarding.
///
/// # Errors
/// A step failed, in the words of `ip`.
pub fn make() -> anyhow::Result<()> {
    run_words("ip link set lo up")?;
    // Both ends stay here: Kubernetes wants an interface with an address, not a neighbour.
    run_words("ip link add eth0 type veth peer name eth0-far")?;
    run_words("ip link set eth0-far up")?;
    run_words("ip link set eth0 up")?;
    run_words(&format!("ip addr add {NODE_IP}/24 dev eth0"))?;
    run_words("ip route add default via 10.99.0.254 dev eth0")?;
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
    // An answer between two pods of one bridge must come back through the rules that chose the pod.
    let bridged = "/proc/sys/net/bridge/bridge-nf-call-iptables";
    if std::path::Path::new(bridged).exists() {
        std::fs::write(bridged, "1")?;
    }
    Ok(())
}
