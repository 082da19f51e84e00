//! `connector-host group changes`.

use anyhow::Result;
use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::client::Client;
use super::super::output::{Column, Output};
use super::super::resolve::{self, Objects};
use super::Whose;

/// Arguments of the command.
#[derive(Debug, Args)]
pub(in crate::cli) struct Changes {
    #[command(flatten)]
    whose: Whose,
    /// Only of this group.
    #[arg(long, value_name = "NAME|ID")]
    group: Option<String>,
    /// Only of this user.
    #[arg(long, value_name = "NAME|ID")]
    user: Option<String>,
    /// Only from this time on: a date, an instant, or a time ago such as `2h`.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    since: Option<Timestamp>,
}

const COLUMNS: &[Column] = &[
    Column::time("At", "/when/at"),
    Column::text("What", "/what"),
    Column::text("Member", "/member"),
    Column::text("Kind", "/kind"),
    Column::text("Group", "/group"),
];

impl Changes {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let mut connector = self.whose.name().map(str::to_owned);
        let mut id_of = async |what: Objects, wanted: Option<String>| match wanted {
            Some(wanted) => {
                let found = what.find(client, connector.as_deref(), &wanted).await?;
                connector = Some(found.connector);
                anyhow::Ok(Some(found.object.id))
            }
            None => Ok(None),
        };
        let group = id_of(Objects::Groups, self.group).await?;
        let user = id_of(Objects::Users, self.user).await?;
        let connector = resolve::connector_or_only(client, connector.as_deref()).await?;
        let request = client
            .get(&["connectors", &connector.id, "changes"])?
            .maybe("group", group)
            .maybe("member", user)
            .maybe("since", self.since);
        output.list(request, COLUMNS).await
    }
}

/// A date (its first instant in UTC), an instant, or a time ago.
pub(in crate::cli::remote) fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(date) = text.parse::<Date>() {
        let at = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0));
        return at.map_err(|error| error.to_string());
    }
    let form =
        "write a date (2026-11-24), an instant (2026-11-24T02:00:00Z) or a time ago (2h, 7d)";
    let ago = match text.trim().strip_suffix('d').map(str::parse::<i64>) {
        Some(Ok(days)) => days.checked_mul(24).map(SignedDuration::from_hours),
        _ => text.parse::<SignedDuration>().ok(),
    };
    ago.and_then(|ago| Timestamp::now().checked_sub(ago.abs()).ok())
        .ok_or_else(|| form.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_an_instant_or_so_long_ago() {
        let at = instant("2026-11-24").unwrap();
        assert_eq!(at.to_string(), "2026-11-24T00:00:00Z");
        let at = instant("2026-11-24T02:00:00+01:00").unwrap();
        assert_eq!(at.to_string(), "2026-11-24T01:00:00Z");
        for (text, seconds) in [("2h", 7_200), ("1h 30m", 5_400), ("7d", 604_800)] {
            let ago = Timestamp::now().duration_since(instant(text).unwrap());
            assert!((seconds - 60..=seconds).contains(&ago.as_secs()), "{text}");
        }
        assert!(instant("yesterday").unwrap_err().contains("2h"));
    }
}
