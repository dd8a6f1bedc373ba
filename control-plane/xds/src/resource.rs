//! One resource: opaque bytes, encoded once and shared by every stream that sends them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use zeroize::Zeroizing;

use crate::type_url::TypeUrl;

/// A resource of some type, by name.
pub type ResourceKey = (TypeUrl, Arc<str>);

/// A versioned, encoded resource. Immutable: a change is a new `Resource`.
///
/// Both variants of the protocol carry resources in field 2 of their response: delta a `Resource` message, state of the
/// world an `Any`. `Resource` itself holds that `Any` in its own field 2, so one buffer serves both: the second is a
/// slice of the first.
pub struct Resource {
    type_url: TypeUrl,
    name: Arc<str>,
    version: Arc<str>,
    encoded: Bytes,
    secret: bool,
    local: bool,
    any_at: usize,
    message_at: usize,
    any_end: usize,
    requires: Arc<[ResourceKey]>,
    touches: Arc<[ResourceKey]>,
    settle: Duration,
}

/// The field of both responses, and of `Resource`, that holds the resource.
const RESOURCE_FIELD: u32 = 2;

impl Resource {
    /// Wraps `message`, the encoded bytes of one message of type `type_url`. `version` must be a stable hash of what the
    /// message was made from: equal versions under one name are taken to be equal content, here, on every replica and
    /// after a restart.
    pub fn new(
        type_url: TypeUrl,
        name: impl Into<Arc<str>>,
        version: impl Into<Arc<str>>,
        message: &[u8],
    ) -> Self {
        Self::encode(type_url, name.into(), version.into(), message, false)
    }

    /// The same for a message that holds a private key. Its bytes are wiped once nobody uses them any more, they are not
    /// gathered with others on their way out, and they are kept nowhere beyond the stream that they were sent on.
    pub fn secret(
        type_url: TypeUrl,
        name: impl Into<Arc<str>>,
        version: impl Into<Arc<str>>,
        message: &[u8],
    ) -> Self {
        Self::encode(type_url, name.into(), version.into(), message, true)
    }

    fn encode(
        type_url: TypeUrl,
        name: Arc<str>,
        version: Arc<str>,
        message: &[u8],
        secret: bool,
    ) -> Self {
        let any_body = string_len(1, type_url.as_str()) + bytes_len(2, message.len());
        let version_len = string_len(1, &version);
        let any_len = bytes_len(RESOURCE_FIELD, any_body);
        let body = version_len + any_len + string_len(3, &name);
        // exactly what it takes: growing would leave a copy behind
        let mut out = Vec::with_capacity(bytes_len(RESOURCE_FIELD, body));
        put_head(RESOURCE_FIELD, body, &mut out);
        put_string(1, &version, &mut out);
        let any_at = out.len();
        put_head(RESOURCE_FIELD, any_body, &mut out);
        put_string(1, type_url.as_str(), &mut out);
        put_head(2, message.len(), &mut out);
        let message_at = out.len();
        out.put_slice(message);
        let any_end = out.len();
        put_string(3, &name, &mut out);
        Self {
            type_url,
            name,
            version,
            encoded: match secret {
                true => Bytes::from_owner(Zeroizing::new(out)),
                false => Bytes::from(out),
            },
            secret,
            local: false,
            any_at,
            message_at,
            any_end,
            requires: Arc::from([]),
            touches: Arc::from([]),
            settle: Duration::ZERO,
        }
    }

    /// What a client must have accepted before it may be given this resource (make before break). Holds clients that
    /// subscribe to the whole type of the requirement; others are not held.
    #[must_use]
    pub fn with_requires(mut self, requires: impl IntoIterator<Item = ResourceKey>) -> Self {
        self.requires = sorted(requires);
        self
    }

    /// What is sent again after a changed version of this resource, even if unchanged itself: Envoy keeps a changed
    /// cluster warming until its endpoints come once more.
    #[must_use]
    pub fn with_touches(mut self, touches: impl IntoIterator<Item = ResourceKey>) -> Self {
        self.touches = sorted(touches);
        self
    }

    /// How long after its acceptance a *new* resource is not yet fit for use: warming by DNS or active health checks,
    /// which no ACK tells. Holds whatever requires it by that much more.
    #[must_use]
    pub fn with_settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// Whether it can be used depends on where the client runs, as where it names a file there. That a client rejects it says
    /// nothing of others, nor of the same client's next stream, and holds nothing back.
    #[must_use]
    pub fn judged_locally(mut self) -> Self {
        self.local = true;
        self
    }

    /// Its type.
    pub fn type_url(&self) -> TypeUrl {
        self.type_url
    }

    /// Its name, unique within its type and scope.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its version: a hash, never a counter.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// See [`Resource::with_requires`]; sorted.
    pub fn requires(&self) -> &[ResourceKey] {
        &self.requires
    }

    /// See [`Resource::with_touches`]; sorted.
    pub fn touches(&self) -> &[ResourceKey] {
        &self.touches
    }

    /// See [`Resource::with_settle`].
    pub fn settle(&self) -> Duration {
        self.settle
    }

    /// See [`Resource::judged_locally`].
    pub fn is_judged_locally(&self) -> bool {
        self.local
    }

    /// Whether it was made by [`Resource::secret`].
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// The message bytes, as given to [`Resource::new`]; shared, not copied.
    pub fn message(&self) -> Bytes {
        self.encoded.slice(self.message_at..self.any_end)
    }

    /// Field 2 of a delta response.
    pub(crate) fn delta_chunk(&self) -> Bytes {
        self.encoded.clone()
    }

    /// Field 2 of a state-of-the-world response.
    pub(crate) fn sotw_chunk(&self) -> Bytes {
        self.encoded.slice(self.any_at..self.any_end)
    }

    pub(crate) fn delta_len(&self) -> usize {
        self.encoded.len()
    }

    pub(crate) fn sotw_len(&self) -> usize {
        self.any_end - self.any_at
    }

    pub(crate) fn needs(&self, key: &ResourceKey) -> bool {
        self.requires.binary_search(key).is_ok()
    }
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.type_url == other.type_url && self.name == other.name && self.version == other.version
    }
}

impl Eq for Resource {}

/// Without its bytes, which may hold private keys.
impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.type_url, self.name, self.version)
    }
}

fn sorted(keys: impl IntoIterator<Item = ResourceKey>) -> Arc<[ResourceKey]> {
    let mut keys: Vec<ResourceKey> = keys.into_iter().collect();
    keys.sort();
    keys.dedup();
    keys.into()
}

fn bytes_len(field: u32, len: usize) -> usize {
    key_len(field) + encoded_len_varint(len as u64) + len
}

fn string_len(field: u32, text: &str) -> usize {
    if text.is_empty() {
        0
    } else {
        bytes_len(field, text.len())
    }
}

fn put_head(field: u32, len: usize, out: &mut impl BufMut) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(len as u64, out);
}

fn put_string(field: u32, text: &str, out: &mut impl BufMut) {
    if !text.is_empty() {
        put_head(field, text.len(), out);
        out.put_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> [Resource; 2] {
        [
            Resource::new(TypeUrl::SDS, "default", "1", b"the key"),
            Resource::secret(TypeUrl::SDS, "default", "1", b"the key"),
        ]
    }

    #[test]
    fn a_secret_is_on_the_wire_what_any_other_is() {
        let [open, secret] = both();
        assert!(secret.is_secret() && !open.is_secret());
        assert_eq!(open.delta_chunk(), secret.delta_chunk());
        assert_eq!(open.sotw_chunk(), secret.sotw_chunk());
        assert_eq!(&*secret.message(), b"the key");
    }

    #[test]
    fn every_part_of_a_secret_is_a_view_of_the_one_buffer_that_is_wiped() {
        let [_, secret] = both();
        let whole = secret.delta_chunk().as_ptr_range();
        for part in [secret.message(), secret.sotw_chunk(), secret.delta_chunk()] {
            let part = part.as_ptr_range();
            assert!(whole.start <= part.start && part.end <= whole.end);
        }
        // the encoding fills its buffer to the byte, so that nothing was moved while it was made
        let message = vec![b'k'; 300];
        let secret = Resource::secret(TypeUrl::SDS, "default", "1", &message);
        let [any, end] = [secret.any_at, secret.any_end];
        assert_eq!(secret.delta_len(), end + string_len(3, "default"));
        assert_eq!(secret.sotw_len(), end - any);
    }

    #[test]
    fn no_bytes_are_printed() {
        for resource in both() {
            assert_eq!(format!("{resource:?}"), "Secret/default@1");
        }
    }
}
