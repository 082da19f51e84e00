//! Clocks on the wall: which instant it is when one shows a time.

use jiff::civil::{DateTime, Time};
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, tz};
use serde::{Deserialize, Deserializer, de};

/// The zone of an IANA name.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())
}

/// The instant at which a clock in `zone` shows `wall` for the first time. A time that is skipped there is
/// the first instant after the gap. Never decreases as `wall` grows.
pub(super) fn instant(zone: &TimeZone, wall: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall).ok(),
        AmbiguousOffset::Gap { after, .. } => {
            // By the offset that holds after the gap, a time inside it is an instant just before it.
            let just_before = after.to_timestamp(wall).ok()?;
            zone.following(just_before).next().map(|t| t.timestamp())
        }
    }
}

/// An instant as people in `zone` read it: `Tue 2026-11-24 02:00 +01:00 Europe/Berlin`.
pub(super) fn read(zone: &TimeZone, at: Timestamp) -> String {
    let local = at.to_zoned_datetime(zone.clone());
    local.strftime("%a %Y-%m-%d %H:%M %:z %Q").to_string()
}

/// Up to three names of zones that look like `name`, the nearest first.
pub(super) fn nearest(name: &str) -> Vec<String> {
    let name = name.trim().replace(' ', "_").to_lowercase();
    let likeness = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        strsim::jaro_winkler(&name, &candidate)
            .max(strsim::jaro_winkler(place(&name), place(&candidate)))
    };
    let mut near: Vec<(f64, String)> = tz::db()
        .available()
        .filter(|candidate| candidate.as_str().contains('/'))
        .map(|candidate| (likeness(candidate.as_str()), candidate.to_string()))
        .filter(|(likeness, _)| *likeness > 0.88)
        .collect();
    near.sort_by(|(a, first), (b, second)| b.total_cmp(a).then_with(|| first.cmp(second)));
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// The last part of a zone's name.
fn place(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Reads a time on the wall. One that brings an offset or a zone is refused: it would be dropped in silence.
pub(super) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).ok_or_else(|| {
        de::Error::custom(format!(
            "`{text}` is no time on the wall: give one such as 2026-11-24T02:00:00, it is read in the \
             schedule's zone"
        ))
    })
}

/// The same where there may be none.
pub(super) fn time_or_none<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<DateTime>, D::Error> {
    #[derive(Deserialize)]
    struct Given(#[serde(deserialize_with = "time")] DateTime);
    let given = Option::<Given>::deserialize(from)?;
    Ok(given.map(|given| given.0))
}

fn parse(text: &str) -> Option<DateTime> {
    let pieces = Pieces::parse(text).ok()?;
    let is_local = pieces.offset().is_none() && pieces.time_zone_annotation().is_none();
    let time = pieces.time().unwrap_or(Time::midnight());
    is_local.then(|| pieces.date().to_datetime(time))
}
