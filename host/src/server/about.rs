//! What can be told of a server: how it is reached, where its things are, and whether it can work.

use serde::Serialize;
use utoipa::ToSchema;

use super::health;
use crate::config::Transport;
use crate::control_plane::{self, ControlPlane};
use crate::directory::DirectoryError;
use crate::plugin::CONTRACT_VERSION;

/// A server. Holds no secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct About {
    /// Version of the program.
    pub(crate) version: &'static str,
    /// Version of the contract that it speaks with plugins.
    pub(crate) contract: &'static str,
    /// Folder of the control database and the installed plugins.
    pub(crate) data_folder: String,
    /// Where it was told to listen.
    pub(crate) listen: String,
    /// The address that browsers are told.
    pub(crate) public_url: Option<String>,
    /// Whether it speaks https itself.
    pub(crate) tls: bool,
    /// Where the vault's key is; never the key.
    pub(crate) vault_key: Option<String>,
    /// What the directory takes up on the disk.
    pub(crate) directory: StoreSize,
    /// What has to work for the server to be ready.
    pub(crate) checks: Vec<Check>,
}

/// What a database takes up.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct StoreSize {
    /// Bytes of the database file.
    pub(crate) database: u64,
    /// Bytes of the log beside it.
    pub(crate) log: u64,
    /// Bytes of the database file that are free for what comes.
    pub(crate) free: u64,
}

/// Whether a part of the server works.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Check {
    /// Which: `control-database`, `directory`, `data-folder`, `plugins` or `running`.
    pub(crate) name: &'static str,
    /// Why it doesn't; absent where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
}

impl About {
    /// Looks at a server.
    pub(crate) async fn of(plane: &ControlPlane) -> Result<Self, DirectoryError> {
        let policy = &plane.config.server;
        let size = plane.directory.store_size().await?;
        let checks = health::checks(plane).await.into_iter();
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            contract: CONTRACT_VERSION,
            data_folder: plane.data_dir.display().to_string(),
            listen: policy.listen.to_string(),
            public_url: policy.public_url.as_ref().map(ToString::to_string),
            tls: matches!(policy.transport(), Ok(Transport::Tls { .. })),
            vault_key: control_plane::key_place(&plane.config.vault).map(|place| place.to_string()),
            directory: StoreSize {
                database: size.database,
                log: size.log,
                free: size.free,
            },
            checks: checks
                .map(|(name, outcome)| Check {
                    name,
                    failure: outcome.err(),
                })
                .collect(),
        })
    }
}
