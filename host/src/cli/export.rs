//! `connector-host export`.

use std::io::{BufWriter, Write};

use clap::{Args, ValueEnum};
use connector_host::directory::{self, Directory, Export as What};
use futures::TryStreamExt;

use super::options::DirectoryOptions;

/// Arguments of the command.
#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    directory: DirectoryOptions,
    /// What to stream.
    #[arg(long, value_enum)]
    what: WhatArgument,
    /// Resolve nested groups: members, and groups of a user's document, through other groups as
    /// well.
    #[arg(long)]
    effective: bool,
    /// How records are written.
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum WhatArgument {
    /// {"id","name","document"}; the document is the user's own part in the target model.
    Users,
    /// {"id","name","document"}; the document is one element of the target model's list of groups.
    Groups,
    /// {"group","member","kind"}.
    Memberships,
    /// Full records in the target model: a user's own with those of its groups.
    Documents,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON document a line.
    Ndjson,
}

impl Export {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let effective = self.effective;
        let what = match self.what {
            WhatArgument::Users => What::Users,
            WhatArgument::Groups => What::Groups,
            WhatArgument::Memberships => What::Memberships { effective },
            WhatArgument::Documents => What::Documents { effective },
        };
        let database = &self.directory.database;
        if !database.contains(':') && !std::path::Path::new(database).exists() {
            anyhow::bail!("there is no database {database}; run a sync first");
        }
        let directory = directory::open(database).await?;
        let written = write(directory.as_ref(), &self.directory.connector, what).await;
        directory.close().await;
        written.map(|()| 0)
    }
}

async fn write(directory: &dyn Directory, connector: &str, what: What) -> anyhow::Result<()> {
    let connector = directory.connector(connector).await?;
    let mut records = directory.export(connector, what);
    let mut out = BufWriter::new(std::io::stdout().lock());
    while let Some(record) = records.try_next().await? {
        writeln!(out, "{record}")?;
    }
    out.flush()?;
    Ok(())
}
