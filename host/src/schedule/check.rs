//! What is wrong with a schedule.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::cron::Cron;
use super::rule::Rule;
use super::{MOST_JITTER, Rhythm, Schedule, Unit, wall};
use crate::contract::Problem;

/// Longest time between two runs, in years.
const LONGEST_PERIOD_YEARS: u64 = 10;
/// Years that a date may have: others are slips of the pen.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2999;

impl Schedule {
    /// Everything that is wrong with it; nothing where it can be kept.
    ///
    /// No clock is asked: a schedule whose time has passed is in order, and has no occurrences any more.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let zone = wall::zone(&self.zone);
        if zone.is_none() {
            problems.push(problem(
                "zone",
                format!("`{}` is no time zone", self.zone),
                suggestion(&self.zone),
            ));
        }
        match &self.rhythm {
            Rhythm::Manual {} => {}
            Rhythm::Once { at } => problems.extend(wrong_date("rhythm.at", *at)),
            Rhythm::Every {
                count,
                unit,
                start,
                end,
            } => {
                problems.extend(wrong_count(*count, *unit));
                problems.extend(wrong_window(Some(*start), *end));
            }
            Rhythm::Cron {
                expression,
                start,
                end,
            } => {
                let window = wrong_window(*start, *end);
                let is_ordered = window.is_empty();
                problems.extend(window);
                match Cron::parse(expression) {
                    Err(reason) => problems.push(problem(
                        "rhythm.expression",
                        format!("`{expression}` can't be read: {reason}"),
                        "Give minute, hour, day of the month, month and day of the week, as in \
                         `0 2 * * 1-5` for 02:00 from Monday to Friday.",
                    )),
                    Ok(_) if is_ordered => problems.extend(self.wrong_silence(zone)),
                    Ok(_) => {}
                }
            }
        }
        problems.extend(self.wrong_jitter());
        problems
    }

    /// A cron expression that never matches.
    fn wrong_silence(&self, zone: Option<TimeZone>) -> Option<Problem> {
        let Rhythm::Cron { expression, .. } = &self.rhythm else {
            return None;
        };
        let zone = zone.unwrap_or(TimeZone::UTC);
        let fires = |rule: Rule| rule.next(rule.beginning()).is_some();
        if Rule::within(self, zone.clone()).is_some_and(fires) {
            return None;
        }
        let unbounded = Self {
            rhythm: Rhythm::Cron {
                expression: expression.clone(),
                start: None,
                end: None,
            },
            ..self.clone()
        };
        Some(if Rule::within(&unbounded, zone).is_some_and(fires) {
            problem(
                "rhythm.expression",
                format!("`{expression}` never fires between start and end"),
                "Give an end that lies later, or an expression that matches in between.",
            )
        } else {
            problem(
                "rhythm.expression",
                format!("`{expression}` never fires: no year has such a day"),
                "Give a day that exists in one of the months.",
            )
        })
    }

    fn wrong_jitter(&self) -> Option<Problem> {
        let jitter = self.jitter_seconds;
        if jitter > MOST_JITTER {
            return Some(problem(
                "jitterSeconds",
                format!("{jitter} seconds are more than a day"),
                format!("Give at most {MOST_JITTER}."),
            ));
        }
        let period = match &self.rhythm {
            Rhythm::Manual {} | Rhythm::Once { .. } => return None,
            Rhythm::Every { count, unit, .. } => u64::from(*count) * unit.seconds(),
            Rhythm::Cron { expression, .. } => Cron::parse(expression).ok()?.shortest_pause(),
        };
        // A count of 0 is a problem of its own.
        (period > 0 && u64::from(jitter) >= period).then(|| {
            problem(
                "jitterSeconds",
                format!("a delay of {jitter} seconds may carry a run beyond the next, {period} seconds later"),
                format!("Give less than {period}; a tenth of it is plenty."),
            )
        })
    }
}

fn wrong_count(count: u32, unit: Unit) -> Option<Problem> {
    let most = LONGEST_PERIOD_YEARS
        * match unit {
            Unit::Months => 12,
            _ => 365 * 86_400 / unit.seconds(),
        };
    match u64::from(count) {
        0 => Some(problem(
            "rhythm.count",
            "it would run all the time".to_owned(),
            "Give at least 1.",
        )),
        count if count > most => Some(problem(
            "rhythm.count",
            format!("more than {LONGEST_PERIOD_YEARS} years would lie between two runs"),
            format!("Give at most {most}."),
        )),
        _ => None,
    }
}

fn wrong_window(start: Option<DateTime>, end: Option<DateTime>) -> Vec<Problem> {
    let dates = [("rhythm.start", start), ("rhythm.end", end)];
    let mut problems: Vec<Problem> = dates
        .into_iter()
        .filter_map(|(path, date)| wrong_date(path, date?))
        .collect();
    if let (Some(start), Some(end)) = (start, end)
        && end < start
    {
        problems.push(problem(
            "rhythm.end",
            format!("the end, {end}, lies before the start, {start}"),
            "Give an end that lies after the start, or none.",
        ));
    }
    problems
}

fn wrong_date(path: &str, date: DateTime) -> Option<Problem> {
    if !YEARS.contains(&date.year()) {
        return Some(problem(
            path,
            format!("the year {} is out of reach", date.year()),
            format!("Give a year from {} to {}.", YEARS.start(), YEARS.end()),
        ));
    }
    (date.subsec_nanosecond() != 0).then(|| {
        problem(
            path,
            format!("{date} has a fraction of a second"),
            "Give whole seconds, as in 2026-11-24T02:00:00.",
        )
    })
}

fn suggestion(zone: &str) -> String {
    match wall::nearest(zone).as_slice() {
        [] => "Give the IANA name of a zone, such as Europe/Berlin, America/New_York or UTC."
            .to_owned(),
        [one] => format!("Did you mean {one}?"),
        [others @ .., last] => format!("Did you mean {} or {last}?", others.join(", ")),
    }
}

fn problem(path: &str, message: String, remedy: impl Into<String>) -> Problem {
    Problem {
        path: path.to_owned(),
        message,
        remedy: remedy.into(),
    }
}
