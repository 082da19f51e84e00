//! Days, weeks and months, windows and far starts.

use super::*;

#[test]
fn the_31st_of_each_month_is_the_last_day_of_a_shorter_one_and_does_not_drift() {
    let monthly = every("Europe/Berlin", 1, Unit::Months, "2026-01-31T12:00");
    assert_eq!(
        shown(&monthly, "2026-01-01T00:00", 5),
        [
            "01-31 12:00 +01:00",
            "02-28 12:00 +01:00",
            "03-31 12:00 +02:00",
            "04-30 12:00 +02:00",
            "05-31 12:00 +02:00"
        ]
    );
    assert_eq!(
        shown(&monthly, "2028-02-01T00:00", 1),
        ["02-29 12:00 +01:00"]
    );
}

#[test]
fn a_leap_day_each_year_is_the_28th_in_common_years() {
    let yearly = every("UTC", 12, Unit::Months, "2024-02-29T00:00");
    let dates: Vec<String> = yearly
        .occurrences(at("2024-01-01T00:00:00Z"))
        .take(5)
        .map(|at| at.strftime("%F").to_string())
        .collect();
    assert_eq!(
        dates,
        [
            "2024-02-29",
            "2025-02-28",
            "2026-02-28",
            "2027-02-28",
            "2028-02-29"
        ]
    );
}

#[test]
fn weeks_keep_their_day_over_new_year() {
    let weekly = every("America/New_York", 2, Unit::Weeks, "2026-12-21T09:00");
    assert_eq!(
        shown(&weekly, "2026-12-01T00:00", 3),
        [
            "12-21 09:00 -05:00",
            "01-04 09:00 -05:00",
            "01-18 09:00 -05:00"
        ]
    );
}

#[test]
fn the_start_is_the_first_run_and_the_end_may_be_the_last() {
    let daily = ending(
        every("Europe/Berlin", 1, Unit::Days, "2026-11-24T02:00"),
        "2026-11-26T02:00",
    );
    assert_eq!(
        shown(&daily, "2020-01-01T00:00", 9),
        [
            "11-24 02:00 +01:00",
            "11-25 02:00 +01:00",
            "11-26 02:00 +01:00"
        ]
    );
    let hourly = ending(
        every("Europe/Berlin", 5, Unit::Hours, "2026-11-24T02:00"),
        "2026-11-24T11:59",
    );
    assert_eq!(
        shown(&hourly, "2020-01-01T00:00", 9),
        ["11-24 02:00 +01:00", "11-24 07:00 +01:00"]
    );
}

#[test]
fn a_cron_expression_keeps_to_its_start_and_end() {
    let nightly = ending(
        starting(cron("Europe/Berlin", "0 2 * * *"), "2026-11-24T02:00"),
        "2026-11-25T02:00",
    );
    assert_eq!(
        shown(&nightly, "2020-01-01T00:00", 9),
        ["11-24 02:00 +01:00", "11-25 02:00 +01:00"]
    );
}

#[test]
fn an_occurrence_is_never_its_own_next_one() {
    let daily = every("Europe/Berlin", 1, Unit::Days, "2026-11-24T02:00");
    let first = at("2026-11-24T01:00:00Z");
    assert_eq!(daily.next(super::super::rule::before(first)), Some(first));
    assert_eq!(daily.next(first), Some(at("2026-11-25T01:00:00Z")));
}

#[test]
fn a_start_long_ago_costs_nothing() {
    // Stepping there would take thirty million steps, ten thousand times.
    let minutely = every("UTC", 1, Unit::Minutes, "1970-01-01T00:00");
    let mut now = at("2026-11-24T02:00:30Z");
    for _ in 0..10_000 {
        now = minutely.next(now).unwrap();
    }
    assert_eq!(now, at("2026-12-01T00:40:00Z"));
    let daily = every("Europe/Berlin", 1, Unit::Days, "1970-01-01T02:30");
    assert_eq!(daily.occurrences(now).take(10_000).count(), 10_000);
}

#[test]
fn a_schedule_by_hand_never_runs_by_itself() {
    assert_eq!(Schedule::default().next(Timestamp::MIN), None);
    assert_eq!(
        Schedule::default().due(Timestamp::MIN, Timestamp::MAX, ""),
        None
    );
}

#[test]
fn a_schedule_that_makes_no_sense_never_runs() {
    for broken in [
        every("Europe/Nowhere", 1, Unit::Days, "2026-01-01T00:00"),
        every("UTC", 0, Unit::Days, "2026-01-01T00:00"),
        ending(
            every("UTC", 1, Unit::Days, "2026-01-02T00:00"),
            "2026-01-01T00:00",
        ),
        cron("UTC", "not a cron expression"),
    ] {
        assert!(!broken.check().is_empty());
        assert_eq!(broken.next(at("2020-01-01T00:00:00Z")), None, "{broken:?}");
    }
}

#[test]
fn time_ends_without_a_fuss() {
    for unit in [Unit::Minutes, Unit::Days, Unit::Months] {
        let schedule = every("Europe/Berlin", 1, unit, "2026-01-01T00:00");
        assert_eq!(schedule.next(Timestamp::MAX), None);
    }
    assert_eq!(
        cron("Europe/Berlin", "0 2 * * *").next(Timestamp::MAX),
        None
    );
    assert_eq!(
        cron("Europe/Berlin", "* * * * *").next(Timestamp::MAX),
        None
    );
}
