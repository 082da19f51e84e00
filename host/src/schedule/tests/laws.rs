//! What holds for every schedule.

use jiff::{SignedDuration, Span};
use proptest::prelude::*;

use super::*;

/// Instants of the years 2020 to 2032, every second of them with a clock change near it.
fn instants() -> impl Strategy<Value = Timestamp> {
    let near_changes =
        (0_usize..4, 2020_i16..2032, -172_800_i64..172_800).prop_map(|(which, year, near)| {
            let change = ["03-29T01:00", "10-25T01:00", "03-08T07:00", "04-04T15:00"][which];
            let change = at(&format!("{year}-{change}:00Z"));
            change + SignedDuration::from_secs(near)
        });
    let anywhere =
        (1_577_836_800_i64..1_956_528_000).prop_map(|s| Timestamp::from_second(s).unwrap());
    prop_oneof![near_changes, anywhere]
}

fn zones() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&ZONES[..])
}

fn units() -> impl Strategy<Value = Unit> {
    prop::sample::select(vec![
        Unit::Minutes,
        Unit::Hours,
        Unit::Days,
        Unit::Weeks,
        Unit::Months,
    ])
}

fn intervals() -> impl Strategy<Value = Schedule> {
    (zones(), 1_u32..40, units(), instants()).prop_map(|(zone, count, unit, start)| {
        let start = wall::zone("UTC").unwrap().to_datetime(start);
        every(zone, count, unit, &start.to_string())
    })
}

fn expressions() -> impl Strategy<Value = Schedule> {
    const MINUTES: [&str; 6] = ["*", "*/7", "0", "30", "5,45", "10-20/5"];
    const HOURS: [&str; 6] = ["*", "*/2", "2", "1-3", "0,2,14", "1,2"];
    const DAYS: [&str; 7] = [
        "* * *",
        "* * 1-5",
        "L * *",
        "29 2 *",
        "1,15 * 0",
        "15W */3 *",
        "* * 5#1",
    ];
    (
        zones(),
        prop::sample::select(&MINUTES[..]).prop_map(str::to_owned),
        prop::sample::select(&HOURS[..]).prop_map(str::to_owned),
        prop::sample::select(&DAYS[..]).prop_map(str::to_owned),
    )
        .prop_map(|(zone, minutes, hours, days)| cron(zone, &format!("{minutes} {hours} {days}")))
}

fn schedules() -> impl Strategy<Value = Schedule> {
    prop_oneof![intervals(), expressions()]
}

/// Ten runs from a little before: all that a short look can find.
fn look(schedule: &Schedule, after: Timestamp) -> Vec<Timestamp> {
    schedule.occurrences(after).take(10).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn occurrences_come_after_and_in_order(schedule in schedules(), after in instants()) {
        prop_assert_eq!(schedule.check(), []);
        let mut last = after;
        for at in look(&schedule, after) {
            prop_assert!(at > last);
            last = at;
        }
    }

    #[test]
    fn where_one_begins_to_look_changes_nothing(
        schedule in schedules(),
        after in instants(),
        later in 1_i64..200_000,
    ) {
        let later = after + SignedDuration::from_secs(later);
        let skipped: Vec<Timestamp> = schedule
            .occurrences(after)
            .skip_while(|at| *at <= later)
            .take(10)
            .collect();
        prop_assert_eq!(look(&schedule, later), skipped);
    }

    #[test]
    fn jumping_finds_what_stepping_from_the_start_finds(
        schedule in intervals(),
        after in instants(),
    ) {
        let Rhythm::Every { count, unit, start, .. } = schedule.rhythm else {
            unreachable!()
        };
        let zone = wall::zone(&schedule.zone).unwrap();
        let first = wall::instant(&zone, start).unwrap();
        // Only what can be stepped in reasonable time.
        let after = after.min(first + SignedDuration::from_hours(24 * 200));
        let mut stepped = (0_i64..).map(|index| {
            let n = index * i64::from(count);
            match unit {
                Unit::Minutes => first + SignedDuration::from_secs(60 * n),
                Unit::Hours => first + SignedDuration::from_secs(3_600 * n),
                Unit::Days => wall::instant(&zone, start + Span::new().days(n)).unwrap(),
                Unit::Weeks => wall::instant(&zone, start + Span::new().weeks(n)).unwrap(),
                Unit::Months => wall::instant(&zone, start + Span::new().months(n)).unwrap(),
            }
        });
        let expected = stepped.find(|at| *at > after);
        prop_assert_eq!(schedule.next(after), expected);
    }

    #[test]
    fn where_its_clock_stands_still_a_zone_is_its_offset(
        schedule in expressions(),
        after in instants(),
    ) {
        let Some(found) = schedule.next(after) else {
            return Err(TestCaseError::fail("it never fires"));
        };
        let Rhythm::Cron { expression, .. } = &schedule.rhythm else {
            unreachable!()
        };
        let zone = wall::zone(&schedule.zone).unwrap();
        let change = zone.following(after).next().map(|change| change.timestamp());
        if change.is_none_or(|change| found < change) {
            let still = jiff::tz::TimeZone::fixed(zone.to_offset(after));
            let cron = super::super::cron::Cron::parse(expression).unwrap();
            prop_assert_eq!(cron.next(&still, after), Some(found));
        }
    }

    #[test]
    fn whatever_is_given_as_an_expression_is_read_or_refused(
        expression in "([0-9*/,LW#?+-]{1,6} ){4}[0-9*/,LW#?+A-Z-]{1,6}|.{0,40}",
        zone in zones(),
        after in instants(),
    ) {
        let schedule = cron(zone, &expression);
        let fires = schedule.next(after).is_some();
        prop_assert_eq!(schedule.check().is_empty(), fires);
    }

    #[test]
    fn the_delay_is_within_its_bounds_and_always_the_same(
        jitter in 0_u32..=86_400,
        occurrence in instants(),
        seed in ".*",
    ) {
        let schedule = jittery(jitter, Schedule::default());
        let begin = schedule.jittered(occurrence, &seed);
        prop_assert!(begin >= occurrence);
        prop_assert!(begin <= occurrence + SignedDuration::from_secs(i64::from(jitter)));
        prop_assert_eq!(begin, schedule.jittered(occurrence, &seed));
    }

    #[test]
    fn what_is_due_is_the_latest_that_has_begun(
        schedule in schedules(),
        share in 0_u32..100,
        considered_until in instants(),
        passed in 0_i64..400_000,
    ) {
        let schedule = jittery(share, schedule);
        let now = considered_until + SignedDuration::from_secs(passed);
        let begun: Vec<Timestamp> = schedule
            .occurrences(considered_until)
            .take_while(|at| *at <= now)
            .filter(|at| schedule.jittered(*at, "seed") <= now)
            .collect();
        let due = schedule.due(considered_until, now, "seed");
        prop_assert_eq!(due.map(|due| due.at), begun.last().copied());
        if let Some(due) = due {
            let earlier = schedule.occurrences(considered_until).take_while(|at| *at < due.at);
            prop_assert_eq!(due.missed, earlier.count().min(1_000) as u64);
        }
    }
}
