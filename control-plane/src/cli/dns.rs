//! `tulle dns`: the names that Tulle's own DNS server answers, and what the cluster's DNS has to be told of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use anyhow::Context;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use serde::Deserialize;
use tulle_model::Severity;

use super::replica::{Replicas, client, fetch_at, fetch_of};
use super::{FAULT, OK, block_on, print};

/// What Tulle's DNS server answers
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Corefile(Corefile),
    Names(Names),
}

/// Print the server block that makes the cluster's CoreDNS ask Tulle for its zones
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tulle dns corefile
  tulle dns corefile --server 10.96.0.53
  tulle dns corefile --address 127.0.0.1:15014 --server 127.0.0.1:15053

Put what it prints beside the other server blocks of the Corefile (ConfigMap coredns in namespace kube-system), or
beside those of NodeLocal DNSCache where pods ask that. It asks a replica for the zones there are now, and the API
server for the address of Service tulle-dns.")]
struct Corefile {
    #[command(flatten)]
    replicas: Replicas,
    /// The Service by which the cluster's DNS reaches Tulle's
    #[arg(long, default_value = "tulle-dns", value_name = "NAME")]
    service: String,
    /// The address of Tulle's DNS server, in place of the Service's
    #[arg(long, value_name = "IP[:PORT]")]
    server: Option<String>,
}

/// List the names that are answered and their addresses
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tulle dns names
  tulle dns names --address 127.0.0.1:15014")]
struct Names {
    #[command(flatten)]
    replicas: Replicas,
}

/// Of `/debug/dns`.
#[derive(Debug, Deserialize)]
struct Page {
    address: SocketAddr,
    zones: BTreeSet<String>,
    names: BTreeMap<String, Vec<IpAddr>>,
}

pub(super) fn run(args: Args) -> anyhow::Result<u8> {
    block_on(async {
        match args.command {
            Command::Corefile(corefile) => corefile.print().await,
            Command::Names(names) => {
                let page = page(&names.replicas).await?;
                for (name, addresses) in page.names {
                    let addresses: Vec<String> =
                        addresses.iter().map(ToString::to_string).collect();
                    print::out(&format!("{name}\t{}\n", addresses.join(" ")))?;
                }
                Ok(OK)
            }
        }
    })
}

impl Corefile {
    async fn print(&self) -> anyhow::Result<u8> {
        let page = page(&self.replicas).await?;
        if page.zones.is_empty() {
            print::complain(
                Severity::Warning,
                "there is no zone: no VirtualNode has awsCloudMap, and the settings' dns.zones are empty",
            );
            return Ok(FAULT);
        }
        let server = match (&self.server, &self.replicas.address) {
            (Some(server), _) => {
                server
                    .parse()
                    .map(|ip| SocketAddr::new(ip, 53))
                    .or_else(|_| {
                        server
                            .parse()
                            .with_context(|| format!("--server {server}: neither IP nor IP:PORT"))
                    })?
            }
            (None, Some(_)) => page.address,
            (None, None) => SocketAddr::new(self.cluster_ip().await?, 53),
        };
        print::out(&block(&page.zones, server))?;
        Ok(OK)
    }

    async fn cluster_ip(&self) -> anyhow::Result<IpAddr> {
        let services: Api<Service> = Api::namespaced(client().await?, &self.replicas.namespace);
        let service = services.get(&self.service).await.with_context(|| {
            format!(
                "Service {} in namespace {}: is dns.enabled set in the chart's values?",
                self.service, self.replicas.namespace
            )
        })?;
        let address = service.spec.and_then(|spec| spec.cluster_ip);
        let address =
            address.with_context(|| format!("Service {} has no address", self.service))?;
        address
            .parse()
            .with_context(|| format!("Service {} has address {address:?}", self.service))
    }
}

/// What one of the replicas tells; all of them answer alike.
async fn page(replicas: &Replicas) -> anyhow::Result<Page> {
    const PAGE: &str = "/debug/dns";
    if let Some(address) = &replicas.address {
        return read(&fetch_at(address, PAGE).await?);
    }
    let pods = replicas.pods().await?;
    let mut failed = anyhow::anyhow!("no replica of the control plane runs");
    for name in replicas.running(&pods).await? {
        match fetch_of(&pods, &name, PAGE).await {
            Ok(body) => return read(&body),
            Err(error) => failed = error.context(format!("replica {name}")),
        }
    }
    Err(failed)
}

fn read(body: &[u8]) -> anyhow::Result<Page> {
    serde_json::from_slice(body).context("it answers something else than its zones")
}

/// A server block of CoreDNS that forwards these zones.
fn block(zones: &BTreeSet<String>, server: SocketAddr) -> String {
    let zones: Vec<String> = zones.iter().map(|zone| format!("{zone}:53")).collect();
    let server = match server.port() {
        53 => server.ip().to_string(),
        _ => server.to_string(),
    };
    format!(
        "{} {{\n    errors\n    cache 5\n    forward . {server}\n}}\n",
        zones.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_names_every_zone_once() {
        let zones = ["corp.example", "pvt"].map(str::to_owned).into();
        assert_eq!(
            block(&zones, "10.96.0.53:53".parse().unwrap()),
            "corp.example:53 pvt:53 {\n    errors\n    cache 5\n    forward . 10.96.0.53\n}\n"
        );
        let zones = ["pvt"].map(str::to_owned).into();
        assert!(block(&zones, "[fd00::1]:53".parse().unwrap()).contains("forward . fd00::1\n"));
        assert!(
            block(&zones, "127.0.0.1:15053".parse().unwrap())
                .contains("forward . 127.0.0.1:15053\n")
        );
    }
}
