//! Server-sent events, one at a time.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use eventsource_stream::Eventsource as _;
use futures::StreamExt as _;
use futures::stream::{BoxStream, Stream};
use serde_json::Value;

/// Longer than any event may be waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stream that is being read. It closes when it is dropped.
pub struct Events(BoxStream<'static, anyhow::Result<Event>>);

/// An event.
#[derive(Debug, Clone)]
pub struct Event {
    /// What it is called.
    pub name: String,
    /// Its identifier.
    pub id: String,
    /// What it tells.
    pub data: Value,
}

impl Events {
    pub(super) fn new<E>(bytes: impl Stream<Item = Result<Bytes, E>> + Send + 'static) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let events = bytes.eventsource().map(|event| {
            let event = event.map_err(|error| anyhow::anyhow!("a broken stream: {error}"))?;
            Ok(Event {
                data: serde_json::from_str(&event.data)
                    .with_context(|| format!("data of an event: {}", event.data))?,
                name: event.event,
                id: event.id,
            })
        });
        Self(events.boxed())
    }

    /// The next event; none at the end of the stream.
    ///
    /// # Errors
    /// Where the stream breaks off, or nothing comes for long.
    pub async fn next(&mut self) -> anyhow::Result<Option<Event>> {
        tokio::time::timeout(PATIENCE, self.0.next())
            .await
            .context("no event came")?
            .transpose()
    }

    /// The first event from here on that this is true of.
    ///
    /// # Errors
    /// Where the stream ends before.
    pub async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> anyhow::Result<Event> {
        loop {
            let event = self.next().await?.context("the stream ended")?;
            if wanted(&event) {
                return Ok(event);
            }
        }
    }

    /// Everything up to the end of the stream.
    ///
    /// # Errors
    /// Where it breaks off.
    pub async fn rest(&mut self) -> anyhow::Result<Vec<Event>> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await? {
            events.push(event);
        }
        Ok(events)
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
