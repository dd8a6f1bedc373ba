//! The rules in the language of `nft -j`: one list of commands that the kernel takes as a whole or not at all.

use std::collections::HashSet;

use nftables::batch::Batch;
use nftables::expr::{
    Expression, Fib, FibFlag, FibResult, Meta, MetaKey, NamedExpression, Payload, PayloadField,
    Prefix, SetItem,
};
use nftables::schema::{Chain as NftChain, NfListObject, Nftables, Rule as NftRule, Table};
use nftables::stmt::{Match, NAT, Operator, Statement};
use nftables::types::{NfChainPolicy, NfChainType, NfFamily, NfHook};

use super::rules::{Chain, Condition, Hook, Verdict};
use super::{Cidr, TABLE};

/// Where destination translation belongs among the hooks (`dstnat`), the place of iptables' nat table.
pub(super) const PRIORITY: i32 = -100;

/// Replaces whatever is in the table.
pub(super) fn install(chains: &[Chain]) -> Nftables<'static> {
    let mut batch = removal();
    batch.add(table());
    for chain in chains {
        batch.add(NfListObject::Chain(NftChain {
            family: NfFamily::INet,
            table: TABLE.into(),
            name: chain.hook.chain().into(),
            _type: Some(NfChainType::NAT),
            hook: Some(match chain.hook {
                Hook::Output => NfHook::Output,
                Hook::Prerouting => NfHook::Prerouting,
            }),
            prio: Some(PRIORITY),
            policy: Some(NfChainPolicy::Accept),
            ..Default::default()
        }));
        for rule in &chain.rules {
            batch.add(NfListObject::Rule(NftRule {
                family: NfFamily::INet,
                table: TABLE.into(),
                chain: chain.hook.chain().into(),
                expr: vec![condition(&rule.condition), verdict(rule.verdict)].into(),
                ..Default::default()
            }));
        }
    }
    batch.to_nftables()
}

/// Takes the table away; it need not be there.
pub(super) fn remove() -> Nftables<'static> {
    removal().to_nftables()
}

fn removal() -> Batch<'static> {
    let mut batch = Batch::new();
    // Deletion fails where there is no table, adding one that is there does nothing.
    batch.add(table());
    batch.delete(table());
    batch
}

fn table() -> NfListObject<'static> {
    NfListObject::Table(Table {
        family: NfFamily::INet,
        name: TABLE.into(),
        handle: None,
    })
}

fn condition(condition: &Condition) -> Statement<'static> {
    let (left, op, right) = match condition {
        Condition::Tcp => (meta(MetaKey::L4proto), Operator::EQ, word("tcp")),
        Condition::NotTcp => (meta(MetaKey::L4proto), Operator::NEQ, word("tcp")),
        Condition::Ipv6 => (meta(MetaKey::Nfproto), Operator::EQ, word("ipv6")),
        Condition::SourceLocal => (address_type(FibFlag::Saddr), Operator::EQ, word("local")),
        Condition::DestinationLocal => (address_type(FibFlag::Daddr), Operator::EQ, word("local")),
        Condition::Users(users) => (
            meta(MetaKey::Skuid),
            Operator::EQ,
            set(users.iter().copied().map(Expression::Number)),
        ),
        Condition::Groups(groups) => (
            meta(MetaKey::Skgid),
            Operator::EQ,
            set(groups.iter().copied().map(Expression::Number)),
        ),
        Condition::TcpPorts(ports) => {
            let ports = ports.iter().map(|port| Expression::Number((*port).into()));
            (field("tcp", "dport"), Operator::EQ, set(ports))
        }
        Condition::Ipv4Destinations(blocks) => (
            field("ip", "daddr"),
            Operator::EQ,
            set(blocks.iter().map(block)),
        ),
        Condition::Ipv6Destinations(blocks) => (
            field("ip6", "daddr"),
            Operator::EQ,
            set(blocks.iter().map(block)),
        ),
    };
    Statement::Match(Match { left, right, op })
}

fn verdict(verdict: Verdict) -> Statement<'static> {
    match verdict {
        Verdict::Return => Statement::Return(None),
        Verdict::Redirect(port) => Statement::Redirect(Some(NAT {
            addr: None,
            family: None,
            port: Some(Expression::Number(port.into())),
            flags: None,
        })),
    }
}

fn set(items: impl Iterator<Item = Expression<'static>>) -> Expression<'static> {
    let mut items: Vec<_> = items.collect();
    if items.len() == 1 {
        return items.remove(0);
    }
    Expression::Named(NamedExpression::Set(
        items.into_iter().map(SetItem::Element).collect(),
    ))
}

fn block(block: &Cidr) -> Expression<'static> {
    let address = Expression::String(block.address().to_string().into());
    if block.is_host() {
        return address;
    }
    Expression::Named(NamedExpression::Prefix(Prefix {
        addr: Box::new(address),
        len: block.length().into(),
    }))
}

fn meta(key: MetaKey) -> Expression<'static> {
    Expression::Named(NamedExpression::Meta(Meta { key }))
}

fn field(protocol: &'static str, field: &'static str) -> Expression<'static> {
    Expression::Named(NamedExpression::Payload(Payload::PayloadField(
        PayloadField {
            protocol: protocol.into(),
            field: field.into(),
        },
    )))
}

fn address_type(of: FibFlag) -> Expression<'static> {
    Expression::Named(NamedExpression::Fib(Fib {
        result: FibResult::Type,
        flags: HashSet::from([of]),
    }))
}

fn word(word: &'static str) -> Expression<'static> {
    Expression::String(word.into())
}
