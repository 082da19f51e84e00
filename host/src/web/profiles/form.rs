//! The form of a profile: what was filled in as texts, and the profile that it says.

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::sent::Sent;
use crate::api::problem::FieldError;
use crate::catalog::{NewProfile, Profile};
use crate::limits::{Guard, Threshold};
use crate::schedule::{Baseline, Rhythm, Schedule, Unit};

/// When a first run is proposed: at an hour at which few work.
const PROPOSED_HOUR: i8 = 2;

/// What was filled in.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::web) struct ProfileForm {
    pub(in crate::web) name: String,
    pub(in crate::web) description: String,
    pub(in crate::web) active: bool,
    pub(in crate::web) map: String,
    /// Which rhythm: `manual`, `once`, `every` or `cron`.
    pub(in crate::web) kind: String,
    pub(in crate::web) count: String,
    pub(in crate::web) unit: String,
    pub(in crate::web) start: String,
    pub(in crate::web) end: String,
    pub(in crate::web) expression: String,
    pub(in crate::web) zone: String,
    pub(in crate::web) jitter: String,
    pub(in crate::web) baseline: String,
    pub(in crate::web) guard: Vec<GuardRow>,
}

/// Limits for one kind of thing.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::web) struct GuardRow {
    pub(in crate::web) word: &'static str,
    /// In per cent.
    pub(in crate::web) share: String,
    pub(in crate::web) count: String,
}

impl ProfileForm {
    pub(in crate::web) const KINDS: [(&'static str, &'static str); 4] = [
        ("every", "Again and again"),
        ("cron", "By a cron expression"),
        ("once", "Once"),
        ("manual", "Only when asked"),
    ];
    pub(in crate::web) const UNITS: [(&'static str, &'static str); 5] = [
        ("minutes", "minutes"),
        ("hours", "hours"),
        ("days", "days"),
        ("weeks", "weeks"),
        ("months", "months"),
    ];
    pub(in crate::web) const BASELINES: [(&'static str, &'static str); 4] = [
        ("daily", "The first run of each day"),
        ("weekly", "The first run of each week, from Monday"),
        ("monthly", "The first run of each month"),
        ("never", "Only the very first run"),
    ];

    /// A new profile: every day, from tomorrow night on.
    pub(in crate::web) fn proposed(now: Timestamp) -> Self {
        let tomorrow = TimeZone::UTC.to_datetime(now).date().tomorrow();
        let start = tomorrow.map(|day| day.at(PROPOSED_HOUR, 0, 0, 0));
        let schedule = Schedule {
            rhythm: match start {
                Ok(start) => Rhythm::Every {
                    count: 1,
                    unit: Unit::Days,
                    start,
                    end: None,
                },
                Err(_) => Rhythm::Manual {},
            },
            ..Schedule::default()
        };
        Self::of_new(&NewProfile {
            name: "Daily".into(),
            description: String::new(),
            map: None,
            active: true,
            baseline: Baseline::default(),
            schedule,
            guard: Guard::default(),
        })
    }

    /// A profile that was made.
    pub(in crate::web) fn of(profile: &Profile) -> Self {
        Self::of_new(&NewProfile {
            name: profile.name.clone(),
            description: profile.description.clone(),
            map: Some(profile.map.id.clone()),
            active: profile.active,
            baseline: profile.baseline,
            schedule: profile.schedule.clone(),
            guard: profile.guard.clone(),
        })
    }

    /// A profile that is to be made.
    pub(in crate::web) fn of_new(profile: &NewProfile) -> Self {
        let mut form = Self {
            name: profile.name.clone(),
            description: profile.description.clone(),
            active: profile.active,
            map: profile.map.clone().unwrap_or_default(),
            kind: "manual".into(),
            count: "1".into(),
            unit: "days".into(),
            start: String::new(),
            end: String::new(),
            expression: String::new(),
            zone: profile.schedule.zone.clone(),
            jitter: profile.schedule.jitter_seconds.to_string(),
            baseline: word(&profile.baseline),
            guard: rows(&profile.guard),
        };
        match &profile.schedule.rhythm {
            Rhythm::Manual {} => {}
            Rhythm::Once { at } => {
                form.kind = "once".into();
                form.start = wall(Some(*at));
            }
            Rhythm::Every {
                count,
                unit,
                start,
                end,
            } => {
                form.kind = "every".into();
                form.count = count.to_string();
                form.unit = word(unit);
                form.start = wall(Some(*start));
                form.end = wall(*end);
            }
            Rhythm::Cron {
                expression,
                start,
                end,
            } => {
                form.kind = "cron".into();
                form.expression.clone_from(expression);
                form.start = wall(*start);
                form.end = wall(*end);
            }
        }
        form
    }

    /// What was sent.
    pub(in crate::web) fn sent(sent: &Sent) -> Self {
        let text = |name: &str| sent.text(name).to_owned();
        let row = |word: &'static str| GuardRow {
            word,
            share: text(&format!("guard.{word}.share")),
            count: text(&format!("guard.{word}.count")),
        };
        Self {
            name: text("name"),
            description: text("description"),
            active: sent.is_ticked("active"),
            map: text("map"),
            kind: text("schedule.rhythm.kind"),
            count: text("schedule.rhythm.count"),
            unit: text("schedule.rhythm.unit"),
            start: text("schedule.rhythm.start"),
            end: text("schedule.rhythm.end"),
            expression: text("schedule.rhythm.expression"),
            zone: text("schedule.zone"),
            jitter: text("schedule.jitterSeconds"),
            baseline: text("baseline"),
            guard: ["users", "groups", "memberships"].map(row).to_vec(),
        }
    }

    /// Whether times with seconds must be possible: browsers else ask for whole minutes.
    pub(in crate::web) fn has_seconds(&self) -> bool {
        [&self.start, &self.end]
            .into_iter()
            .any(|time| time.len() > "2026-11-24T02:00".len())
    }

    /// The profile that was filled in.
    ///
    /// # Errors
    /// Every field that can't be read, and whatever is wrong with the schedule.
    pub(in crate::web) fn read(&self) -> Result<NewProfile, Vec<FieldError>> {
        let mut errors = Vec::new();
        let schedule = self.schedule(&mut errors);
        let baseline = known("baseline", &self.baseline, &mut errors);
        let guard = self.guard(&mut errors);
        let (Some(schedule), Some(baseline), Some(guard)) = (schedule, baseline, guard) else {
            return Err(errors);
        };
        errors.extend(schedule.check().into_iter().map(|problem| FieldError {
            path: format!("schedule.{}", problem.path),
            ..problem.into()
        }));
        if !errors.is_empty() {
            return Err(beside_fields(errors));
        }
        Ok(NewProfile {
            name: self.name.clone(),
            description: self.description.clone(),
            map: Some(self.map.clone()).filter(|map| !map.is_empty()),
            active: self.active,
            baseline,
            schedule,
            guard,
        })
    }

    fn schedule(&self, errors: &mut Vec<FieldError>) -> Option<Schedule> {
        let rhythm = self.rhythm(errors);
        let jitter = match self.jitter.as_str() {
            "" => Some(0),
            text => number("schedule.jitterSeconds", text, errors),
        };
        Some(Schedule {
            zone: self.zone.clone(),
            rhythm: rhythm?,
            jitter_seconds: jitter?,
        })
    }

    fn rhythm(&self, errors: &mut Vec<FieldError>) -> Option<Rhythm> {
        let mut time = |path: &str, text: &str, is_needed| time(path, text, is_needed, errors);
        match self.kind.as_str() {
            "manual" => Some(Rhythm::Manual {}),
            "once" => Some(Rhythm::Once {
                at: time("schedule.rhythm.start", &self.start, true)??,
            }),
            "every" => {
                let start = time("schedule.rhythm.start", &self.start, true);
                let end = time("schedule.rhythm.end", &self.end, false);
                let count = number("schedule.rhythm.count", &self.count, errors);
                let unit = known("schedule.rhythm.unit", &self.unit, errors);
                Some(Rhythm::Every {
                    count: count?,
                    unit: unit?,
                    start: start??,
                    end: end?,
                })
            }
            "cron" => {
                let start = time("schedule.rhythm.start", &self.start, false);
                let end = time("schedule.rhythm.end", &self.end, false);
                Some(Rhythm::Cron {
                    expression: self.expression.clone(),
                    start: start?,
                    end: end?,
                })
            }
            _ => {
                errors.push(error(
                    "schedule.rhythm.kind",
                    "It isn't said how runs follow each other.",
                    "Choose one of the four.",
                ));
                None
            }
        }
    }

    fn guard(&self, errors: &mut Vec<FieldError>) -> Option<Guard> {
        let mut threshold = |row: &GuardRow| {
            let path = format!("guard.{}.share", row.word);
            let percent: Option<f64> = row.share.parse().ok();
            let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
            if percent.is_none() {
                errors.push(error(
                    &path,
                    "It is no share in per cent.",
                    "Give a number from 0 to 100.",
                ));
            }
            let count = number(&format!("guard.{}.count", row.word), &row.count, errors);
            Some(Threshold {
                share: percent? / 100.0,
                count: count?,
            })
        };
        let found: Vec<Option<Threshold>> = self.guard.iter().map(&mut threshold).collect();
        match found.as_slice() {
            [Some(users), Some(groups), Some(memberships)] => Some(Guard {
                users: *users,
                groups: *groups,
                memberships: *memberships,
            }),
            _ => None,
        }
    }
}

fn rows(guard: &Guard) -> Vec<GuardRow> {
    let row = |word, threshold: &Threshold| GuardRow {
        word,
        // What people write into it comes back as they wrote it.
        share: ((threshold.share * 1e8).round() / 1e6).to_string(),
        count: threshold.count.to_string(),
    };
    vec![
        row("users", &guard.users),
        row("groups", &guard.groups),
        row("memberships", &guard.memberships),
    ]
}

fn error(path: &str, message: &str, remedy: &str) -> FieldError {
    FieldError {
        path: path.into(),
        message: message.into(),
        remedy: remedy.into(),
    }
}

fn number<T: std::str::FromStr>(path: &str, text: &str, errors: &mut Vec<FieldError>) -> Option<T> {
    let number = text.parse().ok();
    if number.is_none() {
        errors.push(error(
            path,
            "It is no whole number.",
            "Give it in digits, without a sign.",
        ));
    }
    number
}

/// A time on the wall, or none; absent where it can't be read.
fn time(
    path: &str,
    text: &str,
    is_needed: bool,
    errors: &mut Vec<FieldError>,
) -> Option<Option<DateTime>> {
    if text.is_empty() && !is_needed {
        return Some(None);
    }
    let time: Option<DateTime> = text.parse().ok();
    if time.is_none() {
        errors.push(error(
            path,
            "It is no date and time.",
            "Give one such as 2026-11-24T02:00.",
        ));
    }
    time.map(Some)
}

/// One of the words that a type knows.
fn known<T: DeserializeOwned>(path: &str, word: &str, errors: &mut Vec<FieldError>) -> Option<T> {
    let value = serde_json::from_value(Value::from(word)).ok();
    if value.is_none() {
        errors.push(error(
            path,
            "It is none of the choices.",
            "Choose one of the list.",
        ));
    }
    value
}

/// The word of a choice.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

fn wall(at: Option<DateTime>) -> String {
    let Some(at) = at else {
        return String::new();
    };
    let format = match at.second() {
        0 => "%Y-%m-%dT%H:%M",
        _ => "%Y-%m-%dT%H:%M:%S",
    };
    at.strftime(format).to_string()
}

/// The same with the fields named as those of the form: a single run has its time in the field of the first.
pub(super) fn beside_fields(mut errors: Vec<FieldError>) -> Vec<FieldError> {
    for error in &mut errors {
        if error.path == "schedule.rhythm.at" {
            error.path = "schedule.rhythm.start".into();
        }
    }
    errors
}

/// Which runs are snapshots, in words.
pub(in crate::web) fn baseline_words(baseline: &Baseline) -> &'static str {
    let own = word(baseline);
    let mut known = ProfileForm::BASELINES.iter();
    let found = known.find(|(word, _)| *word == own);
    found.map_or("", |(_, words)| *words)
}

/// What is held, in words: `users 20 % and 50`.
pub(in crate::web) fn thresholds(guard: &Guard) -> Vec<(&'static str, String)> {
    let rows = rows(guard).into_iter();
    rows.map(|row| (row.word, format!("{} % and {}", row.share, row.count)))
        .collect()
}
