//! What was asked and how it was answered.

use std::sync::atomic::{AtomicU64, Ordering};

use hickory_proto::op::ResponseCode;

use crate::answer::Transport;

/// Counted by the server, read by whoever shows it.
#[derive(Debug, Default)]
pub struct Counters {
    udp: AtomicU64,
    tcp: AtomicU64,
    answered: AtomicU64,
    no_such_name: AtomicU64,
    refused: AtomicU64,
    malformed: AtomicU64,
    truncated: AtomicU64,
    connections_refused: AtomicU64,
    panics: AtomicU64,
}

/// The counts at one moment, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets by UDP.
    pub udp: u64,
    /// Messages by TCP.
    pub tcp: u64,
    /// Questions about names that exist.
    pub answered: u64,
    /// Questions about names that do not exist.
    pub no_such_name: u64,
    /// Questions about names in no zone, and what is asked of other kinds of servers.
    pub refused: u64,
    /// What is no question.
    pub malformed: u64,
    /// Answers that did not fit into a UDP packet.
    pub truncated: u64,
    /// TCP connections closed because there were too many.
    pub connections_refused: u64,
    /// Questions that met a defect of this program.
    pub panics: u64,
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn came(&self, transport: Transport) {
        add(match transport {
            Transport::Udp => &self.udp,
            Transport::Tcp => &self.tcp,
        });
    }

    /// `None`: nothing was said.
    pub(crate) fn went(&self, code: Option<ResponseCode>, truncated: bool) {
        add(match code {
            Some(ResponseCode::NoError) => &self.answered,
            Some(ResponseCode::NXDomain) => &self.no_such_name,
            Some(ResponseCode::Refused | ResponseCode::NotImp | ResponseCode::BADVERS) => {
                &self.refused
            }
            _ => &self.malformed,
        });
        if truncated {
            add(&self.truncated);
        }
    }

    pub(crate) fn connection_refused(&self) {
        add(&self.connections_refused);
    }

    pub(crate) fn panicked(&self) {
        add(&self.panics);
    }

    /// The counts now.
    pub fn now(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            udp: read(&self.udp),
            tcp: read(&self.tcp),
            answered: read(&self.answered),
            no_such_name: read(&self.no_such_name),
            refused: read(&self.refused),
            malformed: read(&self.malformed),
            truncated: read(&self.truncated),
            connections_refused: read(&self.connections_refused),
            panics: read(&self.panics),
        }
    }
}
