//! What a server counts.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Totals since the server began, for metrics.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counting {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl Counting {
            pub(crate) fn read(&self) -> Counters {
                Counters { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Connections accepted.
    connections,
    /// Connections closed because there were too many.
    connections_refused,
    /// Connections closed unproven to make room for newer ones.
    connections_evicted,
    /// Calls refused because their caller has too many connections or streams.
    share_exceeded,
    /// TLS handshakes that failed or took too long.
    handshakes_failed,
    /// Calls refused for want of proof.
    denied,
    /// Streams begun.
    streams,
    /// Requests read.
    requests,
    /// Responses written.
    responses,
    /// Resources in them.
    resources,
    /// Removals in them.
    removals,
    /// Responses rejected by clients.
    nacks,
    /// Resources sent although a requirement was still missing.
    holds_expired,
    /// Streams ended by a defect in this program.
    panics,
}

pub(crate) fn add(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}
