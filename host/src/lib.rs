//! Runs directory connectors that are WebAssembly components.
//!
//! A *connector* brings users, groups and memberships of a source into a platform's directory. It is a
//! plugin behind the contract in `wit/`; this library loads it, sandboxes it, gives it the network
//! through a policy, holds its secrets, and stores what it emits.
//!
//! ```no_run
//! use std::sync::Arc;
//! use connector_host::{directory, egress, limits, plugin, run, settings};
//!
//! # async fn example() -> anyhow::Result<()> {
//! let engine = plugin::Engine::new(limits::Limits::default(), None)?;
//! let plugin = plugin::Plugin::load(&engine, "connector.wasm".as_ref()).await?;
//! let settings = std::fs::read_to_string("settings.json")?;
//! let settings = settings::Settings::split(&settings, Default::default(), plugin.description())
//!     .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
//! let directory = Arc::from(directory::open("directory.sqlite").await?);
//! let egress = egress::Egress::new(egress::NetworkOptions::default())?;
//! let job = run::Job {
//!     connector: "contoso".into(),
//!     map: plugin.description().maps[0].clone(),
//!     plugin,
//!     settings,
//!     links: Vec::new(),
//!     mode: run::WantedMode::Auto,
//!     allow_mass_change: false,
//!     guard: limits::Guard::default(),
//!     patience: limits::Patience::default(),
//! };
//! let report = run::run(&job, &directory, &egress, &Arc::default()).await?;
//! println!("{:?}: {} users", report.state, report.tally.users.seen);
//! # Ok(())
//! # }
//! ```

pub mod access;
pub mod api;
pub mod audit;
pub mod backup;
pub mod catalog;
mod causes;
pub mod clock;
pub mod config;
pub mod contract;
pub mod control_plane;
pub mod database;
pub mod directory;
pub mod egress;
pub mod journal;
pub mod limits;
pub mod lock;
pub mod metrics;
pub mod plugin;
pub mod run;
pub mod schedule;
pub mod server;
pub mod settings;
pub mod telemetry;
pub mod vault;
mod web;
pub mod work;
