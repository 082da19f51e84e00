//! `connector-host group export`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use connector_host::run::EXIT_PROCESSED;
use futures::StreamExt;

use super::super::client::Client;
use super::super::output::Output;
use super::super::reach::unreachable;
use super::super::resolve::{self, Objects};
use super::Whose;
use crate::cli::export::WhatArgument;

/// Arguments of the command.
#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    /// Only this group's members, each with its path; a connector's whole directory where absent.
    #[arg(value_name = "NAME|ID")]
    group: Option<String>,
    #[command(flatten)]
    whose: Whose,
    /// What to stream of the directory.
    #[arg(long, value_enum, default_value_t = WhatArgument::Memberships, conflicts_with = "group")]
    what: WhatArgument,
    /// How a group's members are written.
    #[arg(long, value_enum, default_value_t = Format::Ndjson, requires = "group")]
    format: Format,
    /// Through nested groups as well.
    #[arg(long)]
    effective: bool,
    /// Write into this file; to standard output where absent.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON document a line.
    Ndjson,
    /// A table for spreadsheets.
    Csv,
}

impl Export {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let request = if let Some(group) = &self.group {
            let found = Objects::Groups
                .find(client, self.whose.name(), group)
                .await?;
            let path = [
                "connectors",
                &found.connector,
                "groups",
                &found.object.id,
                "export",
            ];
            client.get(&path)?.query(
                "format",
                match self.format {
                    Format::Ndjson => "ndjson",
                    Format::Csv => "csv",
                },
            )
        } else {
            let connector = resolve::connector_or_only(client, self.whose.name()).await?;
            client.get(&["connectors", &connector.id, "export"])?.query(
                "what",
                match self.what {
                    WhatArgument::Users => "users",
                    WhatArgument::Groups => "groups",
                    WhatArgument::Memberships => "memberships",
                    WhatArgument::Documents => "documents",
                },
            )
        };
        let request = request.flag("effective", self.effective);
        let response = request.stream("application/x-ndjson, text/csv").await?;
        let mut pieces = response.bytes_stream();
        let mut file;
        let out: &mut dyn Write = match &self.output {
            Some(path) => {
                file = std::fs::File::create(path)
                    .with_context(|| format!("the file {}", path.display()))?;
                &mut file
            }
            None => &mut output.console.out,
        };
        while let Some(piece) = pieces.next().await {
            // A stream that breaks off is an error, and not a shorter directory.
            let piece = piece.map_err(|error| unreachable(client.server(), &error))?;
            out.write_all(&piece)?;
        }
        out.flush()?;
        Ok(EXIT_PROCESSED)
    }
}
