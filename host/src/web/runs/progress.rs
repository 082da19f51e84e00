//! How far a run has come.

use jiff::{SignedDuration, Timestamp};

use crate::api::Plane;
use crate::api::problem::Problem;
use crate::directory::{ConnectorRecord, Mode};
use crate::egress::{QuotaUse, WaitReason};
use crate::web::filters::{grouped, span};
use crate::work::{Brought, RunProgress};

/// What a run of which nothing else is known will bring.
const AS_NOW: &str = "as many as the directory holds now";
/// What its plugin says that it will bring.
const EXPECTED: &str = "as the plugin expects";

/// A bar for one stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) name: &'static str,
    pub(super) done: u64,
    /// About how many there will be, and how that is known.
    pub(super) about: Option<(u64, &'static str)>,
}

/// What is shown of a run that goes on.
#[derive(Debug)]
pub(super) struct View {
    pub(super) bars: Vec<Bar>,
    pub(super) partitions: Brought,
    pub(super) rate: u64,
    pub(super) ends: Option<Timestamp>,
    pub(super) quota: Option<QuotaUse>,
    pub(super) wait: Option<String>,
    pub(super) told: RunProgress,
}

impl View {
    /// Of a run that goes on, at this time.
    pub(super) async fn of(
        plane: &Plane,
        told: RunProgress,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let directory = &plane.directory;
        let held = match directory.find(&told.connector.to_string()).await? {
            Some(key) => directory.counts(key).await?,
            None => None,
        };
        Ok(Self::new(told, held.as_ref(), now))
    }

    fn new(told: RunProgress, held: Option<&ConnectorRecord>, now: Timestamp) -> Self {
        // An increment is of any size.
        let held = held.filter(|_| told.mode == Some(Mode::Snapshot));
        let bar = |name, brought: Brought, held: Option<u64>| Bar {
            name,
            done: brought.done,
            about: match (brought.expected, held) {
                (Some(expected), _) => Some((expected, EXPECTED)),
                (None, Some(held)) if held > 0 => Some((held, AS_NOW)),
                (None, _) => None,
            },
        };
        let bars = vec![
            bar("Users", told.users, held.map(|held| held.users)),
            bar("Groups", told.groups, held.map(|held| held.groups)),
            bar(
                "Memberships",
                told.memberships,
                held.map(|held| held.memberships),
            ),
        ];
        Self {
            ends: told
                .estimated_end
                .or_else(|| estimated_end(&bars, told.rate, now)),
            partitions: told.partitions,
            rate: whole(told.rate),
            quota: told.traffic.quota,
            wait: wait(&told),
            bars,
            told,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is no negative number, and far below 2^52"
)]
fn whole(rate: f64) -> u64 {
    rate.round() as u64
}

/// When what is left of all bars whose length is known will be there.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn estimated_end(bars: &[Bar], rate: f64, now: Timestamp) -> Option<Timestamp> {
    let left: u64 = bars
        .iter()
        .filter_map(|bar| Some(bar.about?.0.saturating_sub(bar.done)))
        .sum();
    if left == 0 || rate <= 0.0 {
        return None;
    }
    let seconds = SignedDuration::try_from_secs_f64(left as f64 / rate).ok()?;
    now.checked_add(seconds).ok()
}

/// What requests wait for now.
fn wait(told: &RunProgress) -> Option<String> {
    let traffic = &told.traffic;
    let left = traffic.waits_for_ms.unwrap_or_default();
    let again = if left > 0 {
        // Nobody counts tenths while they wait.
        format!("resuming in {} s", left.div_ceil(1_000))
    } else {
        "resuming in a moment".to_owned()
    };
    match traffic.waits_because? {
        WaitReason::Closed => Some(format!("Throttled by the source, {again}.")),
        WaitReason::Quota => Some(format!("Waiting for the quota, {again}.")),
        // That is how it goes as fast as it may.
        WaitReason::InFlight => None,
    }
}

impl Bar {
    /// The same in words.
    pub(super) fn text(&self) -> String {
        match self.about {
            Some((about, _)) => format!("{} of about {}", grouped(self.done), grouped(about)),
            None => format!("{} so far", grouped(self.done)),
        }
    }

    /// How much of the bar is full; a guess may be too small.
    pub(super) fn filled(&self, about: &u64) -> u64 {
        self.done.min(*about)
    }
}

/// How much of the quota's bar is full: what a request did cost is known only afterwards.
pub(super) fn used(quota: &QuotaUse) -> u64 {
    quota.used.min(quota.units)
}

/// `10 s` of a quota's window.
pub(super) fn window(quota: &QuotaUse) -> String {
    match quota.window_ms {
        ms if ms % 1_000 == 0 && ms < 60_000 => format!("{} s", ms / 1_000),
        ms => span(ms),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::directory::ConnectorKey;
    use crate::run::Traffic;

    fn told(mode: Mode) -> RunProgress {
        RunProgress {
            run: Uuid::nil(),
            connector: Uuid::nil(),
            mode: Some(mode),
            reason: None,
            users: Brought {
                done: 40,
                expected: Some(100),
            },
            groups: Brought {
                done: 30,
                expected: None,
            },
            memberships: Brought::default(),
            partitions: Brought::default(),
            pages: 0,
            rereads: 0,
            traffic: Traffic::default(),
            rate: 2.0,
            elapsed_ms: 0,
            estimated_end: None,
        }
    }

    fn held() -> ConnectorRecord {
        ConnectorRecord {
            key: ConnectorKey(1),
            name: String::new(),
            users: 7,
            groups: 20,
            memberships: 0,
            cursor_taken: None,
        }
    }

    #[test]
    fn a_snapshot_is_measured_by_what_the_plugin_expects_or_what_is_there() {
        let view = View::new(told(Mode::Snapshot), Some(&held()), Timestamp::UNIX_EPOCH);
        let abouts: Vec<_> = view.bars.iter().map(|bar| bar.about).collect();
        assert_eq!(abouts, [Some((100, EXPECTED)), Some((20, AS_NOW)), None]);
        assert_eq!(view.bars[1].filled(&20), 20, "more than was guessed");
        assert_eq!(view.bars[2].text(), "0 so far");
        assert_eq!(view.ends.unwrap().as_second(), 30, "60 users are left");
    }

    #[test]
    fn an_increment_is_measured_by_nothing_but_its_plugin() {
        let view = View::new(
            told(Mode::Incremental),
            Some(&held()),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(view.bars[1].about, None);
    }

    #[test]
    fn a_wait_is_told_with_its_reason_and_its_end() {
        let mut throttled = told(Mode::Snapshot);
        throttled.traffic.waits_because = Some(WaitReason::Closed);
        throttled.traffic.waits_for_ms = Some(3_200);
        assert_eq!(
            wait(&throttled).unwrap(),
            "Throttled by the source, resuming in 4 s."
        );
        throttled.traffic.waits_because = Some(WaitReason::InFlight);
        assert_eq!(wait(&throttled), None);
    }
}
