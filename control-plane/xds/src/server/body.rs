//! The body of a response: shared bytes while the stream lives, trailers at its end.

use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, CatchUnwind};
use http_body::Frame;

use super::status::{Code, Status};
use crate::frame::Outbox;

/// Either nothing (the status is in the headers) or a stream.
#[derive(Default)]
pub(crate) enum Body {
    #[default]
    Empty,
    Stream(Driven),
}

/// A stream's driver and what it has put out. The driver runs when the transport asks for more and there is no more:
/// while the client's window is shut nothing is read, decided or encoded for it.
pub(crate) struct Driven {
    driver: Option<CatchUnwind<std::panic::AssertUnwindSafe<BoxFuture<'static, Status>>>>,
    outbox: Arc<Outbox>,
    status: Option<Status>,
    on_panic: Box<dyn Fn(&str) + Send + Sync>,
}

impl Driven {
    pub(crate) fn new(
        driver: BoxFuture<'static, Status>,
        outbox: Arc<Outbox>,
        on_panic: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        // after a panic neither the driver nor its session is used again
        let driver = std::panic::AssertUnwindSafe(driver).catch_unwind();
        Self {
            driver: Some(driver),
            outbox,
            status: None,
            on_panic: Box::new(on_panic),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self::Stream(stream) = self.get_mut() else {
            return Poll::Ready(None);
        };
        loop {
            if let Some(bytes) = stream.outbox.next() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if let Some(status) = stream.status.take() {
                return Poll::Ready(Some(Ok(Frame::trailers(status.trailers()))));
            }
            let Some(driver) = &mut stream.driver else {
                return Poll::Ready(None);
            };
            match driver.poll_unpin(context) {
                Poll::Pending => match stream.outbox.next() {
                    Some(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                    None => return Poll::Pending,
                },
                Poll::Ready(ended) => {
                    stream.driver = None;
                    stream.status = Some(ended.unwrap_or_else(|panic| {
                        (stream.on_panic)(text(&*panic));
                        Status::new(Code::Internal, "internal error")
                    }));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stream(stream) => stream.driver.is_none() && stream.status.is_none(),
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Waker;

    use http_body::Body as _;

    use super::*;

    #[test]
    fn a_defect_ends_the_stream_and_nothing_else() {
        let panics = Arc::new(AtomicUsize::new(0));
        let counted = panics.clone();
        let outbox = Arc::new(Outbox::default());
        let driver = Box::pin(async { panic!("a defect") });
        let driven = Driven::new(driver, outbox, move |text| {
            assert_eq!(text, "a defect");
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let mut body = Body::Stream(driven);
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) else {
            panic!("trailers")
        };
        assert_eq!(frame.trailers_ref().unwrap()["grpc-status"], "13");
        assert!(body.is_end_stream());
        assert!(Pin::new(&mut body).poll_frame(&mut context).is_ready());
        assert_eq!(panics.load(Ordering::Relaxed), 1);
    }
}
