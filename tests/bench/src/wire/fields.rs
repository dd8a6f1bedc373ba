//! Protobuf, field by field.

use bytes::{BufMut, BytesMut};

/// A field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    Number(u64),
    /// A string, bytes, a message or packed numbers.
    Bytes(&'a [u8]),
    /// Four or eight bytes, of no interest here.
    Fixed,
}

/// A message that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is cut short or no protobuf")]
pub struct Malformed;

/// The fields of a message, in order. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Of this message.
    pub fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn read(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        match head(self.0)? {
            Some((field, value, len)) => {
                let whole = self.0;
                if whole.len() < len {
                    return Err(Malformed);
                }
                self.0 = &whole[len..];
                Ok(Some((
                    field,
                    match value {
                        Head::Number(number) => Value::Number(number),
                        Head::Bytes(from) => Value::Bytes(&whole[from..len]),
                        Head::Fixed => Value::Fixed,
                    },
                )))
            }
            None => Err(Malformed),
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        if read.is_err() {
            self.0 = &[];
        }
        read.transpose()
    }
}

/// All fields of one number that are bytes.
pub fn all(message: &[u8], field: u32) -> impl Iterator<Item = &[u8]> {
    Fields::of(message).filter_map(move |read| match read {
        Ok((number, Value::Bytes(bytes))) if number == field => Some(bytes),
        _ => None,
    })
}

/// The last field of a number that is bytes.
pub fn one(message: &[u8], field: u32) -> Option<&[u8]> {
    all(message, field).last()
}

/// The last field of a number that is a number.
pub fn number(message: &[u8], field: u32) -> Option<u64> {
    Fields::of(message)
        .filter_map(|read| match read {
            Ok((number, Value::Number(value))) if number == field => Some(value),
            _ => None,
        })
        .last()
}

/// What a field begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    Number(u64),
    /// Bytes that begin here and end where the field ends.
    Bytes(usize),
    Fixed,
}

/// The field at the beginning of `bytes`: its number, what it is, and how many bytes it takes, which may be more than there
/// are. `None` if that cannot be told yet.
pub(crate) fn head(bytes: &[u8]) -> Result<Option<(u32, Head, usize)>, Malformed> {
    let Some((key, after_key)) = varint(bytes)? else {
        return Ok(None);
    };
    let field = u32::try_from(key >> 3).map_err(|_| Malformed)?;
    let rest = &bytes[after_key..];
    Ok(match key & 7 {
        0 => varint(rest)?.map(|(number, len)| (field, Head::Number(number), after_key + len)),
        1 => Some((field, Head::Fixed, after_key + 8)),
        2 => match varint(rest)? {
            Some((len, after_len)) => {
                let from = after_key + after_len;
                let len = usize::try_from(len).map_err(|_| Malformed)?;
                let end = from.checked_add(len).ok_or(Malformed)?;
                Some((field, Head::Bytes(from), end))
            }
            None => None,
        },
        5 => Some((field, Head::Fixed, after_key + 4)),
        _ => return Err(Malformed),
    })
}

/// A number and how many bytes it takes. `None` if it is not all there.
fn varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, Malformed> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((number, at + 1)));
        }
    }
    if bytes.len() < 10 {
        Ok(None)
    } else {
        Err(Malformed)
    }
}

/// Appends a number.
pub fn put_varint(mut number: u64, out: &mut BytesMut) {
    while number >= 0x80 {
        out.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

/// Appends a field of bytes.
pub fn put_bytes(field: u32, bytes: &[u8], out: &mut BytesMut) {
    put_varint(u64::from(field) << 3 | 2, out);
    put_varint(bytes.len() as u64, out);
    out.put_slice(bytes);
}

/// Appends a field of text, unless it is empty.
pub fn put_text(field: u32, text: &str, out: &mut BytesMut) {
    if !text.is_empty() {
        put_bytes(field, text.as_bytes(), out);
    }
}

/// Appends a field that is a number, unless it is 0.
pub fn put_number(field: u32, number: u64, out: &mut BytesMut) {
    if number != 0 {
        put_varint(u64::from(field) << 3, out);
        put_varint(number, out);
    }
}

/// Appends a field that is a message.
pub fn put_message(field: u32, out: &mut BytesMut, message: impl FnOnce(&mut BytesMut)) {
    let mut inner = BytesMut::new();
    message(&mut inner);
    put_bytes(field, &inner, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut out = BytesMut::new();
        put_text(1, "name", &mut out);
        put_text(2, "", &mut out);
        put_number(3, 300, &mut out);
        put_number(4, 0, &mut out);
        put_message(5, &mut out, |inner| put_text(1, "inner", inner));
        put_bytes(1, b"again", &mut out);
        let fields: Vec<_> = Fields::of(&out).map(Result::unwrap).collect();
        assert_eq!(
            fields,
            [
                (1, Value::Bytes(b"name".as_slice())),
                (3, Value::Number(300)),
                (5, Value::Bytes(b"\x0a\x05inner")),
                (1, Value::Bytes(b"again")),
            ]
        );
        assert_eq!(one(&out, 1), Some(b"again".as_slice()));
        assert_eq!(all(&out, 1).count(), 2);
        assert_eq!(number(&out, 3), Some(300));
    }

    #[test]
    fn what_is_cut_or_odd_is_an_error_and_ends() {
        for bytes in [
            b"\x0a\x05abc".as_slice(),
            b"\x0a",
            b"\x0b",
            b"\x80",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            let read: Vec<_> = Fields::of(bytes).collect();
            assert_eq!(read, [Err(Malformed)], "{bytes:?}");
        }
        assert_eq!(head(b"\x0a"), Ok(None));
        assert_eq!(head(b"\x0a\x05a"), Ok(Some((1, Head::Bytes(2), 7))));
    }
}
