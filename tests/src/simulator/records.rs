//! Plausible users and groups.

use fastrand::Rng;

use super::blob::{Blob, Field};
use super::names::{PLACES, STREETS, TEAMS, TITLES};
use super::schema::Kind;

/// A random GUID of version 4.
pub(crate) fn guid(rng: &mut Rng) -> u128 {
    let random = rng.u128(..);
    random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62
}

/// One of some values; the default of their type where there are none.
pub(crate) fn pick<T: Copy + Default>(rng: &mut Rng, from: &[T]) -> T {
    rng.choice(from).copied().unwrap_or_default()
}

/// Fields of a user for [`Blob::build`], in the order of the schema.
pub(crate) struct NewUser<'a> {
    pub(crate) display: &'a str,
    pub(crate) given: Field<'a>,
    pub(crate) family: Field<'a>,
    pub(crate) mail: Field<'a>,
    pub(crate) upn: &'a str,
    pub(crate) guest: bool,
    pub(crate) number: usize,
}

/// Renders a user with a plausible address, title and language.
pub(crate) fn user_blob(rng: &mut Rng, user: &NewUser<'_>) -> Blob {
    use Field::{Flag, Null, Text, Texts, Unset};
    let place = pick(rng, &PLACES);
    let phone = format!("+1 555 {:07}", user.number % 10_000_000);
    let phones = [phone.as_str()];
    let street = format!("{} {}", rng.u32(1..999), pick(rng, &STREETS));
    let employee = format!("E{:07}", user.number);
    let nick = user.upn.split(['@', '#']).next().unwrap_or_default();
    let created = format!(
        "20{:02}-{:02}-{:02}T08:30:00Z",
        15 + user.number % 10,
        1 + user.number % 12,
        1 + user.number % 28
    );
    let addressed = rng.u8(..100) < 80;
    let or_unset = |keep: bool, field| if keep { field } else { Unset };
    let title = match rng.u8(..100) {
        0..5 => Null,
        5..20 => Unset,
        _ => Text(pick(rng, &TITLES)),
    };
    let language = match rng.u8(..100) {
        0..40 => Text(place.4),
        40..45 => Null,
        _ => Unset,
    };
    Blob::build(
        Kind::User,
        &[
            if user.number.is_multiple_of(3) {
                Texts(&phones)
            } else {
                Unset
            },
            Text(user.display),
            user.given,
            title,
            user.mail,
            or_unset(user.number.is_multiple_of(7), Text(&phone)),
            or_unset(user.number.is_multiple_of(5), Text(place.0)),
            language,
            user.family,
            Text(user.upn),
            Flag(rng.u8(..100) >= 3),
            or_unset(addressed, Text(place.0)),
            or_unset(!user.guest, Text("Contoso")),
            or_unset(addressed, Text(place.3)),
            Text(&created),
            Unset,
            or_unset(!user.guest, Text(pick(rng, &TEAMS))),
            or_unset(!user.guest, Text(&employee)),
            Text(nick),
            or_unset(user.number.is_multiple_of(4), Flag(true)),
            or_unset(addressed, Text(place.2)),
            or_unset(addressed, Text(place.1)),
            or_unset(addressed, Text(&street)),
            or_unset(!user.guest, Text(place.5)),
            Text(if user.guest { "Guest" } else { "Member" }),
        ],
    )
}

/// What sort of group to render.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupSort {
    Security,
    DynamicSecurity,
    MailEnabledSecurity,
    Distribution,
    Unified,
    DynamicUnified,
    HiddenUnified,
}

impl GroupSort {
    pub(crate) fn is_unified(self) -> bool {
        matches!(
            self,
            Self::Unified | Self::DynamicUnified | Self::HiddenUnified
        )
    }

    fn is_dynamic(self) -> bool {
        matches!(self, Self::DynamicSecurity | Self::DynamicUnified)
    }
}

/// Renders a group.
pub(crate) fn group_blob(rng: &mut Rng, number: usize, name: &str, sort: GroupSort) -> Blob {
    use Field::{Flag, Null, Text, Texts, Unset};
    let mailed = sort.is_unified()
        || matches!(
            sort,
            GroupSort::MailEnabledSecurity | GroupSort::Distribution
        );
    let or_unset = |keep: bool, field| if keep { field } else { Unset };
    let nick = format!("group{number}");
    let mail = format!("{nick}@contoso.example");
    let address = format!("SMTP:{mail}");
    let addresses = [address.as_str()];
    let unique = format!("contoso-{nick}");
    let sid = format!(
        "S-1-12-1-{}-{}-{}-{}",
        rng.u32(..),
        rng.u32(..),
        rng.u32(..),
        rng.u32(..)
    );
    let description = format!("Members of {name}");
    let created = format!(
        "20{:02}-{:02}-{:02}T09:00:00Z",
        15 + number % 10,
        1 + number % 12,
        1 + number % 28
    );
    let types: &[&str] = match (sort.is_unified(), sort.is_dynamic()) {
        (true, true) => &["Unified", "DynamicMembership"],
        (true, false) => &["Unified"],
        (false, true) => &["DynamicMembership"],
        (false, false) => &[],
    };
    let synced = sort == GroupSort::Security && number.is_multiple_of(6);
    let rule = "(user.department -eq \"Engineering\")";
    Blob::build(
        Kind::Group,
        &[
            match number % 9 {
                0 => Text("High"),
                1 => Text("Medium"),
                2 => Text("Low"),
                3 => Null,
                _ => Unset,
            },
            Text(&created),
            Unset,
            match rng.u8(..10) {
                0 => Null,
                1..4 => Unset,
                _ => Text(&description),
            },
            Text(name),
            Unset,
            Texts(types),
            or_unset(number % 40 == 1 && sort == GroupSort::Security, Flag(true)),
            or_unset(mailed, Text(&mail)),
            Flag(mailed),
            Text(&nick),
            or_unset(sort.is_dynamic(), Text(rule)),
            or_unset(sort.is_dynamic(), Text("On")),
            or_unset(synced, Text("contoso.local")),
            or_unset(synced, Text("2026-01-05T03:00:00Z")),
            or_unset(synced, Text("CONTOSO")),
            or_unset(synced, Text(&nick)),
            or_unset(synced, Text("S-1-5-21-1004336348-1177238915-682003330-512")),
            or_unset(synced, Flag(true)),
            if mailed { Texts(&addresses) } else { Unset },
            Text(&created),
            Flag(!(sort == GroupSort::Distribution || sort.is_unified())),
            Text(&sid),
            match sort {
                GroupSort::HiddenUnified => Text("HiddenMembership"),
                GroupSort::Unified | GroupSort::DynamicUnified => {
                    Text(if number.is_multiple_of(2) {
                        "Public"
                    } else {
                        "Private"
                    })
                }
                _ => Unset,
            },
            or_unset(number.is_multiple_of(4), Text(&unique)),
        ],
    )
}
