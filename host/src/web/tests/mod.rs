//! Pages through the whole router.

mod account;
mod audit;
mod connectors;
mod frame;
mod runs;
mod plugins;
mod settings;
mod users;
