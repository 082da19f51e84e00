//! Schedules in words.

use jiff::civil::DateTime;

use super::{Rhythm, Schedule, Unit};

impl Schedule {
    /// What it says in a short English sentence, for pages and tables: `every day at 02:00, Europe/Berlin`.
    /// Of a start only what recurs is said: no clock is asked whether it has passed.
    #[must_use]
    pub fn describe(&self) -> String {
        let zone = &self.zone;
        match &self.rhythm {
            Rhythm::Manual {} => "only when asked".to_owned(),
            Rhythm::Once { at } => format!("once, {}, {zone}", moment(*at)),
            Rhythm::Every {
                count,
                unit,
                start,
                end,
            } => {
                let pace = match (count, unit) {
                    (1, Unit::Weeks) => format!("every {}", day_of_week(*start)),
                    (1, unit) => format!("every {}", unit.singular()),
                    (count, unit) => format!("every {count} {}s", unit.singular()),
                };
                let time = time(*start);
                let pace = match unit {
                    Unit::Minutes | Unit::Hours if end.is_none() => return pace,
                    Unit::Minutes | Unit::Hours => format!("{pace}, {zone}"),
                    Unit::Weeks if *count > 1 => {
                        format!("{pace} on {} at {time}, {zone}", day_of_week(*start))
                    }
                    Unit::Days | Unit::Weeks => format!("{pace} at {time}, {zone}"),
                    Unit::Months => {
                        format!("{pace} {} at {time}, {zone}", day_of_month(start.day()))
                    }
                };
                pace + &until(*end)
            }
            Rhythm::Cron {
                expression,
                start,
                end,
            } => {
                let from = start.map_or_else(String::new, |at| format!(", from {}", moment(at)));
                format!("cron {}, {zone}{from}{}", expression.trim(), until(*end))
            }
        }
    }
}

impl Unit {
    /// One of it, in English.
    const fn singular(self) -> &'static str {
        match self {
            Self::Minutes => "minute",
            Self::Hours => "hour",
            Self::Days => "day",
            Self::Weeks => "week",
            Self::Months => "month",
        }
    }
}

fn until(end: Option<DateTime>) -> String {
    end.map_or_else(String::new, |at| format!(", until {}", moment(at)))
}

fn moment(at: DateTime) -> String {
    format!("{} {}", at.date(), time(at))
}

fn time(at: DateTime) -> String {
    let format = if at.second() == 0 {
        "%H:%M"
    } else {
        "%H:%M:%S"
    };
    at.strftime(format).to_string()
}

fn day_of_week(at: DateTime) -> String {
    at.strftime("%A").to_string()
}

fn day_of_month(day: i8) -> String {
    let ending = match day {
        1 | 21 | 31 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    };
    match day {
        ..=28 => format!("on the {day}{ending}"),
        _ => format!("on the {day}{ending} or last day"),
    }
}
