//! One stream: requests in, the session in the middle, responses and events out.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::sync::watch;

use super::counters::add;
use super::registry::{Registered, Stream};
use super::status::{Code, Status};
use super::{Shared, registry};
use crate::contents::View;
use crate::feed::Event;
use crate::frame::{Deframer, FrameError, Outbox};
use crate::session::{Output, Session, SessionEvent, Variant, Violation};
use crate::store::Attachment;
use crate::wire;

/// All that a stream needs.
pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) registered: Registered,
    pub(super) attachment: Attachment,
    /// The withdrawn types that the session has taken into account.
    pub(super) seen: AtomicU32,
    pub(super) outbox: Arc<Outbox>,
    pub(super) body: Incoming,
    /// True once the connection is to be left.
    pub(super) leaving: watch::Receiver<bool>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        // after a defect nothing of the session is to be believed
        if !std::thread::panicking() {
            let stream = &self.registered.stream;
            let unsure = stream.session.lock().unsure();
            let caller = stream.caller.name.clone();
            self.shared.left_open.leave(caller, unsure, Instant::now());
        }
    }
}

impl Driver {
    /// Runs the stream to its end.
    pub(super) async fn run(mut self) -> Status {
        let mut deframer = Deframer::new(self.shared.settings.max_message);
        let stream = self.registered.stream.clone();
        let mut wake: Option<Instant> = None;
        loop {
            let input = tokio::select! {
                biased;
                _ = self.leaving.wait_for(|leaving| *leaving) => Err(unavailable("the server is draining")),
                () = stream.end.notified() => Err(unavailable("the caller is gone")),
                () = at(stream.caller.expires) => Err(unavailable("the caller's proof has expired")),
                message = next(&mut self.body, &mut deframer) => message,
                () = self.attachment.changed() => Ok(Input::Tick),
                () = stream.withdrew.notified() => Ok(Input::Tick),
                () = at(wake) => Ok(Input::Tick),
            };
            let taken = match input {
                Ok(Input::Message(message)) => self.request(&stream, &message),
                Ok(Input::Tick) => Ok(self.tick(&stream)),
                Ok(Input::End) => Err(Status::ok()),
                Err(status) => Err(status),
            };
            wake = match taken {
                Ok(wake) => wake,
                Err(status) => return status,
            };
            if let Some(deadline) = self.deadline(&stream) {
                if deadline <= Instant::now() {
                    return unavailable("a response was left unacknowledged");
                }
                wake = wake.into_iter().chain([deadline]).min();
            }
        }
    }

    fn request(&self, stream: &Stream, message: &[u8]) -> Result<Option<Instant>, Status> {
        let request = match stream.variant {
            Variant::Delta => wire::decode_delta(message),
            Variant::Sotw => wire::decode_sotw(message),
        }
        .map_err(|error| {
            Status::new(
                Code::InvalidArgument,
                format!("the request cannot be read: {error}"),
            )
        })?;
        add(&self.shared.counting.requests, 1);
        let output = self
            .step(stream, |session, contents, now| {
                session.request(request, contents, now)
            })
            .map_err(|violation| match violation {
                Violation::NodeChanged => Status::new(Code::InvalidArgument, violation.to_string()),
                Violation::TooManyNames => {
                    Status::new(Code::ResourceExhausted, violation.to_string())
                }
            })?;
        Ok(self.put_out(stream, output))
    }

    fn tick(&self, stream: &Stream) -> Option<Instant> {
        let output = self.step(stream, |session, contents, now| session.tick(contents, now));
        self.put_out(stream, output)
    }

    fn step<T>(
        &self,
        stream: &Stream,
        step: impl FnOnce(&mut Session, View<'_>, Instant) -> T,
    ) -> T {
        let mut session = stream.session.lock();
        let withdrawn = stream.withdrawn.load(Ordering::Acquire);
        self.attachment.read(withdrawn, |contents| {
            let mut dirty = self.attachment.take();
            if self.seen.swap(withdrawn, Ordering::Relaxed) != withdrawn {
                dirty.mark_all();
            }
            session.note(dirty, contents);
            step(&mut session, contents, Instant::now())
        })
    }

    fn put_out(&self, stream: &Stream, output: Output) -> Option<Instant> {
        let counting = &self.shared.counting;
        for response in &output.responses {
            add(&counting.responses, 1);
            add(&counting.resources, response.resources.len());
            add(&counting.removals, response.removed.len());
            self.outbox.push(response, &self.shared.settings.identifier);
        }
        for event in output.events {
            self.tell(stream, event);
        }
        output.wake
    }

    fn deadline(&self, stream: &Stream) -> Option<Instant> {
        let limit = self.shared.settings.ack_deadline?;
        Some(stream.session.lock().oldest_in_flight()? + limit)
    }

    fn tell(&self, stream: &registry::Stream, event: SessionEvent) {
        let (scope, caller) = (&stream.caller.scope, &stream.caller.name);
        let at = Instant::now();
        let (scope_of, id) = (scope.clone(), stream.id);
        self.shared.store.feed().push(match event {
            SessionEvent::Asked { type_url, holds } => {
                let Some(own) = stream.caller.own.clone() else {
                    return;
                };
                Event::Asked { scope: own, stream: id, type_url, holds }
            }
            SessionEvent::Acked { type_url, resources, removed } => {
                let total = resources.len() + removed.len();
                let names = resources
                    .iter()
                    .map(|resource| (resource.name().clone(), Some(resource.version().clone())))
                    .chain(removed.into_iter().map(|name| (name, None)))
                    .take(Event::MOST_NAMES)
                    .collect();
                Event::Acked { scope: scope_of, stream: id, type_url, names, total, at }
            }
            SessionEvent::Nacked { type_url, names, message } => {
                add(&self.shared.counting.nacks, 1);
                tracing::warn!(%scope, %caller, stream = %id, %type_url, ?names, message, "a client rejected resources");
                Event::Nacked { scope: scope_of, stream: id, type_url, names, message }
            }
            SessionEvent::Held { type_url, name, waits_for, rejected } => {
                tracing::debug!(%scope, %caller, stream = %id, %type_url, %name, ?waits_for, rejected, "kept back");
                Event::Held { scope: scope_of, stream: id, resource: (type_url, name), waits_for, rejected }
            }
            SessionEvent::HoldExpired { type_url, name, waited_for } => {
                add(&self.shared.counting.holds_expired, 1);
                tracing::warn!(%scope, %caller, stream = %id, %type_url, %name, ?waited_for,
                    "sent although what it requires was not acknowledged in time");
                Event::HoldExpired { scope: scope_of, stream: id, resource: (type_url, name), waited_for }
            }
            SessionEvent::Converged { batch, withheld } => {
                Event::Converged { scope: scope_of, stream: id, batch, withheld, at }
            }
        });
    }
}

pub(super) enum Input {
    Message(Bytes),
    /// Changes, or time.
    Tick,
    /// The client has ended its side.
    End,
}

pub(super) fn unavailable(why: &'static str) -> Status {
    Status::new(Code::Unavailable, why)
}

/// The next message, or the end of them. Loses nothing if dropped.
pub(super) async fn next(body: &mut Incoming, deframer: &mut Deframer) -> Result<Input, Status> {
    let refused = |error: FrameError| {
        let code = match error {
            FrameError::Compressed => Code::Unimplemented,
            FrameError::TooLarge(_) => Code::ResourceExhausted,
            FrameError::Cut => Code::Internal,
        };
        Status::new(code, error.to_string())
    };
    loop {
        if let Some(message) = deframer.next().map_err(refused)? {
            return Ok(Input::Message(message));
        }
        let mut body = pin!(&mut *body);
        match std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
            Some(Ok(frame)) => {
                if let Some(piece) = frame.data_ref() {
                    deframer.push(piece);
                }
            }
            Some(Err(_)) => return Err(Status::new(Code::Unavailable, "the connection is gone")),
            None => return deframer.end().map(|()| Input::End).map_err(refused),
        }
    }
}

pub(super) async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
