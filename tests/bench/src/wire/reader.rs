//! Messages in gRPC frames, read field by field while they arrive: of a response of a megabyte no more than a resource is
//! held at a time.

use bytes::{Buf, Bytes, BytesMut};

use crate::wire::fields::{Head, Malformed, head};
use crate::wire::request::PREFIX;

/// What was read next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A field that is bytes.
    Field(u32, Bytes),
    /// The end of the message, which had this length.
    End(u64),
}

/// Takes bytes as they come.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    buffer: BytesMut,
    /// Length of the message, and how much of it is to come.
    message: Option<(u64, u64)>,
}

impl Reader {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next part; `None` until more bytes come.
    pub(crate) fn next(&mut self) -> Result<Option<Part>, Malformed> {
        loop {
            let Some((len, left)) = self.message else {
                if self.buffer.len() < PREFIX {
                    return Ok(None);
                }
                if self.buffer[0] != 0 {
                    return Err(Malformed);
                }
                self.buffer.advance(1);
                let len = u64::from(self.buffer.get_u32());
                self.message = Some((len, len));
                continue;
            };
            if left == 0 {
                self.message = None;
                if self.buffer.is_empty() {
                    // nothing is kept while nothing comes
                    self.buffer = BytesMut::new();
                }
                return Ok(Some(Part::End(len)));
            }
            let there = self.buffer.len().min(left as usize);
            let Some((field, value, size)) = head(&self.buffer[..there])? else {
                return if there < left as usize {
                    Ok(None)
                } else {
                    Err(Malformed)
                };
            };
            if size as u64 > left {
                return Err(Malformed);
            }
            if size > there {
                return Ok(None);
            }
            self.message = Some((len, left - size as u64));
            let mut whole = self.buffer.split_to(size);
            if let Head::Bytes(from) = value {
                whole.advance(from);
                return Ok(Some(Part::Field(field, whole.freeze())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::fields::{put_bytes, put_number};
    use crate::wire::request::frame;

    use super::*;

    fn frames() -> Bytes {
        let mut all = BytesMut::new();
        for text in [b"one".as_slice(), &[b'x'; 300]] {
            all.extend_from_slice(&frame(|out| {
                put_bytes(1, text, out);
                put_number(9, 7, out);
                put_bytes(2, b"", out);
            }));
        }
        all.extend_from_slice(&frame(|_| {}));
        all.freeze()
    }

    #[test]
    fn any_cut_gives_the_same_parts() {
        let all = frames();
        let read = |step: usize| {
            let mut reader = Reader::default();
            let mut parts = Vec::new();
            for piece in all.chunks(step) {
                reader.push(piece);
                while let Some(part) = reader.next().unwrap() {
                    parts.push(part);
                }
            }
            parts
        };
        let whole = read(all.len());
        assert_eq!(whole.len(), 7);
        assert_eq!(whole[0], Part::Field(1, Bytes::from_static(b"one")));
        assert_eq!(whole[6], Part::End(0));
        for step in 1..20 {
            assert_eq!(read(step), whole);
        }
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for bytes in [
            b"\x01\0\0\0\x01x".as_slice(),
            b"\0\0\0\0\x02\x0a\x07",
            b"\0\0\0\0\x01\x80",
        ] {
            let mut reader = Reader::default();
            reader.push(bytes);
            assert_eq!(reader.next(), Err(Malformed), "{bytes:?}");
        }
    }
}
