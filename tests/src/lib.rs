//! The test harness: a strict Microsoft Graph [`simulator`], a tiny [`scim`] service, a [`browser`], and what is tested with them.

pub mod simulator;

pub mod artefacts;
pub mod browser;
pub mod host;
pub mod identity;
pub mod scim;
pub mod server;
pub mod showcase;
pub mod versions;
