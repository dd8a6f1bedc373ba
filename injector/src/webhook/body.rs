//! Reading a request's body without holding more of it than is allowed.

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is larger than allowed.
    TooLarge,
    /// The client ended it early or broke the protocol.
    Broken,
}

/// A body, and its share of the memory for bodies.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) bytes: Vec<u8>,
    /// Kept for as long as anything made of the bytes lives.
    pub(super) share: Share,
}

/// A share of the memory for bodies.
pub(super) type Share = Option<OwnedSemaphorePermit>;

/// Bytes read on of a body that is too large, so that a client of HTTP/1.1 that writes before it reads gets to the answer.
const MOST_DISCARDED: usize = 16 * 1024 * 1024;

/// Reads a body of at most `most` bytes. Memory is taken as bytes arrive, not as they are announced: who announces much and
/// sends nothing holds nothing.
pub(super) async fn read(
    mut body: Incoming,
    most: usize,
    memory: &Arc<Semaphore>,
) -> Result<Read, Unread> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > most {
        discard(body).await;
        return Err(Unread::TooLarge);
    }
    let mut bytes = Vec::new();
    let mut share: Share = None;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Unread::Broken);
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > most {
            drop((bytes, share));
            discard(body).await;
            return Err(Unread::TooLarge);
        }
        let held = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = (bytes.len() + data.len())
            .div_ceil(1024)
            .saturating_sub(held);
        let wanted = u32::try_from(wanted).map_err(|_| Unread::TooLarge)?;
        let more = Arc::clone(memory)
            .acquire_many_owned(wanted)
            .await
            .map_err(|_| Unread::Broken)?;
        match &mut share {
            Some(share) => share.merge(more),
            None => share = Some(more),
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Read { bytes, share })
}

async fn discard(mut body: Incoming) {
    let mut discarded = 0;
    while let Some(Ok(frame)) = body.frame().await {
        discarded += frame.data_ref().map_or(0, bytes::Bytes::len);
        if discarded > MOST_DISCARDED {
            return;
        }
    }
}
