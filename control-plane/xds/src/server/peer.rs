//! What other replicas of the control plane report: messages in, nothing out until the stream ends.

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use tokio::sync::watch;

use super::Shared;
use super::registry::RegisteredPeer;
use super::status::Status;
use super::stream::{Input, at, next, unavailable};
use crate::auth::Caller;
use crate::frame::Deframer;

/// Who hears the reports of other replicas.
pub trait PeerCalls: Send + Sync + 'static {
    /// A peer has sent a report, which replaces what it sent before on this stream.
    fn heard(&self, peer: &Arc<str>, stream: u64, report: Bytes);
    /// A stream of a peer has ended: what came on it is no longer known to be so.
    fn left(&self, peer: &Arc<str>, stream: u64);
}

/// A peer's stream. Dropping it tells that it has ended.
pub(super) struct PeerStream {
    pub(super) calls: Arc<dyn PeerCalls>,
    pub(super) shared: Arc<Shared>,
    pub(super) caller: Caller,
    pub(super) registered: RegisteredPeer,
    pub(super) body: Incoming,
    pub(super) leaving: watch::Receiver<bool>,
}

impl PeerStream {
    pub(super) async fn run(mut self) -> Status {
        let mut deframer = Deframer::new(self.shared.settings.max_report);
        loop {
            let input = tokio::select! {
                biased;
                _ = self.leaving.wait_for(|leaving| *leaving) => Err(unavailable("the server is draining")),
                () = self.registered.end.notified() => Err(unavailable("the caller is gone")),
                () = at(self.caller.expires) => Err(unavailable("the caller's proof has expired")),
                message = next(&mut self.body, &mut deframer) => message,
            };
            match input {
                Ok(Input::Message(report)) => {
                    self.calls
                        .heard(&self.caller.name, self.registered.number, report);
                }
                Ok(Input::Tick) => {}
                Ok(Input::End) => return Status::ok(),
                Err(status) => return status,
            }
        }
    }
}

impl Drop for PeerStream {
    fn drop(&mut self) {
        self.calls.left(&self.caller.name, self.registered.number);
    }
}
