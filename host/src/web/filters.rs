//! How values are shown.
#![allow(
    clippy::unnecessary_wraps,
    clippy::trivially_copy_pass_by_ref,
    clippy::needless_pass_by_value,
    missing_docs,
    unreachable_pub,
    reason = "templates call them like this"
)]

use std::fmt;

use askama::filters::{HtmlSafe, Safe};
use askama::{Result, Values, filter_fn};
use jiff::{SignedDuration, Timestamp};

/// A number with its digits in groups: `12 408` with narrow spaces.
#[filter_fn]
pub fn number(value: impl Count, _: &dyn Values) -> Result<String> {
    Ok(grouped(value))
}

/// Something that is counted. Templates have it by value or behind references, as it comes.
pub trait Count {
    fn count(&self) -> i64;
}

macro_rules! counts {
    ($($kind:ty)+) => {$(
        impl Count for $kind {
            fn count(&self) -> i64 {
                i64::try_from(*self).unwrap_or(i64::MAX)
            }
        }
    )+};
}

counts!(u16 u32 u64 usize i32 i64);

impl<T: Count + ?Sized> Count for &T {
    fn count(&self) -> i64 {
        (**self).count()
    }
}

/// Digits in groups of three, with narrow spaces that don't break.
pub(super) fn grouped(value: impl Count) -> String {
    let value = value.count();
    let digits = value.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    if value < 0 {
        text.push('−');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digits.len() > 4 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun: `1 group`, `12 408 groups`.
pub(super) fn counted(count: impl Count, noun: &str) -> String {
    let plural = if count.count() == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// An instant relative to now, with the exact one on hover: `4 minutes ago`.
#[filter_fn]
pub fn ago(at: &Timestamp, _: &dyn Values, now: &Timestamp) -> Result<Safe<String>> {
    Ok(Safe(relative(*at, *now)))
}

/// The same as a text of HTML.
pub(super) fn relative(at: Timestamp, now: Timestamp) -> String {
    element(at, "relative", &distance(at.duration_since(now)))
}

/// An instant, exactly. A script says it in the zone of whoever looks.
#[filter_fn]
pub fn instant(at: &Timestamp, _: &dyn Values) -> Result<Safe<String>> {
    Ok(Safe(element(*at, "exact", &exact(*at))))
}

/// A `time` element; the script finds it by what it shows.
fn element(at: Timestamp, shows: &str, text: &str) -> String {
    let exact = exact(at);
    format!("<time datetime=\"{at:.0}\" data-shows=\"{shows}\" title=\"{exact}\">{text}</time>")
}

/// `2026-11-24 16:18:24 UTC`.
pub(super) fn exact(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// How far away something is, in words.
fn distance(from_now: SignedDuration) -> String {
    let seconds = from_now.as_secs();
    let far = seconds.unsigned_abs();
    let (count, unit) = match far {
        0..10 => {
            return if seconds > 0 {
                "in a moment"
            } else {
                "just now"
            }
            .into();
        }
        10..60 => (far, "second"),
        60..3_600 => (far / 60, "minute"),
        3_600..86_400 => (far / 3_600, "hour"),
        86_400..2_592_000 => (far / 86_400, "day"),
        2_592_000..31_536_000 => (far / 2_592_000, "month"),
        _ => (far / 31_536_000, "year"),
    };
    let far = counted(count, unit);
    if seconds < 0 {
        format!("{far} ago")
    } else {
        format!("in {far}")
    }
}

/// A length in a drawing.
#[filter_fn]
pub fn fixed(value: impl fmt::Display, _: &dyn Values) -> Result<String> {
    Ok(format!("{value:.1}"))
}

/// Milliseconds as people say them: `40 ms`, `0.9 s`, `3 min 20 s`, `2 h 5 min`.
#[filter_fn]
pub fn took(milliseconds: &u64, _: &dyn Values) -> Result<String> {
    Ok(span(*milliseconds))
}

/// See [`took`].
pub(super) fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    match milliseconds {
        0..100 => format!("{milliseconds} ms"),
        100..60_000 => format!("{seconds}.{} s", milliseconds % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// A long identifier, shortened in its middle; the whole of it is on hover and is what is copied.
#[filter_fn]
pub fn short(id: impl fmt::Display, _: &dyn Values) -> Result<Shortened> {
    Ok(Shortened(id.to_string()))
}

/// See [`short`].
pub struct Shortened(String);

impl HtmlSafe for Shortened {}

impl fmt::Display for Shortened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let characters: Vec<char> = self.0.chars().collect();
        let shown = match characters.as_slice() {
            [head @ .., _, _, _, _] if characters.len() > 13 => {
                let tail: String = characters.iter().skip(characters.len() - 4).collect();
                let head: String = head.iter().take(8).collect();
                format!("{head}…{tail}")
            }
            _ => self.0.clone(),
        };
        let (whole, shown) = (escaped(&self.0), escaped(&shown));
        write!(
            f,
            "<code class=\"id\" title=\"{whole}\" data-copy=\"{whole}\">{shown}</code>"
        )
    }
}

/// A text that is part of HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(character),
        }
    }
    safe
}

/// A text in which what stands between backticks is code, `` `groups` ``, and an https address is a link.
#[filter_fn]
pub fn marked(text: impl fmt::Display, _: &dyn Values) -> Result<Safe<String>> {
    Ok(Safe(between(&text.to_string(), '`', "code", with_links)))
}

/// The same for a step of a guide, in which what stands between asterisks is written on a page.
#[filter_fn]
pub fn guided(text: impl fmt::Display, _: &dyn Values) -> Result<Safe<String>> {
    let plain = |text: &str| between(text, '*', "em", with_links);
    Ok(Safe(between(&text.to_string(), '`', "code", plain)))
}

/// Puts every second part of a text into an element; `plain` makes HTML of the others.
fn between(text: &str, mark: char, element: &str, plain: impl Fn(&str) -> String) -> String {
    let mut parts = text.split(mark);
    let mut html = plain(parts.next().unwrap_or_default());
    while let Some(within) = parts.next() {
        match parts.next() {
            Some(after) => {
                html += &format!("<{element}>{}</{element}>{}", escaped(within), plain(after));
            }
            // A mark without another stands for itself.
            None => html += &format!("{mark}{}", plain(within)),
        }
    }
    html
}

/// A text with its https addresses as links. One with a user's name before the host would pass for another.
fn with_links(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("https://") {
        let (before, from) = rest.split_at(at);
        html += &escaped(before);
        let end = from.find(char::is_whitespace).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        let address = word.trim_end_matches(['.', ',', ';', ':', ')', '\'', '"', '”']);
        let url = url::Url::parse(address).ok();
        let is_honest =
            url.is_some_and(|url| url.username().is_empty() && url.password().is_none());
        let shown = escaped(address);
        if is_honest {
            html += &format!("<a href=\"{shown}\" rel=\"noreferrer\">{shown}</a>");
        } else {
            html += &shown;
        }
        html += &escaped(word.strip_prefix(address).unwrap_or_default());
        rest = after;
    }
    html + &escaped(rest)
}

/// The same with its first letter in upper case, and all others as they are.
#[filter_fn]
pub fn capitalize_first(text: impl fmt::Display, _: &dyn Values) -> Result<String> {
    let text = text.to_string();
    let mut letters = text.chars();
    Ok(match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => text,
    })
}

/// `s` where it is more than one, for a noun behind a number.
#[filter_fn]
pub fn s(count: impl Count, _: &dyn Values) -> Result<&'static str> {
    Ok(if count.count() == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_from_ten_thousand_on() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(9_999), "9999");
        assert_eq!(grouped(12_408), "12\u{202f}408");
        assert_eq!(grouped(-1_234_567), "−1\u{202f}234\u{202f}567");
    }

    #[test]
    fn a_noun_behind_a_number_agrees_with_it() {
        assert_eq!(counted(1, "group"), "1 group");
        assert_eq!(counted(0, "group"), "0 groups");
        assert_eq!(counted(12_408, "group"), "12\u{202f}408 groups");
    }

    #[test]
    fn instants_are_told_by_their_distance() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let said = |seconds| distance(SignedDuration::from_secs(seconds));
        assert_eq!(said(0), "just now");
        assert_eq!(said(5), "in a moment");
        assert_eq!(said(-61), "1 minute ago");
        assert_eq!(said(7_300), "in 2 hours");
        assert_eq!(said(-86_400 * 45), "1 month ago");
        assert_eq!(
            relative(now, now),
            "<time datetime=\"2026-11-24T12:00:00Z\" data-shows=\"relative\" \
             title=\"2026-11-24 12:00:00 UTC\">just now</time>"
        );
    }

    #[test]
    fn what_stands_between_backticks_is_code_and_stays_text() {
        let with_code = |text| between(text, '`', "code", with_links);
        assert_eq!(
            with_code("From `A & b`, <i>"),
            "From <code>A &amp; b</code>, &lt;i&gt;"
        );
        assert_eq!(with_code("an odd ` one"), "an odd ` one");
        assert_eq!(
            with_code("`https://a.example`"),
            "<code>https://a.example</code>"
        );
    }

    #[test]
    fn https_addresses_are_links_and_nothing_else_is() {
        assert_eq!(
            with_links("See https://a.example/x?y=1&z, then <b>."),
            "See <a href=\"https://a.example/x?y=1&amp;z\" rel=\"noreferrer\">https://a.example/x?y=1&amp;z</a>, then &lt;b&gt;."
        );
        for text in [
            "https://a.example@evil.example/",
            "http://a.example",
            "javascript:x",
            "https://",
        ] {
            assert_eq!(with_links(text), text);
        }
        let quoted = with_links("https://a.example/\"onclick=x");
        assert!(!quoted.contains("\"onclick"), "{quoted}");
    }

    #[test]
    fn spans_are_told_in_two_units_at_most() {
        assert_eq!(span(40), "40 ms");
        assert_eq!(span(950), "0.9 s");
        assert_eq!(span(200_000), "3 min 20 s");
        assert_eq!(span(7_500_000), "2 h 5 min");
    }

    #[test]
    fn long_identifiers_keep_their_ends_and_stay_text() {
        let short = Shortened("0b7f2a5e-1111-2222-3333-44445555dead".into()).to_string();
        assert!(short.contains(">0b7f2a5e…dead<"), "{short}");
        let short = Shortened("<i>".into()).to_string();
        assert!(short.contains(">&lt;i&gt;<"), "{short}");
    }
}
