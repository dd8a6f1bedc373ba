use proptest::prelude::*;

use super::*;

fn spec() -> CaptureSpec {
    CaptureSpec {
        app_ports: [8080, 9080].into(),
        ignored_groups: [1000].into(),
        ignored_ports: [443].into(),
        ignored_destinations: ["169.254.169.254", "10.0.0.0/8", "10.1.2.3", "fd00::/8"]
            .map(|s| s.parse().unwrap())
            .into(),
        ipv6: true,
        ..Default::default()
    }
}

#[test]
fn rules_in_the_order_of_app_mesh() {
    assert_eq!(
        spec().render().unwrap(),
        "table inet tulle
delete table inet tulle
table inet tulle {
	chain outbound {
		type nat hook output priority -100; policy accept;
		meta l4proto != tcp return
		fib daddr type local return
		meta skuid 1337 return
		meta skgid 1000 return
		tcp dport { 22, 443 } return
		ip daddr { 10.0.0.0/8, 169.254.169.254 } return
		ip6 daddr fd00::/8 return
		meta l4proto tcp redirect to :15001
	}
	chain inbound {
		type nat hook prerouting priority -100; policy accept;
		meta l4proto != tcp return
		fib saddr type local return
		tcp dport { 8080, 9080 } redirect to :15000
	}
}
"
    );
}

#[test]
fn no_inbound_rules_without_application_ports_and_no_ipv6_unless_asked() {
    let text = CaptureSpec {
        ipv6: false,
        app_ports: BTreeSet::new(),
        ..spec()
    }
    .render()
    .unwrap();
    assert!(!text.contains("inbound") && !text.contains("ip6"), "{text}");
    assert!(text.contains("meta nfproto ipv6 return"), "{text}");
}

#[test]
fn senseless_specifications_are_refused() {
    let refused = |change: fn(&mut CaptureSpec), word: &str| {
        let mut spec = spec();
        change(&mut spec);
        let error = spec.render().unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    refused(
        |s| {
            s.ignored_users.clear();
            s.ignored_groups.clear();
        },
        "user or the group",
    );
    refused(|s| s.inbound_port = 0, "inbound");
    refused(|s| s.inbound_port = s.outbound_port, "15001");
    refused(|s| s.app_ports.extend([15000]), "15000");
}

#[test]
fn missing_program_is_named() {
    let error = Nft::at("/nowhere/nft")
        .install(&spec())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("/nowhere/nft") && error.contains("nftables"),
        "{error}"
    );
}

#[test]
fn blocks_are_masked_and_nonsense_is_refused() {
    let parse = |text: &str| text.parse::<Cidr>().map(|block| block.to_string());
    assert_eq!(parse("10.1.2.3/8").unwrap(), "10.0.0.0/8");
    assert_eq!(parse("1.2.3.4/0").unwrap(), "0.0.0.0/0");
    assert_eq!(parse("1.2.3.4/32").unwrap(), "1.2.3.4");
    assert_eq!(parse("fd12:3456::1/16").unwrap(), "fd12::/16");
    assert_eq!(parse("::1/0").unwrap(), "::/0");
    for bad in [
        "",
        "10.0.0.0/33",
        "::/129",
        "10.0.0/8",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10.0.0.0/8/9",
        "host",
        "1.2.3.4/999",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn containment_is_that_of_addresses(a: u32, la in 0..=32u8, b: u32, lb in 0..=32u8) {
        let block = |address: u32, length| format!("{}/{length}", std::net::Ipv4Addr::from(address)).parse::<Cidr>().unwrap();
        let (one, other) = (block(a, la), block(b, lb));
        let first = |block: Cidr| match block.address() { std::net::IpAddr::V4(v4) => u64::from(v4.to_bits()), _ => unreachable!() };
        let last = |block: Cidr| first(block) + (1_u64 << (32 - block.length())) - 1;
        prop_assert_eq!(one.contains(other), first(one) <= first(other) && last(other) <= last(one));
        prop_assert_eq!(one.to_string().parse::<Cidr>().unwrap(), one);
    }
}
