//! What a schedule promises.

mod calendar;
mod clocks;
mod cron;
mod due;
mod laws;
mod snapshots;
mod words;

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::{Rhythm, Schedule, Unit, wall};

/// Zones that differ in how, when and whether their clocks change.
const ZONES: [&str; 6] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Lagos",
    "UTC",
];

fn at(instant: &str) -> Timestamp {
    instant.parse().unwrap()
}

fn on_wall(time: &str) -> DateTime {
    time.parse().unwrap()
}

fn schedule(zone: &str, rhythm: Rhythm) -> Schedule {
    Schedule {
        zone: zone.into(),
        rhythm,
        jitter_seconds: 0,
    }
}

fn once(zone: &str, time: &str) -> Schedule {
    schedule(zone, Rhythm::Once { at: on_wall(time) })
}

fn every(zone: &str, count: u32, unit: Unit, start: &str) -> Schedule {
    let rhythm = Rhythm::Every {
        count,
        unit,
        start: on_wall(start),
        end: None,
    };
    schedule(zone, rhythm)
}

fn cron(zone: &str, expression: &str) -> Schedule {
    let rhythm = Rhythm::Cron {
        expression: expression.into(),
        start: None,
        end: None,
    };
    schedule(zone, rhythm)
}

fn ending(mut schedule: Schedule, time: &str) -> Schedule {
    match &mut schedule.rhythm {
        Rhythm::Every { end, .. } | Rhythm::Cron { end, .. } => *end = Some(on_wall(time)),
        rhythm => panic!("{rhythm:?} has no end"),
    }
    schedule
}

fn starting(mut schedule: Schedule, time: &str) -> Schedule {
    match &mut schedule.rhythm {
        Rhythm::Cron { start, .. } => *start = Some(on_wall(time)),
        rhythm => panic!("{rhythm:?} always has a start"),
    }
    schedule
}

fn jittery(jitter_seconds: u32, schedule: Schedule) -> Schedule {
    Schedule {
        jitter_seconds,
        ..schedule
    }
}

/// The first occurrences from a time on the wall, as the wall shows them.
fn shown(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
    let zone = wall::zone(&schedule.zone).unwrap();
    let from = wall::instant(&zone, on_wall(from)).unwrap();
    schedule
        .occurrences(super::rule::before(from))
        .take(count)
        .map(|at| {
            let local = at.to_zoned_datetime(zone.clone());
            local.strftime("%m-%d %H:%M %:z").to_string()
        })
        .collect()
}

/// All occurrences of a calendar year of the schedule's zone.
fn in_year(schedule: &Schedule, year: i16) -> Vec<Timestamp> {
    let zone = wall::zone(&schedule.zone).unwrap();
    let new_year = |year| wall::instant(&zone, DateTime::constant(year, 1, 1, 0, 0, 0, 0)).unwrap();
    schedule
        .occurrences(super::rule::before(new_year(year)))
        .take_while(|at| *at < new_year(year + 1))
        .collect()
}
