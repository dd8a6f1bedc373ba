//! Tulle's own DNS server beside the mesh: the names that the index lists become zones, each time the list is another.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::{Value, json};
use tokio::sync::watch;
use tulle_dns::{Counters, Counts, Limits, Server, ZoneData, Zones};
use tulle_index::ServedNames;

/// The server, with its port taken.
pub(super) struct Dns {
    server: Server,
    zones: Arc<ArcSwap<Zones>>,
    told: Arc<Told>,
}

/// What is told of it.
pub(super) struct Told {
    address: SocketAddr,
    nameserver: Arc<str>,
    names: watch::Receiver<Arc<ServedNames>>,
    counters: Arc<Counters>,
}

impl Dns {
    /// Takes the port. `nameserver`: the name by which others find this server; `names`: what it answers.
    pub(super) async fn bind(
        address: SocketAddr,
        nameserver: &str,
        names: watch::Receiver<Arc<ServedNames>>,
    ) -> anyhow::Result<Self> {
        let zones = Arc::new(ArcSwap::from_pointee(Zones::default()));
        let server = Server::bind(address, zones.clone(), Limits::default()).await?;
        let told = Told {
            address: server.address(),
            nameserver: nameserver.into(),
            names,
            counters: server.counters(),
        };
        Ok(Self {
            server,
            zones,
            told: Arc::new(told),
        })
    }

    /// What is told of it.
    pub(super) fn told(&self) -> Arc<Told> {
        self.told.clone()
    }

    /// Answers for ever. Not to be called before the mesh is linked: a name that is not known yet would be denied.
    pub(super) async fn serve(self) {
        let Self {
            server,
            zones,
            told,
        } = self;
        tracing::info!(dns = %told.address, "serving");
        tokio::join!(server.serve(), follow(&told, &zones));
    }
}

async fn follow(told: &Told, zones: &ArcSwap<Zones>) {
    let mut names = told.names.clone();
    names.mark_changed();
    while names.changed().await.is_ok() {
        let served = names.borrow_and_update().clone();
        tracing::debug!(
            zones = served.zones.len(),
            names = served.names.len(),
            "names changed"
        );
        zones.store(Arc::new(Zones::new(&ZoneData {
            nameserver: told.nameserver.clone(),
            zones: served.zones.clone(),
            names: served.names.clone(),
        })));
    }
}

impl Told {
    /// Zones, names and addresses as they are answered now.
    pub(super) fn page(&self) -> Value {
        let served = self.names.borrow().clone();
        json!({
            "address": self.address,
            "nameserver": self.nameserver,
            "zones": served.zones,
            "names": served.names,
        })
    }

    /// What was asked.
    pub(super) fn counts(&self) -> Counts {
        self.counters.now()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::UdpSocket;

    use super::*;

    fn served(ip: &str) -> Arc<ServedNames> {
        Arc::new(ServedNames {
            zones: ["pvt".into()].into(),
            names: [("a.pvt".into(), vec![ip.parse().unwrap()])].into(),
        })
    }

    /// The last four bytes of the answer to a question for the address of `a.pvt`.
    async fn address_of_a(server: SocketAddr) -> [u8; 4] {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let question =
            b"\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x03pvt\x00\x00\x01\x00\x01";
        socket.send_to(question, server).await.unwrap();
        let mut answer = [0; 512];
        let received = tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut answer));
        let length = received.await.expect("in time").unwrap();
        answer[length - 4..length].try_into().unwrap()
    }

    #[tokio::test]
    async fn newer_names_are_answered_at_once() {
        let (names, names_now) = watch::channel(served("10.0.0.1"));
        let dns = Dns::bind("127.0.0.1:0".parse().unwrap(), "localhost", names_now)
            .await
            .unwrap();
        let told = dns.told();
        let task = tokio::spawn(dns.serve());
        assert_eq!(address_of_a(told.address).await, [10, 0, 0, 1]);
        assert_eq!(told.page()["names"], json!({"a.pvt": ["10.0.0.1"]}));
        names.send_replace(served("10.0.0.2"));
        let newer = async {
            while address_of_a(told.address).await != [10, 0, 0, 2] {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), newer)
            .await
            .expect("in time");
        assert!(told.counts().answered >= 2);
        task.abort();
    }
}
