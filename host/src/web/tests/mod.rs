//! Pages through the whole router.

mod account;
mod audit;
mod frame;
mod plugins;
mod settings;
mod users;
