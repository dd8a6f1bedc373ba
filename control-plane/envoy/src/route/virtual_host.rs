//! A gateway listener's virtual hosts: which routes can serve which hosts.

use std::collections::BTreeSet;

use tulle_model::matching::HostMatch;

/// A virtual host to be: its domains and which of the conditions can hold there, by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) domains: Vec<String>,
    pub(crate) holds: Vec<usize>,
}

/// The virtual hosts for a list of conditions on the host.
///
/// Envoy chooses one virtual host before it looks at any route, the exact domain before the longest
/// fitting `*suffix` before `*`. So every host that is named and every suffix gets a virtual host with all
/// the conditions that can hold there, in the list's order. Envoy's `*suffix` wants something before the
/// suffix, so the suffix itself is a domain beside it.
pub(crate) fn hosts_of<'a>(conditions: impl IntoIterator<Item = &'a HostMatch>) -> Vec<Host> {
    let conditions: Vec<Condition> = conditions.into_iter().map(Condition::of).collect();
    let mut exact = BTreeSet::new();
    let mut suffixes = BTreeSet::new();
    for condition in &conditions {
        match condition {
            Condition::Any => {}
            Condition::Exact(host) => drop(exact.insert(host.as_str())),
            Condition::Suffix(suffix) => drop(suffixes.insert(suffix.as_str())),
        }
    }
    let mut hosts = Vec::new();
    for host in &exact {
        // The suffix's own virtual host serves it as well: what holds here also holds there, but for the
        // conditions that name this very host.
        let holds = holding(&conditions, |condition| condition.holds_for(host));
        hosts.push(Host::new(host, &[host], holds));
    }
    for suffix in &suffixes {
        let wildcard = format!("*{suffix}");
        let mut domains = vec![wildcard.as_str()];
        if !exact.contains(suffix) {
            domains.push(suffix);
        }
        let holds = holding(&conditions, |condition| {
            condition.holds_for_all_under(suffix)
        });
        hosts.push(Host::new(&wildcard, &domains, holds));
    }
    let any = holding(&conditions, |condition| *condition == Condition::Any);
    if !any.is_empty() {
        hosts.push(Host::new("*", &["*"], any));
    }
    hosts
}

impl Host {
    fn new(name: &str, domains: &[&str], holds: Vec<usize>) -> Self {
        Self {
            name: name.to_owned(),
            domains: domains.iter().map(|&domain| domain.to_owned()).collect(),
            holds,
        }
    }
}

fn holding(conditions: &[Condition], holds: impl Fn(&Condition) -> bool) -> Vec<usize> {
    let fitting = conditions.iter().enumerate().filter(|(_, c)| holds(c));
    fitting.map(|(position, _)| position).collect()
}

/// A condition in lower case, as Envoy compares.
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    Any,
    Exact(String),
    Suffix(String),
}

impl Condition {
    fn of(host: &HostMatch) -> Self {
        match host {
            HostMatch::Any => Self::Any,
            HostMatch::Suffix(suffix) if suffix.is_empty() => Self::Any,
            HostMatch::Exact(host) => Self::Exact(host.to_ascii_lowercase()),
            HostMatch::Suffix(suffix) => Self::Suffix(suffix.to_ascii_lowercase()),
        }
    }

    fn holds_for(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(wanted) => wanted == host,
            Self::Suffix(suffix) => host.ends_with(suffix.as_str()),
        }
    }

    /// Hosts that end with `suffix`, but with no longer suffix of the list, and are named nowhere in it.
    fn holds_for_all_under(&self, suffix: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(_) => false,
            Self::Suffix(own) => suffix.ends_with(own.as_str()),
        }
    }
}
