//! When a profile runs, and as what: its schedule and a clock give the next runs and their modes.
//!
//! Nothing here reads a clock, sleeps or stores: every question brings its instant along. Times of day are
//! those of the schedule's zone, and mean this where its clock changes:
//!
//! | rhythm | a time that is skipped | a time that comes twice |
//! | --- | --- | --- |
//! | every so many minutes or hours | elapsed time from the start: the clock on the wall has no say | as before |
//! | once; every so many days, weeks or months | the first instant after the gap | the first time only |
//! | cron that names hours | the first instant after the gap, once for all times in it | the first time only |
//! | cron of every hour (`*`) | not at all: the pace goes on after the gap | both times: the pace goes on |
//!
//! ```
//! use connector_host::schedule::{Baseline, Schedule, preview};
//!
//! let schedule: Schedule = serde_json::from_str(
//!     r#"{
//!         "zone": "Europe/Berlin",
//!         "rhythm": {"kind": "every", "count": 1, "unit": "days", "start": "2026-10-24T02:30:00"}
//!     }"#,
//! )?;
//! assert!(schedule.check().is_empty());
//! assert_eq!(schedule.describe(), "every day at 02:30, Europe/Berlin");
//!
//! let runs = preview(&schedule, Baseline::Weekly, None, "2026-10-24T00:00:00Z".parse()?, 2);
//! assert_eq!(runs[0].local, "Sat 2026-10-24 02:30 +02:00 Europe/Berlin");
//! assert_eq!(runs[1].local, "Sun 2026-10-25 02:30 +02:00 Europe/Berlin");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod baseline;
mod check;
mod cron;
mod describe;
mod rule;
mod wall;

#[cfg(test)]
mod tests;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

pub use baseline::{Baseline, Planned, mode_of, preview};
use rule::Rule;

/// Longest delay that [`Schedule::jittered`] adds, in seconds: a day.
pub const MOST_JITTER: u32 = 86_400;
/// Missed occurrences up to which [`Due::missed`] counts.
pub const MOST_MISSED: u64 = 1_000;

/// When a profile runs by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(examples(json!({
    "zone": "Europe/Berlin",
    "rhythm": {"kind": "every", "count": 1, "unit": "days", "start": "2026-11-24T02:00:00"},
    "jitterSeconds": 300
})))]
pub struct Schedule {
    /// IANA name of the time zone in which its times of day are read.
    #[schema(examples("Europe/Berlin"))]
    pub zone: String,
    /// How runs follow each other.
    pub rhythm: Rhythm,
    /// Each run is delayed by up to so many seconds, so that many profiles don't begin at once.
    #[serde(default)]
    #[schema(maximum = 86400)]
    pub jitter_seconds: u32,
}

/// How the runs of a schedule follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub enum Rhythm {
    /// Only when someone asks for a run.
    // With braces, since serde would let stray fields pass without them.
    Manual {},
    /// One single time.
    Once {
        /// When, on the wall clock of the zone.
        #[serde(deserialize_with = "wall::time")]
        #[schema(value_type = String, examples("2026-11-24T02:00:00"))]
        at: DateTime,
    },
    /// Again and again, counted from the start.
    Every {
        /// So many units lie between two runs.
        #[schema(minimum = 1)]
        count: u32,
        /// What is counted.
        unit: Unit,
        /// The first run, on the wall clock of the zone; it gives the others their time of day, their day
        /// of the week or their day of the month.
        #[serde(deserialize_with = "wall::time")]
        #[schema(value_type = String, examples("2026-11-24T02:00:00"))]
        start: DateTime,
        /// No run comes after this, on the wall clock of the zone.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "wall::time_or_none"
        )]
        #[schema(value_type = Option<String>, examples("2027-11-24T02:00:00"))]
        end: Option<DateTime>,
    },
    /// Whenever a cron expression matches the wall clock of the zone.
    Cron {
        /// Minute, hour, day of the month, month, day of the week (0 or 7 is Sunday); or `@hourly`,
        /// `@daily`, `@weekly`, `@monthly`, `@yearly`. Where both days are given, either is enough.
        #[schema(examples("0 2 * * 1-5"))]
        expression: String,
        /// No run comes before this, on the wall clock of the zone.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "wall::time_or_none"
        )]
        #[schema(value_type = Option<String>, examples("2026-11-24T02:00:00"))]
        start: Option<DateTime>,
        /// No run comes after this, on the wall clock of the zone.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "wall::time_or_none"
        )]
        #[schema(value_type = Option<String>, examples("2027-11-24T02:00:00"))]
        end: Option<DateTime>,
    },
}

/// What [`Rhythm::Every`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Sixty seconds of elapsed time.
    Minutes,
    /// Sixty minutes of elapsed time.
    Hours,
    /// The same time on the next day, be it 23, 24 or 25 hours later.
    Days,
    /// The same time on the same day of the next week.
    Weeks,
    /// The same time on the same day of the next month, or on its last day if it is shorter.
    Months,
}

/// A run that should have begun by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Due {
    /// The occurrence that it is for, without its delay.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Earlier occurrences for which there was no run and won't be any, counted up to 1000.
    pub missed: u64,
}

impl Default for Schedule {
    /// Only when asked.
    fn default() -> Self {
        Self {
            zone: "UTC".into(),
            rhythm: Rhythm::Manual {},
            jitter_seconds: 0,
        }
    }
}

/// A schedule that makes no sense never fires: [`Schedule::check`] says why.
impl Schedule {
    /// The occurrences after `after`, in order, without their delay.
    pub fn occurrences(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> + use<> {
        Rule::of(self)
            .into_iter()
            .flat_map(move |rule| rule.occurrences(after))
    }

    /// The first occurrence after `after`, without its delay.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        Rule::of(self)?.next(after)
    }

    /// When the run for an occurrence begins: up to [`Schedule::jitter_seconds`] later. The delay is drawn
    /// from `seed` (the profile's id) and the occurrence, so it is the same in every process and after
    /// every restart.
    #[must_use]
    pub fn jittered(&self, occurrence: Timestamp, seed: &str) -> Timestamp {
        let most = u64::from(self.jitter_seconds.min(MOST_JITTER));
        let hash = Sha256::new()
            .chain_update(occurrence.as_nanosecond().to_be_bytes())
            .chain_update(seed)
            .finalize();
        let drawn = hash
            .iter()
            .take(8)
            .fold(0_u64, |drawn, byte| drawn << 8 | u64::from(*byte));
        let delay = drawn.checked_rem(most + 1).unwrap_or(0);
        occurrence
            .checked_add(SignedDuration::from_secs(delay.cast_signed()))
            .unwrap_or(occurrence)
    }

    /// When to look for a run that is [due](Self::due) next.
    #[must_use]
    pub fn wake(&self, considered_until: Timestamp, seed: &str) -> Option<Timestamp> {
        Some(self.jittered(self.next(considered_until)?, seed))
    }

    /// The run that should have begun by `now`, delay included. However many occurrences have passed, it is
    /// one run, for the latest of them.
    ///
    /// `considered_until` is the occurrence that a run was last due for ([`Due::at`], and not the time at
    /// which that was found out: an occurrence whose delay wasn't over then would be lost), or the time at
    /// which the schedule was set.
    #[must_use]
    pub fn due(&self, considered_until: Timestamp, now: Timestamp, seed: &str) -> Option<Due> {
        let rule = Rule::of(self)?;
        let mut until = now;
        let at = loop {
            let at = rule.latest(considered_until, until)?;
            if self.jittered(at, seed) <= now {
                break at;
            }
            until = rule::before(at);
        };
        let missed = rule
            .occurrences(considered_until)
            .zip(0..MOST_MISSED)
            .take_while(|(occurrence, _)| *occurrence < at)
            .fold(0, |_, (_, index)| index + 1);
        Some(Due { at, missed })
    }
}
