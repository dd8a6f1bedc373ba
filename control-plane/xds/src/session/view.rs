//! What a stream's state looks like to people.

use std::sync::Arc;
use std::time::Instant;

use super::Session;
use super::hold::Why;
use crate::type_url::TypeUrl;

/// One type of one stream.
#[derive(Clone, Debug, serde::Serialize)]
pub struct TypeView {
    /// The type.
    pub type_url: TypeUrl,
    /// Subscribed to all of them.
    pub wildcard: bool,
    /// Names subscribed to.
    pub subscribed: usize,
    /// Versions the client has accepted.
    pub held: usize,
    /// Names still to be looked at, sent, or taken away.
    pub pending: usize,
    /// How long the response under way has waited for its ACK, in milliseconds.
    pub in_flight_ms: Option<u64>,
    /// The last rejection.
    pub last_nack: Option<NackView>,
    /// Resources whose present content this client's version rejects.
    pub withheld: Vec<Arc<str>>,
    /// Resources kept back until what they require is there.
    pub held_back: Vec<HoldView>,
}

/// A rejection.
#[derive(Clone, Debug, serde::Serialize)]
pub struct NackView {
    /// How long ago, in milliseconds.
    pub ago_ms: u64,
    /// Whose fault it was; all of the response where that is not known yet.
    pub names: Vec<Arc<str>>,
    /// The client's words, bounded, control characters escaped.
    pub message: String,
}

/// A resource kept back.
#[derive(Clone, Debug, serde::Serialize)]
pub struct HoldView {
    /// The resource.
    pub name: Arc<str>,
    /// For how long, in milliseconds.
    pub for_ms: u64,
    /// What is missing, as `Type/name: why`.
    pub waits_for: Vec<String>,
}

impl Session {
    /// The types this client has asked for.
    pub(crate) fn view(&self, now: Instant) -> Vec<TypeView> {
        self.table
            .indices()
            .filter(|of| self.types[of.slot()].asked)
            .map(|of| {
                let state = &self.types[of.slot()];
                TypeView {
                    type_url: self.table.url(of),
                    wildcard: state.subscription.is_wildcard(),
                    subscribed: state.subscription.named(),
                    held: state.held.len(),
                    pending: state.pending.len(),
                    in_flight_ms: state.in_flight.as_ref().map(|flight| ms(now, flight.since)),
                    last_nack: state.last_nack.as_ref().map(|nack| NackView {
                        ago_ms: ms(now, nack.at),
                        names: nack.names.clone(),
                        message: nack.message.clone(),
                    }),
                    withheld: state.withheld.iter().cloned().collect(),
                    held_back: state
                        .pending
                        .iter()
                        .filter_map(|(name, pending)| {
                            let hold = pending.hold.as_ref()?;
                            let waits_for = hold.waits.values().map(|wait| {
                                let (of, name) = &wait.on;
                                let why = match wait.why {
                                    Why::Unacknowledged => "not acknowledged",
                                    Why::Settling(_) => "settling",
                                    Why::Rejected => "rejected",
                                };
                                format!("{}/{name}: {why}", self.table.url(*of))
                            });
                            Some(HoldView {
                                name: name.clone(),
                                for_ms: ms(now, hold.since),
                                waits_for: waits_for.collect(),
                            })
                        })
                        .collect(),
                }
            })
            .collect()
    }
}

fn ms(now: Instant, since: Instant) -> u64 {
    now.saturating_duration_since(since)
        .as_millis()
        .try_into()
        .unwrap_or(u64::MAX)
}
