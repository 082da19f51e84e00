//! The next runs of a schedule, drawn on a time line.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::api::Plane;
use crate::api::problem::Problem;
use crate::directory::Mode;
use crate::schedule::{Baseline, Planned, Schedule, preview};

/// Runs that are shown.
const SHOWN: usize = 10;
/// Labels along the line.
const TICKS: u8 = 4;

/// The next runs of a schedule.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::web) struct Plan {
    /// The schedule in a sentence.
    pub(in crate::web) text: String,
    /// Whether the next run reads everything because there was none that did.
    pub(in crate::web) is_first: bool,
    pub(in crate::web) runs: Vec<PlannedRun>,
    pub(in crate::web) ticks: Vec<Tick>,
}

/// A run on the line.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::web) struct PlannedRun {
    pub(in crate::web) at: Timestamp,
    /// As people in the schedule's zone read it.
    pub(in crate::web) local: String,
    pub(in crate::web) is_snapshot: bool,
    /// Where on the line, in per cent.
    pub(in crate::web) place: String,
}

/// A label of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Tick {
    pub(in crate::web) place: String,
    pub(in crate::web) text: String,
    /// How the text stands at its place.
    pub(in crate::web) anchor: &'static str,
}

impl PlannedRun {
    /// As what it goes.
    pub(in crate::web) fn word(&self) -> &'static str {
        if self.is_snapshot {
            "snapshot"
        } else {
            "incremental"
        }
    }
}

/// The next runs of a schedule that is in order, for a connector whose last snapshot was this.
pub(in crate::web) async fn plan(
    plane: &Plane,
    schedule: &Schedule,
    baseline: Baseline,
    last_snapshot: Option<Timestamp>,
) -> Result<Plan, Problem> {
    let now = plane.clock.now();
    let schedule = schedule.clone();
    // A schedule that hardly ever fires is looked through for years.
    let planned = tokio::task::spawn_blocking(move || {
        let runs = preview(&schedule, baseline, last_snapshot, now, SHOWN);
        let mut plan = drawn(runs, &schedule.zone, now);
        plan.text = schedule.describe();
        plan.is_first = last_snapshot.is_none();
        plan
    });
    planned.await.map_err(|error| Problem::internal(&error))
}

fn drawn(runs: Vec<Planned>, zone: &str, now: Timestamp) -> Plan {
    let end = runs.last().map_or(now, |run| run.at);
    let whole = end.duration_since(now).as_secs_f64().max(1.0);
    // Marks keep away from both ends.
    let place = |at: Timestamp| 2.0 + 96.0 * at.duration_since(now).as_secs_f64() / whole;
    let ticks = match runs.is_empty() {
        true => Vec::new(),
        false => ticks(zone, now, end),
    };
    Plan {
        text: String::new(),
        is_first: false,
        runs: runs
            .into_iter()
            .map(|run| PlannedRun {
                place: percent(place(run.at)),
                at: run.at,
                local: run.local,
                is_snapshot: run.mode == Mode::Snapshot,
            })
            .collect(),
        ticks,
    }
}

fn ticks(zone: &str, now: Timestamp, end: Timestamp) -> Vec<Tick> {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let whole = end.duration_since(now);
    let format = match whole.as_hours() {
        0..24 => "%H:%M",
        24..120 => "%a %H:%M",
        120..8_000 => "%-d %b",
        _ => "%b %Y",
    };
    let tick = |index: u8| {
        let share = f64::from(index) / f64::from(TICKS);
        let distance = SignedDuration::from_secs_f64(whole.as_secs_f64() * share);
        let at = now.checked_add(distance).unwrap_or(end);
        let (anchor, text) = match index {
            0 => ("start", "now".to_owned()),
            _ => (
                if index == TICKS { "end" } else { "middle" },
                at.to_zoned_datetime(zone.clone())
                    .strftime(format)
                    .to_string(),
            ),
        };
        Tick {
            place: percent(match index {
                0 => 0.0,
                TICKS => 100.0,
                _ => 2.0 + 96.0 * share,
            }),
            text,
            anchor,
        }
    };
    (0..=TICKS).map(tick).collect()
}

fn percent(place: f64) -> String {
    format!("{place:.2}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(count: usize) -> Plan {
        let now: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
        let schedule: Schedule = serde_json::from_str(
            r#"{"zone": "UTC", "rhythm": {"kind": "cron", "expression": "0 12 * * *"}}"#,
        )
        .unwrap();
        let runs = preview(&schedule, Baseline::Weekly, None, now, count);
        drawn(runs, "UTC", now)
    }

    #[test]
    fn runs_stand_on_the_line_as_far_apart_as_in_time() {
        let plan = runs(3);
        let places: Vec<&str> = plan.runs.iter().map(|run| run.place.as_str()).collect();
        assert_eq!(places, ["21.20%", "59.60%", "98.00%"]);
        let words: Vec<&str> = plan.runs.iter().map(PlannedRun::word).collect();
        assert_eq!(words, ["snapshot", "incremental", "incremental"]);
    }

    #[test]
    fn the_line_begins_now_and_ends_with_the_last_run() {
        let plan = runs(10);
        let texts: Vec<&str> = plan.ticks.iter().map(|tick| tick.text.as_str()).collect();
        assert_eq!(texts, ["now", "26 Nov", "28 Nov", "1 Dec", "3 Dec"]);
        assert_eq!(runs(0).ticks, []);
    }
}
