//! The test harness: a strict Microsoft Graph [`simulator`], a tiny [`scim`] service, and what is tested with them.

pub mod simulator;

pub mod artefacts;
pub mod host;
pub mod scim;
pub mod server;
pub mod versions;
