//! The body of a response on its way to a guest.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures::Stream;
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep};

use super::{error::BodyError, gate::Slot, scrub::Scrubber, usage::Counters};

/// A response's body, as a stream of chunks: capped, timed, counted and scrubbed.
///
/// It counts as a request in flight until its end or its drop. Trailers are left out.
pub struct Body {
    remote: Option<Remote>,
}

/// A body that comes from elsewhere.
pub(super) struct Remote {
    pub(super) inner: reqwest::Body,
    pub(super) scrubber: Scrubber,
    pub(super) counters: Arc<Counters>,
    pub(super) _slot: Option<Slot>,
    pub(super) limits: BodyLimits,
    pub(super) received: u64,
    /// Runs while nothing comes.
    pub(super) pause: Pin<Box<Sleep>>,
    pub(super) waiting: bool,
}

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    pub(super) bytes: u64,
    pub(super) total_bytes: u64,
    pub(super) idle: Duration,
}

impl Body {
    pub(super) fn empty() -> Self {
        Self { remote: None }
    }

    pub(super) fn new(
        inner: reqwest::Body,
        scrubber: Scrubber,
        counters: Arc<Counters>,
        slot: Option<Slot>,
        limits: BodyLimits,
    ) -> Self {
        let pause = Box::pin(sleep(limits.idle));
        Self {
            remote: Some(Remote {
                inner,
                scrubber,
                counters,
                _slot: slot,
                limits,
                received: 0,
                waiting: false,
                pause,
            }),
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Body").finish_non_exhaustive()
    }
}

impl Remote {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            let frame = match http_body::Body::poll_frame(Pin::new(&mut self.inner), context) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    // From the first look on: a guest that is slow itself breaks nothing.
                    if !std::mem::replace(&mut self.waiting, true) {
                        self.pause.as_mut().reset(Instant::now() + self.limits.idle);
                    }
                    ready!(self.pause.as_mut().poll(context));
                    return Poll::Ready(Some(Err(BodyError::Idle {
                        seconds: self.limits.idle.as_secs(),
                    })));
                }
            };
            self.waiting = false;
            let data = match frame {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(BodyError::transport(&error)))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => data,
                    Err(_trailers) => continue,
                },
            };
            let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
            self.received = self.received.saturating_add(size);
            let total = self.counters.received(size, self.received);
            if self.received > self.limits.bytes {
                return Poll::Ready(Some(Err(BodyError::TooLarge {
                    limit: self.limits.bytes,
                })));
            }
            if total > self.limits.total_bytes {
                return Poll::Ready(Some(Err(BodyError::TotalTooLarge {
                    limit: self.limits.total_bytes,
                })));
            }
            let chunk = self.scrubber.push(data);
            if !chunk.is_empty() {
                return Poll::Ready(Some(Ok(chunk)));
            }
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(remote) = &mut self.remote else {
            return Poll::Ready(None);
        };
        let item = ready!(remote.poll(context));
        if matches!(item, Some(Ok(_))) {
            return Poll::Ready(item);
        }
        // The end or an error: give connection and slot back.
        let rest = self
            .remote
            .take()
            .map(|mut remote| remote.scrubber.finish())
            .unwrap_or_default();
        if item.is_none() && !rest.is_empty() {
            return Poll::Ready(Some(Ok(rest)));
        }
        Poll::Ready(item)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.poll_next(context)
            .map(|item| item.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.remote.is_none()
    }
}
