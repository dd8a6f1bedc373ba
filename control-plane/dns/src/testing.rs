//! For tests: questions written byte by byte, and answers read by another library than the one that wrote them.

use std::sync::Arc;

use simple_dns::rdata::RData;
use simple_dns::{Packet, PacketFlag, ResourceRecord};

use crate::{ZoneData, Zones};

pub(crate) const A: u16 = 1;
pub(crate) const NS: u16 = 2;
pub(crate) const SOA: u16 = 6;
pub(crate) const TXT: u16 = 16;
pub(crate) const AAAA: u16 = 28;
pub(crate) const AXFR: u16 = 252;
pub(crate) const ANY: u16 = 255;
const IN: u16 = 1;

/// A question.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) id: u16,
    pub(crate) name: String,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    /// Payload, version and flags.
    pub(crate) edns: Option<(u16, u8, u16)>,
}

pub(crate) fn ask(name: &str, kind: u16) -> Ask {
    Ask {
        id: 0x1234,
        name: name.to_owned(),
        kind,
        class: IN,
        edns: None,
    }
}

impl Ask {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.id.to_be_bytes().to_vec();
        // recursion desired, as resolvers ask forwarders
        bytes.extend([
            0x01,
            0x00,
            0,
            1,
            0,
            0,
            0,
            0,
            0,
            u8::from(self.edns.is_some()),
        ]);
        for label in self.name.split('.').filter(|label| !label.is_empty()) {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend(label.bytes());
        }
        bytes.push(0);
        bytes.extend(self.kind.to_be_bytes());
        bytes.extend(self.class.to_be_bytes());
        if let Some((payload, version, flags)) = self.edns {
            bytes.extend([0, 0, 41]);
            bytes.extend(payload.to_be_bytes());
            bytes.extend([0, version]);
            bytes.extend(flags.to_be_bytes());
            bytes.extend([0, 0]);
        }
        bytes
    }
}

/// `CODE FLAGS: answers / authorities`, as another library reads them.
pub(crate) fn read(bytes: &[u8]) -> String {
    let packet = Packet::parse(bytes).unwrap_or_else(|error| panic!("{error}: {bytes:02x?}"));
    assert!(packet.has_flags(PacketFlag::RESPONSE));
    assert!(!packet.has_flags(PacketFlag::RECURSION_AVAILABLE));
    let mut text = format!("{:?}", packet.rcode());
    for (flag, word) in [
        (PacketFlag::AUTHORITATIVE_ANSWER, " aa"),
        (PacketFlag::TRUNCATION, " tc"),
        (PacketFlag::RECURSION_DESIRED, " rd"),
    ] {
        if packet.has_flags(flag) {
            text.push_str(word);
        }
    }
    let list = |records: &[ResourceRecord<'_>]| -> String {
        records.iter().map(record).collect::<Vec<_>>().join(", ")
    };
    text.push_str(&format!(
        ": {} / {}",
        list(&packet.answers),
        list(&packet.name_servers)
    ));
    if let Some(opt) = packet.opt() {
        text.push_str(&format!(" (edns {} {})", opt.version, opt.udp_packet_size));
    }
    text
}

fn record(record: &ResourceRecord<'_>) -> String {
    let data = match &record.rdata {
        RData::A(a) => format!("A {}", std::net::Ipv4Addr::from(a.address)),
        RData::AAAA(aaaa) => format!("AAAA {}", std::net::Ipv6Addr::from(aaaa.address)),
        RData::NS(ns) => format!("NS {}", ns.0),
        RData::SOA(soa) => format!("SOA {} {} {}", soa.mname, soa.rname, soa.minimum),
        RData::HINFO(hinfo) => format!("HINFO {} {}", hinfo.cpu, hinfo.os),
        other => format!("{other:?}"),
    };
    format!("{} {} {data}", record.name, record.ttl)
}

/// Zone `shop.test` with a few names, and one name with many addresses.
pub(crate) fn zones() -> Zones {
    let many = (1..=200).map(|n| format!("10.1.0.{n}").parse().unwrap());
    let names = [
        ("web.shop.test", vec!["10.0.0.1", "10.0.0.2"]),
        ("both.shop.test", vec!["10.0.0.3", "fd00::3"]),
        ("idle.shop.test", vec![]),
        ("deep.down.shop.test", vec!["10.0.0.4"]),
    ];
    let mut names: std::collections::BTreeMap<Arc<str>, Vec<std::net::IpAddr>> = names
        .into_iter()
        .map(|(name, ips)| {
            let ips = ips.into_iter().map(|ip| ip.parse().unwrap());
            (Arc::from(name), ips.collect())
        })
        .collect();
    names.insert("many.shop.test".into(), many.collect());
    Zones::new(&ZoneData {
        nameserver: "dns.system.svc.cluster.local".into(),
        zones: ["shop.test".into()].into(),
        names,
    })
}
