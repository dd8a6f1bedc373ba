//! Resources in a file: `envoy.service.discovery.v3.Resource` messages, each after its length, sorted by type and name.

use std::fs;
use std::io;
use std::path::Path;

use bytes::{Bytes, BytesMut};

use super::Kind;
use super::fields::{Fields, Malformed, Value, one, put_bytes, put_text, put_varint};
use super::refs;

/// A resource as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its type.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its message (`Any.value`).
    pub body: Bytes,
}

/// Why a dump cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The file cannot be read or written.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// It is no dump.
    #[error("{0}: resource {1} cannot be read: {2}")]
    Malformed(String, usize, Malformed),
}

impl Resource {
    /// One that has a name in its body.
    pub fn new(kind: Kind, version: &str, body: Bytes) -> Self {
        Self {
            kind,
            name: refs::name(&body).unwrap_or_default().to_owned(),
            version: version.to_owned(),
            body,
        }
    }

    /// Reads a `Resource` message. `None` where it has no body of a known type: an empty one says that nothing changed.
    ///
    /// # Errors
    /// Where it is no such message.
    pub fn read(message: &Bytes) -> Result<Option<Self>, Malformed> {
        let (mut name, mut version, mut any) = (&b""[..], &b""[..], None);
        for field in Fields::of(message) {
            match field? {
                (3, Value::Bytes(bytes)) => name = bytes,
                (1, Value::Bytes(bytes)) => version = bytes,
                (2, Value::Bytes(bytes)) => any = Some(bytes),
                _ => {}
            }
        }
        let Some((kind, any)) = any.and_then(|any| Some((Kind::of(one(any, 1)?)?, any))) else {
            return Ok(None);
        };
        let body = message.slice_ref(one(any, 2).unwrap_or_default());
        let text = |bytes: &[u8]| {
            std::str::from_utf8(bytes)
                .map(str::to_owned)
                .map_err(|_| Malformed)
        };
        let name = if name.is_empty() {
            refs::name(&body).unwrap_or_default().to_owned()
        } else {
            text(name)?
        };
        Ok(Some(Self {
            kind,
            name,
            version: text(version)?,
            body,
        }))
    }

    /// The body as `Any`.
    pub fn any(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.body.len() + 128);
        put_text(1, self.kind.url(), &mut out);
        put_bytes(2, &self.body, &mut out);
        out.freeze()
    }

    /// As a `Resource` message, under this version.
    pub fn message(&self, version: &str) -> Bytes {
        let mut out = BytesMut::with_capacity(self.body.len() + 256);
        put_text(1, version, &mut out);
        put_bytes(2, &self.any(), &mut out);
        put_text(3, &self.name, &mut out);
        out.freeze()
    }
}

/// Writes resources to a file, sorted.
///
/// # Errors
/// Where it cannot be written.
pub fn write(path: &Path, mut resources: Vec<Resource>) -> Result<(), DumpError> {
    resources.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let mut out = BytesMut::new();
    for resource in &resources {
        let message = resource.message(&resource.version);
        put_varint(message.len() as u64, &mut out);
        out.extend_from_slice(&message);
    }
    fs::write(path, out).map_err(|error| DumpError::Io(path.display().to_string(), error))
}

/// Reads what [`write`] wrote.
///
/// # Errors
/// Where the file cannot be read or is no dump.
pub fn read(path: &Path) -> Result<Vec<Resource>, DumpError> {
    let shown = path.display().to_string();
    let file = fs::read(path).map_err(|error| DumpError::Io(shown.clone(), error))?;
    let mut rest = Bytes::from(file);
    let mut resources = Vec::new();
    while !rest.is_empty() {
        let malformed = |error| DumpError::Malformed(shown.clone(), resources.len(), error);
        let message = split(&mut rest).map_err(malformed)?;
        match Resource::read(&message).map_err(malformed)? {
            Some(resource) => resources.push(resource),
            None => return Err(malformed(Malformed)),
        }
    }
    Ok(resources)
}

/// Takes a message with its length off the front.
fn split(rest: &mut Bytes) -> Result<Bytes, Malformed> {
    let mut len = 0_usize;
    for at in 0..rest.len().min(5) {
        len |= usize::from(rest[at] & 0x7f) << (7 * at);
        if rest[at] & 0x80 == 0 {
            let _ = rest.split_to(at + 1);
            return (len <= rest.len())
                .then(|| rest.split_to(len))
                .ok_or(Malformed);
        }
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use tulle_proto::discovery;
    use tulle_proto::prost::Message;

    use super::*;

    #[test]
    fn what_is_written_is_read_sorted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump");
        let resource = |kind, name: &str| Resource {
            kind,
            name: name.to_owned(),
            version: "7".to_owned(),
            body: Bytes::from(vec![b'x'; 300]),
        };
        let (b, a, eds) = (
            resource(Kind::Cds, "b"),
            resource(Kind::Cds, "a"),
            resource(Kind::Eds, "a"),
        );
        write(&path, vec![eds.clone(), b.clone(), a.clone()]).unwrap();
        assert_eq!(read(&path).unwrap(), [a, b, eds]);
        fs::write(&path, b"\x05abc").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("resource 0 cannot be read"), "{error}");
    }

    #[test]
    fn envoys_own_types_read_the_same() {
        let resource = Resource::new(Kind::Eds, "1", Bytes::from_static(b"\x0a\x01n"));
        let message = resource.message("2");
        let read = discovery::Resource::decode(&message[..]).unwrap();
        assert_eq!((read.name.as_str(), read.version.as_str()), ("n", "2"));
        assert_eq!(read.resource.unwrap().type_url, Kind::Eds.url());
        let again = Resource::read(&message).unwrap().unwrap();
        assert_eq!((again.name.as_str(), again.body), ("n", resource.body));
        assert_eq!(Resource::read(&Bytes::new()), Ok(None));
    }
}
