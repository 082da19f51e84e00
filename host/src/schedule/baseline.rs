//! Which runs read everything.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Schedule, wall};
use crate::directory::Mode;

/// How often a run is a snapshot: the first one of each period is, the others are incremental.
///
/// Periods are those of the calendar in the schedule's zone. The very first run is always a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Baseline {
    /// No run but the very first.
    Never,
    /// Each day, from midnight.
    Daily,
    /// Each ISO week, from Monday.
    #[default]
    Weekly,
    /// Each month, from its first day.
    Monthly,
}

/// A run that is to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Planned {
    /// When, without its delay.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The same as people in the schedule's zone read it.
    #[schema(examples("Tue 2026-11-24 02:00 +01:00 Europe/Berlin"))]
    pub local: String,
    /// As what.
    pub mode: Mode,
}

/// As what a run for `at` goes, if the last snapshot that succeeded was for `last_snapshot`.
///
/// Both are occurrences where a schedule asked for the run ([`super::Due::at`], since a delay may carry its
/// begin into the next period), and the time of asking where someone else did. A zone that is unknown is
/// read as UTC.
#[must_use]
pub fn mode_of(
    baseline: Baseline,
    zone: &str,
    last_snapshot: Option<Timestamp>,
    at: Timestamp,
) -> Mode {
    let zone = wall::zone(zone).unwrap_or(TimeZone::UTC);
    mode_within(baseline, &zone, last_snapshot, at)
}

/// The next runs after `now`, at most `count`, and as what each goes if all of them succeed.
#[must_use]
pub fn preview(
    schedule: &Schedule,
    baseline: Baseline,
    last_snapshot: Option<Timestamp>,
    now: Timestamp,
    count: usize,
) -> Vec<Planned> {
    let zone = wall::zone(&schedule.zone).unwrap_or(TimeZone::UTC);
    let mut last_snapshot = last_snapshot;
    schedule
        .occurrences(now)
        .take(count)
        .map(|at| {
            let mode = mode_within(baseline, &zone, last_snapshot, at);
            if mode == Mode::Snapshot {
                last_snapshot = Some(at);
            }
            Planned {
                at,
                local: wall::read(&zone, at),
                mode,
            }
        })
        .collect()
}

fn mode_within(
    baseline: Baseline,
    zone: &TimeZone,
    last_snapshot: Option<Timestamp>,
    at: Timestamp,
) -> Mode {
    let period = |at| baseline.period(zone.to_datetime(at).date());
    match last_snapshot {
        Some(last) if period(last) >= period(at) => Mode::Incremental,
        _ => Mode::Snapshot,
    }
}

impl Baseline {
    /// The first day of the period that a day is in.
    fn period(self, day: Date) -> Date {
        match self {
            Self::Never => Date::MIN,
            Self::Daily => day,
            Self::Weekly => {
                let monday = day.iso_week_date().first_of_week();
                monday.map_or(day, |monday| monday.date())
            }
            Self::Monthly => day.first_of_month(),
        }
    }
}
