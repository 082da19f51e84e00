//! Schedules as people say them.

use connector_host::schedule::{Rhythm, Schedule, Unit};
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// What can be said, for help and errors.
pub(super) const FORMS: &str = "\
Schedules:
  manual                              only when asked
  every 15 minutes                    counted from midnight; also hours, days, weeks, months
  hourly, daily, weekly, monthly      every one of these
  daily at 02:00
  weekly on monday at 02:00           also: every 2 weeks on monday at 02:00
  weekdays at 02:00                   Monday to Friday
  monthly on 31 at 02:00              on the last day of shorter months
  once 2026-11-24 02:00
  cron 0 2 * * 1-5                    minute, hour, day of the month, month, day of the week
Any but `once` may end with `from 2026-11-24` and `until 2027-11-24 02:00`. Times are those of --zone.";

/// The schedule that is said, in a zone, at an instant.
pub(super) fn parse(text: &str, zone: &str, now: Timestamp) -> Result<Schedule, String> {
    let lower = text.trim().to_lowercase();
    let mut words = Words {
        words: lower.split_whitespace().collect(),
    };
    // An unknown zone is for the server to refuse, which knows what looks like it.
    let clock = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let today = clock.to_datetime(now).date();
    let rhythm = words.rhythm(today)?;
    if let Some(left) = words.words.first() {
        return Err(format!("`{left}` is not understood in `{text}`"));
    }
    Ok(Schedule {
        zone: zone.to_owned(),
        rhythm,
        jitter_seconds: 0,
    })
}

struct Words<'t> {
    words: Vec<&'t str>,
}

/// Where a rhythm begins and ends.
struct Window {
    from: Option<DateTime>,
    until: Option<DateTime>,
}

impl<'t> Words<'t> {
    fn rhythm(&mut self, today: Date) -> Result<Rhythm, String> {
        match self.take().unwrap_or_default() {
            "manual" | "never" => Ok(Rhythm::Manual {}),
            "once" => {
                self.skip("at");
                self.skip("on");
                let at = self.moment()?;
                Ok(Rhythm::Once { at })
            }
            "cron" => self.cron(),
            word if word.starts_with('@') => {
                self.words.insert(0, word);
                self.cron()
            }
            "hourly" => self.every(1, Unit::Hours, None, today),
            "daily" => self.every(1, Unit::Days, None, today),
            "weekly" => self.every(1, Unit::Weeks, None, today),
            "monthly" => self.every(1, Unit::Months, None, today),
            "weekdays" => self.weekdays(),
            "every" => self.every_so_many(today),
            "" => Err("say when, such as `daily at 02:00`".into()),
            other => Err(format!("a schedule doesn't begin with `{other}`")),
        }
    }

    fn every_so_many(&mut self, today: Date) -> Result<Rhythm, String> {
        let count = match self.words.first().map(|word| word.parse::<u32>()) {
            Some(Ok(count)) => {
                self.take();
                count
            }
            _ => 1,
        };
        let word = self.take().unwrap_or_default();
        let unit = match word {
            "minute" | "minutes" | "min" => Unit::Minutes,
            "hour" | "hours" => Unit::Hours,
            "day" | "days" => Unit::Days,
            "week" | "weeks" => Unit::Weeks,
            "month" | "months" => Unit::Months,
            "weekday" => return self.weekdays(),
            word => match weekday(word) {
                Some(day) => return self.every(count, Unit::Weeks, Some(day), today),
                None => {
                    return Err(format!(
                        "`{word}` is no unit of time and no day of the week"
                    ));
                }
            },
        };
        self.every(count, unit, None, today)
    }

    fn every(
        &mut self,
        count: u32,
        unit: Unit,
        day: Option<Weekday>,
        today: Date,
    ) -> Result<Rhythm, String> {
        let mut day = day;
        let mut day_of_month = None;
        if self.skip("on") {
            self.skip("the");
            let word = self.take().unwrap_or_default();
            match unit {
                Unit::Weeks => {
                    let found = weekday(word);
                    day = Some(found.ok_or_else(|| format!("`{word}` is no day of the week"))?);
                }
                Unit::Months => {
                    let number =
                        word.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '.');
                    let number = number.parse::<i8>().ok().filter(|n| (1..=31).contains(n));
                    let wrong = || format!("`{word}` is no day of a month");
                    day_of_month = Some(number.ok_or_else(wrong)?);
                }
                _ => return Err("`on` a day goes with weeks and months only".into()),
            }
        }
        let time = self.at()?;
        let window = self.window()?;
        let begin = window.from.map_or(today, DateTime::date);
        let wall = time.or(window.from.map(DateTime::time)).unwrap_or_default();
        let mut date = begin;
        if let Some(day) = day {
            while date.weekday() != day {
                date = date.tomorrow().map_err(|error| error.to_string())?;
            }
        }
        if let Some(day) = day_of_month {
            date = with_day(begin, day, window.from.is_some())
                .ok_or_else(|| "no month has such a day".to_owned())?;
        }
        Ok(Rhythm::Every {
            count,
            unit,
            start: date.to_datetime(wall),
            end: window.until,
        })
    }

    fn weekdays(&mut self) -> Result<Rhythm, String> {
        let time = self.at()?.unwrap_or_default();
        let window = self.window()?;
        Ok(Rhythm::Cron {
            expression: format!("{} {} * * 1-5", time.minute(), time.hour()),
            start: window.from,
            end: window.until,
        })
    }

    fn cron(&mut self) -> Result<Rhythm, String> {
        let window = self
            .words
            .iter()
            .position(|word| matches!(*word, "from" | "until"));
        let after = self.words.split_off(window.unwrap_or(self.words.len()));
        let expression = std::mem::replace(&mut self.words, after).join(" ");
        let window = self.window()?;
        Ok(Rhythm::Cron {
            // Quotes may come along from somewhere else.
            expression: expression.trim_matches(['\'', '"']).to_owned(),
            start: window.from,
            end: window.until,
        })
    }

    /// `from …`, `until …`, in either order.
    fn window(&mut self) -> Result<Window, String> {
        let mut window = Window {
            from: None,
            until: None,
        };
        loop {
            if self.skip("from") {
                window.from = Some(self.moment()?);
            } else if self.skip("until") {
                window.until = Some(self.moment()?);
            } else {
                return Ok(window);
            }
        }
    }

    /// `at HH:MM`.
    fn at(&mut self) -> Result<Option<Time>, String> {
        if !self.skip("at") {
            return Ok(None);
        }
        let word = self.take().unwrap_or_default();
        time(word)
            .map(Some)
            .ok_or_else(|| format!("`{word}` is no time of day; write it as 02:00"))
    }

    /// A date, with a time or without.
    fn moment(&mut self) -> Result<DateTime, String> {
        let word = self.take().unwrap_or_default();
        let wrong = || format!("`{word}` is no date; write it as 2026-11-24 or 2026-11-24T02:00");
        if word.contains('t') {
            return word.to_uppercase().parse().map_err(|_| wrong());
        }
        let date: Date = word.parse().map_err(|_| wrong())?;
        self.skip("at");
        let wall = self.words.first().and_then(|word| time(word));
        if wall.is_some() {
            self.take();
        }
        Ok(date.to_datetime(wall.unwrap_or_default()))
    }

    fn take(&mut self) -> Option<&'t str> {
        (!self.words.is_empty()).then(|| self.words.remove(0))
    }

    fn skip(&mut self, word: &str) -> bool {
        let there = self.words.first() == Some(&word);
        if there {
            self.take();
        }
        there
    }
}

fn time(word: &str) -> Option<Time> {
    let (hour, minute) = word.split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// The nearest date with this day of the month: not before `begin` where it must not be, and else in its month
/// or one before, so that shorter months count from a full one.
fn with_day(begin: Date, day: i8, not_before: bool) -> Option<Date> {
    let step = if not_before { 1 } else { -1 };
    (0..=3_i64).find_map(|months| {
        let month = begin
            .first_of_month()
            .checked_add(Span::new().months(months * step))
            .ok()?;
        let date = Date::new(month.year(), month.month(), day).ok()?;
        (!not_before || date >= begin).then_some(date)
    })
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word.trim_end_matches('s') {
        "monday" | "mon" => Weekday::Monday,
        "tuesday" | "tue" => Weekday::Tuesday,
        "wednesday" | "wed" => Weekday::Wednesday,
        "thursday" | "thu" => Weekday::Thursday,
        "friday" | "fri" => Weekday::Friday,
        "saturday" | "sat" => Weekday::Saturday,
        "sunday" | "sun" => Weekday::Sunday,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a Tuesday in February.
    fn said(text: &str) -> Result<String, String> {
        let now = "2026-02-24T23:30:00Z".parse().unwrap();
        let schedule = parse(text, "Europe/Berlin", now)?;
        assert!(
            schedule.check().is_empty(),
            "{text}: {:?}",
            schedule.check()
        );
        let rhythm = serde_json::to_value(&schedule.rhythm).unwrap();
        let field = |name: &str| {
            rhythm
                .get(name)
                .map(|value| value.to_string().replace('"', ""))
        };
        let fields = ["kind", "count", "unit", "at", "expression", "start", "end"];
        Ok(fields
            .into_iter()
            .filter_map(field)
            .collect::<Vec<_>>()
            .join(" "))
    }

    #[test]
    fn what_people_say_is_a_schedule() {
        // In Berlin it is the 25th already, a Wednesday.
        for (text, meant) in [
            ("manual", "manual"),
            ("every 15 minutes", "every 15 minutes 2026-02-25T00:00:00"),
            ("Every hour", "every 1 hours 2026-02-25T00:00:00"),
            ("hourly", "every 1 hours 2026-02-25T00:00:00"),
            ("daily at 02:00", "every 1 days 2026-02-25T02:00:00"),
            ("every 2 days at 2:05", "every 2 days 2026-02-25T02:05:00"),
            (
                "weekly on monday at 02:00",
                "every 1 weeks 2026-03-02T02:00:00",
            ),
            ("every 2 weeks on wed", "every 2 weeks 2026-02-25T00:00:00"),
            ("every sunday at 23:59", "every 1 weeks 2026-03-01T23:59:00"),
            (
                "monthly on 31 at 02:00",
                "every 1 months 2026-01-31T02:00:00",
            ),
            ("monthly on the 1st", "every 1 months 2026-02-01T00:00:00"),
            (
                "monthly on 31 from 2026-02-10",
                "every 1 months 2026-03-31T00:00:00",
            ),
            ("weekdays at 06:30", "cron 30 6 * * 1-5"),
            ("once 2026-11-24 02:00", "once 2026-11-24T02:00:00"),
            ("once at 2026-11-24T02:00", "once 2026-11-24T02:00:00"),
            ("cron 0 2 * * 1-5", "cron 0 2 * * 1-5"),
            ("@daily", "cron @daily"),
            (
                "cron '0 2 * * *' until 2027-01-01",
                "cron 0 2 * * * 2027-01-01T00:00:00",
            ),
            (
                "daily from 2026-03-01 02:00 until 2026-04-01",
                "every 1 days 2026-03-01T02:00:00 2026-04-01T00:00:00",
            ),
        ] {
            assert_eq!(said(text).as_deref(), Ok(meant), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_word() {
        for (text, word) in [
            ("", "say when"),
            ("tomorrow", "`tomorrow`"),
            ("every 15 fortnights", "`fortnights`"),
            ("daily at noon", "`noon`"),
            ("daily at 25:00", "`25:00`"),
            ("daily on monday", "`on`"),
            ("weekly on 3", "`3`"),
            ("monthly on 32", "`32`"),
            ("daily at 02:00 please", "`please`"),
            ("once soon", "`soon`"),
        ] {
            let error = said(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
