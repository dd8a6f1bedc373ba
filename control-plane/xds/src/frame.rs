//! gRPC frames: bounded reading of requests, writing of responses without building them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use parking_lot::Mutex;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use crate::resource::Resource;
use crate::session::{Response, Variant};

/// A frame starts with a compression flag and a big-endian length.
pub(crate) const PREFIX: usize = 5;

/// Why a frame cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("compressed messages are not supported")]
    Compressed,
    #[error("the message is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the stream ended within a message")]
    Cut,
}

/// Puts frames together from pieces of any size. Keeps no memory between messages.
#[derive(Debug)]
pub(crate) struct Deframer {
    buffer: BytesMut,
    most: usize,
}

impl Deframer {
    /// Refuses messages of more than `most` bytes, by their prefix alone.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            most,
        }
    }

    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole message.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(prefix) = self.buffer.first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let [flag, len @ ..] = *prefix;
        if flag != 0 {
            return Err(FrameError::Compressed);
        }
        let len = u32::from_be_bytes(len) as usize;
        if len > self.most {
            return Err(FrameError::TooLarge(self.most));
        }
        if self.buffer.len() < PREFIX + len {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        let message = self.buffer.split_to(len).freeze();
        if self.buffer.is_empty() {
            // the first message is the large one; what follows is small
            self.buffer = BytesMut::new();
        }
        Ok(Some(message))
    }

    /// Whether the stream may end here.
    pub(crate) fn end(&self) -> Result<(), FrameError> {
        if self.buffer.is_empty() {
            Ok(())
        } else {
            Err(FrameError::Cut)
        }
    }
}

/// Responses on their way out.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Mutex<VecDeque<Outgoing>>);

#[derive(Debug)]
struct Outgoing {
    variant: Variant,
    head: Option<Bytes>,
    resources: Arc<[Arc<Resource>]>,
    next: usize,
}

/// Small chunks are gathered up to this size, the default and most common HTTP/2 frame size, only when the transport
/// takes them: a frame, a lock and a TLS record for each of a thousand resources would cost more than the copy.
const GATHER: usize = 16 * 1024;
/// Chunks from this size on go out as they are, shared.
const SHARE: usize = 8 * 1024;

impl Outbox {
    pub(crate) fn push(&self, response: &Response, identifier: &str) {
        self.0.lock().push_back(Outgoing {
            variant: response.variant,
            head: Some(head(response, identifier)),
            resources: response.resources.clone(),
            next: 0,
        });
    }

    /// The next piece for the transport.
    pub(crate) fn next(&self) -> Option<Bytes> {
        let mut queue = self.0.lock();
        let (first, secret) = take(&mut queue, usize::MAX, true)?;
        if secret || first.len() >= SHARE {
            return Some(first);
        }
        let mut gathered: Option<BytesMut> = None;
        let mut len = first.len();
        while let Some((chunk, _)) = take(&mut queue, (GATHER - len).min(SHARE - 1), false) {
            let gathered = gathered.get_or_insert_with(|| {
                let mut gathered = BytesMut::with_capacity(GATHER);
                gathered.put_slice(&first);
                gathered
            });
            gathered.put_slice(&chunk);
            len += chunk.len();
        }
        if queue.is_empty() {
            queue.shrink_to_fit();
        }
        Some(gathered.map_or(first, BytesMut::freeze))
    }
}

/// The next chunk, if it is not longer than `most`, and whether it is secret, which is only taken where `secrets` are: a copy
/// would not be wiped.
fn take(queue: &mut VecDeque<Outgoing>, most: usize, secrets: bool) -> Option<(Bytes, bool)> {
    loop {
        let out = queue.front_mut()?;
        if let Some(head) = &out.head {
            if head.len() > most {
                return None;
            }
            return out.head.take().map(|head| (head, false));
        }
        let Some(resource) = out.resources.get(out.next) else {
            queue.pop_front();
            continue;
        };
        let (len, chunk): (usize, fn(&Resource) -> Bytes) = match out.variant {
            Variant::Delta => (resource.delta_len(), Resource::delta_chunk),
            Variant::Sotw => (resource.sotw_len(), Resource::sotw_chunk),
        };
        let secret = resource.is_secret();
        if len > most || (secret && !secrets) {
            return None;
        }
        out.next += 1;
        return Some((chunk(resource), secret));
    }
}

/// The frame prefix and all fields but the resources. Field numbers are those of `DeltaDiscoveryResponse` and
/// `DiscoveryResponse`.
fn head(response: &Response, identifier: &str) -> Bytes {
    let (removed, control_plane) = match response.variant {
        Variant::Delta => (6, 7),
        Variant::Sotw => (0, 6),
    };
    let mut fields = BytesMut::with_capacity(256);
    put_string(1, &response.version, &mut fields);
    put_string(4, &response.type_url, &mut fields);
    put_string(5, &response.nonce.to_string(), &mut fields);
    if response.variant == Variant::Delta {
        for name in &response.removed {
            put_string(removed, name, &mut fields);
        }
    }
    if !identifier.is_empty() {
        let inner = 1 + encoded_len_varint(identifier.len() as u64) + identifier.len();
        encode_key(control_plane, WireType::LengthDelimited, &mut fields);
        encode_varint(inner as u64, &mut fields);
        put_string(1, identifier, &mut fields);
    }
    let resources: usize = response
        .resources
        .iter()
        .map(|resource| match response.variant {
            Variant::Delta => resource.delta_len(),
            Variant::Sotw => resource.sotw_len(),
        })
        .sum();
    let mut out = BytesMut::with_capacity(PREFIX + fields.len());
    out.put_u8(0);
    // a response is far below 4 GiB: resources are bounded one by one where they are made
    out.put_u32((fields.len() + resources) as u32);
    out.put_slice(&fields);
    out.freeze()
}

fn put_string(field: u32, text: &str, out: &mut BytesMut) {
    if !text.is_empty() {
        encode_key(field, WireType::LengthDelimited, out);
        encode_varint(text.len() as u64, out);
        out.put_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests;
