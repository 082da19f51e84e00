//! Schedules as JSON, their mistakes, and their sentences.

use serde_json::{Value, json};
use utoipa::PartialSchema as _;

use super::*;

/// The path of each problem, with what to read.
fn problems(schedule: &Schedule) -> Vec<(String, String)> {
    let problems = schedule.check().into_iter();
    problems
        .map(|p| (p.path, format!("{}. {}", p.message, p.remedy)))
        .collect()
}

fn only_problem(schedule: &Schedule) -> (String, String) {
    let mut problems = problems(schedule);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

fn read(rhythm: &Value) -> Result<Schedule, serde_json::Error> {
    serde_json::from_value(json!({"zone": "Europe/Berlin", "rhythm": rhythm}))
}

#[test]
fn a_schedule_survives_its_json() {
    for rhythm in [
        json!({"kind": "manual"}),
        json!({"kind": "once", "at": "2026-11-24T02:00:00"}),
        json!({"kind": "every", "count": 15, "unit": "minutes", "start": "2026-11-24T00:00:00"}),
        json!({"kind": "every", "count": 1, "unit": "months", "start": "2026-11-24T00:00:00",
            "end": "2027-11-24T00:00:00"}),
        json!({"kind": "cron", "expression": "0 2 * * 1-5"}),
        json!({"kind": "cron", "expression": "0 2 * * 1-5", "start": "2026-11-24T00:00:00",
            "end": "2027-11-24T00:00:00"}),
    ] {
        let schedule = read(&rhythm).unwrap();
        assert_eq!(problems(&schedule), []);
        let again = serde_json::to_value(&schedule).unwrap();
        let whole = json!({"zone": "Europe/Berlin", "rhythm": rhythm, "jitterSeconds": 0});
        assert_eq!(again, whole);
    }
}

#[test]
fn a_time_may_be_given_without_seconds() {
    let short = read(&json!({"kind": "once", "at": "2026-11-24T02:00"})).unwrap();
    assert_eq!(short, once("Europe/Berlin", "2026-11-24T02:00:00"));
}

#[test]
fn a_time_with_an_offset_or_a_zone_of_its_own_is_refused() {
    for time in [
        "2026-11-24T02:00:00Z",
        "2026-11-24T02:00:00+01:00",
        "2026-11-24T02:00:00[Europe/Berlin]",
        "2026-11-24T02:00:00+01:00[Europe/Berlin]",
    ] {
        let error = read(&json!({"kind": "once", "at": time})).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "`{time}` is no time on the wall: give one such as 2026-11-24T02:00:00, it is read in the schedule's zone"
            )
        );
        let cron = json!({"kind": "cron", "expression": "0 2 * * *", "end": time});
        assert!(read(&cron).is_err());
    }
    let open = json!({"kind": "cron", "expression": "0 2 * * *", "end": null});
    assert_eq!(read(&open).unwrap(), cron("Europe/Berlin", "0 2 * * *"));
}

#[test]
fn a_field_that_is_not_known_is_refused() {
    for rhythm in [
        json!({"kind": "manual", "count": 1}),
        json!({"kind": "once", "at": "2026-11-24T02:00", "end": "2026-11-24T02:00"}),
        json!({"kind": "cron", "expresion": "0 2 * * *"}),
        json!({"kind": "daily"}),
    ] {
        let error = read(&rhythm).unwrap_err().to_string();
        assert!(error.contains("unknown"), "{rhythm}: {error}");
    }
}

#[test]
fn the_api_document_knows_the_kinds_and_the_fields() {
    let schema = serde_json::to_value(Rhythm::schema()).unwrap();
    let kinds: Vec<&str> = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["properties"]["kind"]["enum"][0].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["manual", "once", "every", "cron"]);
    let schema = serde_json::to_value(Schedule::schema()).unwrap();
    assert_eq!(schema["required"], json!(["zone", "rhythm"]));
    assert_eq!(schema["additionalProperties"], json!(false));
}

#[test]
fn a_zone_that_is_not_known_is_refused_with_the_nearest_names() {
    let mut schedule = once("Europe/Berln", "2026-11-24T02:00");
    let (path, text) = only_problem(&schedule);
    assert_eq!(path, "zone");
    assert!(
        text.starts_with("`Europe/Berln` is no time zone. Did you mean Europe/Berlin"),
        "{text}"
    );
    schedule.zone = "new york".into();
    assert!(only_problem(&schedule).1.contains("America/New_York"));
    for strange in ["", "CEST or so", "Etc/Unknown", "+02:00", "../etc/passwd"] {
        schedule.zone = strange.into();
        let (path, text) = only_problem(&schedule);
        assert_eq!(path, "zone", "{strange}");
        assert!(
            text.contains("IANA") || text.contains("Did you mean"),
            "{text}"
        );
    }
}

#[test]
fn a_count_of_nothing_or_of_ages_is_refused() {
    for (count, unit) in [
        (0, Unit::Minutes),
        (5_256_001, Unit::Minutes),
        (121, Unit::Months),
    ] {
        let (path, _) = only_problem(&every("UTC", count, unit, "2026-01-01T00:00"));
        assert_eq!(path, "rhythm.count");
    }
    for (count, unit) in [
        (1, Unit::Minutes),
        (5_256_000, Unit::Minutes),
        (120, Unit::Months),
    ] {
        assert_eq!(problems(&every("UTC", count, unit, "2026-01-01T00:00")), []);
    }
}

#[test]
fn an_end_before_the_start_is_refused() {
    let daily = every("UTC", 1, Unit::Days, "2026-01-02T00:00");
    assert_eq!(
        only_problem(&ending(daily, "2026-01-01T00:00")).0,
        "rhythm.end"
    );
    let nightly = starting(cron("UTC", "0 2 * * *"), "2026-01-02T00:00");
    assert_eq!(
        only_problem(&ending(nightly, "2026-01-01T00:00")).0,
        "rhythm.end"
    );
}

#[test]
fn a_date_out_of_reach_or_with_a_fraction_is_refused() {
    for time in [
        "0206-01-01T00:00",
        "9999-12-31T23:59:59",
        "2026-01-01T00:00:00.5",
    ] {
        assert_eq!(only_problem(&once("UTC", time)).0, "rhythm.at");
        assert_eq!(
            only_problem(&every("UTC", 1, Unit::Days, time)).0,
            "rhythm.start"
        );
    }
}

#[test]
fn an_expression_that_cannot_be_read_is_refused_with_the_reason() {
    for (expression, reason) in [
        ("", "0 of 5 fields"),
        ("0 2 * *", "4 of 5 fields"),
        ("*/10 * * * * *", "a minute is the finest"),
        ("0 0 2 * * * 2026", "a minute is the finest"),
        ("60 2 * * *", "the minute, `60`: Number out of bounds"),
        ("0 25 * * *", "the hour, `25`: "),
        ("*/0 * * * *", "Step cannot be zero"),
        ("0 2 0 * *", "the day of the month, `0`: "),
        ("0 2 * 13 *", "the month, `13`: "),
        ("0 2 * * someday", "the day of the week, `someday`: "),
        ("1,,2 * * * *", "empty place in its list"),
        ("@whenever", "no such name"),
        (&"1,".repeat(200), "longer than"),
    ] {
        let (path, text) = only_problem(&cron("UTC", expression));
        assert_eq!(path, "rhythm.expression");
        assert!(text.contains(reason), "{expression}: {text}");
    }
}

#[test]
fn an_expression_that_never_fires_is_refused() {
    for expression in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "* * 31 2 *"] {
        let (path, text) = only_problem(&cron("Europe/Berlin", expression));
        assert_eq!(path, "rhythm.expression");
        assert!(text.contains("no year has such a day"), "{text}");
    }
    let leap_day = starting(cron("UTC", "0 0 29 2 *"), "2026-01-01T00:00");
    let (path, text) = only_problem(&ending(leap_day, "2027-12-31T00:00"));
    assert_eq!(path, "rhythm.expression");
    assert!(text.contains("between start and end"), "{text}");
}

#[test]
fn a_delay_of_the_period_or_of_more_than_a_day_is_refused() {
    for (jitter, schedule) in [
        (900, every("UTC", 15, Unit::Minutes, "2026-01-01T00:00")),
        (86_400, every("UTC", 1, Unit::Days, "2026-01-01T00:00")),
        (300, cron("UTC", "*/5 8-17 * * *")),
        (3_600, cron("UTC", "55 23,0 * * *")),
        (600, cron("UTC", "5,55 * * * *")),
        (86_401, Schedule::default()),
    ] {
        let schedule = jittery(jitter, schedule);
        assert_eq!(only_problem(&schedule).0, "jitterSeconds", "{schedule:?}");
        let smaller = jittery(jitter - 1, schedule);
        assert_eq!(problems(&smaller), []);
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let mut wrong = ending(
        every("Mars", 0, Unit::Days, "2026-01-02T00:00"),
        "2026-01-01T00:00",
    );
    wrong.jitter_seconds = 100_000;
    let paths: Vec<String> = problems(&wrong).into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        paths,
        ["zone", "rhythm.count", "rhythm.end", "jitterSeconds"]
    );
}

#[test]
fn a_schedule_says_itself_in_a_sentence() {
    let zone = "Europe/Berlin";
    let start = "2026-11-24T02:00";
    for (schedule, sentence) in [
        (Schedule::default(), "only when asked"),
        (once(zone, start), "once, 2026-11-24 02:00, Europe/Berlin"),
        (every(zone, 15, Unit::Minutes, start), "every 15 minutes"),
        (every(zone, 1, Unit::Hours, start), "every hour"),
        (
            ending(every(zone, 1, Unit::Hours, start), "2027-01-01T00:00"),
            "every hour, Europe/Berlin, until 2027-01-01 00:00",
        ),
        (
            every(zone, 1, Unit::Days, start),
            "every day at 02:00, Europe/Berlin",
        ),
        (
            every(zone, 1, Unit::Weeks, start),
            "every Tuesday at 02:00, Europe/Berlin",
        ),
        (
            every(zone, 2, Unit::Weeks, start),
            "every 2 weeks on Tuesday at 02:00, Europe/Berlin",
        ),
        (
            every(zone, 1, Unit::Months, start),
            "every month on the 24th at 02:00, Europe/Berlin",
        ),
        (
            every(zone, 3, Unit::Months, "2026-01-31T02:00:30"),
            "every 3 months on the 31st or last day at 02:00:30, Europe/Berlin",
        ),
        (
            ending(every(zone, 3, Unit::Days, start), "2027-01-01T00:00"),
            "every 3 days at 02:00, Europe/Berlin, until 2027-01-01 00:00",
        ),
        (cron(zone, "0 2 * * 1-5"), "cron 0 2 * * 1-5, Europe/Berlin"),
        (
            ending(
                starting(cron(zone, "0 2 * * 1-5"), start),
                "2027-01-01T00:00",
            ),
            "cron 0 2 * * 1-5, Europe/Berlin, from 2026-11-24 02:00, until 2027-01-01 00:00",
        ),
    ] {
        assert_eq!(schedule.describe(), sentence);
    }
}
