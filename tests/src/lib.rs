//! The test harness: a strict Microsoft Graph [`simulator`] and what is tested with it.

pub mod simulator;

pub mod artefacts;
pub mod host;
pub mod versions;
