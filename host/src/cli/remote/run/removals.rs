//! `connector-host run removals`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::super::client::Client;
use super::super::output::{Column, Output};
use super::super::text::clean;
use super::One;

/// Arguments of the command.
#[derive(Debug, Args)]
pub(in crate::cli) struct Removals {
    #[command(flatten)]
    one: One,
    /// What of it.
    #[arg(long, value_enum, default_value_t = What::Groups)]
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Users.
    Users,
    /// Groups.
    Groups,
    /// Direct memberships.
    Memberships,
}

const COLUMNS: &[Column] = &[
    Column::made("Name", |removal| named(removal, "object", "name")),
    Column::text("Kind", "/kind"),
    Column::text("Group", "/group"),
    Column::text("Why", "/why"),
    Column::made("Id", |removal| named(removal, "object", "id")),
];

fn named(removal: &Value, member: &str, field: &str) -> String {
    let text = removal.get(member).and_then(|one| one.get(field)?.as_str());
    clean(text.unwrap_or_default())
}

impl Removals {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let id = self.one.id(client).await?;
        let what = match self.what {
            What::Users => "users",
            What::Groups => "groups",
            What::Memberships => "memberships",
        };
        let request = client.get(&["runs", &id, "removals"])?.query("what", what);
        output.list(request, COLUMNS).await
    }
}
