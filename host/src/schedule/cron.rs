//! Cron expressions, read on a wall clock.

use std::cmp::Ordering;

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::time::{CivilDateTime, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::wall;

/// No expression that fires at all pauses for longer: 29 February falls on one day of the week every 28
/// years, and 40 where a century without a leap day lies between.
const LONGEST_PAUSE_YEARS: i16 = 41;
/// Longest expression, in bytes.
const LONGEST_EXPRESSION: usize = 200;
/// What the fields are, in their order.
const FIELDS: [&str; 5] = [
    "minute",
    "hour",
    "day of the month",
    "month",
    "day of the week",
];

/// A cron expression of five fields.
///
/// The library finds the times that match on a clock that never changes; this type puts them into a zone,
/// so that times in a gap or a fold mean the same as for every other rhythm.
#[derive(Debug, Clone)]
pub(super) struct Cron {
    pattern: croner::Cron,
    /// It names no hours, so it is a pace rather than a time of day.
    hourly: bool,
}

impl Cron {
    /// Reads an expression; the error says what is wrong with it.
    pub(super) fn parse(expression: &str) -> Result<Self, String> {
        if expression.len() > LONGEST_EXPRESSION {
            return Err(format!("it is longer than {LONGEST_EXPRESSION} bytes"));
        }
        let fields: Vec<&str> = expression.split_whitespace().collect();
        match fields.len() {
            1 if expression.contains('@') => {
                let pattern = parse(expression).map_err(|_| "there is no such name".to_owned())?;
                return Ok(Self::of(pattern));
            }
            5 => {}
            6 | 7 => {
                return Err(format!(
                    "it has {} fields, so it may have seconds or years; a minute is the finest",
                    fields.len()
                ));
            }
            count => return Err(format!("it has {count} of 5 fields")),
        }
        for ((index, field), name) in fields.iter().enumerate().zip(FIELDS) {
            let wrong = |reason: &str| Err(format!("the {name}, `{field}`: {reason}"));
            // The library takes nothing for a value.
            if field.split(',').any(str::is_empty) {
                return wrong("there is an empty place in its list");
            }
            // On its own, so that the reason can be told with the field that it is about.
            let mut alone = ["*"; FIELDS.len()];
            if let Some(place) = alone.get_mut(index) {
                *place = field;
            }
            if let Err(reason) = parse(&alone.join(" ")) {
                return wrong(&reason);
            }
        }
        parse(expression).map(Self::of)
    }

    fn of(pattern: croner::Cron) -> Self {
        let hourly = pattern.pattern.hours.values().len() == 24;
        Self { pattern, hourly }
    }

    /// The first instant after `after` at which it fires in `zone`.
    pub(super) fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        if self.hourly {
            return self.next_by_pace(zone, after);
        }
        let start = zone.to_datetime(after);
        let horizon = start.year().saturating_add(LONGEST_PAUSE_YEARS);
        let mut wall = start;
        // In the second pass of a fold, the times that the clock is yet to show have all had their turn.
        loop {
            wall = self.matching(wall, false, horizon)?;
            let at = wall::instant(zone, wall)?;
            if at > after {
                return Some(at);
            }
        }
    }

    /// As the clock shows: in both passes of a fold, and nothing for what a gap skips. Between two changes
    /// of the clock its offset stands still, so it is enough to look at one such stretch after the other.
    fn next_by_pace(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let horizon = zone
            .to_datetime(after)
            .year()
            .saturating_add(LONGEST_PAUSE_YEARS);
        let (mut from, mut inclusive) = (after, false);
        loop {
            let offset = zone.to_offset(from);
            let wall = self.matching(offset.to_datetime(from), inclusive, horizon)?;
            let at = offset.to_timestamp(wall).ok()?;
            match zone.following(from).next() {
                Some(change) if at >= change.timestamp() => {
                    (from, inclusive) = (change.timestamp(), true);
                }
                _ => return Some(at),
            }
        }
    }

    /// The first time on the wall after (or from) `start` that matches, up to the year `horizon`.
    fn matching(&self, start: DateTime, inclusive: bool, horizon: i16) -> Option<DateTime> {
        let start = Wall::new(start, horizon).ok()?;
        let found = self.pattern.find_next_occurrence(&start, inclusive).ok()?;
        Some(found.at)
    }

    /// Seconds that lie at least between two occurrences, changes of the clock aside.
    pub(super) fn shortest_pause(&self) -> u64 {
        let pattern = &self.pattern.pattern;
        let minutes = pattern.minutes.values();
        let of_day: Vec<u64> = pattern
            .hours
            .values()
            .into_iter()
            .flat_map(|hour| {
                minutes
                    .iter()
                    .map(move |m| u64::from(hour) * 60 + u64::from(*m))
            })
            .collect();
        let over_midnight = match (of_day.first(), of_day.last()) {
            (Some(first), Some(last)) => 24 * 60 + first - last,
            _ => 24 * 60,
        };
        let within = of_day.iter().zip(of_day.iter().skip(1)).map(|(a, b)| b - a);
        within.fold(over_midnight, u64::min) * 60
    }
}

fn parse(expression: &str) -> Result<croner::Cron, String> {
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build()
        .parse(expression)
        .map_err(|error| match error {
            CronError::InvalidPattern(text)
            | CronError::IllegalCharacters(text)
            | CronError::ComponentError(text) => text.trim_end_matches('.').to_owned(),
            error => error.to_string(),
        })
}

/// A time on a clock that never changes, as the library asks for it.
#[derive(Debug, Clone)]
struct Wall {
    at: DateTime,
    civil: CivilDateTime,
    /// The last year that is searched.
    horizon: i16,
}

impl Wall {
    fn new(at: DateTime, horizon: i16) -> Result<Self, CronError> {
        let unsigned = |part: i8| u32::try_from(part).map_err(|_| CronError::InvalidDate);
        let civil = CivilDateTime::from_ymd_hms(
            i32::from(at.year()),
            unsigned(at.month())?,
            unsigned(at.day())?,
            unsigned(at.hour())?,
            unsigned(at.minute())?,
            unsigned(at.second())?,
        )?;
        Ok(Self { at, civil, horizon })
    }
}

impl CronDateTime for Wall {
    fn to_civil(&self) -> CivilDateTime {
        self.civil
    }

    fn civil_weekday(&self) -> Weekday {
        match self.at.weekday() {
            jiff::civil::Weekday::Monday => Weekday::Monday,
            jiff::civil::Weekday::Tuesday => Weekday::Tuesday,
            jiff::civil::Weekday::Wednesday => Weekday::Wednesday,
            jiff::civil::Weekday::Thursday => Weekday::Thursday,
            jiff::civil::Weekday::Friday => Weekday::Friday,
            jiff::civil::Weekday::Saturday => Weekday::Saturday,
            jiff::civil::Weekday::Sunday => Weekday::Sunday,
        }
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        if year > self.horizon {
            return Err(CronError::TimeSearchLimitExceeded);
        }
        let signed = |part: u32| i8::try_from(part).map_err(|_| CronError::InvalidDate);
        let at = DateTime::new(
            year,
            signed(civil.month())?,
            signed(civil.day())?,
            signed(civil.hour())?,
            signed(civil.minute())?,
            signed(civil.second())?,
            0,
        )
        .map_err(|_| CronError::InvalidDate)?;
        Ok(Resolution::Single(Self {
            at,
            civil,
            horizon: self.horizon,
        }))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        let at = self
            .at
            .checked_add(SignedDuration::from_secs(seconds))
            .ok()?;
        Self::new(at, self.horizon).ok()
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}
