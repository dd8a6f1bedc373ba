//! The rules, in neither of the two languages that `nft` reads.

use std::collections::BTreeSet;

use super::{ALWAYS_IGNORED_PORT, CaptureSpec, Cidr};

/// A list of rules at a place that every new connection passes; the first that applies decides.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) hook: Hook,
    pub(super) rules: Vec<Rule>,
}

/// Where a chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    /// Connections made here.
    Output,
    /// Connections that come in.
    Prerouting,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) condition: Condition,
    pub(super) verdict: Verdict,
}

/// When a rule applies. Sets are never empty.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Tcp,
    NotTcp,
    Ipv6,
    SourceLocal,
    DestinationLocal,
    Users(BTreeSet<u32>),
    Groups(BTreeSet<u32>),
    TcpPorts(BTreeSet<u16>),
    Ipv4Destinations(Vec<Cidr>),
    Ipv6Destinations(Vec<Cidr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Leave it alone.
    Return,
    /// Lead it to this port of this machine.
    Redirect(u16),
}

impl Hook {
    /// The chain's name.
    pub(super) fn chain(self) -> &'static str {
        match self {
            Self::Output => "outbound",
            Self::Prerouting => "inbound",
        }
    }
}

/// The rules of a specification that has been checked.
pub(super) fn chains(spec: &CaptureSpec) -> Vec<Chain> {
    let mut chains = vec![outbound(spec)];
    if !spec.app_ports.is_empty() {
        chains.push(inbound(spec));
    }
    chains
}

fn outbound(spec: &CaptureSpec) -> Chain {
    let mut ports = spec.ignored_ports.clone();
    ports.insert(ALWAYS_IGNORED_PORT);
    let (six, four): (Vec<Cidr>, Vec<Cidr>) = widest(&spec.ignored_destinations)
        .into_iter()
        .partition(|block| block.address().is_ipv6());

    // Loopback and the workload's own address are never redirected.
    let mut ignored = common(spec, Condition::DestinationLocal);
    if !spec.ignored_users.is_empty() {
        ignored.push(Condition::Users(spec.ignored_users.clone()));
    }
    if !spec.ignored_groups.is_empty() {
        ignored.push(Condition::Groups(spec.ignored_groups.clone()));
    }
    ignored.push(Condition::TcpPorts(ports));
    if !four.is_empty() {
        ignored.push(Condition::Ipv4Destinations(four));
    }
    if spec.ipv6 && !six.is_empty() {
        ignored.push(Condition::Ipv6Destinations(six));
    }
    chain(Hook::Output, ignored, Condition::Tcp, spec.outbound_port)
}

fn inbound(spec: &CaptureSpec) -> Chain {
    let ignored = common(spec, Condition::SourceLocal);
    chain(
        Hook::Prerouting,
        ignored,
        Condition::TcpPorts(spec.app_ports.clone()),
        spec.inbound_port,
    )
}

fn common(spec: &CaptureSpec, local: Condition) -> Vec<Condition> {
    let mut ignored = vec![Condition::NotTcp];
    if !spec.ipv6 {
        ignored.push(Condition::Ipv6);
    }
    ignored.push(local);
    ignored
}

fn chain(hook: Hook, ignored: Vec<Condition>, redirected: Condition, port: u16) -> Chain {
    let mut rules: Vec<Rule> = ignored
        .into_iter()
        .map(|condition| Rule {
            condition,
            verdict: Verdict::Return,
        })
        .collect();
    rules.push(Rule {
        condition: redirected,
        verdict: Verdict::Redirect(port),
    });
    Chain { hook, rules }
}

/// The blocks that lie in no other: a set of nftables refuses overlapping intervals.
fn widest(blocks: &BTreeSet<Cidr>) -> Vec<Cidr> {
    let covered = |block: Cidr| {
        blocks
            .iter()
            .any(|other| *other != block && other.contains(block))
    };
    blocks
        .iter()
        .copied()
        .filter(|block| !covered(*block))
        .collect()
}
