//! `connector-host audit`.

use clap::Args;

use super::Act;
use super::client::Client;
use super::output::{Column, Output};

/// Arguments of the command.
#[derive(Debug, Args)]
pub(in crate::cli) struct Audit {
    /// Only what was done to the thing of this identifier.
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// Only actions that begin with this, such as `connector.`.
    #[arg(long)]
    action: Option<String>,
    /// Only what an actor of this name or identifier did.
    #[arg(long)]
    actor: Option<String>,
}

const COLUMNS: &[Column] = &[
    Column::time("At", "/at"),
    Column::text("Actor", "/actor/name"),
    Column::text("Kind", "/actor/kind"),
    Column::text("Action", "/action"),
    Column::text("Target", "/target/name"),
    Column::text("Address", "/address"),
];

impl Act for Audit {
    async fn act(self, client: &Client, output: &mut Output) -> anyhow::Result<u8> {
        let request = client
            .get(&["audit"])?
            .maybe("target", self.target)
            .maybe("action", self.action)
            .maybe("actor", self.actor);
        output.list(request, COLUMNS).await
    }
}
