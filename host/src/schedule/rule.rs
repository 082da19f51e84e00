//! A schedule in its zone, made ready to be asked.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::cron::Cron;
use super::{Rhythm, Schedule, Unit, wall};

/// When a schedule fires. Every question is answered from the instant it asks about, however long ago the
/// schedule began.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    zone: TimeZone,
    /// Nothing fires before.
    first: Timestamp,
    /// Nothing fires after.
    last: Timestamp,
    step: Step,
}

#[derive(Debug, Clone)]
enum Step {
    Never,
    /// At `first` and not again.
    Once,
    /// So many nanoseconds after `first`, again and again.
    Elapsed(i128),
    /// The time of `start` on the wall, `count` units of the calendar later, again and again.
    Calendar {
        start: DateTime,
        count: i64,
        unit: Unit,
    },
    Cron(Box<Cron>),
}

impl Rule {
    /// None where the schedule makes no sense; [`Schedule::check`] says why.
    pub(super) fn of(schedule: &Schedule) -> Option<Self> {
        Self::within(schedule, wall::zone(&schedule.zone)?)
    }

    /// The same for a schedule whose own zone is not asked.
    pub(super) fn within(schedule: &Schedule, zone: TimeZone) -> Option<Self> {
        let (start, end, step) = match &schedule.rhythm {
            Rhythm::Manual {} => (None, None, Step::Never),
            Rhythm::Once { at } => (Some(*at), None, Step::Once),
            Rhythm::Every { count: 0, .. } => return None,
            Rhythm::Every {
                count,
                unit,
                start,
                end,
            } => {
                let step = match unit {
                    Unit::Minutes | Unit::Hours => {
                        Step::Elapsed(i128::from(*count) * i128::from(unit.seconds()) * NANOS)
                    }
                    Unit::Days | Unit::Weeks | Unit::Months => Step::Calendar {
                        start: *start,
                        count: i64::from(*count),
                        unit: *unit,
                    },
                };
                (Some(*start), *end, step)
            }
            Rhythm::Cron {
                expression,
                start,
                end,
            } => {
                let cron = Cron::parse(expression).ok()?;
                (*start, *end, Step::Cron(Box::new(cron)))
            }
        };
        let instant = |wall: Option<DateTime>, otherwise| match wall {
            Some(wall) => wall::instant(&zone, wall),
            None => Some(otherwise),
        };
        Some(Self {
            first: instant(start, Timestamp::MIN)?,
            last: instant(end, Timestamp::MAX)?,
            zone,
            step,
        })
    }

    /// The first occurrence after `after`.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.max(before(self.first));
        let at = match &self.step {
            Step::Never => None,
            Step::Once => Some(self.first).filter(|at| *at > after),
            Step::Elapsed(period) => {
                let first = self.first.as_nanosecond();
                let count = (after.as_nanosecond() - first).div_euclid(*period) + 1;
                Timestamp::from_nanosecond(first + count * period).ok()
            }
            Step::Calendar { start, count, unit } => {
                let passed = unit.passed(*start, self.zone.to_datetime(after)) / count;
                // Two fewer than have passed on the wall, since clocks change by up to a day.
                let mut index = (passed - 2).max(0);
                loop {
                    let at = wall::instant(&self.zone, unit.later(*start, index * count)?)?;
                    if at > after {
                        break Some(at);
                    }
                    index += 1;
                }
            }
            Step::Cron(cron) => cron.next(&self.zone, after),
        };
        at.filter(|at| *at <= self.last)
    }

    /// All occurrences after `after`.
    pub(super) fn occurrences(self, after: Timestamp) -> impl Iterator<Item = Timestamp> + use<> {
        std::iter::successors(self.next(after), move |at| self.next(*at))
    }

    /// The last occurrence after `after` and not after `until`, found by halving what lies between.
    pub(super) fn latest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let up_to = |after| self.next(after).filter(|at| *at <= until);
        let mut found = up_to(after)?;
        // None lies after `bound`.
        let mut bound = until;
        while found < bound {
            let middle = (found.as_nanosecond() + bound.as_nanosecond()).div_euclid(2);
            let middle = Timestamp::from_nanosecond(middle).ok()?;
            match up_to(middle) {
                Some(later) => found = later,
                None => bound = middle,
            }
        }
        Some(found)
    }

    /// Where the schedule begins, to look at it without a clock.
    pub(super) fn beginning(&self) -> Timestamp {
        before(self.first).max(Timestamp::UNIX_EPOCH)
    }
}

const NANOS: i128 = 1_000_000_000;

/// The instant just before another.
pub(super) fn before(at: Timestamp) -> Timestamp {
    Timestamp::from_nanosecond(at.as_nanosecond() - 1).unwrap_or(at)
}

impl Unit {
    /// Seconds of one at least, changes of the clock aside.
    pub(super) const fn seconds(self) -> u64 {
        match self {
            Self::Minutes => 60,
            Self::Hours => 3_600,
            Self::Days => 86_400,
            Self::Weeks => 7 * 86_400,
            Self::Months => 28 * 86_400,
        }
    }

    /// How many have passed on the wall; for months, one more where the day is not yet reached.
    fn passed(self, from: DateTime, to: DateTime) -> i64 {
        match self {
            Self::Months => {
                let months = |wall: DateTime| i64::from(wall.year()) * 12 + i64::from(wall.month());
                months(to) - months(from)
            }
            _ => from.duration_until(to).as_secs() / self.seconds().cast_signed(),
        }
    }

    /// A time on the wall, so many units later. Months end where they end: the 31st is their last day.
    fn later(self, wall: DateTime, count: i64) -> Option<DateTime> {
        let span = Span::new();
        let span = match self {
            Self::Minutes => span.try_minutes(count),
            Self::Hours => span.try_hours(count),
            Self::Days => span.try_days(count),
            Self::Weeks => span.try_weeks(count),
            Self::Months => span.try_months(count),
        };
        wall.checked_add(span.ok()?).ok()
    }
}
