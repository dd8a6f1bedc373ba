//! The rules in the language that people read and `nft -f` loads.

use std::fmt::{Display, Write};

use super::TABLE;
use super::rules::{Chain, Condition, Hook, Verdict};
use super::transaction::PRIORITY;

pub(super) fn render(chains: &[Chain]) -> String {
    // Naming the table first makes the deletion succeed also where there is none yet.
    let mut text =
        format!("table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n");
    for chain in chains {
        let hook = match chain.hook {
            Hook::Output => "output",
            Hook::Prerouting => "prerouting",
        };
        let name = chain.hook.chain();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\tchain {name} {{\n\t\ttype nat hook {hook} priority {PRIORITY}; policy accept;\n"
        );
        for rule in &chain.rules {
            let _ = writeln!(
                text,
                "\t\t{} {}",
                condition(&rule.condition),
                verdict(rule.verdict)
            );
        }
        text.push_str("\t}\n");
    }
    text.push_str("}\n");
    text
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::Tcp => "meta l4proto tcp".to_owned(),
        Condition::NotTcp => "meta l4proto != tcp".to_owned(),
        Condition::Ipv6 => "meta nfproto ipv6".to_owned(),
        Condition::SourceLocal => "fib saddr type local".to_owned(),
        Condition::DestinationLocal => "fib daddr type local".to_owned(),
        Condition::Users(users) => format!("meta skuid {}", set(users)),
        Condition::Groups(groups) => format!("meta skgid {}", set(groups)),
        Condition::TcpPorts(ports) => format!("tcp dport {}", set(ports)),
        Condition::Ipv4Destinations(blocks) => format!("ip daddr {}", set(blocks)),
        Condition::Ipv6Destinations(blocks) => format!("ip6 daddr {}", set(blocks)),
    }
}

fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Return => "return".to_owned(),
        Verdict::Redirect(port) => format!("redirect to :{port}"),
    }
}

fn set<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.as_slice() {
        [one] => one.clone(),
        many => format!("{{ {} }}", many.join(", ")),
    }
}
