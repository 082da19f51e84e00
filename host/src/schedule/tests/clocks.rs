//! Where clocks change.

use std::collections::BTreeSet;

use super::*;

#[test]
fn each_day_of_a_year_has_one_daily_run_whatever_its_clock_does() {
    for zone in ZONES {
        for (year, days) in [(2026, 365), (2028, 366)] {
            for time in ["00:00", "01:45", "02:00", "02:15", "02:30", "23:59"] {
                let daily = every(zone, 1, Unit::Days, &format!("2020-01-01T{time}"));
                let runs = in_year(&daily, year);
                let tz = wall::zone(zone).unwrap();
                let dates: BTreeSet<_> = runs.iter().map(|at| tz.to_datetime(*at).date()).collect();
                assert_eq!(
                    (runs.len(), dates.len()),
                    (days, days),
                    "{zone} {year} {time}"
                );
            }
        }
    }
}

#[test]
fn every_two_hours_is_two_hours_all_year_in_every_zone() {
    for zone in ZONES {
        let runs = in_year(&every(zone, 2, Unit::Hours, "2020-01-01T00:00"), 2026);
        let pauses: BTreeSet<i64> = runs
            .windows(2)
            .map(|pair| pair[1].as_second() - pair[0].as_second())
            .collect();
        assert_eq!((runs.len(), pauses), (4_380, [7_200].into()), "{zone}");
    }
}

#[test]
fn a_time_in_the_gap_runs_at_the_first_instant_after_it() {
    let berlin = every("Europe/Berlin", 1, Unit::Days, "2026-01-01T02:30");
    assert_eq!(
        shown(&berlin, "2026-03-28T00:00", 3),
        [
            "03-28 02:30 +01:00",
            "03-29 03:00 +02:00",
            "03-30 02:30 +02:00"
        ]
    );
    let new_york = every("America/New_York", 1, Unit::Weeks, "2026-03-01T02:59");
    assert_eq!(
        shown(&new_york, "2026-03-01T00:00", 3),
        [
            "03-01 02:59 -05:00",
            "03-08 03:00 -04:00",
            "03-15 02:59 -04:00"
        ]
    );
    assert_eq!(
        shown(
            &once("Europe/Berlin", "2026-03-29T02:00"),
            "2026-01-01T00:00",
            2
        ),
        ["03-29 03:00 +02:00"]
    );
}

#[test]
fn a_time_in_the_fold_runs_the_first_time_only() {
    let berlin = every("Europe/Berlin", 1, Unit::Days, "2026-01-01T02:30");
    assert_eq!(
        shown(&berlin, "2026-10-24T00:00", 3),
        [
            "10-24 02:30 +02:00",
            "10-25 02:30 +02:00",
            "10-26 02:30 +01:00"
        ]
    );
    // Asked between the two, the next is tomorrow's.
    assert_eq!(
        berlin.next(at("2026-10-25T00:45:00Z")),
        Some(at("2026-10-26T01:30:00Z"))
    );
    assert_eq!(
        shown(
            &once("America/New_York", "2026-11-01T01:30"),
            "2026-01-01T00:00",
            2
        ),
        ["11-01 01:30 -04:00"]
    );
}

#[test]
fn half_an_hour_of_daylight_saving_is_half_an_hour() {
    let daily = every("Australia/Lord_Howe", 1, Unit::Days, "2026-01-01T02:15");
    assert_eq!(
        shown(&daily, "2026-10-03T00:00", 3),
        [
            "10-03 02:15 +10:30",
            "10-04 02:30 +11:00",
            "10-05 02:15 +11:00"
        ]
    );
    let daily = every("Australia/Lord_Howe", 1, Unit::Days, "2026-01-01T01:45");
    assert_eq!(
        shown(&daily, "2026-04-04T00:00", 3),
        [
            "04-04 01:45 +11:00",
            "04-05 01:45 +11:00",
            "04-06 01:45 +10:30"
        ]
    );
}

#[test]
fn a_day_that_a_zone_leaves_out_runs_once_at_its_end() {
    // Samoa went from the 29th to the 31st of December 2011.
    let late = every("Pacific/Apia", 1, Unit::Days, "2011-01-01T10:00");
    assert_eq!(
        shown(&late, "2011-12-29T00:00", 3),
        [
            "12-29 10:00 -10:00",
            "12-31 00:00 +14:00",
            "12-31 10:00 +14:00"
        ]
    );
    let midnight = every("Pacific/Apia", 1, Unit::Days, "2011-01-01T00:00");
    assert_eq!(
        shown(&midnight, "2011-12-29T00:00", 3),
        [
            "12-29 00:00 -10:00",
            "12-31 00:00 +14:00",
            "01-01 00:00 +14:00"
        ]
    );
    assert_eq!(
        shown(&cron("Pacific/Apia", "0 10 * * *"), "2011-12-29T00:00", 3),
        [
            "12-29 10:00 -10:00",
            "12-31 00:00 +14:00",
            "12-31 10:00 +14:00"
        ]
    );
}

#[test]
fn minutes_go_on_evenly_through_gap_and_fold() {
    let berlin = every("Europe/Berlin", 30, Unit::Minutes, "2026-01-01T00:00");
    assert_eq!(
        shown(&berlin, "2026-03-29T01:30", 3),
        [
            "03-29 01:30 +01:00",
            "03-29 03:00 +02:00",
            "03-29 03:30 +02:00"
        ]
    );
    assert_eq!(
        shown(&berlin, "2026-10-25T02:30", 4),
        [
            "10-25 02:30 +02:00",
            "10-25 02:00 +01:00",
            "10-25 02:30 +01:00",
            "10-25 03:00 +01:00"
        ]
    );
}

#[test]
fn a_zone_without_its_system_database_is_still_known() {
    let bundled = jiff::tz::TimeZoneDatabase::bundled();
    for zone in ZONES {
        assert!(bundled.get(zone).is_ok(), "{zone}");
    }
}
