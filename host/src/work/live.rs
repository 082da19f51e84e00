//! How far the runs that go on have come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::directory::Mode;
use crate::run::{Progress, Reading, Traffic};

/// How long the rate looks back.
const WINDOW: Duration = Duration::from_secs(10);

/// A run that goes on in this process.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) connector: Uuid,
    pub(super) progress: Arc<Progress>,
    pub(super) cancel: CancellationToken,
    since: Instant,
    /// Records at the beginning of the window, and when that was.
    mark: (Instant, u64),
    rate: f64,
    /// What was told last.
    told: Option<Reading>,
}

/// A count of what a stream has brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Brought {
    /// Records stored.
    pub done: u64,
    /// Records that the plugin expects, where it knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
}

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunProgress {
    /// The run.
    pub run: Uuid,
    /// Its connector.
    pub connector: Uuid,
    /// Of which kind it is, once it has begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Why it is of this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Users.
    pub users: Brought,
    /// Groups.
    pub groups: Brought,
    /// Direct memberships.
    pub memberships: Brought,
    /// Parts of the work that are done, of those known so far.
    pub partitions: Brought,
    /// Pages stored.
    pub pages: u64,
    /// Pages read again after a fault.
    pub rereads: u64,
    /// Use of the network: requests, what they cost, and how long the source's quota holds them back.
    pub traffic: Traffic,
    /// Records a second, of the last few seconds.
    pub rate: f64,
    /// Milliseconds since it began in this process.
    pub elapsed_ms: u64,
    /// When it will end if it goes on like this; absent where that can't be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub estimated_end: Option<Timestamp>,
}

impl Live {
    pub(super) fn new(connector: Uuid) -> Self {
        let now = Instant::now();
        Self {
            connector,
            progress: Arc::default(),
            cancel: CancellationToken::new(),
            since: now,
            mark: (now, 0),
            rate: 0.0,
            told: None,
        }
    }

    /// How far it has come, by a clock that shows `at`.
    pub(super) fn look(&self, run: Uuid, at: Timestamp) -> RunProgress {
        let reading = self.progress.read();
        let expected = reading.expected;
        let users = brought(reading.users, expected.users);
        let groups = brought(reading.groups, expected.groups);
        let memberships = brought(reading.members, expected.members);
        let elapsed = self.since.elapsed();
        let (mode, reason) = self.progress.mode().unzip();
        RunProgress {
            run,
            connector: self.connector,
            mode,
            reason,
            users,
            groups,
            memberships,
            partitions: brought(reading.ended, Some(reading.partitions)),
            pages: reading.pages,
            rereads: reading.rereads,
            traffic: reading.traffic,
            rate: self.rate,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            estimated_end: estimated_end(at, self.rate, &[users, groups, memberships]),
        }
    }

    /// The same where something has changed since it was last told. Called at a steady pace, for the rate.
    pub(super) fn news(&mut self, run: Uuid, at: Timestamp) -> Option<RunProgress> {
        let reading = self.progress.read();
        let records = reading.users + reading.groups + reading.members;
        let (since, before) = self.mark;
        let passed = since.elapsed();
        if passed >= Duration::from_secs(1) {
            let now = per_second(records.saturating_sub(before), passed);
            // A moving average over the window.
            let weight = (passed.as_secs_f64() / WINDOW.as_secs_f64()).min(1.0);
            self.rate = if self.rate > 0.0 {
                self.rate + weight * (now - self.rate)
            } else {
                now
            };
            self.mark = (Instant::now(), records);
        }
        if self.told == Some(reading) {
            return None;
        }
        self.told = Some(reading);
        Some(self.look(run, at))
    }
}

fn brought(done: u64, expected: Option<u64>) -> Brought {
    Brought { done, expected }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn per_second(records: u64, passed: Duration) -> f64 {
    records as f64 / passed.as_secs_f64().max(0.001)
}

/// When the streams whose end is known will have come to it at this rate.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn estimated_end(at: Timestamp, rate: f64, streams: &[Brought]) -> Option<Timestamp> {
    let left: u64 = streams
        .iter()
        .filter_map(|stream| Some(stream.expected?.saturating_sub(stream.done)))
        .sum();
    if left == 0 || rate <= 0.0 {
        return None;
    }
    let seconds = SignedDuration::try_from_secs_f64(left as f64 / rate).ok()?;
    at.checked_add(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_estimated_from_what_is_left_and_the_rate() {
        let at = Timestamp::UNIX_EPOCH;
        let streams = [
            brought(40, Some(100)),
            brought(7, None),
            brought(9, Some(5)),
        ];
        assert_eq!(
            estimated_end(at, 2.0, &streams).unwrap().as_second(),
            30,
            "60 are left"
        );
        assert_eq!(estimated_end(at, 0.0, &streams), None);
        assert_eq!(estimated_end(at, 2.0, &[brought(1, None)]), None);
    }

    #[test]
    fn what_has_not_changed_is_no_news() {
        let mut live = Live::new(Uuid::nil());
        assert!(live.news(Uuid::nil(), Timestamp::UNIX_EPOCH).is_some());
        assert!(live.news(Uuid::nil(), Timestamp::UNIX_EPOCH).is_none());
    }
}
