//! Which runs are snapshots.

use super::super::{Baseline, Planned, mode_of, preview};
use super::*;
use crate::directory::Mode::{self, Incremental, Snapshot};

fn modes(schedule: &Schedule, baseline: Baseline, now: &str, count: usize) -> Vec<Mode> {
    preview(schedule, baseline, None, at(now), count)
        .into_iter()
        .map(|planned| planned.mode)
        .collect()
}

/// The local dates of the snapshots among the next runs.
fn snapshots(schedule: &Schedule, baseline: Baseline, now: &str, count: usize) -> Vec<String> {
    preview(schedule, baseline, None, at(now), count)
        .into_iter()
        .filter(|planned| planned.mode == Snapshot)
        .map(|planned| planned.local.chars().take(20).collect())
        .collect()
}

#[test]
fn the_very_first_run_is_a_snapshot_even_without_a_baseline() {
    let daily = every("UTC", 1, Unit::Days, "2026-11-24T02:00");
    assert_eq!(
        modes(&daily, Baseline::Never, "2026-11-24T00:00:00Z", 4),
        [Snapshot, Incremental, Incremental, Incremental]
    );
}

#[test]
fn the_first_run_of_each_day_is_a_snapshot_by_the_zones_own_days() {
    // In Kolkata the day begins at 18:30 UTC.
    let hours = every("Asia/Kolkata", 6, Unit::Hours, "2026-11-24T00:00");
    assert_eq!(
        snapshots(&hours, Baseline::Daily, "2026-11-23T18:00:00Z", 9),
        [
            "Tue 2026-11-24 00:00",
            "Wed 2026-11-25 00:00",
            "Thu 2026-11-26 00:00"
        ]
    );
    let mode = |zone| {
        let last = Some(at("2026-11-24T18:00:00Z"));
        mode_of(Baseline::Daily, zone, last, at("2026-11-24T19:00:00Z"))
    };
    assert_eq!(mode("Asia/Kolkata"), Snapshot);
    assert_eq!(mode("UTC"), Incremental);
}

#[test]
fn the_first_run_of_each_week_is_a_snapshot_from_monday_on() {
    let daily = every("Europe/Berlin", 1, Unit::Days, "2026-11-24T02:00");
    assert_eq!(
        snapshots(&daily, Baseline::Weekly, "2026-11-24T00:00:00Z", 14),
        [
            "Tue 2026-11-24 02:00",
            "Mon 2026-11-30 02:00",
            "Mon 2026-12-07 02:00"
        ]
    );
}

#[test]
fn a_week_that_spans_new_year_has_one_snapshot() {
    // The last days of 2026 and the first of 2027 are ISO week 53 of 2026.
    let daily = every("Europe/Berlin", 1, Unit::Days, "2026-01-01T02:00");
    assert_eq!(
        snapshots(&daily, Baseline::Weekly, "2026-12-28T00:00:00Z", 8),
        ["Mon 2026-12-28 02:00", "Mon 2027-01-04 02:00"]
    );
    // A year has its weeks: 53 Mondays or, in the first days, one that began before it.
    assert_eq!(
        snapshots(&daily, Baseline::Weekly, "2025-12-31T23:30:00Z", 365).len(),
        53
    );
}

#[test]
fn the_first_run_of_each_month_is_a_snapshot() {
    let daily = every("America/New_York", 1, Unit::Days, "2026-01-01T22:00");
    assert_eq!(
        snapshots(&daily, Baseline::Monthly, "2026-01-30T12:00:00Z", 33),
        [
            "Fri 2026-01-30 22:00",
            "Sun 2026-02-01 22:00",
            "Sun 2026-03-01 22:00"
        ]
    );
}

#[test]
fn runs_rarer_than_the_baseline_are_all_snapshots() {
    let monthly = every("UTC", 1, Unit::Months, "2026-01-31T00:00");
    assert_eq!(
        modes(&monthly, Baseline::Weekly, "2026-01-01T00:00:00Z", 3),
        [Snapshot; 3]
    );
}

#[test]
fn a_snapshot_by_hand_counts_for_its_period() {
    let nightly = every("Europe/Berlin", 1, Unit::Days, "2026-01-01T22:00");
    let by_hand = Some(at("2026-11-23T11:00:00Z"));
    let modes: Vec<Mode> = preview(
        &nightly,
        Baseline::Daily,
        by_hand,
        at("2026-11-23T12:00:00Z"),
        3,
    )
    .into_iter()
    .map(|planned| planned.mode)
    .collect();
    assert_eq!(modes, [Incremental, Snapshot, Snapshot]);
}

#[test]
fn a_snapshot_from_the_future_is_still_one() {
    let mode = mode_of(
        Baseline::Daily,
        "UTC",
        Some(at("2026-11-26T00:00:00Z")),
        at("2026-11-24T00:00:00Z"),
    );
    assert_eq!(mode, Incremental);
}

#[test]
fn a_preview_tells_people_the_day_the_time_the_offset_and_the_zone() {
    let daily = every("Europe/Berlin", 1, Unit::Days, "2026-10-24T02:30");
    let planned = preview(&daily, Baseline::Never, None, at("2026-10-25T12:00:00Z"), 1);
    assert_eq!(
        planned,
        [Planned {
            at: at("2026-10-26T01:30:00Z"),
            local: "Mon 2026-10-26 02:30 +01:00 Europe/Berlin".into(),
            mode: Snapshot
        }]
    );
    assert_eq!(
        serde_json::to_value(&planned).unwrap(),
        serde_json::json!([{
            "at": "2026-10-26T01:30:00Z",
            "local": "Mon 2026-10-26 02:30 +01:00 Europe/Berlin",
            "mode": "snapshot"
        }])
    );
}
