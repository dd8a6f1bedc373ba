use proptest::prelude::*;

use super::*;
use crate::testing::{A, AAAA, ANY, AXFR, Ask, NS, SOA, TXT, ask, read, zones};

const NO: &str = "shop.test 5 SOA dns.system.svc.cluster.local hostmaster.shop.test 5";

fn by(ask: &Ask, transport: Transport, turn: usize) -> String {
    let answer = answer(&ask.bytes(), &zones(), transport, turn).expect("an answer");
    assert_eq!(answer.bytes[..2], ask.id.to_be_bytes());
    read(&answer.bytes)
}

fn udp(name: &str, kind: u16) -> String {
    by(&ask(name, kind), Transport::Udp, 0)
}

#[test]
fn addresses_are_answered_by_family_and_in_turn() {
    assert_eq!(
        udp("web.shop.test", A),
        "NoError aa rd: web.shop.test 5 A 10.0.0.1, web.shop.test 5 A 10.0.0.2 / "
    );
    assert_eq!(
        by(&ask("web.shop.test", A), Transport::Tcp, 1),
        "NoError aa rd: web.shop.test 5 A 10.0.0.2, web.shop.test 5 A 10.0.0.1 / "
    );
    assert_eq!(
        udp("both.shop.test", AAAA),
        "NoError aa rd: both.shop.test 5 AAAA fd00::3 / "
    );
    assert_eq!(
        udp("both.shop.test", A),
        "NoError aa rd: both.shop.test 5 A 10.0.0.3 / "
    );
}

#[test]
fn the_letters_of_the_question_come_back() {
    assert_eq!(
        udp("dEEp.DOWN.shop.Test", A),
        "NoError aa rd: dEEp.DOWN.shop.Test 5 A 10.0.0.4 / "
    );
}

#[test]
fn a_name_that_exists_says_so_for_every_type() {
    let nodata = format!("NoError aa rd:  / {NO}");
    // PTR, MX, TXT, SRV, DS, HTTPS, NSEC, CNAME
    for kind in [12, 15, TXT, 33, 43, 65, 47, 5] {
        assert_eq!(udp("web.shop.test", kind), nodata, "{kind}");
    }
    assert_eq!(udp("web.shop.test", AAAA), nodata);
    assert_eq!(udp("web.shop.test", SOA), nodata);
    assert_eq!(udp("web.shop.test", NS), nodata);
    assert_eq!(udp("idle.shop.test", A), nodata);
    assert_eq!(udp("down.shop.test", A), nodata, "there are names below it");
    assert_eq!(udp("shop.test", A), nodata);
}

#[test]
fn a_name_that_does_not_exist_says_so_for_every_type() {
    let nobody = format!("NameError aa rd:  / {NO}");
    for kind in [A, AAAA, TXT, 33, ANY, SOA, NS] {
        assert_eq!(udp("nobody.shop.test", kind), nobody, "{kind}");
        assert_eq!(udp("below.web.shop.test", kind), nobody, "{kind}");
        assert_eq!(udp("*.shop.test", kind), nobody, "{kind}");
    }
}

#[test]
fn the_apex_names_its_server() {
    assert_eq!(udp("shop.test", SOA), format!("NoError aa rd: {NO} / "));
    assert_eq!(
        udp("shop.test", NS),
        "NoError aa rd: shop.test 5 NS dns.system.svc.cluster.local / "
    );
}

#[test]
fn any_is_answered_with_little() {
    assert_eq!(
        udp("many.shop.test", ANY),
        "NoError aa rd: many.shop.test 5 HINFO RFC8482  / "
    );
}

#[test]
fn others_names_and_transfers_are_refused() {
    for name in ["example.com", "local", "xshop.test", "."] {
        assert_eq!(udp(name, A), "Refused rd:  / ", "{name}");
    }
    for kind in [AXFR, 251] {
        let asked = by(&ask("shop.test", kind), Transport::Tcp, 0);
        assert_eq!(asked, "Refused rd:  / ");
    }
    let mut chaos = ask("web.shop.test", TXT);
    chaos.class = 3;
    assert_eq!(by(&chaos, Transport::Udp, 0), "Refused rd:  / ");
}

#[test]
fn edns_is_spoken_in_version_0() {
    let mut asked = ask("both.shop.test", A);
    asked.edns = Some((4096, 0, 0));
    assert_eq!(
        by(&asked, Transport::Udp, 0),
        "NoError aa rd: both.shop.test 5 A 10.0.0.3 /  (edns 0 1232)"
    );
    // whether signatures are understood comes back (RFC 3225)
    asked.edns = Some((4096, 0, 0x8000));
    let answer_bytes = answer(&asked.bytes(), &zones(), Transport::Udp, 0)
        .unwrap()
        .bytes;
    assert_eq!(answer_bytes[answer_bytes.len() - 4..], [0x80, 0, 0, 0]);
    asked.edns = Some((4096, 1, 0));
    let answer = answer(&asked.bytes(), &zones(), Transport::Udp, 0).unwrap();
    assert_eq!(answer.code, ResponseCode::BADVERS);
    let theirs = Message::from_vec(&answer.bytes).unwrap();
    // 16 has two names
    assert_eq!(u16::from(theirs.metadata.response_code), 16);
    assert!(theirs.answers.is_empty());
}

#[test]
fn of_many_addresses_each_answer_has_eight_and_in_time_all() {
    let mut seen = std::collections::BTreeSet::new();
    for turn in 0..200 {
        let text = by(&ask("many.shop.test", A), Transport::Udp, turn);
        let (answers, _) = text.split_once(": ").unwrap().1.split_once(" / ").unwrap();
        assert_eq!(answers.split(", ").count(), MOST_ADDRESSES);
        seen.extend(answers.split(", ").map(str::to_owned));
    }
    assert_eq!(seen.len(), 200);
}

/// Names and addresses never make an answer too long; the longest names alone could, where the SOA repeats them.
#[test]
fn what_does_not_fit_is_asked_for_by_tcp() {
    let label = "x".repeat(60);
    let zone = format!("{label}.{label}.{label}");
    let long = Zones::new(&crate::ZoneData {
        nameserver: format!(
            "{}.{}.{}.{}",
            "a".repeat(60),
            "b".repeat(60),
            "c".repeat(60),
            "d".repeat(60)
        )
        .into(),
        zones: [zone.as_str().into()].into(),
        names: [].into(),
    });
    let mut asked = ask(&format!("{}.{zone}", "y".repeat(60)), A);
    let short = answer(&asked.bytes(), &long, Transport::Udp, 0).unwrap();
    assert!(short.truncated && short.bytes.len() <= 512);
    assert_eq!(read(&short.bytes), "NameError aa tc rd:  / ");
    let whole = answer(&asked.bytes(), &long, Transport::Tcp, 0).unwrap();
    assert!(!whole.truncated && whole.bytes.len() > 512);
    asked.edns = Some((1232, 0, 0));
    let whole = answer(&asked.bytes(), &long, Transport::Udp, 0).unwrap();
    assert!(!whole.truncated);
    // less than 512 means 512
    asked.edns = Some((12, 0, 0));
    assert!(
        answer(&asked.bytes(), &long, Transport::Udp, 0)
            .unwrap()
            .truncated
    );
}

#[test]
fn what_is_no_question_gets_a_head_or_nothing() {
    let zones = zones();
    let said = |packet: &[u8]| answer(packet, &zones, Transport::Udp, 0).map(|own| own.code);
    let good = ask("web.shop.test", A).bytes();
    assert_eq!(said(&good), Some(ResponseCode::NoError));
    assert_eq!(said(&good[..11]), None);
    assert_eq!(said(&good[..20]), Some(ResponseCode::FormErr));
    let with = |at: usize, byte: u8| {
        let mut packet = good.clone();
        packet[at] = byte;
        packet
    };
    assert_eq!(said(&with(2, 0x80)), None, "an answer");
    for op_code in [1, 2, 4, 5, 15] {
        let packet = with(2, op_code << 3);
        assert_eq!(said(&packet), Some(ResponseCode::NotImp), "{op_code}");
        let bytes = answer(&packet, &zones, Transport::Udp, 0).unwrap().bytes;
        assert_eq!((bytes.len(), bytes[2]), (12, 0x80 | op_code << 3));
    }
    for at in [4, 6, 8, 10] {
        assert_eq!(said(&with(at, 0xff)), Some(ResponseCode::FormErr), "{at}");
    }
    assert_eq!(
        said(&with(5, 0)),
        Some(ResponseCode::FormErr),
        "no question"
    );
    assert_eq!(said(&with(5, 2)), Some(ResponseCode::FormErr), "two");
    // a name that is a pointer to itself
    let mut loops = good[..12].to_vec();
    loops.extend([0xc0, 12, 0, 1, 0, 1]);
    assert_eq!(said(&loops), Some(ResponseCode::FormErr));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_packets_are_harmless(packet in proptest::collection::vec(any::<u8>(), 0..600), turn: usize) {
        let zones = zones();
        if let Some(answer) = answer(&packet, &zones, Transport::Udp, turn) {
            prop_assert!(answer.bytes.len() >= 12 && answer.bytes.len() <= 1232);
            prop_assert_eq!(&answer.bytes[..2], &packet[..2]);
            prop_assert!(answer.bytes[2] & 0x80 != 0);
        }
    }

    #[test]
    fn broken_questions_are_harmless(
        kind: u16,
        edns in proptest::option::of((any::<u16>(), any::<u8>(), any::<u16>())),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
        length in any::<proptest::sample::Index>(),
        tail in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let zones = zones();
        let mut packet = Ask { edns, ..ask("web.shop.test", kind) }.bytes();
        for (at, byte) in changes {
            let at = at.index(packet.len());
            packet[at] = byte;
        }
        packet.truncate(length.index(packet.len()) + 1);
        packet.extend(tail);
        if let Some(answer) = answer(&packet, &zones, Transport::Udp, 0) {
            prop_assert!(answer.bytes.len() <= 1232);
            prop_assert!(Message::from_vec(&answer.bytes).is_ok());
        }
    }

    #[test]
    fn every_type_of_every_name_is_answered(kind: u16, name in "(web|nobody|shop)?\\.?shop\\.test") {
        let answer = answer(&ask(&name, kind).bytes(), &zones(), Transport::Udp, 0).unwrap();
        prop_assert!(
            [ResponseCode::NoError, ResponseCode::NXDomain, ResponseCode::Refused].contains(&answer.code)
        );
        prop_assert_eq!(&answer.bytes[..2], &[0x12, 0x34]);
    }
}
