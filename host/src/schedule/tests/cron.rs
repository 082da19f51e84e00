//! Cron expressions on the wall clock of a zone.

use super::*;

#[test]
fn a_nightly_expression_is_the_same_as_every_day() {
    for zone in ZONES {
        for (hour, minute) in [(0, 0), (1, 45), (2, 0), (2, 15), (2, 30), (23, 59)] {
            let by_cron = cron(zone, &format!("{minute} {hour} * * *"));
            let by_day = every(
                zone,
                1,
                Unit::Days,
                &format!("2020-01-01T{hour:02}:{minute:02}"),
            );
            assert_eq!(
                in_year(&by_cron, 2026),
                in_year(&by_day, 2026),
                "{zone} {hour}:{minute}"
            );
        }
    }
}

#[test]
fn an_expression_of_every_hour_keeps_its_pace_through_gap_and_fold() {
    for zone in ZONES {
        let by_cron = cron(zone, "*/15 * * * *");
        let by_minutes = every(zone, 15, Unit::Minutes, "2020-01-01T00:00");
        assert_eq!(
            in_year(&by_cron, 2026),
            in_year(&by_minutes, 2026),
            "{zone}"
        );
    }
}

#[test]
fn an_expression_of_every_hour_runs_when_the_clock_shows_it_even_half_an_hour_off() {
    let hourly = cron("Australia/Lord_Howe", "0 * * * *");
    // At 02:00 the clock goes back to 01:30: it shows 02:00 only half an hour later.
    assert_eq!(
        shown(&hourly, "2026-04-05T01:00", 3),
        [
            "04-05 01:00 +11:00",
            "04-05 02:00 +10:30",
            "04-05 03:00 +10:30"
        ]
    );
    // At 02:00 it goes on to 02:30.
    assert_eq!(
        shown(&hourly, "2026-10-04T01:00", 2),
        ["10-04 01:00 +10:30", "10-04 03:00 +11:00"]
    );
}

#[test]
fn weekdays_are_those_of_the_zone() {
    assert_eq!(
        shown(&cron("Asia/Kolkata", "0 2 * * 1-5"), "2026-11-27T00:00", 3),
        [
            "11-27 02:00 +05:30",
            "11-30 02:00 +05:30",
            "12-01 02:00 +05:30"
        ]
    );
    assert_eq!(
        shown(&cron("Europe/Berlin", "0 2 * * SUN"), "2026-11-27T00:00", 1),
        shown(&cron("Europe/Berlin", "0 2 * * 7"), "2026-11-27T00:00", 1)
    );
}

#[test]
fn times_that_the_gap_swallows_make_one_run_after_it() {
    assert_eq!(
        shown(
            &cron("Europe/Berlin", "*/20 1-3 * * *"),
            "2026-03-29T01:40",
            4
        ),
        [
            "03-29 01:40 +01:00",
            "03-29 03:00 +02:00",
            "03-29 03:20 +02:00",
            "03-29 03:40 +02:00"
        ]
    );
    // The library alone would leave this day's run out, since two hours are named.
    assert_eq!(
        shown(
            &cron("Europe/Berlin", "30 2,14 * * *"),
            "2026-03-29T00:00",
            2
        ),
        ["03-29 03:00 +02:00", "03-29 14:30 +02:00"]
    );
}

#[test]
fn times_that_the_fold_repeats_run_once() {
    assert_eq!(
        shown(
            &cron("Europe/Berlin", "30 2,14 * * *"),
            "2026-10-25T00:00",
            2
        ),
        ["10-25 02:30 +02:00", "10-25 14:30 +01:00"]
    );
    let in_second_pass = at("2026-10-25T01:10:00Z");
    assert_eq!(
        cron("Europe/Berlin", "30 2 * * *").next(in_second_pass),
        Some(at("2026-10-26T01:30:00Z"))
    );
}

#[test]
fn the_leap_day_is_found_and_30_february_given_up() {
    assert_eq!(
        cron("UTC", "0 0 29 2 *").next(at("2096-03-01T00:00:00Z")),
        Some(at("2104-02-29T00:00:00Z"))
    );
    for expression in ["0 0 30 2 *", "* * 30 2 *", "0 0 31 4,6 *"] {
        for zone in ZONES {
            assert_eq!(
                cron(zone, expression).next(at("2026-01-01T00:00:00Z")),
                None
            );
        }
    }
}

#[test]
fn the_rarest_expression_is_still_found() {
    // A Monday that is a 29 February: after 2072 only in 2112, since 2100 has none.
    assert_eq!(
        cron("UTC", "0 0 29 2 +1").next(at("2072-03-01T00:00:00Z")),
        Some(at("2112-02-29T00:00:00Z"))
    );
}

#[test]
fn the_last_day_the_nearest_weekday_and_the_nth_weekday_are_understood() {
    let first = |expression| shown(&cron("UTC", expression), "2026-02-01T00:00", 2);
    assert_eq!(
        first("0 0 L * *"),
        ["02-28 00:00 +00:00", "03-31 00:00 +00:00"]
    );
    assert_eq!(
        first("0 0 15W * *"),
        ["02-16 00:00 +00:00", "03-16 00:00 +00:00"]
    );
    assert_eq!(
        first("0 0 * * 1#2"),
        ["02-09 00:00 +00:00", "03-09 00:00 +00:00"]
    );
    assert_eq!(
        first("@monthly"),
        ["02-01 00:00 +00:00", "03-01 00:00 +00:00"]
    );
}

#[test]
fn an_expression_fires_on_whole_minutes_whenever_it_is_asked() {
    let minutely = cron("Asia/Kolkata", "* * * * *");
    assert_eq!(
        minutely.next(at("2026-11-24T02:00:30.123456789Z")),
        Some(at("2026-11-24T02:01:00Z"))
    );
    assert_eq!(
        minutely.next(at("2026-11-24T01:59:59.999999999Z")),
        Some(at("2026-11-24T02:00:00Z"))
    );
}
