//! The lines of a watch: one event each.

use std::io;
use std::pin::Pin;

use futures_util::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Longest event. The API server takes no object of more than 3 MiB.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// Room that is kept for the next event; the room of a larger one is given back.
const KEPT_BYTES: usize = 256 << 10;

/// The lines of a response's body.
pub(super) struct Lines {
    body: Pin<Box<dyn AsyncBufRead + Send>>,
    /// The line that was given out, or the part of the next one that has come.
    line: Vec<u8>,
    given: bool,
}

impl Lines {
    pub(super) fn new(body: impl AsyncBufRead + Send + 'static) -> Self {
        Self {
            body: Box::pin(body),
            line: Vec::new(),
            given: false,
        }
    }

    /// Waits for the next line that is not empty; `None` at the end of the body. Safe to cancel.
    ///
    /// # Errors
    /// The connection broke, or the body ended within a line.
    pub(super) async fn next(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            if std::mem::take(&mut self.given) {
                self.line.clear();
                self.line.shrink_to(KEPT_BYTES);
            }
            let has = u64::try_from(self.line.len()).unwrap_or(u64::MAX);
            let mut limited = (&mut self.body).take(MAX_LINE_BYTES.saturating_sub(has));
            limited.read_until(b'\n', &mut self.line).await?;
            if self.line.is_empty() {
                return Ok(None);
            }
            if self.line.last() != Some(&b'\n') {
                let has = u64::try_from(self.line.len()).unwrap_or(u64::MAX);
                let why = if has >= MAX_LINE_BYTES {
                    "an event is longer than any object may be"
                } else {
                    "the connection ended within an event"
                };
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
            }
            self.given = true;
            if self.line.len() > 1 {
                return Ok(Some(&self.line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use futures_util::io::Cursor;
    use futures_util::stream::{self, StreamExt, TryStreamExt};
    use tokio::sync::Notify;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn lines_come_one_by_one_and_a_cut_one_is_an_error() {
        let mut lines = Lines::new(Cursor::new(b"one\n\ntwo\ncut".to_vec()));
        assert_eq!(lines.next().await.unwrap(), Some(&b"one\n"[..]));
        assert_eq!(lines.next().await.unwrap(), Some(&b"two\n"[..]));
        let error = lines.next().await.unwrap_err();
        assert!(error.to_string().contains("within an event"), "{error}");

        let mut lines = Lines::new(Cursor::new(b"one\n".to_vec()));
        assert!(lines.next().await.unwrap().is_some());
        assert_eq!(lines.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_line_is_bounded() {
        let endless = stream::repeat_with(|| Ok::<_, io::Error>(vec![b'x'; 1 << 20]));
        let mut lines = Lines::new(endless.into_async_read());
        let error = lines.next().await.unwrap_err();
        assert!(error.to_string().contains("longer than"), "{error}");
        assert!(lines.line.len() as u64 <= MAX_LINE_BYTES);
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_loses_nothing() {
        let rest = Arc::new(Notify::new());
        let waits = Arc::clone(&rest);
        let parts = stream::iter(["ab"]).chain(stream::once(async move {
            waits.notified().await;
            "cd\n"
        }));
        let parts = parts.map(|part| Ok::<_, io::Error>(part.as_bytes()));
        let mut lines = Lines::new(Box::pin(parts).into_async_read());
        let given_up = timeout(Duration::from_millis(5), lines.next()).await;
        assert!(given_up.is_err());
        rest.notify_one();
        assert_eq!(lines.next().await.unwrap(), Some(&b"abcd\n"[..]));
    }
}
