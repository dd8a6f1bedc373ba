//! From a packet to its answer: pure, without I/O.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, HINFO, NS};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use crate::zones::{Found, MOST_ADDRESSES, TTL, Zones};

/// What is said to be taken by UDP, and the most that is sent by it: larger packets are cut up on their way and get lost
/// (the DNS flag day of 2020).
const UDP_PAYLOAD: u16 = 1232;
/// The most by UDP where the client says nothing (RFC 1035 §4.2.1).
const PLAIN_PAYLOAD: u16 = 512;
/// A message's header.
const HEAD: usize = 12;
/// More records than a question has any use for: EDNS and a signature are two.
const MOST_ADDITIONALS: u16 = 4;

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// What is sent back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) code: ResponseCode,
    /// It did not fit; the client will ask again by TCP.
    pub(crate) truncated: bool,
}

/// Answers one packet; `None`: nothing is said, as it is no question. `turn` chooses which of many addresses come first.
pub(crate) fn answer(
    packet: &[u8],
    zones: &Zones,
    transport: Transport,
    turn: usize,
) -> Option<Answer> {
    let head = Head::read(packet)?;
    if head.is_response {
        // Never an answer to an answer: two servers would go on for ever.
        return None;
    }
    if head.op_code != OpCode::Query {
        return Some(head.refuse(ResponseCode::NotImp));
    }
    // Counted before anything is read, as memory is set aside by these numbers.
    let plausible = head.questions == 1
        && head.answers == 0
        && head.authorities <= 1
        && head.additionals <= MOST_ADDITIONALS;
    if !plausible {
        return Some(head.refuse(ResponseCode::FormErr));
    }
    let Ok(request) = Message::from_vec(packet) else {
        return Some(head.refuse(ResponseCode::FormErr));
    };
    let Some(question) = request.queries.first() else {
        return Some(head.refuse(ResponseCode::FormErr));
    };
    let response = respond(&request, question, zones, turn);
    let code = response.metadata.response_code;
    let most = match transport {
        Transport::Tcp => usize::from(u16::MAX),
        Transport::Udp => usize::from(match &request.edns {
            Some(edns) => edns.max_payload().clamp(PLAIN_PAYLOAD, UDP_PAYLOAD),
            None => PLAIN_PAYLOAD,
        }),
    };
    match response.to_vec() {
        Ok(bytes) if bytes.len() <= most => Some(Answer {
            bytes,
            code,
            truncated: false,
        }),
        Ok(_) => Some(Answer {
            bytes: response.truncate().to_vec().ok()?,
            code,
            truncated: true,
        }),
        Err(_) => Some(head.refuse(ResponseCode::ServFail)),
    }
}

fn respond(request: &Message, question: &Query, zones: &Zones, turn: usize) -> Message {
    let mut response = Message::response(request.id, OpCode::Query);
    response.metadata.recursion_desired = request.recursion_desired;
    response.metadata.checking_disabled = request.checking_disabled;
    response.add_query(question.clone());
    if let Some(theirs) = &request.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_PAYLOAD)
            .set_dnssec_ok(theirs.flags().dnssec_ok);
        response.set_edns(edns);
        if theirs.version() > 0 {
            response.metadata.response_code = ResponseCode::BADVERS;
            return response;
        }
    }
    let transfer = matches!(
        question.query_type(),
        RecordType::AXFR | RecordType::IXFR | RecordType::OPT | RecordType::TSIG
    );
    let found = match question.query_class() {
        DNSClass::IN if !transfer => zones.find(question.name()),
        _ => None,
    };
    let Some(found) = found else {
        response.metadata.response_code = ResponseCode::Refused;
        return response;
    };
    response.metadata.authoritative = true;
    if found.addresses.is_none() {
        response.metadata.response_code = ResponseCode::NXDomain;
    }
    response.add_answers(records(question, &found, zones, turn));
    if response.answers.is_empty() {
        // With it a resolver knows how long the "no" holds (RFC 2308 §3).
        response.add_authority(soa(&found));
    }
    response
}

/// The records of the type that was asked for; their owner is written as the question writes it.
fn records(question: &Query, found: &Found<'_>, zones: &Zones, turn: usize) -> Vec<Record> {
    let Some(addresses) = found.addresses else {
        return vec![];
    };
    let name = question.name();
    match question.query_type() {
        RecordType::A => some(addresses, turn, |ip| match ip {
            IpAddr::V4(ip) => Some(record(name, RData::A(A(*ip)))),
            IpAddr::V6(_) => None,
        }),
        RecordType::AAAA => some(addresses, turn, |ip| match ip {
            IpAddr::V6(ip) => Some(record(name, RData::AAAA(AAAA(*ip)))),
            IpAddr::V4(_) => None,
        }),
        RecordType::SOA if found.is_apex => vec![soa(found)],
        RecordType::NS if found.is_apex => {
            vec![record(name, RData::NS(NS(zones.nameserver().clone())))]
        }
        RecordType::ANY => {
            let hint = HINFO::new("RFC8482".to_owned(), String::new());
            vec![record(name, RData::HINFO(hint))]
        }
        _ => vec![],
    }
}

/// At most [`MOST_ADDRESSES`] records, another one first each turn.
fn some(
    addresses: &[IpAddr],
    turn: usize,
    record: impl Fn(&IpAddr) -> Option<Record>,
) -> Vec<Record> {
    let mut records: Vec<Record> = addresses.iter().filter_map(record).collect();
    if !records.is_empty() {
        let first = turn % records.len();
        records.rotate_left(first);
        records.truncate(MOST_ADDRESSES);
    }
    records
}

fn soa(found: &Found<'_>) -> Record {
    record(&found.apex.name, RData::SOA(found.apex.soa.clone()))
}

fn record(name: &Name, data: RData) -> Record {
    Record::from_rdata(name.clone(), TTL, data)
}

/// A message's first bytes, which can be read of many a packet that is broken otherwise.
#[derive(Debug)]
struct Head {
    id: u16,
    is_response: bool,
    op_code: OpCode,
    recursion_desired: bool,
    questions: u16,
    answers: u16,
    authorities: u16,
    additionals: u16,
}

impl Head {
    fn read(packet: &[u8]) -> Option<Self> {
        let head: &[u8; HEAD] = packet.first_chunk()?;
        let number = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        Some(Self {
            id: number(0),
            is_response: head[2] & 0x80 != 0,
            op_code: OpCode::from_u8((head[2] >> 3) & 0x0f),
            recursion_desired: head[2] & 0x01 != 0,
            questions: number(4),
            answers: number(6),
            authorities: number(8),
            additionals: number(10),
        })
    }

    /// An answer of nothing but a head.
    fn refuse(&self, code: ResponseCode) -> Answer {
        let mut message = Message::error_msg(self.id, self.op_code, code);
        message.metadata.recursion_desired = self.recursion_desired;
        Answer {
            bytes: message.to_vec().unwrap_or_default(),
            code,
            truncated: false,
        }
    }
}

#[cfg(test)]
mod tests;
