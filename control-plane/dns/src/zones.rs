//! What is answered: zones, and the names in them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{LowerName, Name};
use xxhash_rust::xxh3::Xxh3;

/// Seconds for which an answer may be kept, "no" included. Pods come and go; it is what clusters' own DNS servers say by default.
pub const TTL: u32 = 5;

/// Addresses in one answer; of more, each answer has others. It is what a multi-value record set of Cloud Map gave, and keeps
/// every answer within a UDP packet.
pub const MOST_ADDRESSES: usize = 8;

/// Zones and names in plain words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ZoneData {
    /// The name of the server that answers, as the zones' NS records give it.
    pub nameserver: Arc<str>,
    /// The apexes of the zones. Of two, one below the other, the longer one answers for what lies below it.
    pub zones: BTreeSet<Arc<str>>,
    /// Names with their addresses, sorted; none: the name exists and has no address. Those outside the zones are not answered.
    pub names: BTreeMap<Arc<str>, Vec<IpAddr>>,
}

/// The same, ready to be asked. Never changes; a newer one takes its place.
#[derive(Debug, Default)]
pub struct Zones {
    apexes: HashMap<LowerName, Apex>,
    /// Every name that exists, with those between an apex and the names below it.
    names: HashMap<LowerName, Vec<IpAddr>>,
    nameserver: Name,
}

/// What the apex of a zone says.
#[derive(Debug)]
pub(crate) struct Apex {
    pub(crate) name: Name,
    pub(crate) soa: SOA,
}

/// What there is about a name inside a zone.
#[derive(Debug)]
pub(crate) struct Found<'z> {
    /// Its zone.
    pub(crate) apex: &'z Apex,
    /// Whether it is that zone's own name.
    pub(crate) is_apex: bool,
    /// Its addresses; `None`: there is no such name.
    pub(crate) addresses: Option<&'z [IpAddr]>,
}

impl Zones {
    /// Makes zones of a list. What is no DNS name is left out.
    pub fn new(data: &ZoneData) -> Self {
        let serial = serial(data);
        let nameserver = absolute(&data.nameserver).unwrap_or_else(Name::root);
        let mut zones = Self {
            nameserver: nameserver.clone(),
            ..Self::default()
        };
        for name in data.zones.iter().filter_map(|zone| absolute(zone)) {
            let Ok(contact) = name.prepend_label("hostmaster") else {
                continue;
            };
            let soa = SOA::new(nameserver.clone(), contact, serial, 7200, 1800, 86_400, TTL);
            let key = LowerName::new(&name);
            zones.names.entry(key.clone()).or_default();
            zones.apexes.insert(key, Apex { name, soa });
        }
        for (name, addresses) in &data.names {
            let Some(key) = absolute(name).map(|name| LowerName::new(&name)) else {
                continue;
            };
            if zones.zone_of(&key).is_none() {
                continue;
            }
            let mut above = key.base_name();
            zones.names.insert(key, addresses.clone());
            while zones.zone_of(&above).is_some() {
                let next = above.base_name();
                zones.names.entry(above).or_default();
                above = next;
            }
        }
        zones
    }

    /// The server that the zones name.
    pub(crate) fn nameserver(&self) -> &Name {
        &self.nameserver
    }

    /// What there is about a name; `None`: it is in no zone.
    pub(crate) fn find(&self, name: &Name) -> Option<Found<'_>> {
        let key = LowerName::new(name);
        let apex = self.zone_of(&key)?;
        Some(Found {
            apex,
            is_apex: self.apexes.contains_key(&key),
            addresses: self.names.get(&key).map(Vec::as_slice),
        })
    }

    fn zone_of(&self, name: &LowerName) -> Option<&Apex> {
        let mut name = name.clone();
        loop {
            if let Some(apex) = self.apexes.get(&name) {
                return Some(apex);
            }
            if name.is_root() {
                return None;
            }
            name = name.base_name();
        }
    }
}

/// A name from its text, with or without the final dot. The root is none that anybody may have.
fn absolute(text: &str) -> Option<Name> {
    let mut name = Name::from_ascii(text).ok()?;
    name.set_fqdn(true);
    (!name.is_root()).then_some(name)
}

/// The same for the same contents, whichever replica answers; nobody transfers a zone, so it need not grow.
fn serial(data: &ZoneData) -> u32 {
    let mut hash = Xxh3::new();
    for zone in &data.zones {
        hash.update(zone.as_bytes());
        hash.update(b"\n");
    }
    for (name, addresses) in &data.names {
        hash.update(format!("{name} {addresses:?}\n").as_bytes());
    }
    let digest = hash.digest();
    (digest ^ (digest >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(zones: &[&str], names: &[(&str, &[&str])]) -> ZoneData {
        ZoneData {
            nameserver: "ns.example".into(),
            zones: zones.iter().map(|zone| Arc::from(*zone)).collect(),
            names: names
                .iter()
                .map(|(name, ips)| {
                    let ips = ips.iter().map(|ip| ip.parse().unwrap());
                    (Arc::from(*name), ips.collect())
                })
                .collect(),
        }
    }

    fn seen(zones: &Zones, name: &str) -> String {
        match zones.find(&absolute(name).unwrap()) {
            None => "outside".to_owned(),
            Some(found) => match found.addresses {
                None => format!("no such name in {}", found.apex.name),
                Some(addresses) => format!("{addresses:?} in {}", found.apex.name),
            },
        }
    }

    #[test]
    fn names_are_found_in_the_closest_zone_whatever_the_case() {
        let zones = Zones::new(&data(
            &["pvt.local", "Deep.pvt.local."],
            &[
                ("web.shop.pvt.local", &["10.0.0.1", "fd00::1"]),
                ("API.deep.pvt.local", &["10.0.0.2"]),
                ("outside.example", &["10.0.0.3"]),
            ],
        ));
        for (name, expected) in [
            ("web.shop.pvt.local", "[10.0.0.1, fd00::1] in pvt.local."),
            ("WEB.Shop.PVT.local", "[10.0.0.1, fd00::1] in pvt.local."),
            ("shop.pvt.local", "[] in pvt.local."),
            ("pvt.local", "[] in pvt.local."),
            ("nobody.pvt.local", "no such name in pvt.local."),
            ("below.web.shop.pvt.local", "no such name in pvt.local."),
            ("api.deep.pvt.local", "[10.0.0.2] in Deep.pvt.local."),
            ("nobody.deep.pvt.local", "no such name in Deep.pvt.local."),
            ("outside.example", "outside"),
            ("local", "outside"),
            ("xpvt.local", "outside"),
        ] {
            assert_eq!(seen(&zones, name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_left_out_and_the_root_is_never_a_zone() {
        let long = "x".repeat(64);
        let zones = Zones::new(&data(
            &["", ".", "ok", "a..b", &long],
            &[("a..ok", &["10.0.0.1"]), (&format!("{long}.ok"), &[])],
        ));
        assert_eq!(zones.apexes.len(), 1);
        assert_eq!(zones.names.len(), 1);
        assert_eq!(seen(&zones, "example.com"), "outside");
    }

    #[test]
    fn the_serial_is_that_of_the_contents() {
        let one = data(&["a"], &[("b.a", &["10.0.0.1"])]);
        let other = data(&["a"], &[("b.a", &["10.0.0.2"])]);
        assert_eq!(serial(&one), serial(&one.clone()));
        assert_ne!(serial(&one), serial(&other));
    }
}
