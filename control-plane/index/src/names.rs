//! Names that the cluster's DNS does not know: which of them Tulle's own DNS server answers, and with what addresses.
//!
//! Names of registries have the addresses of their ready pods, which is what Cloud Map's DNS namespaces gave. Any other host of a
//! service has the addresses of whoever provides it. For HTTP any address will do, as the host decides; TCP services that
//! share a port are told apart by it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use tulle_model::extras::HOST_ALIASES;
use tulle_model::fragment::{Discovery, Service};
use tulle_model::policy::IpPreference;
use tulle_model::settings::Names;
use tulle_model::{Finding, Name, Severity, Str, codes};

use crate::key::{Kind, Member};
use crate::reader::Reader;
use crate::value::{Named, Provider, Standing};
use crate::{alias, discovery, endpoints};

/// What Tulle's DNS server answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServedNames {
    /// The apexes of its zones; none lies below another.
    pub zones: BTreeSet<Str>,
    /// The names in them, in lower case without a final dot, with their addresses, sorted.
    pub names: BTreeMap<Str, Vec<IpAddr>>,
}

/// The name under which a registry knows a workload; `None`: no registry does, or nobody answers such names.
pub(crate) fn registered(workload: &Name, reader: &mut Reader<'_>) -> Option<Named> {
    if !reader.names().served {
        return None;
    }
    let server = reader.server(workload)?;
    let Discovery::Registry {
        namespace, service, ..
    } = server.discovery.as_ref()?
    else {
        return None;
    };
    let mesh = alias::mesh_of(Kind::Workload, workload, reader)?;
    let ip = reader.mesh(&mesh)?.ip;
    let namespace = plain(namespace);
    let host: Str = format!("{}.{namespace}", plain(service)).into();
    let domain = plain(&reader.cluster_domain());
    if !is_name(&host) || lies_in(&host, &domain) {
        return None;
    }
    // A zone above the cluster's own domain would take all of that over: then the name is a zone of its own.
    let zone = match lies_in(&domain, &namespace) {
        true => host.clone(),
        false => namespace.into(),
    };
    Some(Named {
        addresses: Arc::new(endpoints::pod_addresses(workload, ip, reader)),
        zone: Some(zone),
        host,
    })
}

/// The hosts of a service, its own and its aliases, that are for Tulle's DNS server to answer and that no registry has. Says so if
/// nobody answers one.
pub(crate) fn host_names(name: &Name, reader: &mut Reader<'_>) -> Vec<Named> {
    let names = reader.names();
    if !names.served && !names.told {
        return Vec::new();
    }
    let Standing::In { mesh } = reader.standing(&Member::new(Kind::Service, name)) else {
        return Vec::new();
    };
    let Some(service) = reader.service(name) else {
        return Vec::new();
    };
    let mut hosts = vec![&service.host];
    // A service's own host is its own, whoever else has it for an alias.
    let aliases = service.host_aliases.iter();
    hosts.extend(aliases.filter(|alias| reader.claims(Kind::Service, &mesh, alias).is_empty()));
    let mut providing = None;
    let mut served = Vec::new();
    for host in hosts {
        if discovery::cluster_answers(host, &name.namespace, reader)
            || names.served && reader.registered(host)
        {
            continue;
        }
        let providers = providing.get_or_insert_with(|| providers(name, reader));
        if lies_in_zone(host, &names, reader) {
            served.push(host.clone());
        } else if names.told && !outside(host, providers, reader) {
            reader.report(nobody(&service, host, &names));
        }
    }
    let (Some(providers), false) = (providing, served.is_empty()) else {
        return Vec::new();
    };
    let Some(ip) = reader.mesh(&mesh).map(|mesh| mesh.ip) else {
        return Vec::new();
    };
    // One service, one set of addresses: those of its own host, wherever that is known.
    let own = discovery::cluster_addresses(&service.host, reader);
    let own = endpoints::usable(own, ip);
    let addresses = Arc::new(match own.is_empty() {
        true => provided(&providers, ip, reader),
        false => own,
    });
    let named = |host| Named {
        addresses: addresses.clone(),
        zone: None,
        host,
    };
    served.into_iter().map(named).collect()
}

/// Whether a host lies in one of the zones that Tulle's DNS server answers.
fn lies_in_zone(host: &str, names: &Names, reader: &mut Reader<'_>) -> bool {
    names.served && is_name(host) && {
        let zones = zones(names, reader.registries());
        zones.iter().any(|zone| lies_in(host, zone))
    }
}

/// The zones of the settings and of the registries, less those that lie below another.
pub(crate) fn zones(names: &Names, registries: BTreeSet<Str>) -> BTreeSet<Str> {
    let mut all = registries;
    all.extend(names.zones.iter().map(|zone| Str::from(plain(zone))));
    let below = |zone: &Str| all.iter().any(|own| own != zone && lies_in(zone, own));
    all.iter().filter(|zone| !below(zone)).cloned().collect()
}

/// Whether a name is a domain or lies below it; both in lower case without a final dot.
pub(crate) fn lies_in(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The workloads that answer for a service, sorted.
fn providers(service: &Name, reader: &mut Reader<'_>) -> BTreeSet<Name> {
    let Some(ports) = reader.service_ports(service) else {
        return BTreeSet::new();
    };
    match &ports.provider {
        None => BTreeSet::new(),
        Some(Provider::Workload(workload)) => BTreeSet::from([workload.clone()]),
        Some(Provider::Router(router)) => {
            let ports = reader.router_ports(router);
            let routes = ports.iter().flat_map(|ports| ports.iter());
            let targets = routes.flat_map(|port| port.routes.iter().flat_map(|own| &own.targets));
            targets
                .filter(|target| target.weight > 0)
                .map(|target| target.to.workload.clone())
                .collect()
        }
    }
}

/// Addresses that lead to whoever provides a service: stable ones of the Services that they are found by, else their pods'.
fn provided(providers: &BTreeSet<Name>, ip: IpPreference, reader: &mut Reader<'_>) -> Vec<IpAddr> {
    let mut stable = BTreeSet::new();
    for workload in providers {
        if let Some(host) = hostname(workload, reader) {
            stable.extend(discovery::cluster_addresses(&host, reader));
        }
    }
    let stable = endpoints::usable(stable, ip);
    if !stable.is_empty() {
        return stable;
    }
    let pods: BTreeSet<IpAddr> = providers
        .iter()
        .flat_map(|workload| endpoints::pod_addresses(workload, ip, reader))
        .collect();
    pods.into_iter().collect()
}

/// The host by which a workload is found in DNS.
fn hostname(workload: &Name, reader: &mut Reader<'_>) -> Option<Str> {
    match reader.server(workload)?.discovery.as_ref()? {
        Discovery::Dns { hostname, .. } => Some(hostname.clone()),
        Discovery::Registry { .. } => None,
    }
}

/// Whether a host is that of somebody outside: then it is for the outside to answer it.
fn outside(host: &str, providers: &BTreeSet<Name>, reader: &mut Reader<'_>) -> bool {
    providers
        .iter()
        .any(|workload| hostname(workload, reader).is_some_and(|own| plain(&own) == host))
}

fn nobody(service: &Service, host: &str, names: &Names) -> Finding {
    let parent = host.split_once('.').map_or(host, |(_, parent)| parent);
    let zone = match names.served {
        true => format!(
            "add {parent} to the settings' dns.zones and run `tulle dns corefile` for the cluster's DNS"
        ),
        false => "set the settings' dns.enabled and dns.zones".to_owned(),
    };
    let message = format!(
        "neither the cluster's DNS nor Tulle's knows {host}, so applications find no address to call it by"
    );
    let (severity, field, help) = if *service.host == *host {
        let help = format!(
            "{zone}, or name the VirtualService after a Kubernetes Service (SERVICE.NAMESPACE.svc.DOMAIN); nothing is to be done if another DNS server answers it or if gateways alone lead to it"
        );
        (Severity::Warning, "spec.awsName".to_owned(), help)
    } else {
        // Clients may well say a host that they do not look up.
        let help = format!(
            "{zone}, or make a Kubernetes Service of that name; nothing is to be done if clients dial another name and only say this one"
        );
        (
            Severity::Info,
            format!("metadata.annotations[{HOST_ALIASES}]"),
            help,
        )
    };
    Finding::new(
        severity,
        codes::UNRESOLVABLE_NAME,
        &service.object,
        &field,
        message,
    )
    .help(help)
}

fn plain(name: &str) -> String {
    name.trim_matches('.').to_lowercase()
}

/// Whether a DNS server can have it: labels of 1 to 63 letters, digits, `-` and `_`, 253 in all.
pub(crate) fn is_name(text: &str) -> bool {
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    text.len() <= 253 && text.split('.').all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_below_another_is_none_of_its_own() {
        let set = |zones: &[&str]| zones.iter().map(|zone| Str::from(*zone)).collect();
        let names = Names {
            served: true,
            told: true,
            zones: ["Corp.Example.".to_owned(), "pvt".to_owned()].into(),
        };
        assert_eq!(
            zones(&names, set(&["a.pvt", "b.a.pvt", "xpvt", "example"])),
            set(&["example", "pvt", "xpvt"])
        );
    }

    #[test]
    fn names_that_dns_cannot_have_are_known() {
        let long = "x".repeat(63);
        for (name, good) in [
            ("web.pvt", true),
            ("my_ns", true),
            (long.as_str(), true),
            (&format!("{long}x"), false),
            (&[long.as_str(); 4].join("."), false),
            ("a..b", false),
            ("", false),
            ("sp ace", false),
            ("*.pvt", false),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
    }
}
